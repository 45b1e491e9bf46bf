"""Publish the explanations of a finished run as a data set of the hub."""

import re
import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from hf_gradexplain.attribution.methods import METHODS
from hf_gradexplain.commands.evaluate_arguments import EvaluateArguments, to_replay_yaml
from hf_gradexplain.evaluation.columns import describe_columns
from hf_gradexplain.evaluation.read_documents import count_documents
from hf_gradexplain.evaluation.summaries import headline
from hf_gradexplain.files import atomic_write, atomic_write_bytes, atomic_write_text
from hf_gradexplain.hub.provenance import public_name
from hf_gradexplain.hub.push import Destination, Pushed, folder_files, push
from hf_gradexplain.run.folder import document_paths
from hf_gradexplain.run.results import FILES, Run, captions_of, readable_tables, table_files
from hf_gradexplain.sharing import TextSource, write_shards
from hf_gradexplain.viz.report import render_dataset_card

_MAKING = ".hub."
"""How the folder begins, within that of the run, in which a data set is made."""

_ONES_OWN = ("output_dir", "trust_remote_code", "allow_pickle")
"""Arguments that everyone has to decide anew."""

OURS = ("data/*", "tables/*", "figures/*")
"""What a push replaces as a whole."""

_SIZES = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M", 10_000_000: "1M<n<10M"}


def publish(run: Run, arguments: EvaluateArguments, output_dir: Path, destination: Destination) -> Pushed:
    """Make a data set of a run's documents, and push it in one commit.

    Raises:
        GradexplainError: The push failed; the run is finished, and the same command only pushes again.
    """
    for left_over in output_dir.glob(f"{_MAKING}*"):  # of a process that was killed
        shutil.rmtree(left_over, ignore_errors=True)
    with TemporaryDirectory(dir=output_dir, prefix=_MAKING) as name:
        write_dataset(run, arguments, output_dir, Path(name), destination.repo_id)
        return push(destination, folder_files(Path(name)), message="Explanations", replaces=OURS)


def write_dataset(run: Run, arguments: EvaluateArguments, output_dir: Path, folder: Path, name: str) -> None:
    """Write a run's documents as a data set, with its tables, figures and a card.

    It holds script-free Parquet files, and the same run makes the same ones. Texts are in it only if
    `arguments.publish_text` says so; what lies on this machine is named without the path to it.

    Args:
        run: What was run.
        arguments: The recipe's arguments.
        output_dir: The run's folder, with its documents and figures.
        folder: Where to, an empty folder.
        name: What the data set is called on the hub.
    """
    documents, split = document_paths(output_dir), _split_name(arguments.split)
    source = write_shards(documents, folder / "data", split, _source(run, arguments))
    files = table_files(run)
    for file, table in files.items():
        with atomic_write(folder / "tables" / f"{file}.parquet") as path:
            table.to_parquet(path, index=False)
    captions = captions_of(run.tables)
    for file in captions:
        atomic_write_bytes(folder / "figures" / f"{file}.png", (output_dir / "figures" / f"{file}.png").read_bytes())
    atomic_write_text(folder / "run.yaml", to_replay_yaml(_of_anyone(arguments, run), without=_ONES_OWN))
    card = render_dataset_card(
        title=f"Explanations of {run.title}",
        metadata=_metadata(run, split, count_documents(documents)["documents"]),
        name=name,
        split=split,
        headline=headline(run.tables),
        texts=_said_of(source),
        columns=_frame(["column", "type", "what it is"], _columns(folder, source)),
        methods=_frame(["method", "score of a unit"], _methods(documents[0])),
        files=_frame(["file", "holds"], [(f"tables/{file}.parquet", FILES.get(file, file)) for file in files]),
        facts=run.facts,
        notes=run.notes,
        tables=readable_tables(run),
        figures={caption: f"figures/{file}.png" for file, caption in captions.items()},
        replay="python recipes/evaluate.py run.yaml",
    )
    atomic_write_text(folder / "README.md", card)


def _source(run: Run, arguments: EvaluateArguments) -> TextSource:
    data = run.provenances.get("dataset")
    return TextSource(
        dataset_name=data.name if data is not None and data.commit is not None else None,
        config=arguments.dataset_config_name,
        split=arguments.split,
        revision=data.commit if data is not None else None,
        text_column=arguments.text_column,
        included=arguments.publish_text,
    )


def _of_anyone(arguments: EvaluateArguments, run: Run) -> EvaluateArguments:
    """The arguments as they are of use to others: at the commits that were read, and without paths of this machine."""
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
    """What the hub reads: which files are the rows, and what to find the data set by. It has no licence of its own."""
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


def _said_of(source: TextSource) -> str:
    """What a reader has to know of the texts."""
    if source.included:
        return "The texts are part of this data set; what may be done with them, their own data set says."
    if source.dataset_name is None:
        return (
            "The texts are not part of this data set. Whoever has them gives them to load_explanations as texts=...: "
            "they are put back by row number and compared with a digest of those that were explained."
        )
    return (
        f"The texts are not part of this data set: load_explanations fetches them from {source.dataset_name} at the "
        f"commit {source.revision}, puts them back by row number and compares them with a digest of those that were "
        "explained. What may be done with them, their own data set says."
    )


def _methods(documents: Path) -> list[tuple[str, str]]:
    names = [field.name for field in pq.read_schema(documents).field("scores").type]
    return [(name, METHODS[name].summary) for name in names]


def _frame(columns: list[str], rows: Any) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=columns)


def _columns(folder: Path, source: TextSource) -> list[tuple[str, str, str]]:
    written = pq.read_schema(min((folder / "data").glob("*.parquet")))
    left_out = (
        {} if source.included else {"units[].text": "null, since the texts were left out: it stands at its spans"}
    )
    columns = describe_columns(written)
    return [(name, kind, left_out.get(name, meaning).replace("`", "")) for name, kind, meaning in columns]


def _split_name(split: str) -> str:
    """The split, of which a slice may have been explained, by a name that `datasets` takes."""
    return re.sub(r"\W+", "_", split.partition("[")[0], flags=re.ASCII).strip("_") or "all"
