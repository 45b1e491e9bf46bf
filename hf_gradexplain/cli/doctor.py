"""`hf-gradexplain doctor`: check a model, and measure which method to trust on texts."""

import argparse
from dataclasses import asdict, fields
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from hf_gradexplain.cli.inputs import add_model, dataset_of, set_verbosity
from hf_gradexplain.cli.output import Commands, add_format, print_json, print_rows
from hf_gradexplain.options import Options
from hf_gradexplain.options.arguments import SplitArguments, load_options

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
        examples=["MODEL", "MODEL --file texts.txt", "MODEL --dataset_name DATASET --split validation --full"],
    )
    add_model(parser)
    parser.add_fields(
        Options, skip=[part.name for part in fields(Options) if part.name not in ("problem_type", "seed")]
    )
    parser.add_fields(SplitArguments, skip=["label_column", "label_map"])
    add_format(parser).add_argument(
        "--full",
        action="store_true",
        help="Also check that explanations change when the model's parameters are random. This takes minutes, or "
        "longer with many texts. Without texts, a few English sentences are explained.",
    )
    parser.set_defaults(run=run, max_samples=50)


def run(arguments: argparse.Namespace) -> int:
    """Print the checks and, with texts, the comparison of methods."""
    from hf_gradexplain.commands.doctor import diagnose
    from hf_gradexplain.commands.recommend import load_sample, recommend_method
    from hf_gradexplain.commands.sanity import check_methods

    set_verbosity(arguments.format)
    texts = load_sample(dataset_of(arguments), arguments.seed)
    report, engine = diagnose(arguments.model, arguments.problem_type, **load_options(arguments))
    recommendation, sanity, progress = None, None, arguments.format != "quiet"
    if report.ok and engine and texts is not None:
        recommendation = recommend_method(engine, texts, arguments.seed, arguments.problem_type, progress=progress)
    if report.ok and engine and arguments.full:
        sanity = check_methods(engine, texts, arguments.seed, arguments.problem_type, progress=progress)
    if arguments.format == "json":
        more = {"recommendation": recommendation, "sanity": sanity}
        print_json({**report.to_dict(), **{name: result.to_dict() for name, result in more.items() if result}})
        return 0 if report.ok else 1
    checks = (*report.checks, *(sanity.report() if sanity else ()))
    rows = [asdict(check) for check in checks if arguments.format == "human" or check.verdict == "problem"]
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
