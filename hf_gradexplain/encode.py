"""From texts to documents, and from documents to batches."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from tokenizers import Encoding
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from hf_gradexplain.data import NOBODY, Batch, Document, Unit, Units
from hf_gradexplain.errors import GradexplainError, choose

UnitName = Literal["token", "word", "word_type"]
Text = str | tuple[str, str]

_NO_LIMIT = 10**9
_PAIR_SEPARATOR = "\n"


@dataclass(frozen=True, eq=False)
class Encoder:
    """Turns texts into documents.

    Args:
        tokenizer: A fast tokenizer.
        max_length: The most tokens that the model reads, special tokens included; None for no limit.
        unit: What gets one score: `token`, `word` (one occurrence) or `word_type` (all occurrences in the text).
    """

    tokenizer: PreTrainedTokenizerBase
    max_length: int | None
    unit: UnitName

    def __post_init__(self) -> None:
        choose("unit", self.unit, get_args(UnitName))
        if not self.tokenizer.is_fast:
            raise GradexplainError(
                f"{type(self.tokenizer).__name__} does not say where its tokens stand in the text: "
                "load the fast tokenizer of this model"
            )

    def __call__(self, texts: Sequence[Text]) -> list[Document]:
        """Encode texts and text pairs; lone surrogates, which no tokenizer takes, become U+FFFD."""
        if not texts:
            return []
        pairs = [_parts(text) for text in texts]
        with _settings_kept(self.tokenizer):
            encoded = self.tokenizer(
                [pair if len(pair) > 1 else pair[0] for pair in pairs],
                truncation=self.max_length is not None,
                max_length=self.max_length,
                return_overflowing_tokens=False,
                verbose=False,
            )
        names = [name for name in encoded if name in self.tokenizer.model_input_names]
        return [
            self._document(pair, {name: tuple(encoded[name][i]) for name in names}, encoding)
            for i, (pair, encoding) in enumerate(zip(pairs, encoded.encodings, strict=True))
        ]

    def _document(self, texts: tuple[str, ...], inputs: dict[str, tuple[int, ...]], encoding: Encoding) -> Document:
        text = _PAIR_SEPARATOR.join(texts)
        starts = (0, len(texts[0]) + len(_PAIR_SEPARATOR))
        groups = self._groups(text, _offsets(encoding, starts), encoding)
        units, unit_of = _units(text, groups, encoding, len(encoding))
        unit_of_row, row_of = _rows(unit_of, encoding.ids)
        if not encoding.ids:
            unit_of = row_of = np.array([NOBODY])
            inputs = {name: (self._filler(name),) for name in inputs}
        cuts = [cut + start for cut, start in zip(_cuts(encoding), starts, strict=False) if cut is not None]
        pair_start = starts[1] if len(texts) > 1 else None
        return Document(text, units, inputs, unit_of, row_of, unit_of_row, min(cuts, default=None), pair_start)

    def _groups(self, text: str, offsets: list[tuple[int, int]], encoding: Encoding) -> "list[_Group]":
        """The tokens of each unit's occurrences, those of one key together, in the order of the text."""
        unknown, all_ids = self.tokenizer.unk_token_id, encoding.ids
        groups: dict[object, _Group] = {}
        for tokens in _words(text, offsets, encoding, by_token=self.unit == "token"):
            span = _span(text, [offsets[t] for t in tokens])
            ids = tuple(all_ids[t] for t in tokens)
            surface = text[slice(*span)] if unknown in ids else None
            key = (ids, surface) if self.unit == "word_type" else tokens[0]
            groups.setdefault(key, []).append((tokens, span))
        return list(groups.values())

    def _filler(self, name: str) -> int:
        """What a text without any token is given to read, since no model reads nothing: one pad token."""
        return (self.tokenizer.pad_token_id or 0) if name == "input_ids" else 0


@contextmanager
def _settings_kept(tokenizer: PreTrainedTokenizerBase) -> Iterator[None]:
    """Put the tokenizer's truncation and padding back: a call with other ones overwrites them for good."""
    backend = tokenizer.backend_tokenizer
    truncation, padding = backend.truncation, backend.padding
    try:
        yield
    finally:
        backend.no_truncation() if truncation is None else backend.enable_truncation(**truncation)
        backend.no_padding() if padding is None else backend.enable_padding(**padding)


_Group = list[tuple[list[int], tuple[int, int]]]


def _parts(text: Text) -> tuple[str, ...]:
    """The text, or the two of a pair, without lone surrogates."""
    parts = text if isinstance(text, tuple) else (text,)
    wrong = [type(part).__name__ for part in parts if not isinstance(part, str)]
    if isinstance(text, tuple) and len(text) != 2:
        wrong.append(f"a tuple of {len(text)}")
    if wrong:
        raise GradexplainError(f"a text is a str, or a tuple of two for a pair, not {wrong[0]}")
    return tuple(re.sub("[\ud800-\udfff]", "\ufffd", part) for part in parts)


def _offsets(encoding: Encoding, starts: tuple[int, int]) -> list[tuple[int, int]]:
    """Where each token stands in the joined text; offsets that overlap, as those of bytes do, are clamped."""
    offsets, end = [], 0
    for (a, b), sequence in zip(encoding.offsets, encoding.sequence_ids, strict=True):
        shift = starts[sequence or 0]
        span = max(a + shift, end), max(b + shift, end)
        offsets.append(span)
        end = span[1] if sequence is not None else end
    return offsets


def _words(text: str, offsets: list[tuple[int, int]], encoding: Encoding, *, by_token: bool) -> Iterator[list[int]]:
    """The ordinary tokens, grouped into words: where the tokenizer says so, and at white space in any case.

    White space that is a token of its own goes with the word after it.
    """
    places = list(zip(encoding.sequence_ids, encoding.word_ids, strict=True))
    word: list[int] = []
    for t, special in enumerate(encoding.special_tokens_mask):
        if special:
            continue
        if word:
            last = word[-1]
            gap = text[offsets[last][1] : offsets[t][0] + 1]
            apart = places[t] != places[last] or any(map(str.isspace, gap))
            if by_token or (apart and not text[offsets[word[0]][0] : offsets[last][1]].isspace()):
                yield word
                word = []
        word.append(t)
    if word:
        yield word


def _span(text: str, offsets: list[tuple[int, int]]) -> tuple[int, int]:
    """The characters that some tokens cover, without white space at the ends."""
    start, end = offsets[0][0], offsets[-1][1]
    covered = text[start:end]
    if not covered.strip():
        return start, end
    return end - len(covered.lstrip()), start + len(covered.rstrip())


def _units(text: str, groups: list[_Group], encoding: Encoding, length: int) -> tuple[tuple[Unit, ...], np.ndarray]:
    unit_of, units, pieces = np.full(length, NOBODY), [], encoding.tokens
    for number, group in enumerate(groups):
        for tokens, _ in group:
            unit_of[tokens] = number
        spans = tuple(span for _, span in group)
        units.append(Unit(text[slice(*spans[0])] or pieces[group[0][0][0]], spans))
    return tuple(units), unit_of


def _rows(unit_of: np.ndarray, ids: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Number the distinct `(unit, token id)`: the unit of each row, and the row of each token."""
    rows: dict[tuple[int, int], int] = {}
    row_of = [rows.setdefault((u, i), len(rows)) if u != NOBODY else NOBODY for u, i in zip(unit_of, ids, strict=True)]
    return np.array([unit for unit, _ in rows], dtype=int), np.array(row_of, dtype=int)


def _cuts(encoding: Encoding) -> list[int | None]:
    """Where the model stopped reading each sequence, None where it read all."""

    def ends(encodings: Sequence[Encoding]) -> dict[int, int]:
        out: dict[int, int] = {}
        for part in encodings:
            for (_, end), sequence in zip(part.offsets, part.sequence_ids, strict=True):
                if sequence is not None:
                    out[sequence] = max(out.get(sequence, 0), end)
        return out

    if not encoding.overflowing:
        return []
    read, all_of_it = ends([encoding]), ends([encoding, *encoding.overflowing])
    return [read.get(s, 0) if read.get(s, 0) < all_of_it[s] else None for s in sorted(all_of_it)]


def collate(
    documents: Sequence[Document],
    targets: Sequence[int | None],
    tokenizer: PreTrainedTokenizerBase,
    device: torch.device | str = "cpu",
    seed: int = 0,
) -> Batch:
    """Put documents into one batch, padded to the longest on the tokenizer's own side.

    `targets` holds the class to explain of each document, None for the predicted one.
    """
    length = max(map(len, documents))
    left = tokenizer.padding_side == "left"

    def padded(rows: Sequence[Sequence[int] | np.ndarray], size: int, value: int, *, on_left: bool = False) -> Tensor:
        out = np.full((len(rows), size), value, dtype=np.int64)
        for i, row in enumerate(rows):
            out[i, size - len(row) if on_left else 0 : size if on_left else len(row)] = row
        return torch.from_numpy(out).to(device)

    fill = {"input_ids": tokenizer.pad_token_id or 0, "token_type_ids": tokenizer.pad_token_type_id}
    inputs = {
        name: padded([d.inputs[name] for d in documents], length, fill.get(name, 0), on_left=left)
        for name in documents[0].inputs
    }
    size, n_rows = max(len(d.units) for d in documents), max(len(d.unit_of_row) for d in documents)
    units = Units(
        unit_of=padded([np.where(d.unit_of < 0, size, d.unit_of) for d in documents], length, size, on_left=left),
        row_of=padded([np.where(d.row_of < 0, n_rows, d.row_of) for d in documents], length, n_rows, on_left=left),
        unit_of_row=padded([d.unit_of_row for d in documents], n_rows, size),
        count=torch.tensor([len(d.units) for d in documents], device=device),
        size=size,
    )
    target = torch.tensor([NOBODY if t is None else t for t in targets], device=device)
    return Batch(tuple(documents), inputs, units, target, seed)


def plan_batches(
    lengths: Sequence[int], batch_tokens: int, *, padded_up_to: int, kinds: Sequence[tuple[int, ...]] = ()
) -> list[list[int]]:
    """Cut documents into batches of at most `batch_tokens` tokens, padding included; a longer one goes alone.

    Documents of equal length come together; those of different lengths share a batch only if none is longer than
    `padded_up_to`, those of different `kinds` never.

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


def length_limit(tokenizer: PreTrainedTokenizerBase, config: object) -> int | None:
    """The most tokens that the model reads: the tokenizer's word for it, else the number of its positions."""
    if tokenizer.model_max_length < _NO_LIMIT:
        return int(tokenizer.model_max_length)
    positions = getattr(config, "max_position_embeddings", None)
    return positions if isinstance(positions, int) and positions > 0 else None
