"""Records to conclusions: the case file, and every analysis over it.

Imports `parsers`, never `cli`: nothing below this package prints, prompts or exits. What goes wrong is raised as one of
`forensics.errors`; what is wrong with the evidence is data (`parsers.problems.Problem`) and stays in the case.
"""

# Read by the build without an import; asking the installed metadata for it takes 50 ms of every command.
__version__ = "0.1.0"
