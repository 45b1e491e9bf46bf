"""Captions of the figures, generated from the run's numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from recipes.paper.claims import Verdict
from recipes.paper.constants import MODELS, Setting
from recipes.paper.decay import SMALLEST_SIZE
from recipes.paper.frequency import FrequencySummary
from recipes.paper.results import Result
from recipes.paper.rules import HOLDS


def figure_captions(
    main: Mapping[Setting, Sequence[Result]],
    correlations: Mapping[Setting, Mapping[str, np.ndarray]],
    frequencies: Mapping[Setting, Sequence[FrequencySummary]],
    word_gradients: Mapping[str, pd.DataFrame],
    verdicts: Sequence[Verdict],
    reviews: Mapping[str, Sequence[Mapping[str, Any]]],
) -> dict[str, str]:
    """Return the captions of the figures, by the name of the figure."""
    return {
        "curves": _curves(main),
        "correlations": _correlations(correlations),
        "frequency": _frequency(frequencies, word_gradients),
        "review": _review(verdicts, reviews),
        "decay": "If a pooling used all positions alike, its lines would be at 1. Values below "
        f"{SMALLEST_SIZE:g} are not drawn, because this is the precision of leave-one-out in float32.",
    }


def _curves(main: Mapping[Setting, Sequence[Result]]) -> str:
    k = next(iter(main.values()))[0].short_k
    best, norms = [], []
    for results in main.values():
        value = {m: np.mean([x.aopc_at(m, k).value for x in results]) for m in ("loo", "signed_gi", "sa_l2", "random")}
        lead = max(value["loo"], value["signed_gi"]) - value["random"]
        best.append(abs(value["loo"] - value["signed_gi"]) / lead)
        norms.append((value["sa_l2"] - value["random"]) / lead)
    return (
        f"At K = {k}, LOO and SignedGI differ by {min(best):.0%} to {max(best):.0%} of the lead. The L2 norm is above "
        f"random by {min(norms):z.0%} to {max(norms):z.0%} of the lead."
    )


def _correlations(correlations: Mapping[Setting, Mapping[str, np.ndarray]]) -> str:
    medians = {
        method: {setting: float(np.median(r[method])) for setting, r in correlations.items() if len(r[method])}
        for method in ("signed_gi", "sa_l1")
    }
    if not all(medians.values()):
        return "No text has an r."
    ends = {method: f"{min(x.values()):z.2f} to {max(x.values()):z.2f}" for method, x in medians.items()}
    lowest = min(medians["signed_gi"], key=lambda setting: medians["signed_gi"][setting])
    return (
        f"The median r over all texts and trainings of a setting is {ends['signed_gi']} for SignedGI, and lowest for "
        f"{lowest.title}. For SA L1, the median r is {ends['sa_l1']}."
    )


def _frequency(
    frequencies: Mapping[Setting, Sequence[FrequencySummary]], word_gradients: Mapping[str, pd.DataFrame]
) -> str:
    worst = max(x.spread for summaries in frequencies.values() for x in summaries)
    twice = {model: words.loc[words["times"] == 2, "relative"] for model, words in word_gradients.items()}
    ranges = [
        f"{MODELS[model]} {x.quantile(0.05):.2f} to {x.quantile(0.95):.2f}" for model, x in twice.items() if len(x)
    ]
    equal = f"differ by {worst:.1e} of the gradient at most" if worst else "are exactly equal"
    return (
        "The figure divides the gradient of a word by that of the words that occur once in the same text. On the "
        "dashed line, this ratio equals the number of occurrences. FastText's boxes are points on this line, because "
        f"its gradients only count occurrences: the gradients of words of equal frequency {equal}. For 90 % of the "
        f"words that occur twice, the ratio is in this range: {', '.join(ranges)}."
    )


def _review(verdicts: Sequence[Verdict], reviews: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    about_words = [verdict for verdict in verdicts if "“great”" in verdict.claim]
    hold = [verdict for verdict in about_words if verdict.outcome == HOLDS]
    probabilities = ", ".join(f"{MODELS[model]} {x[0]['probability']:.0%}" for model, x in reviews.items())
    return (
        f"Blue words support the positive class, vermilion words oppose it. {len(hold)} of the paper's "
        f"{len(about_words)} claims about “great” and “bad” hold here in every training. The figure shows the models "
        f"of the first training. They give the review these probabilities of being positive: {probabilities}."
    )
