"""Both directions of an LSTM over many copies of texts: `StepwiseLSTM`, or `FusedLSTM` for a single text.

In all arguments, the first `n_forward` rows are the copies of the forward direction, and all other rows are the copies
of the backward direction. Their states are `(3, n, H)`: `h`, `c` and the pooled `h`, in the scaling of the class. The
stored `h` and pooled `h` times `scale` give the values of the LSTM.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hf_gradexplain.models.bilstm.modeling_bilstm import run_direction
from hf_gradexplain.perturb.matmul import pack_weight, product, rounded_up, uses_onednn
from hf_gradexplain.perturb.packed_words import PackedWords

_COPIES_AT_ONCE = 256
"""Largest number of copies in one call of `FusedLSTM`: the states of more do not fit into the CPU caches."""


@dataclass(frozen=True, eq=False)
class Steps:
    """The input of `n` copies of `N` texts in `S` steps.

    Attributes:
        row_of: `(S, 2 N)` row of the word in `PackedWords.vectors`, for the texts forward, then for the texts backward.
        text: `(n,)` column of `row_of` that each copy reads.
        masked: `(S, n)` whether the word is masked.
        n_forward: Number of copies of the forward direction.
    """

    row_of: Tensor
    text: Tensor
    masked: Tensor
    n_forward: int


class Cells(Protocol):
    """Both directions of an LSTM over the words of a batch."""

    @property
    def scale(self) -> int:
        """The factor that turns the `h` and the pooled `h` of the states into the values of the LSTM."""

    @property
    def block(self) -> int:
        """New copies start only every `block` steps, counted from the end of the texts."""

    def n_rows(self, copies: int) -> int:
        """Return the number of rows to use for at least this number of copies."""

    def advance(self, states: Tensor, steps: Steps, pooling: str) -> None:
        """Advance the states `(3, n, H)` by some steps, in place."""


def part_sizes(steps: int, size: int) -> list[int]:
    """Split a number of steps into parts of `size`; the first part also gets the remainder."""
    whole, rest = divmod(steps, size)
    return [size + rest] + [size] * (whole - 1) if whole else [rest]


def make_cells(lstm: nn.LSTM, words: PackedWords, texts: int) -> Cells:
    """Return `FusedLSTM` for a single text if oneDNN is available, else `StepwiseLSTM` for all `texts` together."""
    return FusedLSTM.of(lstm, words) if texts == 1 and uses_onednn(words.vectors) else StepwiseLSTM.of(lstm, words)


@dataclass(frozen=True, eq=False)
class StepwiseLSTM:
    """An LSTM that runs step by step: `c = f c + i tanh(z)` and `h = o tanh(c)`. Each word is projected once.

    All activations are sigmoids, by `tanh(x) = 2 sigmoid(2 x) - 1`: PyTorch's `tanh` takes four times as long on a CPU.
    To avoid doubling and halving in each step, the gates hold `2 z`, and the states are `h / 2`, `2 c`, and the pooled
    `h / 2`.

    Attributes:
        projected: `(2 (V + 2), 4 H)` what each word adds to the gates, with biases: first forward, then backward. The
            last row of each half is a masked word.
        forward: `(4 H, H)` recurrent weight of the forward direction, packed.
        backward: `(4 H, H)` recurrent weight of the backward direction, packed.
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
        recurrent = [pack_weight(2 * scale.unsqueeze(1) * w_hh) for _, w_hh, _, _ in (forward, backward)]
        return cls(torch.cat(projected), *recurrent)

    def n_rows(self, copies: int) -> int:
        """Return one of few sizes, see `rounded_up`."""
        return rounded_up(copies)

    def advance(self, states: Tensor, steps: Steps, pooling: str) -> None:
        """Advance all copies of both directions together; only the matrix products are separate."""
        h, c, pooled = states
        gates = h.new_empty(len(h), self.projected.shape[1])
        i, f, z, o = gates.chunk(4, 1)
        h_forward, h_backward = h[: steps.n_forward], h[steps.n_forward :]
        gates_forward, gates_backward = gates[: steps.n_forward], gates[steps.n_forward :]
        for rows in self._rows(steps):
            torch.index_select(self.projected, 0, rows, out=gates)
            gates_forward += product(h_forward, self.forward)
            gates_backward += product(h_backward, self.backward)
            gates.sigmoid_()
            c.mul_(f).addcmul_(i, z, value=4).sub_(i, alpha=2)
            torch.mul(c.sigmoid().sub_(0.5), o, out=h)
            if pooling == "max":
                torch.maximum(pooled, h, out=pooled)
            elif pooling == "mean":
                pooled += h

    def _rows(self, steps: Steps) -> Tensor:
        """Return the row of `projected` for each copy at each step: `(S, n)`."""
        words = len(self.projected) // 2
        rows = steps.row_of.index_select(1, steps.text).masked_fill_(steps.masked, words - 1)
        rows[:, steps.n_forward :] += words
        return rows


@dataclass(frozen=True, eq=False)
class FusedLSTM:
    """An LSTM for copies of one text that runs 16 to 31 steps in one call of `torch.lstm`, which oneDNN fuses.

    The directions run one after the other. A text of fewer than 16 words takes one call per direction.

    `torch.lstm` multiplies its input by a matrix. The input here is not the word but the number of the step within the
    call, one-hot, or zero for a masked word. The columns of the matrix are what the words at these steps add to the
    gates, minus what a masked word adds, which is in the bias.

    Attributes:
        added: For each direction, `(4 H, V + 1)`: what each word adds to the gates, minus what a masked word adds.
        weights: For each direction, the recurrent weight `(4 H, H)` and two biases `(4 H,)`.
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
        difference = words.vectors - words.baseline
        weights = [[w_hh, F.linear(words.baseline, w_ih, b_ih), b_hh] for w_ih, w_hh, b_ih, b_hh in (forward, backward)]
        step = torch.eye(2 * cls.block - 1, dtype=difference.dtype, device=difference.device).unsqueeze(1)
        added = product(forward[0], difference), product(backward[0], difference)
        return cls(added, (weights[0], weights[1]), step)

    def n_rows(self, copies: int) -> int:
        """Return `copies` unchanged: compiling a kernel takes much less time than a block of steps."""
        return copies

    def advance(self, states: Tensor, steps: Steps, pooling: str) -> None:
        """Advance the copies, one direction after the other."""
        sizes, n_forward = part_sizes(len(steps.row_of), self.block), steps.n_forward
        visible = (~steps.masked).unsqueeze(2)
        for row_of, shown in zip(steps.row_of.split(sizes), visible.split(sizes), strict=True):
            self._advance_direction(0, states[:, :n_forward], row_of[:, 0], shown[:, :n_forward], pooling)
            self._advance_direction(1, states[:, n_forward:], row_of[:, 1], shown[:, n_forward:], pooling)

    def _advance_direction(self, direction: int, states: Tensor, row_of: Tensor, visible: Tensor, pooling: str) -> None:
        """Advance the states `(3, n, H)` of one direction over the words `row_of` `(S,)`.

        A word counts as masked in the copies where `visible` `(S, n, 1)` is zero.
        """
        step = self.step[: len(row_of), :, : len(row_of)]
        weights = [self.added[direction].index_select(1, row_of), *self.weights[direction]]
        for first in range(0, len(states[0]), _COPIES_AT_ONCE):
            chunk = slice(first, first + _COPIES_AT_ONCE)
            h, c, pooled = states[:, chunk].unsqueeze(1)
            h_steps, h_after, c_after = run_direction(step * visible[:, chunk], weights, (h, c))
            h.copy_(h_after)
            c.copy_(c_after)
            if pooling == "max":
                torch.maximum(pooled, h_steps.amax(0, keepdim=True), out=pooled)
            elif pooling == "mean":
                pooled += h_steps.sum(0)
