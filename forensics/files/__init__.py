"""Replicated files: their versions, where they lie, which were backed up when, and what became of each content."""
