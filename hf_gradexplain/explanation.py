"""The result of explaining one text: its units and their scores."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from hf_gradexplain.display import Displayed
from hf_gradexplain.errors import GradexplainError, one_line, translate_errors
from hf_gradexplain.self_check import SelfCheck
from hf_gradexplain.text.data import Unit


class NotAnExplanationError(GradexplainError):
    """A record was not made by `Explanation.to_dict`."""


@dataclass(frozen=True, eq=False)
class Explanation(Displayed):
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
        label: The id of the true class; None if it is not known.
        class_names: The names of the model's classes: `(C,)`; empty if they are not known.
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
    label: int | None = None
    class_names: tuple[str, ...] = ()

    def __repr__(self) -> str:
        shown = self.text if len(self.text) <= 40 else self.text[:39] + "…"
        value = f"{'output' if self.regression else 'p'}={self.probabilities[self.target]:.3f}"
        return (
            f"Explanation({shown!r}, target={self.target_label!r}, {value}, "
            f"units={len(self.units)}, methods={list(self.scores)})"
        )

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
            "class_names": list(self.class_names),
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
        names = tuple(record.get("class_names") or ())
        return cls(**{**known, **arrays, **absent, "units": units, "self_check": checks, "class_names": names})


def _not_an_explanation(error: BaseException) -> str:
    reason = f"{type(error).__name__}: {one_line(error, 200)}"
    return f"the record is not that of an explanation ({reason}): give one that Explanation.to_dict made"
