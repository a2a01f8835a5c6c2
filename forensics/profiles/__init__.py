"""The profiles that are shipped: product knowledge as TOML, one file each, read by `forensics.profile`."""
