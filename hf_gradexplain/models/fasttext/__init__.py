"""FastText: the mean of the word embeddings, then a linear layer."""
