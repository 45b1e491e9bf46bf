"""The sequences of tokens that the texts of a batch are read as, if a text may be several sequences."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Sequences:
    """The sequences that the texts of a batch are read as.

    Attributes:
        text_of: `(S,)` the text of each sequence, ascending.
        numbers: `(B, K)` the sequences of each text; `S` where a text has fewer than `K`.
        kinds: `(S,)` the kind of each sequence. Sequences of different kinds never share a forward pass, see
            `hf_gradexplain.text.collate.special_tokens`.
    """

    text_of: Tensor
    numbers: Tensor
    kinds: Sequence[tuple[int, ...]]

    @classmethod
    def of(cls, text_of: Tensor, kinds: Sequence[tuple[int, ...]]) -> "Sequences":
        """Return the sequences, given the text of each; every text has one."""
        counts = text_of.bincount()
        place = torch.arange(len(text_of), device=text_of.device) - (counts.cumsum(0) - counts)[text_of]
        numbers = text_of.new_full((len(counts), int(counts.max())), len(text_of))
        numbers[text_of, place] = torch.arange(len(text_of), device=text_of.device)
        return cls(text_of, numbers, kinds)

    @property
    def real(self) -> Tensor:
        """`(B, K)` bool: False where a text has fewer sequences."""
        return self.numbers < len(self.text_of)

    def by_text(self, x: Tensor) -> Tensor:
        """Return values of the sequences `(S, ...)` as `(B, K, ...)`, 0 where a text has fewer."""
        return torch.cat([x, x.new_zeros(1, *x.shape[1:])])[self.numbers]
