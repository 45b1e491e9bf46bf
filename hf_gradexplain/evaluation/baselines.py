"""The ranking of the methods under each masking baseline: does it hang on what stands in for a word?"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from hf_gradexplain.attribution.baseline import token_for
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.evaluation.tables import SHORT_K, Tables
from hf_gradexplain.options import Options

SAME = 6
"""Decimals up to which methods share a rank."""


def other_baselines(engine: AttributionEngine, options: Options, names: Sequence[str]) -> dict[str, Options]:
    """The options for each of these baselines but the run's own, found wanting before any work is done.

    Raises:
        GradexplainError: A name is unknown, or the tokenizer has no token for it, or the model no vector.
    """
    others: dict[str, Options] = {}
    for name in names:
        other = replace(options, baseline=name)  # type: ignore[arg-type]
        if name in ("pad", "mask", "unk"):
            token_for(other.baseline, engine.tokenizer, engine.model, asked=f"--baselines {name}")
        if name != options.baseline:
            others[name] = other
    return others


def baseline_table(tables: Mapping[str, Tables]) -> pd.DataFrame:
    """Rank the methods by AOPC at the quoted `K`, for the same documents under each baseline.

    The baseline is what the removed units' vectors are set to, and what `loo` and `signed_gi` measure from: whoever
    explains with it masks with it. Two AOPCs of different baselines are of different perturbations; compare ranks.

    Args:
        tables: Per baseline.

    Returns:
        Columns `baseline, rank, method, k, aopc, ci_low, ci_high, n`, the best method of each baseline first.
    """
    parts = []
    for name, found in tables.items():
        short = min(SHORT_K, int(found.aopc["k"].max()))
        best_first = found.aopc[found.aopc["k"] == short].sort_values("aopc", ascending=False, kind="stable")
        rank = (-best_first["aopc"].round(SAME)).rank(method="min").astype(int)
        ranked = best_first.assign(baseline=name, rank=rank)
        parts.append(ranked[["baseline", "rank", "method", "k", "aopc", "ci_low", "ci_high", "n"]])
    return pd.concat(parts, ignore_index=True)
