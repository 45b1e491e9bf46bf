"""The command `hf-gradexplain`: data on standard output, everything else on standard error.

Exit codes: 0 done; 1 it could not be done, and one sentence says why and names the mend, or the doctor found a problem;
2 the command line is wrong.

Modules that need PyTorch are imported inside the commands that use them, so that the other commands answer at once.
"""

import argparse
import json
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from hf_gradexplain import __version__
from hf_gradexplain.attribution.descriptions import DESCRIPTIONS
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.files import atomic_write_text
from hf_gradexplain.viz.sanitize import one_line

FORMATS = ("human", "json", "quiet")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    arguments = _parser().parse_args(argv)
    try:
        return arguments.command(arguments) or 0
    except GradexplainError as error:
        print(f"hf-gradexplain: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hf-gradexplain", description="Which words made a text classifier decide so?", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    one = commands.add_parser("explain", help="explain one text", allow_abbrev=False)
    one.add_argument("model", metavar="MODEL", help="hub name or folder of a sequence classifier")
    one.add_argument("text", metavar="TEXT", help="the text; - reads it from standard input")
    one.add_argument("--pair", metavar="TEXT", help="the second text of a pair")
    one.add_argument("--methods", nargs="+", default=["signed_gi"], metavar="NAME", help=f"{', '.join(DESCRIPTIONS)}")
    one.add_argument("--unit", default="word", help="token, word or word_type (default: %(default)s)")
    one.add_argument("--objective", default="loss", help="loss, logit or prob (default: %(default)s)")
    one.add_argument("--baseline", default="zero", help="zero, pad, mask, unk or mean (default: %(default)s)")
    one.add_argument("--label", type=int, help="class to explain (default: the predicted one)")
    one.add_argument("--html", type=Path, metavar="FILE", help="write the explanation as HTML as well")
    one.add_argument("--seed", type=int, default=0, help="what every random draw starts from (default: 0)")
    one.set_defaults(command=_explain)

    doctor = commands.add_parser("doctor", help="look a model over before explaining it", allow_abbrev=False)
    doctor.add_argument("model", metavar="MODEL", help="hub name or folder of a sequence classifier")
    doctor.set_defaults(command=_doctor)
    for command in (one, doctor):
        command.add_argument("--revision", metavar="NAME", help="branch, tag or commit of the model")
        command.add_argument("--trust_remote_code", action="store_true", help="run code that its repository ships")
        command.add_argument("--allow_pickle", action="store_true", help="read pickled weights (.bin)")

    commands.add_parser("methods", help="list the methods").set_defaults(command=_methods)
    commands.add_parser("env", help="versions and devices, for a bug report").set_defaults(command=_env)
    for command in commands.choices.values():
        command.add_argument("--format", choices=FORMATS, default="human", help="(default: %(default)s)")
    return parser


def _explain(arguments: argparse.Namespace) -> None:
    from hf_gradexplain.explain import Explainer
    from hf_gradexplain.hub.provenance import commits
    from hf_gradexplain.viz.report import render_report

    text = sys.stdin.read() if arguments.text == "-" else arguments.text
    read = text if arguments.pair is None else (text, arguments.pair)
    explainer = Explainer.from_pretrained(
        arguments.model,
        revision=arguments.revision,
        trust_remote_code=arguments.trust_remote_code,
        allow_pickle=arguments.allow_pickle,
    )
    explanation = explainer(
        read,
        arguments.methods,
        arguments.unit,
        arguments.label,
        objective=arguments.objective,
        seed=arguments.seed,
        baseline=arguments.baseline,
    )
    if arguments.html is not None:
        pages = [explanation.to_html(method) for method in explanation.scores]
        atomic_write_text(
            arguments.html, render_report(title="Explanation", facts={}, tables={}, figures={}, explanations=pages)
        )
    if arguments.format == "json":
        _print_json({**explanation.to_dict(), "commits": commits(explainer.provenances)})
    elif arguments.format == "quiet":
        for row in explanation.to_frame().drop(columns=["start", "end"]).itertuples(index=False):
            print(one_line(row[0]), *row[1:], sep="\t")
    else:
        for method in explanation.scores:
            explanation.show(method)


def _doctor(arguments: argparse.Namespace) -> int:
    from hf_gradexplain.commands.doctor import run_doctor

    report = run_doctor(
        arguments.model,
        revision=arguments.revision,
        trust_remote_code=arguments.trust_remote_code,
        allow_pickle=arguments.allow_pickle,
    )
    if arguments.format == "json":
        _print_json(report.to_dict())
    else:
        rows = [asdict(check) for check in report.checks if arguments.format == "human" or check.verdict == "problem"]
        _print_rows(rows, arguments.format)
    return 0 if report.ok else 1


def _methods(arguments: argparse.Namespace) -> None:
    _print_rows([{"method": name, **of._asdict()} for name, of in DESCRIPTIONS.items()], arguments.format)


def _env(arguments: argparse.Namespace) -> None:
    import torch

    from hf_gradexplain.run.fingerprints import versions

    device = f"cuda: {torch.cuda.get_device_name()}" if torch.cuda.is_available() else "cpu"
    found = {**versions(), "platform": platform.platform(), "device": device}
    if arguments.format == "json":
        _print_json(found)
    else:
        width = max(map(len, found)) if arguments.format == "human" else 0
        print("\n".join(f"{name:<{width}} {value}" for name, value in found.items()))


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
    print(json.dumps(value, ensure_ascii=False, indent=2))
