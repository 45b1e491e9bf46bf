"""Two runs over the same texts compared: predictions, faithfulness, and what the explanations say."""
