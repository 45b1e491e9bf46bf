"""Why SignedGI loses to leave-one-out on long reviews with BiLSTM, as far as the poolings tell."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from recipes.paper.decay import LEAST, kept
from recipes.paper.results import Result


@dataclass(frozen=True)
class Pooling:
    """What is seen of a BiLSTM with one pooling.

    Attributes:
        name: The pooling.
        farthest: The stretch of words farthest from both ends, in words.
        gradient: How large the gradient of those words is, over that of the words next to an end.
        loo: The same of leave-one-out.
        behind: By how much SignedGI is below leave-one-out in AOPC at the short k.
        share: That over the lead.
    """

    name: str
    farthest: str
    gradient: float
    loo: float
    behind: float
    share: float


def pooling(name: str, table: pd.DataFrame, result: Result) -> Pooling:
    """What the table of `by_distance` and an evaluation say of one pooling."""
    gap = result.gap("loo", "signed_gi", result.short_k).value
    last = table.iloc[-1]
    farthest = f"{int(last['from'])} to {int(last['to']) - 1}"
    return Pooling(name, farthest, kept(table, "gradient"), kept(table, "loo"), gap, gap / result.lead(result.short_k))


def sentences(found: Mapping[str, Pooling]) -> list[str]:
    """One sentence per pooling."""
    return [
        f"With pooling {p.name}, the gradient of a word {p.farthest} words away from both ends is {_times(p.gradient)} "
        f"times that of a word next to an end, and its leave-one-out score {_times(p.loo)} times; SignedGI is "
        f"{'behind' if p.behind >= 0 else 'ahead of'} LOO by {abs(p.behind):.3f}, {abs(p.share):.0%} of the lead."
        for p in found.values()
    ]


def conclusion(found: Mapping[str, Pooling]) -> str:
    """Whether the decay of the gradient explains where SignedGI is behind.

    It does if the poolings come in the same order by how much their gradient decays and by how far SignedGI is behind.
    """
    by_decay = [p.name for p in sorted(found.values(), key=lambda p: p.gradient)]
    by_loss = [p.name for p in sorted(found.values(), key=lambda p: -p.share)]
    most, loses = by_decay[0], found[by_loss[0]]
    if loses.share <= 0:
        return "With none of the poolings SignedGI is behind LOO, so there is nothing here for decay to explain."
    if by_decay == by_loss:
        answer = (
            f"The more the gradient decays on its way to the middle of the text (most with {most}), the further "
            "SignedGI is behind LOO: decay goes with the loss in all three poolings"
        )
    elif most == loses.name:
        answer = (
            f"The gradient decays most with pooling {most}, and there SignedGI is furthest behind; between the other "
            "two decay and loss do not agree"
        )
    else:
        return (
            f"Decay is not the answer here: the gradient decays most with pooling {most}, but SignedGI is furthest "
            f"behind with {loses.name}."
        )
    if max(found[most].gradient, LEAST) < found[most].loo:
        return (
            f"{answer}. Leaving the same words out decays less, so the model does use words that its gradient forgets."
        )
    return (
        f"{answer}. Leaving the same words out decays as much or more, so the gradient is small there because the "
        "model makes little use of these words."
    )


def _times(size: float) -> str:
    return f"less than {LEAST:g}" if size < LEAST else f"{size:.2f}" if size >= 0.1 else f"{size:.2g}"
