"""The ranking of the methods under each masking baseline: does it depend on the baseline?"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from hf_gradexplain.attribution.baseline import token_for
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.evaluation.tables import SHORT_K, Tables
from hf_gradexplain.options import Options

DECIMALS = 6
"""Methods whose AOPC is equal up to this many decimals share a rank."""


def other_baselines(engine: AttributionEngine, options: Options, names: Sequence[str]) -> dict[str, Options]:
    """Return the options for each of these baselines except the run's own, checked before anything is computed.

    Raises:
        GradexplainError: A name is unknown, the tokenizer has no such token, or the model has no vector for it.
    """
    others: dict[str, Options] = {}
    for name in names:
        other = replace(options, baseline=name)  # type: ignore[arg-type]
        if name in ("pad", "mask", "unk"):
            token_for(name, engine.tokenizer, engine.model, asked=f"--compare_baselines {name}")  # type: ignore[arg-type]
        if name != (options.baseline or "zero"):
            others[name] = other
    return others


def baseline_table(tables: Mapping[str, Tables]) -> pd.DataFrame:
    """Rank the methods by AOPC at `SHORT_K`, for the same documents under each baseline.

    The baseline replaces the vectors of removed units, and `loo` and `signed_gi` measure from it: explanation and
    masking use the same one. The AOPCs of two baselines belong to different perturbations; compare ranks instead.

    Args:
        tables: The tables of each baseline.

    Returns:
        Columns `baseline, rank, method, k, aopc, ci_low, ci_high, n`, the best method of each baseline first.
    """
    parts = []
    for name, table in tables.items():
        short = min(SHORT_K, int(table.aopc["k"].max()))
        best_first = table.aopc[table.aopc["k"] == short].sort_values("aopc", ascending=False, kind="stable")
        rank = (-best_first["aopc"].round(DECIMALS)).rank(method="min").astype(int)
        ranked = best_first.assign(baseline=name, rank=rank)
        parts.append(ranked[["baseline", "rank", "method", "k", "aopc", "ci_low", "ci_high", "n"]])
    return pd.concat(parts, ignore_index=True)
