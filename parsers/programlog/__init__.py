"""ProgramLog.txt, the log of the product under investigation."""
