"""The result of explaining one text: its units and their scores."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hf_gradexplain.errors import GradexplainError, choose
from hf_gradexplain.explanation.classes import ClassScores
from hf_gradexplain.explanation.display import Displayed
from hf_gradexplain.explanation.record_files import load_record, save_record
from hf_gradexplain.explanation.records import reading_record, to_fields, to_record
from hf_gradexplain.explanation.self_check import SelfCheck
from hf_gradexplain.statistics.sampling import Sampling
from hf_gradexplain.text.unit import Message, Occurrences, Unit, UnitPlaces, Window
from hf_gradexplain.viz.sanitize import json_text


@dataclass(frozen=True, eq=False)
class Explanation(Displayed):
    """The scores of one text's units, for one class of a classifier.

    `show` displays the explanation; `to_html`, `to_figure`, `to_frame` and `to_dict` convert it. Without the argument
    `method`, `show`, `to_html`, `to_svg` and `to_png` show all methods, and `to_figure`, `top` and `segments` use the
    first method in `scores`.

    `explanation["loo"]` returns the scores of a method, and `"loo" in explanation` tells whether it has scores.
    `len(explanation)` is the number of units, and iteration yields the units.

    Attributes:
        text: The text. The two texts of a pair are joined by a newline, and so are the messages of a conversation.
        units: The parts of the text that have scores, in the order of their first occurrence. `Unit.spans` are
            character offsets into `text`. In a conversation, `Unit.message` and `Unit.role` are the message that a unit
            is in and the role of its author.
        scores: For each method, the scores of the units: an array `(U,)`.
        target: The id of the explained class.
        target_label: The name of the explained class.
        prediction: The id of the predicted class.
        probabilities: The probability of each class: an array `(C,)`. For a regression model, its outputs.
        objective: The function that was explained: `loss`, `logit`, `prob` or `contrast`.
        unit: The kind of unit: `token`, `word`, `word_type`, `sentence`, `clause`, or `custom` for your own units.
        truncated_at: The offset of the first character that truncation removes; None if it removes none.
        pair_start: The offset of the second text of a pair; None for a single text.
        messages: The messages of a conversation: their roles, and the places of their contents in `text`. In an
            explanation by `Ranking.why`, these are the query and the documents. Empty for other texts.
        unread: The spans `(start, end)` of the text that the model did not read, because truncation removes them or, in
            a conversation, the chat template drops them; empty if it read the whole text. If `truncated_at`
            is given, the default is the span from this offset to the next unit that has characters or, if none
            follows, to the end of the text. If the tokenizer truncates on the left, this span is at the beginning of
            the text.
        windows: The overlapping windows that a long text was cut into, if `stride` was given; empty if the text was
            read as one sequence.
        deciding: With `pool="max"`, for each class the number of the window (from 0) with the largest logit: `(C,)`.
            Words outside of these windows have gradients of zero. Empty otherwise.
        prediction_label: The name of the predicted class; empty if the name is not known.
        regression: Whether the model is a regression model.
        dtype: The dtype that the model computes in, such as `float32`. Lower precision gives less exact scores.
        why: Which method `methods="auto"` chose, and why, in words; empty if `auto` was not used.
        self_check: For each method, how the prediction changes without its highest-scored units, and without random
            units. Empty if the check did not run, or if the text has fewer than two units.
        completeness: For `integrated_gradients`, whose scores should add up to the rise of the loss when all units are
            masked, the error of their sum: `(sum - rise) / max(|rise|, 1e-3)`. Registered methods with the formula
            `signed_gi` and a source with `complete = True` have it as well; Shapley values do not, because their sum is
            always exact. If the self-check ran, `cp_lrp` has a value, too: how far its relevances are from adding up,
            see `hf_gradexplain.attribution.conservation_gap`.
        sampling: For each method that draws copies of the text at random, such as `shapley`: the standard errors of its
            scores, and how many copies ran.
        baselines: The baseline of each method that masks words or multiplies by their vectors: `zero` or another name,
            or `deletion` for a method that cuts words out. For `gradient_shap`, it says what the baselines are drawn
            from.
        mask: How units were removed, also for the self-check: `baseline` or `deletion`.
        tokenizer_kwargs: Extra arguments that the tokenizer was called with, see
            `hf_gradexplain.options.tokenizer_kwargs`.
        label: The id of the true class; None if it is not known. Also None if the call asked to explain the true class
            (`target="label"`, or labels but no `target`): `target` is then the true class.
        class_names: The names of the model's classes: `(C,)`; empty if the names are not known.
        against: The id of the class that the target is compared with by the objective `contrast`. None with other
            objectives, and if the target is compared with all other classes together.
        against_label: The name of the class `against`, or `rest` for all other classes together; empty without a
            contrast.
        classes: With `target="all"`, the scores for the other classes, the most probable class first, see `by_class`.
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
    messages: tuple[Message, ...] = ()
    unread: tuple[tuple[int, int], ...] = ()
    windows: tuple[Window, ...] = ()
    deciding: tuple[int, ...] = ()
    prediction_label: str = ""
    regression: bool = False
    dtype: str = "float32"
    why: str = ""
    self_check: Mapping[str, SelfCheck] = field(default_factory=dict)
    completeness: Mapping[str, float] = field(default_factory=dict)
    sampling: Mapping[str, Sampling] = field(default_factory=dict)
    baselines: Mapping[str, str] = field(default_factory=dict)
    mask: str = "baseline"
    tokenizer_kwargs: Mapping[str, Any] = field(default_factory=dict)
    label: int | None = None
    class_names: tuple[str, ...] = ()
    against: int | None = None
    against_label: str = ""
    classes: tuple[ClassScores, ...] = ()

    def __post_init__(self) -> None:
        if self.truncated_at is not None and not self.unread:
            given = vars(self)["_units"]
            places = given if isinstance(given, Occurrences | UnitPlaces) else UnitPlaces.of(given)
            starts, ends = places.spans.T
            end = int(starts[(starts >= self.truncated_at) & (starts < ends)].min(initial=len(self.text)))
            if self.truncated_at < end:
                object.__setattr__(self, "unread", ((self.truncated_at, end),))

    def __repr__(self) -> str:
        shown = self.text if len(self.text) <= 40 else self.text[:39] + "…"
        value = f"{'output' if self.regression else 'p'}={self.probabilities[self.target]:.3f}"
        return (
            f"Explanation({shown!r}, target={self.question!r}, {value}, "
            f"units={len(self.units)}, methods={list(self.scores)})"
        )

    def __len__(self) -> int:
        return len(self.units)

    def __iter__(self) -> Iterator[Unit]:
        return iter(self.units)

    def __getitem__(self, method: str) -> np.ndarray:
        return self.scores[choose("method", method, self.scores)]

    def __contains__(self, method: object) -> bool:
        return method in self.scores

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Explanation):
            return NotImplemented
        return json_text(self.to_dict()) == json_text(other.to_dict())

    def __hash__(self) -> int:
        return hash((self.text, self.target, *self.scores))

    def top(self, n: int = 3, method: str | None = None) -> list[tuple[str, float]]:
        """Return the `n` highest-scored units as `(unit, score)`, the highest first; ties are in the order of the text.

        Args:
            n: The largest number of units to return.
            method: The method whose scores are compared; None for the first one.

        Raises:
            GradexplainError: The explanation has no scores of this method.
        """
        scores = self.scores[self._method(method)]
        return [(self.units[u].text, float(scores[u])) for u in np.argsort(-scores, kind="stable")[:n]]

    def to_frame(self) -> pd.DataFrame:
        """Return a table with one row per unit.

        The columns are `unit`, the text of the unit; `start` and `end`, the offsets of its first occurrence; and one
        column of scores per method. A method that draws copies at random has a second column, `METHOD_error`, with the
        standard error of each score.
        """
        starts, ends = zip(*(unit.spans[0] for unit in self.units), strict=True) if self.units else ((), ())
        columns = {"unit": [unit.text for unit in self.units], "start": starts, "end": ends}
        return pd.DataFrame({**columns, **self.columns()})

    def columns(self) -> dict[str, np.ndarray]:
        """Return the scores of each method, and under `METHOD_error` the standard errors of methods that have them."""
        errors = {name: {f"{name}_error": sampling.errors} for name, sampling in self.sampling.items()}
        return {k: x for name in self.scores for k, x in {name: self.scores[name], **errors.get(name, {})}.items()}

    def to_dict(self) -> dict[str, Any]:
        """Return the explanation as plain lists, numbers and strings, ready for JSON; `from_dict` reads them.

        The key `remarks` has the result of `remark` for each method for which it is not empty. The key `certainty` has
        the result of `certainty` for each method that draws copies at random.
        """
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        certainty = {name: self.certainty(name) for name in self.sampling}
        return {
            **to_record(values),
            "remarks": {name: said for name in self.scores if (said := self.remark(name))},
            **({"certainty": certainty} if certainty else {}),
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Explanation":
        """Create an explanation from a dictionary made by `to_dict`; unknown keys are ignored.

        Raises:
            NotAnExplanationError: The dictionary was not made by `to_dict`.
        """
        with reading_record():
            return cls(**to_fields(record, cls.__dataclass_fields__))

    def save(self, path: str | PathLike[str]) -> None:
        """Write the explanation to a JSON file (`.json`), which `load` reads; an existing file is replaced.

        If the name ends in `.svg` or `.png`, a picture is written instead: the coloured text for all methods.

        Raises:
            GradexplainError: The file cannot be written, or its name ends in something else, such as `.parquet` or
                `.jsonl`. Only `Explanations.save` writes these files.
        """
        if Path(path).suffix.lower() in (".parquet", ".jsonl"):
            raise GradexplainError(
                f"{path} is a name for several explanations: give one that ends in .json, .svg or .png, or use "
                "Explanations([explanation]).save"
            )
        save_record(path, self.to_dict, {".svg": lambda: self.to_svg().encode(), ".png": self.to_png})

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "Explanation":
        """Load an explanation that `save` wrote.

        Raises:
            GradexplainError: The file cannot be read, or `save` did not write it.
        """
        return load_record(path, cls.from_dict, "Explanation.save")


class _Units:
    """The attribute `units`; if it is set to the places of units, the units are made when it is first read."""

    def __set__(self, explanation: Explanation, given: Sequence[Unit] | Occurrences | UnitPlaces) -> None:
        vars(explanation)["_units"] = given

    def __get__(self, explanation: Explanation | None, owner: type | None = None) -> Sequence[Unit]:
        if explanation is None:
            raise AttributeError("units")
        if isinstance(given := vars(explanation)["_units"], Occurrences | UnitPlaces):
            given = vars(explanation)["_units"] = given.units()
        return given


Explanation.units = _Units()  # type: ignore[assignment]


def places_of(explanation: Explanation) -> UnitPlaces:
    """Return the places of the units as arrays, without making `Unit` objects if `units` was not read before."""
    given = vars(explanation)["_units"]
    if isinstance(given, Occurrences):
        return given.places()
    return given if isinstance(given, UnitPlaces) else UnitPlaces.of(given)
