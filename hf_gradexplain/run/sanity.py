"""Sanity checks of the methods of a run, on its first texts."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

import pandas as pd
from datasets import Dataset, IterableDataset

from hf_gradexplain.audit.sanity.result import UNCHANGED
from hf_gradexplain.audit.sanity.sanity import check_sanity
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.errors import TextError
from hf_gradexplain.options import Options
from hf_gradexplain.options.arguments import AuditArguments
from hf_gradexplain.text.texts import texts_of
from hf_gradexplain.viz.tables import join_words
from hf_gradexplain.viz.terminal import say


def sanity_tables(
    engine: AttributionEngine,
    texts: Dataset | IterableDataset,
    options: Options,
    audits: AuditArguments,
    *,
    progress: bool = True,
) -> dict[str, pd.DataFrame]:
    """Return the tables `sanity` and `randomisation` by name; no tables without sanity checks.

    There are none if the run makes none, or if none of these texts can be scored.

    Args:
        engine: The model.
        texts: The texts of the run, with the column `label` if labels are explained.
        options: The options of the run, with resolved methods.
        audits: Whether to check the methods, and on how many texts.
        progress: Whether to print which step is running.
    """
    if not audits.sanity:
        return {}
    rows = list(islice(texts, audits.sanity_samples))
    columns: dict[str, list[Any]] = {name: [row[name] for row in rows] for name in rows[0]}
    labels = columns["label"] if options.target == "label" else None

    def advance(step: str) -> None:
        if progress:
            say(f"sanity checks: {step}")

    try:
        checks = check_sanity(engine, texts_of(columns), options, labels, advance=advance)
    except TextError:  # of all texts
        return {}
    return {"sanity": checks.to_frame(), "randomisation": checks.randomisation}


def sanity_notes(tables: Mapping[str, pd.DataFrame], audits: AuditArguments) -> list[str]:
    """Return a sentence that names the methods that do not change with the model, if there are any.

    If the run was to check its methods, but `sanity_tables` made no tables, the sentence says so instead.
    """
    if "sanity" not in tables:
        said = "There are no sanity checks, because none of the texts to check the methods on can be scored."
        return [said] if audits.sanity else []
    table = tables["sanity"]
    names = table["method"][table["finding"] == UNCHANGED].tolist()
    said = f"{'does' if len(names) == 1 else 'do'} not change when the model is random"
    return [f"{join_words(names)} {said}: such scores describe the text, not the model."] if names else []
