"""The words of a batch for the word-vector models of this package, and the masks over them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from hf_gradexplain.classifier.hooked_classifier import ForwardPass
from hf_gradexplain.models.bilstm.modeling_bilstm import BiLSTMForSequenceClassification
from hf_gradexplain.models.fasttext.modeling_fasttext import FastTextForSequenceClassification
from hf_gradexplain.models.textcnn.modeling_textcnn import TextCNNForSequenceClassification

WordVectorModel = FastTextForSequenceClassification | TextCNNForSequenceClassification | BiLSTMForSequenceClassification


@dataclass(frozen=True, eq=False)
class PackedWords:
    """The real tokens of `B` texts, aligned left, and the vectors of the `V` different tokens.

    Computations on single words run `V` times, not `B T` times.

    Attributes:
        vectors: `(V + 1, D)` word vectors; the last is zero, for positions without a token.
        baseline: `(D,)` vector of a masked word.
        row_of: `(B, T)` row of each token in `vectors`; `V` past a text's length.
        unit_of: `(B, T)` unit of each token; `U` for special tokens and past a text's length.
        length: `(B,)` number of real tokens.
    """

    vectors: Tensor
    baseline: Tensor
    row_of: Tensor
    unit_of: Tensor
    length: Tensor


def pack_words(forward: ForwardPass, texts: Tensor | None = None) -> PackedWords:
    """Look up the words of some texts `(B,)` of a batch, once for all masks; None for all texts."""
    rows = slice(None) if texts is None else texts
    baseline, inputs = forward.classifier.baseline, {name: x[rows] for name, x in forward.batch.inputs.items()}
    model = cast(WordVectorModel, forward.classifier.model)
    types, row_of = inputs["input_ids"].unique(return_inverse=True)
    vectors = F.pad(model.embedding(types), (0, 0, 0, 1))
    shape_only = row_of.unsqueeze(2)
    real = model.real_tokens(inputs["input_ids"], inputs.get("attention_mask"), shape_only)
    to_left = (~real).long().argsort(dim=1, stable=True)
    units = forward.batch.units
    return PackedWords(
        vectors=vectors,
        baseline=vectors.new_zeros(vectors.shape[1]) if baseline is None else baseline[0],
        row_of=row_of.masked_fill(~real, len(types)).take_along_dim(to_left, 1),
        unit_of=units.unit_of[rows].masked_fill(~real, units.size).take_along_dim(to_left, 1),
        length=real.sum(1),
    )


@dataclass(frozen=True, eq=False)
class Masks:
    """The masks `m = 0 ... U` of `N` texts; a text may occur more than once. Mask 0 hides nothing.

    Leave-one-out numbers the tokens by their unit, and mask `m` hides the tokens numbered `m`. A removal curve numbers
    the tokens by the rank of their unit, and mask `m` hides the tokens numbered `1 ... m`.

    Attributes:
        text: `(N,)` index of the text in the batch.
        number: `(N, T)` number of each token, from 1; `U + 1` for tokens of no unit.
        size: `U`.
        nested: Whether each mask contains all masks before it, as in a removal curve.
    """

    text: Tensor
    number: Tensor
    size: int
    nested: bool

    @classmethod
    def of_units(cls, words: PackedWords, size: int) -> "Masks":
        """Make the masks of leave-one-out: mask `m` hides unit `m - 1`."""
        text = torch.arange(len(words.row_of), device=words.row_of.device)
        return cls(text, words.unit_of + 1, size, nested=False)

    @classmethod
    def of_ranks(cls, words: PackedWords, ranks: Tensor) -> "Masks":
        """Make the masks of removal curves: mask `m` hides the `m` units ranked first.

        The texts come in the first order of removal, then in the second, and so on.
        """
        orders, texts, size = ranks.shape
        numbers = F.pad(ranks + 1, (0, 1), value=size + 1)
        number = numbers.gather(2, words.unit_of.expand(orders, -1, -1)).flatten(0, 1)
        return cls(torch.arange(texts, device=ranks.device).repeat(orders), number, size, nested=True)

    def hides(self, number: Tensor, m: Tensor) -> Tensor:
        """Return whether mask `m` hides a token of this number."""
        return number <= m if self.nested else number == m

    def of_copies(self, copy: Tensor) -> Tensor:
        """Return the masks of some copies, as `hides` takes them; the copies of a text follow each other."""
        return copy % (self.size + 1)

    def branch_points(self, number: Tensor) -> Tensor:
        """Return the first of the `T` steps at which each mask hides a token that the masks before it show.

        Args:
            number: `(2 N, T)` numbers of the tokens of the texts in the order of the steps: forward, then backward.

        Returns:
            `(2 N, U + 1)`, `T - 1` if there is none.
        """
        rows, steps = number.shape
        step = torch.arange(steps, device=number.device).expand_as(number)
        start = torch.full((rows, self.size + 2), steps - 1, device=number.device)
        return start.scatter_reduce(1, number, step, "amin")[:, :-1]

    def split(self, step: int) -> Iterator["Masks"]:
        """Yield the same masks, `step` texts at a time."""
        for text, number in zip(self.text.split(step), self.number.split(step), strict=True):
            yield Masks(text, number, self.size, self.nested)


@dataclass(frozen=True, eq=False)
class Sets:
    """The same as `Masks`, for arbitrary sets of units: the masks `m = 0 ... K` of `N` different texts.

    Attributes:
        text: `(N,)` index of the text in the batch.
        number: `(N, T)` unit of each token, see `PackedWords.unit_of`.
        size: `K`, the largest number of sets of a text.
        hidden: `(N, K + 1, U + 1)` whether each mask hides the tokens of a unit. Mask 0 hides no token, and neither do
            masks past the number of sets of a text.
        row: `(sets,)` the index of each set in `hidden`, with the first two axes flattened into one.
    """

    text: Tensor
    number: Tensor
    size: int
    hidden: Tensor
    row: Tensor
    nested: ClassVar[bool] = False

    @classmethod
    def of(cls, words: PackedWords, text_of: Tensor, removed: Tensor) -> "Sets":
        """Make the masks that remove sets of units `(sets, U)` from the texts `(sets,)`."""
        texts, row, counts = text_of.unique(return_inverse=True, return_counts=True)
        size, order = int(counts.max()), row.argsort(stable=True)
        first = counts.cumsum(0) - counts
        place = torch.empty_like(order)
        place[order] = torch.arange(len(order), device=order.device) - first[row[order]]
        row = row * (size + 1) + place + 1
        hidden = removed.new_zeros(len(texts) * (size + 1), removed.shape[1] + 1)
        hidden[row, :-1] = removed
        return cls(texts, words.unit_of[texts], size, hidden.unflatten(0, (-1, size + 1)), row)

    def hides(self, number: Tensor, m: Tensor) -> Tensor:
        """Return whether mask `m` hides a token of this number; the numbers of masks continue from text to text."""
        return self.hidden.flatten(0, 1)[m, number]

    def of_copies(self, copy: Tensor) -> Tensor:
        """Return the masks of some copies, as `hides` takes them: forward copies of all texts, then backward ones."""
        return copy % (len(self.text) * (self.size + 1))

    def branch_points(self, number: Tensor) -> Tensor:
        """Return the first step at which each mask hides a token: `(2 N, T)` to `(2 N, K + 1)`, see `Masks`."""
        hidden = self.hidden.repeat(2, 1, 1).gather(2, number.unsqueeze(1).expand(-1, self.size + 1, -1))
        return torch.where(hidden.any(2), hidden.byte().argmax(2), number.shape[1] - 1)

    def split(self, step: int) -> Iterator["Sets"]:
        """Yield the same masks, `step` texts at a time."""
        for text, number, hidden in zip(*(x.split(step) for x in (self.text, self.number, self.hidden)), strict=True):
            yield Sets(text, number, self.size, hidden, self.row)
