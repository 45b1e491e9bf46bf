"""What the word-vector models of this package read of a batch, and the masks that are put over it."""

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
    """The real tokens of `B` texts, moved to the left, and the vectors of the `V` different ones.

    Whatever is done to a word alone is done `V` times, not `B T` times.

    Attributes:
        vectors: `(V + 1, D)` word vectors; the last is zero and stands where a text has no token.
        baseline: `(D,)` what the vector of a masked word becomes.
        of: `(B, T)` row of `vectors` that holds each token's; `V` past a text's length.
        unit_of: `(B, T)` unit of each token; `U` ("nobody") for special tokens and past a text's length.
        length: `(B,)` number of real tokens.
    """

    vectors: Tensor
    baseline: Tensor
    of: Tensor
    unit_of: Tensor
    length: Tensor


def read_words(forward: ForwardPass) -> PackedWords:
    """Look the words of a batch up, once for all masks."""
    baseline, batch = forward.classifier.baseline, forward.batch
    model = cast(WordVectorModel, forward.classifier.model)
    types, of = batch.inputs["input_ids"].unique(return_inverse=True)
    vectors = F.pad(model.embedding(types), (0, 0, 0, 1))
    only_its_shape_counts = of.unsqueeze(2)
    real = model.real_tokens(batch.inputs["input_ids"], batch.inputs.get("attention_mask"), only_its_shape_counts)
    to_left = (~real).long().argsort(dim=1, stable=True)
    return PackedWords(
        vectors=vectors,
        baseline=vectors.new_zeros(vectors.shape[1]) if baseline is None else baseline[0],
        of=of.masked_fill(~real, len(types)).take_along_dim(to_left, 1),
        unit_of=batch.units.unit_of.masked_fill(~real, batch.units.size).take_along_dim(to_left, 1),
        length=real.sum(1),
    )


@dataclass(frozen=True, eq=False)
class Masks:
    """The masks `m = 0 ... U` of `N` texts; a text may come more than once. Mask 0 hides nothing.

    Leave-one-out numbers the tokens by their unit, and mask `m` hides those numbered `m`. A removal curve numbers
    them by the rank of their unit, and mask `m` hides those numbered up to `m`.

    Attributes:
        text: `(N,)` which of the `B` texts.
        number: `(N, T)` number of each token, from 1; `U + 1` for nobody.
        size: `U`.
        nested: Whether each mask contains those before it, as in a removal curve.
    """

    text: Tensor
    number: Tensor
    size: int
    nested: bool

    @classmethod
    def of_units(cls, words: PackedWords, size: int) -> "Masks":
        """Leave-one-out: mask `m` hides unit `m - 1`."""
        text = torch.arange(len(words.of), device=words.of.device)
        return cls(text, words.unit_of + 1, size, nested=False)

    @classmethod
    def of_ranks(cls, words: PackedWords, ranks: Tensor) -> "Masks":
        """Removal curves: mask `m` hides the `m` units ranked first; all texts in the first order, then the second."""
        orders, texts, size = ranks.shape
        numbers = F.pad(ranks + 1, (0, 1), value=size + 1)
        number = numbers.gather(2, words.unit_of.expand(orders, -1, -1)).flatten(0, 1)
        return cls(torch.arange(texts, device=ranks.device).repeat(orders), number, size, nested=True)

    def hides(self, number: Tensor, m: Tensor) -> Tensor:
        """Whether mask `m` hides a token of this number."""
        return number <= m if self.nested else number == m

    def split(self, step: int) -> Iterator["Masks"]:
        """The same masks, `step` texts at a time."""
        for text, number in zip(self.text.split(step), self.number.split(step), strict=True):
            yield Masks(text, number, self.size, self.nested)
