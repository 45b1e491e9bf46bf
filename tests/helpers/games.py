"""Games of which every number is known: losses in a table."""

from itertools import permutations

import numpy as np

from hf_gradexplain.attribution.masking.game import Game


class Table(Game):
    """A game whose losses stand in a table `(K, 2^U)`; bit `u` of a column says whether unit `u` is removed."""

    def __init__(self, table, seed=0):
        self.table, self.seed, self.copies = np.atleast_2d(table), seed, 0
        self.size, self.forwards = int(np.log2(self.table.shape[1])), [None] * len(self.table)
        self.end_ran = False

    linear, has_shortcut = False, True

    @property
    def plain(self):
        return self.table[:, 0]

    def losses(self, removed):
        self.copies += int(removed.any(1).sum())
        return self.table[:, removed @ (1 << np.arange(self.size))]

    def walks(self, orders):
        self.copies += len(orders) * (self.size - 1) + (not self.end_ran)
        self.end_ran = True
        return self.table[:, np.cumsum(np.c_[np.zeros(len(orders), int), 1 << orders], 1)]

    def rng(self, purpose):
        return np.random.default_rng([self.seed, *purpose.encode()])


def over_all_orders(loss_without, units):
    """The definition: the mean rise of the loss over all orders."""
    scores = np.zeros(units)
    for order in (orders := list(permutations(range(units)))):
        for place, unit in enumerate(order):
            scores[unit] += loss_without(order[: place + 1]) - loss_without(order[:place])
    return scores / len(orders)


def random_game(units, seed, effects=3):
    """Return losses with effects of up to this number of units together: `(2^U,)`."""
    rng, numbers = np.random.default_rng(seed), np.arange(2**units)
    sets = numbers[:, None] >> np.arange(units) & 1
    table = sets @ rng.normal(size=units)
    for size in range(2, effects + 1):
        for _ in range(3 * units):
            table = table + rng.normal() * sets[:, rng.choice(units, size, replace=False)].all(1)
    return table
