"""The evidence for one decision of a run: its text and scores, what the run measured, and hashes."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from hf_gradexplain.audit.evidence.evidence import DATE, Evidence, RunRecord, make_evidence
from hf_gradexplain.audit.evidence.measured import accuracy
from hf_gradexplain.audit.most_faithful import most_faithful
from hf_gradexplain.errors import GradexplainError, choose
from hf_gradexplain.evaluation.documents import EvaluatedDocument, open_documents, read_left_out, read_rows
from hf_gradexplain.evaluation.tables import Tables
from hf_gradexplain.files import atomic_write_text
from hf_gradexplain.run.evaluation import Evaluation
from hf_gradexplain.run.fingerprints import versions
from hf_gradexplain.run.finished_files import SUMS
from hf_gradexplain.run.finished_run import open_run
from hf_gradexplain.viz.sanitize import one_line

FILES = ("results.json", "run.yaml", SUMS)
"""Files of a run that contain times and paths, and therefore differ from run to run."""

FINGERPRINTS = {
    "texts": "all texts of the run",
    "model weights": "model weights",
    "model configuration": "model configuration",
    "tokenizer": "tokenizer",
}
"""The inputs of a run that are hashes, and their names on the page."""

SOFTWARE = ("hf_gradexplain", "torch", "transformers", "device", "threads")
"""The inputs of a run that name its software and hardware."""


NO_DATE = "not recorded"
"""The date of runs of earlier versions, which recorded none. File dates are no substitute: copying changes them."""


@dataclass(frozen=True, eq=False)
class _Source:
    """The files and results that evidence is made from."""

    documents: Sequence[Path]
    tables: Tables
    title: str
    facts: Mapping[str, str]
    inputs: Mapping[str, Any]
    notes: Sequence[str]
    versions: Mapping[str, str]
    finished: str
    folder: Path | None


def evidence(
    run: str | PathLike[str] | Evaluation, id: int, method: str | None = None, *, contact: str = ""
) -> Evidence:
    """Return the evidence for one decision of a finished run, as a page (`.to_html()`) or as JSON (`.to_json()`).

    The page says what the model decided, which words counted, how certain that is, and what the explanation cannot say.
    It has hashes that a third party can recompute. The model does not run again: all numbers come from the run.

    Args:
        run: The output folder of `hf-gradexplain evaluate`, or what `Explainer.evaluate` returned. If the evaluation
            had no `output_dir`, the hashes of the model and of the data are missing.
        id: The row number of the text in the dataset, which is also the column `id` of the documents.
        method: The method whose scores decide which words counted; by default the most faithful method of the run, by
            AOPC(10), among those whose scores have a sign.
        contact: Whom the person concerned can ask, which the page shows. If empty, the page has a line to fill in by
            hand.

    Raises:
        GradexplainError: The folder is not the output folder of a finished run, the run has no such text or method, or
            one of its files was damaged or changed.

    Example:
        >>> import hf_gradexplain  # doctest: +SKIP
        >>> page = hf_gradexplain.evidence("outputs/evaluate", 12).to_html()  # doctest: +SKIP
    """
    source = _of_evaluation(run) if isinstance(run, Evaluation) else _of_folder(Path(run))
    path, row = _find(source.documents, id)
    document = EvaluatedDocument.from_row(row)
    methods = list(document.explanation.scores)
    method = most_faithful(source.documents, methods) if method is None else choose("method", method, methods)
    fingerprints = {name: source.inputs[key] for key, name in FINGERPRINTS.items() if _is_hash(source.inputs.get(key))}
    return make_evidence(
        document,
        method,
        source.tables,
        _record(source, document),
        hashes={**hash_document(path, row), **fingerprints},
        this_run={DATE: source.finished or NO_DATE, **_hash_files(source.folder)},
        contact=contact,
    )


def write_evidence(made: Evidence, path: Path) -> None:
    """Write evidence to a file: as JSON if its name ends in `.json`, else as a page."""
    atomic_write_text(path, made.to_json() if path.suffix.lower() == ".json" else made.to_html())


def hash_document(path: Path, row: Mapping[str, Any]) -> dict[str, str]:
    """Return the SHA-256 of a text, of its row, and of the document file with the row.

    Args:
        path: The document file.
        row: The row as it is in the file; `class_names`, which are in the metadata of the file, are not hashed.

    Returns:
        Three hashes: `text`, of the text in UTF-8; `explanation`, of the row as JSON with sorted keys and no blanks, as
        `json.dumps(row, sort_keys=True, separators=(",", ":"))` writes it; `documents/NAME`, of the bytes of the file.
    """
    stored = {name: value for name, value in row.items() if name != "class_names"}
    canonical = json.dumps(stored, sort_keys=True, separators=(",", ":"))
    return {
        "text": hashlib.sha256(row["text"].encode()).hexdigest(),
        "explanation": hashlib.sha256(canonical.encode()).hexdigest(),
        f"documents/{path.name}": _digest(path),
    }


def _of_folder(folder: Path) -> _Source:
    finished = open_run(folder)
    record = finished.record
    return _Source(
        documents=finished.documents,
        tables=finished.tables,
        title=record["title"],
        facts=record["facts"],
        inputs=record["inputs"],
        notes=record.get("notes", ()),
        versions=record["versions"],
        finished=record.get("finished", ""),
        folder=folder,
    )


def _of_evaluation(evaluation: Evaluation) -> _Source:
    """Return the source of an evaluation: its folder if it wrote one, otherwise its results in memory."""
    run, folder = evaluation.run, evaluation.documents[0].parent.parent
    if (folder / "results.json").exists():
        return _of_folder(folder)
    return _Source(
        documents=evaluation.documents,
        tables=run.tables,
        title=run.title,
        facts=run.facts,
        inputs=run.inputs,
        notes=run.notes,
        versions=versions(),
        finished=run.finished,
        folder=None,
    )


def _find(documents: Sequence[Path], id: int) -> tuple[Path, dict[str, Any]]:
    """Return the document file with a text, and the row of the text in it."""
    seen: list[int] = []
    for path in documents:
        file = open_documents(path)
        if "text" not in file.schema_arrow.names:
            raise GradexplainError(
                f"the rows of {path} have no texts, so no decision can be shown: give the folder of the run itself, "
                "not explanations that were published without their texts"
            )
        ids = file.read(["id"])["id"].to_pylist()
        if id in ids:
            return path, next(row for row in read_rows([path]) if row["id"] == id)
        seen += [min(ids), max(ids)] if ids else []
        if reason := read_left_out(path).get(id):
            raise GradexplainError(
                f"text {id} has no explanation, because the run left it out ({one_line(reason, width=200)}): give the "
                "id of another text"
            )
    held = f"its ids are row numbers from {min(seen)} to {max(seen)}" if seen else "it has no texts"
    raise GradexplainError(f"the run has no text with id {id}: {held}")


def _record(source: _Source, document: EvaluatedDocument) -> RunRecord:
    inputs = source.inputs
    known = {*FINGERPRINTS, *SOFTWARE, "commits"}
    software: dict[str, Any] = dict(source.versions)
    software |= {name: inputs[name] for name in ("device", "threads") if name in inputs}
    software |= {"code": inputs["hf_gradexplain"]} if "hf_gradexplain" in inputs else {}
    return RunRecord(
        title=source.title,
        facts=source.facts,
        options={name: value for name, value in inputs.items() if name not in known},
        commits=inputs.get("commits", {}),
        notes=tuple(source.notes),
        software=software,
        accuracy=accuracy(source.documents, document.explanation.prediction),
    )


def _hash_files(folder: Path | None) -> dict[str, str]:
    paths = [] if folder is None else [folder / name for name in FILES]
    return {path.name: _digest(path) for path in paths if path.exists()}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_hash(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64
