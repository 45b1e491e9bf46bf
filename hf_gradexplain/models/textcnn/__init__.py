"""TextCNN: convolutions of several widths over the word embeddings, the maximum over time, a linear layer."""

from .configuration_textcnn import TextCNNConfig
from .modeling_textcnn import TextCNNForSequenceClassification

__all__ = ["TextCNNConfig", "TextCNNForSequenceClassification"]
