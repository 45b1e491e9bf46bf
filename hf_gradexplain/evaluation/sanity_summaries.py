"""The tables of sanity checks for readers."""

import pandas as pd


def sanity_summary(checks: pd.DataFrame) -> pd.DataFrame:
    """Return the table `sanity` with names of columns in words, and only the interval that decides.

    Args:
        checks: One row per method, see `hf_gradexplain.audit.sanity_checks.SanityChecks.to_frame`.
    """
    names = {
        "randomised": "random model",
        "ci_low": "low",
        "ci_high": "high",
        "absolute": "absolute values",
        "two_random": "two random models",
        "shifted": "shifted input",
        "shift_difference": "difference",
        "other_seed": "other seed",
        "n_undefined": "none",
    }
    ends = [f"{name}_ci_{end}" for name in ("absolute", "two_random") for end in ("low", "high")]
    return checks.drop(columns=ends).rename(columns=names)


def randomisation_summary(curve: pd.DataFrame) -> pd.DataFrame:
    """Return one row per layer and one column per method, and below them the correlation of two random models.

    Args:
        curve: See `hf_gradexplain.audit.sanity_checks.SanityChecks.randomisation`.
    """
    rows = curve[(curve["order"] == "cascading") & (curve["values"] == "scores")]
    rows = rows.assign(layer=rows["layer"].where(rows["against"] == "the model", "two random models"))
    columns, layers = rows["method"].unique(), rows["layer"].unique()
    shown = rows.pivot(index="layer", columns="method", values="median").loc[layers, columns]
    return shown.rename_axis(columns=None).reset_index()
