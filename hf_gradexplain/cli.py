"""The command `hf-gradexplain`: data on standard output, everything else on standard error.

Exit codes: 0 success; 1 an error, in one sentence that says how to fix it, or the doctor found a problem; 2 a wrong
command line.

Modules that need PyTorch are imported inside the commands that use them, so that the other commands answer at once.
"""

import argparse
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from hf_gradexplain import __version__
from hf_gradexplain.attribution.descriptions import DESCRIPTIONS
from hf_gradexplain.commands.parsing import Parser
from hf_gradexplain.errors import GradexplainError, choose, translate_write_errors
from hf_gradexplain.files import atomic_write_text
from hf_gradexplain.options import AUTO, ExplainOptions, ModelArguments, Options, SplitArguments
from hf_gradexplain.viz.sanitize import json_text, one_line, visible

if TYPE_CHECKING:
    from hf_gradexplain.commands.recommend import Recommendation

FORMATS = ("human", "json", "quiet")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    arguments = build_parser().parse_args(argv)
    try:
        return arguments.command(arguments) or 0
    except GradexplainError as error:
        print(f"hf-gradexplain: {visible(str(error))}", file=sys.stderr)
        return 1


def build_parser() -> Parser:
    """Return the parser of the command line; flags for options come from `hf_gradexplain.options`."""
    parser = Parser(
        prog="hf-gradexplain", description="Which words drove a text classifier's prediction?", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, dest="command_name", metavar="COMMAND")

    explain = commands.add_parser("explain", help="explain one text", allow_abbrev=False)
    explain.add_argument("model", metavar="MODEL", help="hub name or folder of a sequence classifier")
    explain.add_argument("text", metavar="TEXT", help="the text; - reads it from standard input")
    explain.add_argument("--pair", metavar="TEXT", help="the second text of a pair")
    explain.add_argument(
        "--label", type=_label, metavar="CLASS", help="id or name of the class to explain (default: the predicted one)"
    )
    explain.add_argument("--html", type=Path, metavar="FILE", help="also write the explanation as an HTML page")
    explain.add_fields(Options)
    explain.set_defaults(command=_explain)

    doctor = commands.add_parser("doctor", help="check a model before explaining it", allow_abbrev=False)
    doctor.add_argument("model", metavar="MODEL", help="hub name or folder of a sequence classifier")
    doctor.add_argument(
        "--file", type=Path, metavar="FILE", help="text file with one text per line, to measure the methods on"
    )
    doctor.add_fields(SplitArguments, skip=["label_column"])
    doctor.set_defaults(command=_doctor, max_samples=50)
    for command in (explain, doctor):
        command.add_fields(ModelArguments, skip=["model_name_or_path"])

    commands.add_parser("methods", help="list the methods").set_defaults(command=_methods)
    commands.add_parser("env", help="print versions and devices, for a bug report").set_defaults(command=_env)
    for command in commands.choices.values():
        command.add_argument("--format", choices=FORMATS, default="human", help="output format (default: %(default)s)")
    return parser


def _explain(arguments: argparse.Namespace) -> None:
    for name in arguments.methods:
        choose("method", name, (AUTO, *DESCRIPTIONS))
    options = {name: getattr(arguments, name) for name in ExplainOptions.__annotations__}
    if arguments.label is not None:
        options["target"] = "label"
    if arguments.format == "quiet" and arguments.html is None:
        options |= {"self_check": False}  # nothing shows it

    from hf_gradexplain.explain import Explainer
    from hf_gradexplain.hub.provenance import commits
    from hf_gradexplain.viz.report import render_report

    text = sys.stdin.read() if arguments.text == "-" else arguments.text
    explainer = Explainer.from_pretrained(
        arguments.model,
        revision=arguments.model_revision,
        trust_remote_code=arguments.trust_remote_code,
        allow_pickle=arguments.allow_pickle,
    )
    explanation = explainer(
        text if arguments.pair is None else (text, arguments.pair),
        arguments.methods,
        arguments.unit,
        arguments.label,
        **options,
    )
    if arguments.html is not None:
        pages = [explanation.to_html(method) for method in explanation.scores]
        page = render_report(title="Explanation", facts={}, tables={}, figures={}, explanations=pages)
        with translate_write_errors(arguments.html, instead="FILE with --html"):
            atomic_write_text(arguments.html, page)
    if arguments.format == "json":
        _print_json({**explanation.to_dict(), "commits": commits(explainer.provenances)})
    elif arguments.format == "quiet":
        for row in explanation.to_frame().drop(columns=["start", "end"]).itertuples(index=False):
            print(one_line(row[0]), *row[1:], sep="\t")
    else:
        for method in explanation.scores:
            explanation.show(method)


def _label(value: str) -> int | str:
    """The id or the name of a class."""
    return int(value) if value.removeprefix("-").isdecimal() else value


def _doctor(arguments: argparse.Namespace) -> int:
    from hf_gradexplain.commands.doctor import diagnose
    from hf_gradexplain.commands.recommend import load_sample, recommend_method

    names = [part.name for part in fields(SplitArguments) if hasattr(arguments, part.name)]
    texts = load_sample(SplitArguments(**{name: getattr(arguments, name) for name in names}), arguments.file)
    report, engine = diagnose(
        arguments.model,
        revision=arguments.model_revision,
        trust_remote_code=arguments.trust_remote_code,
        allow_pickle=arguments.allow_pickle,
    )
    recommendation = recommend_method(engine, texts) if report.ok and engine and texts is not None else None
    if arguments.format == "json":
        _print_json({**report.to_dict(), **({"recommendation": recommendation.to_dict()} if recommendation else {})})
        return 0 if report.ok else 1
    rows = [asdict(check) for check in report.checks if arguments.format == "human" or check.verdict == "problem"]
    if rows:
        _print_rows(rows, arguments.format)
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


def _methods(arguments: argparse.Namespace) -> None:
    rows = [{"method": name, **description._asdict()} for name, description in DESCRIPTIONS.items()]
    _print_rows(rows, arguments.format)


def _env(arguments: argparse.Namespace) -> None:
    import torch

    from hf_gradexplain.run.fingerprints import versions

    device = f"cuda: {torch.cuda.get_device_name()}" if torch.cuda.is_available() else "cpu"
    environment = {**versions(), "platform": platform.platform(), "device": device}
    if arguments.format == "json":
        _print_json(environment)
    else:
        width = max(map(len, environment)) if arguments.format == "human" else 0
        print("\n".join(f"{name:<{width}} {value}" for name, value in environment.items()))


def _print_rows(rows: list[dict[str, Any]], form: str) -> None:
    if form == "json":
        _print_json(rows)
    elif form == "quiet":
        print("\n".join(str(next(iter(row.values()))) for row in rows))
    else:
        columns = [Column(name, overflow="fold") for name in rows[0]]
        table = Table(*columns, box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
        for row in rows:
            table.add_row(*(Text(one_line(str(value))) for value in row.values()))
        Console().print(table)


def _print_json(value: Any) -> None:
    print(json_text(value, indent=2))
