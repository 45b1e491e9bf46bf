"""The command `hf-gradexplain`: data on standard output, everything else on standard error.

Exit codes: 0 success; 1 an error, in one sentence that says how to fix it, or the doctor found a problem; 2 a wrong
command line.

Modules that need PyTorch are imported inside the commands that use them, so that the other commands answer at once.
"""

import argparse
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from hf_gradexplain import __version__
from hf_gradexplain.attribution.descriptions import DESCRIPTIONS
from hf_gradexplain.commands.parsing import Parser, plain_warnings
from hf_gradexplain.errors import GradexplainError, choose, translate_write_errors
from hf_gradexplain.files import atomic_write_text
from hf_gradexplain.options import AUTO, ExplainOptions, ModelArguments, Options, SplitArguments
from hf_gradexplain.viz.sanitize import json_text, one_line, visible

if TYPE_CHECKING:
    from hf_gradexplain.commands.recommend import Recommendation
    from hf_gradexplain.explanation import Explanation
    from hf_gradexplain.hub.provenance import Provenance

_PLACES = ("dataset_name", "dataset_config_name", "dataset_revision", "split")
"""Flags of datasets with splits, which `explain` does not take: it reads files."""

FORMATS = ("human", "json", "quiet")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    arguments = build_parser().parse_args(argv)
    try:
        with plain_warnings():
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

    explain = commands.add_parser("explain", help="explain one text, or those of a file", allow_abbrev=False)
    explain.add_argument("model", metavar="MODEL", help="hub name or folder of a sequence classifier")
    explain.add_argument("text", metavar="TEXT", nargs="?", help="the text; - reads it from standard input")
    explain.add_argument("--pair", metavar="TEXT", help="the second text of a pair")
    explain.add_argument(
        "--label", type=_label, metavar="CLASS", help="id or name of the class to explain (default: the predicted one)"
    )
    explain.add_argument("--html", type=Path, metavar="FILE", help="also write the explanation as an HTML page")
    explain.add_fields(Options)
    explain.add_fields(SplitArguments, skip=_PLACES)
    explain.set_defaults(command=_explain)

    doctor = commands.add_parser("doctor", help="check a model before explaining it", allow_abbrev=False)
    doctor.add_argument("model", metavar="MODEL", help="hub name or folder of a sequence classifier")
    doctor.add_fields(SplitArguments, skip=["label_column", "label_map"])
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
    if (arguments.text is None) == (arguments.file is None) or (arguments.file and arguments.pair):
        raise GradexplainError("give either a TEXT, with or without a --pair, or a --file")
    options = {name: getattr(arguments, name) for name in ExplainOptions.__annotations__}
    labelled = arguments.file is not None and arguments.label is None and arguments.target == "label"
    if arguments.label is not None:
        options["target"] = "label"
    if arguments.format == "quiet" and arguments.html is None:
        options |= {"self_check": False}  # nothing shows it

    from hf_gradexplain.commands.explain import load_rows, texts_and_labels, warn_of_file_names
    from hf_gradexplain.explain import Explainer

    rows = None
    if arguments.file is not None:
        rows, _ = load_rows(_dataset(arguments), labelled=labelled, seed=arguments.seed)
    explainer = Explainer.from_pretrained(
        arguments.model,
        revision=arguments.model_revision,
        trust_remote_code=arguments.trust_remote_code,
        allow_pickle=arguments.allow_pickle,
    )
    texts, labels = arguments.text, arguments.label
    if rows is not None:
        texts, of_rows = texts_and_labels(rows, explainer, arguments.label_map)
        labels = of_rows if labelled else labels
    else:
        warn_of_file_names([texts])
        text = sys.stdin.read() if texts == "-" else texts
        texts = text if arguments.pair is None else (text, arguments.pair)
    explained = explainer(texts, arguments.methods, arguments.unit, labels, **options)
    _write_explanations(explained, explainer.provenances, arguments)


def _write_explanations(
    explained: "Explanation | list[Explanation]", provenances: "Mapping[str, Provenance]", arguments: argparse.Namespace
) -> None:
    """Write the explanation of a text, or a list of those of a file, in the chosen format."""
    from hf_gradexplain.hub.provenance import commits
    from hf_gradexplain.viz.report import render_report

    explanations = explained if isinstance(explained, list) else [explained]
    if arguments.html is not None:
        pages = [each.to_html(method) for each in explanations for method in each.scores]
        page = render_report(title="Explanation", facts={}, tables={}, figures={}, explanations=pages)
        with translate_write_errors(arguments.html, instead="FILE with --html"):
            atomic_write_text(arguments.html, page)
    if arguments.format == "json":
        records = [{**each.to_dict(), "commits": commits(provenances)} for each in explanations]
        _print_json(records if isinstance(explained, list) else records[0])
    elif arguments.format == "quiet":
        for number, each in enumerate(explanations):
            print(end="\n" if number else "")
            for row in each.to_frame().drop(columns=["start", "end"]).itertuples(index=False):
                print(one_line(row[0]), *row[1:], sep="\t")
    else:
        for each in explanations:
            for method in each.scores:
                each.show(method)


def _dataset(arguments: argparse.Namespace) -> SplitArguments:
    """The arguments of a dataset or a file that a command takes; the defaults for the others."""
    names = [part.name for part in fields(SplitArguments) if hasattr(arguments, part.name)]
    return SplitArguments(**{name: getattr(arguments, name) for name in names})


def _label(value: str) -> int | str:
    """The id or the name of a class."""
    return int(value) if value.removeprefix("-").isdecimal() else value


def _doctor(arguments: argparse.Namespace) -> int:
    from hf_gradexplain.commands.doctor import diagnose
    from hf_gradexplain.commands.recommend import load_sample, recommend_method

    texts = load_sample(_dataset(arguments))
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
