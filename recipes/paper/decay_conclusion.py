"""Test whether gradient decay explains why SignedGI is behind LOO on long reviews with BiLSTM."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan

import pandas as pd

from hf_gradexplain.viz.tables import MISSING, join_words, with_interval
from recipes.paper.decay import MIDDLE_DISTANCE, SMALLEST_SIZE, middle_to_end_ratio
from recipes.paper.results import IntervalEstimate, Result


@dataclass(frozen=True)
class PoolingSummary:
    """Measurements of a BiLSTM with one pooling.

    Attributes:
        name: The pooling.
        accuracy: The accuracy of the model on all test rows.
        gradient: The ratio of gradients in the middle and at the ends of a text, see `middle_to_end_ratio`.
        loo: The ratio of LOO scores in the middle and at the ends of a text.
        texts: The number of long texts behind these two medians.
        k: The number of removed words for the AOPC below.
        n: The number of texts for the AOPC below.
        lead: How far the better of LOO and SignedGI is above a random order in AOPC.
        signed_gi_behind: How far SignedGI is below LOO.
        ig_behind: How far integrated gradients are below LOO.
    """

    name: str
    accuracy: float
    gradient: IntervalEstimate
    loo: IntervalEstimate
    texts: int
    k: int
    n: int
    lead: IntervalEstimate
    signed_gi_behind: IntervalEstimate
    ig_behind: IntervalEstimate

    @property
    def learned(self) -> bool:
        """Whether an explanation method is significantly better than a random order."""
        return self.lead.sign > 0

    @property
    def decays_faster(self) -> bool:
        """Whether gradients decay towards the middle faster than LOO scores, without overlap of the intervals."""
        return max(self.gradient.high, SMALLEST_SIZE) < self.loo.low


def summarize_pooling(name: str, accuracy: float, words: pd.DataFrame, result: Result) -> PoolingSummary:
    """Summarize the rows of `measure_decay` and an evaluation for one pooling."""
    gradient, texts = middle_to_end_ratio(words, "gradient")
    loo, _ = middle_to_end_ratio(words, "loo")
    k = result.short_k
    return PoolingSummary(
        name=name,
        accuracy=accuracy,
        gradient=gradient,
        loo=loo,
        texts=texts,
        k=k,
        n=result.record["documents"]["documents"],
        lead=result.lead(k),
        signed_gi_behind=result.gap("loo", "signed_gi", k),
        ig_behind=result.gap("loo", "integrated_gradients", k),
    )


def pooling_sentences(summaries: Mapping[str, PoolingSummary]) -> list[str]:
    """Return one paragraph per pooling."""
    return [_describe(p) if p.learned else _not_learned(p) for p in summaries.values()]


def _describe(p: PoolingSummary) -> str:
    if not p.texts:
        return f"With pooling {p.name} (accuracy {p.accuracy:.3f}), no review is long enough to be measured."
    share = f", {p.signed_gi_behind.value / p.lead.value:.0%} of the lead" if p.signed_gi_behind.sign > 0 else ""
    return (
        f"With pooling {p.name} (accuracy {p.accuracy:.3f}), the gradients of words at least {MIDDLE_DISTANCE} words "
        f"away from both ends are {_times(p.gradient)} times as large as those of the first and last ten words. The "
        f"LOO scores of the same words are {_times(p.loo)} times as large. Both ratios are medians over {p.texts:,} "
        f"reviews. In AOPC({p.k}) over {p.n:,} reviews, SignedGI is "
        f"{_compared_to_loo('SignedGI', p.signed_gi_behind)}{share}, and integrated gradients are "
        f"{_compared_to_loo('integrated gradients', p.ig_behind)}."
    )


def _not_learned(p: PoolingSummary) -> str:
    return (
        f"With pooling {p.name} (accuracy {p.accuracy:.3f}), neither LOO nor SignedGI is above a random order, so its "
        "explanations are not compared."
    )


def conclusion(summaries: Mapping[str, PoolingSummary]) -> str:
    """Say whether the poolings with SignedGI behind LOO are those whose gradients decay faster than LOO scores."""
    learned = [p for p in summaries.values() if p.learned]
    behind = [p for p in learned if p.signed_gi_behind.sign > 0]
    if not behind:
        return "SignedGI is behind LOO with none of the poolings, so there is nothing for gradient decay to explain."
    explained = [p for p in behind if p.decays_faster]
    against = [p for p in behind if not p.decays_faster]
    spared = [p for p in learned if p.signed_gi_behind.sign <= 0 and p.decays_faster]
    parts = []
    if explained:
        parts.append(
            f"with {_named(explained)}, SignedGI is behind LOO, and its gradient decays towards the middle of a review "
            "faster than the LOO scores, so it misses words that the model uses"
        )
    if against:
        parts.append(
            f"with {_named(against)}, SignedGI is behind LOO, although its gradient decays no faster than the LOO "
            "scores"
        )
    if spared:
        parts.append(f"with {_named(spared)}, the gradient decays faster as well, but SignedGI is not behind LOO")
    verdict = "No" if not explained else "In part" if against or spared else "Yes, for these poolings"
    return f"{verdict}: {'; '.join(parts)}. {_integrated_gradients(behind)}"


def _integrated_gradients(behind: Sequence[PoolingSummary]) -> str:
    """Compare integrated gradients with LOO for the poolings with which SignedGI is behind."""
    closed = [p for p in behind if p.ig_behind.sign <= 0]
    less = [p for p in behind if p.ig_behind.sign > 0 and p.ig_behind.high < p.signed_gi_behind.low]
    if closed:
        return (
            "Integrated gradients multiply word vectors by gradients averaged along the path from the text with all "
            f"words masked to the text. With {_named(closed)}, integrated gradients are not behind LOO. So SignedGI is "
            "behind LOO because the gradient changes along this path."
        )
    if less:
        return (
            "Integrated gradients multiply word vectors by gradients averaged along the path from the text with all "
            f"words masked to the text. With {_named(less)}, integrated gradients are less far behind LOO than "
            "SignedGI. So the change of the gradient along this path is part of the reason."
        )
    return (
        "Integrated gradients are as far behind LOO as SignedGI, so the change of the gradient between the text with "
        "all words masked and the text is not the reason."
    )


def _named(poolings: Sequence[PoolingSummary]) -> str:
    return f"pooling {join_words(p.name for p in poolings)}"


def _compared_to_loo(method: str, gap: IntervalEstimate) -> str:
    """Compare a method with LOO, given how far it is below LOO."""
    if gap.sign == 0:
        difference = f"{-gap.value:+z.3f} [{-gap.high:+z.3f}, {-gap.low:+z.3f}]"
        return f"not significantly different from LOO ({method} − LOO: {difference})"
    low, high = sorted((abs(gap.low), abs(gap.high)))
    size = with_interval(abs(gap.value), low, high)
    return f"behind LOO by {size}" if gap.sign > 0 else f"ahead of LOO by {size}"


def _times(size: IntervalEstimate) -> str:
    if size.value < SMALLEST_SIZE:
        return f"less than {SMALLEST_SIZE:g}"
    return " ".join([_digits(size.value), f"[{_digits(size.low)}, {_digits(size.high)}]"])


def _digits(x: float) -> str:
    return MISSING if isnan(x) else f"{x:.2f}" if x >= 0.1 else f"{x:.2g}"
