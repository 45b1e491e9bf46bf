"""`hf-gradexplain evidence`: write a page about one decision of a finished run, or verify its JSON file."""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from hf_gradexplain.cli.output import Commands, add_format, print_rows
from hf_gradexplain.commands.parsing import Parser
from hf_gradexplain.errors import GradexplainError, translate_write_errors


def add_parser(commands: Commands) -> None:
    """Add the parser of the command."""
    parser = commands.add_parser(
        "evidence",
        usage="%(prog)s RUN (--id N | --verify FILE) [--flag value ...]",
        help="explain one decision of a finished evaluation on one page",
        description="Explain one decision of a finished evaluation on one page, which is written for the person "
        "concerned and fits on paper. It has the text, the words that counted, how well that is known, and what the "
        "page cannot say. The same content is also written as JSON, with hashes. With --verify, compare such a JSON "
        "file with the run instead. The model is not needed.",
        examples=[
            "outputs/evaluate --id 12",
            'outputs/evaluate --id 12 --method loo --contact "Jane Doe, +1 555 0100"',
            "outputs/evaluate --verify outputs/evaluate/evidence-12.json",
        ],
    )
    _add_flags(parser)
    add_format(parser)
    parser.set_defaults(run=run)


def _add_flags(parser: Parser) -> None:
    """Add the arguments of the command itself."""
    parser.add_argument("folder", type=Path, metavar="RUN", help="The output folder of `hf-gradexplain evaluate`.")
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument("--id", type=int, metavar="N", help="The row number of the text in the dataset.")
    task.add_argument(
        "--verify",
        type=Path,
        metavar="FILE",
        help="A JSON file that this command wrote: compare it with the run, and list which parts agree. The exit code "
        "is 1 if a part differs that must agree.",
    )
    parser.add_argument(
        "--method",
        metavar="METHOD",
        help="The method of the run whose scores are shown. By default the most faithful one, by AOPC(10).",
    )
    parser.add_argument(
        "--contact", default="", help="Whom the person concerned can ask. By default the page has a line to fill in."
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="Write only this file, .html or .json. By default both RUN/evidence-N.html and RUN/evidence-N.json are "
        "written.",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the page, and print a short version with its path; or print which parts of a file agree with the run."""
    return _write(arguments) if arguments.verify is None else _verify(arguments)


def _write(arguments: argparse.Namespace) -> int:
    from hf_gradexplain.run.evidence import evidence, write_evidence

    folder, output = arguments.folder, arguments.output
    if output is not None and output.suffix.lower() not in (".html", ".json"):
        raise GradexplainError(f"--output must be a file that ends in .html or .json, not {output}")
    made = evidence(folder, arguments.id, arguments.method, contact=arguments.contact)
    paths = [folder / f"evidence-{made.id}{end}" for end in (".html", ".json")] if output is None else [output]
    with translate_write_errors(output or folder, instead="FILE with --output" if output else "RUN"):
        for path in paths:
            write_evidence(made, path)
    if arguments.format == "json":
        sys.stdout.write(made.to_json())
    else:
        print(*([made] if arguments.format == "human" else []), paths[0], sep="\n")
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    from hf_gradexplain.run.verify_evidence import verify_evidence

    rows = [asdict(agreement) for agreement in verify_evidence(arguments.verify, arguments.folder)]
    agrees = all(row["verdict"] != "differs" for row in rows)
    shown = [row for row in rows if arguments.format != "quiet" or row["verdict"] == "differs"]
    if shown:
        print_rows(shown, arguments.format)
    if arguments.format == "human":
        agreed = "The file agrees with the run in all parts that must agree."
        print(agreed if agrees else "Some parts differ from this run: see the list.")
    return 0 if agrees else 1
