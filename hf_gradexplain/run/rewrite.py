"""Write the results of a finished run again, from the files in its folder, without loading the model."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from hf_gradexplain.audit.plausibility.plausibility import plausibility_tables
from hf_gradexplain.audit.words.page import words_of_run, words_section
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.report import pack_tasks, write_report
from hf_gradexplain.evaluation.tables import make_tables
from hf_gradexplain.options import Options
from hf_gradexplain.run.finished_files import record_finished_files
from hf_gradexplain.run.finished_run import AGAIN, open_run
from hf_gradexplain.run.folder import finished_shards, lock_run_folder, named_if_unreadable
from hf_gradexplain.run.processes import process_state
from hf_gradexplain.run.results import write_results


def rewrite_report(folder: Path, path: Path | None = None) -> Path:
    """Write the report of a finished run again.

    Args:
        folder: The output folder of the run.
        path: The file to write; `report.html` in the folder if None.

    Returns:
        The written file.

    Raises:
        GradexplainError: The folder is not the output folder of a finished run, or its tables were damaged or changed.
    """
    run = open_run(folder)
    output = folder / "report.html" if path is None else path
    write_report(
        output,
        title=run.record["title"],
        facts=run.record["facts"],
        tables=run.tables,
        documents=(pack() for pack in pack_tasks(run.documents, run.tables)),
        notes=run.record.get("notes", ()),
        extra=run.extra,
        audits=words_section(words_of_run(run.documents, run.record["title"])),
    )
    if path is None:
        record_finished_files(folder)
    return output


def rewrite_results(folder: Path) -> Path:
    """Write the tables, figures, report and card of a finished run again, from its documents, without the model.

    Title, facts, notes and the tables of extra measures stay as the run wrote them, except `plausibility`, which is
    computed again.

    Args:
        folder: The output folder of the run.

    Returns:
        The report.

    Raises:
        GradexplainError: The folder is not the output folder of a finished run, a file in it was damaged or changed, or
            another run is writing to it.
    """
    finished = open_run(folder)
    record, documents = finished.record, finished.documents
    with lock_run_folder(folder, process_state()), named_if_unreadable(documents):
        for path, reason in finished_shards(folder)[1].items():
            raise GradexplainError(f"{path} is damaged ({reason}): {AGAIN}")
        inputs = record["inputs"]
        options = Options(tuple(inputs["methods"]), record["facts"].get("Unit", Options.unit), seed=inputs["seed"])
        tables = make_tables(documents, options, finished.tables.long_k, inputs["random_orders"])
        if _n_rows(tables.document_counts) != _n_rows(record["documents"]):
            raise GradexplainError(f"{folder / 'documents'} lacks documents of the run: {AGAIN}")
        extra = {**finished.extra, **plausibility_tables(documents, options.seed)}
        write_results(folder, replace(finished.run, tables=tables, extra=extra), documents)
    return folder / "report.html"


def _n_rows(counts: Mapping[str, int]) -> tuple[int, int]:
    """Return how many documents there are, and how many are left out, which version 0.2.0 did not count.

    Other counts, such as of right predictions, may be defined differently in the version that wrote the run.
    """
    return counts["documents"], counts.get("left_out", 0)
