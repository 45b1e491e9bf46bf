"""Explain why a model gives one text a higher number than another."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from hf_gradexplain.attribution.prepare import Outputs
from hf_gradexplain.classifier.combine import OnePerSequence
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.engine.scored import ScoredBatch, collect, to_arrays
from hf_gradexplain.errors import GradexplainError, choose
from hf_gradexplain.explanation import Explanations
from hf_gradexplain.options import Options, UnitName
from hf_gradexplain.options.signatures import ComparisonOptions
from hf_gradexplain.text.data import Document

_GIVEN = ("target", "against", "objective", "problem_type")
"""The options that a comparison sets itself."""

_OF_WINDOWS = ("stride", "pool")
"""The options of long documents."""


def comparison_options(what: str, methods: str | Sequence[str], unit: UnitName, options: Mapping[str, Any]) -> Options:
    """Return options that explain the logit of the first sequence minus the logit of the second.

    Args:
        what: The name of the call, for error messages.
        methods: The methods.
        unit: What gets one score.
        options: Other options, see `ComparisonOptions`.

    Raises:
        GradexplainError: An option is unknown, would choose another number to explain, or asks for windows.
    """
    for name in options:
        if name in _OF_WINDOWS:
            raise GradexplainError(
                f"{what} reads every text as one sequence, not in windows: leave out {name}; texts that are too long "
                "are truncated"
            )
        if name in _GIVEN:
            raise GradexplainError(
                f"{what} explains the difference of two logits, so {name} has no effect: leave it out"
            )
        choose("option", name, ComparisonOptions.__annotations__)
    return Options(methods, unit, target=0, against=1, **options)  # type: ignore[arg-type]


def check_one_logit(engine: AttributionEngine, what: str, kind: str) -> None:
    """Check that the model gives a text one number.

    Args:
        engine: The model.
        what: The name of the call, for error messages.
        kind: What a model with one logit is called here, for error messages.

    Raises:
        GradexplainError: The model has several logits.
    """
    if (n := engine.profile.n_outputs) != 1:
        raise GradexplainError(
            f"{what} needs a {kind}, which gives one logit, but {type(engine.model).__name__} gives {n}: to compare "
            "two of its classes, call the explainer with target=... and against=..."
        )


def compare(
    engine: AttributionEngine, documents: Sequence[Document], options: Options, names: tuple[str, str]
) -> tuple[Explanations, np.ndarray]:
    """Explain why the logit of one sequence is higher than that of another one.

    Args:
        engine: A model with one logit.
        documents: Texts that are read as two sequences each.
        options: How to explain, see `comparison_options`.
        names: What the two sequences are called.

    Returns:
        The explanations, and the logits of the sequences `(B, 2)`.
    """
    logits = np.empty((len(documents), 2))

    def noted(batches: Iterator[ScoredBatch]) -> Iterator[ScoredBatch]:
        for batch in batches:
            logits[list(batch.indices)] = to_arrays([batch.forward.logits])[0]
            yield batch

    outputs = Outputs(OnePerSequence((1.0,)), names, "softmax")
    return collect(noted(engine.score(documents, options, outputs=outputs))), logits
