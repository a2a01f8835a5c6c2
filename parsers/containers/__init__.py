"""Folders, archives and compressed files as one sequence of sources; nothing is extracted, followed or written."""
