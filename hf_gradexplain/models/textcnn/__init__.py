"""TextCNN: convolutions of several widths over the word embeddings, a maximum over time, and a linear layer."""
