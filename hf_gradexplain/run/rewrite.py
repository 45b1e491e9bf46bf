"""Write the results of a finished run again, from the files in its folder and without its model."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pandas as pd

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.report import shown_documents, write_report
from hf_gradexplain.evaluation.tables import Tables, make_tables
from hf_gradexplain.options import Options
from hf_gradexplain.run.finished_files import changed_files, record_finished_files
from hf_gradexplain.run.folder import document_paths, finished_shards, lock_run_folder, named_if_unreadable
from hf_gradexplain.run.processes import process_state
from hf_gradexplain.run.results import Run, write_results

_AGAIN = "run the same command again, which writes it again and keeps the finished shards"


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
    tables, extra = _tables_of(folder)
    output = folder / "report.html" if path is None else path
    write_report(
        output,
        title=record["title"],
        facts=record["facts"],
        tables=Tables(**tables, document_counts=record["documents"], unit=record["facts"].get("Unit", Options.unit)),
        documents=shown_documents(document_paths(folder)),
        notes=record.get("notes", ()),
        extra=extra,
    )
    if path is None:
        record_finished_files(folder)
    return output


def rewrite_results(folder: Path) -> Path:
    """Write the tables, figures, report and card of a finished run again, from its documents and without its model.

    Title, facts, notes and the tables of extra measures are those that the run wrote.

    Args:
        folder: The output folder of the run.

    Returns:
        The report.

    Raises:
        GradexplainError: The folder is not that of a finished run, a file in it was damaged or changed, or another run
            is writing to it.
    """
    record, documents = _read_record(folder), document_paths(folder)
    with lock_run_folder(folder, process_state()), named_if_unreadable(documents):
        for path, reason in finished_shards(folder)[1].items():
            raise GradexplainError(f"{path} is damaged ({reason}): {_AGAIN}")
        inputs, replay = record["inputs"], folder / "run.yaml"
        options = Options(tuple(inputs["methods"]), record["facts"].get("Unit", Options.unit), seed=inputs["seed"])
        before, extra = _tables_of(folder)
        tables = make_tables(documents, options, int(before["aopc"]["k"].max()))
        if tables.document_counts != record["documents"]:
            raise GradexplainError(f"{folder / 'documents'} lacks documents of the run: {_AGAIN}")
        run = Run(
            title=record["title"],
            facts=record["facts"],
            inputs=inputs,
            tables=tables,
            seconds=record["seconds"],
            replay=record["replay"],
            arguments=replay.read_text(encoding="utf-8") if replay.exists() else "",
            extra=extra,
            notes=record.get("notes", ()),
        )
        write_results(folder, run, documents)
    return folder / "report.html"


def _tables_of(folder: Path) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame]]:
    """Return the tables in a folder by name: those of `Tables`, and those of extra measures."""
    files = {file.stem.replace("correlation_histograms", "histograms"): file for file in folder.glob("*.parquet")}
    frames, names = (
        {name: pd.read_parquet(files[name]) for name in sorted(files)},
        {part.name for part in fields(Tables)},
    )
    own = {name: frame for name, frame in frames.items() if name in names}
    return own, {name: frame for name, frame in frames.items() if name not in names}


def _read_record(folder: Path) -> dict[str, Any]:
    """Return `results.json` of a finished run whose tables are as the run left them."""
    results = folder / "results.json"
    if not document_paths(folder):
        raise GradexplainError(
            f"{folder} is not the output folder of a run, which has results.json and documents/: give the output_dir "
            "of `hf-gradexplain evaluate`"
        )
    if not results.is_file():
        raise GradexplainError(f"the run in {folder} is not finished: run the same command again to resume it")
    for file in changed_files(folder):
        if file.name in ("results.json", "run.yaml") or file.suffix == ".parquet":
            raise GradexplainError(f"{file} was damaged or changed after the run: {_AGAIN}")
    return json.loads(results.read_text(encoding="utf-8"))
