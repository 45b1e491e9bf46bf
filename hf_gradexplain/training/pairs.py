"""Tasks on pairs of texts whose models have one logit: reward models and rerankers."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from datasets import ClassLabel, Dataset
from sklearn.metrics import accuracy_score, average_precision_score
from torch import Tensor
from torch.nn.functional import cross_entropy

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.training.task import Collate, Task


class Reward(Task):
    """The task of a reward model: in each pair, `text` was chosen and `text_pair` was rejected.

    The model reads each text alone and gives it a reward `r`, its only logit. The loss of a pair comes from the model
    of Bradley and Terry (1952): `-log sigmoid(r_chosen - r_rejected)`. This is the cross entropy of the logits
    `(r_chosen, r_rejected)` with the chosen text as the right class.
    """

    kind: ClassVar[str] = "reward model"

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The names of the metrics that `metrics` returns."""
        return ("pair_accuracy",)

    @property
    def smooths_labels(self) -> bool:
        """The chosen text is the target among two texts."""
        return True

    def encode(self, rows: dict[str, list[Any]], tokenize: Callable[..., dict[str, Any]]) -> dict[str, list[Any]]:
        """Return the inputs of both texts of each pair, the chosen text first. The label is its position, 0."""
        chosen, rejected = tokenize(rows["text"]), tokenize(rows["text_pair"])
        inputs = {name: list(zip(chosen[name], rejected[name], strict=True)) for name in chosen}
        return {**inputs, "labels": [0] * len(rows["text"])}

    def collator(self, pad: Collate) -> Collate:
        """Return a function that makes a batch of `2 B` texts from `B` pairs: the chosen texts, then the rejected."""

        def collate(pairs: list[dict[str, Any]]) -> dict[str, Any]:
            inputs = [name for name in pairs[0] if name != "labels"]
            batch = pad([{name: pair[name][side] for name in inputs} for side in (0, 1) for pair in pairs])
            return {**batch, "labels": torch.tensor([pair["labels"] for pair in pairs])}

        return collate

    def outputs(self, logits: Tensor) -> Tensor:
        """Return the rewards of the chosen and the rejected texts `(B, 2)` from the logits `(2 B, 1)` of a batch."""
        return logits.view(2, -1).T

    def loss(self, label_smoothing: float) -> Callable[..., Tensor]:
        """Return the mean loss over pairs; `label_smoothing` is the share of the target spread over both texts."""

        def bradley_terry(model_outputs: Any, labels: Tensor, num_items_in_batch: Any = None) -> Tensor:
            rewards = self.outputs(model_outputs["logits"])
            total = cross_entropy(rewards, labels, reduction="sum", label_smoothing=label_smoothing)
            return total / (len(labels) if num_items_in_batch is None else num_items_in_batch)

        return bradley_terry

    def metrics(self, logits: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """Return `pair_accuracy`, the share of pairs whose chosen text has the higher reward, from `(N, 2)` rewards."""
        return {"pair_accuracy": float(np.mean(logits[:, 0] > logits[:, 1]))}

    def single_inputs(self, rows: Dataset) -> Dataset:
        """Return the chosen texts."""
        return rows.remove_columns("text_pair")


class Reranking(Task):
    """The task of a reranker: the relevance of a document, `text_pair`, to a query, `text`, by binary cross entropy."""

    kind: ClassVar[str] = "reranker"

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The names of the metrics that `metrics` returns."""
        return ("accuracy", "average_precision")

    def targets(self, labels: Sequence[Any]) -> list[Any]:
        """Convert each label, 0 or 1, to the target of one sigmoid."""
        return [[float(label)] for label in labels]

    def metrics(self, logits: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """Compare logits `(N, 1)` with targets `(N, 1)`.

        Returns:
            `accuracy`, where a positive logit means that the document is relevant, and `average_precision` of all
            pairs, ordered by their logits.
        """
        relevant, scores = targets[:, 0], logits[:, 0]
        return {
            "accuracy": float(accuracy_score(relevant, scores > 0)),
            "average_precision": float(average_precision_score(relevant, scores)),
        }


def reward(*splits: Dataset) -> Reward:
    """Return the task of a reward model. The model has one number as its output, as in regression."""
    return Reward("regression", ("LABEL_0",))


def reranking(*splits: Dataset) -> Reranking:
    """Return the task of a reranker. The model has one sigmoid, as a multi-label classifier with one class.

    The class has the name of the label 1, or the name `relevant` if the labels have no names.

    Raises:
        GradexplainError: A label is neither 0 nor 1.
    """
    for split in splits:
        if wrong := [label for label in split["label"] if label not in (0, 1)]:
            raise GradexplainError(
                f"a reranker needs the labels 1 (relevant) and 0 (not relevant), but there is {wrong[0]!r}; convert "
                "the column, or name another label_column"
            )
    feature = splits[0].features["label"]
    name = feature.names[-1] if isinstance(feature, ClassLabel) else "relevant"
    return Reranking("multi_label_classification", (name,))
