"""The script that collects evidence on a node."""
