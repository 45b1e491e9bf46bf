"""The tables of the page that are not claims."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hf_gradexplain.methods import METHODS
from recipes.paper.choices import shown
from recipes.paper.decay import LEAST, SIZES
from recipes.paper.names import Cell
from recipes.paper.results import Result

Key = tuple[Cell, int]


def model_table(cards: Mapping[Key, Mapping[str, Any]], seconds: Mapping[Key, float]) -> pd.DataFrame:
    """One row per training: what it was trained on, its accuracy, and how long that took."""
    return pd.DataFrame(
        [
            {
                "model": cell.title,
                "seed": seed,
                "weights": card["parameters"],
                "training rows": card["corpus"]["train_rows"],
                "test rows": card["corpus"]["eval_rows"],
                "accuracy": f"{card['metrics']['accuracy']:.4f}",
                "seconds": f"{seconds[cell, seed]:,.0f}",
            }
            for (cell, seed), card in cards.items()
        ]
    )


def settings_table(cards: Mapping[Key, Mapping[str, Any]], seed: int) -> pd.DataFrame:
    """One row per model and data set: what it takes to train it again."""
    rows = []
    for (cell, of), card in cards.items():
        if of == seed:
            settings = {name: value for name, value in card["settings"].items() if name != "seed"}
            said = "; ".join(f"{name} {value}" for name, value in settings.items())
            rows.append({"model": cell.title, "settings": said})
    return pd.DataFrame(rows)


def text_table(
    results: Sequence[Result], lengths: Mapping[Key, np.ndarray], seconds: Mapping[Key, float]
) -> pd.DataFrame:
    """One row per evaluation: how many texts, how long they are, and how long it took."""
    rows = []
    for x in results:
        counts, words = x.record["documents"], lengths[x.cell, x.seed]
        rows.append(
            {
                "model": x.cell.title,
                "seed": x.seed,
                "texts": counts["documents"],
                "words, mean": round(float(words.mean()), 1),
                "median": int(np.median(words)),
                "longest": int(words.max()),
                "truncated": counts["truncated"],
                "saturated": counts["saturated"],
                "accuracy on them": x.record["facts"]["Accuracy on them"],
                "seconds": f"{seconds[x.cell, x.seed]:,.0f}",
            }
        )
    return pd.DataFrame(rows)


def method_table(results: Sequence[Result], field: str) -> pd.DataFrame:
    """One row per method, a column per model: `aopc` at the short k, or `r` with leave-one-out."""
    rows = []
    for method in METHODS:
        cells = {x.cell.title: _cell(x, method, field) for x in results}
        rows.append({"method": method, **cells})
    return pd.DataFrame(rows)


def seed_table(results: Mapping[Cell, Sequence[Result]]) -> pd.DataFrame:
    """How far trainings differ from each other, beside how far methods do.

    The standard deviation over trainings, of a method's AOPC and of the difference between two methods.
    """
    rows = []
    for cell, found in results.items():
        k = found[0].short_k
        values = [x.at("signed_gi", k).value for x in found]
        gaps = {b: [x.gap("signed_gi", b, k).value for x in found] for b in ("loo", "sa_l2")}
        rows.append(
            {
                "model": cell.title,
                "SignedGI": _spread(values),
                "SignedGI − LOO": _spread(gaps["loo"]),
                "SignedGI − SA L2": _spread(gaps["sa_l2"]),
                "sign of SignedGI − LOO": "always the same" if len(set(np.sign(gaps["loo"]))) == 1 else "changes",
            }
        )
    return pd.DataFrame(rows)


def decay_table(found: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One row per pooling and stretch of distance, from `recipes.paper.decay.by_distance`."""
    rows = []
    for pooling, table in found.items():
        for row in table.to_dict("records"):
            sizes = {name: _size(row[name], row[f"{name}_ci_low"], row[f"{name}_ci_high"]) for name in SIZES}
            words = f"{int(row['from'])} to {int(row['to']) - 1}"
            rows.append({"pooling": pooling, "words to the end": words, **sizes, "texts": int(row["n"])})
    return pd.DataFrame(rows)


def read_card(folder: Path) -> dict[str, Any]:
    """What a training's card is made of."""
    card: dict[str, Any] = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    return card


def _cell(x: Result, method: str, field: str) -> str:
    if field == "aopc":
        return shown(x.at(method, x.short_k))
    return "–" if method == "loo" else shown(x.r(method), 2)


def _size(value: float, low: float, high: float) -> str:
    if value < LEAST:
        return f"< {LEAST:g}"
    return f"{value:.2f} [{low:.2f}, {high:.2f}]" if value >= 0.1 else f"{value:.2g} [{low:.2g}, {high:.2g}]"


def _spread(values: Sequence[float]) -> str:
    return f"{np.mean(values):z.3f}, sd {np.std(values, ddof=1):.3f}" if len(values) > 1 else f"{values[0]:z.3f}"
