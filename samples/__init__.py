"""Synthetic evidence: builders of event logs, and a simulation of two-node CCR incidents.

Nothing here imports `parsers`, `forensics` or the profile, and nothing of them imports this: the simulation and the
analysis are written from the same documents, but apart, so that a mistake in one is not a mistake in both.
"""
