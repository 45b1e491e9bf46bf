"""TextCNN under masks: each window gives few answers, and each answer to a whole stretch of the masks.

Let the masks of a text stand on an axis `m = 0 ... U`. Along it, a window of `w` tokens changes its answer only where
one of its own tokens is hidden or shown again. So its answer is a step function of at most `2 w + 1` pieces, and every
piece is a sum of projections made once:

    answer_f = b_f + W_f . e_baseline + sum over the kept j of W_fj . (e_{s+j} - e_baseline)

A filter's feature at `m` is the greatest of the pieces that lie over `m`. In all: one convolution per text, whatever
the number of masks.
"""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hf_gradexplain.classifier.hooked_classifier import ForwardPass, HookedClassifier
from hf_gradexplain.models.textcnn.modeling_textcnn import TextCNNForSequenceClassification
from hf_gradexplain.perturb.matmul import product
from hf_gradexplain.perturb.packed_words import Masks, PackedWords, read_words


def leave_one_out(forward: ForwardPass) -> Tensor:
    """The logits without each unit: `(B, U, C)`."""
    words = read_words(forward)
    return _logits(forward.classifier, words, Masks.of_units(words, forward.batch.units.size))[:, 1:]


def removal_curves(forward: ForwardPass, ranks: Tensor) -> Tensor:
    """The logits without the `k` units ranked first, for orders `(M, B, U)`: `(M, B, U + 1, C)`."""
    words = read_words(forward)
    return _logits(forward.classifier, words, Masks.of_ranks(words, ranks)).unflatten(0, ranks.shape[:2])


def _logits(classifier: HookedClassifier, words: PackedWords, masks: Masks) -> Tensor:
    """The logits at every mask: `(N, U + 1, C)`."""
    model = cast(TextCNNForSequenceClassification, classifier.model)
    nothing, masked = torch.zeros_like(words.baseline), words.baseline
    vectors = torch.cat([words.vectors - masked, torch.stack([nothing, masked])])
    filters = [_Filters.of(convolution, vectors) for convolution in model.convolutions]
    logits = []
    for part in masks.split(max(1, classifier.batch_tokens // words.of.shape[1])):
        size = len(part.text) * (part.size + 1)
        pieces = _pieces(words, part, [each.width for each in filters])
        features = [each.features(piece, size) for each, piece in zip(filters, pieces, strict=True)]
        logits.append(model.classifier(torch.cat(features, 1).unflatten(0, (len(part.text), -1))))
    return torch.cat(logits)


@dataclass(frozen=True, eq=False)
class _Filters:
    """What the filters of one width make of every word.

    Attributes:
        width: `w`.
        answers: `((V + 2) w, filters)`: in row `v w + j`, what word `v` adds to the answer of a window in which it is
            kept at place `j`; zero for the last, `V + 1`, which is no word.
        constant: `(filters,)` the answer of a window whose tokens are all masked.
    """

    width: int
    answers: Tensor
    constant: Tensor

    @classmethod
    def of(cls, convolution: nn.Module, vectors: Tensor) -> "_Filters":
        """From vectors `(V + 3, D)`: those of the words less that of a masked word, zero, and that of a masked word."""
        weight, bias = cast(Tensor, convolution.weight), cast(Tensor, convolution.bias)
        count, _, width = weight.shape
        answers = product(vectors, weight.permute(2, 0, 1).flatten(0, 1)).view(-1, count)
        constant = bias + answers[-width:].sum(0)
        return cls(width, answers[:-width], constant)

    def features(self, pieces: "_Pieces", size: int) -> Tensor:
        """The features at each of so many masks: `(size, filters)`."""
        rows = pieces.words * self.width + torch.arange(self.width, device=pieces.words.device)
        values = F.embedding_bag(rows, self.answers, mode="sum")
        return F.relu(_greatest_over(pieces.first, pieces.last, values, size) + self.constant)


@dataclass(frozen=True, eq=False)
class _Pieces:
    """The stretches of masks that are all the same to a window, for all windows of one width in `N` texts.

    Attributes:
        first: `(P,)` first mask of each stretch, out of the `N (U + 1)` of all texts.
        last: `(P,)` its last mask.
        words: `(P, w)` rows of `Words.vectors` for the tokens that are kept, and `V + 1` for those that are hidden.
    """

    first: Tensor
    last: Tensor
    words: Tensor


def _pieces(words: PackedWords, masks: Masks, widths: list[int]) -> list[_Pieces]:
    """The pieces for each width.

    All have windows as wide as the widest, but what is beyond a window's own width is nobody's, so that it does not
    change at any mask.
    """
    widest, no_token, device = max(widths), len(words.vectors) - 1, words.of.device
    width = torch.tensor(widths, device=device).view(-1, 1, 1)
    window = _windows(words.of[masks.text], widest, no_token)
    beyond = torch.arange(widest, device=device) >= width.unsqueeze(3)
    number = _windows(masks.number, widest, masks.size + 1).masked_fill(beyond, masks.size + 1)
    changes = (number if masks.nested else torch.cat([number, number + 1], 3)).sort(3).values
    first, last = F.pad(changes, (1, 0)), F.pad(changes - 1, (0, 1), value=masks.size).clamp(max=masks.size)

    texts, places = window.shape[:2]
    windows = (words.length[masks.text].unsqueeze(1) - width + 1).clamp(min=1)
    there = (first <= last) & (torch.arange(places, device=device) < windows).unsqueeze(3)
    counts, there = there.flatten(1).sum(1).tolist(), there.flatten().nonzero().squeeze(1)
    of_piece = torch.arange(texts * places, device=device).view(texts, places, 1).expand_as(first)
    before = torch.arange(texts, device=device).view(-1, 1, 1) * (masks.size + 1)
    hidden = masks.hides(number.unsqueeze(3), first.unsqueeze(4))
    first, last, of_piece = (x.flatten().index_select(0, there) for x in (before + first, before + last, of_piece))
    hidden = hidden.flatten(0, 3).index_select(0, there)
    kept = window.flatten(0, 1).index_select(0, of_piece).masked_fill_(hidden, no_token + 1)
    by_width = zip(first.split(counts), last.split(counts), kept.split(counts), widths, strict=True)
    return [_Pieces(first, last, kept[:, :w]) for first, last, kept, w in by_width]


def _windows(x: Tensor, width: int, fill: int) -> Tensor:
    """The windows over `(N, T)`, one from each token on, at least one: `(N, max(T, 1), width)`."""
    return F.pad(x, (0, width - min(x.shape[1], 1)), value=fill).unfold(1, width, 1)


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
    level = torch.frexp((last - first + 1).float()).exponent - 1
    levels, columns, row = int(level.max()) + 1, values.shape[1], level * size
    table = values.new_full((levels * size, columns), -torch.inf)
    for start in (first, last + 1 - (1 << level)):
        table.scatter_reduce_(0, (row + start).unsqueeze(1).expand_as(values), values, "amax")
    parts = table.view(levels, size, columns).unbind()
    for upper in range(levels - 1, 0, -1):
        half, lower, whole = 2 ** (upper - 1), parts[upper - 1], parts[upper]
        torch.maximum(lower, whole, out=lower)
        later = lower[half:]
        torch.maximum(later, whole[: size - half], out=later)
    return parts[0]
