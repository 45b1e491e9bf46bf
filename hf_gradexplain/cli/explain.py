"""`hf-gradexplain explain`: explain one text, or the texts of a file or a dataset."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hf_gradexplain.attribution.descriptions import DESCRIPTIONS
from hf_gradexplain.cli.inputs import add_model, dataset_of, set_verbosity
from hf_gradexplain.cli.output import Commands, add_format, print_json
from hf_gradexplain.cli.zero_shot import call_arguments, zero_shot_arguments
from hf_gradexplain.errors import GradexplainError, choose, translate_write_errors
from hf_gradexplain.files import atomic_write_text
from hf_gradexplain.options import AUTO, Options
from hf_gradexplain.options.arguments import SplitArguments, ZeroShotArguments, load_options
from hf_gradexplain.options.classes import TARGETS
from hf_gradexplain.options.signatures import ExplainOptions
from hf_gradexplain.viz.sanitize import json_text, one_line

if TYPE_CHECKING:
    from datasets import Dataset

    from hf_gradexplain.explanation import Explanation
    from hf_gradexplain.hub.provenance import Provenance
    from hf_gradexplain.interactions import Interactions
    from hf_gradexplain.text.texts import Text

SAMPLES = 20
"""The number of texts of a dataset that are explained by default."""


def add_parser(commands: Commands) -> None:
    """Add the parser of the command."""
    parser = commands.add_parser(
        "explain",
        usage="%(prog)s MODEL [TEXT] [--flag value ...]",
        help="explain one text, or the texts of a file or a dataset",
        description="Show which words drove the prediction of a text classifier. A positive score supports the "
        "explained class, a negative score opposes it.",
        examples=[
            'MODEL "A thoughtful, gripping film."',
            'MODEL "A thoughtful, gripping film." --label POSITIVE --methods attn_lrp loo',
            'MODEL "A thoughtful, gripping film." --target POSITIVE --against runner_up',
            'MODEL "A thoughtful, gripping film." --interactions',
            'NLI_MODEL "A thoughtful, gripping film." --candidate_labels cinema cooking "good music"',
            "MODEL --file reviews.csv --text_column review --format jsonl > explanations.jsonl",
            "MODEL --dataset_name DATASET --max_samples 10 --format html > explanations.html",
            "MODEL - < text.txt            # the whole input is one text",
            "MODEL --file - < texts.txt    # one text per line",
        ],
    )
    add_model(parser)
    parser.add_argument("text", metavar="TEXT", nargs="?", help="The text; - reads it from standard input.")
    texts = parser.add_argument_group("Text")
    texts.add_argument("--pair", metavar="TEXT", help="The second text of a pair.")
    texts.add_argument(
        "--label",
        metavar="CLASS",
        help="Id or name of the class to explain; by default the predicted one.",
    )
    texts.add_argument(
        "--interactions",
        action="store_true",
        help="Also find words of TEXT that work together, among the words with the largest |score|.",
    )
    parser.add_fields(ZeroShotArguments)
    parser.add_fields(SplitArguments)
    parser.add_fields(Options)
    output = add_format(parser, more=("jsonl", "html"))
    output.add_argument("--html", type=Path, metavar="FILE", help="Also write the explanations as an HTML page.")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Explain, and write the explanations in the chosen format."""
    options, zero_shot = _options(arguments), zero_shot_arguments(arguments)
    set_verbosity(arguments.format)

    from hf_gradexplain.commands.explain import texts_and_labels
    from hf_gradexplain.commands.zero_shot import load_zero_shot
    from hf_gradexplain.explainer import Explainer

    rows, data = _load_rows(arguments)
    load: Any = Explainer.from_pretrained if zero_shot is None else load_zero_shot
    explainer = load(arguments.model, **load_options(arguments))
    texts, labels = (
        (_read_text(arguments), None) if rows is None else texts_and_labels(rows, explainer, arguments.label_map)
    )
    if zero_shot is not None:
        options |= {**call_arguments(zero_shot), "methods": arguments.methods, "unit": arguments.unit}
        explained = explainer(texts, **options)
    else:
        labels = labels if arguments.label is None else arguments.label
        explain = explainer.interactions if arguments.interactions else explainer
        explained = explain(texts, arguments.methods, arguments.unit, labels, **options)
    _write(explained, {**explainer.provenances, **data}, arguments)


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Check the arguments that need no model, and return the keyword arguments of the explainer."""
    for name in arguments.methods:
        choose("method", name, (AUTO, *DESCRIPTIONS))
    given = (arguments.text, arguments.file, arguments.dataset_name)
    if given.count(None) != 2 or (arguments.pair is not None and arguments.text is None):
        raise GradexplainError("give exactly one of TEXT (with or without --pair), --file and --dataset_name")
    if arguments.interactions and arguments.text is None:
        raise GradexplainError("--interactions explains a single text: give TEXT")
    options = {name: getattr(arguments, name) for name in ExplainOptions.__annotations__}
    if arguments.label is not None:
        if arguments.target not in TARGETS:
            raise GradexplainError("--label and --target both name the class to explain: give one of them")
        if arguments.target != "all":  # `all` explains all classes, and stores the label
            options["target"] = "label"
    if arguments.format == "quiet" and arguments.html is None:
        options["self_check"] = False  # this output does not show it
    return options


def _read_text(arguments: argparse.Namespace) -> "Text":
    """Return the text, or the pair of texts, of the command line or of standard input."""
    from hf_gradexplain.commands.explain import warn_of_file_names

    warn_of_file_names([arguments.text])
    text = sys.stdin.read() if arguments.text == "-" else arguments.text
    return text if arguments.pair is None else (text, arguments.pair)


def _load_rows(arguments: argparse.Namespace) -> "tuple[Dataset | None, dict[str, Provenance]]":
    """Return the texts of a dataset, a file, or the lines of standard input, and where they come from.

    There are no rows if TEXT is given.
    """
    from datasets import Dataset

    from hf_gradexplain.commands.explain import load_rows

    if arguments.text is not None:
        return None, {}
    if arguments.file == "-":
        lines = [line.rstrip("\n") for line in sys.stdin if line.strip()]
        if not lines:
            raise GradexplainError("there is no text on standard input: write one text per line")
        return Dataset.from_dict({"text": lines}), {}
    if arguments.dataset_name is not None and arguments.max_samples is None:
        arguments.max_samples = SAMPLES
    labelled = arguments.label is None and arguments.target == "label"
    return load_rows(dataset_of(arguments), labelled=labelled, seed=arguments.seed)


def _write(
    explained: "Explanation | Interactions | list[Explanation]",
    provenances: "dict[str, Provenance]",
    arguments: argparse.Namespace,
) -> None:
    """Write the explanation of a text, or the explanations of a dataset, in the chosen format."""
    from hf_gradexplain.hub.provenance import commits

    explanations: list[Any] = explained if isinstance(explained, list) else [explained]
    if arguments.html is not None:
        with translate_write_errors(arguments.html, instead="FILE with --html"):
            atomic_write_text(arguments.html, _page(explanations))
    if arguments.format == "html":
        print(_page(explanations), end="")
    elif arguments.format in ("json", "jsonl"):
        records = [{**each.to_dict(), "commits": commits(provenances)} for each in explanations]
        if arguments.format == "json":
            print_json(records if isinstance(explained, list) else records[0])
        else:
            print("\n".join(map(json_text, records)))
    elif arguments.format == "quiet":
        for number, each in enumerate(explanations):
            print(end="\n" if number else "")
            frame = each.to_frame()
            more = [name for name in frame.columns if name.startswith(("start", "end")) or name.endswith("_error")]
            shown = frame.drop(columns=more)
            for row in shown.itertuples(index=False):
                print(*(one_line(cell) if isinstance(cell, str) else cell for cell in row), sep="\t")
    else:
        for each in explanations:
            each.show()


def _page(explanations: "Sequence[Explanation | Interactions]") -> str:
    """Return the explanations as one HTML page."""
    from hf_gradexplain.viz.report import render_report

    pages = [each.to_html() for each in explanations]
    return render_report(title="Explanation", facts={}, tables={}, figures={}, explanations=pages)
