"""Measure on a few texts which methods can be trusted on a model, and recommend a method."""

from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from datasets import Dataset

from hf_gradexplain.attribution.choice import ONE_PASS
from hf_gradexplain.corpus import load_texts
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.evaluation import SHORT_K, Measures, make_tables, schema, write_documents
from hf_gradexplain.evaluation.documents import EvaluatedDocument
from hf_gradexplain.evaluation.summaries import compared_with, nothing_to_compare
from hf_gradexplain.evaluation.tables import Tables
from hf_gradexplain.hub.provenance import resolve
from hf_gradexplain.options import Options, ProblemTypeName
from hf_gradexplain.options.arguments import SplitArguments
from hf_gradexplain.probing.probe import Profile
from hf_gradexplain.run.passes import K_GRID
from hf_gradexplain.run.progress import Work, progress_bar
from hf_gradexplain.run.runner import evaluate_texts, more_columns
from hf_gradexplain.run.shard_queue import Totals
from hf_gradexplain.run.shards import DocumentCost, make_shards
from hf_gradexplain.viz.tables import counted, join_words
from hf_gradexplain.viz.terminal import FittedTable, summary_table

METHODS_TO_COMPARE = ("random", "loo", *ONE_PASS, "integrated_gradients")


@dataclass(frozen=True, eq=False)
class Recommendation:
    """The result of a comparison of methods on one model.

    Attributes:
        table: One row per method: its AOPC with an interval, and how it compares with `random` and `loo`.
        method: The recommended method; None if no method beats a random order, or if there is nothing to compare.
        sentence: The recommendation in words.
    """

    table: pd.DataFrame
    method: str | None
    sentence: str

    def to_table(self) -> FittedTable:
        """Return the table for the terminal."""
        names = {"aopc": f"AOPC({SHORT_K})", "ci_low": "low", "ci_high": "high"}
        shown = self.table.rename(columns={**names, "vs_random": "random order", "vs_loo": "leave-one-out"})
        return summary_table(shown, title="How faithful each method is on this model")

    def to_dict(self) -> dict[str, Any]:
        """Return the result as strings, numbers, lists and dicts, ready for JSON; undefined numbers are None."""
        rows = self.table.astype(object).where(self.table.notna(), None)
        return {"method": self.method, "sentence": self.sentence, "methods": rows.to_dict("records")}


def load_sample(dataset: SplitArguments, seed: int) -> Dataset | None:
    """Return the texts of a dataset or a file to measure on; None if neither is given.

    Raises:
        GradexplainError: The texts cannot be loaded.
    """
    if dataset.dataset_name is None:
        return None
    data = resolve(dataset.dataset_name, dataset.dataset_revision, "dataset")
    return load_texts(
        data.name,
        config=dataset.dataset_config_name,
        split=dataset.split,
        text_column=dataset.text_column,
        label_column=None,
        conversations=True,
        revision=data.commit,
        max_samples=dataset.max_samples,
        seed=seed,
    )


def methods_to_compare(profile: Profile) -> tuple[str, ...]:
    """Return the methods in `METHODS_TO_COMPARE` that a model allows."""
    names = [name for name in METHODS_TO_COMPARE if profile.no_gradient_reason is None or name in ("random", "loo")]
    if profile.propagation is None or profile.propagation.refusal:
        names = [name for name in names if name in ("random", "loo", "signed_gi", "integrated_gradients")]
    return tuple(names)


def recommend_method(
    engine: AttributionEngine,
    texts: Dataset,
    seed: int,
    problem_type: ProblemTypeName | None = None,
    *,
    progress: bool = False,
) -> Recommendation:
    """Compare the methods on texts, with a score per word for the predicted class, and recommend one of them.

    Candidates are all methods that are significantly above a random order and not significantly below the best method.
    If the method that `auto` chooses is a candidate, it is recommended; otherwise the best candidate that costs one
    backward pass; if there is none, the best candidate.

    Args:
        engine: The model.
        texts: The columns `id`, `text` and, for pairs, `text_pair`.
        seed: Seed of all random draws.
        problem_type: What the model's logits are, as in `Options`.
        progress: Whether to show a progress bar.
    """
    names = methods_to_compare(engine.profile)
    options, measures = Options(names, seed=seed, problem_type=problem_type), Measures(k_grid=K_GRID)
    documents = _evaluate(engine, texts, options, measures, progress)
    with TemporaryDirectory() as folder:
        path = Path(folder, "documents.parquet")
        write_documents(documents, path, schema(options.methods, measures, more_columns(texts, options)))
        tables = make_tables([path], options, SHORT_K)
    return _recommendation(tables, engine.automatic.method)


def _evaluate(
    engine: AttributionEngine, texts: Dataset, options: Options, measures: Measures, progress: bool
) -> list[EvaluatedDocument]:
    """Evaluate texts, and show the number of finished texts."""
    done = Totals()

    def advance(documents: int, cost: int) -> None:
        nonlocal done
        done = replace(done, documents=done.documents + documents, cost=done.cost + cost)

    cost = sum(part.cost for part in make_shards(texts, DocumentCost.of(engine, options)))
    with progress_bar(lambda: done, Work(1, len(texts), cost), 0) if progress else nullcontext():
        return evaluate_texts(engine, texts, options, measures, advance)


def _recommendation(tables: Tables, automatic: str) -> Recommendation:
    k = tables.long_k
    aopc = tables.aopc[tables.aopc["k"] == k].set_index("method")
    versus = {other: compared_with(tables, other) for other in ("random", "loo")}
    rows = [
        {
            "method": name,
            "aopc": float(row["aopc"]),
            "ci_low": float(row["ci_low"]),
            "ci_high": float(row["ci_high"]),
            "vs_random": versus["random"].get(name, ""),
            "vs_loo": versus["loo"].get(name, ""),
        }
        for name, row in aopc.sort_values("aopc", ascending=False).iterrows()
    ]
    if nothing := nothing_to_compare(tables):
        return Recommendation(pd.DataFrame(rows), None, nothing)
    trusted = [row["method"] for row in rows if row["vs_random"] == "above"]
    beaten = [row["method"] for row in rows if row["vs_random"] in ("level", "below")]
    unclear = [row["method"] for row in rows if row["vs_random"] == "unclear"]
    if not trusted:
        few = f"{counted(_n(tables), 'text')} {'is' if _n(tables) == 1 else 'are'} too few to tell "
        few += f"{join_words(unclear)} from a random order: measure on more texts"
        none = f"no method finds words better than a random order on these {_n(tables)} texts: trust no explanation"
        return Recommendation(pd.DataFrame(rows), None, few if unclear else none)
    worse = compared_with(tables, trusted[0])
    level = [name for name in trusted if worse.get(name) != "below"]
    cheap = [name for name in level if name in ONE_PASS]
    method = automatic if automatic in level else (cheap or level)[0]
    text = f"use {method}: on these {_n(tables)} texts no method is significantly more faithful"
    text += ", and it costs one backward pass" if method in ONE_PASS else ""
    if beaten:
        text += f"; do not trust {join_words(beaten)}, no better than a random order here"
    if unclear:
        text += f"; the texts are too few to tell {join_words(unclear)} from a random order"
    return Recommendation(pd.DataFrame(rows), method, text)


def _n(tables: Tables) -> int:
    return int(tables.aopc["n"].max())
