"""What is measured beside removal curves and correlations; each costs passes of its own."""

from dataclasses import dataclass

from torch import nn

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.perturb import has_curve_shortcut


@dataclass(frozen=True)
class Measures:
    """What to measure, checked when it is made.

    A document of `U` units takes `U` masked copies of it per method for the removal curves. On top of those come:

    Attributes:
        random_orders: Random orders per document, whose spread is the band of chance: `U` copies for each.
        both_ends: Whether to remove the lowest-scored units first, too, which gives sufficiency as well: `U` copies
            per method.
        bounds: Whether to search for the best and the worst order of each document, which normalised AOPC needs:
            `2^U` copies up to `EXACT_UNITS` units, about `beam_size U^2` beyond.
        beam_size: How many sets of removed units a search keeps at every step.
        k_grid: At which numbers of removed units the model is asked; empty for all. A curve is exact there and at its
            two ends, and linear in between. Where a short cut knows all of it at once, all of it is exact.

    Raises:
        GradexplainError: A number is out of range.
    """

    random_orders: int = 0
    both_ends: bool = False
    bounds: bool = False
    beam_size: int = 5
    k_grid: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.random_orders < 0 or self.random_orders == 1:
            raise GradexplainError(
                f"random_orders is 0, or 2 or more to have a spread, not {self.random_orders}: choose another number"
            )
        if self.beam_size < 1:
            raise GradexplainError(
                f"beam_size is the number of sets that a search keeps, 1 or more, not {self.beam_size}"
            )

        if any(k < 0 for k in self.k_grid):
            raise GradexplainError(f"k_grid holds numbers of removed units, 0 or more, not {min(self.k_grid)}")

    def steps(self, n_units: int) -> int:
        """How many masked copies of a text of so many units one order takes, beside those at the two ends."""
        inside = range(1, n_units)
        return sum(k in inside for k in set(self.k_grid)) if self.k_grid else len(inside)

    def orders(self, methods: int) -> int:
        """In how many orders the units of a text are removed, each of which takes `U` masked copies of it."""
        return methods * (1 + self.both_ends) + self.random_orders


def default_measures(
    model: nn.Module,
    *,
    random_orders: int | None = None,
    both_ends: bool | None = None,
    bounds: bool = False,
    beam_size: int = 5,
    k_grid: tuple[int, ...] = (),
) -> Measures:
    """What was asked for, and of what was left open (None) as much as costs little with this model.

    With a short cut for curves, orders cost next to nothing: 20 random ones and both ends. Without one, 2 random
    orders, the fewest that have a spread: over many documents they show the band as well as 20 do, see
    `random_band`. The bounds are never cheap: for a FastText and 150 units they take ten times as
    long as all the rest.
    """
    fast = has_curve_shortcut(model)
    return Measures(
        random_orders=(20 if fast else 2) if random_orders is None else random_orders,
        both_ends=fast if both_ends is None else both_ends,
        bounds=bounds,
        beam_size=beam_size,
        k_grid=k_grid,
    )
