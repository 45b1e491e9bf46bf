"""A generated corpus whose labels follow exactly from a rule with redundant, conjunctive and independent evidence.

A text has 10 different words. Its score is the sum of its evidence; its label is 1 if the score is 1 or more, otherwise
0:

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
    *(("additive", n) for n in (2, 3)),
    *(("saturated", n) for n in (2, 3, 4)),
    *(("redundant", m) for m in (1, 2, 3, 4)),
    *(("conjunctive", n) for n in (1, 2)),
]
"""The regimes and degrees whose texts are explained, see `planted_text`."""

KIND_OF = {"additive": "single", "saturated": "single", "redundant": "set", "conjunctive": "pair"}
"""The kind of evidence of each regime."""


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


def evidence_of(kind: str, n: int, rng: Random) -> list[Piece]:
    """Return evidence for label 1: `n` single words, `n` words of one set, or `n` pairs."""
    if kind == "pair":
        return rng.sample(PAIRS, n)
    return [(word,) for word in rng.sample(SINGLES if kind == "single" else rng.choice(SETS), n)]


def planted_text(regime: str, degree: int, rng: Random) -> PlantedText:
    """Return a text of label 1 whose evidence is of one regime.

    Args:
        regime: `additive`: `degree` single words and one opposing word less, so that the label needs each of them.
            `saturated`: `degree` single words, each of which suffices for the label, though the score counts all.
            `redundant`: `degree` words of one set, of which the score counts one. `conjunctive`: `degree` pairs.
        degree: How much evidence.
        rng: Draws the words.
    """
    opposing = [(word,) for word in rng.sample(AGAINST, degree - 1 if regime == "additive" else 0)]
    return _arranged([*evidence_of(KIND_OF[regime], degree, rng), *opposing], rng)


def training_text(label: int, rng: Random) -> PlantedText:
    """Return a text with evidence of all kinds for and against, and half pairs, drawn until it has the label."""
    while True:
        pieces: list[Piece] = [(word,) for word in rng.sample(AGAINST, rng.choice((0, 0, 1, 1, 2, 3)))]
        for kind in rng.sample(("single", "set", "pair"), rng.choice((0, 1, 1, 2, 3))):
            pieces += evidence_of(kind, rng.randint(1, 2 if kind == "pair" else 4), rng)
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
