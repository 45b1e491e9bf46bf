"""What the command line and the recipes run, and the arguments they take."""
