"""Collate documents into batches, and plan which documents share one."""

from collections.abc import Sequence
from itertools import accumulate
from typing import TypeVar

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from hf_gradexplain.text.data import NO_UNIT, PREDICTED, Batch, Document
from hf_gradexplain.text.sequences import Sequences
from hf_gradexplain.text.unit_index import Units

Value = TypeVar("Value")


def collate(
    documents: Sequence[Document],
    targets: Sequence[int | None],
    tokenizer: PreTrainedTokenizerBase,
    device: torch.device | str = "cpu",
    seed: int = 0,
    against: Sequence[int] | None = None,
) -> Batch:
    """Collate documents into one batch, padded to the longest on the tokenizer's padding side.

    Args:
        documents: At least one document.
        targets: The class to explain of each document; None for the predicted class.
        tokenizer: The tokenizer that encoded them.
        device: The device of the tensors.
        seed: The seed of every random draw for these documents.
        against: What each document's class is compared with, see `Batch`.
    """
    left = tokenizer.padding_side == "left"
    size, n_rows = max(d.n_units for d in documents), max(len(d.unit_of_row) for d in documents)
    fill, names = padding_values(tokenizer), list(documents[0].inputs)

    def padded(values: list[np.ndarray], fill: int) -> np.ndarray:
        return _pad(_by_sequence(documents, values), fill, left=left)

    of_tokens = [padded([d.inputs[name] for d in documents], fill.get(name, 0)) for name in names]
    of_tokens += [padded([d.unit_of for d in documents], NO_UNIT), padded([d.row_of for d in documents], NO_UNIT)]
    *inputs, unit_of, row_of = torch.from_numpy(np.stack(of_tokens)).to(device)
    lengths = [part.stop - part.start for document in documents for part in document.sequences]
    sequences = None
    if any(document.sequence_of is not None for document in documents):
        text_of = [b for b, document in enumerate(documents) for _ in document.sequences]
        sequences = Sequences.of(torch.tensor(text_of, device=device), special_tokens(documents, tokenizer))
    units = Units(
        unit_of=unit_of.where(unit_of != NO_UNIT, size),
        row_of=row_of.where(row_of != NO_UNIT, n_rows),
        unit_of_row=torch.from_numpy(_pad([d.unit_of_row for d in documents], size)).to(device),
        count=torch.tensor([d.n_units for d in documents], device=device),
        size=size,
        text_of=None if sequences is None else sequences.text_of,
    )
    return Batch(
        documents=tuple(documents),
        inputs=dict(zip(names, inputs, strict=True)),
        lengths=torch.tensor(lengths, device=device),
        units=units,
        target=torch.tensor([PREDICTED if t is None else t for t in targets], device=device),
        seed=seed,
        padded_left=left,
        sequences=sequences,
        against=None if against is None else torch.tensor(against, device=device),
    )


def padding_values(tokenizer: PreTrainedTokenizerBase) -> dict[str, int]:
    """Return the value that each model input has at padding, by name; inputs that are not in the result have 0."""
    return {"input_ids": tokenizer.pad_token_id or 0, "token_type_ids": tokenizer.pad_token_type_id}


def _by_sequence(documents: Sequence[Document], values: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return values per token `(T,)` of each document as values per token of each sequence."""
    return [x[part] for document, x in zip(documents, values, strict=True) for part in document.sequences]


def _pad(rows: Sequence[np.ndarray], value: int, *, left: bool = False) -> np.ndarray:
    """Return rows of numbers as one array, padded to the longest with a value."""
    lengths = np.array(list(map(len, rows)))[:, None]
    columns = np.arange(lengths.max())
    out = np.full((len(rows), len(columns)), value)
    out[columns >= len(columns) - lengths if left else columns < lengths] = np.concatenate(rows)
    return out


def special_tokens(documents: Sequence[Document], tokenizer: PreTrainedTokenizerBase) -> list[tuple[int, ...]]:
    """Return how often each special token occurs in each sequence of the documents.

    Some models refuse batches of texts with different numbers of end tokens. Tokens for padding and for unknown words
    do not count.
    """
    special = counted_ids(tokenizer)
    ids = _by_sequence(documents, [document.inputs["input_ids"] for document in documents])
    tokens, sequence_of = np.concatenate([np.zeros(0, int), *ids]), np.repeat(np.arange(len(ids)), list(map(len, ids)))
    counts = [np.bincount(sequence_of[tokens == i], minlength=len(ids)).tolist() for i in special]
    return list(zip(*counts, strict=True)) if special else [()] * len(ids)


def counted_ids(tokenizer: PreTrainedTokenizerBase) -> tuple[int, ...]:
    """Return the ids of the special tokens that `special_tokens` counts."""
    anywhere = tokenizer.unk_token_id, tokenizer.pad_token_id
    return tuple(i for i in tokenizer.all_special_ids if i not in anywhere)


def first_of_each(values: Sequence[Value], counts: Sequence[int]) -> list[Value]:
    """Return the value of the first sequence of each document, given all values and the number of its sequences.

    >>> first_of_each("abcde", [1, 3, 1])
    ['a', 'b', 'e']
    """
    return [values[start] for start in accumulate(counts[:-1], initial=0)] if counts else []


def plan_batches(
    lengths: Sequence[int],
    batch_tokens: int,
    *,
    padded_up_to: int,
    kinds: Sequence[tuple[int, ...]] = (),
    counts: Sequence[int] = (),
) -> list[list[int]]:
    """Group documents into batches of at most `batch_tokens` tokens, padding included.

    A document longer than `batch_tokens` gets a batch of its own. Documents of different lengths share a batch only if
    none of them is longer than `padded_up_to`. Documents of different `kinds` never share a batch. Batches are ordered
    by kind, then by length.

    Args:
        lengths: The number of tokens of each document, or of its longest sequence.
        batch_tokens: The token budget.
        padded_up_to: The length up to which documents may be padded.
        kinds: How often each special token occurs in a document: some models refuse a batch in which this differs.
        counts: The number of sequences of each document; 1 by default.

    >>> plan_batches([3, 5, 3, 3], batch_tokens=6, padded_up_to=0)
    [[0, 2], [3], [1]]
    >>> plan_batches([3, 4, 3, 5, 5], batch_tokens=100, padded_up_to=4)
    [[0, 2, 1], [3, 4]]
    """
    kinds, counts = kinds or [()] * len(lengths), counts or [1] * len(lengths)
    batches: list[list[int]] = []
    held = 0
    for i in sorted(range(len(lengths)), key=lambda i: (kinds[i], lengths[i], i)):
        last = batches[-1] if batches else []
        fits = last and kinds[last[0]] == kinds[i] and (held + counts[i]) * lengths[i] <= batch_tokens
        if fits and (lengths[i] <= padded_up_to or lengths[last[0]] == lengths[i]):
            last.append(i)
            held += counts[i]
        else:
            batches.append([i])
            held = counts[i]
    return batches
