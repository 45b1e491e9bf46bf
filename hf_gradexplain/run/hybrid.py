"""Evaluate the explanations of hybrid documents (sentences of two classes joined), shard by shard."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from datasets import Dataset, IterableDataset

from hf_gradexplain.audit.plausibility.hybrid import (
    HybridDocument,
    hybrid_hits,
    hybrid_options,
    hybrid_table,
    labelled_hybrids,
)
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.documents import iterate_documents
from hf_gradexplain.evaluation.extra_measures import Measures
from hf_gradexplain.options import Options
from hf_gradexplain.run.evaluation_inputs import EvaluationInputs
from hf_gradexplain.run.folder import document_paths
from hf_gradexplain.run.runner import evaluate
from hf_gradexplain.text.texts import texts_of

CURVES = Measures(k_grid=(1,))
"""The measurements on hybrid documents: removal curves with only the highest-scored unit removed."""


def hybrids_of(
    engine: AttributionEngine, texts: Dataset | IterableDataset, options: Options, n: int
) -> list[HybridDocument]:
    """Return the hybrid documents of a run, the same on every process; none if `n` is 0.

    Raises:
        GradexplainError: The texts are streamed, have no labels, are not of two classes, or are pairs or conversations;
            the model has no classes; or the units are given for each text.
    """
    if not n:
        return []
    if isinstance(texts, IterableDataset):
        raise GradexplainError(
            "hybrid_documents draws from all texts, but a stream does not keep them: leave out streaming"
        )
    labels = texts["label"][:] if "label" in texts.column_names else [None] * len(texts)
    return labelled_hybrids(engine, texts_of(texts.to_dict()), labels, options, n)


def hybrid_rows(hybrids: Sequence[HybridDocument]) -> Dataset:
    """Return hybrid documents as the dataset of a run."""
    return Dataset.from_dict({"id": range(len(hybrids)), "text": [hybrid.text for hybrid in hybrids]})


def hybrid_tables(
    evaluated: EvaluationInputs,
    hybrids: Sequence[HybridDocument],
    options: Options,
    output_dir: Path,
    inputs: Mapping[str, Any],
    *,
    progress: bool = True,
) -> dict[str, pd.DataFrame]:
    """Explain hybrid documents and return their table under the name `hybrid`; no table without hybrid documents.

    They are a separate run in the folder `hybrid/`, which has shards and can be resumed.

    Args:
        evaluated: The classifier, and where model and texts come from; its texts are not used.
        hybrids: The documents, see `hybrids_of`.
        options: The options of the run; for hybrid documents, the predicted class is always explained, and never a
            contrast.
        output_dir: The run's folder.
        inputs: The run's own inputs.
        progress: Whether to show a progress bar.

    Returns:
        The table, on the main process; no table on the other processes.
    """
    if not hybrids:
        return {}
    folder, options = output_dir / "hybrid", hybrid_options(options)
    tables = evaluate(
        evaluated.engine,
        hybrid_rows(hybrids),
        options,
        folder,
        inputs={**inputs, **asdict(options), **asdict(CURVES), "hybrid_documents": len(hybrids)} if inputs else {},
        measures=CURVES,
        provenances=evaluated.provenances,
        progress=progress,
    )
    if tables is None:
        return {}
    explanations = ((each.id, each.explanation) for each in iterate_documents(document_paths(folder), ()))
    return {"hybrid": hybrid_table(hybrid_hits(explanations, hybrids, options.seed))}
