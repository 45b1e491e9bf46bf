"""Choose places between the words of texts where words are inserted."""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import nsmallest
from pathlib import Path

import numpy as np

from hf_gradexplain.evaluation.documents import read_chosen
from hf_gradexplain.evaluation.read_documents import BLOCK, read_tables, to_array
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.text.scripts import is_spaceless
from hf_gradexplain.text.texts import WholeText

_PLACE, _TEXT = 1, 3
"""The purposes of the draws of a place and of texts, which no other draw of the audit has."""


@dataclass(frozen=True)
class Place:
    """A place between two words of a text, where words are inserted.

    Attributes:
        id: Row number of the text in the dataset.
        prediction: The class that the model predicted for it.
        parts: The text, both texts of a pair, or the contents of the messages of a conversation.
        roles: The roles of a conversation; empty for other texts.
        part: The number of the part that gets the word.
        offset: The place, in characters of this part.
    """

    id: int
    prediction: int
    parts: tuple[str, ...]
    roles: tuple[str, ...]
    part: int
    offset: int

    def insert(self, word: str = "") -> WholeText:
        """Return the text with a word inserted; unchanged for an empty word.

        The word is surrounded by blanks, unless the text has blanks there already, or both neighbours are characters of
        scripts without spaces.
        """
        parts = list(self.parts)
        before, after = parts[self.part][: self.offset], parts[self.part][self.offset :]
        if word:
            left = " " if before and _apart(before[-1], word[0]) else ""
            right = " " if after and _apart(word[-1], after[0]) else ""
            parts[self.part] = f"{before}{left}{word}{right}{after}"
        if self.roles:
            return [{"role": role, "content": part} for role, part in zip(self.roles, parts, strict=True)]
        return parts[0] if len(parts) == 1 else (parts[0], parts[1])


def _apart(left: str, right: str) -> bool:
    """Return whether a blank has to separate two characters."""
    return not (left.isspace() or right.isspace() or (is_spaceless(left) and is_spaceless(right)))


def draw_place(explanation: Explanation, number: int, seed: int) -> Place | None:
    """Draw a random place for words in an explained text; all places between its words are equally likely.

    A place is where a unit begins after white space, at the beginning of the text, or next to a character of a script
    without spaces; the end of the last unit is a place as well. In a pair, places are in the first text; in a
    conversation, in the first message of a user. Places are only in the part of the text that the model read.

    Args:
        explanation: The explanation of the text.
        number: The row number of the text; the draw depends on it and on the seed.
        seed: The seed.

    Returns:
        The place; None if the model read no unit in this part of the text.
    """
    spans = _part_spans(explanation)
    part = next((i for i, message in enumerate(explanation.messages) if message.role == "user"), 0)
    start, end = spans[part]
    offsets = [offset - start for offset in _offsets(explanation, start, end)]
    if not offsets:
        return None
    drawn = np.random.default_rng((seed, number, _PLACE)).integers(len(offsets))
    parts = tuple(explanation.text[first:last] for first, last in spans)
    return Place(
        number, explanation.prediction, parts, tuple(m.role for m in explanation.messages), part, offsets[drawn]
    )


def _part_spans(explanation: Explanation) -> list[tuple[int, int]]:
    """Return the spans of the parts of a text."""
    whole, second = len(explanation.text), explanation.pair_start
    if explanation.messages:
        return [(message.start, message.end) for message in explanation.messages]
    return [(0, whole)] if second is None else [(0, second - 1), (second, whole)]


def _offsets(explanation: Explanation, start: int, end: int) -> list[int]:
    """Return all places in a part of the text, ascending, as offsets in the text."""
    text, limit = explanation.text, len(explanation.text) + 1
    if explanation.truncated_at is not None:
        limit = explanation.truncated_at
    spans = [span for unit in explanation.units for span in unit.spans if start <= span[0] and span[1] <= end]
    begins = {first for first, last in spans if first < last and _may_stand(text[start:first], text[first])}
    ends = {max(last for _, last in spans)} if spans else set()
    return sorted(offset for offset in begins | ends if offset < limit)


def _may_stand(before: str, following: str) -> bool:
    """Return whether a word can stand between what is before it and the next character."""
    return not before or before[-1].isspace() or is_spaceless(before[-1]) or is_spaceless(following)


def draw_places(paths: Sequence[Path], targets: Sequence[int], n: int, seed: int) -> dict[int, list[Place]]:
    """Draw texts with another predicted class than the target, and a place in each of them.

    Each target class gets a random sample of `n` documents with another predicted class, or all of them if there are
    fewer. The draw of a document depends on its row number and the seed. Texts without a place are left out.

    Args:
        paths: The document files.
        targets: The classes.
        n: The number of texts of each class.
        seed: The seed.

    Returns:
        For each class the places, by row number.
    """
    ids, predictions = _read_predictions(paths)
    draws = [np.random.default_rng((seed, number, _TEXT)).random() for number in ids.tolist()]
    drawn = {}
    for target in targets:
        others = np.flatnonzero(predictions != target).tolist()
        drawn[target] = sorted(ids[i].item() for i in nsmallest(n, others, key=draws.__getitem__))
    explanations = read_chosen(paths, set().union(*drawn.values()))
    places = {number: draw_place(explanation, number, seed) for number, explanation in explanations.items()}
    return {
        target: [place for number in numbers if (place := places[number]) is not None]
        for target, numbers in drawn.items()
    }


def _read_predictions(paths: Sequence[Path]) -> tuple[np.ndarray, np.ndarray]:
    """Return the row numbers of all documents and the classes that were predicted: `(n,)` each."""
    tables = [(to_array(t["id"]), to_array(t["prediction"])) for t in read_tables(paths, ["id", "prediction"], BLOCK)]
    ids, predictions = zip(*tables, strict=True)
    return np.concatenate(ids), np.concatenate(predictions)
