"""Compare finished runs, in their folders or in memory."""

import json
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from hf_gradexplain.audit.compare.compare import compare
from hf_gradexplain.audit.compare.result import RunComparison
from hf_gradexplain.audit.compare.runs_in_step import RunFiles
from hf_gradexplain.run.evaluation import Evaluation
from hf_gradexplain.run.finished_run import FinishedRun, open_run

AnyRun = str | PathLike[str] | Evaluation


def compare_runs(a: AnyRun, b: AnyRun, reference: Sequence[AnyRun] = (), method: str | None = None) -> RunComparison:
    """Compare run B with run A: two models, or two states of one model, on the same texts.

    The accuracy is compared by the exact McNemar test; AOPC and NAOPC by paired t-tests; the explanations by Spearman's
    correlation of their scores in each text. Drift is one minus its median. The share of a word is its score, divided
    by the sum of the absolute scores of the text; its mean over the texts of a class is compared between the runs.

    All of this depends on the seed of a training. With `reference`, runs of two or more other seeds of A's training, B
    is compared with A and these as one more seed: a t-test of accuracy, AOPC and drift, and for each class and word a
    moderated t-test (Smyth 2004) with control of the false discovery rate at 5 % (Benjamini and Hochberg 1995).
    Without `reference` there are sizes with their intervals, and no verdict.

    Args:
        a: The output folder of `hf-gradexplain evaluate`, or what `Explainer.evaluate` returned.
        b: Another one, over the same texts, with the same options, such as unit, target, baseline and k_grid.
        reference: Other seeds of the training of A, two or more.
        method: The method whose words and texts are compared; by default the one with the highest AOPC in A.

    Returns:
        The comparison: `to_frame()`, `drift`, `words`, `moved`, `texts`, `changed`. A notebook shows it.

    Raises:
        GradexplainError: The runs explain different texts or explain them in different ways, one of them is not
            finished, or there is one reference only.

    Example:
        >>> import hf_gradexplain  # doctest: +SKIP
        >>> seeds = ["outputs/seed1", "outputs/seed2", "outputs/seed3"]
        >>> hf_gradexplain.compare_runs("outputs/old", "outputs/new", seeds)  # doctest: +SKIP
    """
    given = [a, b, *reference]
    names = _names(given)
    opened = [run if isinstance(run, Evaluation) else open_run(Path(run)) for run in given]
    files = [RunFiles(name, run.documents, _options(run)) for name, run in zip(names, opened, strict=True)]
    return compare(files[0], files[1], files[2:], method)


def _options(run: Evaluation | FinishedRun) -> dict[str, Any]:
    """Return what a run was made with, as JSON values."""
    inputs = run.run.inputs if isinstance(run, Evaluation) else run.record["inputs"]
    return json.loads(json.dumps(inputs))


def _names(runs: Sequence[AnyRun]) -> list[str]:
    """Return a name for each run: the last part of its folder where these differ, else the folder."""
    whole = [run.run.title if isinstance(run, Evaluation) else str(run) for run in runs]
    last = [name if isinstance(run, Evaluation) else Path(name).name for run, name in zip(runs, whole, strict=True)]
    if len(set(last)) == len(runs):
        return last
    if len(set(whole)) == len(runs):
        return whole
    return [f"{name} ({number})" for number, name in enumerate(whole, 1)]
