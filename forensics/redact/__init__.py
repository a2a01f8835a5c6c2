"""Pseudonyms in place of names: which names evidence shows, a case without them, and the proof that none is left."""
