"""Configuration of the TextCNN classifier."""

from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig


@strict
class TextCNNConfig(PreTrainedConfig):
    """Sizes and regularisation of a `TextCNNForSequenceClassification`.

    Attributes:
        vocab_size: Number `V` of rows of the embedding table.
        hidden_size: Width `D` of the word embeddings.
        filter_widths: Widths of the filters, in tokens: one convolution per width.
        num_filters: Number of filters (feature maps) per width.
        pad_token_id: Id of the padding token; its embedding is zero and stays zero.
        initializer_range: Standard deviation of the normal distribution that initialises the embeddings.
        word_dropout: Probability, in training only, of zeroing the whole embedding of a token.
        embedding_dropout: Probability, in training only, of zeroing one component of an embedding.
        classifier_dropout: Probability, in training only, of zeroing one feature before the last layer.

    Raises:
        ValueError: `filter_widths` is empty or contains a width below 1.
    """

    model_type = "textcnn"

    vocab_size: int = 30_000
    hidden_size: int = 300
    filter_widths: list[int] | tuple[int, ...] = (3, 4, 5)
    num_filters: int = 100
    pad_token_id: int | None = 0
    initializer_range: float = 0.1
    word_dropout: float | int = 0.0
    embedding_dropout: float | int = 0.0
    classifier_dropout: float | int = 0.5

    def __post_init__(self, **kwargs: Any) -> None:
        self.filter_widths = list(self.filter_widths)  # the type that JSON gives back
        super().__post_init__(**kwargs)

    def validate_filter_widths(self) -> None:
        """Check that there is at least one width and that all are 1 or more."""
        if not self.filter_widths or min(self.filter_widths) < 1:
            raise ValueError(f"filter_widths must list at least one width, each 1 or more; got {self.filter_widths}.")


__all__ = ["TextCNNConfig"]
