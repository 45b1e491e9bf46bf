"""A generated corpus with known ground truth: the label follows from a planted weight per word and class.

The texts are notices from the harbour of an invented town, sorted into four classes.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from datasets import ClassLabel, Dataset, Features, Value

from hf_gradexplain.errors import GradexplainError

T = TypeVar("T")

CLASSES = ("weather", "cargo", "repairs", "festival")

# Evidence for one class: nouns weigh 2, adjectives and verbs 1.
SPECIFIC = {
    "weather": {
        "noun": "gales squalls drizzle hailstones thunder fog",
        "adjective": "gusty damp icy overcast",
        "verb": "soaked battered drenched flooded",
    },
    "cargo": {
        "noun": "crates containers freight pallets parcels invoices",
        "adjective": "heavy bulky sealed imported",
        "verb": "unloaded weighed stacked shipped",
    },
    "repairs": {
        "noun": "cracks rust bolts gaskets pipes hinges",
        "adjective": "broken worn leaky faulty",
        "verb": "patched welded replaced tightened",
    },
    "festival": {
        "noun": "dancers fiddlers parades costumes trumpets garlands",
        "adjective": "joyful colourful merry lively",
        "verb": "cheered crowned decorated serenaded",
    },
}

# Nouns that are evidence for two classes: they weigh 1 for both.
SHARED = {
    ("weather", "cargo"): "tarpaulins moorings",
    ("weather", "repairs"): "shutters gutters",
    ("weather", "festival"): "kites bonfires",
    ("cargo", "repairs"): "timber rope",
    ("cargo", "festival"): "barrels wine",
    ("repairs", "festival"): "lanterns benches",
}

# Adjectives that are evidence against one class: they weigh -2, and occur in the texts of all other classes.
AGAINST = {
    "weather": "indoor sheltered",
    "cargo": "empty unladen",
    "repairs": "flawless spotless",
    "festival": "solemn silent",
}

# Distractors: frequent in all classes and without weight, like the words of the templates.
NEUTRAL = {
    "noun": "boats windows letters visitors gulls papers",
    "adjective": "old small plain distant",
    "verb": "watched reached noticed passed",
}
FILLERS = {
    "person": "Marten|Odile|the clerk|the pilot|our neighbour|a boy from the hill",
    "place": "pier|market|lighthouse|customs house|north quay|square",
    "time": "today|this morning|on Friday|after noon|before dawn|last night",
}

OPENINGS = (
    "More {adjective} {noun} {verb} the {noun}.",
    "{adjective} {noun} {verb} the {noun}.",
    "{person} {verb} the {adjective} {noun} {time}.",
    "Yesterday {adjective} {noun} and {noun} {verb} the {place}.",
    "According to {person}, the {noun} near the {place} {verb} the {adjective} {noun}.",
    "We saw more {noun} than usual {time}, and {person} {verb} the {adjective} {noun}.",
)
SEQUELS = (
    "It was a long day at the {place}.",
    "Please ask {person} for details.",
    "Then the {noun} {verb} the {place}, as they always do.",
    "Nobody at the {place} expected the {noun}, nor the {adjective} {noun}.",
    "However, {person} also {verb} the {noun}.",
    "The rest is {adjective} and will be done {time}.",
)

MAX_SEQUELS = 2
P_REPEAT, P_SUPPORT, P_CONFLICT = 0.15, 0.5, 0.2
MIN_EVIDENCE_WORDS = 3
MIN_MARGIN = 1.0


@dataclass(frozen=True)
class SyntheticCorpus:
    """Texts with planted evidence.

    Attributes:
        train: Columns `id`, `text` and `label`, as `load_texts` returns them.
        test: The same columns; none of its texts is in `train`.
        evidence: The weight of each evidence word, in lower case, for each of the `C` classes: positive if the word
            is evidence for the class, negative if it is evidence against it. The `C` weights of a word sum to zero.
            All other words are distractors with weight zero.
    """

    train: Dataset
    test: Dataset
    evidence: dict[str, tuple[float, ...]]

    def weight(self, text: str, label: int) -> float:
        """Return the planted weight of a word for a class or, for a text, the sum of the weights of its words.

        Upper and lower case make no difference. The weight of a distractor is zero.

        Raises:
            GradexplainError: `label` is not the id of a class.
        """
        if not 0 <= label < len(CLASSES):
            raise GradexplainError(f"label must be from 0 to {len(CLASSES) - 1}, the id of a class; it is {label}")
        return sum(self.evidence[word][label] for word in words_of(text) if word in self.evidence)


def make_corpus(seed: int = 0, n_train: int = 2000, n_test: int = 200) -> SyntheticCorpus:
    """Generate texts whose labels follow from the planted weights `w` of their words, without noise.

    `SPECIFIC`, `SHARED` and `AGAINST` give each evidence word `v` a number `a_c` for each class `c`; it is 0 for
    classes that they do not name. The weight is `w[v, c] = a_c - mean(a)`, because adding a constant to the weights of
    all classes has no effect. Text `i` is written for class `y = i mod C`:

    1. It has one first sentence (from `OPENINGS`), then 0 to 2 different further sentences (from `SEQUELS`). These
       sentences are templates with slots for words. The templates, and the number of sentences, are drawn uniformly.
    2. With probability 0.15, a noun repeats one of the nouns before it in the text. All other nouns, adjectives and
       verbs are drawn uniformly from a list. With probability 0.5, it has the words with `w[v, y] > 0`; with 0.2, the
       words with `w[v, y] < 0` that are not in `AGAINST[y]` (adjectives against class `y`); else the neutral words. The
       other slots are filled uniformly.
    3. The text is drawn again unless it holds at least 3 evidence words, differs from all texts before it, and
       `score(y) - max_{c != y} score(c) >= 1`. Here, `score(c)` is the sum of `w[v, c]` over the words of the text, and
       each occurrence counts.

    The label is therefore always the class with the highest score. The first `n_train` texts are the train
    split; the classes alternate in both splits. All random numbers come from `random.Random(seed).random()`:
    the same arguments give the same texts on every machine.

    Raises:
        GradexplainError: `n_train` or `n_test` is below 1.
    """
    if min(n_train, n_test) < 1:
        raise GradexplainError(f"n_train and n_test must be at least 1; they are {n_train} and {n_test}")
    rng, texts = Random(seed), dict[str, int]()
    for i in range(n_train + n_test):
        label = i % len(CLASSES)
        text = _write_text(rng, label)
        while text in texts or not _is_evident(text, label):
            text = _write_text(rng, label)
        texts[text] = label
    rows = list(texts.items())
    return SyntheticCorpus(_to_dataset(rows[:n_train]), _to_dataset(rows[n_train:]), dict(_EVIDENCE))


def words_of(text: str) -> list[str]:
    """Split a text of the corpus into its words, in lower case.

    >>> words_of("Then the fog soaked the pier, as always.")
    ['then', 'the', 'fog', 'soaked', 'the', 'pier', 'as', 'always']
    """
    return re.findall(r"\w+", text.lower())


def _build_lexicon() -> dict[str, dict[str, tuple[float, ...]]]:
    """Return the evidence words of each part of speech with their weights per class."""
    listed = [
        (part, words, {name: 2.0 if part == "noun" else 1.0})
        for name, parts in SPECIFIC.items()
        for part, words in parts.items()
    ]
    listed += [("noun", words, dict.fromkeys(pair, 1.0)) for pair, words in SHARED.items()]
    listed += [("adjective", words, {name: -2.0}) for name, words in AGAINST.items()]
    lexicon: dict[str, dict[str, tuple[float, ...]]] = {part: {} for part in NEUTRAL}
    for part, words, raw in listed:
        mean = sum(raw.values()) / len(CLASSES)
        weights = tuple(raw.get(name, 0.0) - mean for name in CLASSES)
        lexicon[part].update(dict.fromkeys(words.split(), weights))
    return lexicon


_LEXICON = _build_lexicon()
_EVIDENCE = {word: weights for words in _LEXICON.values() for word, weights in words.items()}


def _write_text(rng: Random, label: int) -> str:
    sentences, sequels = [_pick(rng, OPENINGS)], list(SEQUELS)
    for _ in range(_pick(rng, range(MAX_SEQUELS + 1))):
        sentences.append(_pick(rng, sequels))
        sequels.remove(sentences[-1])
    nouns: list[str] = []

    def fill(slot: re.Match[str]) -> str:
        name = slot[1]
        if name in FILLERS:
            return _pick(rng, FILLERS[name].split("|"))
        if name != "noun":
            return _pick_word(rng, name, label)
        repeats = bool(nouns) and rng.random() < P_REPEAT
        nouns.append(_pick(rng, nouns) if repeats else _pick_word(rng, name, label))
        return nouns[-1]

    text = re.sub(r"\{(\w+)\}", fill, " ".join(sentences))
    return re.sub(r"(?:^|(?<=\. ))\w", lambda initial: initial[0].upper(), text)


def _pick_word(rng: Random, part: str, label: int) -> str:
    """Draw a noun, adjective or verb: one for the label, one against it, or a neutral one."""
    words, kind = _LEXICON[part], rng.random()
    if kind < P_SUPPORT:
        return _pick(rng, [word for word in words if words[word][label] > 0])
    if kind < P_SUPPORT + P_CONFLICT:
        absent = AGAINST[CLASSES[label]].split()
        return _pick(rng, [word for word in words if words[word][label] < 0 and word not in absent])
    return _pick(rng, NEUTRAL[part].split())


def _pick(rng: Random, choices: Sequence[T]) -> T:
    return choices[int(rng.random() * len(choices))]


def _is_evident(text: str, label: int) -> bool:
    """Return whether a text holds enough evidence words and its label wins by the margin."""
    evidence = [_EVIDENCE[word] for word in words_of(text) if word in _EVIDENCE]
    if len(evidence) < MIN_EVIDENCE_WORDS:
        return False
    scores = [sum(column) for column in zip(*evidence, strict=True)]
    return scores[label] - max(scores[:label] + scores[label + 1 :]) >= MIN_MARGIN


def _to_dataset(rows: list[tuple[str, int]]) -> Dataset:
    features = Features({"id": Value("int64"), "text": Value("string"), "label": ClassLabel(names=list(CLASSES))})
    texts, labels = zip(*rows, strict=True)
    return Dataset.from_dict({"id": range(len(rows)), "text": texts, "label": labels}, features)
