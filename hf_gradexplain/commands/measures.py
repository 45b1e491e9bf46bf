"""What `recipes/evaluate.py` measures beside removal curves and correlations, from its arguments."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import nn

from hf_gradexplain.commands.evaluate_arguments import EvaluateArguments
from hf_gradexplain.commands.inputs import EvaluationInputs
from hf_gradexplain.evaluation.extra_measures import Measures, default_measures
from hf_gradexplain.evaluation.tables import Tables
from hf_gradexplain.options import Options
from hf_gradexplain.run.runner import evaluate


def measures_of(arguments: EvaluateArguments, model: nn.Module) -> Measures:
    """What the arguments ask for, and of what they leave open, what costs little with this model.

    The texts of the embedded corpus are short and few: there the bounds are searched for, too.
    """
    embedded = arguments.model_name_or_path is None
    return default_measures(
        model,
        random_orders=arguments.random_orders,
        both_ends=arguments.both_ends,
        bounds=embedded if arguments.naopc is None else arguments.naopc,
        beam_size=arguments.beam_size,
        k_grid=tuple(arguments.k_grid),
    )


def under_baselines(
    subject: EvaluationInputs,
    arguments: EvaluateArguments,
    others: Mapping[str, Options],
    measures: Measures,
    output_dir: Path,
    inputs: Mapping[str, Any],
) -> dict[str, Tables]:
    """The tables of the same texts under other masking baselines, with nothing measured beside.

    Each is a run of its own in `baselines/NAME/`, with shards and resume. Empty but on the main process.

    Args:
        subject: What is evaluated.
        arguments: The recipe's arguments.
        others: See `hf_gradexplain.evaluation.baselines.other_baselines`.
        measures: What is measured under the run's own baseline: its curves are asked for at the same `k`.
        output_dir: The run's folder.
        inputs: The run's own inputs.
    """
    found, curves = {}, Measures(k_grid=measures.k_grid)
    for name, options in others.items():
        own = {**inputs, **asdict(curves), "baseline": name}
        folder = output_dir / "baselines" / name
        tables = evaluate(
            subject.engine,
            subject.texts,
            options,
            folder,
            inputs=own,
            max_k=arguments.max_k,
            measures=curves,
            provenances=subject.provenances,
        )
        if tables is not None:
            found[name] = tables
    return found
