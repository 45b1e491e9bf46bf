"""The words that a model takes for each class, over the documents of a run."""
