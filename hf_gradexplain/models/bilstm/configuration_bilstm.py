"""Configuration of the BiLSTM classifier."""

from typing import Literal

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig


@strict
class BiLSTMConfig(PreTrainedConfig):
    """Sizes and regularisation of a `BiLSTMForSequenceClassification`.

    Attributes:
        vocab_size: Number `V` of rows of the embedding table.
        hidden_size: Width `D` of the word embeddings.
        lstm_size: Width `H` of the state of each direction.
        num_hidden_layers: Number of stacked LSTM layers.
        pooling: How the states of the last layer are pooled into one vector: `"last"` (the final state of each
            direction), `"max"` or `"mean"` (over the real tokens).
        pad_token_id: Id of the padding token; its embedding is zero and stays zero.
        initializer_range: Standard deviation of the normal distribution that initialises the embeddings.
        word_dropout: Probability, in training only, of zeroing the whole embedding of a token.
        embedding_dropout: Probability, in training only, of zeroing one component of an embedding.
        classifier_dropout: Probability, in training only, of zeroing one component of the text's vector.
    """

    model_type = "bilstm"

    vocab_size: int = 30_000
    hidden_size: int = 100
    lstm_size: int = 128
    num_hidden_layers: int = 1
    pooling: Literal["last", "max", "mean"] = "max"
    pad_token_id: int | None = 0
    initializer_range: float = 0.1
    word_dropout: float | int = 0.0
    embedding_dropout: float | int = 0.0
    classifier_dropout: float | int = 0.5


__all__ = ["BiLSTMConfig"]
