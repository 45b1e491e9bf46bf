"""BiLSTM: an LSTM in both directions over the word embeddings, pooling of its states, and a linear layer."""
