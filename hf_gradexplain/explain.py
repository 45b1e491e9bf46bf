"""The user's API: `Explainer`, and `explain` in one line."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args, overload

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from hf_gradexplain.classifier import Classifier, Reading, left_as_found
from hf_gradexplain.data import Document
from hf_gradexplain.encode import Encoder, Text, UnitName, collate, plan_batches
from hf_gradexplain.errors import GradexplainError, choose
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.loading import check_finite, load_classifier
from hf_gradexplain.methods import Method, score_batch, select
from hf_gradexplain.probe import probe
from hf_gradexplain.targets import Objective, ObjectiveName, head_of

TargetName = Literal["predicted", "label"]

BATCH_TOKENS = {"cpu": 1024, "cuda": 32768}
"""The default token budget of one forward pass, per kind of device."""


@dataclass(frozen=True, eq=False)
class ScoredBatch:
    """What one batch gave: its place in the list of texts, the reading, and the scores `(B, U)` per method."""

    indices: tuple[int, ...]
    documents: tuple[Document, ...]
    classifier: Classifier
    reading: Reading
    scores: dict[str, Tensor]


class Explainer:
    """Explains the decisions of one classifier.

    The model's parameters, mode, configuration and hooks are left as found, also after an exception.

    Args:
        model: A sequence classifier: texts in, `.logits` `(B, C)` out.
        tokenizer: Its fast tokenizer.

    Raises:
        GradexplainError: If the model has no classification head, if its weights are not finite, or if the
            layers that look its words up cannot be found.

    Example:
        >>> import hf_gradexplain  # doctest: +SKIP
        >>> explainer = hf_gradexplain.Explainer.from_pretrained("org/model")  # doctest: +SKIP
        >>> explainer("A thoughtful, gripping film.").show()  # doctest: +SKIP
    """

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        check_finite(model)
        self.model, self.tokenizer = model, tokenizer
        self.profile = probe(model, tokenizer)

    @classmethod
    def from_pretrained(
        cls,
        name: str,
        *,
        revision: str | None = None,
        device: str | torch.device | None = None,
        dtype: torch.dtype | str = torch.float32,
        trust_remote_code: bool = False,
    ) -> "Explainer":
        """Load a classifier by hub name or from a folder; see `hf_gradexplain.loading.load_classifier`."""
        model, tokenizer = load_classifier(
            name, revision=revision, device=device, dtype=dtype, trust_remote_code=trust_remote_code
        )
        return cls(model, tokenizer)

    @overload
    def __call__(
        self,
        texts: Text,
        methods: str | Sequence[str] = ...,
        unit: UnitName = ...,
        labels: int | Sequence[int] | None = ...,
        *,
        target: TargetName | None = ...,
        objective: ObjectiveName = ...,
        seed: int = ...,
        batch_tokens: int | None = ...,
    ) -> Explanation: ...

    @overload
    def __call__(
        self,
        texts: Sequence[Text],
        methods: str | Sequence[str] = ...,
        unit: UnitName = ...,
        labels: Sequence[int] | None = ...,
        *,
        target: TargetName | None = ...,
        objective: ObjectiveName = ...,
        seed: int = ...,
        batch_tokens: int | None = ...,
    ) -> list[Explanation]: ...

    def __call__(
        self,
        texts: Text | Sequence[Text],
        methods: str | Sequence[str] = ("signed_gi",),
        unit: UnitName = "word",
        labels: int | Sequence[int] | None = None,
        *,
        target: TargetName | None = None,
        objective: ObjectiveName = "loss",
        seed: int = 0,
        batch_tokens: int | None = None,
    ) -> Explanation | list[Explanation]:
        """Explain one text, or several.

        All gradient methods asked for together cost one forward and one backward pass. A text gets the same
        numbers alone and in any batch.

        Args:
            texts: A text, a text pair `(a, b)`, or a list of those.
            methods: Names out of `METHODS`.
            unit: What gets one score: `token`, `word`, or `word_type` (all occurrences of a word together).
            labels: The class to explain of each text; giving them sets `target` to `label`.
            target: `predicted` (default) or `label`.
            objective: `loss` (default), `logit` or `prob`; see `hf_gradexplain.targets.Objective`.
            seed: Where the random draws start from.
            batch_tokens: The most tokens in one forward pass; None for the device's default.

        Returns:
            One `Explanation` for a text, a list for a list.

        Raises:
            GradexplainError: An argument cannot be used; the message names the mend.
        """
        single = isinstance(texts, str) or _is_pair(texts)
        many: Sequence[Text] = [texts] if single else texts  # type: ignore[list-item,assignment]
        if single and isinstance(labels, int):
            labels = [labels]
        explanations: list[Explanation | None] = [None] * len(many)
        for batch in self.run(many, select(methods), unit, labels, target, objective, seed, batch_tokens):
            for i, explanation in zip(batch.indices, self.explanations(batch, unit), strict=True):
                explanations[i] = explanation
        return explanations[0] if single else explanations  # type: ignore[return-value]

    def run(
        self,
        texts: Sequence[Text],
        methods: dict[str, Method],
        unit: UnitName,
        labels: Sequence[int] | int | None,
        target: TargetName | None,
        objective: ObjectiveName,
        seed: int,
        batch_tokens: int | None,
    ) -> Iterator[ScoredBatch]:
        """Score texts batch by batch, shortest first; `Explainer.__call__` and the evaluation both stand on this."""
        device = next(self.model.parameters()).device
        targets = self._targets(labels, target, len(texts))
        batch_tokens = batch_tokens or BATCH_TOKENS.get(device.type, BATCH_TOKENS["cpu"])
        if batch_tokens < 1:
            raise GradexplainError(f"batch_tokens is a positive number of tokens, not {batch_tokens}")
        head = head_of(self.model.config)
        classifier = Classifier(self.model, self.profile.lookups, Objective(objective, head), batch_tokens)
        documents = Encoder(self.tokenizer, self.profile.max_length, unit)(texts)
        with left_as_found(self.model):
            for chosen in plan_batches([len(d) for d in documents], batch_tokens, padding=self.profile.pads):
                some = tuple(documents[i] for i in chosen)
                batch = collate(some, [targets[i] for i in chosen], self.tokenizer, device, seed)
                reading, scores = score_batch(classifier, batch, methods)
                yield ScoredBatch(tuple(chosen), some, classifier, reading, scores)

    def explanations(self, batch: ScoredBatch, unit: UnitName) -> list[Explanation]:
        """What the user gets, from a scored batch."""
        objective = batch.classifier.objective
        logits = batch.reading.logits.detach()
        probabilities = objective.probability(logits).double().cpu().numpy()
        predictions, targets = objective.predicted(logits).tolist(), batch.reading.batch.target.tolist()
        scores = {name: x.detach().double().cpu().numpy() for name, x in batch.scores.items()}
        return [
            Explanation(
                text=document.text,
                units=document.units,
                scores={name: x[i, : len(document.units)].copy() for name, x in scores.items()},
                target=targets[i],
                target_label=str(self.model.config.id2label.get(targets[i], targets[i])),
                prediction=predictions[i],
                probabilities=probabilities[i],
                objective=objective.name,
                unit=unit,
                truncated_at=document.truncated_at,
                pair_start=document.pair_start,
            )
            for i, document in enumerate(batch.documents)
        ]

    def _targets(
        self, labels: Sequence[int] | int | None, target: TargetName | None, n: int
    ) -> Sequence[int | None]:
        """The class to explain of each of `n` texts, None for the predicted one."""
        target = target or ("predicted" if labels is None else "label")
        choose("target", target, get_args(TargetName))
        if target == "predicted":
            if labels is not None:
                raise GradexplainError("target='predicted' takes no labels: leave one of the two out")
            return [None] * n
        if labels is None:
            raise GradexplainError("target='label' needs labels=[...], one class id per text")
        if isinstance(labels, int) or len(labels) != n:
            got = "one number" if isinstance(labels, int) else len(labels)
            raise GradexplainError(f"{n} texts need {n} labels, one class id each, but got {got}")
        return [self._class_id(label, i) for i, label in enumerate(labels)]

    def _class_id(self, label: int, text: int) -> int:
        n_classes = self.model.config.num_labels
        if isinstance(label, bool) or int(label) != label or not 0 <= label < n_classes:
            names = ", ".join(f"{i} ({name})" for i, name in list(self.model.config.id2label.items())[:10])
            raise GradexplainError(f"label {label!r} of text {text} is no class of the model; choices: {names}")
        return int(label)


def _is_pair(texts: object) -> bool:
    return isinstance(texts, tuple) and len(texts) == 2 and all(isinstance(text, str) for text in texts)


def explain(
    model: str | Explainer,
    texts: Text | Sequence[Text],
    methods: str | Sequence[str] = ("signed_gi",),
    unit: UnitName = "word",
    labels: int | Sequence[int] | None = None,
    *,
    target: TargetName | None = None,
    objective: ObjectiveName = "loss",
    seed: int = 0,
    batch_tokens: int | None = None,
) -> Explanation | list[Explanation]:
    """Explain texts with a model named by its hub name or folder: the one-liner.

    Loads the model at every call; keep an `Explainer` for more than one. Arguments as for `Explainer.__call__`.
    """
    explainer = Explainer.from_pretrained(model) if isinstance(model, str) else model
    return explainer(
        texts,  # type: ignore[arg-type]
        methods,
        unit,
        labels,  # type: ignore[arg-type]
        target=target,
        objective=objective,
        seed=seed,
        batch_tokens=batch_tokens,
    )
