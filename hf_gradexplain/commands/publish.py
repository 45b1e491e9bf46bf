"""Publish the explanations of a finished run as a dataset on the hub."""

import re
import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from hf_gradexplain.attribution.methods import METHODS
from hf_gradexplain.commands.recipe_arguments import EvaluateRecipeArguments, to_replay_yaml
from hf_gradexplain.evaluation.columns import describe_columns
from hf_gradexplain.evaluation.presentation import captions_of, readable_tables
from hf_gradexplain.evaluation.summaries import headline
from hf_gradexplain.files import atomic_write, atomic_write_bytes, atomic_write_text
from hf_gradexplain.hub.provenance import public_name
from hf_gradexplain.hub.push import Destination, Pushed, folder_files, push
from hf_gradexplain.run.folder import document_paths
from hf_gradexplain.run.results import FILES, REPLAY, Run, table_files
from hf_gradexplain.sharing import TextSource, write_shards
from hf_gradexplain.viz.report import render_dataset_card

_STAGING = ".hub."
"""Prefix of the staging folder."""

_NOT_PUBLISHED = ("output_dir", "device", "trust_remote_code", "allow_pickle")
"""Arguments that are not published. `reference_texts` are published only if the texts are."""

REPLACED = ("data/*", "tables/*", "figures/*")
"""Files of an earlier push that a push replaces."""

_SIZES = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M", 10_000_000: "1M<n<10M"}


def publish(run: Run, arguments: EvaluateRecipeArguments, output_dir: Path, destination: Destination) -> Pushed:
    """Turn a run's documents into a dataset, and push it in one commit.

    Raises:
        GradexplainError: The push failed. The run is finished; the same command only pushes again.
    """
    for left_over in output_dir.glob(f"{_STAGING}*"):  # by a killed process
        shutil.rmtree(left_over, ignore_errors=True)
    with TemporaryDirectory(dir=output_dir, prefix=_STAGING) as name:
        write_dataset(run, arguments, output_dir, Path(name), destination.repo_id)
        return push(destination, folder_files(Path(name)), message="Explanations", replaces=REPLACED)


def write_dataset(run: Run, arguments: EvaluateRecipeArguments, output_dir: Path, folder: Path, name: str) -> None:
    """Write a run's documents as a dataset with tables, figures and a card.

    The data is in Parquet files, and the same run gives the same bytes. Texts are included only with
    `arguments.publish_text`; local folders and files are named without their paths.

    Args:
        run: The finished run.
        arguments: The recipe's arguments.
        output_dir: The run's folder, with its documents and figures.
        folder: An empty folder to write to.
        name: The name of the dataset on the hub.
    """
    documents, split = document_paths(output_dir), _split_name(arguments.split)
    source = write_shards(documents, folder / "data", split, _source(run, arguments))
    files = table_files(run)
    for file, table in files.items():
        with atomic_write(folder / "tables" / f"{file}.parquet") as path:
            table.to_parquet(path, index=False)
    captions = captions_of(run.tables, run.extra)
    for file in captions:
        atomic_write_bytes(folder / "figures" / f"{file}.png", (output_dir / "figures" / f"{file}.png").read_bytes())
    atomic_write_text(folder / "run.yaml", public_replay(arguments, run))
    card = render_dataset_card(
        title=f"Explanations of {run.title}",
        metadata=_metadata(run, split, run.tables.document_counts["documents"]),
        name=name,
        split=split,
        headline=headline(run.tables),
        texts=_about_texts(source),
        columns=_frame(["column", "type", "what it is"], _columns(folder, source)),
        methods=_frame(["method", "score of a unit"], _methods(documents[0])),
        files=_frame(["file", "holds"], [(f"tables/{file}.parquet", FILES.get(file, file)) for file in files]),
        facts=run.facts,
        notes=run.notes,
        tables=readable_tables(run.tables, run.extra),
        figures={caption: f"figures/{file}.png" for file, caption in captions.items()},
        replay=REPLAY,
    )
    atomic_write_text(folder / "README.md", card)


def _source(run: Run, arguments: EvaluateRecipeArguments) -> TextSource:
    data = run.provenances.get("dataset")
    return TextSource(
        dataset_name=data.name if data is not None and data.commit is not None else None,
        config=arguments.dataset_config_name,
        split=arguments.split,
        revision=data.commit if data is not None else None,
        text_column=arguments.text_column,
        included=arguments.publish_text,
    )


def public_replay(arguments: EvaluateRecipeArguments, run: Run) -> str:
    """Return the arguments that repeat a run, without local paths, and without texts unless texts are published."""
    without = _NOT_PUBLISHED if arguments.publish_text else (*_NOT_PUBLISHED, "reference_texts")
    return to_replay_yaml(_public_arguments(arguments, run), without=without)


def _public_arguments(arguments: EvaluateRecipeArguments, run: Run) -> EvaluateRecipeArguments:
    """Return the arguments with the commits that were loaded, and without local paths."""
    commits = {part: provenance.commit for part, provenance in run.provenances.items()}
    names = (arguments.model_name_or_path, arguments.dataset_name)
    model, data = (name if name is None else public_name(name) for name in names)
    return replace(
        arguments,
        model_name_or_path=model,
        model_revision=commits.get("model"),
        dataset_name=data,
        dataset_revision=commits.get("dataset"),
    )


def _metadata(run: Run, split: str, documents: int) -> dict[str, Any]:
    """Return the metadata of the card: the data files, and tags for the search. No licence is given."""
    data = run.provenances.get("dataset")
    size = next((name for limit, name in _SIZES.items() if documents < limit), "n>10M")
    metadata: dict[str, Any] = {
        "pretty_name": f"Explanations of {run.title}",
        "task_categories": ["text-classification"],
        "tags": ["explainability", "faithfulness", "feature-attribution", "hf_gradexplain"],
        "size_categories": [size],
        "configs": [{"config_name": "default", "data_files": [{"split": split, "path": f"data/{split}-*.parquet"}]}],
    }
    known = data is not None and data.commit is not None
    return metadata | ({"source_datasets": [data.name]} if known and data is not None else {})


def _about_texts(source: TextSource) -> str:
    """Return what readers have to know about the texts."""
    if source.included:
        return "The texts are part of this dataset; the licence of their original dataset applies to them."
    if source.dataset_name is None:
        return (
            "The texts are not part of this dataset. If you have them, pass them to load_explanations as texts=...: "
            "they are matched by row number and compared with a digest of the explained texts."
        )
    return (
        f"The texts are not part of this dataset: load_explanations fetches them from {source.dataset_name} at the "
        f"commit {source.revision}, matches them by row number and compares them with a digest of the explained texts. "
        "The licence of that dataset applies to them."
    )


_REGISTERED = "a method that was registered for the run"


def _methods(documents: Path) -> list[tuple[str, str]]:
    names = [field.name for field in pq.read_schema(documents).field("scores").type]
    return [(name, METHODS[name].summary if name in METHODS else _REGISTERED) for name in names]


def _frame(columns: list[str], rows: Any) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=columns)


def _columns(folder: Path, source: TextSource) -> list[tuple[str, str, str]]:
    written = pq.read_schema(min((folder / "data").glob("*.parquet")))
    left_out = (
        {}
        if source.included
        else {"units[].text": "null, since the texts are not included; the spans say where the unit is"}
    )
    columns = describe_columns(written)
    return [(name, kind, left_out.get(name, meaning).replace("`", "")) for name, kind, meaning in columns]


def _split_name(split: str) -> str:
    """Return a name for the split, or for a slice of it, that `datasets` accepts."""
    return re.sub(r"\W+", "_", split.partition("[")[0], flags=re.ASCII).strip("_") or "all"
