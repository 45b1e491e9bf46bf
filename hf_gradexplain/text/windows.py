"""Long documents, read as windows that overlap."""

from dataclasses import dataclass, replace

import numpy as np

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.text.alignment import NO_WORD, Tokens
from hf_gradexplain.text.data import Document
from hf_gradexplain.text.unit import Window


@dataclass(frozen=True)
class Windows:
    """Cuts documents with more tokens than a sequence may have into windows, one sequence each.

    These are the windows that fast tokenizers return with `return_overflowing_tokens=True`. Every window has the
    special tokens that the tokenizer puts around a text. Of a pair, the second text is cut, and every window has the
    whole first text. Units and offsets refer to the whole text: a word that is divided between two windows stays one
    unit.

    Attributes:
        limit: The largest number of tokens of a window, special tokens included.
        stride: The number of tokens that a window shares with the one before.

    Raises:
        GradexplainError: The stride is not smaller than the limit.
    """

    limit: int
    stride: int

    def __post_init__(self) -> None:
        if self.stride >= self.limit:
            raise GradexplainError(
                f"stride, the overlap of windows, must be smaller than their {self.limit} tokens, but is "
                f"{self.stride}: give a smaller one, such as {self.limit // 4}"
            )

    def __call__(self, document: Document, tokens: Tokens, i: int) -> Document:
        """Return a document, cut into windows if it does not fit into one.

        Args:
            document: The document, with all of its tokens.
            tokens: The tokens of several texts.
            i: The number of the document's text among the texts of `tokens`.

        Raises:
            GradexplainError: The first text of a pair leaves no room for the second one, or the stride is not smaller
                than the room.
        """
        if len(document) <= self.limit:
            return document
        whole, base = np.arange(len(document)), tokens.characters.starts[i]
        of_text = slice(*tokens.text_of.searchsorted([i, i + 1]))  # they are ascending
        reads, words = tokens.reads[of_text], tokens.words[of_text]
        cut = np.flatnonzero((words != NO_WORD) & (reads[:, 0] >= base + (document.pair_start or 0)))
        first, end = (cut[0], cut[-1] + 1) if len(cut) else (len(whole), len(whole))
        room = self._room(document, len(whole) - (end - first))
        starts = np.arange(first, end - self.stride, room - self.stride)
        ends = np.minimum(starts + room, end)
        places = [np.r_[whole[:first], whole[a:b], whole[end:]] for a, b in zip(starts, ends, strict=True)]
        lengths, positions = list(map(len, places)), np.concatenate(places)
        spans = np.stack(tokens.characters.strip(reads[starts, 0], reads[ends - 1, 1]), 1) - base
        return replace(
            document,
            inputs={name: values[positions] for name, values in document.inputs.items()},
            unit_of=document.unit_of[positions],
            row_of=document.row_of[positions],
            sequence_of=np.repeat(np.arange(len(places)), lengths),
            windows=tuple(Window(a, b, n) for (a, b), n in zip(spans.tolist(), lengths, strict=True)),
        )

    def _room(self, document: Document, repeated: int) -> int:
        """Return how many tokens of the text that is cut fit into a window, next to the repeated tokens."""
        room = self.limit - repeated
        if document.pair_start is not None and room < 1:
            raise GradexplainError(
                f"the first text of a pair stands in every window, but it leaves no room for the second one: it takes "
                f"{repeated} of {self.limit} tokens, special tokens included; shorten it"
            )
        if room <= self.stride:
            raise GradexplainError(
                f"stride, the overlap of windows, must be smaller than the {room} tokens that fit into a window "
                f"in addition to the {repeated} that every window repeats, but is {self.stride}: give a smaller one, "
                f"such as {max(room, 0) // 4}"
            )
        return room
