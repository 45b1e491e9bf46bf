"""The shortcut of TextCNN: a filter's response to a window changes only if a word of the window is masked.

Put the masks of a text on an axis `m = 0 ... U`. Along this axis, the response to a window of `w` tokens changes only
where one of its own tokens is hidden or shown again. It is therefore a step function of at most `2 w + 1` pieces, and
each piece is a sum of projections that are computed once:

    response_f = b_f + W_f . e_baseline + sum over the visible j of W_fj . (e_{s+j} - e_baseline)

The feature of a filter at `m` is the maximum of the pieces that cover `m`. The total cost is one convolution per text,
whatever the number of masks.
"""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hf_gradexplain.classifier.hooked_classifier import ForwardPass, HookedClassifier
from hf_gradexplain.models.textcnn.modeling_textcnn import TextCNNForSequenceClassification
from hf_gradexplain.perturb.matmul import product
from hf_gradexplain.perturb.packed_words import Masks, PackedWords, pack_words


def leave_one_out(forward: ForwardPass) -> Tensor:
    """Return the logits without each unit: `(B, U, C)`."""
    words = pack_words(forward)
    return _logits(forward.classifier, words, Masks.of_units(words, forward.batch.units.size))[:, 1:]


def removal_curves(forward: ForwardPass, ranks: Tensor) -> Tensor:
    """Return the logits without the `k` units ranked first, for orders `(M, B, U)`: `(M, B, U + 1, C)`."""
    words = pack_words(forward)
    return _logits(forward.classifier, words, Masks.of_ranks(words, ranks)).unflatten(0, ranks.shape[:2])


def subset_logits(forward: ForwardPass, text_of: Tensor, removed: Tensor) -> Tensor:
    """Return the logits of the texts `(N,)` without sets of units `(N, U)`: `(N, C)`.

    Each word is projected once. The response to a window is the sum of the projections of its visible tokens.
    """
    texts, text_of = text_of.unique(return_inverse=True)
    words, classifier = pack_words(forward, texts), forward.classifier
    model, filters = cast(TextCNNForSequenceClassification, classifier.model), _project(classifier, words)
    no_token, at_once = len(words.vectors) - 1, max(1, classifier.batch_tokens // words.row_of.shape[1])
    logits = []
    for text, units in zip(text_of.split(at_once), F.pad(removed, (0, 1)).split(at_once), strict=True):
        hidden = units.gather(1, words.unit_of[text])
        tokens, length = words.row_of[text].masked_fill_(hidden, no_token + 1), words.length[text]
        features = [each.features_of(_windows(tokens, each.width, no_token), length) for each in filters]
        logits.append(model.classifier(torch.cat(features, 1)))
    return torch.cat(logits)


def _logits(classifier: HookedClassifier, words: PackedWords, masks: Masks) -> Tensor:
    """Return the logits at each mask: `(N, U + 1, C)`."""
    model, filters = cast(TextCNNForSequenceClassification, classifier.model), _project(classifier, words)
    logits = []
    for part in masks.split(max(1, classifier.batch_tokens // words.row_of.shape[1])):
        size = len(part.text) * (part.size + 1)
        pieces = _pieces(words, part, [each.width for each in filters])
        features = [each.features_at(piece, size) for each, piece in zip(filters, pieces, strict=True)]
        logits.append(model.classifier(torch.cat(features, 1).unflatten(0, (len(part.text), -1))))
    return torch.cat(logits)


@dataclass(frozen=True, eq=False)
class _Filters:
    """The projections of all words by the filters of one width.

    Attributes:
        width: `w`.
        projections: `((V + 2) w, filters)`: row `v w + j` is what word `v` adds to the response to a window in which it
            is visible at position `j`. The last word, `V + 1`, stands for a hidden token: its rows are zero.
        constant: `(filters,)` the response to a window whose tokens are all masked.
    """

    width: int
    projections: Tensor
    constant: Tensor

    @classmethod
    def of(cls, convolution: nn.Module, vectors: Tensor) -> "_Filters":
        """Project the words.

        Args:
            convolution: The convolution of this width.
            vectors: `(V + 3, D)`: the words minus the masked word, zero, and the masked word.
        """
        weight, bias = cast(Tensor, convolution.weight), cast(Tensor, convolution.bias)
        count, _, width = weight.shape
        projections = product(vectors, weight.permute(2, 0, 1).flatten(0, 1)).view(-1, count)
        constant = bias + projections[-width:].sum(0)
        return cls(width, projections[:-width], constant)

    def features_at(self, pieces: "_Pieces", size: int) -> Tensor:
        """Return the features at each of `size` masks: `(size, filters)`."""
        values = self._responses(pieces.words)
        visible = _max_over_intervals(pieces.first, pieces.last, values, size)
        return F.relu(torch.maximum(visible, pieces.hidden) + self.constant)

    def features_of(self, windows: Tensor, length: Tensor) -> Tensor:
        """Return the features of copies of `length` `(N,)` tokens, from their windows `(N, T, w)`: `(N, filters)`."""
        positions = torch.arange(windows.shape[1], device=windows.device)
        beyond = positions > (length - self.width).unsqueeze(1)
        windows = torch.where(beyond.unsqueeze(2), windows[:, :1], windows)
        return F.relu(self._responses(windows.flatten(0, 1)).unflatten(0, beyond.shape).amax(1) + self.constant)

    def _responses(self, windows: Tensor) -> Tensor:
        """Return the responses to windows, except `constant`: `(n, w)` rows of the visible tokens to `(n, filters)`."""
        rows = windows * self.width + torch.arange(self.width, device=windows.device)
        return F.embedding_bag(rows, self.projections, mode="sum")


def _project(classifier: HookedClassifier, words: PackedWords) -> list[_Filters]:
    """Project the words by the filters of each width."""
    model = cast(TextCNNForSequenceClassification, classifier.model)
    zero, masked = torch.zeros_like(words.baseline), words.baseline
    vectors = torch.cat([words.vectors - masked, torch.stack([zero, masked])])
    return [_Filters.of(convolution, vectors) for convolution in model.convolutions]


@dataclass(frozen=True, eq=False)
class _Pieces:
    """The intervals of masks in which a window stays the same, for all windows of one width in `N` texts.

    Attributes:
        first: `(P,)` first mask of each interval, among the `N (U + 1)` masks of all texts.
        last: `(P,)` its last mask.
        words: `(P, w)` rows of `PackedWords.vectors` of the visible tokens; `V + 1` for hidden tokens.
        hidden: `(N (U + 1), 1)` 0 at the masks of a removal curve from which on a whole window is hidden, minus
            infinity at the others. Such windows all have the same response, and no pieces.
    """

    first: Tensor
    last: Tensor
    words: Tensor
    hidden: Tensor


def _pieces(words: PackedWords, masks: Masks, widths: list[int]) -> list[_Pieces]:
    """Return the pieces for each width.

    All windows are made as wide as the widest. Tokens past a window's own width count as tokens of no unit, which do
    not change at any mask. Numbers are 32 bits wide, which takes less time than 64.
    """
    widest, no_token, never, device = max(widths), len(words.vectors) - 1, masks.size + 1, words.row_of.device
    width = torch.tensor(widths, device=device).view(-1, 1, 1)
    window = _windows(words.row_of[masks.text], widest, no_token).int()
    beyond = torch.arange(widest, device=device) >= width.unsqueeze(3)
    number = _windows(masks.number.int(), widest, never).masked_fill(beyond, never)
    changes = (number if masks.nested else torch.cat([number, number + 1], 3)).sort(3).values
    first, last = F.pad(changes, (1, 0)), F.pad(changes - 1, (0, 1), value=masks.size).clamp(max=masks.size)

    texts, positions = window.shape[:2]
    windows = (words.length[masks.text].unsqueeze(1) - width + 1).clamp(min=1)
    is_window = torch.arange(positions, device=device) < windows
    exists = (first <= last) & is_window.unsqueeze(3)
    hidden_from = torch.full_like(is_window, never, dtype=number.dtype)
    if masks.nested:
        hidden_from = changes.gather(3, (width - 1).unsqueeze(3).expand(-1, texts, positions, 1)).squeeze(3)
        exists &= first < hidden_from.unsqueeze(3)
    counts, existing = exists.flatten(1).sum(1).tolist(), exists.flatten().nonzero().squeeze(1)
    window_of = existing // first.shape[3]
    text_of = window_of // positions % texts
    first, last = (x.flatten().index_select(0, existing) for x in (first, last))
    hidden = masks.hides(number.flatten(0, 2).index_select(0, window_of), first.unsqueeze(1))
    visible = window.flatten(0, 1).index_select(0, window_of % (texts * positions)).masked_fill_(hidden, no_token + 1)
    first, last = (x + text_of * (masks.size + 1) for x in (first, last))
    m = torch.arange(masks.size + 1, device=device)
    is_hidden = m >= hidden_from.masked_fill(~is_window, never).amin(2, keepdim=True)
    zeros = torch.where(is_hidden, 0.0, -torch.inf).flatten(1).unsqueeze(2).to(words.vectors)
    by_width = zip(first.split(counts), last.split(counts), visible.split(counts), zeros, widths, strict=True)
    return [_Pieces(first, last, visible[:, :w], zero) for first, last, visible, zero, w in by_width]


def _windows(x: Tensor, width: int, fill: int) -> Tensor:
    """Return the windows over `(N, T)`, one starting at each token, at least one: `(N, max(T, 1), width)`."""
    return F.pad(x, (0, width - min(x.shape[1], 1)), value=fill).unfold(1, width, 1)


def _max_over_intervals(first: Tensor, last: Tensor, values: Tensor, size: int) -> Tensor:
    """Return the maximum of the values whose interval covers each position, per column.

    The algorithm is a sparse table. An interval is the union of two blocks of length `2^level`, which may overlap. Each
    value is stored at its two blocks. Then each level passes the value of a block to its two halves on the level below.
    The cost is `O(N + size log size)`.

    Args:
        first: `(N,)` first position of each interval.
        last: `(N,)` last position.
        values: `(N, F)` values of each interval.
        size: Number of positions.

    Returns:
        `(size, F)`, minus infinity at positions without an interval.
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
