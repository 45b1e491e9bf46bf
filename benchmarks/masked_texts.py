"""Texts whose units can be masked in any combination, and the measurements on them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
import torch

from benchmarks import removal_orders
from hf_gradexplain.classifier.hooked_classifier import ForwardPass
from hf_gradexplain.classifier.state import frozen_eval_mode
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.evaluation.aopc import document_aopc
from hf_gradexplain.options import Options
from hf_gradexplain.perturb import subset_logits
from hf_gradexplain.perturb.orders import removal_ranks

KS = (1, 2, 3, 5, 10)
"""The `K` at which AOPC is stored."""

REFERENCES = ("loo", "attn_lrp")
"""The methods that all others are compared with, text by text."""

TOP = (3, 5, 10)
"""The numbers of words, removed first, whose additivity is measured."""

REPLICATES = 2000


class Values:
    """Functions of the target's logits without any set of units, each set computed once.

    Args:
        logits: `(N, U)` bool, the masked units, to logits `(N, C)` in float64.
        target: The explained class.
        n_units: `U`.
    """

    def __init__(self, logits: Callable[[np.ndarray], np.ndarray], target: int, n_units: int) -> None:
        self.run, self.target, self.n_units = logits, target, n_units
        self.known: dict[bytes, np.ndarray] = {}

    def logits(self, masked: np.ndarray) -> np.ndarray:
        """Return the logits `(N, C)` without `N` sets of units `(N, U)`."""
        keys = [row.tobytes() for row in np.packbits(masked, axis=1)]
        new = {key: i for i, key in enumerate(keys) if key not in self.known}
        if new:
            self.known.update(zip(new, self.run(masked[list(new.values())]), strict=True))
        return np.stack([self.known[key] for key in keys])

    def fill(self, masked: np.ndarray) -> None:
        """Run the model without these sets of units `(N, U)`, so that they are known."""
        self.logits(masked)

    def minus_logit(self, masked: np.ndarray) -> np.ndarray:
        """Return minus the logit of the target."""
        return -self.logits(masked)[:, self.target]

    def odds(self, masked: np.ndarray) -> np.ndarray:
        """Return the log odds against the target, `log((1 - p) / p)`, which does not saturate as `p` does."""
        logits = self.logits(masked)
        return np.logaddexp.reduce(np.delete(logits, self.target, 1), axis=1) - logits[:, self.target]

    def loss(self, masked: np.ndarray) -> np.ndarray:
        """Return `-log p`."""
        return np.logaddexp(0, self.odds(masked))

    def probability(self, masked: np.ndarray) -> np.ndarray:
        """Return `p`, the probability of the target."""
        return np.exp(-self.loss(masked))


@dataclass(frozen=True, eq=False)
class MaskedText:
    """One explained text.

    Attributes:
        index: Its position in the list of texts.
        units: The texts of its units.
        scores: `(U,)` of each method.
        values: The model under masks.
    """

    index: int
    units: tuple[str, ...]
    scores: dict[str, np.ndarray]
    values: Values


def masked_texts(
    engine: AttributionEngine, texts: Sequence[str], labels: Sequence[int], methods: Sequence[str]
) -> Iterator[MaskedText]:
    """Explain texts: unit `word_type`, target `label`, baseline zero, 20 steps. Use each text before the next."""
    options = Options(tuple(methods), "word_type", target="label", baseline="zero", steps=20)
    for batch in engine.run(texts, options, labels):
        with frozen_eval_mode(engine.model):
            for b, explanation in enumerate(batch.explanations()):
                units = tuple(unit.text for unit in explanation.units)
                values = Values(partial(_logits, batch.forward, b), explanation.target, len(units))
                yield MaskedText(batch.indices[b], units, dict(explanation.scores), values)


def _logits(forward: ForwardPass, text: int, masked: np.ndarray) -> np.ndarray:
    """Return the logits of a text of the batch without `N` sets of its units, in float64."""
    sets = torch.zeros(len(masked), forward.batch.units.size, dtype=torch.bool)
    sets[:, : masked.shape[1]] = torch.from_numpy(masked)
    return subset_logits(forward, torch.full((len(sets),), text), sets).double().numpy()


def removal_curve(values: Values, ranks: np.ndarray, max_k: int) -> np.ndarray:
    """Return the probability without the first `k` units, `k` from 0 to `max_k` or `U`."""
    ks = np.arange(min(max_k, values.n_units) + 1)
    return values.probability(ranks < ks[:, None])


def measure(text: MaskedText, rng: np.random.Generator) -> list[dict[str, float | str]]:
    """Return one row per method: AOPC, and the additivity of the `TOP` words that it removes first."""
    values, rows = text.values, []
    tie_break = rng.integers(2**32)
    for method, scores in text.scores.items():
        ranks = removal_ranks(scores, np.random.default_rng(tie_break))
        curve = removal_curve(values, ranks, max(KS))
        aopc = document_aopc(curve, max(KS))
        row: dict[str, float | str] = {"text": text.index, "method": method}
        row |= {f"aopc_{k}": aopc[k] for k in KS} | {f"p_{k}": p for k, p in enumerate(curve)}
        for k in TOP:
            row[f"joint_{k}"], row[f"singles_{k}"] = removal_orders.additivity(values.odds, ranks < k)
        rows.append(row)
    return rows


def bootstrap_mean(values: np.ndarray, seed: int = 0) -> list[float]:
    """Return a mean over texts with its 95 % percentile bootstrap interval: `[mean, low, high]`."""
    draws = np.random.default_rng(seed).integers(len(values), size=(REPLICATES, len(values)))
    low, high = np.percentile(values[draws].mean(1), [2.5, 97.5])
    return [round(float(x), 4) for x in (values.mean(), low, high)]


def bootstrap_ratio(numerator: pd.Series, denominator: pd.Series, seed: int = 0) -> list[float]:
    """Return a ratio of two means over texts with its 95 % percentile bootstrap interval."""
    numerator, denominator = numerator.to_numpy(), denominator.to_numpy()
    draws = np.random.default_rng(seed).integers(len(numerator), size=(REPLICATES, len(numerator)))
    low, high = np.percentile(numerator[draws].mean(1) / denominator[draws].mean(1), [2.5, 97.5])
    return [round(float(x), 4) for x in (numerator.mean() / denominator.mean(), low, high)]


def summarise(
    rows: pd.DataFrame, columns: Sequence[str], ks: Sequence[int] = KS, *, additivity: bool = False
) -> dict[str, dict[str, list[float]]]:
    """Return, for each method, means of columns, AOPC minus that of `loo` and `attn_lrp`, and the mean curve.

    Rows of one text, such as those of several trainings, are averaged first: texts are drawn, not rows.

    Args:
        rows: The rows of `measure`, possibly with more columns.
        columns: The columns to average; those that a method lacks are left out.
        ks: The `K` of the differences in AOPC.
        additivity: Whether to add the additivity of the words that each method removes first.
    """
    means = rows.groupby(["method", "text"], sort=False).mean(numeric_only=True)
    references, table = {name: means.loc[name].sort_index() for name in REFERENCES}, {}
    for method in rows["method"].unique():
        frame = means.loc[method].sort_index()
        row = {c: bootstrap_mean(frame[c].to_numpy()) for c in columns if frame[c].notna().all()}
        for name, k in product(REFERENCES, ks):
            difference = (frame[f"aopc_{k}"] - references[name][f"aopc_{k}"]).to_numpy()
            if not np.isnan(difference).any():
                row[f"aopc_{k}_minus_{name}"] = bootstrap_mean(difference)
        curve = frame[[f"p_{k}" for k in range(max(KS) + 1)]].mean()
        row |= {} if curve.isna().any() else {"p": [round(float(p), 4) for p in curve]}
        for k in TOP if additivity else ():
            row[f"joint_{k}"] = bootstrap_mean(frame[f"joint_{k}"].to_numpy())
            row[f"singles_over_joint_{k}"] = bootstrap_ratio(frame[f"singles_{k}"], frame[f"joint_{k}"])
        table[method] = row
    return table


def summarise_additivity(rows: pd.DataFrame, singles: str, joint: str) -> list[float]:
    """Return the ratio of two columns, which every method of a text shares, with its interval."""
    means = rows.groupby("text").mean(numeric_only=True)
    return bootstrap_ratio(means[singles], means[joint])
