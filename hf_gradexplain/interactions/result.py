"""The interactions of the words of a text."""

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.explanation.record_files import load_record, save_record
from hf_gradexplain.explanation.records import reading_record
from hf_gradexplain.interactions.display import DisplayedInteractions
from hf_gradexplain.interactions.indices import IndexName
from hf_gradexplain.interactions.value_function import ValueFunction
from hf_gradexplain.viz.sanitize import json_text


@dataclass(frozen=True, eq=False)
class Interactions(DisplayedInteractions):
    """Pairs of words whose joint effect on the prediction differs from the sum of their single effects.

    The value of a pair `i, j` is a mean of `v(S + both) - v(S + i) - v(S + j) + v(S)` over sets `S` of other words,
    where `v(S)` is the loss of the text without the words `S`. With the index `second_difference`, no other words are
    removed: `S` is empty. A value is

    - **positive** if removing both words raises the loss by more than the sum of the two single rises. Each word
      supports the class more when the other is missing. If both words support the class, they are redundant, as
      synonyms are;
    - **negative** if removing both words raises the loss by less. Each word supports the class less when the other is
      missing. If both words support the class, they count only together, as "not" and "bad" do for a positive class.
      Suppose that one word supports the class and the other opposes it. A negative value then means that the
      supporting word matters less without the opposing word, and that the opposing word matters more without the
      supporting word;
    - 0 if their effects add up.

    For two words that oppose the class, the meanings are exchanged: with a positive value they count only together, and
    with a negative value they are redundant.

    `len(interactions)` is the number of pairs. `show` displays the text with arcs below it.

    Attributes:
        explanation: The explanation for the same class by the method that chose the words.
        index: `second_difference`, `shapley_taylor` or `shapley_interaction`.
        pairs: `(P, 2)` the pairs, as positions in `explanation.units`; the unit that occurs first in the text comes
            first.
        values: `(P,)` the values of the pairs.
        errors: `(P,)` standard errors; 0 where the values are exact.
        draws: The number of random orders that were drawn; 0 where the values are exact.
        rises: `(U,)` the rise of the loss when each unit alone is removed, as in `loo`; NaN for units in no pair.
        copies: The number of masked copies that were computed.
        value_function: The function that returns the loss without a given set of units; None if the interactions were
            loaded from a file.
    """

    explanation: Explanation
    index: IndexName
    pairs: np.ndarray
    values: np.ndarray
    errors: np.ndarray
    draws: int
    rises: np.ndarray
    copies: int
    value_function: ValueFunction | None = None

    def __repr__(self) -> str:
        words = ", ".join(f"{a!r} {b!r} {x:+.3g}" for a, b, x in self.strongest(1))
        pairs = f"{len(self)} pair{'s' * (len(self) != 1)}"
        return f"Interactions({pairs}, index={self.index!r}, strongest: {words or 'none'})"

    def __len__(self) -> int:
        return len(self.pairs)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Interactions):
            return NotImplemented
        return json_text(self.to_dict()) == json_text(other.to_dict())

    def __hash__(self) -> int:
        return hash((self.explanation, self.index, len(self)))

    def strongest(self, n: int = 3) -> list[tuple[str, str, float]]:
        """Return the `n` pairs with the largest `|value|`, as `(first word, second word, value)`."""
        units, order = self.explanation.units, self.order[:n]
        return [(units[i].text, units[j].text, float(self.values[p])) for p in order for i, j in [self.pairs[p]]]

    def to_frame(self) -> pd.DataFrame:
        """Return a table with one row per pair, the largest `|interaction|` first.

        The columns are

        - `first` and `second`, the words;
        - `interaction`, the value of the pair, and `error`, its standard error;
        - `loo_first` and `loo_second`, the rise of the loss when each word alone is removed;
        - `start_first` and `start_second`, the offset in the text where each word occurs first.

        With the index `second_difference`, `loo_first + loo_second + interaction` is the rise of the loss when both
        words are removed.
        """
        units, order = self.explanation.units, self.order
        first, second = self.pairs[order].T if len(order) else np.zeros((2, 0), dtype=int)
        columns: dict[str, Any] = {"first": [units[u].text for u in first], "second": [units[u].text for u in second]}
        columns |= {"interaction": self.values[order], "error": self.errors[order]}
        sides = {"first": first, "second": second}
        columns |= {f"loo_{name}": self.rises[side] for name, side in sides.items()}
        columns |= {f"start_{name}": [units[u].spans[0][0] for u in side] for name, side in sides.items()}
        return pd.DataFrame(columns)

    def game(self) -> ValueFunction:
        """Return the value function, which maps `N` sets of removed units `(N, U)` to their losses `(N,)`.

        It runs the model. `to_shapiq` returns it for use with the package `shapiq`.

        Raises:
            GradexplainError: The interactions were loaded from a file, which has no model.
        """
        if self.value_function is None:
            raise GradexplainError(
                "interactions that were loaded from a file have no model: call explainer.interactions(text) again"
            )
        return self.value_function

    def to_shapiq(self) -> Any:
        """Return the value function as a `shapiq.Game`, see `ValueFunction.to_shapiq`.

        Raises:
            GradexplainError: `shapiq` is not installed, or the interactions were loaded from a file.
        """
        return self.game().to_shapiq()

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists, numbers and strings, ready for JSON; `from_dict` reads them."""
        return {
            "index": self.index,
            "pairs": self.pairs.tolist(),
            "values": self.values.tolist(),
            "errors": self.errors.tolist(),
            "draws": self.draws,
            "rises": [None if np.isnan(rise) else rise for rise in self.rises.tolist()],
            "copies": self.copies,
            "explanation": self.explanation.to_dict(),
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Interactions":
        """Create interactions from a dictionary made by `to_dict`, without the model; unknown keys are ignored.

        Raises:
            GradexplainError: The dictionary was not made by `to_dict`.
        """
        with reading_record():
            pairs = np.asarray(record["pairs"], dtype=int).reshape(-1, 2)
            values, errors, rises = (np.asarray(record[name], dtype=float) for name in ("values", "errors", "rises"))
            explanation = Explanation.from_dict(record["explanation"])
            numbers = int(record["draws"]), rises, int(record["copies"])
            return cls(explanation, record["index"], pairs, values, errors, *numbers)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the interactions to a JSON file (`.json`), which `load` reads; an existing file is replaced.

        If the name ends in `.svg` or `.png`, a picture is written instead: the coloured text with arcs below it.

        Raises:
            GradexplainError: The file cannot be written, or its name ends in something else.
        """
        save_record(path, self.to_dict, {".svg": lambda: self.to_svg().encode(), ".png": self.to_png})

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "Interactions":
        """Load interactions that `save` wrote; the model is not part of the file.

        Raises:
            GradexplainError: The file cannot be read, or `save` did not write it.
        """
        return load_record(path, cls.from_dict, "Interactions.save")
