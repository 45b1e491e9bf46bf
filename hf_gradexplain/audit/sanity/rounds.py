"""Explain the same texts again and again, without those that cannot be scored."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.engine.leave_out import leave_out
from hf_gradexplain.engine.scored import ScoredBatch, to_arrays
from hf_gradexplain.options import Options
from hf_gradexplain.text.data import Document

Scores = dict[str, list[np.ndarray]]
"""The scores `(U,)` of each text, by method; NaN for a text that cannot be scored."""


@dataclass(eq=False)
class Round:
    """The scores of texts with one set of parameters.

    Attributes:
        scores: The scores.
        targets: The explained class of each text, by its position; not of texts that cannot be scored.
        against: The class with which that class is compared, as for `targets`; without a contrast, the explained class
            again.
        precision: The compute dtype of the scores.
        left_out: The positions of texts that cannot be scored, and the reasons.
    """

    scores: Scores
    targets: dict[int, int] = field(default_factory=dict)
    against: dict[int, int] = field(default_factory=dict)
    precision: str = "float32"
    left_out: dict[int, str] = field(default_factory=dict)

    def add(self, batch: ScoredBatch, positions: Sequence[int]) -> None:
        """Add the scores of the texts of a batch, which stand at these positions."""
        compared = batch.forward.batch.target if batch.forward.batch.against is None else batch.forward.batch.against
        target, against, *values = to_arrays([batch.forward.batch.target, compared, *batch.scores.values()])
        self.precision = batch.forward.classifier.precision
        for row, (i, document) in enumerate(zip(positions, batch.forward.batch.documents, strict=True)):
            self.targets[i], self.against[i] = int(target[row]), int(against[row])
            for name, of_batch in zip(batch.scores, values, strict=True):
                self.scores[name][i] = of_batch[row, : document.n_units]


def explain_round(
    engine: AttributionEngine, documents: Sequence[Document], options: Options, labels: Sequence[int] | None
) -> Round:
    """Explain texts that may not all be scored.

    Args:
        engine: The classifier.
        documents: The texts.
        options: How to explain.
        labels: The class of each text; None if the target is not `label`.
    """
    scores = {name: [np.full(document.n_units, np.nan) for document in documents] for name in options.methods}
    found = Round(scores)

    def explain(rows: Sequence[int]) -> None:
        chosen, ids = [documents[i] for i in rows], None if labels is None else [labels[i] for i in rows]
        for batch in engine.score(chosen, of_texts(options, rows), ids):
            found.add(batch, [rows[i] for i in batch.indices])

    found.left_out = leave_out(explain, range(len(documents)))[1]
    return found


def of_texts(options: Options, rows: Sequence[int]) -> Options:
    """Return the options for some of the texts, for which `against` may have one class each."""
    against = options.against
    return replace(options, against=tuple(against[i] for i in rows)) if isinstance(against, tuple) else options
