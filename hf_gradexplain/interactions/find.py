"""Find the interactions of the words of a text."""

from typing import get_args

import numpy as np

from hf_gradexplain.classifier.targets import Labels
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.engine.scored import collect
from hf_gradexplain.errors import GradexplainError, choose
from hf_gradexplain.interactions.indices import (
    Enumeration,
    EstimatedIndex,
    IndexName,
    copies_per_order,
    pairs_of,
    sampled_shapley_taylor,
    second_differences,
)
from hf_gradexplain.interactions.result import Interactions
from hf_gradexplain.interactions.value_function import ValueFunction
from hf_gradexplain.options import Options
from hf_gradexplain.options.values import whole_number
from hf_gradexplain.text.data import Document
from hf_gradexplain.text.texts import Text

TOP = 8
"""The number of units among which pairs are looked for, unless `top` is given."""

_LONGEST = 20
"""The largest number of units whose sets are enumerated, whatever `max_evals` allows."""


def find_interactions(
    engine: AttributionEngine,
    text: Text,
    options: Options,
    labels: Labels = None,
    *,
    top: int | None = TOP,
    index: IndexName = "second_difference",
) -> Interactions:
    """Find the interactions of the words of a text; see `Explainer.interactions`.

    Args:
        engine: The model.
        text: The text.
        options: How to explain.
        labels: The true class, which is explained if `options.target` is `label`.
        top: The number of units whose pairs are computed, those with the largest `|score|`; None for all.
        index: The interaction index, see `hf_gradexplain.interactions.indices`.

    Raises:
        GradexplainError: An argument cannot be used, or the index takes more than `max_evals` masked copies.
    """
    choose("index", index, get_args(IndexName))
    top = None if top is None else whole_number("top", top)
    if top is not None and top < 2:
        raise GradexplainError(f"top must be a number of words, 2 or larger, or None for all of them, but is {top}")
    if len(options.methods) != 1:
        raise GradexplainError(
            f"interactions takes one method, which chooses the words, but got {len(options.methods)}: give one of them"
        )
    if options.target == "all":
        raise GradexplainError("interactions explain one class: give target=..., the name or id of a class")
    documents = engine.encode([text], options)
    batches = list(engine.score(documents, options, labels))
    (explanation,) = collect(batches, engine.true_classes(1, options, labels))
    value_function = ValueFunction(batches[0].forward.without_graph())
    order = np.argsort(-np.abs(explanation.scores[explanation.method]), kind="stable")
    units = np.sort(order[:top])
    pairs, estimate = _estimate(value_function, documents[0], units, index, options)
    return Interactions(explanation, index, pairs, *estimate, value_function=value_function)


def _estimate(
    values: ValueFunction, document: Document, units: np.ndarray, index: IndexName, options: Options
) -> tuple[np.ndarray, EstimatedIndex]:
    """Return the pairs of some units, and the interaction index of these pairs."""
    count, limit = values.n_units, options.max_evals
    if count < 2:
        none = np.zeros(0)
        return np.zeros((0, 2), dtype=int), EstimatedIndex(none, none, 0, np.full(count, np.nan), 0)
    if index == "second_difference":
        k = len(units)
        _check(k * (k + 1) // 2, limit, f"the second differences of {k} words take", "give a smaller top")
        return pairs_of(units), second_differences(values, units, count)
    if count <= _LONGEST and 2**count - 1 <= limit:
        return pairs_of(units), Enumeration.of(values, count).index(index, pairs_of(units))
    if index == "shapley_interaction":
        needed = f"2^{count} - 1" if count > _LONGEST else f"{2**count - 1:,}"
        raise GradexplainError(
            f"the index shapley_interaction of {count} units takes {needed} masked copies, more than {limit:,}: give "
            "index='shapley_taylor' (which draws random orders), a larger unit or a larger max_evals"
        )
    k, per_order = len(units), copies_per_order(len(units))
    _check(k + 2 * per_order, limit, f"two random orders for {k} words take", "give a smaller top")
    rng = document.rng(options.seed, "interactions")
    return pairs_of(units), sampled_shapley_taylor(values, units, count, (limit - k) // per_order, rng)


def _check(copies: int, limit: int, what: str, fix: str) -> None:
    if copies > limit:
        raise GradexplainError(f"{what} {copies:,} masked copies, more than {limit:,}: {fix}, or max_evals={copies}")
