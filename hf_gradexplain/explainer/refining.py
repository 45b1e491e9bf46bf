"""The method of `Explainer` that reduces the standard errors of an explanation by further draws."""

from dataclasses import replace
from typing import Any, Unpack

import numpy as np

from hf_gradexplain.attribution.masking.game import Earlier, EstimatedScores
from hf_gradexplain.attribution.methods import METHODS, Method, select
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.engine.scored import collect
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.explanation.classes import ClassScores
from hf_gradexplain.explanation.self_check import top_count
from hf_gradexplain.options import CUSTOM, DELETION, Options
from hf_gradexplain.options.signatures import RefineOptions, takes_options
from hf_gradexplain.options.values import whole_number
from hf_gradexplain.text.given_units import divide
from hf_gradexplain.text.texts import SEPARATOR, Text

TIMES = 4
"""If `max_evals` is not given: the total number of copies, as a multiple of those that ran already."""

_SAME = ("text", "units", "truncated_at", "windows", "unread", "target", "against", "prediction", "class_names")
"""Fields of an explanation that are the same for the same model, text and options."""

_TOLERANCE = {"float64": 1e-3, "float32": 1e-3}
"""How much probabilities may differ, by compute dtype; 0.05 for dtypes that are not listed."""


class RefiningEngine(AttributionEngine):
    """An engine that also continues the draws of an explanation."""

    @takes_options
    def refine(
        self,
        explanation: Explanation,
        max_evals: int | None = None,
        *,
        max_error: float | None = None,
        tell_apart: int | None = None,
        **options: Unpack[RefineOptions],
    ) -> Explanation:
        """Reduce the standard errors of an explanation by further random draws.

        The explanation may have been loaded from a file. The further draws are those that a larger `max_evals` would
        have made in the first call. If masked copies take a shortcut, the refined scores equal those of one call with
        as many draws, up to rounding. If each masked copy is a pass over the model, the refined scores differ from the
        scores of one call, but only within the standard errors. The reason is that the earlier and the further draws
        are corrected by different control variates. If several classes are explained, they share the copies: the same
        further draws are added to each class, also to one that stopped after fewer draws than the others.

        Only the scores of `shapley` are refined, and those of registered methods whose source has `continues = True`.
        The scores of other methods stay as they are, and so do exact scores.

        Args:
            explanation: The explanation of one text by this model.
            max_evals: The largest total number of copies of the text, including those that ran already. By default it
                is four times the number that ran. If `max_evals` is enough for all sets of units, the scores become
                exact. The copy with all units removed runs again, and counts again.
            max_error: Stop once every standard error is at most this share of the largest absolute score. If neither
                `max_error` nor `tell_apart` is given, `max_evals` copies run.
            tell_apart: Stop once the 95 % intervals of this many highest-scored units lie above those of all others.
            **options: The options of the call that made the explanation.

        Returns:
            The explanation with refined scores, standard errors and self-check. It can be refined again.

        Raises:
            GradexplainError: No method of the explanation can be refined, `max_evals` copies ran already, or the
                explanation was made with another model, text or options. Explanations by `prefer`, `Ranking.why` and
                `ZeroShotExplainer` cannot be refined.

        Examples:
            >>> import hf_gradexplain  # doctest: +SKIP
            >>> explainer = hf_gradexplain.Explainer.from_pretrained("org/model")  # doctest: +SKIP
            >>> explanation = explainer("A thoughtful film, and not one dull moment.", "shapley")  # doctest: +SKIP
            >>> explanation.save("film.json")  # doctest: +SKIP
            >>> later = hf_gradexplain.Explanation.load("film.json")  # doctest: +SKIP
            >>> explainer.refine(later, max_evals=20_000, tell_apart=3).show()  # doctest: +SKIP
        """
        _check_single(explanation, self.profile.n_outputs)
        earlier = _earlier_of(explanation)
        if not earlier:
            return explanation
        ran = max(each.copies for each in earlier.values())
        most = TIMES * ran if max_evals is None else whole_number("max_evals", max_evals)
        if most <= ran:
            raise GradexplainError(
                f"max_evals must be larger than the {ran:,} copies of the text that ran already, but is {most:,}"
            )
        method, *_ = earlier
        chosen = replace(
            _options_of(explanation, method, options),
            max_evals=most,
            max_error=0.0 if max_error is None else max_error,
            tell_apart=tell_apart,
        )
        documents = self.encode([_text_of(explanation)], chosen)
        plain = replace(chosen, methods=("random",), self_check=False)
        _check_same(explanation, *collect(self.score(documents, plain)))
        checked, share = bool(explanation.self_check), _share_of(explanation)
        chosen = replace(chosen, methods=tuple(earlier), self_check=checked, self_check_share=share)
        methods = {name: _continued(each, earlier[name]) for name, each in select(chosen.methods, chosen).items()}
        (found,) = collect(self.score(documents, chosen, methods=methods))
        return _joined(explanation, found)


def _check_single(explanation: Explanation, n_outputs: int) -> None:
    """Check that an explanation is of a single text, as a call of the explainer reads it.

    Args:
        explanation: The explanation.
        n_outputs: The number of logits of the model.

    Raises:
        GradexplainError: It is by `Ranking.why`, of a `Preference`, or of a zero-shot classification, where the labels
            follow the text.
    """
    second = None if explanation.pair_start is None else explanation.text[explanation.pair_start :]
    if second is not None and explanation.messages:
        what, call = "one by Ranking.why", "rank"
    elif explanation.is_side and n_outputs == 1:
        what, call = "that of a side of a Preference", "prefer"
    elif explanation.class_names and second == SEPARATOR.join(explanation.class_names):
        what, call = "one by a ZeroShotExplainer", "that explainer"
    else:
        return
    raise GradexplainError(
        f"refine takes the explanation of a single text, not {what}: for smaller standard errors, call {call} with a "
        "larger max_evals"
    )


def _earlier_of(explanation: Explanation) -> dict[str, Earlier]:
    """Return the earlier draws of each method that can continue them, without methods whose scores are exact.

    Raises:
        GradexplainError: No method of the explanation can continue its draws.
    """
    unknown = [name for name in explanation.sampling if name not in METHODS]
    able = [name for name in explanation.sampling if name in METHODS and METHODS[name].source.continues]
    if unknown and not able:
        raise GradexplainError(
            f"the method {unknown[0]!r} of this explanation is not registered in this process: call register first"
        )
    if not able:
        raise GradexplainError(
            f"no method of this explanation can continue its draws ({', '.join(explanation.scores)}): give an "
            "explanation by shapley"
        )
    return {name: _earlier(explanation, name) for name in able if explanation.sampling[name].draws}


def _earlier(explanation: Explanation, name: str) -> Earlier:
    classes = {each.target: each for each in (ClassScores.of(explanation), *explanation.classes)}
    of_class = {number: each.sampling[name] for number, each in classes.items()}
    estimates = {
        number: EstimatedScores.after(sampling.draws, classes[number].scores[name][None], sampling.errors[None])
        for number, sampling in of_class.items()
    }
    return Earlier(estimates, max(sampling.copies for sampling in of_class.values()))


def _continued(method: Method, earlier: Earlier) -> Method:
    return replace(method, source=replace(method.source, earlier=earlier))  # type: ignore[type-var]


def _options_of(explanation: Explanation, name: str, given: RefineOptions) -> Options:
    """Return the options that are stored in the explanation, updated by those that are given."""
    against: Any = "rest" if explanation.against_label and explanation.against is None else explanation.against
    target: dict[str, Any] = {"target": explanation.target}
    if explanation.classes:
        target = {"target": "all", "classes": tuple(each.target for each in explanation.classes)}
        against = "runner_up" if isinstance(against, int) else against
    baseline = explanation.baselines.get(name)
    noted: dict[str, Any] = {
        "unit": explanation.unit,
        "objective": explanation.objective,
        "against": against,
        "seed": explanation.sampling[name].seed,
        "mask": explanation.mask,
        "baseline": None if baseline == DELETION else baseline,
        "tokenizer_kwargs": explanation.tokenizer_kwargs,
    }
    return Options(**{**noted, **target, **given})


def _share_of(explanation: Explanation) -> float | None:
    """Return the share of the units that the self-check removed; None if it removed the default number of units."""
    units = len(explanation.units)
    counts = {len(check.top) for check in explanation.self_check.values()} - {top_count(units)}
    return counts.pop() / units if counts else None


def _text_of(explanation: Explanation) -> Text:
    """Return the text, pair or conversation as it was given."""
    text: Any = explanation.text
    if explanation.messages:
        text = [{"role": each.role, "content": text[each.start : each.end]} for each in explanation.messages]
    elif explanation.pair_start is not None:
        text = (text[: explanation.pair_start - 1], text[explanation.pair_start :])
    if explanation.unit != CUSTOM:
        return text
    return divide(text, [span for unit in explanation.units for span in unit.spans], 0)


def _check_same(explanation: Explanation, now: Explanation) -> None:
    """Check that the model reads and classifies the text as it did for the explanation.

    Raises:
        GradexplainError: The text is read differently, or its probabilities differ.
    """
    changed = [name for name in _SAME if getattr(explanation, name) != getattr(now, name)]
    shapes = explanation.probabilities.shape == now.probabilities.shape
    within = _TOLERANCE.get(explanation.dtype, 0.05)
    if not shapes or not np.allclose(explanation.probabilities, now.probabilities, rtol=within, atol=within):
        changed.append("probabilities")
    if changed:
        raise GradexplainError(
            f"the explanation is of another model, text or options (different {', '.join(changed)}): call refine of "
            "the explainer that made it, with the options of that call"
        )


def _joined(explanation: Explanation, found: Explanation) -> Explanation:
    """Return the explanation with the refined scores."""
    refined = {each.target: each for each in (ClassScores.of(found), *found.classes)}

    def join(each: ClassScores) -> ClassScores:
        of = refined[each.target]
        return replace(each, scores={**each.scores, **of.scores}, sampling={**each.sampling, **of.sampling})

    own = join(ClassScores.of(explanation))
    return replace(
        explanation,
        scores=own.scores,
        sampling=own.sampling,
        self_check={**explanation.self_check, **found.self_check},
        classes=tuple(map(join, explanation.classes)),
    )
