"""Which method to take for which kind of model and for how many passes, and whether the choice holds."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from recipes.leaderboard.candidates import CANDIDATES, WITH_COPIES
from recipes.leaderboard.entries import SMALL
from recipes.leaderboard.measured import Measured, Part
from recipes.leaderboard.resampled import Resampled, mean_over_models
from recipes.paper.results import IntervalEstimate

KINDS: Mapping[str, tuple[str, ...]] = {
    "transformers": ("minilm", *SMALL),
    "recurrent networks": ("bilstm",),
    "word vectors and convolutions": ("fasttext", "textcnn"),
}
"""Kinds of models, and the models of each."""

BUDGETS: Mapping[str, float] = {"1": 1, "up to 5": 5, "any": float("inf")}
"""Largest number of passes for a text, by name."""

REFERENCES = ("loo", "integrated_gradients", "random")
"""The methods that all other methods are compared with."""

TOLERANCE = 0.01
"""A method is "not below" another if the lower end of the interval of their difference is above minus this number."""


class Choice(NamedTuple):
    """The method to take for a kind of model, and its lead over other methods on the texts for verdicts.

    Attributes:
        kind: The kind of model.
        budget: The budget, a key of `BUDGETS`.
        method: The method.
        gaps: AOPC(10) of the method minus that of others such as `REFERENCES`, mean over the models.
    """

    kind: str
    budget: str
    method: str
    gaps: Mapping[str, IntervalEstimate]


def of_kind(entries: Sequence[Measured], kind: str) -> list[Measured]:
    """Return the entries of a kind."""
    return [x for x in entries if x.entry.model in KINDS[kind]]


def mean_aopc(entries: Sequence[Measured], method: str, part: Part) -> Resampled:
    """Return AOPC(10) of a method, mean over models."""
    return mean_over_models([x.aopc(method, part) for x in entries])


def mean_gap(entries: Sequence[Measured], method: str, other: str, part: Part = "verdict") -> IntervalEstimate:
    """Return AOPC(10) of one method minus that of another, mean over models."""
    return (mean_aopc(entries, method, part) - mean_aopc(entries, other, part)).estimate


def shared_methods(entries: Sequence[Measured]) -> list[str]:
    """Return the methods that were measured on all of these entries."""
    return [m for m in entries[0].methods if all(m in x.methods for x in entries)] if entries else []


def choose_methods(entries: Sequence[Measured]) -> list[Choice]:
    """Return the method to take for every budget and every kind of model that was measured.

    For one pass, it is the method with the highest AOPC(10) on the texts for choices. A larger budget changes the
    choice only if the best method of that budget is significantly above the chosen one: the interval of the paired
    difference is above 0.
    """
    choices = []
    for kind in KINDS:
        members, chosen = of_kind(entries, kind), ""
        methods = [m for m in shared_methods(members) if m != "random"]
        for budget, most in BUDGETS.items():
            affordable = [m for m in methods if max(x.passes(m) for x in members) <= most]
            if not affordable:
                continue
            best = max(affordable, key=lambda m: mean_aopc(members, m, "choice").value)
            if not chosen or in_words(mean_gap(members, best, chosen, "choice")) == "above":
                chosen = best
            others = [m for m in REFERENCES if m in shared_methods(members)]
            choices.append(Choice(kind, budget, chosen, {m: mean_gap(members, chosen, m) for m in others}))
    return choices


def best_with_copies(entries: Sequence[Measured], kind: str, one_pass: str) -> Choice | None:
    """Return the best method that draws masked copies, compared with leave-one-out and a method of one pass.

    Like every method, it is chosen on the texts for choices. Return None if such methods were measured on no
    model of the kind.
    """
    members = [x.masking for x in of_kind(entries, kind) if x.masking]
    methods = [m for m in shared_methods(members) if m in WITH_COPIES and WITH_COPIES[m].source.masks]
    if not methods:
        return None
    best = max(methods, key=lambda m: mean_aopc(members, m, "choice").value)
    return Choice(kind, "any", best, {m: mean_gap(members, best, m) for m in (one_pass, "loo")})


def in_words(gap: IntervalEstimate) -> str:
    """Return which side of a comparison is ahead.

    >>> [in_words(IntervalEstimate(*x)) for x in ((0.3, 0.1, 0.5), (0.1, -0.1, 0.3), (-0.2, -0.3, -0.1))]
    ['above', 'level', 'below']
    """
    return "above" if gap.low > 0 else "below" if gap.high < 0 else "level"


def losses(entry: Measured, method: str) -> dict[str, IntervalEstimate]:
    """Return the methods that are above a method on an entry, with their leads, except leads that round to 0.000."""
    gaps = {other: entry.gap(other, method).estimate for other in entry.methods if other not in ("random", method)}
    return {other: gap for other, gap in gaps.items() if in_words(gap) == "above" and gap.value >= 5e-4}


def meets_targets(entry: Measured, method: str) -> dict[str, bool]:
    """Return whether a method is above integrated gradients, and not below leave-one-out."""
    above = entry.gap(method, "integrated_gradients").estimate
    level = entry.gap(method, "loo").estimate
    return {"above integrated_gradients": above.low > 0, "not below loo": level.low > -TOLERANCE}


def candidate_gaps(entries: Sequence[Measured], reference: str) -> dict[str, IntervalEstimate]:
    """Return the lead of each candidate over a method, averaged over all transformers."""
    members = of_kind(entries, "transformers")
    measured = [m for m in CANDIDATES if m in shared_methods(members)]
    return {m: mean_gap(members, m, reference) for m in measured if reference in shared_methods(members)}
