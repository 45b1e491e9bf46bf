"""The shortcut of BiLSTM: masked copies share their states until they differ.

Put the masks of a text on an axis `m = 0 ... U`. In one direction, the copy with mask `m` has the same states as
another copy, its parent, up to the first token at which their masks differ; there it starts from the parent's state. In
leave-one-out, the parent of copy `m` is the plain text, and they differ from the unit's first token on. In a removal
curve, copy `m` branches off at the first token of the `m`-th removed unit; its parent is the copy with the largest
number below `m` that branched off at a token before this one. In both cases a copy runs half of the steps on average,
and the input projection of a word is computed once for all copies. Copies with arbitrary sets of units removed also
branch off from the plain text. Sorted sets could share more, but `K` random sets of half of the units differ from each
other after about `log2 K` steps.

All copies of all texts advance together. Texts are aligned at their ends, hence copies start at different steps and end
together. The copies of the forward direction fill the rows of one matrix from its middle upwards, those of the backward
direction from its middle downwards: at any step, the rows in use are contiguous. New copies start only every few steps
(the `block` of `cells.py`), so that the rows do not change within a block. A copy therefore starts a few steps before
it differs from its parent, from the state of the nearest ancestor that has already started.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

from hf_gradexplain.classifier.hooked_classifier import ForwardPass, HookedClassifier
from hf_gradexplain.models.bilstm.modeling_bilstm import BiLSTMForSequenceClassification
from hf_gradexplain.perturb import generic
from hf_gradexplain.perturb.cells import Cells, Steps, make_cells, part_sizes
from hf_gradexplain.perturb.packed_words import Masks, PackedWords, Sets, pack_words

_STEPS_AT_ONCE = 64
"""The inputs of all copies are looked up for this many steps at a time, or up to twice as many."""


def leave_one_out(forward: ForwardPass) -> Tensor:
    """Return the logits without each unit: `(B, U, C)`.

    Layers above the first share no states: models with several layers use the generic form.
    """
    if cast(BiLSTMForSequenceClassification, forward.classifier.model).lstm.num_layers > 1:
        return generic.leave_one_out(forward)
    words = pack_words(forward)
    return _logits(forward.classifier, words, Masks.of_units(words, forward.batch.units.size))[:, 1:]


def removal_curves(forward: ForwardPass, ranks: Tensor) -> Tensor:
    """Return the logits without the `k` units ranked first, for orders `(M, B, U)`: `(M, B, U + 1, C)`."""
    if cast(BiLSTMForSequenceClassification, forward.classifier.model).lstm.num_layers > 1:
        return generic.removal_curves(forward, ranks)
    words = pack_words(forward)
    return _logits(forward.classifier, words, Masks.of_ranks(words, ranks)).unflatten(0, ranks.shape[:2])


def subset_logits(forward: ForwardPass, text_of: Tensor, removed: Tensor) -> Tensor:
    """Return the logits of the texts `(N,)` without sets of units `(N, U)`: `(N, C)`."""
    classifier = forward.classifier
    if cast(BiLSTMForSequenceClassification, classifier.model).lstm.num_layers > 1:
        return generic.subset_logits(forward, text_of, removed)
    texts, text_of = text_of.unique(return_inverse=True)
    words, at_once = pack_words(forward, texts), classifier.batch_tokens
    logits = []
    for part, units in zip(text_of.split(at_once), removed.split(at_once), strict=True):
        sets = Sets.of(words, part, units)
        logits.append(_logits(classifier, words, sets).flatten(0, 1)[sets.row])
    return torch.cat(logits)


def _logits(classifier: HookedClassifier, words: PackedWords, masks: Masks | Sets) -> Tensor:
    """Return the logits at each mask: `(N, U + 1, C)`."""
    model = cast(BiLSTMForSequenceClassification, classifier.model)
    at_once = max(1, classifier.batch_tokens // (masks.size + 1))
    cells = make_cells(model.lstm, words, min(at_once, len(masks.text)))
    logits = []
    for part in masks.split(at_once):
        pooled = _pooled_states(cells, words, part, model.lstm.hidden_size, model.config.pooling)
        logits.append(model.classifier(pooled.to(words.vectors.dtype)))
    return torch.cat(logits)


def _pooled_states(cells: Cells, words: PackedWords, masks: Masks | Sets, hidden_size: int, pooling: str) -> Tensor:
    """Return the pooled states of both directions, with `hidden_size` `H` each, at each mask: `(N, U + 1, 2 H)`."""
    length = words.length[masks.text].clamp(min=1)
    copies = _MaskedCopies.of(masks, length, cells)
    row_of = _both_directions(words.row_of[masks.text], length).T.contiguous()
    number = copies.number.T.contiguous()
    middle, step = len(copies.mask) // 2, 0
    dtype = torch.promote_types(words.vectors.dtype, torch.float32)
    states = words.vectors.new_zeros(3, len(copies.mask) + 1, hidden_size, dtype=dtype)
    states[2] = -torch.inf if pooling == "max" else 0
    for segment in copies.segments():
        states.index_copy_(1, segment.new, states.index_select(1, segment.parent))
        rows, n_forward = slice(segment.first, segment.end), middle - segment.first
        text, mask = copies.text[rows], copies.mask[rows]
        for size in part_sizes(segment.steps, _STEPS_AT_ONCE):
            steps = slice(step, step + size)
            masked = masks.hides(number[steps].index_select(1, text), mask)
            cells.advance(states[:, rows], Steps(row_of[steps], text, masked, n_forward), pooling)
            step += size
    result = cells.scale * states[0 if pooling == "last" else 2][copies.row]
    return torch.cat([*result], 2) / (length.view(-1, 1, 1) if pooling == "mean" else 1)


def _both_directions(tokens: Tensor, length: Tensor) -> Tensor:
    """Align left-aligned tokens `(N, T)` right, in forward order and then in backward order: `(2 N, T)`."""
    tokens = tokens[:, : int(length.max())]
    positions = torch.arange(tokens.shape[1], device=tokens.device) + length.unsqueeze(1)
    return torch.cat([tokens.gather(1, positions % tokens.shape[1]), tokens.flip(1)])


@dataclass(frozen=True)
class _Segment:
    """Consecutive steps with the copies in rows `first ... end - 1`; the `new` rows start from their `parent` rows."""

    steps: int
    first: int
    end: int
    new: Tensor
    parent: Tensor


@dataclass(frozen=True, eq=False)
class _MaskedCopies:
    """The copies of `N` texts, one per mask and direction: `M = 2 N (U + 1)` rows.

    Attributes:
        number: `(2 N, T)` numbers of the tokens in the order of the steps, see `Masks`; forward, then backward.
        text: `(M,)` row of `number` of each copy.
        mask: `(M,)` mask of each copy.
        row: `(2, N, U + 1)` row of each copy.
        begin: `(M,)` step at which each copy starts.
        parent: `(M,)` row of the copy from whose state it starts; `M` for the state before the first word.
        active: `(2, T)` number of rows in use at each step, of the forward and of the backward direction.
    """

    number: Tensor
    text: Tensor
    mask: Tensor
    row: Tensor
    begin: Tensor
    parent: Tensor
    active: Tensor

    @classmethod
    def of(cls, masks: Masks | Sets, length: Tensor, cells: Cells) -> "_MaskedCopies":
        """Plan the steps of the copies of texts of some `length` `(N,)`."""
        number, columns = _both_directions(masks.number, length), masks.size + 1
        start, parent = _branch_points(number, masks)
        steps, first = number.shape[1], (number.shape[1] - length).repeat(2)
        start, order = start.maximum(first.unsqueeze(1)).view(2, -1).sort(dim=1, stable=True)
        middle, to_end = start.shape[1], torch.arange(steps, device=start.device).flip(0)
        blocks_left = (to_end // cells.block).clamp(max=max(steps // cells.block - 1, 0))
        last_of_block = steps - 1 - blocks_left * cells.block
        started = torch.searchsorted(start, last_of_block.expand(2, -1).contiguous(), right=True).tolist()
        n_rows = [[min(cells.n_rows(n), middle) for n in counts] for counts in started]
        active = torch.tensor(n_rows, device=start.device)
        rows = torch.arange(middle, device=start.device)
        begin = torch.searchsorted(active, rows.expand(2, -1).contiguous(), right=True)
        begin = torch.cat([begin[0].flip(0), begin[1]])
        copy = torch.cat([order[0].flip(0), order[1] + middle])
        row, text, mask = copy.argsort(), copy // columns, masks.of_copies(copy)
        begin = begin.maximum(first[text])
        parent = torch.where(copy % columns == 0, len(copy), row[text * columns + parent.flatten()[copy]])
        parent = _nearest_earlier_ancestor(parent, begin)
        return cls(number, text, mask, row.view(2, -1, columns), begin, parent, active)

    def segments(self) -> Iterator[_Segment]:
        """Yield the segments from the first step to the last."""
        begin, counts = self.begin.unique(return_counts=True)
        n_forward, n_backward = self.active[:, begin].tolist()
        middle, new = len(self.begin) // 2, self.begin.argsort()
        rows = zip(new.split(counts.tolist()), self.parent[new].split(counts.tolist()), strict=True)
        steps = begin.diff(append=begin.new_tensor([self.number.shape[1]])).tolist()
        for n, a, b, (new, parent) in zip(steps, n_forward, n_backward, rows, strict=True):
            yield _Segment(n, middle - a, middle + b, new, parent)


def _branch_points(number: Tensor, masks: Masks | Sets) -> tuple[Tensor, Tensor]:
    """Return the step at which each copy first differs from its parent, and the parent's mask, each `(2 N, U + 1)`.

    A copy that never differs gets the last step. The plain copy gets the step -1 and itself as the parent.
    """
    start = masks.branch_points(number)
    start[:, 0] = -1
    return start, _previous_smaller(start) if masks.nested else torch.zeros_like(start)


def _nearest_earlier_ancestor(parent: Tensor, begin: Tensor) -> Tensor:
    """Return the nearest ancestor of each copy that starts before it: `(M,)`; `M` for the state before the first word.

    Copies have the states of their ancestors until they differ from them.
    """
    begin, parent = F.pad(begin, (0, 1), value=-1), F.pad(parent, (0, 1), value=len(parent))
    while True:
        nearest = torch.where(begin[parent] == begin, parent[parent], parent)
        if torch.equal(nearest, parent):
            return parent[:-1]
        parent = nearest


def _previous_smaller(x: Tensor) -> Tensor:
    """Return the position of the nearest smaller value to the left: `(N, M)` to `(N, M)`.

    The first value must be -1 and all others larger. The search skips blocks of `2^level` values without a smaller one,
    from the longest blocks to the shortest.
    """
    lows = [x]
    while (reach := 2 ** (len(lows) - 1)) < x.shape[1]:
        lows.append(torch.minimum(lows[-1], F.pad(lows[-1], (reach, 0), value=-1)[:, :-reach]))
    position = (torch.arange(x.shape[1], device=x.device) - 1).clamp(min=0).expand_as(x)
    for level in range(len(lows) - 1, -1, -1):
        skip = lows[level].gather(1, position) >= x
        position = torch.where(skip, position - 2**level, position).clamp(min=0)
    return position
