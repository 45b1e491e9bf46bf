"""BiLSTM under masks: masked copies share their states until they differ.

Let the masks of a text stand on an axis `m = 0 ... U`. Read in one direction, the copy under mask `m` has the states
of another copy up to the first token at which their masks differ; there it starts from that copy's state. In
leave-one-out, copy `m` branches off the plain text at the unit's first token. In a removal curve it branches off copy
`m' < m`, the last one in which all that differs comes later. Either way a word read in the plain order of the text
costs each copy half of the steps on average, and the input projection of every word is made once for all copies.

All copies of all texts take a step together. Texts are aligned at their ends, so that copies only ever come in, and
those that are there are the first rows of one matrix.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

from hf_gradexplain.classifier import Classifier, Reading
from hf_gradexplain.models.bilstm.modeling_bilstm import BiLSTMForSequenceClassification
from hf_gradexplain.perturb import generic
from hf_gradexplain.perturb.words import Masks, Words, read_words

_STEPS_AT_ONCE = 64
"""For how many steps the inputs of all copies are looked up together."""


def leave_one_out(classifier: Classifier, reading: Reading) -> Tensor:
    """The logits without each unit: `(B, U, C)`. Layers above the first share nothing: they get the generic form."""
    if cast(BiLSTMForSequenceClassification, classifier.model).lstm.num_layers > 1:
        return generic.leave_one_out(classifier, reading)
    words = read_words(classifier, reading)
    return _logits(classifier, words, Masks.of_units(words, reading.batch.units.size))[:, 1:]


def removal_curves(classifier: Classifier, reading: Reading, ranks: Tensor) -> Tensor:
    """The logits without the `k` units ranked first, for orders `(M, B, U)`: `(M, B, U + 1, C)`."""
    if cast(BiLSTMForSequenceClassification, classifier.model).lstm.num_layers > 1:
        return generic.removal_curves(classifier, reading, ranks)
    words = read_words(classifier, reading)
    return _logits(classifier, words, Masks.of_ranks(words, ranks)).unflatten(0, ranks.shape[:2])


def _logits(classifier: Classifier, words: Words, masks: Masks) -> Tensor:
    """The logits at every mask: `(N, U + 1, C)`."""
    model = cast(BiLSTMForSequenceClassification, classifier.model)
    directions = [
        _Direction.of(weights, words, backward)
        for weights, backward in zip(model.lstm.all_weights, (False, True), strict=True)
    ]
    parts = []
    for part in masks.split(max(1, classifier.batch_tokens // (masks.size + 1))):
        pooled = torch.cat([d.read(words, part, model.config.pooling) for d in directions], 2)
        parts.append(model.classifier(pooled.to(words.vectors.dtype)))
    return torch.cat(parts)


@dataclass(frozen=True, eq=False)
class _Direction:
    """One direction of the LSTM over a batch.

    Attributes:
        projected: `(V + 2, 4 H)` what each word adds to the gates, biases included; the last is a masked word.
        recurrent: `(H, 4 H)` what the state adds to the gates. See `_step` for how the gates are scaled.
        backward: Whether it reads from the end.
    """

    projected: Tensor
    recurrent: Tensor
    backward: bool

    @classmethod
    def of(cls, weights: Sequence[Tensor], words: Words, backward: bool) -> "_Direction":
        w_ih, w_hh, b_ih, b_hh = weights
        dtype = torch.promote_types(w_hh.dtype, torch.float32)
        scale = torch.tensor([1, 1, 2, 1], device=w_hh.device, dtype=dtype).repeat_interleave(w_hh.shape[1])
        vectors = torch.cat([words.vectors, words.baseline.unsqueeze(0)])
        return cls(F.linear(vectors, w_ih, b_ih + b_hh) * scale, w_hh.T * scale, backward)

    def read(self, words: Words, masks: Masks, pooling: str) -> Tensor:
        """The pooled states at every mask: `(N, U + 1, H)`."""
        length = words.length[masks.text]
        number = self._in_order(masks.number, length)
        copies = _Copies.of(number, length, masks)
        inputs = self._inputs(self._in_order(words.of[masks.text], length), number, copies, masks)
        states = self.recurrent.new_zeros(len(copies.mask), 3 * len(self.recurrent))
        pooled = states.chunk(3, 1)[2].fill_(-torch.inf if pooling == "max" else 0)
        before = 0
        for rows, n in zip(inputs, copies.present, strict=True):
            states[before:n] = states[copies.parent[before:n]]
            h, c, pooled = states[:n].chunk(3, 1)
            _step(self.projected.index_select(0, rows[:n]).addmm_(h, self.recurrent), h, c)
            if pooling == "max":
                torch.maximum(pooled, h, out=pooled)
            elif pooling == "mean":
                pooled += h
            before = n
        h, _, pooled = states[copies.row].unflatten(0, (len(length), -1)).chunk(3, 2)
        if pooling == "last":
            return h
        return pooled / length.clamp(min=1).view(-1, 1, 1) if pooling == "mean" else pooled

    def _inputs(self, of: Tensor, number: Tensor, copies: "_Copies", masks: Masks) -> Iterator[Tensor]:
        """For each step, the row of `projected` that each copy reads: `T` times `(N (U + 1),)`."""
        for words, numbers in zip(of.T.split(_STEPS_AT_ONCE), number.T.split(_STEPS_AT_ONCE), strict=True):
            hidden = masks.hides(numbers[:, copies.text], copies.mask)
            yield from torch.where(hidden, len(self.projected) - 1, words[:, copies.text])

    def _in_order(self, tokens: Tensor, length: Tensor) -> Tensor:
        """`(N, T)` tokens that stand on the left, in the order in which they are read, moved to the right."""
        if self.backward:
            return tokens.flip(1)
        places = torch.arange(tokens.shape[1], device=tokens.device) + length.unsqueeze(1)
        return tokens.gather(1, places % tokens.shape[1])


def _step(gates: Tensor, h: Tensor, c: Tensor) -> None:
    """Take the states `(n, H)` one step on, in place: `c = f c + i tanh(z)` and `h = o tanh(c)`.

    `gates` `(n, 4 H)` holds the pre-activations of `i`, `f`, twice `z`, and `o`, and is used up: all activations are
    sigmoids by `tanh(x) = 2 sigmoid(2 x) - 1`, since PyTorch's `tanh` takes four times as long on a CPU.
    """
    i, f, z, o = gates.sigmoid_().chunk(4, 1)
    c.mul_(f).addcmul_(i, z, value=2).sub_(i)
    torch.addcmul(-o, o, (2 * c).sigmoid_(), value=2, out=h)


@dataclass(frozen=True, eq=False)
class _Copies:
    """The copies of `N` texts under each of their masks, in the order in which they come in.

    Attributes:
        text: `(N (U + 1),)` which of the `N` texts each is a copy of.
        mask: `(N (U + 1),)` its mask.
        parent: `(N (U + 1),)` place of the copy whose state it starts from.
        present: How many copies there are at each step, `T` numbers.
        row: `(N (U + 1),)` place of each copy, by text and mask.
    """

    text: Tensor
    mask: Tensor
    parent: Tensor
    present: list[int]
    row: Tensor

    @classmethod
    def of(cls, number: Tensor, length: Tensor, masks: Masks) -> "_Copies":
        texts, steps = number.shape
        step = torch.arange(steps, device=number.device)
        start = torch.full((texts, masks.size + 2), steps - 1, device=number.device)
        start = start.scatter_reduce(1, number, step.expand_as(number), "amin")[:, :-1]
        start[:, 0] = -1
        parent = _previous_smaller(start) if masks.nested else torch.zeros_like(start)
        parent += torch.arange(texts, device=number.device).unsqueeze(1) * (masks.size + 1)
        start[:, 0] = steps - length.clamp(min=1)
        start, order = start.flatten().sort(stable=True)
        row = order.argsort()
        present = torch.searchsorted(start, step, right=True).tolist()
        return cls(order // (masks.size + 1), order % (masks.size + 1), row[parent.flatten()[order]], present, row)


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
