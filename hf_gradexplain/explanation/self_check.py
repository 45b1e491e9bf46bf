"""The self-check: does the prediction of a text depend on the units that its explanation scores highest?

The self-check removes the highest-scored units from the text, and checks whether the probability of the explained class
falls more than when the same number of random units is removed. Random sets of units are different from each other and
from the set of the highest-scored units.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isfinite, nan
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from hf_gradexplain.attribution.methods import select
from hf_gradexplain.classifier.hooked_classifier import ForwardPass
from hf_gradexplain.classifier.state import frozen_eval_mode
from hf_gradexplain.explanation.random_sets import DRAWS, random_sets
from hf_gradexplain.options import UNIT_NOUNS
from hf_gradexplain.perturb import subset_logits
from hf_gradexplain.perturb.orders import removal_ranks
from hf_gradexplain.viz.sanitize import one_line
from hf_gradexplain.viz.tables import with_minus

TOP = 3
"""The number of units that are removed, unless `self_check_share` gives a share of them."""

_LISTED = 5
"""The largest number of units that the sentence lists."""

_DECIMALS = (2, 3, 4)
"""The numbers of decimals to try in the sentence; the first that is enough is used."""

Verdict = Literal["passed", "unclear", "failed", "undefined"]


@dataclass(frozen=True)
class SelfCheck:
    """The self-check of one method on one text.

    `f(x)` is the probability of the target (for regression, the output). The `k` top units are those that a removal
    curve removes first. A number is not finite if the model's output for the masked text is not finite.

    Attributes:
        top: The texts of the `k` units that the method scores highest, the highest first.
        full: `f` of the full text.
        without: `f` without the top units.
        random: `f` without `k` random units, one number for each of 5 different sets, none of which is the set of the
            top units. If there are fewer such sets, as in texts of 2 to 4 units, one number for each of them.
        alone: `f` with the top units alone; all other units are masked.
        unit: The kind of unit, as in `Explanation.unit`.
        signed: Whether a positive score supports the target.
        regression: Whether `f` is the output of a regression model.
        against: The name of the class that the target is compared with. `f` is then the probability that the target
            would have if there were only these two classes. Empty if the target is compared with no class or with all
            other classes; `f` is then its usual probability.

    Examples:
        >>> check = SelfCheck(("dull",), 0.95, 0.31, (0.95, 0.9, 0.95, 0.95, 0.9), 0.88, "word", True, False)
        >>> print(check)
        passed: without 'dull': p 0.95 → 0.31; without a random word: 0.93 (0.90 to 0.95); with this word alone: 0.88
        >>> check.verdict
        'passed'
    """

    top: tuple[str, ...]
    full: float
    without: float
    random: tuple[float, ...]
    alone: float
    unit: str
    signed: bool
    regression: bool
    against: str = ""

    @property
    def without_random(self) -> float:
        """The mean of `random`."""
        return sum(self.random) / len(self.random)

    @property
    def beats_random(self) -> bool | None:
        """Whether `f` is lower without the top units than without random units; None if a number is not finite.

        `f` without random units is the mean over the sets. An unsigned method does not say in which direction a unit
        changes `f`. For such a method, the question is whether `|full - without|` is larger than the mean of `|full -
        r|` over the sets `r`. Numbers are rounded to 4 decimals before they are compared (for regression, to 5
        significant digits).
        """
        return {"passed": True, "unclear": True, "failed": False, "undefined": None}[self.verdict]

    @property
    def verdict(self) -> Verdict:
        """The result of the check, in one word.

        - `passed`: removing the top units lowers `f`, and `f` is then lower than without each of 5 random sets of
          units. Random scores pass on at most one text in six.
        - `unclear`: `f` is lower without the top units than without random sets on average. However, it is not lower
          than with all units, or not lower than without each of the sets, or there are fewer than 5 other sets.
        - `failed`: `f` is not lower without the top units than without random sets on average, see `beats_random`.
        - `undefined`: a number is not finite.

        For an unsigned method, absolute changes of `f` are compared.
        """
        full, top, draws = self.full, self.without, list(self.random)
        if not self.signed:  # minus the changes: the lower, the better
            full, top, draws = 0.0, -abs(full - top), [-abs(full - x) for x in draws]
        mean = sum(draws) / len(draws)
        if not (isfinite(self.full) and isfinite(top) and isfinite(mean)):
            return "undefined"
        full, top, mean, lowest = (float(self._written(x, _DECIMALS[-1])) for x in (full, top, mean, min(draws)))
        if top >= mean:
            return "failed"
        return "passed" if top < min(lowest, full) and len(draws) >= DRAWS else "unclear"

    def sentence(self) -> str:
        """Return the verdict and the numbers in words, on one line without control characters.

        The mean over the random sets is followed by the lowest and the highest number, unless all are equal. Numbers
        have 2 decimals, or up to 4 if numbers that the verdict compares would look equal.
        """
        k = len(self.top)
        top = ", ".join(f"'{one_line(text, width=32)}'" for text in self.top[:_LISTED])
        more = f" and {k - _LISTED} more" if k > _LISTED else ""
        random = f"{k} random {self._unit}s" if k > 1 else f"a random {self._unit}"
        numbers = self.full, self.without, self.without_random, self.alone, min(self.random), max(self.random)
        full, without, mean, alone, low, high = (with_minus(self._written(x, self._decimals)) for x in numbers)
        spread = f" ({low} to {high})" if low != high and all(map(isfinite, self.random)) else ""
        return (
            f"{self.verdict}: without {top}{more}: {self._what} {full} → {without}; without {random}: {mean}{spread}; "
            f"with {self._these} alone: {alone}"
        )

    def warning(self) -> str:
        """Return a sentence if the check failed; otherwise an empty string."""
        if self.beats_random is not False:
            return ""
        verb, random = "lowers" if self.signed else "changes", "random ones" if len(self.top) > 1 else "a random one"
        return (
            f"removing {self._these} {verb} {self._what} no more than removing {random}: do not trust this explanation"
        )

    def __str__(self) -> str:
        return "; ".join(part for part in (self.sentence(), self.warning()) if part)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, with None for numbers that are not finite; `from_dict` reads them."""
        numbers = {name: _or_none(getattr(self, name)) for name in ("full", "without", "alone")}
        return {**asdict(self), **numbers, "top": list(self.top), "random": [_or_none(x) for x in self.random]}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "SelfCheck":
        """Create a check from a dictionary made by `to_dict`; unknown keys are ignored."""
        known = {name: record[name] for name in cls.__dataclass_fields__ if name != "against"}
        known["against"] = record.get("against") or ""
        numbers = {name: _or_nan(known[name]) for name in ("full", "without", "alone")}
        return cls(**{**known, **numbers, "top": tuple(known["top"]), "random": tuple(map(_or_nan, known["random"]))})

    @property
    def _what(self) -> str:
        if self.against:
            return f"p against {one_line(self.against, width=32)}"
        return "the output" if self.regression else "p"

    @property
    def _unit(self) -> str:
        return UNIT_NOUNS[self.unit]

    @property
    def _these(self) -> str:
        return f"these {self._unit}s" if len(self.top) > 1 else f"this {self._unit}"

    @property
    def _decimals(self) -> int:
        others = (self.full, self.without_random) if self.verdict == "passed" else (self.without_random,)
        for d in _DECIMALS:
            if self._written(self.without, d) not in [self._written(other, d) for other in others]:
                return d
        return _DECIMALS[0]

    def _written(self, value: float, decimals: int) -> str:
        if not isfinite(value):
            return "undefined"
        if self.regression:
            return f"{value:z#.{decimals + 1}g}".rstrip(".")
        return f"{value:.{decimals}f}"


def self_checks(
    forward: ForwardPass, scores: Mapping[str, Tensor], unit: str, share: float | None = None
) -> list[dict[str, SelfCheck]]:
    """Check every method on every text of a batch.

    The model runs on `5 + 2 M` masked copies of a text for `M` methods, in batches within the token budget. If a random
    set is the top set of some methods but not of all, it runs on one more. The random sets depend only on the seed and
    the text, and do not depend on the batch; see `hf_gradexplain.explanation.random_sets`.

    Args:
        forward: The forward pass over the texts.
        scores: `(B, U)` per method.
        unit: The kind of unit.
        share: The share of the units to remove; None for 3 units.

    Returns:
        Per text, the check of each method; empty for a text with fewer than two units.
    """
    documents, values = forward.batch.documents, torch.stack([x.detach() for x in scores.values()])
    units = [document.n_units for document in documents]
    ranks = [
        removal_ranks(x[:, :n], document.rng(forward.batch.seed, "ties"), forward.classifier.precision)
        for document, n, x in zip(documents, units, values.transpose(0, 1).cpu().double().numpy(), strict=True)
    ]
    sets = np.zeros((len(documents), DRAWS + 1 + 2 * len(scores), forward.batch.units.size), dtype=bool)
    drawn = dict[int, list[np.ndarray]]()
    for i, document in enumerate(documents):
        if k := top_count(units[i], share):
            top = ranks[i] < k
            random, drawn[i] = random_sets(document, top, forward.batch.seed)
            sets[i, :, : units[i]] = np.concatenate([random, top, ~top])
    numbers, methods = _target_probabilities(forward, sets), select(list(scores))
    regression = forward.classifier.objective.head == "identity"

    def check(i: int, m: int, name: str) -> SelfCheck:
        first = ranks[i][m].argsort()[: top_count(units[i], share)]
        full, random, without, alone = np.split(numbers[i], [1, 2 + DRAWS, 2 + DRAWS + len(scores)])
        return SelfCheck(
            top=tuple(documents[i].units[u].text for u in first),
            full=float(full[0]),
            without=float(without[m]),
            random=tuple(random[drawn[i][m]].tolist()),
            alone=float(alone[m]),
            unit=unit,
            signed=methods[name].signed,
            regression=regression,
        )

    return [{name: check(i, m, name) for m, name in enumerate(scores) if n > 1} for i, n in enumerate(units)]


def top_count(units: int, share: float | None = None) -> int:
    """Return the number of top units among `units` units: 3, or a share, rounded; at least 1, at most `units - 1`.

    0 for fewer than two units.

    >>> [top_count(units) for units in (1, 2, 3, 4, 40)], top_count(40, share=0.2)
    ([0, 1, 2, 3, 3], 8)
    """
    wanted = TOP if share is None else round(share * units)
    return max(min(max(wanted, 1), units - 1), 0)


@torch.no_grad()
def _target_probabilities(forward: ForwardPass, sets: np.ndarray) -> np.ndarray:
    """Return the target's probability for each full text, then without each of `K` sets of units: `(B, 1 + K)`."""
    with frozen_eval_mode(forward.classifier.model):
        removed = torch.from_numpy(sets).flatten(0, 1).to(forward.batch.target.device)
        text_of = torch.arange(len(sets), device=removed.device).repeat_interleave(sets.shape[1])
        masked = subset_logits(forward, text_of, removed).unflatten(0, sets.shape[:2])
        logits = torch.cat([forward.logits.unsqueeze(1), masked], 1)
    numbers: np.ndarray = forward.target_probability(logits).cpu().double().numpy()
    return numbers


def _or_none(number: float) -> float | None:
    return number if isfinite(number) else None


def _or_nan(number: float | None) -> float:
    return nan if number is None else number
