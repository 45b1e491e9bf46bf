"""The choices of an evaluation: how ties are ordered, and which optional measurements to make."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from hf_gradexplain.errors import GradexplainError, choose
from hf_gradexplain.options import TiesName
from hf_gradexplain.perturb import Shortcut


@dataclass(frozen=True)
class Measures:
    """What an evaluation measures; values are checked on creation.

    For a document of `U` units, the removal curves take `U` masked copies per method. The other measurements add the
    copies that are given below.

    Attributes:
        random_orders: Number of random orders per document, whose spread gives the random band. Adds `U` copies for
            each order.
        both_ends: Whether to also remove the lowest-scored units first, which gives sufficiency as well. Adds `U`
            copies per method.
        bounds: Whether to search for the best and the worst order of each document, which normalised AOPC needs. Adds
            `2^U` copies for up to `EXACT_UNITS` units, and about `beam_size U^2` copies for more units.
        beam_size: Number of sets of removed units that the search for the bounds keeps at every step.
        k_grid: Numbers of removed units at which the model runs; empty for all. A curve is exact at these numbers and
            at its two ends, and interpolated linearly in between. If the model has a shortcut for curves, they are
            exact everywhere.
        ties: The order of removal of units with equal scores: `random`, or `position`, which is the order of the text.
            In news, the first words matter most, so `position` favours methods with many equal scores.

    Raises:
        GradexplainError: A number is out of range, or `ties` is not one of the choices.
    """

    random_orders: int = 0
    both_ends: bool = False
    bounds: bool = False
    beam_size: int = 5
    k_grid: tuple[int, ...] = ()
    ties: TiesName = "random"

    def __post_init__(self) -> None:
        if self.random_orders < 0 or self.random_orders == 1:
            raise GradexplainError(
                f"random_orders is {self.random_orders}, but a spread needs two orders: choose 2 or more, or 0 for none"
            )
        if self.beam_size < 1:
            raise GradexplainError(
                f"beam_size is {self.beam_size}, but a search keeps at least one set: choose 1 or more"
            )
        if any(k < 0 for k in self.k_grid):
            raise GradexplainError(
                f"k_grid contains {min(self.k_grid)}, but it lists numbers of removed units: choose 0 or more"
            )
        choose("ties", self.ties, get_args(TiesName))

    def inside(self, n_units: int) -> Sequence[int]:
        """Return the numbers of removed units at which a curve of `n_units` units is computed, without its two ends."""
        every = range(1, n_units)
        return sorted(k for k in set(self.k_grid) if k in every) if self.k_grid else every

    def steps(self, n_units: int) -> int:
        """Return how many masked copies one order takes for a text of `n_units` units, not counting its two ends."""
        return len(self.inside(n_units))

    def orders(self, methods: int) -> int:
        """Return the number of orders in which the units of a text are removed; each takes `steps` copies."""
        return methods * (1 + self.both_ends) + self.random_orders


def default_measures(
    shortcut: Shortcut,
    *,
    random_orders: int | None = None,
    both_ends: bool | None = None,
    bounds: bool = False,
    beam_size: int = 5,
    k_grid: tuple[int, ...] = (),
    ties: TiesName = "random",
) -> Measures:
    """Return the given choices; each choice that is None is set to the largest value that is cheap for the model.

    With a shortcut for removal curves, orders are cheap, and the defaults are 20 random orders and both ends. Without a
    shortcut, the default is 2 random orders, the smallest number that has a spread. Over many documents, the band of 2
    orders is 20 % wider than the band of 20 orders, see `hf_gradexplain.evaluation.random_band`. The bounds are never
    cheap: for FastText and 150 units they take ten times as long as everything else.

    Raises:
        GradexplainError: A value cannot be used, or `bounds` is set although the curves are computed only at `k_grid`.
    """
    fast = shortcut.has_curves
    if bounds and k_grid and not fast:
        raise GradexplainError(
            "naopc needs the curves at every number of removed units: leave out naopc, or leave out k_grid, which "
            "saves little compared with the search for the best and the worst order"
        )
    return Measures(
        random_orders=(20 if fast else 2) if random_orders is None else random_orders,
        both_ends=fast if both_ends is None else both_ends,
        bounds=bounds,
        beam_size=beam_size,
        k_grid=k_grid,
        ties=ties,
    )


def largest_k(measures: Measures, shortcut: Shortcut, max_k: int | None) -> int | None:
    """Return the largest `K` of the tables: the smaller of `max_k` and the end of `k_grid`; None for no limit.

    Beyond `k_grid`, a curve is only a straight line to its end, from which no AOPC can be computed. With a shortcut,
    curves are exact everywhere, and `k_grid` sets no limit.
    """
    if not measures.k_grid or shortcut.has_curves:
        return max_k
    measured = max(measures.k_grid)
    return measured if max_k is None else min(max_k, measured)
