"""The words of a finished run, grouped by a column of its dataset."""

from collections.abc import Callable
from typing import Any

import numpy as np
from datasets import Dataset

from hf_gradexplain.audit.words.sums import CLASSES
from hf_gradexplain.audit.words.words import Words, find_words
from hf_gradexplain.corpus import load_column, load_texts
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.read_documents import BLOCK, read_tables
from hf_gradexplain.run.finished_run import FinishedRun
from hf_gradexplain.text.texts import texts_of, whole_text


def words_of(
    run: FinishedRun, method: str | None, by: str, key: Callable[[str], str] | None, min_documents: int
) -> Words:
    """Find the words of a run.

    Args:
        run: The run.
        method: The method whose scores are used; None for the most faithful method of the run, by AOPC(10).
        by: `target`, `label` or `prediction`, or a column of the dataset.
        key: A function of the text of a unit; units with equal results are the same word. None for the text itself.
        min_documents: A word is used only if it is in at least this many texts of a group.

    Raises:
        GradexplainError: An argument cannot be used, the dataset cannot be read, or it has changed since the run.
    """
    groups = by if by in CLASSES else column_of(run, by)
    title = run.record["title"]
    return find_words(run.documents, method, groups, key, min_documents, by_name=by, title=title)


def column_of(run: FinishedRun, column: str) -> dict[int, Any]:
    """Read a column of the dataset of a run: the value of each row by its number.

    The dataset is read again as `run.yaml` names it, and its texts are compared with those of the run.

    Raises:
        GradexplainError: The run names no dataset, the dataset cannot be read or has no such column, or a text differs.
    """
    arguments = run.arguments
    if arguments.get("dataset_name") is None:
        raise GradexplainError(
            f"cannot group by {column!r}: the run in {run.folder} does not name the dataset of its texts; group by "
            f"{', '.join(CLASSES)}, or in Python by a value per text: "
            f"Evaluation.load({str(run.folder)!r}).words(by=[...])"
        )
    source = {name: arguments[name] for name in ("dataset_name", "split")}
    revision = run.commit("dataset") or arguments["dataset_revision"]
    source |= {"config": arguments["dataset_config_name"], "revision": revision}
    values = load_column(column=column, **source)
    _check_texts(run, load_texts(text_column=arguments["text_column"], label_column=None, conversations=True, **source))
    return dict(enumerate(values))


def _check_texts(run: FinishedRun, rows: Dataset) -> None:
    """Check that the rows of a dataset still have the texts of the run, a block of them at a time."""
    numbers = np.array(rows["id"][:])
    for table in read_tables(run.documents, ("id", "text"), BLOCK):
        ids, texts = (table[name].to_pylist() for name in ("id", "text"))
        block = rows.select(np.minimum(np.searchsorted(numbers, ids), len(rows) - 1)).to_dict()
        found = zip(block["id"], map(whole_text, texts_of(block)), strict=True)
        for number, text, row in zip(ids, texts, found, strict=True):
            if row != (number, text):
                raise GradexplainError(
                    f"row {number} of {run.arguments['dataset_name']!r} is not the text that was explained: the "
                    "dataset has changed since the run; evaluate it again"
                )
