"""Whether the gradient's decay is why SignedGI loses to leave-one-out on long reviews with BiLSTM."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan

import pandas as pd

from hf_gradexplain.viz.tables import MISSING, join_words
from recipes.paper.decay import SMALLEST_SIZE, MIDDLE_DISTANCE, middle_to_end_ratio
from recipes.paper.results import Estimate, Result


@dataclass(frozen=True)
class PoolingSummary:
    """What is seen of a BiLSTM with one pooling.

    Attributes:
        name: The pooling.
        accuracy: That of the model on all test rows.
        gradient: How large the gradient of a word in the middle of a text is, over that of one at its ends.
        loo: The same of leave-one-out.
        texts: Of how many long texts these two are medians.
        k: The number of removed words of the rest.
        n: Of how many texts the rest are means.
        lead: How far the better of LOO and SignedGI is above a random order in AOPC.
        signed_gi_behind: How far SignedGI is below LOO.
        ig_behind: How far integrated gradients are below LOO.
    """

    name: str
    accuracy: float
    gradient: Estimate
    loo: Estimate
    texts: int
    k: int
    n: int
    lead: Estimate
    signed_gi_behind: Estimate
    ig_behind: Estimate

    @property
    def learned(self) -> bool:
        """Whether explanations of the model say anything at all."""
        return self.lead.sign > 0

    @property
    def decays_faster(self) -> bool:
        """Whether the gradient falls off towards the middle faster than leave-one-out does, the intervals apart."""
        return max(self.gradient.high, SMALLEST_SIZE) < self.loo.low


def summarize_pooling(name: str, accuracy: float, words: pd.DataFrame, result: Result) -> PoolingSummary:
    """What the rows of `measure_decay` and an evaluation say of one pooling."""
    (gradient, texts), (loo, _), k = middle_to_end_ratio(words, "gradient"), middle_to_end_ratio(words, "loo"), result.short_k
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


def pooling_sentences(found: Mapping[str, PoolingSummary]) -> list[str]:
    """What is seen of each pooling."""
    return [_seen(p) if p.learned else _not_learned(p) for p in found.values()]


def _seen(p: PoolingSummary) -> str:
    if not p.texts:
        return f"With pooling {p.name} (accuracy {p.accuracy:.3f}), no review is long enough to have a middle."
    share = f", {p.signed_gi_behind.value / p.lead.value:.0%} of the lead" if p.signed_gi_behind.sign > 0 else ""
    return (
        f"With pooling {p.name} (accuracy {p.accuracy:.3f}), the gradient of a word {MIDDLE_DISTANCE} words and more away from "
        f"both ends is {_times(p.gradient)} times that of the first and the last ten, and its leave-one-out score "
        f"{_times(p.loo)} times (medians over {p.texts:,} reviews). In AOPC({p.k}) over {p.n:,} reviews SignedGI is "
        f"{_place(p.signed_gi_behind)}{share}, and integrated gradients are {_place(p.ig_behind)}."
    )


def _not_learned(p: PoolingSummary) -> str:
    return (
        f"With pooling {p.name} (accuracy {p.accuracy:.3f}), neither LOO nor SignedGI is above a random order, so its "
        "explanations have nothing to say."
    )


def conclusion(found: Mapping[str, PoolingSummary]) -> str:
    """Whether SignedGI is behind where, and only where, the gradient forgets words that the model uses."""
    learned = [p for p in found.values() if p.learned]
    behind = [p for p in learned if p.signed_gi_behind.sign > 0]
    if not behind:
        return "SignedGI is behind LOO with none of the poolings, so there is nothing here for decay to explain."
    explained = [p for p in behind if p.decays_faster]
    against = [p for p in behind if not p.decays_faster]
    spared = [p for p in learned if p.signed_gi_behind.sign <= 0 and p.decays_faster]
    parts = []
    if explained:
        parts.append(
            f"with {_named(explained)} SignedGI is behind, and the gradient falls off towards the middle of a review "
            "faster than leave-one-out does, so it forgets words that the model uses"
        )
    if against:
        parts.append(
            f"with {_named(against)} SignedGI is behind, though its gradient falls off no faster than LOO does"
        )
    if spared:
        parts.append(f"with {_named(spared)} the gradient forgets such words as well, and SignedGI is not behind")
    answer = "No" if not explained else "In part" if against or spared else "Yes, as far as these poolings tell"
    return f"{answer}: {'; '.join(parts)}. {_path(behind)}"


def _path(behind: Sequence[PoolingSummary]) -> str:
    """What integrated gradients say of those poolings with which SignedGI is behind."""
    closed = [p for p in behind if p.ig_behind.sign <= 0]
    less = [p for p in behind if p.ig_behind.sign > 0 and p.ig_behind.high < p.signed_gi_behind.low]
    if closed:
        return (
            f"Integrated gradients, the same product with gradients from all the way between no words and the text, "
            f"are not behind LOO with {_named(closed)}: what SignedGI misses there is how the gradient changes on that "
            "way, wherever the word stands."
        )
    if less:
        return (
            f"Integrated gradients, with gradients from all the way between no words and the text, are less far behind "
            f"with {_named(less)}: a part of what SignedGI misses there is how the gradient changes on that way."
        )
    return (
        "Integrated gradients are as far behind, so a gradient that changes between no words and the text is not why."
    )


def _named(poolings: Sequence[PoolingSummary]) -> str:
    return f"pooling {join_words(p.name for p in poolings)}"


def _place(gap: Estimate) -> str:
    """Where a method stands, given how far it is below LOO."""
    size = f"{abs(gap.value):.3f} [{min(abs(gap.low), abs(gap.high)):.3f}, {max(abs(gap.low), abs(gap.high)):.3f}]"
    if gap.sign == 0:
        return f"not told apart from LOO ({-gap.value:+z.3f} [{-gap.high:+z.3f}, {-gap.low:+z.3f}])"
    return f"behind LOO by {size}" if gap.sign > 0 else f"ahead of LOO by {size}"


def _times(size: Estimate) -> str:
    if size.value < SMALLEST_SIZE:
        return f"less than {SMALLEST_SIZE:g}"
    return " ".join([_digits(size.value), f"[{_digits(size.low)}, {_digits(size.high)}]"])


def _digits(x: float) -> str:
    return MISSING if isnan(x) else f"{x:.2f}" if x >= 0.1 else f"{x:.2g}"
