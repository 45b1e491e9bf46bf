"""Both directions of an LSTM over many copies of texts: `StepwiseLSTM`, or `FusedLSTM` for a single text.

The copies that read forward are the first rows of all that is passed here, those that read backward the rest. Their
states are `(3, n, H)`: `h`, `c`, and what has been pooled of `h`, each times a factor of the class's own.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hf_gradexplain.models.bilstm.modeling_bilstm import read_ahead
from hf_gradexplain.perturb.matmul import is_for_onednn, packed, product, rounded_up
from hf_gradexplain.perturb.packed_words import PackedWords

_COPIES_AT_ONCE = 256
"""The most in one call of `FusedLSTM`: with more of them, the states leave the processor's caches."""


@dataclass(frozen=True, eq=False)
class Steps:
    """What `n` copies of `N` texts read in `S` steps.

    Attributes:
        of: `(S, 2 N)` row of `Words.vectors` that is read of each text: first forward, then backward.
        text: `(n,)` which of those `2 N` each copy reads.
        masked: `(S, n)` whether it reads a masked word in its place.
        ahead: How many of the copies read forward.
    """

    of: Tensor
    text: Tensor
    masked: Tensor
    n_forward: int


class Cells(Protocol):
    """Both directions of an LSTM over the words of a batch."""

    @property
    def scale(self) -> int:
        """What to multiply `h`, and what was pooled of it, in the states by."""

    @property
    def block(self) -> int:
        """After how many steps, counted from the end of the texts, more copies may come in."""

    def rounded(self, copies: int) -> int:
        """How many copies to have where there need to be so many."""

    def advance(self, states: Tensor, steps: Steps, pooling: str) -> None:
        """Take the states `(3, n, H)` some steps on, in place."""


def part_sizes(steps: int, size: int) -> list[int]:
    """The sizes of parts of so many steps: each `size`, but for the first, which has the rest as well."""
    whole, rest = divmod(steps, size)
    return [size + rest] + [size] * (whole - 1) if whole else [rest]


def cells_of(lstm: nn.LSTM, words: PackedWords, texts: int) -> Cells:
    """For so many texts that are read together: `FusedLSTM` for one where there is oneDNN, else `StepwiseLSTM`."""
    return FusedLSTM.of(lstm, words) if texts == 1 and is_for_onednn(words.vectors) else StepwiseLSTM.of(lstm, words)


@dataclass(frozen=True, eq=False)
class StepwiseLSTM:
    """Step by step, every word projected once for all copies: `c = f c + i tanh(z)` and `h = o tanh(c)`.

    All activations are sigmoids, by `tanh(x) = 2 sigmoid(2 x) - 1`, since PyTorch's `tanh` takes four times as long on
    a CPU. So that nothing has to be doubled or halved on the way, there is `2 z` among the gates, and the states are
    `h / 2`, `2 c`, and `h / 2` pooled.

    Attributes:
        projected: `(2 (V + 2), 4 H)` what each word adds to the gates, biases included: first forward, then backward.
            The last row of each is a masked word.
        forward: `(4 H, H)` what the states that read forward add to the gates, packed.
        backward: `(4 H, H)` the same for those that read backward.
    """

    projected: Tensor
    forward: Tensor
    backward: Tensor

    scale = 2
    block = 1

    @classmethod
    def of(cls, lstm: nn.LSTM, words: PackedWords) -> "StepwiseLSTM":
        """Project the words."""
        vectors = torch.cat([words.vectors, words.baseline.unsqueeze(0)])
        dtype = torch.promote_types(vectors.dtype, torch.float32)
        scale = torch.tensor([1, 1, 2, 1], device=vectors.device, dtype=dtype).repeat_interleave(lstm.hidden_size)
        forward, backward = lstm.all_weights
        projected = [F.linear(vectors, w_ih, b_ih + b_hh) * scale for w_ih, _, b_ih, b_hh in (forward, backward)]
        recurrent = [packed(2 * scale.unsqueeze(1) * w_hh) for _, w_hh, _, _ in (forward, backward)]
        return cls(torch.cat(projected), *recurrent)

    def rounded(self, copies: int) -> int:
        """One of few sizes."""
        return rounded_up(copies)

    def advance(self, states: Tensor, steps: Steps, pooling: str) -> None:
        """All copies of both directions take a step together, but for the product."""
        h, c, pooled = states
        gates = h.new_empty(len(h), self.projected.shape[1])
        i, f, z, o = gates.chunk(4, 1)
        (h_ahead, h_back), (gates_ahead, gates_back) = (
            (x[: steps.n_forward], x[steps.n_forward :]) for x in (h, gates)
        )
        for rows in self._rows(steps):
            torch.index_select(self.projected, 0, rows, out=gates)
            gates_ahead += product(h_ahead, self.forward)
            gates_back += product(h_back, self.backward)
            gates.sigmoid_()
            c.mul_(f).addcmul_(i, z, value=4).sub_(i, alpha=2)
            torch.mul(c.sigmoid().sub_(0.5), o, out=h)
            if pooling == "max":
                torch.maximum(pooled, h, out=pooled)
            elif pooling == "mean":
                pooled += h

    def _rows(self, steps: Steps) -> Tensor:
        """The row of `projected` that each copy reads at each step: `(S, n)`."""
        words = len(self.projected) // 2
        rows = steps.of.index_select(1, steps.text).masked_fill_(steps.masked, words - 1)
        rows[:, steps.n_forward :] += words
        return rows


@dataclass(frozen=True, eq=False)
class FusedLSTM:
    """Copies of one text, 16 to 31 steps in a call of PyTorch's LSTM, where oneDNN makes one operation of each step.

    One direction is read after the other. A text of fewer than 16 words takes one call for each.

    It multiplies whatever it reads by a matrix. So it does not read the words but which step of the call it is,
    one-hot, or nothing for a masked word; and the matrix is what the words at those steps add to the gates beyond what
    a masked one adds, which is in the bias.

    Attributes:
        added: For each direction, `(4 H, V + 1)`: what each word adds to the gates beyond a masked one.
        weights: For each direction, `(4 H, H)` and two times `(4 H,)`: the weights of `h`, and the biases.
        step: `(31, 1, 31)` the steps, one-hot.
    """

    added: tuple[Tensor, Tensor]
    weights: tuple[list[Tensor], list[Tensor]]
    step: Tensor

    scale = 1
    block = 16

    @classmethod
    def of(cls, lstm: nn.LSTM, words: PackedWords) -> "FusedLSTM":
        """Project the words."""
        forward, backward = lstm.all_weights
        beyond = words.vectors - words.baseline
        weights = [[w_hh, F.linear(words.baseline, w_ih, b_ih), b_hh] for w_ih, w_hh, b_ih, b_hh in (forward, backward)]
        step = torch.eye(2 * cls.block - 1, dtype=beyond.dtype, device=beyond.device).unsqueeze(1)
        return cls((product(forward[0], beyond), product(backward[0], beyond)), (weights[0], weights[1]), step)

    def rounded(self, copies: int) -> int:
        """No more than needed: the steps of a block take much longer than to prepare for a new size."""
        return copies

    def advance(self, states: Tensor, steps: Steps, pooling: str) -> None:
        """One direction after the other."""
        sizes, n_forward, kept = part_sizes(len(steps.of), self.block), steps.n_forward, (~steps.masked).unsqueeze(2)
        for of, some in zip(steps.of.split(sizes), kept.split(sizes), strict=True):
            self._read(0, states[:, :n_forward], of[:, 0], some[:, :n_forward], pooling)
            self._read(1, states[:, n_forward:], of[:, 1], some[:, n_forward:], pooling)

    def _read(self, direction: int, states: Tensor, of: Tensor, kept: Tensor, pooling: str) -> None:
        """Some steps in one direction: `states` `(3, n, H)`, words `of` `(S,)`, what is `kept` `(S, n, 1)`."""
        step = self.step[: len(of), :, : len(of)]
        weights = [self.added[direction].index_select(1, of), *self.weights[direction]]
        for first in range(0, len(states[0]), _COPIES_AT_ONCE):
            some = slice(first, first + _COPIES_AT_ONCE)
            h, c, pooled = states[:, some].unsqueeze(1)
            passed, h_after, c_after = read_ahead(step * kept[:, some], weights, (h, c))
            h.copy_(h_after)
            c.copy_(c_after)
            if pooling == "max":
                torch.maximum(pooled, passed.amax(0, keepdim=True), out=pooled)
            elif pooling == "mean":
                pooled += passed.sum(0)
