"""The tables of the page, except the tables of the claims."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from hf_gradexplain.attribution.descriptions import PAPER_METHODS
from hf_gradexplain.attribution.methods import METHODS as ALL_METHODS
from hf_gradexplain.evaluation.tables import SHORT_K
from hf_gradexplain.viz.tables import MISSING, with_interval
from recipes.paper.ablations import plus_minus
from recipes.paper.constants import METHODS, Setting
from recipes.paper.decay import SCORES, SMALLEST_SIZE
from recipes.paper.results import Result, over_seeds

Key = tuple[Setting, int]


def model_table(cards: Mapping[Key, Mapping[str, Any]], seconds: Mapping[Key, float]) -> pd.DataFrame:
    """Return one row per training: its data, accuracy and duration."""
    return pd.DataFrame(
        [
            {
                "model": setting.title,
                "seed": seed,
                "weights": card["parameters"],
                "training rows": card["corpus"]["train_rows"],
                "test rows": card["corpus"]["eval_rows"],
                "accuracy": f"{card['metrics']['accuracy']:.4f}",
                "seconds": f"{seconds[setting, seed]:,.0f}",
            }
            for (setting, seed), card in cards.items()
        ]
    )


def settings_table(cards: Mapping[Key, Mapping[str, Any]], seed: int) -> pd.DataFrame:
    """Return one row per setting: the settings needed to train the model again, except `shared_settings`."""
    shared = shared_settings(cards)
    rows = []
    for (setting, card_seed), card in cards.items():
        if card_seed == seed:
            settings = [f"{name} {x}" for name, x in card["settings"].items() if name != "seed" and name not in shared]
            rows.append({"model": setting.title, "settings": "; ".join(settings)})
    return pd.DataFrame(rows)


def shared_settings(cards: Mapping[Key, Mapping[str, Any]]) -> dict[str, str]:
    """Return the settings that are the same in all trainings."""
    first, *others = (card["settings"] for card in cards.values())
    return {n: x for n, x in first.items() if n != "seed" and all(n in y and y[n] == x for y in others)}


def text_table(
    results: Sequence[Result], lengths: Mapping[Key, np.ndarray], seconds: Mapping[Key, float]
) -> pd.DataFrame:
    """Return one row per evaluation: the number and length of its texts, and its duration."""
    rows = []
    for x in results:
        counts, words = x.record["documents"], lengths[x.setting, x.seed]
        rows.append(
            {
                "model": x.setting.title,
                "seed": x.seed,
                "texts": counts["documents"],
                "distinct words, mean": round(float(words.mean()), 1),
                "median": int(np.median(words)),
                "longest": int(words.max()),
                "truncated": counts["truncated"],
                "saturated": counts["saturated"],
                "accuracy on them": x.record["facts"]["Accuracy on them"],
                "seconds": f"{seconds[x.setting, x.seed]:,.0f}",
            }
        )
    return pd.DataFrame(rows)


def method_table(results: Sequence[Result], field: str) -> pd.DataFrame:
    """Return one row per method that all results have, a column per setting.

    Args:
        results: The evaluations, one per setting.
        field: `aopc` (at the short k) or `r` (the median with LOO).
    """
    measured = set.intersection(*(set(x.aopc["method"]) for x in results))
    rows = []
    for method in (m for m in ALL_METHODS if m in measured):
        cells = {x.setting.title: _cell(x, method, field) for x in results}
        rows.append({"method": method, **cells})
    return pd.DataFrame(rows)


def lead_table(results: Mapping[Setting, Sequence[Result]]) -> pd.DataFrame:
    """Return one row per setting: how far the better of LOO and SignedGI is above a random order, at both k."""
    rows = []
    for setting, trainings in results.items():
        short, longest = trainings[0].k_values[0], trainings[0].k_values[-1]
        rows.append(
            {
                "model": setting.title,
                f"lead at K = {short}": plus_minus(over_seeds([x.lead(short) for x in trainings])),
                "at the longest K": plus_minus(over_seeds([x.lead(x.k_values[-1]) for x in trainings])),
                "longest K": longest,
            }
        )
    return pd.DataFrame(rows)


def text_count(result: Result) -> int:
    """Return the number of texts of an evaluation."""
    return int(result.record["documents"]["documents"])


SEED_PAIRS = (("signed_gi", "loo"), ("loo", "random"), ("signed_gi", "sa_l2"), ("sa_l2", "random"))
"""Pairs of methods whose difference is compared with the differences between trainings."""


def seed_table(results: Mapping[Setting, Sequence[Result]]) -> pd.DataFrame:
    """Return whether differences between methods at the short k exceed the differences between trainings.

    Columns are the mean over trainings, the standard deviation, and Student's t interval of the mean.
    """
    rows = []
    for setting, trainings in results.items():
        for method, other in SEED_PAIRS:
            gaps = np.array([x.gap(method, other, x.short_k).value for x in trainings])
            half = stats.t.ppf(0.975, len(gaps) - 1) * stats.sem(gaps) if len(gaps) > 1 else np.nan
            mean = gaps.mean()
            rows.append(
                {
                    "model": setting.title,
                    "difference": f"{METHODS[method]} − {METHODS[other]}",
                    "mean": f"{mean:z.4f}",
                    "sd": f"{gaps.std(ddof=1):.4f}" if len(gaps) > 1 else MISSING,
                    "95 % interval over trainings": f"[{mean - half:z.4f}, {mean + half:z.4f}]",
                    "larger than between trainings": "yes" if abs(mean) > half else "no",
                }
            )
    return pd.DataFrame(rows)


def decay_table(by_pooling: Mapping[str, pd.DataFrame], header: str) -> pd.DataFrame:
    """Return one row per pooling and bin of `recipes.paper.decay.by_distance`, below `header`."""
    rows = []
    for pooling, table in by_pooling.items():
        for row in table.to_dict("records"):
            sizes = {name: _size(row[name], row[f"{name}_ci_low"], row[f"{name}_ci_high"]) for name in SCORES}
            words = f"{int(row['from'])} to {int(row['to']) - 1}"
            rows.append({"pooling": pooling, header: words, **sizes, "texts": int(row["n"])})
    return pd.DataFrame(rows)


def precision_table(precisions: Mapping[str, Mapping[str, tuple[float, float]]]) -> pd.DataFrame:
    """Return one row per method: AOPC and the median r on the same texts, by precision."""
    rows: list[dict[str, Any]] = []
    for method in PAPER_METHODS:
        numbers = {name: by_method[method] for name, by_method in precisions.items()}
        aopc = {f"AOPC({SHORT_K}), {name}": f"{x:z.3f}" for name, (x, _) in numbers.items()}
        r = {f"median r, {name}": MISSING if method == "loo" else f"{x:z.2f}" for name, (_, x) in numbers.items()}
        rows.append({"method": method, **aopc, **r})
    return pd.DataFrame(rows)


def read_card(folder: Path) -> dict[str, Any]:
    """Read the data of a model's card."""
    card: dict[str, Any] = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    return card


def _cell(x: Result, method: str, field: str) -> str:
    if field == "aopc":
        return plus_minus(x.aopc_at(method, x.short_k))
    return MISSING if method == "loo" else plus_minus(x.r(method), 2)


def _size(value: float, low: float, high: float) -> str:
    if value < SMALLEST_SIZE:
        return f"< {SMALLEST_SIZE:g}"
    return with_interval(value, low, high, ".2f" if value >= 0.1 else ".2g")
