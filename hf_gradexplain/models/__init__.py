"""FastText, TextCNN and BiLSTM as models of the Auto classes, and their word-level tokenizer.

Importing this package registers the three with `AutoConfig` and `AutoModelForSequenceClassification`.
"""

from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedConfig, PreTrainedModel

from hf_gradexplain.models.bilstm import BiLSTMConfig, BiLSTMForSequenceClassification
from hf_gradexplain.models.fasttext import FastTextConfig, FastTextForSequenceClassification
from hf_gradexplain.models.textcnn import TextCNNConfig, TextCNNForSequenceClassification
from hf_gradexplain.models.tokenization import load_word_vectors, train_word_tokenizer

MODELS: dict[type[PreTrainedConfig], type[PreTrainedModel]] = {
    FastTextConfig: FastTextForSequenceClassification,
    TextCNNConfig: TextCNNForSequenceClassification,
    BiLSTMConfig: BiLSTMForSequenceClassification,
}

for config_class, model_class in MODELS.items():
    AutoConfig.register(config_class.model_type, config_class)
    AutoModelForSequenceClassification.register(config_class, model_class)

__all__ = [
    "MODELS",
    "BiLSTMConfig",
    "BiLSTMForSequenceClassification",
    "FastTextConfig",
    "FastTextForSequenceClassification",
    "TextCNNConfig",
    "TextCNNForSequenceClassification",
    "load_word_vectors",
    "train_word_tokenizer",
]
