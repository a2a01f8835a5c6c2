"""The vendor's guidelines, each held against the evidence: kept, violated, not applicable, or not known."""
