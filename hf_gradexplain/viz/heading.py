"""The heading of an explained text: what was explained, with which prediction, and what was not read."""

import sys
from dataclasses import dataclass

from hf_gradexplain.options import UNIT_NOUNS
from hf_gradexplain.viz.tables import with_minus


@dataclass(frozen=True)
class Heading:
    """The text above an explained text. Empty parts are left out.

    Attributes:
        target: The label of the explained class, and of the class that it is compared with, if any.
        probability: The model's probability of `target`, if there is one.
        output: The model's output for `target`, if that is no probability.
        prediction: The label of the predicted class if that is not the target.
        runner_up: The label of the most probable other class if the target is the predicted class.
        other: The probability of `prediction` or `runner_up`.
        against: The label of the class that the target is compared with, if that is neither of these two.
        against_probability: The probability of this class.
        label: The true label.
        right: Whether the true label is the predicted one.
        unit: The kind of unit, as in `Explanation.unit`.
        objective: The function that was explained: "loss", "logit", "prob" or "contrast".
        dtype: The compute dtype of the model; shown if it is less exact than float32.
        truncated_at: The number of characters that the model read; the rest is shown in grey. None if it read all.
        length: The number of characters of the text.
        not_read: The parts that the model did not read, as `(start, end)`, where these are not simply all from
            `truncated_at` on; shown in grey.
        speakers: Of a conversation, where each message begins, and its role.
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
    dtype: str = ""
    truncated_at: int | None = None
    length: int = 0
    not_read: tuple[tuple[int, int], ...] = ()
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
        """The unit, the objective and the precision, and why the method was chosen."""
        parts = [f"{name} {value}" for name, value in (("unit", self.unit), ("objective", self.objective)) if value]
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
        if self.not_read:
            dropped = sum(end - start for start, end in self.not_read)
            return (
                f"the model did not read the grey text, {dropped:,} of {self.length:,} characters: {self._why_not_read}"
            )
        if self.truncated_at is None:
            return ""
        return (
            f"truncated: the model read only the first {self.truncated_at:,} of {self.length:,} characters; "
            "the grey rest has no scores"
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
