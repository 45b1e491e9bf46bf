"""BiLSTM: an LSTM in both directions over the word embeddings, pooling over its states, a linear layer."""
