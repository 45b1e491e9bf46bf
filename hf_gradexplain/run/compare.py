"""Compare finished evaluations, given as folders or as objects."""

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
    """Compare the evaluations of two models, or of two versions of a model, on the same texts.

    The accuracy is compared by the exact McNemar test, AOPC and NAOPC by paired t-tests. The explanations of each text
    are compared by Spearman's correlation of their scores; *drift* is one minus the median correlation over the texts.
    Words are compared by their *share*: the score of a word divided by the sum of the absolute scores of the text,
    averaged over the texts of a class.

    All of these numbers also differ between models that were trained in the same way with different seeds. `reference`
    has runs of two or more models that were trained as A was, with other seeds. With `reference`, tests tell whether B
    could be one more such model. Accuracy, AOPC and drift have a t-test each. Each word of a class has a moderated
    t-test (Smyth 2004), with a false discovery rate of 5 % over all words (Benjamini and Hochberg 1995). Without
    `reference`, differences are reported with their intervals, but without a verdict.

    Args:
        a: Run A: the output folder of `hf-gradexplain evaluate`, or what `Explainer.evaluate` returned.
        b: Run B, over the same texts and with the same options, such as unit, target, baseline and k_grid.
        reference: Runs of two or more models that were trained as A was, with other seeds.
        method: The method whose scores of words and texts are compared; by default the most faithful method of A, by
            AOPC(10), among those whose scores have a sign.

    Returns:
        A `RunComparison`, with `to_frame()`, `drift`, `words`, `moved`, `texts` and `changed`. A notebook displays it.

    Raises:
        GradexplainError: The runs explain different texts or have different options, a run is not finished, or there is
            only one reference.

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
    """Return the inputs of a run, as JSON values."""
    inputs = run.run.inputs if isinstance(run, Evaluation) else run.record["inputs"]
    return json.loads(json.dumps(inputs))


def _names(runs: Sequence[AnyRun]) -> list[str]:
    """Return a name for each run: the last part of its folder if the last parts differ, otherwise the whole folder."""
    whole = [run.run.title if isinstance(run, Evaluation) else str(run) for run in runs]
    last = [name if isinstance(run, Evaluation) else Path(name).name for run, name in zip(runs, whole, strict=True)]
    if len(set(last)) == len(runs):
        return last
    if len(set(whole)) == len(runs):
        return whole
    return [f"{name} ({number})" for number, name in enumerate(whole, 1)]
