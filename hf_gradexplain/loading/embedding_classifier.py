"""A classifier on top of sentence embeddings, such as a `SetFitModel`, as one PyTorch module."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.options import ProblemTypeName
from hf_gradexplain.threads import share_lock

_SMALLEST = 1e-12
"""The smallest probability whose logarithm is taken; smaller ones are raised to it."""


class EmbeddingClassifier(nn.Module):
    """A classifier that computes a sentence embedding from token ids, and logits from the embedding.

    Args:
        body: Maps a dictionary of token ids and masks to a dictionary with the key `sentence_embedding` `(B, D)`.
        head: Maps embeddings to logits `(B, C)`.
        normalize: Whether embeddings are scaled to length one.
    """

    def __init__(self, body: nn.Module, head: nn.Module, *, normalize: bool) -> None:
        super().__init__()
        self.body, self.head, self.normalize = body, head, normalize
        inner: Any = next((m.config for m in body.modules() if isinstance(m, PreTrainedModel)), None)
        positions, longest = getattr(inner, "max_position_embeddings", None), getattr(body, "max_seq_length", None)
        limits = [n for n in (positions, longest) if isinstance(n, int)]
        self.config = SimpleNamespace(max_position_embeddings=min(limits, default=None), problem_type=None)
        if hasattr(inner, "vocab_size"):
            self.config.vocab_size = inner.vocab_size

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, token_type_ids: Tensor | None = None
    ) -> Tensor:
        """Return the logits `(B, C)`."""
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask, "token_type_ids": token_type_ids}
        embedding = self.body({name: x for name, x in inputs.items() if x is not None})["sentence_embedding"]
        return self.head(F.normalize(embedding, dim=-1) if self.normalize else embedding)


def embedding_classifier(model: Any) -> tuple[EmbeddingClassifier, Sequence[str] | None, ProblemTypeName]:
    """Return a `SetFitModel` as a module, the names of its classes, and its problem type.

    Args:
        model: Its `model_body` computes embeddings, and its `model_head` is a module or a scikit-learn classifier.
    """
    body, head = model.model_body, model.model_head
    problem_type: ProblemTypeName
    if isinstance(head, nn.Module):
        layer: nn.Module = _FirstOutput(head)
        several = getattr(head, "multitarget", False)
        problem_type = "multi_label_classification" if several else "single_label_classification"
    else:
        layer, problem_type = _scikit_learn_head(head, body)
    names = getattr(model, "labels", None)
    names = list(getattr(head, "classes_", ())) if names is None else names
    classifier = EmbeddingClassifier(body, layer, normalize=bool(getattr(model, "normalize_embeddings", False)))
    share_lock(classifier, body)  # each call wraps the same body in another module
    return (
        classifier.eval(),
        [str(name) for name in names] if np.ndim(names) == 1 and len(names) else None,
        problem_type,
    )


class _FirstOutput(nn.Module):
    """A head that returns only the first of the values of another head: the logits."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def forward(self, embedding: Tensor) -> Tensor:
        output = self.head(embedding)
        return output[0] if isinstance(output, tuple) else output


class _WithoutGradient(nn.Module):
    """A scikit-learn classifier as a layer: the logarithms or, if `several`, the logits of its probabilities."""

    def __init__(self, head: Any, *, several: bool) -> None:
        super().__init__()
        self.head, self.several = head, several

    def forward(self, embedding: Tensor) -> Tensor:
        p = torch.from_numpy(_probabilities(self.head, embedding.detach().cpu().double().numpy()))
        p = p.clamp(min=_SMALLEST, max=1 - _SMALLEST)  # in float64: in float32, 1 - 1e-12 is 1, whose logit is infinite
        return (p.logit() if self.several else p.log()).to(embedding)


def _scikit_learn_head(head: Any, body: nn.Module) -> tuple[nn.Module, ProblemTypeName]:
    """Return a scikit-learn classifier as a linear layer if it is linear, else as a layer without gradients."""
    parameter = next(body.parameters())
    parts: Any = getattr(head, "estimators_", None)
    several = parts is not None and hasattr(head, "predict_proba") and all(hasattr(part, "coef_") for part in parts)
    coefficients = [part.coef_ for part in parts] if several else [head.coef_] if hasattr(head, "coef_") else []
    kind: ProblemTypeName = "multi_label_classification" if several else "single_label_classification"
    if coefficients:
        weight = np.concatenate(coefficients)
        bias = np.concatenate([np.atleast_1d(part.intercept_) for part in (parts if several else [head])])
        if not several and len(weight) == 1:  # the logit of the second of two classes
            weight, bias = (np.concatenate([-x / 2, x / 2]) for x in (weight, bias))
        layer = nn.Linear(weight.shape[1], len(weight))
        layer.weight.data, layer.bias.data = torch.from_numpy(weight).double(), torch.from_numpy(bias).double()
        if not hasattr(head, "predict_proba") or _agree(layer, head, several=several):
            return layer.to(parameter), kind
    if not hasattr(head, "predict_proba"):
        raise GradexplainError(
            f"the head {type(head).__name__} gives no probabilities: use one with predict_proba, such as "
            "LogisticRegression"
        )
    sample = head.predict_proba(np.random.default_rng(0).normal(size=(1, _n_features(head, body))))
    exclusive = not isinstance(sample, list) and bool(np.allclose(np.sum(sample, -1), 1))
    kind = "single_label_classification" if exclusive else "multi_label_classification"
    return _WithoutGradient(head, several=not exclusive), kind


def _agree(layer: nn.Linear, head: Any, *, several: bool) -> bool:
    """Return whether a linear layer gives the probabilities of a scikit-learn classifier."""
    sample = np.random.default_rng(0).normal(size=(8, layer.in_features))
    with torch.no_grad():
        logits = layer(torch.from_numpy(sample))
    p = logits.sigmoid() if several else logits.softmax(-1)
    expected = _probabilities(head, sample)
    return p.shape == expected.shape and bool(np.allclose(p.numpy(), expected, atol=1e-9))


def _probabilities(head: Any, embeddings: np.ndarray) -> np.ndarray:
    """Return the probabilities `(B, C)` of a scikit-learn classifier.

    A classifier of several targets returns an array for each target, with the probabilities of no and of yes. The
    probability of yes is taken.
    """
    p = head.predict_proba(embeddings)
    return np.stack([each[:, -1] for each in p], 1) if isinstance(p, list) else np.asarray(p, dtype=np.float64)


def _n_features(head: Any, body: nn.Module) -> int:
    return int(getattr(head, "n_features_in_", 0) or next(reversed(list(body.parameters()))).shape[-1])
