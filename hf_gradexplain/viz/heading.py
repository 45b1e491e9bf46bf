"""The heading of an explained text: what was explained, what the model predicts, and what it did not read."""

import sys
from dataclasses import dataclass

from hf_gradexplain.options import UNIT_NOUNS
from hf_gradexplain.viz.tables import with_minus


@dataclass(frozen=True)
class Heading:
    """The text above an explained text. Empty parts are left out.

    Attributes:
        target: The label of the explained class, followed by the class that it is compared with, if any.
        probability: The model's probability of `target`; None for regression.
        output: The model's output for `target`, for regression; None otherwise.
        prediction: The label of the predicted class if that is not the target.
        runner_up: The label of the most probable other class if the target is the predicted class.
        other: The probability of `prediction` or `runner_up`.
        against: The label of the class that the target is compared with, if it is neither `prediction` nor `runner_up`.
        against_probability: The probability of the class that the target is compared with.
        label: The true label.
        right: Whether the true label is the predicted class.
        unit: The kind of unit, as in `Explanation.unit`.
        objective: The function that was explained: "loss", "logit", "prob" or "contrast".
        mask: How units were removed, as in `Explanation.mask`; shown if it is not "baseline".
        dtype: The compute dtype of the model; shown if it is less exact than float32.
        truncated_at: The offset of the first character that truncation removes; None if it removes none.
        length: The number of characters of the text.
        not_read: The parts that the model did not read, as `(start, end)`, shown in grey; if empty, the text from
            `truncated_at` on.
        remedy: An option with which the model would read all of a truncated text, in words.
        reading: A sentence about the windows that the text was read in; empty without windows.
        speakers: For each message of a conversation, where it begins and its role.
        without_units: Whether the text has no units.
        why: Why the method was chosen.
    """

    target: str = ""
    probability: float | None = None
    output: float | None = None
    prediction: str = ""
    runner_up: str = ""
    other: float | None = None
    against: str = ""
    against_probability: float | None = None
    label: str = ""
    right: bool = False
    unit: str = ""
    objective: str = ""
    mask: str = "baseline"
    dtype: str = ""
    truncated_at: int | None = None
    length: int = 0
    not_read: tuple[tuple[int, int], ...] = ()
    remedy: str = ""
    reading: str = ""
    speakers: tuple[tuple[int, str], ...] = ()
    without_units: bool = False
    why: str = ""

    @property
    def verdict(self) -> str:
        """The probability or output, the other class and the true label: "p = 0.932, runner-up: Sports 0.041"."""
        numbers = {"p": self.probability, "output": self.output}
        parts = [
            f"{name} = {with_minus(format(value, 'z.3f'))}" for name, value in numbers.items() if value is not None
        ]
        for name, label, value in self._others:
            parts += [f"{name}: {label}" + ("" if value is None else f" {value:.3f}")] if label else []
        if self.label:
            parts.append(f"true label: {self.label}, {'as predicted' if self.right else 'wrongly predicted'}")
        return ", ".join(parts)

    @property
    def _others(self) -> tuple[tuple[str, str, float | None], ...]:
        return (
            ("predicted", self.prediction, self.other),
            ("runner-up", self.runner_up, self.other),
            ("against", self.against, self.against_probability),
        )

    @property
    def details(self) -> str:
        """The unit, the objective, the mask and the precision, and why the method was chosen."""
        parts = [f"{name} {value}" for name, value in (("unit", self.unit), ("objective", self.objective)) if value]
        if self.mask != "baseline":
            parts.append(f"mask {self.mask}")
        if self.dtype not in ("", "float32", "float64"):
            parts.append(f"computed in {self.dtype}")
        if self.why:
            parts.append(self.why)
        return " · ".join(parts)

    @property
    def unread(self) -> str:
        """A sentence about what the model did not read; empty if it read the whole text."""
        if self.without_units:
            return f"no scores: the model read no {UNIT_NOUNS.get(self.unit, 'word')}s of this text"
        if not self.unread_spans:
            return ""
        (start, end), *more = self.unread_spans
        if more or self.speakers or self.truncated_at is None:
            dropped = sum(end - start for start, end in self.unread_spans)
            return (
                f"the model did not read the grey text, {dropped:,} of {self.length:,} characters: {self._why_not_read}"
            )
        end = min(end, self.length)
        share = max(1, int(100 * (end - start) / max(self.length, 1)))
        return (
            f"NOT READ: characters {start:,} to {end:,} of {self.length:,} ({share} % of the text, in grey)"
            f"{'; ' if self.remedy else ''}{self.remedy}"
        )

    @property
    def _why_not_read(self) -> str:
        if self.speakers and self.truncated_at is None:
            return "the chat template drops it"
        if all(start >= (self.truncated_at or 0) for start, _ in self.not_read):
            return "it is truncated"
        return "the chat template drops it, or it is truncated"

    @property
    def unread_spans(self) -> tuple[tuple[int, int], ...]:
        """The parts of the text that the model did not read."""
        if self.not_read or self.truncated_at is None:
            return self.not_read
        return ((self.truncated_at, sys.maxsize),)
