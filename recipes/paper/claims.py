"""The claims of the paper, one entry each, and their verdicts.

To add or change a claim, edit `CLAIMS`. The figures and the checks come from `claim_checks.py`, the rules and their
cut-offs from `rules.py`.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from recipes.paper import rules
from recipes.paper.claim_checks import (
    Evidence,
    Source,
    difference,
    double_gradient,
    each_pair,
    equal_gradients,
    largest_difference,
    largest_spread,
    median_r,
    r_within,
    ratio_of_twice,
    smallest_difference,
    strong_r,
    weakest_r,
    word_signs,
    words_marked,
)
from recipes.paper.constants import BILSTM_IMDB, LEADERS, NORMS, SENSITIVITY, SETTINGS, Setting
from recipes.paper.rules import Check, Cutoffs, above, clearly_above, level, moderately_above


@dataclass(frozen=True)
class Claim:
    """A claim of the paper.

    Attributes:
        text: The claim in short.
        applies_to: The settings that the claim is about.
        figure: Writes our number for one setting, with its interval.
        checks: Checks the claim in one setting; a check holds if it holds in every training.
        source: The part of the evidence that the claim needs.
    """

    text: str
    applies_to: Sequence[Setting]
    figure: Callable[[Evidence, Setting], str]
    checks: Callable[[Evidence, Setting, Cutoffs], tuple[Check, ...]]
    source: Source = "results"


def by_setting(*claims: Claim) -> list[Claim]:
    """Split claims into one per setting, ordered by setting."""
    return [replace(claim, applies_to=(s,)) for s in SETTINGS for claim in claims if s in claim.applies_to]


AG_NEWS, IMDB = ([s for s in SETTINGS if s.dataset == dataset] for dataset in ("ag_news", "imdb"))
FASTTEXT, TEXTCNN = ([s for s in SETTINGS if s.model == model] for model in ("fasttext", "textcnn"))
IMDB_NOT_BILSTM = [s for s in IMDB if s != BILSTM_IMDB]
NORMS_AHEAD = [Setting("textcnn", "ag_news"), Setting("bilstm", "ag_news")]
NORMS_LEVEL = [s for s in SETTINGS if s not in NORMS_AHEAD]
LEADERS_LEVEL = [s for s in SETTINGS if s not in TEXTCNN and s != BILSTM_IMDB]

GI_SA = [("signed_gi", method) for method in SENSITIVITY]
NORM_NORM = list(combinations(NORMS, 2))
NORM_RANDOM = [(norm, "random") for norm in NORMS]
NORM_RAW = [(norm, "sa_raw") for norm in NORMS]
LEADER_OTHER = [(leader, method) for leader in LEADERS for method in ("random", *SENSITIVITY)]
GI_LOO, LOO_GI, RANDOM_RAW = [("signed_gi", "loo")], [("loo", "signed_gi")], [("random", "sa_raw")]

BELOW_RANDOM = "The raw gradient is below random, in some cases"
IN_SOME_CASES = (BELOW_RANDOM,)
"""Claims about some cases only. A setting in which they do not hold does not contradict the paper."""

ABOUT_ZERO = 0.1
"""A median r of at most this size is about 0."""

# fmt: off
CLAIMS: tuple[Claim, ...] = (
    Claim("All sensitivity methods fall clearly below SignedGI",
          SETTINGS, smallest_difference(GI_SA), each_pair(GI_SA, clearly_above)),
    Claim("The curves of L1, L2 and L∞ nearly coincide",
          SETTINGS, largest_difference(NORMS), each_pair(NORM_NORM, level)),
    Claim("The norms beat random moderately",
          NORMS_AHEAD, difference("sa_l2", "random"), each_pair(NORM_RANDOM, moderately_above)),
    Claim("The norms tie with random",
          NORMS_LEVEL, difference("sa_l2", "random"), each_pair(NORM_RANDOM, level)),
    Claim("The raw gradient is worse than the three norms",
          SETTINGS, smallest_difference(NORM_RAW), each_pair(NORM_RAW, above)),
    Claim(BELOW_RANDOM,
          SETTINGS, difference("sa_raw", "random"), each_pair(RANDOM_RAW, above, rules.in_some)),
    Claim("LOO and SignedGI lead",
          SETTINGS, smallest_difference(LEADER_OTHER), each_pair(LEADER_OTHER, above)),
    *by_setting(
        Claim("SignedGI and LOO are comparable",
              LEADERS_LEVEL, difference("signed_gi", "loo"), each_pair(GI_LOO, level)),
        Claim("SignedGI is above LOO",
              TEXTCNN, difference("signed_gi", "loo"), each_pair(GI_LOO, above)),
        Claim("LOO leads SignedGI by a large margin",
              [BILSTM_IMDB], difference("signed_gi", "loo"), each_pair(LOO_GI, clearly_above)),
    ),
    Claim("SignedGI correlates with LOO: strongly, mostly significantly",
          SETTINGS, median_r("signed_gi"), strong_r("signed_gi")),
    Claim("SignedGI correlates less with LOO than on the other five",
          [BILSTM_IMDB], median_r("signed_gi"), weakest_r("signed_gi")),
    Claim("r of L1 with LOO is between 0.2 and 0.5", AG_NEWS, median_r("sa_l1"), r_within("sa_l1", 0.2, 0.5)),
    Claim("r of L1 with LOO is about 0", IMDB, median_r("sa_l1"), r_within("sa_l1", -ABOUT_ZERO, ABOUT_ZERO)),
    *by_setting(
        Claim("Words of equal frequency have the same gradient",
              FASTTEXT, largest_spread, equal_gradients, "frequencies"),
        Claim("A word that occurs twice has twice the gradient",
              FASTTEXT, ratio_of_twice, double_gradient, "frequencies"),
    ),
    Claim("LOO marks “great” positive, marks “bad” negative",
          IMDB, word_signs("loo"), words_marked("loo", great=1, bad=-1), "reviews"),
    Claim("SignedGI marks “great” positive, marks “bad” negative",
          IMDB_NOT_BILSTM, word_signs("signed_gi"), words_marked("signed_gi", great=1, bad=-1), "reviews"),
    Claim("SignedGI misses “great”, marks “bad” negative",
          [BILSTM_IMDB], word_signs("signed_gi"), words_marked("signed_gi", great=0, bad=-1), "reviews"),
)
# fmt: on


@dataclass(frozen=True)
class Verdict:
    """The result for one claim in one setting.

    Attributes:
        claim: The text of the claim.
        setting: The model and the dataset.
        figure: Our number with its interval, as text.
        checks: Whether each check holds in every training (for `IN_SOME_CASES`: in at least one).
    """

    claim: str
    setting: Setting
    figure: str
    checks: tuple[Check, ...]

    @property
    def outcome(self) -> str:
        """Whether the claim holds, see `recipes.paper.rules.outcome`."""
        return rules.outcome(self.checks)


def judge(evidence: Evidence, cutoffs: Cutoffs | None = None, claims: Sequence[Claim] = CLAIMS) -> list[Verdict]:
    """Return the verdict on every claim in every setting that it applies to, in the paper's order."""
    cutoffs = cutoffs or Cutoffs()
    return [
        Verdict(claim.text, s, claim.figure(evidence, s), claim.checks(evidence, s, cutoffs))
        for claim in claims
        for s in claim.applies_to
    ]


def judge_tables(evidence: Evidence, cutoffs: Cutoffs | None = None) -> list[Verdict]:
    """Return the verdicts on the claims that need only the tables of evaluations."""
    return judge(evidence, cutoffs, [claim for claim in CLAIMS if claim.source == "results"])


def count_outcomes(verdicts: Sequence[Verdict]) -> dict[str, Counter[str]]:
    """Count, for every claim, the settings with each outcome."""
    counts: dict[str, Counter[str]] = {}
    for verdict in verdicts:
        counts.setdefault(verdict.claim, Counter())[verdict.outcome] += 1
    return counts
