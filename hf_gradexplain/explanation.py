"""The result of explaining one text: its units and their scores."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from hf_gradexplain.attribution.methods import METHODS
from hf_gradexplain.errors import GradexplainError, choose, one_line, translate_errors
from hf_gradexplain.remarks import remark
from hf_gradexplain.self_check import SelfCheck
from hf_gradexplain.text.data import Unit
from hf_gradexplain.viz.figures import explanation_figure
from hf_gradexplain.viz.highlight import Heading, Segment, to_html, to_rich
from hf_gradexplain.viz.notebook import show

COMPLETE_WITHIN = 0.05
"""The relative gap up to which scores count as adding up to the rise of the loss."""


class NotAnExplanationError(GradexplainError):
    """A record was not made by `Explanation.to_dict`."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """The scores of one text's units, for one class of a classifier.

    `show` displays it; `to_html`, `to_figure`, `to_frame` and `to_dict` convert it. Where they have an argument
    `method`, its default is the first one of `scores`.

    Attributes:
        text: The text. The two texts of a pair are joined by a newline.
        units: The parts of the text that have scores, in the order of their first occurrence. `Unit.spans` are
            character offsets into `text`.
        scores: Per method, one score per unit: an array `(U,)`.
        target: The id of the explained class.
        target_label: The name of the explained class.
        prediction: The id of the predicted class.
        probabilities: The probability of each class: an array `(C,)`. The model's outputs if `regression`.
        objective: The function that was explained: `loss`, `logit` or `prob`.
        unit: The kind of unit: `token`, `word` or `word_type`.
        truncated_at: The offset of the first character that the model did not read; None if it read the whole text.
        pair_start: The offset of the second text of a pair; None for a single text.
        prediction_label: The name of the predicted class, or empty.
        regression: Whether the model is a regression model.
        dtype: The compute dtype of the model, such as `float32`; lower precision gives less exact scores.
        why: Which method `methods="auto"` chose, and why, in words; empty if it was not asked for.
        self_check: Per method, the prediction without the units that it scores highest, next to the prediction without
            random ones. Empty if it was not asked for, or if the text has fewer than two units.
        completeness: Per method whose scores add up to the rise of the loss when all units are masked, how far they
            miss it: `(sum - rise) / max(|rise|, 1e-3)`.
        baselines: Per method that masks words or multiplies by their vectors, the baseline: `zero`, or another name.
        tokenizer_kwargs: The arguments of the tokenizer that were asked for, see `hf_gradexplain.tokenizer_kwargs`.
    """

    text: str
    units: tuple[Unit, ...]
    scores: Mapping[str, np.ndarray]
    target: int
    target_label: str
    prediction: int
    probabilities: np.ndarray
    objective: str
    unit: str
    truncated_at: int | None = None
    pair_start: int | None = None
    prediction_label: str = ""
    regression: bool = False
    dtype: str = "float32"
    why: str = ""
    self_check: Mapping[str, SelfCheck] = field(default_factory=dict)
    completeness: Mapping[str, float] = field(default_factory=dict)
    baselines: Mapping[str, str] = field(default_factory=dict)
    tokenizer_kwargs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def method(self) -> str:
        """The method that `show` and the other displays show by default: the first one of `scores`."""
        return next(iter(self.scores))

    def __repr__(self) -> str:
        shown = self.text if len(self.text) <= 40 else self.text[:39] + "…"
        value = f"{'output' if self.regression else 'p'}={self.probabilities[self.target]:.3f}"
        return (
            f"Explanation({shown!r}, target={self.target_label!r}, {value}, "
            f"units={len(self.units)}, methods={list(self.scores)})"
        )

    def segments(self, method: str | None = None) -> list[Segment]:
        """Split the text into segments: units with their scores, and the text between units without a score.

        The texts of all segments, joined in order, give the text.

        Args:
            method: The method whose scores are used; the first one if None.

        Raises:
            GradexplainError: The explanation has no scores of this method.
        """
        scores = self.scores[self._method(method)]
        spans = sorted((span, u) for u, unit in enumerate(self.units) for span in unit.spans if span[0] < span[1])
        segments, end = [], 0
        for (start, stop), unit in spans:
            segments += [Segment(self.text[end:start], None)] if end < start else []
            segments.append(Segment(self.text[start:stop], float(scores[unit])))
            end = stop
        return segments + ([Segment(self.text[end:], None)] if end < len(self.text) else [])

    def show(self, method: str | None = None) -> None:
        """Display the text with coloured units, as HTML in a notebook and as text in a terminal.

        Args:
            method: The method whose scores are shown; the first one if None.

        Raises:
            GradexplainError: The explanation has no scores of this method.
        """
        segments, heading, signed = self._parts(method)
        show(self.to_html(method), to_rich(segments, heading=heading, signed=signed))

    def to_html(self, method: str | None = None) -> Markup:
        """Return the text with coloured units as a self-contained HTML fragment, without scripts and escaped.

        Args:
            method: The method whose scores are shown; the first one if None.

        Raises:
            GradexplainError: The explanation has no scores of this method.
        """
        segments, heading, signed = self._parts(method)
        return to_html(segments, heading=heading, signed=signed)

    def to_figure(self, method: str | None = None, *, max_units: int = 24) -> Figure:
        """Draw the scores as a bar chart, with the units from top to bottom in the order of the text.

        Example:
            >>> explanation = Explanation(
            ...     text="good film",
            ...     units=(Unit("good", ((0, 4),)), Unit("film", ((5, 9),))),
            ...     scores={"signed_gi": np.array([0.5, -0.25])},
            ...     target=1,
            ...     target_label="positive",
            ...     prediction=1,
            ...     probabilities=np.array([0.25, 0.75]),
            ...     objective="loss",
            ...     unit="word",
            ... )
            >>> figure = explanation.to_figure()
            >>> figure.axes[0].get_title(loc="left")
            'signed_gi → positive (p = 0.750)'

            `figure.savefig("explanation.png")` writes it to a file.

        Args:
            method: The method whose scores are drawn; the first one if None.
            max_units: The largest number of bars. Of a longer text, the units with the largest `|score|` are drawn.

        Returns:
            A matplotlib figure, which is not registered with pyplot.

        Raises:
            GradexplainError: The explanation has no scores of this method.
        """
        _, heading, signed = self._parts(method)
        verdict = f" ({heading.verdict})" if heading.verdict else ""
        return explanation_figure(
            [unit.text for unit in self.units],
            self.scores[heading.method],
            title=f"{heading.method} → {heading.target}{verdict}",
            signed=signed,
            sides=heading.sides,
            max_units=max_units,
            note=heading.remark,
        )

    def _repr_html_(self) -> str:
        return self.to_html()

    def to_frame(self) -> pd.DataFrame:
        """Return a table with one row per unit.

        Its columns are `unit`, the text; `start` and `end`, the offsets of the first occurrence; and one per method.
        """
        starts, ends = zip(*(unit.spans[0] for unit in self.units), strict=True) if self.units else ((), ())
        columns = {"unit": [unit.text for unit in self.units], "start": starts, "end": ends}
        return pd.DataFrame({**columns, **self.scores})

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain lists, numbers and strings, ready for JSON; `from_dict` reads them.

        `remarks` maps each method with a non-empty `remark` to that remark.
        """
        return {
            **{name: getattr(self, name) for name in self.__dataclass_fields__},
            "units": [{"text": unit.text, "spans": [list(span) for span in unit.spans]} for unit in self.units],
            "scores": {name: scores.tolist() for name, scores in self.scores.items()},
            "probabilities": self.probabilities.tolist(),
            "self_check": {name: check.to_dict() for name, check in self.self_check.items()},
            "completeness": dict(self.completeness),
            "baselines": dict(self.baselines),
            "tokenizer_kwargs": dict(self.tokenizer_kwargs),
            "remarks": {name: said for name in self.scores if (said := self.remark(name))},
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Explanation":
        """Return the explanation of a dictionary made by `to_dict`; unknown keys are ignored.

        Raises:
            NotAnExplanationError: The dictionary was not made by `to_dict`.
        """
        kinds = (AttributeError, LookupError, TypeError, ValueError)
        with translate_errors(_not_an_explanation, *kinds, raises=NotAnExplanationError):
            return cls._from_dict(record)

    @classmethod
    def _from_dict(cls, record: Mapping[str, Any]) -> "Explanation":
        known = {name: record[name] for name in cls.__dataclass_fields__ if name in record}
        units = tuple(Unit(u["text"], tuple((int(a), int(b)) for a, b in u["spans"])) for u in record["units"])
        scores = {name: np.asarray(scores, dtype=float) for name, scores in record["scores"].items()}
        checks = {name: SelfCheck.from_dict(check) for name, check in (record.get("self_check") or {}).items()}
        arrays = {"scores": scores, "probabilities": np.asarray(record["probabilities"])}
        absent = {name: record.get(name) or {} for name in ("completeness", "baselines", "tokenizer_kwargs")}
        return cls(**{**known, **arrays, **absent, "units": units, "self_check": checks})

    def warning(self, method: str | None = None) -> str:
        """Return a sentence if the scores of a method should not be trusted; otherwise an empty string.

        The reason is that they do not add up to the rise of the loss within 5 %, or a failed self-check.

        Args:
            method: The method; the first one if None.
        """
        method = self._method(method)
        gap, check = self.completeness.get(method, 0.0), self.self_check.get(method)
        return "; ".join(part for part in (incomplete(method, gap), check.warning() if check else "") if part)

    def remark(self, method: str | None = None) -> str:
        """Return a sentence if the scores of a method are all equal or close to 0; otherwise an empty string.

        Args:
            method: The method; the first one if None.
        """
        method = self._method(method)
        return remark(
            self.scores[method],
            unit=self.unit,
            objective=self.objective,
            probability=None if self.regression else float(self.probabilities[self.target]),
            signed=method not in METHODS or METHODS[method].signed,
        )

    def _parts(self, method: str | None) -> tuple[list[Segment], Heading, bool]:
        """Return the segments, the heading, and whether the scores are signed, for the renderers."""
        method = self._method(method)
        heading = Heading(
            method=method,
            target=self.target_label,
            probability=None if self.regression else float(self.probabilities[self.target]),
            output=float(self.probabilities[self.target]) if self.regression else None,
            prediction="" if self.regression else self.prediction_label,
            unit=self.unit,
            objective=self.objective,
            dtype=self.dtype,
            truncated_at=self.truncated_at,
            without_units=not self.units,
            why=self.why if self.why.startswith(f"auto chose {method}:") else "",
            remark=self.remark(method),
            check=self.self_check[method].sentence() if method in self.self_check else "",
            warning=self.warning(method),
        )
        signed = method not in METHODS or METHODS[method].signed
        if not signed and (self.scores[method] < 0).any():
            return self.segments(method), replace(heading, sides=("positive", "negative")), True
        return self.segments(method), heading, signed

    def _method(self, method: str | None) -> str:
        return self.method if method is None else choose("method", method, self.scores)


def incomplete(method: str, gap: float) -> str:
    """Return a sentence if the scores of a method do not add up to the rise of the loss; otherwise an empty string.

    >>> incomplete("integrated_gradients", -0.9)
    'the scores of integrated_gradients should add up to the rise of the loss, but are off by 90 %'
    """
    if not abs(gap) > COMPLETE_WITHIN:
        return ""
    return f"the scores of {method} should add up to the rise of the loss, but are off by {100 * abs(gap):.0f} %"


def _not_an_explanation(error: BaseException) -> str:
    reason = f"{type(error).__name__}: {one_line(error, 200)}"
    return f"the record is not that of an explanation ({reason}): give one that Explanation.to_dict made"
