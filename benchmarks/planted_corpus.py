"""A generated corpus whose labels follow exactly from a rule with redundant, conjunctive and independent evidence.

A text is 10 different words. Its score counts evidence; its label is 1 if the score is 1 or more, else 0:

==========  ============  ===========================================================================
evidence    in the score  words
==========  ============  ===========================================================================
single      +1 each       `single0` ...
synonyms    +1 a set      `set0a set0b ...`: any one of the set suffices, more add nothing (OR)
pair        +1 a pair     `left0 right0`: only together, one right after the other (AND)
opposing    -1 each       `against0` ...
neutral     0             `neutral0` ...; half pairs count nothing either
==========  ============  ===========================================================================
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from random import Random

LENGTH = 10
SINGLES = [f"single{i}" for i in range(6)]
SETS = [[f"set{i}{letter}" for letter in "abcd"] for i in range(3)]
PAIRS = [(f"left{i}", f"right{i}") for i in range(3)]
AGAINST = [f"against{i}" for i in range(6)]
NEUTRAL = [f"neutral{i}" for i in range(24)]
VOCABULARY = [*SINGLES, *chain(*SETS, *PAIRS), *AGAINST, *NEUTRAL]

Piece = tuple[str, ...]
"""Words that stand next to each other."""

CELLS = [
    *(("additive", n) for n in (1, 2, 3, 4)),
    *(("redundant", m) for m in (1, 2, 3, 4)),
    *(("conjunctive", n) for n in (1, 2)),
]
"""The regimes and degrees whose texts are explained, see `evidence_of`."""


@dataclass(frozen=True)
class PlantedText:
    """A text with its truth.

    Attributes:
        words: The words, all different.
        label: 1 if the score is positive, else 0.
        evidence: The words that support label 1.
    """

    words: tuple[str, ...]
    label: int
    evidence: frozenset[str]

    @property
    def text(self) -> str:
        """The words, joined by blanks."""
        return " ".join(self.words)


def score(words: Sequence[str | None]) -> int:
    """Return the score of a text; None stands for a masked word.

    >>> score(["set0a", "set0b", "single1", "against2", None, "left0", "right0"])
    2
    """
    present = set(words)
    singles = len(present & set(SINGLES)) - len(present & set(AGAINST))
    neighbours = set(pairwise(words))
    return singles + sum(bool(present & set(each)) for each in SETS) + len(neighbours & set(PAIRS))


def evidence_of(regime: str, degree: int, rng: Random) -> list[Piece]:
    """Return evidence for label 1.

    Args:
        regime: `additive` for single words, `redundant` for words of one set, `conjunctive` for pairs.
        degree: How many of them.
        rng: Draws the words.
    """
    if regime == "conjunctive":
        return rng.sample(PAIRS, degree)
    return [(word,) for word in rng.sample(SINGLES if regime == "additive" else rng.choice(SETS), degree)]


def planted_text(regime: str, degree: int, rng: Random) -> PlantedText:
    """Return a text of label 1 whose only evidence is of one regime; the other words are neutral."""
    return _arranged(evidence_of(regime, degree, rng), rng)


def training_text(label: int, rng: Random) -> PlantedText:
    """Return a text with evidence of all regimes for and against, and half pairs, drawn until it has the label."""
    while True:
        pieces: list[Piece] = [(word,) for word in rng.sample(AGAINST, rng.choice((0, 0, 1, 1, 2, 3)))]
        for regime in rng.sample(("additive", "redundant", "conjunctive"), rng.choice((0, 1, 1, 2, 3))):
            pieces += evidence_of(regime, rng.randint(1, 4 if regime == "redundant" else 2), rng)
        words = {word for piece in pieces for word in piece}
        halves = [half for pair in PAIRS for half in pair if half not in words]
        pieces += [(half,) for half in rng.sample(halves, min(len(halves), rng.choice((0, 0, 1, 2))))]
        if sum(map(len, pieces)) <= LENGTH:
            text = _arranged(pieces, rng)
            if text.label == label:
                return text


def training_texts(n: int, seed: int) -> list[PlantedText]:
    """Return texts for training, half of them of each label."""
    rng = Random(seed)
    return [training_text(i % 2, rng) for i in range(n)]


def planted_texts(regime: str, degree: int, n: int, seed: int) -> list[PlantedText]:
    """Return texts to explain."""
    rng = Random(f"{regime} {degree} {seed}")
    return [planted_text(regime, degree, rng) for _ in range(n)]


def _arranged(pieces: list[Piece], rng: Random) -> PlantedText:
    """Add neutral words up to the length, in random order; the words of a piece stay together."""
    missing = LENGTH - sum(map(len, pieces))
    shuffled = rng.sample([*pieces, *((word,) for word in rng.sample(NEUTRAL, missing))], len(pieces) + missing)
    words = tuple(word for piece in shuffled for word in piece)
    present, neighbours = set(words), set(pairwise(words))
    evidence = present & {*SINGLES, *(word for each in SETS for word in each)}
    evidence |= {half for pair in set(PAIRS) & neighbours for half in pair}
    return PlantedText(words, int(score(words) >= 1), frozenset(evidence))
