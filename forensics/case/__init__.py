"""The case: one SQLite file that is enough by itself, and what is kept, searched and verified in it."""
