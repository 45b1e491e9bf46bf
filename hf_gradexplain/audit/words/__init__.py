"""Find the words that a model associates with each class, from the documents of a run."""
