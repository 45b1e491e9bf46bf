"""BiLSTM under masks: masked copies share their states until they differ.

Let the masks of a text stand on an axis `m = 0 ... U`. Read in one direction, the copy under mask `m` has the states
of another copy up to the first token at which their masks differ; there it starts from that copy's state. In
leave-one-out, copy `m` branches off the plain text at the unit's first token. In a removal curve it branches off copy
`m' < m`, the last one in which all that differs comes later. Either way a word read in the plain order of the text
costs each copy half of the steps on average, and its input projection is made once for all copies.

All copies of all texts go on together. Texts are aligned at their ends, so that copies only ever come in. Those that
read forward are put into the rows of one matrix upwards from its middle, those that read backward downwards from there:
at any time, all that are there are neighbours. Copies come in some steps before they branch off, as many together as
suit the way in which the steps are taken (`cells.py`), and start from the nearest forebear that is there already. So a
stretch of several steps has the same rows.
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
from hf_gradexplain.perturb.cells import Cells, Steps, cells_of, part_sizes
from hf_gradexplain.perturb.packed_words import Masks, PackedWords, read_words

_STEPS_AT_ONCE = 64
"""For how many steps, and less than twice as many, what all copies read is looked up together."""


def leave_one_out(forward: ForwardPass) -> Tensor:
    """The logits without each unit: `(B, U, C)`. Layers above the first share nothing: they get the generic form."""
    if cast(BiLSTMForSequenceClassification, forward.classifier.model).lstm.num_layers > 1:
        return generic.leave_one_out(forward)
    words = read_words(forward)
    return _logits(forward.classifier, words, Masks.of_units(words, forward.batch.units.size))[:, 1:]


def removal_curves(forward: ForwardPass, ranks: Tensor) -> Tensor:
    """The logits without the `k` units ranked first, for orders `(M, B, U)`: `(M, B, U + 1, C)`."""
    if cast(BiLSTMForSequenceClassification, forward.classifier.model).lstm.num_layers > 1:
        return generic.removal_curves(forward, ranks)
    words = read_words(forward)
    return _logits(forward.classifier, words, Masks.of_ranks(words, ranks)).unflatten(0, ranks.shape[:2])


def _logits(classifier: HookedClassifier, words: PackedWords, masks: Masks) -> Tensor:
    """The logits at every mask: `(N, U + 1, C)`."""
    model = cast(BiLSTMForSequenceClassification, classifier.model)
    together = max(1, classifier.batch_tokens // (masks.size + 1))
    cells = cells_of(model.lstm, words, min(together, len(masks.text)))
    logits = []
    for part in masks.split(together):
        pooled = _read(cells, words, part, model.lstm.hidden_size, model.config.pooling)
        logits.append(model.classifier(pooled.to(words.vectors.dtype)))
    return torch.cat(logits)


def _read(cells: Cells, words: PackedWords, masks: Masks, hidden_size: int, pooling: str) -> Tensor:
    """The pooled states of both directions, of `hidden_size` `H` each, at every mask: `(N, U + 1, 2 H)`."""
    length = words.length[masks.text].clamp(min=1)
    copies = _PerturbedCopies.of(masks, length, cells)
    of, number = _both_ways(words.of[masks.text], length).T.contiguous(), copies.number.T.contiguous()
    middle, step = len(copies.mask) // 2, 0
    dtype = torch.promote_types(words.vectors.dtype, torch.float32)
    states = words.vectors.new_zeros(3, len(copies.mask) + 1, hidden_size, dtype=dtype)
    states[2] = -torch.inf if pooling == "max" else 0
    for stretch in copies.stretches():
        states.index_copy_(1, stretch.new, states.index_select(1, stretch.parent))
        there, n_forward = slice(stretch.first, stretch.end), middle - stretch.first
        text, mask = copies.text[there], copies.mask[there]
        for size in part_sizes(stretch.steps, _STEPS_AT_ONCE):
            steps = slice(step, step + size)
            masked = masks.hides(number[steps].index_select(1, text), mask)
            cells.advance(states[:, there], Steps(of[steps], text, masked, n_forward), pooling)
            step += size
    result = cells.scale * states[0 if pooling == "last" else 2][copies.row]
    return torch.cat([*result], 2) / (length.view(-1, 1, 1) if pooling == "mean" else 1)


def _both_ways(tokens: Tensor, length: Tensor) -> Tensor:
    """`(N, T)` tokens that stand on the left, moved to the right, and then from the last to the first: `(2 N, T)`."""
    tokens = tokens[:, : int(length.max())]
    places = torch.arange(tokens.shape[1], device=tokens.device) + length.unsqueeze(1)
    return torch.cat([tokens.gather(1, places % tokens.shape[1]), tokens.flip(1)])


@dataclass(frozen=True)
class _Stretch:
    """Some steps in a row, with the copies in rows `first ... end - 1`; the `new` ones start from their `parent`."""

    steps: int
    first: int
    end: int
    new: Tensor
    parent: Tensor


@dataclass(frozen=True, eq=False)
class _PerturbedCopies:
    """The copies of `N` texts under each of their masks, read in both directions: `M = 2 N (U + 1)` rows.

    Attributes:
        number: `(2 N, T)` numbers of the tokens in the order in which they are read, see `Masks`.
        text: `(M,)` which of the `2 N` ways of reading.
        mask: `(M,)` which mask.
        row: `(2, N, U + 1)` row of each copy.
        begin: `(M,)` step at which each comes in.
        parent: `(M,)` row of the copy whose state it starts from; `M` for the state before the first word.
        present: `(2, T)` how many rows are there at each step, on either side of the middle.
    """

    number: Tensor
    text: Tensor
    mask: Tensor
    row: Tensor
    begin: Tensor
    parent: Tensor
    present: Tensor

    @classmethod
    def of(cls, masks: Masks, length: Tensor, cells: Cells) -> "_PerturbedCopies":
        number, columns = _both_ways(masks.number, length), masks.size + 1
        start, parent = _branches(number, masks)
        steps, first = number.shape[1], (number.shape[1] - length).repeat(2)
        start, order = start.maximum(first.unsqueeze(1)).view(2, -1).sort(dim=1, stable=True)
        middle, to_end = start.shape[1], torch.arange(steps, device=start.device).flip(0)
        blocks_to_come = (to_end // cells.block).clamp(max=max(steps // cells.block - 1, 0))
        last_of_block = steps - 1 - blocks_to_come * cells.block
        there = torch.searchsorted(start, last_of_block.expand(2, -1).contiguous(), right=True).tolist()
        rounded = [[min(cells.rounded(n), middle) for n in counts] for counts in there]
        present = torch.tensor(rounded, device=start.device)
        rows = torch.arange(middle, device=start.device)
        begin = torch.searchsorted(present, rows.expand(2, -1).contiguous(), right=True)
        begin = torch.cat([begin[0].flip(0), begin[1]])
        copy = torch.cat([order[0].flip(0), order[1] + middle])
        row, text, mask = copy.argsort(), copy // columns, copy % columns
        begin = begin.maximum(first[text])
        parent = torch.where(mask == 0, len(copy), row[text * columns + parent.flatten()[copy]])
        parent = _first_to_begin_earlier(parent, begin)
        return cls(number, text, mask, row.view(2, -1, columns), begin, parent, present)

    def stretches(self) -> Iterator[_Stretch]:
        """The reading, stretch by stretch."""
        begin, counts = self.begin.unique(return_counts=True)
        n_forward, back = self.present[:, begin].tolist()
        middle, new = len(self.begin) // 2, self.begin.argsort()
        rows = zip(new.split(counts.tolist()), self.parent[new].split(counts.tolist()), strict=True)
        steps = begin.diff(append=begin.new_tensor([self.number.shape[1]])).tolist()
        for n, a, b, (new, parent) in zip(steps, n_forward, back, rows, strict=True):
            yield _Stretch(n, middle - a, middle + b, new, parent)


def _branches(number: Tensor, masks: Masks) -> tuple[Tensor, Tensor]:
    """Where the copies under each mask branch off, and off which: a step and a mask, each `(2 N, U + 1)`.

    A copy that never does branches off at the last step. The plain one does before the first, at -1, off itself.
    """
    texts, steps = number.shape
    step = torch.arange(steps, device=number.device).expand_as(number)
    start = torch.full((texts, masks.size + 2), steps - 1, device=number.device)
    start = start.scatter_reduce(1, number, step, "amin")[:, :-1]
    start[:, 0] = -1
    return start, _previous_smaller(start) if masks.nested else torch.zeros_like(start)


def _first_to_begin_earlier(parent: Tensor, begin: Tensor) -> Tensor:
    """The nearest forebear of each copy that begins before it does: `(M,)`; `M` is before them all.

    Until a copy branches off its parent, and that from its own, all of them have the same states.
    """
    begin, parent = F.pad(begin, (0, 1), value=-1), F.pad(parent, (0, 1), value=len(parent))
    while True:
        nearest = torch.where(begin[parent] == begin, parent[parent], parent)
        if torch.equal(nearest, parent):
            return parent[:-1]
        parent = nearest


def _previous_smaller(x: Tensor) -> Tensor:
    """The place of the nearest smaller value on the left: `(N, M)` to `(N, M)`; the first value is -1, all else above.

    Doubling: skip every stretch of `2^level` values, from the longest to the shortest, that holds no smaller one.
    """
    lows = [x]
    while (reach := 2 ** (len(lows) - 1)) < x.shape[1]:
        lows.append(torch.minimum(lows[-1], F.pad(lows[-1], (reach, 0), value=-1)[:, :-reach]))
    place = (torch.arange(x.shape[1], device=x.device) - 1).clamp(min=0).expand_as(x)
    for level in range(len(lows) - 1, -1, -1):
        skip = lows[level].gather(1, place) >= x
        place = torch.where(skip, place - 2**level, place).clamp(min=0)
    return place
