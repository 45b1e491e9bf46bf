"""The words of a batch for the word-vector models of this package, and the masks over them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

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
    """The real tokens of `B` texts, aligned left, and the vectors of the `V` different ones.

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
        nested: Whether each mask contains those before it, as in a removal curve.
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

    def split(self, step: int) -> Iterator["Masks"]:
        """Yield the same masks, `step` texts at a time."""
        for text, number in zip(self.text.split(step), self.number.split(step), strict=True):
            yield Masks(text, number, self.size, self.nested)
