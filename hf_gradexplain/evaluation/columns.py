"""Descriptions of the columns of a document file, for pages and cards."""

from collections.abc import Iterator

import pyarrow as pa

MEANING = {
    "id": "row number in the dataset",
    "label": "label of the dataset, as a class id of the model; null if no labels were read, or if the model has one "
    "output",
    "text": "the text; for a pair, both texts joined by a newline",
    "rationale[]": "parts of the text that people marked as the reason for its label: start and end, characters of "
    "`text`; with `--rationale_column` or `--rationale_mask_column` only",
    "messages[].role": "who wrote each message of a conversation; there is no such column for other texts",
    "messages[].start": "offset where the content of the message begins",
    "messages[].end": "offset where the content of the message ends",
    "unread[]": "parts of a pair or a conversation that the model did not read: start and end; there is no such column"
    " for other texts",
    "pair_start": "offset where the second text of a pair begins; null for single texts",
    "truncated_at": "offset of the first character that the model did not read; null if it read the whole text",
    "unit": "kind of unit: `token`, `word`, `word_type`, `sentence`, `clause`, or `custom` for units of your own",
    "objective": "the objective, the number that is explained: `loss`, `logit`, `prob` or `contrast`",
    "mask": "how units are removed: `baseline` or `deletion`",
    "target": "class that is explained",
    "target_label": "name of the class `target`",
    "against": "with the objective `contrast`: class that the target is compared with; null for all other classes "
    "together",
    "against_label": "name of the class `against`, or `rest` for all other classes together; empty without a contrast",
    "prediction": "class that the model predicts",
    "prediction_label": "name of the class `prediction`",
    "regression": "whether the model is a regression model; `probabilities` then has its outputs",
    "dtype": "precision of the computation",
    "probabilities": "`C` probabilities",
    "units[].text": "text of each unit, in the order of first occurrence",
    "units[].spans[]": "occurrences of the unit: start and end, as offsets into `text`",
    "windows[].start": "start of each window of a long text, as an offset into `text`; only with `stride`",
    "windows[].end": "end of each window",
    "windows[].tokens": "number of tokens of each window, special tokens included",
    "deciding": "for each of the `C` classes, the number of the window with the largest logit, counted from 0; only "
    "with `pool=max`",
    "scores.METHOD": "`U` scores",
    "curves.METHOD": "`f` without the `k` highest-scored units, `k = 0 ... U`",
    "correlations.METHOD.COEFFICIENT": "correlation with leave-one-out; null if undefined",
    "correlations.METHOD.COEFFICIENT_p": "two-sided p-value of the correlation",
    "correlations.METHOD.undefined": "reason why the correlation is undefined, otherwise null",
    "signs.METHOD.same": "number of units to which leave-one-out and the method give the same sign",
    "signs.METHOD.opposite": "number of units to which leave-one-out and the method give opposite signs",
    "signs.METHOD.zero": "number of units that have a score of 0 by the method, but not by leave-one-out",
    "negative_first.METHOD": (
        "`f` without the `k` lowest-scored units, `k = 0 ... U`; so entry `U - k` is `f` with only the `k` "
        "highest-scored units"
    ),
    "random_orders.mean": "`f` without `k` random units, mean over the random orders",
    "random_orders.variance": "variance of AOPC(K) over random orders, `K = 0 ... U`",
    "bounds.lower": "AOPC(U) of the worst order",
    "bounds.upper": "AOPC(U) of the best order",
    "bounds.exact": "whether the bounds are exact: true if all sets of units were tried, false after a beam search",
    "completeness.METHOD": "relative difference between the sum of the scores and the rise of the loss; see below",
    "sampling.METHOD.errors": "`U` standard errors of the scores; 0 for exact scores",
    "sampling.METHOD.draws": "number of independent random draws from which the scores are estimated; 0 if the "
    "scores are exact",
    "sampling.METHOD.copies": "number of copies of the text on which the model was run",
    "sampling.METHOD.seed": "seed of the draws",
    "baselines.METHOD": "name of the baseline of the scores, such as `zero`; `deletion` if words were cut out; for "
    "`gradient_shap`, the source of the random baselines",
}
"""By column name. `U` is the document's number of units, `C` the model's number of classes."""

_BY_METHOD = ("scores", "curves", "correlations", "signs", "negative_first", "completeness", "sampling", "baselines")


def describe_columns(columns: pa.Schema) -> list[tuple[str, str, str]]:
    """Return the name, type and meaning of every value of a row.

    For example `("scores.METHOD", "list of double", "`U` scores")`. `METHOD` stands for each method, and `COEFFICIENT`
    for each coefficient.
    """
    rows = {}
    for column in columns:
        for path, kind in _leaves((column.name,), column.type):
            name = _general_name(path)
            rows[name] = (name, kind, MEANING[name])
    return list(rows.values())


def _leaves(path: tuple[str, ...], kind: pa.DataType) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the path and the type of every value in a column."""
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


def _general_name(path: tuple[str, ...]) -> str:
    """Join a path, with `METHOD` in place of a method and `COEFFICIENT` in place of a coefficient."""
    parts = list(path)
    if parts[0] in _BY_METHOD:
        parts[1] = "METHOD"
    if parts[0] == "correlations" and parts[2] != "undefined":
        parts[2] = "COEFFICIENT_p" if parts[2].endswith("_p") else "COEFFICIENT"
    return ".".join(parts)
