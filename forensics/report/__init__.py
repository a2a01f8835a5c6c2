"""The report: everything that a case says, gathered once and rendered as one self-contained page."""
