"""What the recipes run: from a dataclass of arguments to a finished folder."""
