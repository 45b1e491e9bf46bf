"""The rationales of a dataset as spans of characters."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from datasets import Dataset, Features, IterableDataset, List, Value

from hf_gradexplain.corpus.columns import RATIONALES
from hf_gradexplain.text.rationales import read_mask, read_spans
from hf_gradexplain.text.texts import texts_of

SPANS = List(List(Value("int64")))
"""The type of a column of rationales."""


def to_rationales(texts: Dataset | IterableDataset) -> Dataset | IterableDataset:
    """Return texts whose column `rationale` has spans `[start, end]`, see `hf_gradexplain.text.rationales`.

    Args:
        texts: Texts with a column `rationale` or `rationale_mask` as the dataset has it; texts without such a column
            are returned unchanged.

    Raises:
        GradexplainError: A rationale cannot be read, or does not fit its text. For a stream, the error is raised while
            iterating.
    """
    column = next((name for name in RATIONALES if name in texts.features), None)
    if column is None:
        return texts
    read = partial(_read, column=column)
    if isinstance(texts, IterableDataset):
        features = {**{name: kind for name, kind in texts.features.items() if name != column}, "rationale": SPANS}
        return texts.map(read, batched=True, remove_columns=[column], features=Features(features))
    spans = [each for columns in texts.iter(batch_size=1000) for each in read(columns)["rationale"]]
    return texts.remove_columns(column).add_column("rationale", spans, feature=SPANS)


def _read(columns: Mapping[str, Sequence[Any]], column: str) -> dict[str, list[list[list[int]]]]:
    read = read_mask if column == "rationale_mask" else read_spans
    rows = zip(columns["id"], texts_of(columns), columns[column], strict=True)
    return {"rationale": [list(map(list, read(value, text, f"row {row}"))) for row, text, value in rows]}
