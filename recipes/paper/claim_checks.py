"""The figures and the checks that make up the claims.

Figures are functions `(evidence, setting) -> text`, checks are functions `(evidence, setting, cutoffs) -> checks`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any, Literal

from hf_gradexplain.viz.tables import with_interval
from recipes.paper import rules
from recipes.paper.constants import METHODS, SETTINGS, Setting
from recipes.paper.example_review import word_sign
from recipes.paper.frequency import TOLERANCE, FrequencySummary
from recipes.paper.results import IntervalEstimate, Result, over_seeds
from recipes.paper.rules import Check, Cutoffs

Source = Literal["results", "frequencies", "reviews"]
"""The attribute of `Evidence` that a claim needs."""

Pair = tuple[str, str]
Figure = Callable[["Evidence", Setting], str]
Checks = Callable[["Evidence", Setting, Cutoffs], tuple[Check, ...]]
Rule = Callable[[Result, str, str, Cutoffs], list[Check]]

SIGNS = {1: "+", 0: "0", -1: "−"}


@dataclass(frozen=True, eq=False)
class Evidence:
    """Everything that the claims are checked on; sequences have one entry per training, in the order of the seeds.

    Attributes:
        results: The evaluations of every setting.
        frequencies: Summaries of FastText's gradients by word frequency.
        reviews: By model, the explained example review.
    """

    results: Mapping[Setting, Sequence[Result]]
    frequencies: Mapping[Setting, Sequence[FrequencySummary]] = field(default_factory=dict)
    reviews: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)


# AOPC


def each_pair(pairs: Sequence[Pair], rule: Rule, combine: Callable[..., tuple[Check, ...]] = rules.in_every) -> Checks:
    """Check a rule for every pair of methods; `combine` joins the checks of the trainings."""

    def checks(evidence: Evidence, setting: Setting, cutoffs: Cutoffs) -> tuple[Check, ...]:
        return combine([[c for p in pairs for c in rule(x, *p, cutoffs)] for x in evidence.results[setting]])

    return checks


def difference(method: str, other: str) -> Figure:
    """Write the difference in AOPC at the short k between two methods."""
    return lambda evidence, setting: _write_difference(evidence.results[setting], (method, other))


def smallest_difference(pairs: Sequence[Pair]) -> Figure:
    """Write the smallest difference of several pairs of methods."""

    def figure(evidence: Evidence, setting: Setting) -> str:
        results = evidence.results[setting]
        return _write_difference(results, min(pairs, key=lambda pair: _difference(results, pair).value))

    return figure


def largest_difference(methods: Sequence[str]) -> Figure:
    """Write the largest difference between any two methods, the higher one first."""

    def figure(evidence: Evidence, setting: Setting) -> str:
        results = evidence.results[setting]
        pairs = permutations(methods, 2)
        return _write_difference(results, max(pairs, key=lambda pair: _difference(results, pair).value))

    return figure


def _difference(results: Sequence[Result], pair: Pair) -> IntervalEstimate:
    return over_seeds([x.gap(*pair, x.short_k) for x in results])


def _write_difference(results: Sequence[Result], pair: Pair) -> str:
    """Write the difference of a pair and, if there is a lead, its share of the lead."""
    gap, lead = _difference(results, pair), over_seeds([x.lead(x.short_k) for x in results])
    share = f", {gap.value / lead.value:z.0%} of the lead" if lead.low > 0 else ""
    return f"{METHODS[pair[0]]} − {METHODS[pair[1]]}: {with_interval(gap.value, gap.low, gap.high)}{share}"


# Correlation with LOO


def median_r(method: str) -> Figure:
    """Write the median r, and how many texts have no r."""

    def figure(evidence: Evidence, setting: Setting) -> str:
        results = evidence.results[setting]
        r, counts = over_seeds([x.r(method) for x in results]), [x.without_r(method) for x in results]
        without, texts = (sum(column) for column in zip(*counts, strict=True))
        missing = f"; {without:,} of {texts:,} texts have no r" if without else ""
        return with_interval(r.value, r.low, r.high) + missing

    return figure


def strong_r(method: str) -> Checks:
    """Check that r is strong and mostly significant."""
    return lambda evidence, setting, cutoffs: rules.in_every(
        [rules.strongly_positive(x, method, cutoffs) for x in evidence.results[setting]]
    )


def r_within(method: str, low: float, high: float) -> Checks:
    """Check that the median r lies between two numbers."""
    return lambda evidence, setting, _: rules.in_every(
        [rules.within(x, method, low, high) for x in evidence.results[setting]]
    )


def weakest_r(method: str) -> Checks:
    """Check, for each training, that the median r is below the median r of every other setting."""

    def checks(evidence: Evidence, setting: Setting, _: Cutoffs) -> tuple[Check, ...]:
        others = [evidence.results[other] for other in SETTINGS if other != setting]
        results = enumerate(evidence.results[setting])
        return rules.in_every([rules.weaker(x, [other[i] for other in others], method) for i, x in results])

    return checks


# Gradients by word frequency


def largest_spread(evidence: Evidence, setting: Setting) -> str:
    """Write the largest difference between gradients of equally frequent words."""
    summaries = evidence.frequencies[setting]
    texts, spread = sum(x.texts for x in summaries), max(x.spread for x in summaries)
    size = f"apart by {spread:.1e} of the gradient at most" if spread else "exactly equal"
    return f"{size}, in {texts:,} texts"


def equal_gradients(evidence: Evidence, setting: Setting, _: Cutoffs) -> tuple[Check, ...]:
    """Check that equally frequent words have equal gradients."""
    return rules.in_every([[x.spread <= TOLERANCE] for x in evidence.frequencies[setting]])


def ratio_of_twice(evidence: Evidence, setting: Setting) -> str:
    """Write the ratio farthest from 2 between gradients of words that occur twice and once."""
    summaries = evidence.frequencies[setting]
    ratio = max((x.twice for x in summaries), key=lambda r: abs(r - 2))
    return f"the factor farthest from 2 is {ratio:.6f}, in {sum(x.with_twice for x in summaries):,} texts"


def double_gradient(evidence: Evidence, setting: Setting, _: Cutoffs) -> tuple[Check, ...]:
    """Check that words that occur twice have twice the gradient."""
    return rules.in_every([[abs(x.twice - 2) <= 2 * TOLERANCE] for x in evidence.frequencies[setting]])


# The example review


def word_signs(method: str) -> Figure:
    """Write the signs of the scores of "great" and "bad" in every training."""

    def figure(evidence: Evidence, setting: Setting) -> str:
        signs = [_signs(review, method, ("great", "bad")) for review in evidence.reviews[setting.model]]
        return "; ".join(f"great {SIGNS[great]}, bad {SIGNS[bad]}" for great, bad in signs)

    return figure


def words_marked(method: str, great: int, bad: int) -> Checks:
    """Check the signs of the scores of "great" and "bad", one check per word."""

    def checks(evidence: Evidence, setting: Setting, _: Cutoffs) -> tuple[Check, ...]:
        signs = [_signs(review, method, ("great", "bad")) for review in evidence.reviews[setting.model]]
        return rules.in_every([[x == great, y == bad] for x, y in signs])

    return checks


def _signs(review: Mapping[str, Any], method: str, words: Sequence[str]) -> list[int]:
    return [word_sign(review["words"], review["scores"][method], word) for word in words]
