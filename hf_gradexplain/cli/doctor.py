"""`hf-gradexplain doctor`: check a model, and measure which method to trust on texts."""

import argparse
from dataclasses import asdict, fields
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from hf_gradexplain.arguments import SplitArguments
from hf_gradexplain.cli.inputs import add_model, dataset_of, set_verbosity
from hf_gradexplain.cli.output import Commands, add_format, print_json, print_rows
from hf_gradexplain.options import Options

if TYPE_CHECKING:
    from hf_gradexplain.commands.recommend import Recommendation


def add_parser(commands: Commands) -> None:
    """Add the parser of the command."""
    parser = commands.add_parser(
        "doctor",
        usage="%(prog)s MODEL [--flag value ...]",
        help="check a model before explaining it",
        description="Check how a model can be explained: tokenisation, padding, gradients. With texts, also measure "
        "which method to trust on them, which takes minutes.",
        examples=["MODEL", "MODEL --file texts.txt", "MODEL --dataset_name DATASET --split validation"],
    )
    add_model(parser)
    parser.add_fields(
        Options, skip=[part.name for part in fields(Options) if part.name not in ("problem_type", "seed")]
    )
    parser.add_fields(SplitArguments, skip=["label_column", "label_map"])
    add_format(parser)
    parser.set_defaults(run=run, max_samples=50)


def run(arguments: argparse.Namespace) -> int:
    """Print the checks and, with texts, the comparison of methods."""
    from hf_gradexplain.commands.doctor import diagnose
    from hf_gradexplain.commands.recommend import load_sample, recommend_method

    set_verbosity(arguments.format)
    texts = load_sample(dataset_of(arguments), arguments.seed)
    report, engine = diagnose(
        arguments.model,
        revision=arguments.model_revision,
        trust_remote_code=arguments.trust_remote_code,
        allow_pickle=arguments.allow_pickle,
        problem_type=arguments.problem_type,
    )
    recommendation = None
    if report.ok and engine and texts is not None:
        recommendation = recommend_method(
            engine, texts, arguments.seed, arguments.problem_type, progress=arguments.format != "quiet"
        )
    if arguments.format == "json":
        print_json({**report.to_dict(), **({"recommendation": recommendation.to_dict()} if recommendation else {})})
        return 0 if report.ok else 1
    rows = [asdict(check) for check in report.checks if arguments.format == "human" or check.verdict == "problem"]
    if rows:
        print_rows(rows, arguments.format)
    if recommendation:
        _print_recommendation(recommendation, arguments.format)
    return 0 if report.ok else 1


def _print_recommendation(recommendation: "Recommendation", form: str) -> None:
    if form == "quiet":
        print(recommendation.method or "")
    else:
        console = Console()
        console.print(recommendation.to_table())
        console.print(Text(recommendation.sentence))
