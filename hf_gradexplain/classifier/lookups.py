"""One call of a layer that looks up words: which tokens it holds, at which places, and how to edit their vectors."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

Edit = Callable[[int, Tensor, slice], Tensor]
"""A function `(table, vectors, tokens)` that returns new vectors `(B, t, D)`.

`table` is the number of the embedding table. `vectors` `(B, t, D)` are the vectors of the `t` tokens that the slice
`tokens` takes from the `T` tokens of the texts.
"""

Draw = Callable[[Callable[[str], np.random.Generator], int, int, Tensor], Tensor]
"""A function `(rng, number, table, vectors)` that draws a vector for each token of a text that is in a unit.

`rng` returns the text's random generator for a purpose, `number` is the number of a copy of the text, `table` is the
number of the embedding table, and `vectors` `(n, D)` are the word vectors of the tokens.
"""


class WordLookup(Protocol):
    """One call of a layer that looks up words, and where in the call each token of the texts is."""

    @property
    def module(self) -> str:
        """The layer's name in the model."""

    @property
    def call(self) -> int:
        """The number of the call among the layer's calls in a forward pass, from 0."""

    @property
    def table(self) -> int:
        """The number of the embedding table, see `Lookup`."""

    @property
    def n_calls(self) -> int:
        """The number of calls of the layer in a forward pass."""

    def holds(self, given: Tensor | None, ids: Tensor) -> bool:
        """Return whether the call is given the ids `(B, T)` of the texts at these places."""

    def apply_edit(self, output: Any, edit: Edit, ids: Tensor) -> Any:
        """Return the layer's output with edited word vectors; everything else stays as it is."""


@dataclass(frozen=True)
class Lookup:
    """One call of one layer that turns the token ids of a text into vectors, in their order.

    Attributes:
        module: The layer's name in the model.
        call: The number of the call among the layer's calls in a forward pass, from 0.
        shift: Token `t` has output position `t + shift`.
        time_major: Whether the output is `(T, B, D)` rather than `(B, T, D)`.
        table: Number of the embedding table. Lookups that return the same vector for the same token share a table,
            and therefore a gradient.
        n_calls: The number of calls of the layer in a forward pass.
        given_ids: Whether the layer is given token ids; it may be given hashes of them instead.
    """

    module: str
    call: int
    shift: int
    time_major: bool
    table: int = 0
    n_calls: int = 1
    given_ids: bool = False

    def holds(self, given: Tensor | None, ids: Tensor) -> bool:
        """Return whether the layer is given all ids `(B, T)`, shifted; also True if it is given hashes of ids."""
        if not self.given_ids or (self.shift == 0 and given is not None and given.is_set_to(ids)):
            return True
        n = 0 if given is None or given.ndim != 2 else given.shape[0 if self.time_major else 1]
        return n >= ids.shape[1] + min(self.shift, 0) and self.holds_some(given, ids)

    def holds_some(self, given: Tensor | None, ids: Tensor) -> bool:
        """Return whether the ids that the layer receives equal the matching part of `ids` `(B, T)`, shifted."""
        if given is None or given.ndim != 2:
            return False
        given = given.transpose(0, 1) if self.time_major else given
        tokens, positions = self._overlap(given.shape[1], ids.shape[1])
        return torch.equal(given[:, positions], ids[:, tokens].to(given))

    def _overlap(self, positions: int, length: int) -> tuple[slice, slice]:
        """Return which of `length` tokens the layer is given, and the positions where it is given them."""
        first, last = max(0, -self.shift), min(length, positions - self.shift)
        return slice(first, last), slice(first + self.shift, last + self.shift)

    def align(self, output: Any, length: int) -> tuple[Tensor, slice, slice]:
        """Return the layer's output as `(B, T', D)`, the tokens that it holds, and their positions in it."""
        vectors = vectors_of(output)
        vectors = vectors.transpose(0, 1) if self.time_major else vectors
        return vectors, *self._overlap(vectors.shape[1], length)

    def apply_edit(self, output: Any, edit: Edit, ids: Tensor) -> Any:
        """Return the layer's output with edited word vectors; everything else stays as it is."""
        vectors, tokens, positions = self.align(output, ids.shape[1])
        new = edit(self.table, vectors[:, positions], tokens)
        if new.shape[1] != vectors.shape[1]:
            new = torch.cat([vectors[:, : positions.start], new, vectors[:, positions.stop :]], dim=1)
        new = new.transpose(0, 1) if self.time_major else new
        return (new, *output[1:]) if isinstance(output, tuple) else new


def vectors_of(output: Any) -> Any:
    """Return the vectors that a layer returns, alone or as the first of several values."""
    return output[0] if isinstance(output, tuple) else output
