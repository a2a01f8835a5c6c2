"""Listings of files: what lay where, how large and when changed, without the contents."""
