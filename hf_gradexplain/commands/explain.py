"""Explain texts, and write them as JSON lines and as a page."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from datasets import Dataset

from hf_gradexplain.commands.class_labels import hint_at_predicted_classes, to_classes
from hf_gradexplain.commands.recipe_arguments import ExplainRecipeArguments, to_replay_yaml
from hf_gradexplain.commands.run_options import options_of
from hf_gradexplain.corpus import load_texts
from hf_gradexplain.corpus.open_dataset import names_file
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.errors import translate_write_errors
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.files import atomic_write_text, check_folder
from hf_gradexplain.hub.provenance import Provenance, commits, resolve
from hf_gradexplain.options import Options
from hf_gradexplain.options.arguments import SplitArguments, load_options
from hf_gradexplain.text.texts import Text, texts_of
from hf_gradexplain.viz.report import render_report
from hf_gradexplain.viz.sanitize import json_text
from hf_gradexplain.viz.tables import counted
from hf_gradexplain.viz.terminal import say


def run_explanation(arguments: ExplainRecipeArguments) -> list[Explanation]:
    """Explain texts, and write `explanations.jsonl`, `explanations.html` and `run.yaml` to `output_dir`.

    Returns:
        One explanation per text.

    Raises:
        GradexplainError: The texts or the model cannot be loaded, an option cannot be used, or `output_dir` cannot be
            written to.
    """
    with translate_write_errors(arguments.output_dir, instead="--output_dir"):
        check_folder(Path(arguments.output_dir))
        return _explain(arguments, options_of(arguments))


def _explain(arguments: ExplainRecipeArguments, options: Options) -> list[Explanation]:
    data: dict[str, Provenance] = {}
    if arguments.texts:
        warn_of_file_names(arguments.texts)
        rows = Dataset.from_dict({"text": arguments.texts})
    else:
        rows, data = load_rows(arguments, labelled=arguments.target == "label", seed=arguments.seed)
    engine = AttributionEngine.from_pretrained(arguments.model_name_or_path, **load_options(arguments))
    texts, labels = texts_and_labels(rows, engine, arguments.label_map)
    if options.self_check is None:
        options = replace(options, self_check=len(texts) == 1)
    explanations = engine.explanations(texts, options, labels)
    methods = engine.resolve(options).methods
    folder, commit_of = Path(arguments.output_dir), commits({**engine.provenances, **data})
    lines = (json_text({**explanation.to_dict(), "commits": commit_of}) for explanation in explanations)
    atomic_write_text(folder / "explanations.jsonl", "".join(f"{line}\n" for line in lines))
    page = render_report(
        title=f"{Path(arguments.model_name_or_path).name}: {counted(len(texts), 'text')} explained",
        facts={
            "Methods": ", ".join(methods),
            "Unit": options.unit,
            "Objective": options.objective,
            **({} if options.against is None else {"Against": str(options.against)}),
            **{f"Commit of the {part}": commit for part, commit in commit_of.items()},
        },
        tables={},
        figures={},
        explanations=[explanation.to_html() for explanation in explanations],
    )
    atomic_write_text(folder / "explanations.html", page)
    atomic_write_text(folder / "run.yaml", to_replay_yaml(arguments))
    say(f"{counted(len(texts), 'text')} explained: {folder / 'explanations.html'}")
    return explanations


def load_rows(dataset: SplitArguments, *, labelled: bool, seed: int) -> tuple[Dataset, dict[str, Provenance]]:
    """Return the texts of a dataset or a file, with their labels if `labelled`, and where they were loaded from."""
    data = resolve(str(dataset.dataset_name), dataset.dataset_revision, "dataset")
    with hint_at_predicted_classes():
        rows = load_texts(
            data.name,
            config=dataset.dataset_config_name,
            split=dataset.split,
            text_column=dataset.text_column,
            label_column=dataset.label_column if labelled else None,
            conversations=True,
            revision=data.commit,
            max_samples=dataset.max_samples,
            seed=seed,
        )
    return rows, {"dataset": data}


def texts_and_labels(
    rows: Dataset, engine: AttributionEngine, label_map: str | None
) -> tuple[list[Text], list[int] | None]:
    """Return the texts or text pairs, and their labels as classes of the model; None without labels."""
    rows, note = to_classes(rows, engine.class_names, label_map)
    if note:
        say(note)
    columns = rows.to_dict()
    return texts_of(columns), columns.get("label")


def warn_of_file_names(texts: Iterable[str]) -> None:
    """Warn on standard error about texts that are names of text files: the name is explained, not the file."""
    for text in filter(names_file, texts):
        say(f"{text!r} is explained as a text; to explain the texts in this file, give --file {text}")
