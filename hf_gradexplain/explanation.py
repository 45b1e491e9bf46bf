"""What the user holds in the end: one text, its units, and their scores."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from rich.console import Console

from hf_gradexplain.attribution.methods import METHODS
from hf_gradexplain.errors import choose
from hf_gradexplain.text.data import Unit
from hf_gradexplain.viz.highlight import Heading, Segment, to_html, to_rich


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a classifier gave one text the score that it gave it.

    Attributes:
        text: The text; the two texts of a pair are joined by a newline.
        units: What got a score, in the order of first occurrence. `Unit.spans` are character offsets into `text`.
        scores: Per method one number per unit, `(U,)`.
        target: The class that is explained.
        target_label: Its name.
        prediction: The class that the model predicts.
        probabilities: `(C,)`; for regression the outputs themselves.
        objective: `loss`, `logit` or `prob`.
        unit: `token`, `word` or `word_type`.
        truncated_at: Offset of the first character that the model did not read, or None if it read all.
        pair_start: Offset where the second text of a pair begins, or None.
        prediction_label: The name of the predicted class, or empty.
        regression: Whether `probabilities` are outputs rather than probabilities.
        dtype: What the model computed in: `float32` unless it was loaded otherwise; narrower ones are less exact.
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

    def __repr__(self) -> str:
        shown = self.text if len(self.text) <= 40 else self.text[:39] + "…"
        value = f"{'output' if self.regression else 'p'}={self.probabilities[self.target]:.3f}"
        return (
            f"Explanation({shown!r}, target={self.target_label!r}, {value}, "
            f"units={len(self.units)}, methods={list(self.scores)})"
        )

    def segments(self, method: str | None = None) -> list[Segment]:
        """The text cut into units, with their scores, and what lies between them, without.

        Joining the segments' texts gives back the text. `method` is the first one if None.
        """
        scores = self.scores[self._method(method)]
        places = sorted((span, u) for u, unit in enumerate(self.units) for span in unit.spans if span[0] < span[1])
        segments, end = [], 0
        for (start, stop), unit in places:
            segments += [Segment(self.text[end:start], None)] if end < start else []
            segments.append(Segment(self.text[start:stop], float(scores[unit])))
            end = stop
        return segments + ([Segment(self.text[end:], None)] if end < len(self.text) else [])

    def show(self, method: str | None = None) -> None:
        """Display the text with its units coloured: HTML in a notebook, else in the terminal."""
        if _in_notebook():
            notebook = import_module("IPython.display")
            notebook.display(notebook.HTML(self.to_html(method)))
        else:
            segments, heading, signed = self._parts(method)
            Console().print(to_rich(segments, heading=heading, signed=signed))

    def to_html(self, method: str | None = None) -> Markup:
        """A self-contained HTML fragment without scripts; everything from outside is escaped."""
        segments, heading, signed = self._parts(method)
        return to_html(segments, heading=heading, signed=signed)

    def _repr_html_(self) -> str:
        return self.to_html()

    def to_frame(self) -> pd.DataFrame:
        """One row per unit: `unit`, `start` and `end` of its first occurrence, and one column per method."""
        starts, ends = zip(*(unit.spans[0] for unit in self.units), strict=True) if self.units else ((), ())
        columns = {"unit": [unit.text for unit in self.units], "start": starts, "end": ends}
        return pd.DataFrame({**columns, **self.scores})

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, numbers and strings, ready for JSON; `from_dict` gives the explanation back."""
        return {
            **{name: getattr(self, name) for name in self.__dataclass_fields__},
            "units": [{"text": unit.text, "spans": [list(span) for span in unit.spans]} for unit in self.units],
            "scores": {name: scores.tolist() for name, scores in self.scores.items()},
            "probabilities": self.probabilities.tolist(),
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Explanation":
        """The inverse of `to_dict`; fields that it does not know are left alone."""
        known = {name: record[name] for name in cls.__dataclass_fields__ if name in record}
        units = tuple(Unit(u["text"], tuple((int(a), int(b)) for a, b in u["spans"])) for u in record["units"])
        scores = {name: np.asarray(scores, dtype=float) for name, scores in record["scores"].items()}
        return cls(**{**known, "units": units, "scores": scores, "probabilities": np.asarray(record["probabilities"])})

    def _parts(self, method: str | None) -> tuple[list[Segment], Heading, bool]:
        """What the renderers need: the text in pieces, what stands above it, and whether scores have a sign."""
        method = self._method(method)
        heading = Heading(
            method=method,
            target=self.target_label,
            probability=None if self.regression else float(self.probabilities[self.target]),
            prediction=self.prediction_label,
            unit=self.unit,
            objective=self.objective,
            dtype=self.dtype,
            truncated_at=self.truncated_at,
            without_units=not self.units,
        )
        signed = method not in METHODS or METHODS[method].signed
        if not signed and (self.scores[method] < 0).any():
            return self.segments(method), replace(heading, sides=("positive", "negative")), True
        return self.segments(method), heading, signed

    def _method(self, method: str | None) -> str:
        return next(iter(self.scores)) if method is None else choose("method", method, self.scores)


def _in_notebook() -> bool:
    """Whether a notebook's kernel runs this code."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and type(ipython.get_ipython()).__name__ == "ZMQInteractiveShell"
