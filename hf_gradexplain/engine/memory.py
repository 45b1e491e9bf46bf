"""Check that a very long text fits into the memory before it is scored."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from hf_gradexplain.classifier.state import device_of
from hf_gradexplain.errors import TextError
from hf_gradexplain.loading.precision import free_memory
from hf_gradexplain.text.data import Document

LONG = 100_000
"""Texts with fewer tokens are not checked."""

_COPIES = {True: 8, False: 2}
"""How many times the word vectors of a text are held at once, with and without gradients: this is measured on FastText;
models with layers need more."""


def check_memory(documents: Sequence[Document], model: nn.Module, *, gradients: bool) -> None:
    """Check that the word vectors of each text, and what is computed from them, fit into the free memory of a CPU.

    When the memory of a CPU runs out, Linux ends the process without an error; on a GPU there is one. A text needs
    about `4 T D c` bytes, with `T` tokens, `D` dims, and `c` 8 with gradients and 2 without.

    Raises:
        TextError: A text does not fit.
    """
    number = max(range(len(documents)), key=lambda i: len(documents[i]), default=None)
    device, embedding = device_of(model), _embedding(model)
    if number is None or embedding is None or device.type != "cpu" or (tokens := len(documents[number])) < LONG:
        return
    per_token, free = 4 * embedding.shape[-1] * _COPIES[gradients], free_memory(device)
    if tokens * per_token > free:
        shorter = f", or give tokenizer_kwargs={{'max_length': {_round(free / per_token / 2)}}}"
        raise TextError(
            f"{f'text {number}' if len(documents) > 1 else 'the text'} has {tokens:,} tokens, which need about "
            f"{tokens * per_token / 1e9:.0f} GB of memory, but {free / 1e9:.0f} GB are free: cut it"
            f"{'' if documents[number].windows else shorter}"
        )


def _embedding(model: nn.Module) -> Any:
    """Return the vectors of the words, or None if the model does not say which they are."""
    try:
        return model.get_input_embeddings().weight  # type: ignore[operator]
    except (AttributeError, NotImplementedError):
        return None


def _round(number: float) -> int:
    """Return a number rounded to one digit, at least 1."""
    return max(1, int(float(f"{number:.0e}")))
