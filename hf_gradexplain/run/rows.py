"""Texts as the rows of a dataset."""

from collections.abc import Sequence
from typing import Any

from datasets import Dataset

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.text.rationales import Rationale
from hf_gradexplain.text.texts import DividedText, Text, is_conversation, messages_of, text_parts, undivided


def to_rows(
    texts: Sequence[Text], labels: Sequence[int | None], rationales: Sequence[Rationale] | None = None
) -> Dataset:
    """Return texts as the dataset of a run, which `texts_of` reads.

    Its columns are `id`, `text`, `text_pair` of pairs, `spans` of texts with their own units, `rationale` if there are
    rationales, and `label` of labelled texts.

    Raises:
        GradexplainError: The texts are not of one kind: single texts, pairs or conversations.
    """
    parts = list(map(_cells, texts))
    if len({(len(each), type(each[0])) for each in parts}) > 1:
        raise GradexplainError("texts must be all single, all pairs or all conversations: evaluate them separately")
    names = ("text", "text_pair")[: len(parts[0]) if parts else 1]
    columns: dict[str, Sequence[Any]] = {"id": range(len(parts)), **{name: [] for name in names}}
    columns |= dict(zip(names, map(list, zip(*parts, strict=True)), strict=False))
    if spans := [list(map(list, text.spans)) for text in texts if isinstance(text, DividedText)]:
        columns["spans"] = spans
    if rationales is not None:
        columns["rationale"] = [list(map(list, spans)) for spans in rationales]
    return Dataset.from_dict(columns if None in labels or not labels else {**columns, "label": list(labels)})


def _cells(text: Text) -> tuple[Any, ...]:
    """Return the values of the columns `text` and `text_pair` for a text."""
    whole = undivided(text)
    return (messages_of(whole),) if is_conversation(whole) else text_parts(whole)
