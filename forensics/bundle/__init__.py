"""Evidence bundles: what a support ticket gets, made the same way each time, and checked by whoever gets it."""
