"""Diagnose a model by name, even if it cannot be loaded."""

from typing import Unpack

from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.loading import load_checkpoint
from hf_gradexplain.options import ProblemTypeName
from hf_gradexplain.options.arguments import LoadOptions
from hf_gradexplain.probing.report import Check, Report

FIX_FIRST = "fix this first: nothing can be explained until then"


def diagnose(
    name: str, problem_type: ProblemTypeName | None = None, **how_to_load: Unpack[LoadOptions]
) -> tuple[Report, AttributionEngine | None]:
    """Load a model and report on it. If it cannot be loaded or run, the report says so, and the engine is None.

    Args:
        name: Hub name or folder.
        problem_type: What the model's logits are, as in `Options`.
        how_to_load: Arguments of `hf_gradexplain.loading.load_checkpoint`.
    """
    try:
        checkpoint = load_checkpoint(name, **how_to_load)
    except GradexplainError as error:
        return Report(name, (Check("loading", str(error), "problem", FIX_FIRST),)), None
    checks = (_missing_weights(checkpoint.missing),)
    try:
        engine = AttributionEngine(checkpoint.model, checkpoint.tokenizer)
        engine.provenances = checkpoint.provenances
        report = engine.check(problem_type)
    except GradexplainError as error:
        name = type(checkpoint.model).__name__
        return Report(name, (*checks, Check("forward pass", str(error), "problem", FIX_FIRST))), None
    return Report(report.model, checks + report.checks), engine


def _missing_weights(weights: tuple[str, ...]) -> Check:
    if not weights:
        return Check("checkpoint", "has all weights of the model", "ok", "nothing")
    more = f" and {len(weights) - 4} more" if len(weights) > 4 else ""
    found = f"has no weights for {', '.join(weights[:4])}{more}: they are random"
    return Check("checkpoint", found, "problem", "fine-tune the model for classification first (hf-gradexplain train)")
