"""The data structures of the package: `Document`, `Batch`, `Gradients` and `Sampled`.

Shapes name axes by letters: `B` texts, `S` sequences, `T` tokens, `U` units, `R` rows (distinct pieces of a unit), `D`
dims, `C` classes, `M` methods or orders of removal, `K` masks. Where a letter means something else, the docstring says
so, or the docstring of its folder.

A model reads *sequences* of tokens. Most texts are one sequence each, so that `S` is `B`. A long document may be read
as several windows, and two answers to a question as one sequence each. A unit of such a text may occur in several
sequences.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from hf_gradexplain.text.sequences import Sequences
from hf_gradexplain.text.unit import Occurrences, Unit, Window
from hf_gradexplain.text.unit_index import Units

NO_UNIT = -1
"""Unit number and row number of tokens that belong to no unit. These are special tokens, padding, the text of a
template, messages of roles that are not explained, and text outside of given spans."""

PREDICTED = -1
"""Placeholder in `Batch.target` for the predicted class, until the model has run."""

RUNNER_UP = -1
"""Placeholder in `Batch.against` for the class with the highest logit except the target, until the model has run."""

REST = -2
"""Value of `Batch.against` that stands for all classes other than the target together."""


@dataclass(frozen=True, eq=False)
class Document:
    """One encoded text.

    Attributes:
        text: The text, to which the offsets in `Unit.spans` and `truncated_at` refer. The two texts of a pair are
            joined by a newline, and so are the contents of a conversation.
        occurrences: Where its `U` units occur.
        inputs: The model inputs: `input_ids`, `attention_mask`, ..., each `(T,)`.
        unit_of: `(T,)` unit number of each token, or `NO_UNIT`.
        row_of: `(T,)` row number of each token, or `NO_UNIT`. Tokens of one unit with the same id share a row.
        unit_of_row: `(R,)` unit number of each row.
        truncated_at: Offset of the first character that truncation removes, or None.
        pair_start: Offset where the second text of a pair begins, or None.
        sequence_of: `(T,)` the number of each token's sequence, ascending, if the text is read as several sequences;
            None if it is read as one sequence.
        windows: The windows that the text is read as; empty if it is read as one sequence.
        unread: The spans `(start, end)` of characters that the model does not read. In a conversation, these are what
            the chat template drops and what truncation removes; in other texts, what truncation removes.
    """

    text: str
    occurrences: Occurrences
    inputs: Mapping[str, np.ndarray]
    unit_of: np.ndarray
    row_of: np.ndarray
    unit_of_row: np.ndarray
    truncated_at: int | None = None
    pair_start: int | None = None
    sequence_of: np.ndarray | None = None
    windows: tuple[Window, ...] = ()
    unread: tuple[tuple[int, int], ...] = ()

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self.unit_of)

    @cached_property
    def sequences(self) -> tuple[slice, ...]:
        """The tokens of each sequence."""
        if self.sequence_of is None:
            return (slice(0, len(self)),)
        starts = np.flatnonzero(np.diff(self.sequence_of, prepend=-1)).tolist()
        return tuple(map(slice, starts, [*starts[1:], len(self)]))

    @property
    def n_units(self) -> int:
        """The number of units, `U`."""
        return self.occurrences.n_units

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """The units as objects, in the order of their first occurrence."""
        return self.occurrences.units()

    def rng(self, seed: int, purpose: str) -> np.random.Generator:
        """Return a random generator that depends only on the seed, the purpose and the input ids.

        A document gets the same random numbers when it runs alone, in any batch, and in any number of processes.
        """
        return rng_of(self.inputs["input_ids"].tolist(), seed, purpose)


def rng_of(ids: Sequence[int], seed: int, purpose: str) -> np.random.Generator:
    """Return a random generator that depends only on input ids, a seed and a purpose."""
    content = repr((seed, purpose, tuple(ids))).encode()
    return np.random.default_rng(np.frombuffer(hashlib.sha256(content).digest(), dtype=np.uint32))


@dataclass(frozen=True, eq=False)
class Batch:
    """`B` documents, read as `S` sequences, as tensors on the model's device.

    Attributes:
        documents: The documents.
        inputs: The model inputs, each `(S, T)`.
        lengths: `(S,)` the number of tokens of each sequence.
        units: The units of the documents.
        target: `(B,)` class to explain; `PREDICTED` (-1) stands for the predicted class.
        seed: The seed of every random draw for these documents.
        padded_left: Whether the shorter sequences are padded on the left.
        sequences: The sequences of each document; None if every document is one sequence.
        against: `(B,)` class to compare the target with, `RUNNER_UP` (-1) or `REST` (-2); None if the target alone is
            explained.
    """

    documents: tuple[Document, ...]
    inputs: Mapping[str, Tensor]
    lengths: Tensor
    units: Units
    target: Tensor
    seed: int = 0
    padded_left: bool = False
    sequences: Sequences | None = None
    against: Tensor | None = None

    @property
    def padded_lengths(self) -> Tensor:
        """The number of tokens that each text takes in a pass, padding between its sequences included: `(B,)`."""
        if self.sequences is None:
            return self.lengths
        return self.sequences.by_text(self.lengths).amax(1) * self.sequences.real.sum(1)

    def sequences_of(self, texts: Tensor) -> Tensor:
        """Return the sequences of some texts: `(n,)` to `(s,)`."""
        if self.sequences is None:
            return texts
        return self.sequences.numbers[texts][self.sequences.real[texts]]

    def columns(self, length: int) -> slice:
        """Return the columns of `(S, T)` tensors that hold all sequences of up to `length` tokens."""
        size = self.inputs["input_ids"].shape[1]
        return slice(size - length, size) if self.padded_left else slice(length)

    def only(self, text: int) -> "Batch":
        """Return a batch with one of the texts, without the padding of other texts."""
        one = self.target.new_tensor([text])
        sequences, kinds = self.sequences_of(one), None
        columns = self.columns(int(self.lengths[sequences].max()))
        units = self.units.only(text, sequences, columns)
        if self.sequences is not None and self.documents[text].sequence_of is not None:
            kinds = [self.sequences.kinds[s] for s in sequences.tolist()]
        return replace(
            self,
            documents=self.documents[text : text + 1],
            inputs={name: x[:, columns][sequences] for name, x in self.inputs.items()},
            lengths=self.lengths[sequences],
            units=units if kinds else replace(units, text_of=None),
            target=self.target[one],
            against=None if self.against is None else self.against[one],
            sequences=Sequences.of(torch.zeros_like(sequences), kinds) if kinds else None,
        )

    def take(self, texts: Tensor) -> tuple["Batch", Tensor, Tensor]:
        """Return a batch of copies of some texts, and what each of its `S'` sequences copies.

        Args:
            texts: `(N,)` the texts to copy.

        Returns:
            The batch of the copies, without documents and with the units of this batch. For each of its sequences, the
            number of the copy `(S',)` to which it belongs, and the sequence of this batch `(S',)` that it repeats.
        """
        copies = torch.arange(len(texts), device=texts.device)
        if self.sequences is None:
            copy_of, repeated, sequences = copies, texts, None
        else:
            real = self.sequences.real[texts]
            copy_of, repeated = copies.unsqueeze(1).expand_as(real)[real], self.sequences_of(texts)
            sequences = Sequences.of(copy_of, [self.sequences.kinds[s] for s in repeated.tolist()])
        longest = self.columns(int(self.lengths[repeated].max()))
        inputs = {name: x[:, longest][repeated] for name, x in self.inputs.items()}
        batch = replace(
            self,
            documents=(),
            inputs=inputs,
            lengths=self.lengths[repeated],
            target=self.target[texts],
            against=None if self.against is None else self.against[texts],
            sequences=sequences,
        )
        return batch, copy_of, repeated


@dataclass(frozen=True, eq=False)
class Gradients:
    """The result of one backward pass: word vectors `e` and their gradients.

    If a model has several embedding tables, `D` runs over all of them, one after the other.

    Attributes:
        embedding: `(S, T, D)` the word vectors `e`.
        grad: `(S, T, D)` the gradients `dl_y/de`.
        baseline: `(D,)` the vector that replaces a removed word; None for zero.
        rise: `(B,)` the rise of the loss when all units are replaced by the baseline. The scores of `signed_gi` should
            add up to it. None if it is not known to what they should add up.
    """

    embedding: Tensor
    grad: Tensor
    baseline: Tensor | None = None
    rise: Tensor | None = None


@dataclass(frozen=True, eq=False)
class NoisyGradients(Gradients):
    """Gradients averaged over noisy copies.

    Attributes:
        variance: `(B, R, D)` the variance over the copies of the gradient with respect to each embedding-table row
            that a unit uses.
    """

    variance: Tensor = field(kw_only=True)


@dataclass(frozen=True, eq=False)
class Sampled:
    """Scores that are estimated from copies drawn at random, and their standard errors.

    Attributes:
        scores: `(B, U)` the scores; 0 past the last unit of a text.
        errors: `(B, U)` the standard error of each score; 0 if the score is exact.
        draws: `(B,)` the number of independent draws that the scores are estimated from; 0 if they are exact.
        copies: `(B,)` the number of copies that ran.
    """

    scores: Tensor
    errors: Tensor
    draws: Tensor
    copies: Tensor
