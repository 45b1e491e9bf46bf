"""What the paper says, a claim each, and what our runs answer."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from recipes.paper import rules
from recipes.paper.frequency import TOLERANCE, Frequencies
from recipes.paper.names import CELLS, MODELS, NORMS, SENSITIVITY, Cell
from recipes.paper.results import Figure, Result, over_seeds
from recipes.paper.review import side

LEADERS = ("loo", "signed_gi")
BELOW = ("random", *SENSITIVITY)
HARD = Cell("bilstm", "imdb")
"""Where the paper finds leave-one-out far ahead."""

BEAT_RANDOM = (Cell("textcnn", "ag_news"), Cell("bilstm", "ag_news"))
"""Where the paper finds the norms above a random order."""

Results = Mapping[Cell, Sequence[Result]]
"""The trainings of each model on each data set, in the same order of seeds."""


@dataclass(frozen=True)
class Answer:
    """One claim about one model on one data set.

    Attributes:
        claim: The claim in short.
        cell: Model and data set.
        figure: Our figure with its interval, in words.
        checks: What the verdict is made of.
    """

    claim: str
    cell: Cell
    figure: str
    checks: tuple[bool, ...]

    @property
    def verdict(self) -> str:
        """What the checks add up to, see `recipes.paper.rules.verdict`."""
        return rules.verdict(self.checks)


def about_curves(results: Results) -> Iterator[Answer]:
    """The claims about AOPC."""
    below = "All sensitivity methods fall clearly below SignedGI"
    yield from _each(
        results, below, _best_gap("signed_gi", SENSITIVITY), _all_above(("signed_gi",), SENSITIVITY, rules.CLEAR)
    )
    yield from _each(results, "The curves of L1, L2 and L∞ nearly coincide", _widest, _coincide)
    for moderate, claim in ((True, "The norms beat random moderately"), (False, "The norms tie with random")):
        rule = rules.moderately_above if moderate else rules.level
        where = {cell: found for cell, found in results.items() if (cell in BEAT_RANDOM) == moderate}
        yield from _each(where, claim, _gap("sa_l2", "random"), _norms_to_random(rule))
    raw = "The raw gradient is worse than the three norms"
    yield from _each(results, raw, _gap("sa_raw", "sa_l2"), _all_above(NORMS, ("sa_raw",)))
    yield from _each(results, UNDER, _gap("sa_raw", "random"), _all_above(("random",), ("sa_raw",)))
    yield from _each(results, "LOO and SignedGI lead", _margin, _all_above(LEADERS, BELOW))
    for cell, found in results.items():
        claim, checks = _between_leaders(cell)
        yield from _each({cell: found}, claim, _gap("signed_gi", "loo"), checks)


UNDER = "The raw gradient is below random, in some cases"
SOMEWHERE = (UNDER,)
"""Claims that hold if they hold of one model on one data set."""


def about_correlations(results: Results) -> Iterator[Answer]:
    """The claims about Pearson's r with leave-one-out."""
    strong = "SignedGI correlates with LOO: strongly, mostly significantly"
    yield from _each(results, strong, _r("signed_gi"), lambda x: rules.strongly_positive(x, "signed_gi"))
    hard = {cell: found for cell, found in results.items() if cell == HARD}
    for cell, found in hard.items():
        others = [results[other] for other in results if other != cell]
        checks = [
            check
            for i, result in enumerate(found)
            for check in rules.weaker(result, [other[i] for other in others], "signed_gi")
        ]
        if checks:
            claim = "SignedGI correlates less with LOO than on the other five"
            yield Answer(claim, cell, _shown([_r("signed_gi")(x) for x in found]), tuple(checks))
    for data, (low, high), said in (("ag_news", (0.2, 0.5), "between 0.2 and 0.5"), ("imdb", (-0.1, 0.1), "about 0")):
        where = {cell: found for cell, found in results.items() if cell.data == data}
        yield from _each(where, f"r of L1 with LOO is {said}", _r("sa_l1"), _r_within("sa_l1", low, high))


def about_frequencies(found: Mapping[Cell, Sequence[Frequencies]]) -> Iterator[Answer]:
    """The claims about FastText's gradients; each training is a check."""
    for cell, seeds in found.items():
        n = sum(x.texts for x in seeds)
        worst = max(x.spread for x in seeds)
        figure = f"apart by {worst:.1e} of the gradient at most, in {n:,} texts"
        same = tuple(x.spread <= TOLERANCE for x in seeds)
        yield Answer("Words of equal frequency have the same gradient", cell, figure, same)
        ratio = max((x.twice for x in seeds), key=lambda r: abs(r - 2))
        figure = f"{ratio:.6f} times at the farthest from 2, in {sum(x.with_twice for x in seeds):,} texts"
        twice = tuple(abs(x.twice - 2) <= 2 * TOLERANCE for x in seeds)
        yield Answer("A word that occurs twice has twice the gradient", cell, figure, twice)


def about_review(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[Answer]:
    """The claims about the review, by model; each training is asked about both words."""
    for method, name in (("loo", "LOO"), ("signed_gi", "SignedGI")):
        for model in MODELS:
            missed = method == "signed_gi" and model == "bilstm"
            wanted = {"great": 0 if missed else 1, "bad": -1}
            sides = [{w: side(x["words"], x["scores"][method], w) for w in wanted} for x in found[model]]
            claim = (
                f"{name} {'misses' if missed else 'marks'} “great”{'' if missed else ' positive'}, marks “bad” negative"
            )
            checks = tuple(seed[word] == wanted[word] for seed in sides for word in wanted)
            shown = "; ".join(f"great {_SIDES[seed['great']]}, bad {_SIDES[seed['bad']]}" for seed in sides)
            yield Answer(claim, Cell(model, "imdb"), shown, checks)


_SIDES = {1: "+", 0: "0", -1: "−"}

Shown = Callable[[Result], Figure]
Checks = Callable[[Result], list[bool]]


def _each(results: Results, claim: str, shown: Shown, checks: Checks) -> Iterator[Answer]:
    for cell, found in results.items():
        yield Answer(claim, cell, _shown([shown(x) for x in found]), tuple(c for x in found for c in checks(x)))


def _shown(figures: Sequence[Figure]) -> str:
    found = over_seeds(figures)
    return f"{found.value:z.3f} [{found.low:z.3f}, {found.high:z.3f}]"


def _gap(method: str, other: str) -> Shown:
    return lambda x: x.gap(method, other, x.short_k)


def _best_gap(method: str, others: Sequence[str]) -> Shown:
    """The difference to the best of the others."""
    return lambda x: min((x.gap(method, other, x.short_k) for other in others), key=lambda gap: gap.value)


def _margin(x: Result) -> Figure:
    """The smaller of the leaders' differences to what comes next."""
    return min((_best_gap(leader, BELOW)(x) for leader in LEADERS), key=lambda gap: gap.value)


def _widest(x: Result) -> Figure:
    """The largest difference between two norms, whichever is above."""
    gaps = [x.gap(*pair, x.short_k) for pair in combinations(NORMS, 2)]
    widest = max(gaps, key=lambda gap: abs(gap.value))
    return widest if widest.value >= 0 else Figure(-widest.value, -widest.high, -widest.low, widest.p)


def _r(method: str) -> Shown:
    return lambda x: x.r(method)


def _r_within(method: str, low: float, high: float) -> Checks:
    return lambda x: rules.within(x, method, low, high)


def _all_above(methods: Sequence[str], others: Sequence[str], share: float = 0.0) -> Checks:
    return lambda x: [c for method in methods for other in others for c in rules.above(x, method, other, share)]


def _coincide(x: Result) -> list[bool]:
    return [check for pair in combinations(NORMS, 2) for check in rules.level(x, *pair)]


def _norms_to_random(rule: Callable[[Result, str, str], list[bool]]) -> Checks:
    return lambda x: [check for norm in NORMS for check in rule(x, norm, "random")]


def _between_leaders(cell: Cell) -> tuple[str, Checks]:
    if cell.model == "textcnn":
        return "SignedGI is above LOO", _all_above(("signed_gi",), ("loo",))
    if cell == HARD:
        return "LOO leads SignedGI by a large margin", _all_above(("loo",), ("signed_gi",), rules.CLEAR)
    return "SignedGI and LOO are comparable", lambda x: rules.level(x, "signed_gi", "loo")


def all_answers(
    results: Results,
    frequencies: Mapping[Cell, Sequence[Frequencies]],
    reviews: Mapping[str, Sequence[Mapping[str, Any]]],
) -> list[Answer]:
    """Every claim about every model and data set that it speaks of, in the paper's order."""
    ordered = {cell: results[cell] for cell in CELLS}
    return [
        *about_curves(ordered),
        *about_correlations(ordered),
        *about_frequencies(frequencies),
        *about_review(reviews),
    ]


def overall(answers: Sequence[Answer]) -> dict[str, str]:
    """The verdict on each claim as a whole: that of all of its cells, in part where they differ.

    One of `SOMEWHERE` holds as soon as it does of one cell.
    """
    found: dict[str, set[str]] = {}
    for answer in answers:
        found.setdefault(answer.claim, set()).add(answer.verdict)
    return {
        claim: rules.HOLDS
        if claim in SOMEWHERE and rules.HOLDS in verdicts
        else (verdicts.pop() if len(verdicts) == 1 else rules.IN_PART)
        for claim, verdicts in found.items()
    }
