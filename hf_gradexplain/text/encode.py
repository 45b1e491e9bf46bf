"""Encode texts as documents, and collate documents into batches."""

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor
from transformers import BatchEncoding, PreTrainedTokenizerBase

from hf_gradexplain.errors import GradexplainError, choose, one_line, translate_errors
from hf_gradexplain.options import UnitName
from hf_gradexplain.text.alignment import Tokens, from_encoding, strip_span
from hf_gradexplain.text.data import NO_UNIT, PREDICTED, Batch, Document, Unit, Units
from hf_gradexplain.text.python_tokenizers import from_alignment
from hf_gradexplain.text.scripts import is_spaceless
from hf_gradexplain.values import as_list

Text = str | tuple[str, str]

_PAIR_SEPARATOR = "\n"


@dataclass(frozen=True, eq=False)
class Encoder:
    """Encodes texts as documents.

    Args:
        tokenizer: The model's tokenizer.
        max_length: Largest number of tokens, special tokens included; longer texts are truncated. None for no limit.
        unit: What gets one score: `token`, `word` (one occurrence) or `word_type` (all occurrences in the text).
        filler: Token id used for a text without any token, because a model needs at least one.
        kwargs: Arguments of the tokenizer, see `hf_gradexplain.tokenizer_kwargs`.

    Raises:
        GradexplainError: The unit is unknown, or `kwargs` ask for more tokens than `max_length` or have no length to
            pad to.
    """

    tokenizer: PreTrainedTokenizerBase
    max_length: int | None
    unit: UnitName
    filler: int = 0
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        choose("unit", self.unit, get_args(UnitName))
        asked = self.kwargs.get("max_length")
        if asked and self.max_length is not None and asked > self.max_length:
            raise GradexplainError(
                f"tokenizer_kwargs: max_length is {asked}, but the model reads at most {self.max_length} tokens"
            )
        if "padding" in self.kwargs and not (asked or self.max_length):
            raise GradexplainError("tokenizer_kwargs: padding=max_length needs a max_length: give one, such as 512")

    @property
    def _limit(self) -> int | None:
        """The largest number of tokens, for the model and by the arguments."""
        return self.kwargs.get("max_length", self.max_length)

    def __call__(self, texts: Sequence[Text]) -> list[Document]:
        """Encode texts and text pairs.

        Lone surrogates, which tokenizers refuse, become U+FFFD.

        Raises:
            GradexplainError: A text is neither a str nor a tuple of two, or the tokenizer fails.
        """
        if not texts:
            return []
        parts = [text_parts(text) for text in texts]
        side = self.kwargs.get("truncation_side", self.tokenizer.truncation_side)
        with _restore_settings(self.tokenizer, side), translate_errors(_tokenizer_failed, Exception):
            encoded = self.tokenizer(
                [each if len(each) > 1 else each[0] for each in parts],
                truncation=self._limit is not None,
                max_length=self._limit,
                return_overflowing_tokens=False,
                return_special_tokens_mask=True,
                verbose=False,
                **{name: value for name, value in self.kwargs.items() if name not in ("max_length", "truncation_side")},
            )
        if self.kwargs.get("add_special_tokens", True):
            _warn_of_second_start(self.tokenizer, parts, encoded)
        return [self._document(each, encoded, i) for i, each in enumerate(parts)]

    def _document(self, texts: tuple[str, ...], encoded: BatchEncoding, i: int) -> Document:
        text = _PAIR_SEPARATOR.join(texts)
        tokens = self._tokens(texts, encoded, i)
        inputs = {name: tuple(encoded[name][i]) for name in encoded if name in self.tokenizer.model_input_names}
        units, unit_of = _units(text, self._groups(text, tokens), tokens)
        unit_of_row, row_of = _rows(unit_of, tokens.ids)
        if not tokens.ids:
            unit_of, row_of = [NO_UNIT], np.array([NO_UNIT])
            inputs = {name: (self.filler if name == "input_ids" else 0,) for name in inputs}
        pair_start = len(texts[0]) + len(_PAIR_SEPARATOR) if len(texts) > 1 else None
        return Document(text, units, inputs, np.array(unit_of), row_of, unit_of_row, tokens.truncated_at, pair_start)

    def _tokens(self, texts: tuple[str, ...], encoded: BatchEncoding, i: int) -> Tokens:
        starts = (0, len(texts[0]) + len(_PAIR_SEPARATOR))[: len(texts)]
        if encoded.encodings:
            return from_encoding(encoded.encodings[i], _PAIR_SEPARATOR.join(texts), starts)
        ids, special = encoded["input_ids"][i], encoded["special_tokens_mask"][i]
        truncated = self._limit is not None and len(ids) >= self._limit
        return from_alignment(self.tokenizer, ids, special, texts, starts, truncated=truncated)

    def _groups(self, text: str, tokens: Tokens) -> "list[_Group]":
        """Return the occurrences of each unit, units in the order of their first occurrence."""
        unknown = self.tokenizer.unk_token_id
        groups: dict[object, _Group] = {}
        for word in tokens.group_words(text, by_token=self.unit == "token"):
            span = strip_span(text, tokens.spans[word[0]][0], tokens.spans[word[-1]][1])
            key: object = word[0]
            if self.unit == "word_type":
                ids = tuple([tokens.ids[t] for t in word])
                key = ids, text[slice(*span)] if unknown in ids else None
            groups.setdefault(key, []).append((word, span))
        return list(groups.values())


def _tokenizer_failed(error: BaseException) -> str:
    return (
        f"the tokenizer fails on these texts ({type(error).__name__}: {one_line(error, 200)}): load the tokenizer that "
        "the model was trained with, or repair its files"
    )


def _warn_of_second_start(
    tokenizer: PreTrainedTokenizerBase, parts: Sequence[tuple[str, ...]], encoded: BatchEncoding
) -> None:
    """Warn of a text that begins with the token that the tokenizer puts before it as well."""
    start, mark = tokenizer.bos_token_id, tokenizer.bos_token
    for i, (first, *_) in enumerate(parts):
        if mark and first.startswith(mark) and list(encoded["input_ids"][i])[:2] == [start, start]:
            warnings.warn(
                f"text {i} begins with {mark!r}, which the tokenizer adds as well: if texts have their special tokens "
                "already, give tokenizer_kwargs={'add_special_tokens': False}",
                stacklevel=6,
            )
            return


@contextmanager
def _restore_settings(tokenizer: PreTrainedTokenizerBase, truncation_side: str) -> Iterator[None]:
    """Within the block, texts are cut on this side; then restore what calls of a tokenizer overwrite permanently."""
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


_Group = list[tuple[list[int], tuple[int, int]]]
"""The occurrences of one unit: the positions of the tokens of each, and its span."""


def text_parts(text: Text) -> tuple[str, ...]:
    """Return the text, or both texts of a pair, without lone surrogates."""
    parts = text if isinstance(text, tuple) else (text,)
    wrong = [type(part).__name__ for part in parts if not isinstance(part, str)]
    if isinstance(text, tuple) and len(text) != 2:
        wrong.append(f"a tuple of {len(text)}")
    if wrong:
        raise GradexplainError(f"each text must be a str, or a tuple of two str for a pair, not {wrong[0]}")
    return tuple(without_surrogates(part) for part in parts)


def listed(texts: Text | Iterable[Text]) -> list[Text]:
    """Return the texts as a list; a single text, or a single pair (a tuple), becomes a list of one.

    Raises:
        GradexplainError: The argument is neither a text, nor a pair, nor an iterable of them, or it is a table.
    """
    if isinstance(texts, str | tuple):
        return [texts]
    return as_list(texts, "texts must be a str, a tuple of two str for a pair, or a list of these", "text", str)


def without_surrogates(text: str) -> str:
    """Replace lone surrogates, which neither tokenizers nor UTF-8 files accept, by U+FFFD."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def is_undivided(document: Document) -> bool:
    """Return whether a text of many letters, over 40, or over 8 of a script without spaces, is one unit."""
    if len(document.units) != 1 or len(document.units[0].spans) != 1:
        return False
    return sum(5 if is_spaceless(character) else 1 for character in document.units[0].text if character.isalpha()) > 40


def whole_text(text: Text) -> str:
    """Return the text as `Document.text` has it: a pair joined by a newline, without lone surrogates."""
    return _PAIR_SEPARATOR.join(text_parts(text))


def _units(text: str, groups: list[_Group], tokens: Tokens) -> tuple[tuple[Unit, ...], list[int]]:
    """Return the units, and the unit number of each token."""
    unit_of, units = [NO_UNIT] * len(tokens.ids), []
    for number, group in enumerate(groups):
        for word, _ in group:
            for t in word:
                unit_of[t] = number
        spans = tuple([span for _, span in group])
        start, end = spans[0]
        units.append(Unit(text[start:end] or tokens.surface(text, group[0][0][0]), spans))
    return tuple(units), unit_of


def _rows(unit_of: Sequence[int], ids: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Number the distinct `(unit, token id)` pairs; return the unit of each row and the row of each token."""
    rows: dict[tuple[int, int], int] = {}
    row_of = [
        rows.setdefault((u, i), len(rows)) if u != NO_UNIT else NO_UNIT for u, i in zip(unit_of, ids, strict=True)
    ]
    return np.array([unit for unit, _ in rows], dtype=int), np.array(row_of, dtype=int)


def collate(
    documents: Sequence[Document],
    targets: Sequence[int | None],
    tokenizer: PreTrainedTokenizerBase,
    device: torch.device | str = "cpu",
    seed: int = 0,
) -> Batch:
    """Collate documents into one batch, padded to the longest on the tokenizer's padding side.

    Args:
        documents: At least one document.
        targets: The class to explain of each document; None for the predicted class.
        tokenizer: The tokenizer that encoded them.
        device: The device of the tensors.
        seed: The seed of every random draw for these documents.
    """
    length = max(map(len, documents))
    left = tokenizer.padding_side == "left"

    def pad(rows: Sequence[Sequence[int] | np.ndarray], size: int, value: int, *, on_left: bool = False) -> Tensor:
        out = np.full((len(rows), size), value, dtype=np.int64)
        for i, row in enumerate(rows):
            out[i, size - len(row) if on_left else 0 : size if on_left else len(row)] = row
        return torch.from_numpy(out).to(device)

    fill = {"input_ids": tokenizer.pad_token_id or 0, "token_type_ids": tokenizer.pad_token_type_id}
    inputs = {
        name: pad([d.inputs[name] for d in documents], length, fill.get(name, 0), on_left=left)
        for name in documents[0].inputs
    }
    size, n_rows = max(len(d.units) for d in documents), max(len(d.unit_of_row) for d in documents)
    units = Units(
        unit_of=pad([np.where(d.unit_of < 0, size, d.unit_of) for d in documents], length, size, on_left=left),
        row_of=pad([np.where(d.row_of < 0, n_rows, d.row_of) for d in documents], length, n_rows, on_left=left),
        unit_of_row=pad([d.unit_of_row for d in documents], n_rows, size),
        count=torch.tensor([len(d.units) for d in documents], device=device),
        size=size,
    )
    target = torch.tensor([PREDICTED if t is None else t for t in targets], device=device)
    return Batch(tuple(documents), inputs, units, target, seed, padded_left=left)


def plan_batches(
    lengths: Sequence[int], batch_tokens: int, *, padded_up_to: int, kinds: Sequence[tuple[int, ...]] = ()
) -> list[list[int]]:
    """Group documents into batches of at most `batch_tokens` tokens, padding included.

    A document longer than `batch_tokens` gets a batch of its own. Documents of different lengths share a batch only if
    none of them is longer than `padded_up_to`; documents of different `kinds` never do. Batches are ordered by kind,
    then by length. `kinds` are the numbers of each special token per document: some models refuse a batch in which they
    differ.

    >>> plan_batches([3, 5, 3, 3], batch_tokens=6, padded_up_to=0)
    [[0, 2], [3], [1]]
    >>> plan_batches([3, 4, 3, 5, 5], batch_tokens=100, padded_up_to=4)
    [[0, 2, 1], [3, 4]]
    """
    kinds = kinds or [()] * len(lengths)
    batches: list[list[int]] = []
    for i in sorted(range(len(lengths)), key=lambda i: (kinds[i], lengths[i], i)):
        last = batches[-1] if batches else []
        fits = last and kinds[last[0]] == kinds[i] and (len(last) + 1) * lengths[i] <= batch_tokens
        if fits and (lengths[i] <= padded_up_to or lengths[last[0]] == lengths[i]):
            last.append(i)
        else:
            batches.append([i])
    return batches
