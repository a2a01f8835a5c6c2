"""Put a backup set back, so that nothing can end worse than it began: docs/restore.md."""
