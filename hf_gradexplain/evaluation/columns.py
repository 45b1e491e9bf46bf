"""What every column of a documents file is, in words, for pages and cards."""

from collections.abc import Iterator

import pyarrow as pa

MEANING = {
    "id": "row number in the data set",
    "label": "class that the data set gives, as the model numbers it; null where no labels were read",
    "text": "the text; a pair's two are joined by a newline",
    "pair_start": "offset where the second text of a pair begins; null for single texts",
    "truncated_at": "offset of the first character that the model did not read; null if it read all",
    "unit": "what gets a score: `token`, `word` or `word_type`",
    "objective": "what is explained: `loss`, `logit` or `prob`",
    "target": "class that is explained",
    "target_label": "its name",
    "prediction": "class that the model predicts",
    "prediction_label": "its name",
    "regression": "whether `probabilities` are outputs",
    "dtype": "precision in which it was computed",
    "probabilities": "`C` probabilities",
    "units[].text": "each unit's surface form, in the order of first occurrence",
    "units[].spans[]": "where it stands: start and end, characters of `text`",
    "scores.METHOD": "`U` scores",
    "curves.METHOD": "`f` without the `k` highest-scored units, `k = 0 ... U`",
    "correlations.METHOD.COEFFICIENT": "correlation with leave-one-out; null where undefined",
    "correlations.METHOD.COEFFICIENT_p": "its two-sided p-value",
    "correlations.METHOD.undefined": "why there is none; else null",
    "signs.METHOD.same": "units that leave-one-out and the method give the same sign",
    "signs.METHOD.opposite": "the opposite sign",
    "signs.METHOD.zero": "units with a sign by leave-one-out that the method scores 0",
    "negative_first.METHOD": "`f` without the `k` lowest-scored units; read backwards, with the `k` highest alone",
    "random_orders.mean": "`f` without `k` units, mean over random orders",
    "random_orders.variance": "variance of AOPC(K) over random orders, `K = 0 ... U`",
    "bounds.lower": "AOPC(U) of the worst order",
    "bounds.upper": "AOPC(U) of the best order",
    "bounds.exact": "whether all sets of units were looked at, not only those of a beam",
}
"""By the name of the column, `U` being the document's number of units and `C` the model's number of classes."""

_BY_METHOD = ("scores", "curves", "correlations", "signs", "negative_first")


def describe_columns(columns: pa.Schema) -> list[tuple[str, str, str]]:
    """Name, type and meaning of every value of a row, as in `("scores.METHOD", "list of double", "`U` scores")`.

    `METHOD` stands for each method, and `COEFFICIENT` for each coefficient.
    """
    found = {}
    for column in columns:
        for path, kind in _leaves((column.name,), column.type):
            name = _general(path)
            found[name] = (name, kind, MEANING[name])
    return list(found.values())


def _leaves(path: tuple[str, ...], kind: pa.DataType) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every value within a column, with its type."""
    if pa.types.is_list(kind):
        if not kind.value_type.num_fields:
            yield path, f"list of {kind.value_type}"
            return
        yield from _leaves((*path[:-1], f"{path[-1]}[]"), kind.value_type)
    elif kind.num_fields:
        for part in kind:
            yield from _leaves((*path, part.name), part.type)
    else:
        yield path, str(kind)


def _general(path: tuple[str, ...]) -> str:
    """A path with `METHOD` in the place of a method, and `COEFFICIENT` in that of a coefficient."""
    parts = list(path)
    if parts[0] in _BY_METHOD:
        parts[1] = "METHOD"
    if parts[0] == "correlations" and parts[2] != "undefined":
        parts[2] = "COEFFICIENT_p" if parts[2].endswith("_p") else "COEFFICIENT"
    return ".".join(parts)
