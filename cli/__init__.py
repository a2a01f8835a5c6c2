"""The command line of ccrf: the only package that prints, prompts or ends the program."""
