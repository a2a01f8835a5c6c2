"""Whose clock was off by how much, and since when: times of every node on one clock."""
