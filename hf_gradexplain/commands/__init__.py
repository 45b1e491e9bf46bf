"""The functions that the command line and the recipes run, and their arguments."""
