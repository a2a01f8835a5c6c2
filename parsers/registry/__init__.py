"""The Windows registry: hives and exports, as one shape of value."""
