"""`hf-gradexplain compare`: compare two runs, models or revisions on the same texts."""

import argparse
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from hf_gradexplain.cli.inputs import set_verbosity
from hf_gradexplain.cli.output import Commands, add_format, print_json
from hf_gradexplain.commands.parsing import Parser
from hf_gradexplain.commands.recipe_arguments import EvaluateRecipeArguments, PublishArguments
from hf_gradexplain.errors import translate_write_errors
from hf_gradexplain.files import atomic_write_text
from hf_gradexplain.options.arguments import HubArguments
from hf_gradexplain.viz.sanitize import visible

if TYPE_CHECKING:
    from hf_gradexplain.audit.compare.result import RunComparison
    from hf_gradexplain.audit.compare.thresholds import Check

OWN = ("model_name_or_path", "model_revision", "output_dir", "preset", "streaming", "threads", "dry_run")
"""Arguments of an evaluation that this command sets itself, or does not offer as flags."""


def add_parser(commands: Commands) -> None:
    """Add the parser of the command."""
    parser = commands.add_parser(
        "compare",
        usage="%(prog)s A B [--reference RUN ...] [--flag value ...]",
        help="compare two runs, models or revisions on the same texts",
        description="Compare the predictions and the explanations of two runs over the same texts: accuracy, AOPC, "
        "how far the explanations drifted, which words became more or less important, and which texts are explained "
        "differently.\n\nA and B are output folders of `hf-gradexplain evaluate`. With --dataset_name they can also "
        "be models: hub names, folders or NAME@REVISION. Models are evaluated first, with the flags of `evaluate`.\n\n"
        "The exit code is 1 if a limit of --fail_on does not hold.",
        examples=[
            "outputs/old outputs/new",
            "outputs/old outputs/new --reference outputs/seed1 outputs/seed2 outputs/seed3",
            "MODEL@v1 MODEL@main --dataset_name DATASET --max_samples 500 --fail_on drift=0.2 accuracy=0.01",
        ],
    )
    _add_flags(parser)
    add_format(parser)
    parser.add_fields(EvaluateRecipeArguments, skip=_skipped(), hidden=EvaluateRecipeArguments.HIDDEN)
    parser.set_defaults(run=run)


def _add_flags(parser: Parser) -> None:
    """Add the flags of the command itself."""
    parser.add_argument("a", metavar="A", help="Run folder or model.")
    parser.add_argument("b", metavar="B", help="Run folder or model that is compared with A.")
    group = parser.add_argument_group("Comparison")
    group.add_argument(
        "--reference",
        nargs="+",
        default=[],
        metavar="RUN",
        help="Two or more models that were trained like A with other seeds, or their run folders. They show how far "
        "another seed alone changes the results; without them there is no verdict.",
    )
    group.add_argument(
        "--method",
        metavar="NAME",
        help="Method whose words are compared; by default the one with the highest AOPC in A.",
    )
    group.add_argument(
        "--fail_on",
        nargs="+",
        default=[],
        metavar="LIMIT=X",
        help="Exit with code 1 if a value is above X: drift; accuracy, aopc or naopc (how far they fell); predictions "
        "(the share that differs); words (the number that became more or less important; needs --reference).",
    )
    group.add_argument(
        "--junit", type=Path, metavar="FILE", help="Write the checks of the limits as tests into a JUnit XML file."
    )
    group.add_argument("--markdown", type=Path, metavar="FILE", help="Write a summary in Markdown to this file.")
    group.add_argument(
        "--output_dir",
        type=Path,
        default=Path("outputs/compare"),
        metavar="FOLDER",
        help="Folder for the runs, if A, B or references are models.",
    )


def _skipped() -> list[str]:
    return [*OWN, *(part.name for part in fields(PublishArguments)), *(part.name for part in fields(HubArguments))]


def run(arguments: argparse.Namespace) -> int:
    """Evaluate models, compare, print, and write the files; return 1 if a limit does not hold."""
    from hf_gradexplain.audit.compare.summary import to_markdown
    from hf_gradexplain.audit.compare.thresholds import check, junit_xml
    from hf_gradexplain.commands.compare import run_folders
    from hf_gradexplain.run.compare import compare_runs
    from hf_gradexplain.run.processes import flush_denormals

    limits = _limits(arguments)
    set_verbosity(arguments.format)
    flush_denormals()
    names = [part.name for part in fields(EvaluateRecipeArguments) if part.name not in _skipped()]
    values = {name: getattr(arguments, name) for name in names}
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    a, b, *references = run_folders(arguments.a, arguments.b, arguments.reference, arguments.output_dir, values)
    comparison = compare_runs(a, b, references, arguments.method)
    checks = check(comparison, limits)
    for path, text in (
        (arguments.junit, lambda: junit_xml(comparison, checks)),
        (arguments.markdown, lambda: to_markdown(comparison, checks)),
    ):
        if path is not None:
            with translate_write_errors(path, instead="FILE"):
                atomic_write_text(path, text())
    _print(comparison, checks, arguments.format)
    return int(not all(each.ok for each in checks))


def _limits(arguments: argparse.Namespace) -> dict[str, float]:
    """Return the limits; raise an error for limits that cannot be checked, before models are evaluated."""
    from hf_gradexplain.audit.compare.compare import check_references
    from hf_gradexplain.audit.compare.thresholds import check_needs, parse_limits
    from hf_gradexplain.commands.compare import is_run

    limits, runs = parse_limits(arguments.fail_on), [arguments.a, arguments.b, *arguments.reference]
    check_references(len(arguments.reference))
    naopc = bool(arguments.naopc) or all(map(is_run, runs))  # finished runs record what they measured
    check_needs(limits, references=bool(arguments.reference), naopc=naopc)
    return limits


def _print(comparison: "RunComparison", checks: "list[Check]", form: str) -> None:
    from hf_gradexplain.audit.compare.summary import summary_tables
    from hf_gradexplain.audit.compare.thresholds import checks_frame
    from hf_gradexplain.viz.terminal import summary_table

    if form == "json":
        print_json({**comparison.to_dict(), "checks": checks_frame(checks).to_dict("records")})
    elif form == "quiet":
        print("\n".join(f"FAIL {each.message}" for each in checks if not each.ok) or "pass")
    else:
        console = Console()
        for caption, table in summary_tables(comparison).items():
            console.print(summary_table(table, title=caption))
        for line in [str(comparison), *(f"{'pass' if each.ok else 'FAIL'}: {each.message}" for each in checks)]:
            console.print(Text(visible(line)))
