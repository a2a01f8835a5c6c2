"""Records to conclusions: the case file, and every analysis over it.

Imports `parsers`, never `cli`: nothing below this package prints, prompts or exits. What goes wrong is raised as one of
`forensics.errors`; what is wrong with the evidence is data (`parsers.problems.Problem`) and stays in the case.
"""
