"""Rank the methods under each masking baseline and under deletion, to see if the baseline changes the ranking."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import get_args

import pandas as pd

from hf_gradexplain.attribution.baseline import token_for
from hf_gradexplain.attribution.prepare import masking
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.errors import choose
from hf_gradexplain.evaluation.correlation import SIGNIFICANCE
from hf_gradexplain.evaluation.tables import Tables
from hf_gradexplain.options import DELETION, BaselineName, Options
from hf_gradexplain.viz.tables import join_words

SHOWN = 5
"""The largest number of pairs of methods that a sentence names."""

DECIMALS = 6
"""Methods whose AOPC is equal up to this many decimals share a rank."""


def other_baselines(engine: AttributionEngine, options: Options, names: Sequence[str]) -> dict[str, Options]:
    """Return the options for each of these baselines except the run's own, and check them.

    The name `deletion` stands for cutting words out.

    Raises:
        GradexplainError: A name is unknown, the tokenizer has no such token, or the model has no vector for it.
    """
    others: dict[str, Options] = {}
    for name in names:
        choose("baseline", name, (*get_args(BaselineName), DELETION))
        chosen = {"mask": DELETION} if name == DELETION else {"mask": "baseline", "baseline": name}
        other = replace(options, **chosen)
        if name in ("pad", "mask", "unk"):
            token_for(name, engine.tokenizer, engine.model, asked=f"compare_baselines={name!r}")  # type: ignore[arg-type]
        if name != masking(options):
            others[name] = other
    return others


def baseline_table(tables: Mapping[str, Tables]) -> pd.DataFrame:
    """Rank the methods by AOPC at `SHORT_K`, for the same documents under each baseline.

    The baseline replaces the vectors of removed units, and `loo` and `signed_gi` use the same baseline. The AOPCs under
    two baselines belong to different perturbations, so compare ranks instead.

    Args:
        tables: The tables of each baseline.

    Returns:
        Columns `baseline, rank, method, k, aopc, ci_low, ci_high, n`; for each baseline, the best method comes first.
    """
    parts = []
    for name, table in tables.items():
        best_first = table.aopc[table.aopc["k"] == table.short_k].sort_values("aopc", ascending=False, kind="stable")
        of_range = best_first["aopc"] / (table.output_range or 1.0)
        rank = (-of_range.round(DECIMALS)).rank(method="min").astype(int)
        ranked = best_first.assign(baseline=name, rank=rank)
        parts.append(ranked[["baseline", "rank", "method", "k", "aopc", "ci_low", "ci_high", "n"]])
    return pd.concat(parts, ignore_index=True)


def orders_that_depend(tables: Mapping[str, Tables]) -> list[str]:
    """Return a sentence that says which methods change their order with the baseline; none for a single method.

    Two methods change their order if one is significantly above the other under one baseline, and significantly below
    it under another. The paired tests at `SHORT_K` decide this. The p-values of each baseline are adjusted for the
    number of its own tests.

    Args:
        tables: The tables of each baseline.
    """
    found = []
    for name, table in tables.items():
        tests = table.short_comparisons
        if len(tests):
            real = tests[tests["p_adjusted"] <= SIGNIFICANCE]
            found.append(real.assign(baseline=name)[["method", "other", "baseline"]])
    if not found:
        return []
    above = pd.concat(found).groupby(["method", "other"], sort=False)["baseline"].agg(list).to_dict()
    pairs = [
        f"{method} is above {other} under {join_words(names)}, and below it under {join_words(above[other, method])}"
        for i, ((method, other), names) in enumerate(above.items())
        if (other, method) in [*above][i + 1 :]
    ]
    if not pairs:
        return [f"No two methods change their order significantly between the baselines {join_words([*tables])}."]
    more = [f"{len(pairs) - SHOWN} more pairs do"] if len(pairs) > SHOWN else []
    return [f"The order of methods depends on the baseline: {'; '.join(pairs[:SHOWN] + more)} (paired tests)."]
