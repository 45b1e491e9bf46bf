"""The columns of labelled texts: their names, and the checks that loading and streaming share."""

from collections.abc import Iterable

import pyarrow as pa
from datasets import Dataset, IterableDataset

from hf_gradexplain.errors import GradexplainError, choose, translate_errors


class CorpusError(GradexplainError):
    """A dataset does not hold the requested labelled texts."""


class NoLabelsError(CorpusError):
    """A dataset does not have the requested column of labels."""


class DatasetUnavailableError(CorpusError):
    """A dataset was not found, could not be reached or could not be read."""


def check_max_samples(max_samples: int | None) -> None:
    """Check that a sample has at least one row."""
    if max_samples is not None and max_samples < 1:
        raise CorpusError(f"max_samples must be at least 1, or None for all rows; it is {max_samples}")


RATIONALES = ("rationale", "rationale_mask")
"""The columns of rationales: spans, or a 0 or 1 for each word. Their values are not changed, and may be missing."""


def requested_columns(
    text_column: str,
    label_column: str | None,
    rationale_column: str | None = None,
    rationale_mask_column: str | None = None,
) -> dict[str, str]:
    """Map the names of the source columns to `text`, `text_pair`, `label` and those of `RATIONALES`, in this order."""
    texts = [name.strip() for name in text_column.split(",")]
    named = zip(("label", *RATIONALES), (label_column, rationale_column, rationale_mask_column), strict=True)
    others = {target: name for target, name in named if name is not None}
    names = [*texts, *others.values()]
    if len(texts) > 2 or len(set(names)) < len(names):
        said = {"label": label_column, **others}
        raise CorpusError(
            "text_column must name one column, or two joined by a comma, other than the label column; "
            f"it is {text_column!r}, with {', '.join(f'{target}_column={name!r}' for target, name in said.items())}"
        )
    return dict(zip(names, [*["text", "text_pair"][: len(texts)], *others], strict=True))


def choose_in(
    where: str, what: str, name: str, choices: Iterable[str], fix: str = "", raises: type[CorpusError] = CorpusError
) -> str:
    """Return `name` if it is one of `choices`; see `hf_gradexplain.errors.choose`.

    Raises:
        CorpusError: `name` is not one of `choices`. The message begins with `where` and ends with `fix`; the class of
            the error is `raises`.
    """
    with translate_errors(lambda error: f"{where}: {error}{fix}", GradexplainError, raises=raises):
        return choose(what, name, tuple(choices))


def check_columns(
    rows: Dataset | IterableDataset, columns: dict[str, str], source: str, *, conversations: bool = False
) -> None:
    """Check that all columns exist and that the text columns hold strings, or conversations where these are allowed."""
    texts = [
        name
        for name in rows.column_names
        if is_string(rows, name) or (conversations and holds_conversations(rows, name))
    ]
    for name, target in columns.items():
        option = "text_column" if target.startswith("text") else f"{target}_column"
        fix = f"; set {option} (--{option})"
        choose_in(source, option, name, rows.column_names, fix, NoLabelsError if target == "label" else CorpusError)
        if option == "text_column" and name not in texts:
            fix = f"set text_column to one of {quoted(texts)}" if texts else "choose a dataset with texts"
            expected = "strings or lists of messages" if conversations else "strings"
            raise CorpusError(
                f"{source}: the column {name!r} must hold {expected}, but holds {rows.features[name]}; {fix}"
            )
        if target == "label" and not _is_label(rows.features.arrow_schema.field(name).type):
            raise CorpusError(
                f"{source}: the column {name!r} must hold class names, class ids, numbers or lists of these, but "
                f"holds {rows.features[name]}; convert it, or name another label_column"
            )


def is_blank(label: object) -> bool:
    """Return whether a label is a string without a visible character: it names no class, but is missing."""
    return isinstance(label, str) and not label.strip()


def is_string(rows: Dataset | IterableDataset, column: str) -> bool:
    """Return whether a column holds strings."""
    return holds_strings(rows.features.arrow_schema.field(column).type)


def holds_strings(kind: pa.DataType) -> bool:
    """Return whether values of an Arrow type are strings."""
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def holds_conversations(rows: Dataset | IterableDataset, column: str) -> bool:
    """Return whether a column holds conversations: lists of messages with a `role` and a `content`.

    If messages have different keys, `datasets` stores them as JSON; a list of JSON values counts, too.
    """
    dtype = rows.features.arrow_schema.field(column).type
    if not (pa.types.is_list(dtype) or pa.types.is_large_list(dtype)):
        return False
    if getattr(dtype.value_type, "extension_name", "") == "arrow.json":
        return True
    if not pa.types.is_struct(dtype.value_type):
        return False
    return {"role", "content"} <= {dtype.value_type.field(i).name for i in range(dtype.value_type.num_fields)}


def _is_label(kind: pa.DataType) -> bool:
    """Return whether values of an Arrow type can be labels: names, ids, booleans, floats and lists of these."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _is_label(kind.value_type)
    types = pa.types
    checks = (types.is_integer, types.is_floating, types.is_boolean, types.is_string, types.is_large_string)
    return types.is_null(kind) or any(check(kind) for check in checks)


def quoted(names: Iterable[str]) -> str:
    """Return names as a message lists them: quoted, joined by commas."""
    return ", ".join(repr(name) for name in names)
