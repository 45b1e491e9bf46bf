"""Compare two runs over the same texts: predictions, faithfulness and explanations."""
