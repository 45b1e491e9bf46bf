"""What an evaluation takes: a classifier, and the texts to evaluate it on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from datasets import Dataset, IterableDataset

from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.hub.provenance import Provenance


@dataclass(frozen=True, eq=False)
class EvaluationInputs:
    """A classifier and the texts to evaluate it on.

    Attributes:
        engine: The classifier.
        texts: Columns `id`, `text`, `text_pair` for pairs, `label` if there are labels, and `rationale` if there are
            rationales.
        model_name: The name of the model, for display.
        data_name: The name of the dataset, for display.
        sample: Which part of the dataset the texts are, for display; empty for all of it.
        source: What identifies the texts of a stream, as JSON values; empty for a dataset, whose texts are hashed.
        weight: For the generated corpus, a function `(word, class) -> float` that returns the known weight of a word;
            None otherwise.
        notes: Sentences about the texts that readers of the results need.
        provenances: Where model and dataset were loaded from.
    """

    engine: AttributionEngine
    texts: Dataset | IterableDataset
    model_name: str
    data_name: str
    sample: str = ""
    source: Mapping[str, Any] = field(default_factory=dict)
    weight: Callable[[str, int], float] | None = None
    notes: tuple[str, ...] = ()
    provenances: Mapping[str, Provenance] = field(default_factory=dict)
