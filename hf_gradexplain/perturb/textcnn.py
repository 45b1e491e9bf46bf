"""TextCNN under masks: each window gives few answers, and each answer to a whole stretch of the masks.

Let the masks of a text stand on an axis `m = 0 ... U`: leave-one-out masks unit `m`, a removal curve the `m` units
ranked first. A window of `w` tokens changes its answer only where one of its own tokens is masked or unmasked. So on
this axis it is a step function of at most `2 w + 1` pieces, and every piece is a sum of projections made once:

    answer_f = b_f + W_f . e_baseline + sum over the kept j of W_fj . (e_{s+j} - e_baseline)

A filter's feature at `m` is the greatest of the pieces that lie over `m`. In all: one convolution per text, whatever
the number of masks.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hf_gradexplain.classifier import Classifier, Reading
from hf_gradexplain.models.textcnn.modeling_textcnn import TextCNNForSequenceClassification
from hf_gradexplain.perturb.words import Words, read_words


def leave_one_out(classifier: Classifier, reading: Reading) -> Tensor:
    """The logits without each unit: `(B, U, C)`."""
    words, size = read_words(classifier, reading), reading.batch.units.size
    masks = _Masks(words.unit_of, size, torch.eq, edges=(0, 1))
    return _logits(classifier, words, masks)[:, :size]


def removal_curves(classifier: Classifier, reading: Reading, ranks: Tensor) -> Tensor:
    """The logits without the `k` units ranked first, for orders `(M, B, U)`: `(M, B, U + 1, C)`."""
    words, size = read_words(classifier, reading), reading.batch.units.size
    rank_of = F.pad(ranks, (0, 1), value=size).gather(2, words.unit_of.expand(len(ranks), -1, -1))
    masks = _Masks(rank_of.flatten(0, 1), size, torch.lt, edges=(1,))
    return _logits(classifier, words, masks).unflatten(0, ranks.shape[:2])


@dataclass(frozen=True, eq=False)
class _Masks:
    """The masks `m = 0 ... size` of `N` copies of the texts, text after text, as often as needed.

    Attributes:
        number: `(N, T)` number of each token on the axis of the masks; nobody has `size`.
        size: `U`.
        hides: `hides(number, m)` says whether mask `m` masks a token.
        edges: At `m = number + edge` a token becomes masked or unmasked.
    """

    number: Tensor
    size: int
    hides: Callable[[Tensor, Tensor], Tensor]
    edges: tuple[int, ...]

    def pieces(self, at: slice, width: int) -> tuple[Tensor, Tensor, Tensor]:
        """The stretches of masks that are all the same to a window: `V` for each of its `S` places.

        Returns:
            The `first` and `last` mask of each piece, `(N, S, V)`, empty where `first > last`; and whether it keeps
            the tokens of the window, `(N, S, V, width)`.
        """
        number = F.pad(self.number[at], (0, max(width - self.number.shape[1], 0)), value=self.size).unfold(1, width, 1)
        changes = torch.cat([number + edge for edge in self.edges], 2).sort(2).values
        first, last = F.pad(changes, (1, 0)), F.pad(changes - 1, (0, 1), value=self.size)
        return first, last, ~self.hides(number.unsqueeze(2), first.unsqueeze(3))


def _logits(classifier: Classifier, words: Words, masks: _Masks) -> Tensor:
    """The logits at every mask: `(N, U + 1, C)`."""
    model = cast(TextCNNForSequenceClassification, classifier.model)
    windows = [_Windows.of(convolution, words) for convolution in model.convolutions]
    texts, length = words.unit_of.shape
    step = max(1, classifier.batch_tokens // length)
    parts = []
    for start in range(0, len(masks.number), step):
        at = slice(start, start + step)
        of = torch.arange(len(masks.number), device=words.unit_of.device)[at] % texts
        parts.append(model.classifier(torch.cat([w.features(of, masks, at) for w in windows], 2)))
    return torch.cat(parts)


@dataclass(frozen=True, eq=False)
class _Windows:
    """What the filters of one width make of every window.

    Attributes:
        projected: `(B, S, width, filters)` what each token of a window adds to its answer while it is kept.
        constant: `(filters,)` the answer of a window whose tokens are all masked.
        inside: `(B, S)` bool: whether the window lies inside its text.
    """

    projected: Tensor
    constant: Tensor
    inside: Tensor

    @classmethod
    def of(cls, convolution: nn.Module, words: Words) -> "_Windows":
        weight, bias = cast(Tensor, convolution.weight), cast(Tensor, convolution.bias)
        width = weight.shape[2]
        vectors = F.pad(words.vectors, (0, 0, 0, max(width - words.vectors.shape[1], 0))) - words.baseline
        places = vectors.shape[1] - width + 1
        per_offset = (vectors @ weight.permute(1, 2, 0).flatten(1)).unflatten(2, (width, -1))
        inside = torch.arange(places, device=weight.device) < (words.length - width + 1).clamp(min=1).unsqueeze(1)
        return cls(
            projected=torch.stack([per_offset[:, j : j + places, j] for j in range(width)], 2),
            constant=bias + torch.einsum("fdj,d->f", weight, words.baseline),
            inside=inside,
        )

    def features(self, of: Tensor, masks: _Masks, at: slice) -> Tensor:
        """The filters' features of the texts `of` at every mask: `(n, U + 1, filters)`."""
        first, last, keeps = masks.pieces(at, self.projected.shape[2])
        answers = self.constant + keeps.to(self.projected.dtype) @ self.projected[of]
        there = ((first <= last) & self.inside[of].unsqueeze(2)).flatten().nonzero()[:, 0]
        masks_before = torch.arange(len(of), device=of.device).view(-1, 1, 1) * (masks.size + 1)
        first, last = (first + masks_before).flatten()[there], (last + masks_before).flatten()[there]
        greatest = _greatest_over(first, last, answers.flatten(0, 2)[there], len(of) * (masks.size + 1))
        return F.relu(greatest).unflatten(0, (len(of), -1))


def _greatest_over(first: Tensor, last: Tensor, values: Tensor, size: int) -> Tensor:
    """The greatest of the values whose interval covers each place, per column.

    An interval is the union of two blocks, of length `2^level`, that may overlap. Values are put on their blocks,
    and handed down from each level to the two halves on the level below: `O(N + size log size)`.

    Args:
        first: `(N,)` first place of each interval.
        last: `(N,)` last place.
        values: `(N, F)` what it holds there.
        size: Number of places.

    Returns:
        `(size, F)`, minus infinity where no interval lies.
    """
    level = torch.frexp((last - first + 1).double()).exponent.long() - 1
    levels, columns = int(level.max()) + 1, values.shape[1]
    table = values.new_full((levels * size, columns), -torch.inf)
    for start in (first, last + 1 - 2**level):
        table.scatter_reduce_(0, (level * size + start).unsqueeze(1).expand_as(values), values, "amax")
    table = table.view(levels, size, columns)
    for upper in range(levels - 1, 0, -1):
        half, lower = 2 ** (upper - 1), table[upper - 1]
        torch.maximum(lower, table[upper], out=lower)
        torch.maximum(lower[half:], table[upper, : size - half], out=lower[half:])
    return table[0]
