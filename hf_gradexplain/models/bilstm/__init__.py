"""BiLSTM: an LSTM in both directions over the word embeddings, pooling over its states, a linear layer."""

from .configuration_bilstm import BiLSTMConfig
from .modeling_bilstm import BiLSTMForSequenceClassification

__all__ = ["BiLSTMConfig", "BiLSTMForSequenceClassification"]
