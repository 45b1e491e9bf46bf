"""Measure how faithful each method is on one model, by an evaluation on a few hundred texts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from datasets import Dataset

from hf_gradexplain.attribution.methods import affordable
from hf_gradexplain.attribution.signed import is_signed
from hf_gradexplain.cards.card import Example, Faithfulness
from hf_gradexplain.evaluation import (
    Tables,
    default_measures,
    headline,
    make_tables,
    schema,
    write_documents,
)
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.options import Options
from hf_gradexplain.run.runner import evaluate_texts
from hf_gradexplain.viz.canvas import figure_bytes
from hf_gradexplain.viz.curves import aopc_figure

LONG_K = 50
K_GRID = (1, 2, 3, 5, 10, 20, 50)
"""Numbers of removed units where the curves of models without a shortcut are exact; in between, lines are drawn."""

DECIMALS = 6

_STEPS = 20
"""Points on the path of integrated gradients: the same number as in all earlier cards."""


def measure_faithfulness(explainer: Explainer, rows: Dataset, n: int, *, labelled: bool, seed: int) -> Faithfulness:
    """Evaluate all methods that `affordable` returns on texts of the evaluation split.

    Args:
        explainer: The model's explainer.
        rows: The texts, with the columns `id`, `text`, `label` and, for pairs, `text_pair`.
        n: The largest number of texts; a larger dataset is sampled, and the order is kept.
        labelled: Whether the labels are class ids, which are then explained; if not, the predicted class is explained.
        seed: The seed of all random draws.

    Raises:
        GradexplainError: The model cannot be explained.
    """
    sample = np.sort(np.random.default_rng(seed).permutation(len(rows))[:n])
    options = Options(affordable(), "word_type", "label" if labelled else "predicted", "loss", seed=seed, steps=_STEPS)
    shortcut = explainer.shortcut(options)
    measures = default_measures(shortcut, both_ends=False, k_grid=() if shortcut.has_curves else K_GRID)
    documents = evaluate_texts(explainer, rows.select(sample), options, measures)
    with TemporaryDirectory() as folder:
        path = Path(folder, "documents.parquet")
        write_documents(documents, path, schema(options.methods, measures))
        tables = make_tables([path], options, LONG_K, measures.random_orders)
    return Faithfulness(
        n=len(documents),
        unit=options.unit,
        target=str(options.target),
        short_k=tables.short_k,
        long_k=tables.long_k,
        headline=headline(tables),
        methods=_methods(tables),
        curves=_columns(tables.aopc),
        chance=_columns(tables.chance),
        k_grid=list(measures.k_grid),
    )


def faithfulness_figure(faithfulness: Faithfulness, title: str) -> bytes:
    """Return the AOPC curves as a PNG file."""
    curves, chance = pd.DataFrame(dict(faithfulness.curves)), pd.DataFrame(dict(faithfulness.chance))
    return figure_bytes(aopc_figure(curves, chance, title=title), "png")


def example_method(faithfulness: Faithfulness | None, automatic: str) -> str:
    """Return the method that explains the examples of a card.

    It is the signed method with the largest AOPC if its interval lies above the interval of the automatic method, and
    the automatic method otherwise, also if there are no intervals.
    """
    rows = faithfulness.methods if faithfulness else ()
    short = {row["method"]: row["short"] for row in rows if is_signed(row["method"])}
    best = max(short, key=lambda method: short[method][0], default=automatic)
    if automatic not in short:
        return automatic
    low, high = short[best][1], short[automatic][2]
    return best if low is not None and high is not None and low > high else automatic


def explain_examples(explainer: Explainer, texts: Sequence[str], method: str) -> list[Example]:
    """Explain the predicted class of each text, with a score per word."""
    examples = []
    for explanation in explainer(list(texts), method):
        value = round(float(explanation.probabilities[explanation.target]), DECIMALS)
        examples.append(
            Example(
                text=explanation.text,
                prediction=explanation.target_label,
                probability=None if explanation.regression else value,
                output=value if explanation.regression else None,
                method=method,
                words=[unit.text for unit in explanation.units],
                scores=[float(f"{score:.{DECIMALS}g}") for score in explanation.scores[method]],
            )
        )
    return examples


def _methods(tables: Tables) -> list[Mapping[str, Any]]:
    """Return the rows of the card's table, one per method."""
    aopc = tables.aopc.set_index(["method", "k"])[["aopc", "ci_low", "ci_high"]]
    pearson = tables.correlation[tables.correlation["coefficient"] == "pearson"].set_index("method")
    rows: list[Mapping[str, Any]] = []
    for method in tables.aopc["method"].unique():
        r = pearson.loc[method] if method in pearson.index else None
        rows.append(
            {
                "method": method,
                "short": _plain(aopc.loc[(method, tables.short_k)]),
                "long": _plain(aopc.loc[(method, tables.long_k)]),
                "r": None if r is None else _plain(r[["median", "median_ci_low", "median_ci_high"]]),
                "significant": None if r is None else _plain([r["fraction_significant"]])[0],
                "undefined": None if r is None else int(r["n_undefined"]),
            }
        )
    return rows


def _plain(values: Any) -> list[float | None]:
    """Return the numbers rounded, and undefined ones as None, ready for JSON."""
    return [None if pd.isna(value) else round(float(value), DECIMALS) for value in values]


def _columns(table: pd.DataFrame) -> dict[str, list[Any]]:
    return {
        str(name): _plain(column) if column.dtype.kind == "f" else column.tolist() for name, column in table.items()
    }
