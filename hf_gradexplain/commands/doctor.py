"""Look a model over by its name: whatever of it can be seen, however little that is."""

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explain import Explainer
from hf_gradexplain.loading import load_checkpoint
from hf_gradexplain.probing.doctor import Check, Report

NEEDED = "nothing can be explained until this is mended"


def run_doctor(
    name: str, *, revision: str | None = None, trust_remote_code: bool = False, allow_pickle: bool = False
) -> Report:
    """Load a model and report on it; one that cannot be loaded or read gets a report that says so.

    Args:
        name: Hub name or folder.
        revision: Branch, tag or commit.
        trust_remote_code: Whether code that the repository ships may run.
        allow_pickle: Whether weights may be pickled.
    """
    try:
        found = load_checkpoint(name, revision=revision, trust_remote_code=trust_remote_code, allow_pickle=allow_pickle)
    except GradexplainError as error:
        return Report(name, (Check("loading", str(error), "problem", NEEDED),))
    checks = (_missing(found.missing),)
    try:
        report = Explainer(found.model, found.tokenizer).check()
    except GradexplainError as error:
        return Report(type(found.model).__name__, (*checks, Check("reading", str(error), "problem", NEEDED)))
    return Report(report.model, checks + report.checks)


def _missing(weights: tuple[str, ...]) -> Check:
    if not weights:
        return Check("checkpoint", "has every weight of the model", "ok", "nothing")
    more = f" and {len(weights) - 4} more" if len(weights) > 4 else ""
    found = f"has no weights for {', '.join(weights[:4])}{more}: they are random"
    return Check("checkpoint", found, "problem", "fine-tune the model for classification first (recipes/train.py)")
