"""Write the report of a finished run again, from the files in its folder."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pandas as pd

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.documents import iterate_documents
from hf_gradexplain.evaluation.report import write_report
from hf_gradexplain.evaluation.tables import Tables
from hf_gradexplain.run.finished_files import changed_files, record_finished_files
from hf_gradexplain.run.folder import document_paths


def rewrite_report(folder: Path, path: Path | None = None) -> Path:
    """Write the report of a finished run again.

    Args:
        folder: The output folder of the run.
        path: The file to write; `report.html` in the folder if None.

    Returns:
        The written file.

    Raises:
        GradexplainError: The folder is not that of a finished run, or its tables were damaged or changed.
    """
    record = _read_record(folder)
    stored = {file.stem.replace("correlation_histograms", "histograms"): file for file in folder.glob("*.parquet")}
    frames = {name: pd.read_parquet(file) for name, file in sorted(stored.items())}
    names = {part.name for part in fields(Tables)}
    output = folder / "report.html" if path is None else path
    write_report(
        output,
        title=record["title"],
        facts=record["facts"],
        tables=Tables(
            **{name: frame for name, frame in frames.items() if name in names}, document_counts=record["documents"]
        ),
        documents=iterate_documents(document_paths(folder)),
        notes=record.get("notes", ()),
        extra={name: frame for name, frame in frames.items() if name not in names},
    )
    if path is None:
        record_finished_files(folder)
    return output


def _read_record(folder: Path) -> dict[str, Any]:
    """Return `results.json` of a finished run whose tables are as the run left them."""
    results = folder / "results.json"
    if not results.is_file() or not document_paths(folder):
        raise GradexplainError(
            f"{folder} is not the output folder of a finished run, which has results.json and documents/: give a "
            "folder that recipes/evaluate.py wrote"
        )
    for file in changed_files(folder):
        if file == results or file.suffix == ".parquet":
            raise GradexplainError(
                f"{file} was damaged or changed after the run: run the same command again, which writes it again and "
                "keeps the finished shards"
            )
    return json.loads(results.read_text(encoding="utf-8"))
