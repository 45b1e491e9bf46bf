"""What the paper says, a claim each, and what our runs answer."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import Any

from hf_gradexplain.viz.tables import with_interval
from recipes.paper import rules
from recipes.paper.constants import METHODS, MODELS, NORMS, SENSITIVITY, SETTINGS, Setting
from recipes.paper.example_review import side
from recipes.paper.frequency import TOLERANCE, FrequencySummary
from recipes.paper.results import LEADERS, Estimate, Result, over_seeds
from recipes.paper.rules import Check, Cutoffs

BELOW = ("random", *SENSITIVITY)
HARD = Setting("bilstm", "imdb")
"""Where the paper finds leave-one-out far ahead."""

BEAT_RANDOM = (Setting("textcnn", "ag_news"), Setting("bilstm", "ag_news"))
"""Where the paper finds the norms above a random order."""

Results = Mapping[Setting, Sequence[Result]]
"""The trainings of each model on each data set, in the same order of seeds."""


@dataclass(frozen=True)
class Answer:
    """One claim about one model on one data set.

    Attributes:
        claim: The claim in short.
        setting: Model and data set.
        figure: Our figure with its interval, in words.
        checks: What the verdict is made of: each has come out in every training, or has not; of a claim that is made
            of some cases alone, in one training or in none.
    """

    claim: str
    setting: Setting
    figure: str
    checks: tuple[Check, ...]

    @property
    def verdict(self) -> str:
        """What the checks add up to, see `recipes.paper.rules.verdict`."""
        return rules.verdict(self.checks)


UNDER = "The raw gradient is below random, in some cases"
SOMEWHERE = (UNDER,)
"""Claims that hold if they hold of one model on one data set; where they do not, the paper is not contradicted."""


def about_curves(results: Results, cutoffs: Cutoffs) -> Iterator[Answer]:
    """The claims about AOPC."""
    clearly = "All sensitivity methods fall clearly below SignedGI"
    below = [("signed_gi", method) for method in SENSITIVITY]
    yield from _each(results, clearly, _smallest(below), _all(below, rules.clearly_above, cutoffs))
    norms = list(combinations(NORMS, 2))
    yield from _each(results, "The curves of L1, L2 and L∞ nearly coincide", _widest, _all(norms, rules.level, cutoffs))
    to_random = [(norm, "random") for norm in NORMS]
    for moderate, claim in ((True, "The norms beat random moderately"), (False, "The norms tie with random")):
        rule = rules.moderately_above if moderate else rules.level
        where = {setting: found for setting, found in results.items() if (setting in BEAT_RANDOM) == moderate}
        yield from _each(where, claim, _gap("sa_l2", "random"), _all(to_random, rule, cutoffs))
    raw = [(norm, "sa_raw") for norm in NORMS]
    yield from _each(results, "The raw gradient is worse than the three norms", _smallest(raw), _all(raw, rules.above))
    under = [("random", "sa_raw")]
    below_random = _all(under, rules.above)
    for setting, found in results.items():
        once = rules.in_some([below_random(x) for x in found])
        yield Answer(UNDER, setting, _gap("sa_raw", "random")(found), once)
    lead = [(leader, method) for leader in LEADERS for method in BELOW]
    yield from _each(results, "LOO and SignedGI lead", _smallest(lead), _all(lead, rules.above))
    for setting, found in results.items():
        claim, checks = _between_leaders(setting, cutoffs)
        yield from _each({setting: found}, claim, _gap("signed_gi", "loo"), checks)


def about_correlations(results: Results, cutoffs: Cutoffs) -> Iterator[Answer]:
    """The claims about Pearson's r with leave-one-out."""
    strong = "SignedGI correlates with LOO: strongly, mostly significantly"
    yield from _each(results, strong, _r("signed_gi"), lambda x: rules.strongly_positive(x, "signed_gi", cutoffs))
    others = [results[setting] for setting in results if setting != HARD]
    if HARD in results and others:
        found = results[HARD]
        checks = [rules.weaker(x, [other[i] for other in others], "signed_gi") for i, x in enumerate(found)]
        claim = "SignedGI correlates less with LOO than on the other five"
        yield Answer(claim, HARD, _r("signed_gi")(found), rules.in_every(checks))
    for data, (low, high), said in (("ag_news", (0.2, 0.5), "between 0.2 and 0.5"), ("imdb", (-0.1, 0.1), "about 0")):
        where = {setting: found for setting, found in results.items() if setting.dataset == data}
        yield from _each(where, f"r of L1 with LOO is {said}", _r("sa_l1"), _r_within("sa_l1", low, high))


def about_frequencies(found: Mapping[Setting, Sequence[FrequencySummary]]) -> Iterator[Answer]:
    """The claims about FastText's gradients."""
    for setting, seeds in found.items():
        n = sum(x.texts for x in seeds)
        worst = max(x.spread for x in seeds)
        figure = f"apart by {worst:.1e} of the gradient at most, in {n:,} texts"
        same = [[x.spread <= TOLERANCE] for x in seeds]
        yield Answer("Words of equal frequency have the same gradient", setting, figure, rules.in_every(same))
        ratio = max((x.twice for x in seeds), key=lambda r: abs(r - 2))
        figure = f"{ratio:.6f} times at the farthest from 2, in {sum(x.with_twice for x in seeds):,} texts"
        twice = [[abs(x.twice - 2) <= 2 * TOLERANCE] for x in seeds]
        yield Answer("A word that occurs twice has twice the gradient", setting, figure, rules.in_every(twice))


def about_review(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[Answer]:
    """The claims about the review, by model; a check for each of the two words."""
    for method in ("loo", "signed_gi"):
        for model in MODELS:
            missed = method == "signed_gi" and model == "bilstm"
            wanted = {"great": 0 if missed else 1, "bad": -1}
            sides = [{w: word_sign(x["words"], x["scores"][method], w) for w in wanted} for x in found[model]]
            claim = (
                f"{METHODS[method]} {'misses' if missed else 'marks'} “great”{'' if missed else ' positive'}, "
                "marks “bad” negative"
            )
            checks = [[seed[word] == wanted[word] for word in wanted] for seed in sides]
            shown = "; ".join(f"great {_SIDES[seed['great']]}, bad {_SIDES[seed['bad']]}" for seed in sides)
            yield Answer(claim, Setting(model, "imdb"), shown, rules.in_every(checks))


_SIDES = {1: "+", 0: "0", -1: "−"}

Shown = Callable[[Sequence[Result]], str]
Checks = Callable[[Result], list[Check]]
Pair = tuple[str, str]


def _each(results: Results, claim: str, shown: Shown, checks: Checks) -> Iterator[Answer]:
    for setting, found in results.items():
        yield Answer(claim, setting, shown(found), rules.in_every([checks(x) for x in found]))


def _all(pairs: Sequence[Pair], rule: Callable[..., list[Check]], *cutoffs: Cutoffs) -> Checks:
    """A rule asked of every pair."""
    return lambda x: [check for pair in pairs for check in rule(x, *pair, *cutoffs)]


def _difference(found: Sequence[Result], pair: Pair) -> Estimate:
    return over_seeds([x.gap(*pair, x.short_k) for x in found])


def _told(found: Sequence[Result], pair: Pair) -> str:
    """The difference of a pair, and which part of the lead it is, unless there is none."""
    gap, lead = _difference(found, pair), over_seeds([x.lead(x.short_k) for x in found])
    share = f", {gap.value / lead.value:z.0%} of the lead" if lead.low > 0 else ""
    return f"{METHODS[pair[0]]} − {METHODS[pair[1]]}: {with_interval(gap.value, gap.low, gap.high)}{share}"


def _gap(method: str, other: str) -> Shown:
    return lambda found: _told(found, (method, other))


def _smallest(pairs: Sequence[Pair]) -> Shown:
    return lambda found: _told(found, min(pairs, key=lambda pair: _difference(found, pair).value))


def _widest(found: Sequence[Result]) -> str:
    """The largest difference between two norms, whichever is above."""
    return _told(found, max(permutations(NORMS, 2), key=lambda pair: _difference(found, pair).value))


def _r(method: str) -> Shown:
    def shown(found: Sequence[Result]) -> str:
        r, counts = over_seeds([x.r(method) for x in found]), [x.without_r(method) for x in found]
        without, texts = (sum(column) for column in zip(*counts, strict=True))
        return with_interval(r.value, r.low, r.high) + (
            f"; {without:,} of {texts:,} texts have no r" if without else ""
        )

    return shown


def _r_within(method: str, low: float, high: float) -> Checks:
    return lambda x: rules.within(x, method, low, high)


def _between_leaders(setting: Setting, cutoffs: Cutoffs) -> tuple[str, Checks]:
    if setting.model == "textcnn":
        return "SignedGI is above LOO", _all([("signed_gi", "loo")], rules.above)
    if setting == HARD:
        return "LOO leads SignedGI by a large margin", _all([("loo", "signed_gi")], rules.clearly_above, cutoffs)
    return "SignedGI and LOO are comparable", _all([("signed_gi", "loo")], rules.level, cutoffs)


def about_tables(results: Results, cutoffs: Cutoffs) -> list[Answer]:
    """Every claim that the tables of evaluations answer."""
    return [*about_curves(results, cutoffs), *about_correlations(results, cutoffs)]


def all_answers(
    results: Results,
    frequencies: Mapping[Setting, Sequence[FrequencySummary]],
    reviews: Mapping[str, Sequence[Mapping[str, Any]]],
    cutoffs: Cutoffs | None = None,
) -> list[Answer]:
    """Every claim about every model and data set that it speaks of, in the paper's order."""
    ordered = {setting: results[setting] for setting in SETTINGS}
    return [
        *about_tables(ordered, cutoffs or Cutoffs()),
        *about_frequencies(frequencies),
        *about_review(reviews),
    ]


def overall(answers: Sequence[Answer]) -> dict[str, Counter[str]]:
    """By claim, how many models and data sets have each verdict."""
    counts: dict[str, Counter[str]] = {}
    for answer in answers:
        counts.setdefault(answer.claim, Counter())[answer.verdict] += 1
    return counts
