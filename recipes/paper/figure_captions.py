"""What to see in each figure, in a sentence of the run's own numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from recipes.paper.claims import Answer
from recipes.paper.constants import MODELS, Setting
from recipes.paper.decay import SMALLEST_SIZE
from recipes.paper.frequency import FrequencySummary
from recipes.paper.results import Result
from recipes.paper.rules import HOLDS


def figure_captions(
    main: Mapping[Setting, Sequence[Result]],
    correlations: Mapping[Setting, Mapping[str, np.ndarray]],
    frequencies: Mapping[Setting, Sequence[FrequencySummary]],
    words: Mapping[str, pd.DataFrame],
    answers: Sequence[Answer],
    reviews: Mapping[str, Sequence[Mapping[str, Any]]],
) -> dict[str, str]:
    """The sentence of every figure, by its name."""
    return {
        "curves": _curves(main),
        "correlations": _correlations(correlations),
        "frequency": _frequency(frequencies, words),
        "review": _review(answers, reviews),
        "decay": "The lines of a pooling that reads all words alike would lie at 1. What is smaller than "
        f"{SMALLEST_SIZE:g} is not drawn: leave-one-out is no more exact in float32.",
    }


def _curves(main: Mapping[Setting, Sequence[Result]]) -> str:
    k = next(iter(main.values()))[0].short_k
    best, norms = [], []
    for found in main.values():
        value = {m: np.mean([x.aopc_at(m, k).value for x in found]) for m in ("loo", "signed_gi", "sa_l2", "random")}
        lead = max(value["loo"], value["signed_gi"]) - value["random"]
        best.append(abs(value["loo"] - value["signed_gi"]) / lead)
        norms.append((value["sa_l2"] - value["random"]) / lead)
    return (
        f"At K = {k}, LOO and SignedGI are apart by {min(best):.0%} to {max(best):.0%} of their lead over random, and "
        f"the L2 norm is {min(norms):z.0%} to {max(norms):z.0%} of that lead above random."
    )


def _correlations(correlations: Mapping[Setting, Mapping[str, np.ndarray]]) -> str:
    medians = {
        method: {setting: float(np.median(found[method])) for setting, found in correlations.items() if len(found[method])}
        for method in ("signed_gi", "sa_l1")
    }
    if not all(medians.values()):
        return "No text has an r."
    ends = {method: f"{min(x.values()):z.2f} to {max(x.values()):z.2f}" for method, x in medians.items()}
    lowest = min(medians["signed_gi"], key=lambda setting: medians["signed_gi"][setting])
    return (
        f"The medians of SignedGI, over all texts and trainings, are {ends['signed_gi']}, lowest with {lowest.title}; "
        f"those of SA L1 {ends['sa_l1']}."
    )


def _frequency(frequencies: Mapping[Setting, Sequence[FrequencySummary]], words: Mapping[str, pd.DataFrame]) -> str:
    worst = max(x.spread for found in frequencies.values() for x in found)
    twice = {model: found.loc[found["times"] == 2, "relative"] for model, found in words.items()}
    ranges = [
        f"{MODELS[model]} {x.quantile(0.05):.2f} to {x.quantile(0.95):.2f}" for model, x in twice.items() if len(x)
    ]
    return (
        f"FastText's boxes are points on the dashed line, where gradients count occurrences and nothing else (words of "
        f"equal frequency differ by {worst:.1e} at most). For 90 % of the words that occur twice, the gradient is so "
        f"many times that of a word that occurs once: {', '.join(ranges)}."
    )


def _review(answers: Sequence[Answer], reviews: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    found = [answer for answer in answers if "“great”" in answer.claim]
    kept = [answer for answer in found if answer.verdict == HOLDS]
    read = ", ".join(f"{MODELS[model]} {x[0]['probability']:.0%}" for model, x in reviews.items())
    return (
        f"Blue words speak for a positive review, vermilion ones against it; of the paper's {len(found)} readings of "
        f"“great” and “bad”, {len(kept)} are found here in every training. The figure shows the first one, which gives "
        f"the review this probability of being positive: {read}."
    )
