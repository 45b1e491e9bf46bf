"""Call the user's tokenizer without changing its settings."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from transformers import BatchEncoding, PreTrainedTokenizerBase

from hf_gradexplain.errors import one_line, translate_errors
from hf_gradexplain.threads import lock_of

_LOG = logging.getLogger("transformers.tokenization_python")

_SET = ("max_length", "truncation", "truncation_side")
"""The arguments that `tokenize` sets itself."""


def side_of(tokenizer: PreTrainedTokenizerBase, kwargs: Mapping[str, Any]) -> str:
    """Return the side where texts are truncated: that of the arguments, else the user's setting of the tokenizer.

    If another thread has changed the setting for its own texts, the call waits until it is restored.
    """
    with lock_of(tokenizer):
        side: str = kwargs.get("truncation_side", tokenizer.truncation_side)
    return side


def tokenize(
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[tuple[str, ...]],
    limit: int | None,
    side: str,
    kwargs: Mapping[str, Any],
) -> BatchEncoding:
    """Return what a tokenizer gives for texts and pairs.

    Args:
        tokenizer: The tokenizer.
        texts: Tuples of one text, or of both texts of a pair.
        limit: The largest number of tokens; None for no limit.
        side: The side where texts are truncated, see `side_of`.
        kwargs: Other arguments of the tokenizer. `max_length` and `truncation_side` are ignored. `truncation` is used
            if there is a limit.

    Raises:
        GradexplainError: The tokenizer fails.
    """
    with restored_settings(tokenizer, side), without_overflow_note(), translate_errors(_tokenizer_failed, Exception):
        return tokenizer(
            [each if len(each) > 1 else each[0] for each in texts],
            truncation=kwargs.get("truncation", True) if limit is not None else False,
            max_length=limit,
            return_overflowing_tokens=False,
            return_special_tokens_mask=True,
            verbose=False,
            **{name: value for name, value in kwargs.items() if name not in _SET},
        )


def _tokenizer_failed(error: BaseException) -> str:
    """Return the message for an error of a tokenizer.

    When a tokenizer written in Rust panics, Rust itself writes some lines to stderr, and these lines remain visible.
    Python could only hide them by redirecting the file descriptor of stderr during each call of a tokenizer. But the
    descriptor belongs to the whole process: progress bars would find no terminal, the report of a crash would be lost,
    and a process that another thread starts during the call would keep the redirected descriptor.
    """
    return (
        f"the tokenizer fails on these texts ({type(error).__name__}: {one_line(error, 200)}): load the tokenizer that "
        "the model was trained with, or repair its files"
    )


@contextmanager
def without_overflow_note() -> Iterator[None]:
    """Within the block, transformers does not log for each truncated pair that overflowing tokens are not returned."""

    def is_other(record: logging.LogRecord) -> bool:
        return "overflowing tokens are not returned" not in record.getMessage()

    _LOG.addFilter(is_other)
    try:
        yield
    finally:
        _LOG.removeFilter(is_other)


@contextmanager
def restored_settings(tokenizer: PreTrainedTokenizerBase, truncation_side: str) -> Iterator[None]:
    """Truncate texts on this side within the block; after it, restore settings that calls of a tokenizer overwrite.

    Other threads that enter such a block with the same tokenizer wait for the end of this one.
    """
    with lock_of(tokenizer):
        side, tokenizer.truncation_side = tokenizer.truncation_side, truncation_side
        backend = tokenizer.backend_tokenizer if tokenizer.is_fast else None
        truncation, padding = (backend.truncation, backend.padding) if backend else (None, None)
        try:
            yield
        finally:
            tokenizer.truncation_side = side
            if backend is not None:
                backend.no_truncation() if truncation is None else backend.enable_truncation(**truncation)
                backend.no_padding() if padding is None else backend.enable_padding(**padding)
