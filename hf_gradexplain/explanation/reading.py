"""What the model read of a text: all of it, a part, or all of it in windows."""

from hf_gradexplain.explanation.classes import ExplainedClasses
from hf_gradexplain.text.unit import Message, Unit, Window
from hf_gradexplain.viz.tables import join_words


class Reading(ExplainedClasses):
    """The part of an explanation that says what the model read; `Explanation` describes the attributes."""

    text: str
    units: tuple[Unit, ...]
    truncated_at: int | None
    pair_start: int | None
    messages: tuple[Message, ...]
    unread: tuple[tuple[int, int], ...]
    windows: tuple[Window, ...]
    deciding: tuple[int, ...]

    @property
    def fits_windows(self) -> bool:
        """Whether the text was truncated, but could be read completely with `stride`.

        Each window of a text pair has the whole first text. So for a pair, the first text must not be truncated. In a
        zero-shot classification, it is the first text that is truncated. Conversations, rankings and preferences have
        no windows.
        """
        if self.messages or self.is_side or self.truncated_at is None:
            return False
        return self.truncated_at >= (self.pair_start or 0)

    @property
    def reading(self) -> str:
        """A sentence about the windows that the text was cut into, numbered from 1; empty without windows.

        With `pool="max"`, the sentence names the window of the target, and the window of the class that the target is
        compared with.
        """
        if not self.windows:
            return ""
        read = f"read in {len(self.windows):,} windows of {self.windows[0].tokens:,} tokens"
        if not self.deciding:
            return f"{read}, whose logits are averaged"
        places = []
        for number in (self.target, self.against):
            if number is not None:
                k = self.deciding[number]
                span = f"characters {self.windows[k].start:,} to {self.windows[k].end:,}"
                places.append(f"of {self._class_name(number)} comes from window {k + 1:,} ({span})")
        return f"{read}; the maximum {join_words(places)}"
