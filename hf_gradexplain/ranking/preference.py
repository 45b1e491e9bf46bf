"""Explain why a reward model prefers one text to another: scores for the words of both texts."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from os import PathLike
from typing import Any, TypeVar

import numpy as np
from markupsafe import Markup
from rich.console import Group, RenderableType
from rich.text import Text as Line

from hf_gradexplain.attribution.methods import select
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.explanation.classes import SIDES
from hf_gradexplain.explanation.record_files import load_record, save_record
from hf_gradexplain.explanation.records import reading_record
from hf_gradexplain.explanation.self_check import SelfCheck
from hf_gradexplain.options import Options
from hf_gradexplain.options.values import plain
from hf_gradexplain.ranking.comparison import check_one_logit, compare
from hf_gradexplain.text.chat import check_roles
from hf_gradexplain.text.data import Document
from hf_gradexplain.text.given_units import units_of_both, with_units
from hf_gradexplain.text.joined import side_by_side
from hf_gradexplain.text.texts import Text, checked, is_text
from hf_gradexplain.viz.notebook import show
from hf_gradexplain.viz.sanitize import json_text, one_line
from hf_gradexplain.viz.tables import with_minus

CHOSEN, REJECTED = NAMES = SIDES
"""What the two texts are called."""

_Result = TypeVar("_Result")


@dataclass(frozen=True, eq=False)
class Preference:
    """Why a reward model prefers one of two texts.

    The explained number is `margin`, the reward of the chosen text minus the reward of the rejected text. A positive
    score in `chosen` means that the unit raises the reward of the chosen text, and a positive score in `rejected` that
    it raises the reward of the rejected text. If both texts begin with the same prompt, the units of the prompt have
    scores in both explanations.

    Attributes:
        chosen: The explanation of the chosen text, for "chosen rather than rejected".
        rejected: The explanation of the rejected text, for "rejected rather than chosen". The scores of signed methods
            therefore have the opposite sign of scores for the margin. The scores of unsigned methods are those for the
            margin.
        rewards: The model's logit of the chosen text and its logit of the rejected text.
        self_check: For each method, how the probability of the preferred text changes if the units that support it most
            are removed from both texts, and if random units are removed. Empty if the check was not asked for.
    """

    chosen: Explanation
    rejected: Explanation
    rewards: tuple[float, float]
    self_check: Mapping[str, SelfCheck] = field(default_factory=dict)

    @property
    def margin(self) -> float:
        """The reward of the chosen text minus that of the rejected one."""
        return self.rewards[0] - self.rewards[1]

    @property
    def probability(self) -> float:
        """The probability that the chosen text is preferred (Bradley-Terry model): the sigmoid of `margin`."""
        return float(self.chosen.probabilities[0])

    @property
    def verdict(self) -> str:
        """A sentence that says which text the model prefers, with the rewards, the margin and the probability."""
        preferred = CHOSEN if self.margin > 0 else REJECTED if self.margin < 0 else "neither"
        rewards = " and ".join(f"{reward:z.3f}" for reward in self.rewards)
        return with_minus(
            f"the model prefers {preferred}: rewards {rewards}, margin {self.margin:+z.3f}, p(chosen) = "
            f"{self.probability:.3f}"
        )

    def top(self, n: int = 3, method: str | None = None) -> dict[str, list[tuple[str, float]]]:
        """Return the `n` highest-scored units under the keys `chosen` and `rejected`; see `Explanation.top`.

        Raises:
            GradexplainError: There are no scores of this method.
        """
        return {CHOSEN: self.chosen.top(n, method), REJECTED: self.rejected.top(n, method)}

    def __repr__(self) -> str:
        return f"Preference(margin={self.margin:.3f}, p={self.probability:.3f}, methods={list(self.chosen.scores)})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Preference):
            return NotImplemented
        return json_text(self.to_dict()) == json_text(other.to_dict())

    def __hash__(self) -> int:
        return hash((self.chosen, self.rejected))

    def show(self, method: str | Sequence[str] | None = None) -> None:
        """Display which text is preferred, and both texts with coloured units.

        Args:
            method: The method whose scores are shown, or several methods, which get a row each; None for all.

        Raises:
            GradexplainError: There are no scores of this method.
        """
        lines: list[RenderableType] = [Line(self.verdict, style="bold")]
        for name, side in self._sides:
            lines += ["", Line(name, style="bold underline"), side.to_rich(method)]
        checks = self._checks(method)
        show(self.to_html(method), Group(*lines, *([""] if checks else []), *map(Line, checks)))

    def to_html(self, method: str | Sequence[str] | None = None) -> Markup:
        """Return what `show` displays in a notebook as an escaped HTML fragment without scripts."""
        parts = [Markup("<p><strong>{}</strong></p>").format(self.verdict)]
        for name, side in self._sides:
            parts += [Markup("<p>{}</p>").format(name), side.to_html(method)]
        parts += map(Markup("<p>{}</p>").format, self._checks(method))
        return Markup("\n").join(parts)

    def _repr_html_(self) -> str:
        return self.to_html()

    @property
    def _sides(self) -> tuple[tuple[str, Explanation], ...]:
        return (CHOSEN, self.chosen), (REJECTED, self.rejected)

    def _checks(self, method: str | Sequence[str] | None) -> list[str]:
        """Return the self-checks of some methods, in words."""
        wanted = self.self_check if method is None else {method} if isinstance(method, str) else set(method)
        return [f"self-check of {one_line(m)}: {check}" for m, check in self.self_check.items() if m in wanted]

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists, numbers and strings, ready for JSON; `from_dict` reads them."""
        return {
            "rewards": list(self.rewards),
            "margin": self.margin,
            "probability": self.probability,
            **{name: side.to_dict() for name, side in self._sides},
            "self_check": {name: check.to_dict() for name, check in self.self_check.items()},
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Preference":
        """Create a preference from a dictionary made by `to_dict`; unknown keys are ignored.

        Raises:
            GradexplainError: The dictionary was not made by `to_dict`.
        """
        with reading_record():
            first, second = map(float, record["rewards"])
            chosen, rejected = (Explanation.from_dict(record[name]) for name in NAMES)
            checks = {name: SelfCheck.from_dict(check) for name, check in record["self_check"].items()}
        return cls(chosen, rejected, (first, second), checks)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the preference to a JSON file (`.json`), which `load` reads; an existing file is replaced.

        Raises:
            GradexplainError: The file cannot be written, or its name does not end in `.json`.
        """
        save_record(path, self.to_dict)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "Preference":
        """Load a preference that `save` wrote.

        Raises:
            GradexplainError: The file cannot be read, or `save` did not write it.
        """
        return load_record(path, cls.from_dict, "Preference.save")


def explain_preferences(
    engine: AttributionEngine,
    chosen: Text | Iterable[Text],
    rejected: Text | Iterable[Text],
    options: Options,
    units: Any = None,
) -> Preference | list[Preference]:
    """Explain why a reward model prefers some texts to others; see `Explainer.prefer`.

    Args:
        engine: The reward model.
        chosen: A text, or several.
        rejected: A text, or as many as in `chosen`.
        options: How to explain, see `comparison_options`.
        units: The spans of the units of both texts, see `units_of_both`; None for the unit of the options.

    Raises:
        GradexplainError: The model has several logits, there is not one rejected text for each chosen text, or a text
            or span cannot be used. If only one side is wrong, the message begins with its name, `chosen` or `rejected`.
    """
    check_one_logit(engine, "prefer", "reward model")
    chosen, rejected = plain(chosen), plain(rejected)
    if (single := is_text(chosen)) != is_text(rejected):
        one, other, value = (CHOSEN, REJECTED, rejected) if single else (REJECTED, CHOSEN, chosen)
        raise GradexplainError(
            f"chosen and rejected must both be one text, pair or conversation, or both a list of them, but {one} is "
            f"one and {other} is of type {type(value).__name__}: give one rejected text for each chosen text"
        )
    sides = _of_each(checked, (chosen, rejected))
    if len(sides[0]) != len(sides[1]):
        raise GradexplainError(
            f"chosen has {len(sides[0])} texts and rejected {len(sides[1])}: give one rejected text for each chosen "
            "text"
        )
    if options.self_check is None:
        options = replace(options, self_check=single)
    options = replace(options, target="predicted", against="runner_up")  # the self-check is for the preferred text
    check_roles([*sides[0], *sides[1]], options.explain_roles)
    divide = partial(with_units, options=options, single=single)
    divided = _of_each(lambda texts, spans: divide(texts, units=spans), sides, units_of_both(units))
    pairs = list(zip(*_of_each(lambda side: engine.encode(*side), divided), strict=True))
    _, options = divided[0]
    explanations, rewards = compare(engine, list(map(side_by_side, pairs)), options, NAMES)
    found = [_preference(*each) for each in zip(pairs, explanations, rewards.tolist(), strict=True)]
    return found[0] if single else found


def _of_each(work: Callable[..., _Result], *arguments: Sequence[Any]) -> list[_Result]:
    """Return what a function returns for the chosen and for the rejected texts.

    Args:
        work: The function.
        *arguments: For each argument of the function, its values for the chosen and for the rejected texts.

    Raises:
        GradexplainError: The function raises it. The message names the side, unless both sides have the same message.
    """
    results: list[_Result] = []
    errors: dict[str, GradexplainError] = {}
    for name, *given in zip(NAMES, *arguments, strict=True):
        try:
            results.append(work(*given))
        except GradexplainError as error:
            errors[name] = error
    messages = {name: str(error) for name, error in errors.items()}
    if len(errors) == 2 and messages[CHOSEN] == messages[REJECTED]:
        raise errors[CHOSEN]
    for name, cause in errors.items():
        raise GradexplainError(f"{name}: {cause}") from cause
    return results


def _preference(pair: tuple[Document, Document], both: Explanation, rewards: list[float]) -> Preference:
    """Return one explanation per text, given that of both texts together, which is for the preferred text."""
    n, (first, second) = pair[0].n_units, rewards
    scores = {name: np.split(x, [n]) for name, x in both.scores.items()}
    chosen, rejected = (_side(both, k, pair[k], {name: of[k] for name, of in scores.items()}) for k in (0, 1))
    return Preference(chosen, rejected, (first, second), both.self_check)


def _side(both: Explanation, k: int, document: Document, scores: Mapping[str, np.ndarray]) -> Explanation:
    """Return the explanation of text `k` of the two: scores of signed methods are for this text."""
    methods, n = select(list(scores)), len(document.units)
    part = slice(n) if k == 0 else slice(len(both) - n, None)
    turned = {name: 0 - x if methods[name].signed else x for name, x in scores.items()}
    return replace(
        both,
        target=k,
        target_label=NAMES[k],
        against=1 - k,
        against_label=NAMES[1 - k],
        text=document.text,
        units=document.units,
        scores=scores if k == both.target else turned,
        truncated_at=document.truncated_at,
        pair_start=document.pair_start,
        messages=document.occurrences.messages,
        unread=document.unread,
        sampling={name: of_method.of_units(part) for name, of_method in both.sampling.items()},
        self_check={},
    )
