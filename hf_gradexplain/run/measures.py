"""The measures of a run, from its arguments, and the evaluations under other masking baselines."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hf_gradexplain.evaluation.extra_measures import Measures, default_measures
from hf_gradexplain.evaluation.tables import Tables
from hf_gradexplain.options import Options
from hf_gradexplain.options.arguments import MeasureArguments
from hf_gradexplain.run.evaluation_inputs import EvaluationInputs
from hf_gradexplain.run.runner import evaluate


def measures_of(evaluated: EvaluationInputs, options: Options, arguments: MeasureArguments) -> Measures:
    """Return the measures that the arguments choose; by default, those that cost little with these options.

    The texts of the generated corpus are short and few, so AOPC on them is also normalised.
    """
    generated = evaluated.weight is not None
    return default_measures(
        evaluated.engine.shortcut(options),
        random_orders=arguments.random_orders,
        both_ends=arguments.both_ends,
        bounds=generated if arguments.naopc is None else arguments.naopc,
        beam_size=arguments.beam_size,
        k_grid=arguments.k_grid,
        ties=arguments.ties,
    )


def curves_of(measures: Measures) -> Measures:
    """Return the measures for other masking baselines: only the curves, at the same `k`."""
    return Measures(k_grid=measures.k_grid, ties=measures.ties)


def evaluate_baselines(
    evaluated: EvaluationInputs,
    arguments: MeasureArguments,
    others: Mapping[str, Options],
    measures: Measures,
    output_dir: Path,
    inputs: Mapping[str, Any],
    *,
    progress: bool = True,
) -> dict[str, Tables]:
    """Evaluate the same texts under other masking baselines, without extra measures.

    Each baseline is a separate run in `baselines/NAME/`, which has shards and can be resumed.

    Args:
        evaluated: The model and the texts.
        arguments: The arguments of the run.
        others: See `hf_gradexplain.evaluation.baselines.other_baselines`.
        measures: The measures under the run's own baseline; the curves are computed at the same `k`.
        output_dir: The run's folder.
        inputs: The run's own inputs.
        progress: Whether to show a progress bar.

    Returns:
        The tables by the name of the baseline, on the main process; empty on the other processes.
    """
    tables_of, curves = {}, curves_of(measures)
    for name, options in others.items():
        tables = evaluate(
            evaluated.engine,
            evaluated.texts,
            options,
            output_dir / "baselines" / name,
            inputs={**inputs, **asdict(curves), "baseline": options.baseline, "mask": options.mask},
            max_k=arguments.max_k,
            measures=curves,
            provenances=evaluated.provenances,
            progress=progress,
        )
        if tables is not None:
            tables_of[name] = tables
    return tables_of
