"""Configuration of the FastText classifier."""

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig


@strict
class FastTextConfig(PreTrainedConfig):
    """Sizes and regularisation of a `FastTextForSequenceClassification`.

    Attributes:
        vocab_size: Number `V` of rows of the embedding table.
        hidden_size: Width `D` of the word embeddings.
        pad_token_id: Id of the padding token; its embedding is zero and stays zero.
        initializer_range: Standard deviation of the normal distribution that initialises the embeddings.
        word_dropout: Probability, in training only, of zeroing the whole embedding of a token.
        embedding_dropout: Probability, in training only, of zeroing one component of an embedding.
        classifier_dropout: Probability, in training only, of zeroing one component of the text's vector.
    """

    model_type = "fasttext"

    vocab_size: int = 30_000
    hidden_size: int = 100
    pad_token_id: int | None = 0
    initializer_range: float = 0.1
    word_dropout: float | int = 0.0
    embedding_dropout: float | int = 0.0
    classifier_dropout: float | int = 0.0


__all__ = ["FastTextConfig"]
