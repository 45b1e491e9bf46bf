"""The tables of sanity checks for readers."""

import pandas as pd

from hf_gradexplain.evaluation.summaries import with_intervals


def sanity_summary(checks: pd.DataFrame) -> pd.DataFrame:
    """Return the table `sanity` with readable column names, the finding first, and without empty columns.

    Args:
        checks: One row per method, see `hf_gradexplain.audit.sanity.result.SanityChecks.to_frame`.
    """
    names = {
        "method": "method",
        "finding": "finding",
        "randomised": "random model",
        "two_random": "two random models",
        "absolute": "absolute values",
        "shifted": "shifted input",
        "shift_difference": "difference",
        "other_seed": "other seed",
        "n": "n",
        "n_undefined": "none",
    }
    shown = with_intervals(checks, "randomised", decimals=2).rename(columns=names)
    return shown[list(names.values())].dropna(axis="columns", how="all")


def randomisation_summary(curve: pd.DataFrame) -> pd.DataFrame:
    """Return one row per layer and one column per method, and below them the correlation of two random models.

    Args:
        curve: See `hf_gradexplain.audit.sanity.result.SanityChecks.randomisation`.
    """
    rows = curve[(curve["order"] == "cascading") & (curve["values"] == "scores")]
    rows = rows.assign(layer=rows["layer"].where(rows["against"] == "the model", "two random models"))
    columns, layers = rows["method"].unique(), rows["layer"].unique()
    shown = rows.pivot(index="layer", columns="method", values="median").loc[layers, columns]
    return shown.rename_axis(columns=None).reset_index()
