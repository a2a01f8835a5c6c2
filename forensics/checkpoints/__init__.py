"""Registry checkpoints of cluster resources: found in the evidence, and held against where the product is."""
