"""Random orders of removal and the losses along them, from which Shapley values are estimated."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from hf_gradexplain.attribution.masking.game import Game


@dataclass(frozen=True, eq=False)
class Walks:
    """`D` draws of `M` orders, each walked forwards and backwards.

    Attributes:
        orders: `(D, M, U)`; the first unit is removed first.
        losses: `(C, D, M, 2, U + 1)` the losses as the units are removed one by one, in the order and in its reverse.
    """

    orders: np.ndarray
    losses: np.ndarray

    @classmethod
    def run(cls, game: Game, orders: np.ndarray) -> Self:
        """Run the masked copies along orders `(D, M, U)` and their reverses."""
        both = np.stack([orders, orders[..., ::-1]], 2)
        losses = game.walks(both.reshape(-1, game.size))
        return cls(orders, losses.reshape(len(losses), *both.shape[:-1], game.size + 1))

    def __add__(self, other: Self) -> Self:
        """Return the draws of both objects."""
        orders = np.concatenate([self.orders, other.orders])
        return type(self)(orders, np.concatenate([self.losses, other.losses], 1))

    def __getitem__(self, draws: slice | np.ndarray) -> Self:
        """Return some of the draws."""
        return type(self)(self.orders[draws], self.losses[:, draws])

    def split(self, most_sets: int) -> list[Self]:
        """Return the draws in parts of about equal size, each with at most `most_sets` sets along its orders.

        The empty and the full set do not count.
        """
        of_a_draw = self.orders[0].size - len(self.orders[0])
        parts = np.array_split(np.arange(len(self.orders)), -(-len(self.orders) * of_a_draw // most_sets))
        return [self[part] for part in parts]

    def draws(self) -> np.ndarray:
        """Return the rise of the loss at each unit, averaged over the orders of each draw: `(D, C, U)`."""
        both = np.stack([self.orders, self.orders[..., ::-1]], 2)
        return rises(both, self.losses).mean((2, 3)).swapaxes(0, 1)


def rises(orders: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the rise of a value at each unit: orders `(..., U)` and values `(C, ..., U + 1)` to `(C, ..., U)`."""
    steps = np.diff(values, axis=-1)
    scores = np.empty_like(steps)
    np.put_along_axis(scores, np.broadcast_to(orders, steps.shape), steps, -1)
    return scores
