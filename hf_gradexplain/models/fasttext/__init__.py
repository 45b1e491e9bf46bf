"""FastText: the mean of the word embeddings, then a linear layer."""

from .configuration_fasttext import FastTextConfig
from .modeling_fasttext import FastTextForSequenceClassification

__all__ = ["FastTextConfig", "FastTextForSequenceClassification"]
