"""Everything that stands on the card of a trained model, as plain data that is kept beside the card."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Corpus:
    """What a model was trained and evaluated on.

    Attributes:
        name: Its name on the hub, or the last part of its path on the machine of the training.
        on_hub: Whether the name is one of the hub.
        commit: The commit that was read, or None if a copy on the machine was.
        config: Its configuration, or None.
        text_column: The column of texts, or two joined by a comma.
        label_column: The column of labels.
        train_split: What was trained on.
        train_rows: How many rows that were.
        train_sha256: The fingerprint of these rows, see `hf_gradexplain.corpus.fingerprint`.
        eval_split: What was evaluated on.
        eval_rows: How many rows that were.
        eval_sha256: Their fingerprint.
    """

    name: str
    on_hub: bool
    commit: str | None
    config: str | None
    text_column: str
    label_column: str
    train_split: str
    train_rows: int
    train_sha256: str
    eval_split: str
    eval_rows: int
    eval_sha256: str


@dataclass(frozen=True)
class Faithfulness:
    """How far explanations of the model can be trusted.

    Attributes:
        n: Over how many texts.
        unit: What got a score.
        target: The class that was explained: `label` or `predicted`.
        short_k: The smaller number of removed units that is quoted.
        long_k: The larger one.
        headline: The result in a sentence.
        methods: One row per method: `method`; `short`, `long` (AOPC) and `r` (the median of Pearson's r with
            leave-one-out), each a value and the ends of its 95 % interval, `r` None for leave-one-out itself;
            `significant`, the share of texts with p <= 0.05; and `undefined`, the texts without r.
        curves: The columns of the table of AOPC, see `hf_gradexplain.evaluation.tables.Tables`.
        chance: The columns of the band of random orders, or empty.
        k_grid: Where the curves are exact, with straight lines between; empty for everywhere.
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
    """One explained text: its words in order, each with its score for the class that was predicted."""

    text: str
    prediction: str
    probability: float | None
    method: str
    words: Sequence[str]
    scores: Sequence[float]


@dataclass(frozen=True)
class Card:
    """A trained model as its card tells of it.

    Attributes:
        title: What the model is called.
        repo_id: Its name on the hub, or None if it was not pushed.
        model_type: Its architecture.
        ours: Whether this package registers the architecture.
        remote_code: Whether the code of the architecture lies beside the weights.
        parameters: How many weights it has.
        base: The name of the model that it was fine-tuned from, or None.
        base_on_hub: Whether that is a name of the hub.
        base_commit: The commit of it that was read, or None.
        license: Identifier of its licence, or None.
        corpus: What it was trained and evaluated on.
        classes: Names of its outputs.
        metrics: Its results, by the names of `hf_gradexplain.training.Task.metrics`.
        settings: What it takes to train it again, by name.
        limits: What it cannot do, a sentence each.
        versions: What it was trained with.
        faithfulness: How far its explanations can be trusted, or None.
        not_measured: Why that is not known, if it is not.
        examples: Explained texts.
        widget: Texts that the hub offers to try it with.
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
    not_measured: str = "it was not asked for"
    examples: Sequence[Example] = ()
    widget: Sequence[str] = field(default_factory=list)

    def to_json(self) -> str:
        """The card as JSON text, from which `from_json` gives it back."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Card":
        """The inverse of `to_json`."""
        record = json.loads(text)
        measured = record["faithfulness"]
        return cls(
            **{
                **record,
                "corpus": Corpus(**record["corpus"]),
                "faithfulness": None if measured is None else Faithfulness(**measured),
                "examples": [Example(**example) for example in record["examples"]],
            }
        )
