"""The content of a model's card as plain data, which is saved as `card.json` with the card."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Corpus:
    """The dataset that a model was trained and evaluated on.

    Attributes:
        name: The name of the dataset on the hub, or the last part of its local path.
        on_hub: Whether `name` is a name on the hub.
        commit: The commit that was read, or None for a local copy.
        config: The name of its configuration, or None.
        text_column: The column of the texts, or two columns joined by a comma.
        label_column: The column of the labels, or None if there are none.
        train_split: The split for training.
        train_rows: The number of training rows.
        train_sha256: The fingerprint of the training rows, see `hf_gradexplain.run.fingerprints.texts_fingerprint`.
        eval_split: The split for evaluation.
        eval_rows: The number of evaluation rows.
        eval_sha256: The fingerprint of the evaluation rows.
    """

    name: str
    on_hub: bool
    commit: str | None
    config: str | None
    text_column: str
    label_column: str | None
    train_split: str
    train_rows: int
    train_sha256: str
    eval_split: str
    eval_rows: int
    eval_sha256: str


@dataclass(frozen=True)
class Faithfulness:
    """How faithful each method's explanations of the model are.

    Attributes:
        n: The number of texts.
        unit: The kind of unit.
        target: The explained class: `label` or `predicted`.
        short_k: The smaller of the two numbers of removed units in the table.
        long_k: The larger of the two.
        headline: The result in one sentence.
        methods: One row per method: `method`; `short`, `long` (AOPC) and `r` (the median of Pearson's r with
            leave-one-out), each as a value and the two ends of its 95 % interval (for leave-one-out itself, `r` is
            None); `significant`, the share of texts with p <= 0.05; and `undefined`, the number of texts without r.
        curves: The columns of the AOPC table, see `hf_gradexplain.evaluation.tables.Tables`.
        chance: The columns of the band of random orders; empty without a band.
        k_grid: The numbers of removed units where the curves are exact; in between, they are interpolated linearly.
            Empty if the curves are exact everywhere.
    """

    n: int
    unit: str
    target: str
    short_k: int
    long_k: int
    headline: str
    methods: Sequence[Mapping[str, Any]]
    curves: Mapping[str, Sequence[Any]]
    chance: Mapping[str, Sequence[Any]]
    k_grid: Sequence[int] = ()


@dataclass(frozen=True)
class Example:
    """One explained text: its words in order, each with its score for the predicted class.

    Attributes:
        probability: The probability of the class; None for a model without probabilities.
        output: The model's output, for a model without probabilities; None otherwise.
    """

    text: str
    prediction: str
    probability: float | None
    method: str
    words: Sequence[str]
    scores: Sequence[float]
    output: float | None = None


@dataclass(frozen=True)
class Card:
    """The content of the card of a trained model.

    Attributes:
        title: The name of the model.
        repo_id: Its name on the hub, or None if it is not pushed.
        model_type: Its architecture.
        ours: Whether this package defines the architecture.
        remote_code: Whether the code of the architecture is in the folder of the weights.
        parameters: The number of its parameters.
        base: The name of the model that was fine-tuned, or None.
        base_on_hub: Whether `base` is a name on the hub.
        base_commit: The commit of the base model, or None.
        license: The identifier of its licence, or None.
        corpus: The dataset that it was trained and evaluated on.
        classes: The names of its outputs.
        metrics: Its results, under the names of `hf_gradexplain.training.task.Task.metrics`.
        settings: The settings that reproduce the training, by name.
        limits: Its limitations, one sentence each.
        versions: The versions of the packages that trained it.
        faithfulness: How faithful its explanations are, or None if that was not measured.
        not_measured: Why the faithfulness was not measured.
        examples: Explained texts.
        widget: Example inputs for the widget on the hub.
        weights_sha256: The SHA-256 of the weights that were measured, see `hf_gradexplain.loading.card_results`, or
            None.
        kind: The kind of model in words, see `hf_gradexplain.training.task.Task`.
    """

    title: str
    repo_id: str | None
    model_type: str
    ours: bool
    remote_code: bool
    parameters: int
    base: str | None
    base_on_hub: bool
    base_commit: str | None
    license: str | None
    corpus: Corpus
    classes: Sequence[str]
    metrics: Mapping[str, float]
    settings: Mapping[str, str]
    limits: Sequence[str]
    versions: Mapping[str, str]
    faithfulness: Faithfulness | None = None
    not_measured: str = "it was not requested"
    examples: Sequence[Example] = ()
    widget: Sequence[str] = field(default_factory=list)
    weights_sha256: str | None = None
    kind: str = "text classifier"

    def to_json(self) -> str:
        """Return the card as JSON; `from_json` reads it."""
        record = asdict(self)
        for example in record["examples"]:
            if example["output"] is None:
                del example["output"]
        return json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Card":
        """Read a card from the JSON of `to_json`."""
        record = json.loads(text)
        faithfulness = record["faithfulness"]
        return cls(
            **{
                **record,
                "corpus": Corpus(**record["corpus"]),
                "faithfulness": None if faithfulness is None else Faithfulness(**faithfulness),
                "examples": [Example(**example) for example in record["examples"]],
            }
        )
