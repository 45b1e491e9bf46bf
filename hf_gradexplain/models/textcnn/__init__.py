"""TextCNN: convolutions of several widths over the word embeddings, the maximum over time, a linear layer."""
