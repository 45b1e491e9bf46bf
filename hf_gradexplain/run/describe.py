"""The inputs of a run, for its folder, and facts and cautions about its numbers, for readers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from hf_gradexplain.attribution.methods import select
from hf_gradexplain.attribution.prepare import baselines_of
from hf_gradexplain.classifier.state import device_of
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.evaluation.documents import read_explanations, read_left_out
from hf_gradexplain.evaluation.extra_measures import Measures
from hf_gradexplain.hub.provenance import Provenance, commits
from hf_gradexplain.options import DELETION, Options
from hf_gradexplain.perturb import Shortcut
from hf_gradexplain.probing.probe import raw_sum_warning
from hf_gradexplain.run.fingerprints import (
    code_fingerprint,
    configuration_fingerprint,
    tokenizer_fingerprint,
    versions,
    weights_fingerprint,
)
from hf_gradexplain.viz.sanitize import one_line
from hf_gradexplain.viz.tables import counted, join_words

_ROWS, _REASONS = 10, 3
"""The largest number of rows of a reason, and of reasons, that a caution lists."""


def run_inputs(
    engine: AttributionEngine,
    options: Options,
    measures: Measures,
    texts: Mapping[str, Any],
    provenances: Mapping[str, Provenance],
    threads: int,
) -> dict[str, Any]:
    """Return everything that the result of a run depends on, to the last bit, as JSON values.

    Args:
        engine: The classifier.
        options: How its predictions are explained; the methods are resolved.
        measures: What is measured.
        texts: Names and fingerprints that identify the texts.
        provenances: Where model and texts come from.
        threads: CPU threads per process.
    """
    model, software, device = engine.model, versions(), device_of(engine.model)
    return {
        "commits": commits(provenances),
        "model configuration": configuration_fingerprint(model),
        "model weights": weights_fingerprint(model),
        "tokenizer": tokenizer_fingerprint(engine.tokenizer),
        **texts,
        **run_settings(engine, options, measures),
        "hf_gradexplain": code_fingerprint(),
        **{name: software[name] for name in ("torch", "transformers")},
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "threads": threads,
    }


def run_settings(engine: AttributionEngine, options: Options, measures: Measures) -> dict[str, Any]:
    """Return how predictions are made and explained, and what is measured, as JSON values."""
    return {"head": engine.head(options), **asdict(options), **asdict(measures)}


def run_facts(
    engine: AttributionEngine,
    options: Options,
    measures: Measures,
    counts: Mapping[str, int],
    documents: Sequence[Path],
    *,
    model: str,
    data: str,
    sample: str = "",
    provenances: Mapping[str, Provenance],
) -> dict[str, str]:
    """Return the model, the data and the options of a run, described for readers, by name.

    Args:
        engine: The classifier.
        options: How its predictions were explained; the methods are resolved.
        measures: What was measured.
        counts: See `hf_gradexplain.evaluation.read_documents.count_documents`.
        documents: The document files.
        model: The name of the model.
        data: The name of the data.
        sample: Which part of the texts was evaluated; empty for all texts.
        provenances: Where model and data come from.
    """
    n, labelled = counts["documents"], counts["labelled"]
    accuracy = f"{counts['predicted_right'] / labelled:.4f}" if labelled else "–"
    return {
        "Model": model,
        "Data": data,
        **{f"Commit of the {name}": origin.commit for name, origin in provenances.items() if origin.commit},
        "Texts": f"{n:,}" + (f" ({sample})" if sample else ""),
        "Accuracy on them": accuracy,
        "Truncated": f"{counts['truncated']:,} of {n:,}",
        "Without any unit": f"{counts['without_units']:,} of {n:,}",
        "Saturated": f"{counts['saturated']:,} of {n:,}",
        "Unit": options.unit,
        "Objective": options.objective,
        "Target": str(options.target),
        **({} if options.against is None else {"Against": str(options.against)}),
        **({} if options.mask == "baseline" else {"Mask": options.mask}),
        "Baseline": _baseline(options.baseline or "zero", baselines_of(engine.profile, options)),
        **({"Tokenizer": options.tokenizer_kwargs} if isinstance(options.tokenizer_kwargs, str) else {}),
        **({} if options.stride is None else {"Windows": f"stride {options.stride}, {options.pool} of their logits"}),
        "Ties": measures.ties,
        "Computed in": next(e.dtype for path in documents for _, e in read_explanations(path, limit=1)),
        "Curves": _grid(engine.shortcut(options), measures),
        **_copies(options),
        "Seed": str(options.seed),
    }


def cautions(engine: AttributionEngine, options: Options, documents: Sequence[Path]) -> Iterator[str]:
    """Yield sentences that readers of the numbers need about the methods, and about texts without scores."""
    if left_out := dict(sorted(entry for path in documents for entry in read_left_out(path).items())):
        yield _left_out(left_out)
    if "sa_raw" in options.methods and not engine.profile.raw_sums_work:
        yield f"{raw_sum_warning(engine.model)}."


def _left_out(reasons: Mapping[int, str]) -> str:
    """Return how many texts were left out, and the rows of each reason; the reasons are given by row."""
    rows: dict[str, list[str]] = {}
    for row, reason in reasons.items():
        rows.setdefault(one_line(reason, width=200), []).append(str(row))
    said = [
        f"{'Row' if len(of) == 1 else 'Rows'} {', '.join(of[:_ROWS])}{', ...' if len(of) > _ROWS else ''}: {reason}."
        for reason, of in list(rows.items())[:_REASONS]
    ]
    more = [f"{counted(len(rows) - _REASONS, 'other reason')}."] if len(rows) > _REASONS else []
    was, them = ("was", "it") if len(reasons) == 1 else ("were", "them")
    return " ".join([f"{counted(len(reasons), 'text')} {was} left out, so no number counts {them}.", *said, *more])


def _baseline(general: str, baselines: Mapping[str, str]) -> str:
    """Return the general baseline, and the methods that use another one; deletion uses none."""
    others: dict[str, list[str]] = {}
    for method, name in baselines.items():
        if name not in (general, DELETION):
            others.setdefault(name, []).append(method)
    return "; ".join([general, *(f"{name} for {join_words(methods)}" for name, methods in others.items())])


def _copies(options: Options) -> dict[str, str]:
    """Return how many masked copies methods may draw at random, and when fewer copies are enough."""
    sources = [method.source for method in select(options.methods).values()]
    if not any(source.masks and source.sampled for source in sources):
        return {}
    until = f"a standard error of {options.max_error:.0%} of the largest score"
    if options.tell_apart is not None:
        until = f"the top {options.tell_apart} units are told apart"
    return {"Masked copies drawn": f"up to {options.max_evals:,} per text, or until {until}"}


def _grid(shortcut: Shortcut, measures: Measures) -> str:
    """Return where the curves are exact; with a shortcut, they are exact at every k."""
    if not measures.k_grid or shortcut.has_curves:
        return "exact at every k"
    grid = sorted(set(measures.k_grid))
    return f"exact at k = {', '.join(map(str, grid))}; straight lines between; AOPC(K) up to K = {grid[-1]}"
