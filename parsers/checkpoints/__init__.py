"""Listings of checkpoints, as `cluster res /check` and `Get-ClusterCheckpoint` print them."""
