"""Evidence into a case: sources, kinds, readers, rows."""
