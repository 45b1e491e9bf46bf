"""What may be given as a model: modules, and objects of other libraries that hold a classifier.

The classes of sentence-transformers and setfit are recognised by their names, so that neither has to be installed.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tokenizers
from torch import nn
from transformers import PreTrainedTokenizerBase

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.loading.embedding_classifier import embedding_classifier
from hf_gradexplain.options import ProblemTypeName

_PROBLEM_OF: dict[str, ProblemTypeName] = {
    "sigmoid": "multi_label_classification",
    "softmax": "single_label_classification",
    "none": "regression",
}
"""The problem type that belongs to each function that a pipeline may apply to logits."""


@dataclass(frozen=True, eq=False)
class Accepted:
    """A classifier and its tokenizer, as the package runs them.

    Attributes:
        model: Takes the tokenizer's output and returns logits.
        tokenizer: The model's tokenizer.
        class_names: The names of the model's classes, if its configuration does not have them.
        problem_type: What the model's logits are, if its configuration does not say so.
    """

    model: nn.Module
    tokenizer: PreTrainedTokenizerBase
    class_names: Sequence[str] | None = None
    problem_type: ProblemTypeName | None = None


def accept(model: Any, tokenizer: Any = None) -> Accepted:
    """Return the classifier in what a user gives as a model.

    Args:
        model: Any module whose forward takes the tokenizer's output and returns logits, a text classification pipeline,
            a `CrossEncoder` of sentence-transformers, or a `SetFitModel`.
        tokenizer: The model's tokenizer; None for objects that have their own.

    Raises:
        GradexplainError: `model` or `tokenizer` is something else; the message says what to give.
    """
    if isinstance(model, str | os.PathLike):
        raise GradexplainError(
            f"Explainer takes a loaded model, but got the name {os.fspath(model)!r}: call Explainer.from_pretrained"
        )
    if _is_a(model, "Pipeline") and hasattr(model, "tokenizer"):  # a Pipeline of scikit-learn has none
        return Accepted(
            _module(model.model), _tokenizer(tokenizer or model.tokenizer, model), problem_type=_of_pipeline(model)
        )
    if _is_a(model, "CrossEncoder"):
        tokenizer = _tokenizer(tokenizer or model.tokenizer, model)
        return Accepted(_module(model.model), tokenizer, problem_type=_of_activation(model))
    if _is_a(model, "SetFitModel"):
        classifier, names, problem_type = embedding_classifier(model)
        return Accepted(classifier, _tokenizer(tokenizer or model.model_body.tokenizer, model), names, problem_type)
    return Accepted(_module(model), _tokenizer(tokenizer, model))


def _is_a(value: Any, name: str) -> bool:
    """Return whether a value is an instance of a class of this name."""
    return any(kind.__name__ == name for kind in type(value).__mro__)


def _module(model: Any) -> nn.Module:
    if _is_a(model, "SentenceTransformer"):
        raise GradexplainError(
            f"{type(model).__name__} computes embeddings and has no classes: give a classifier, such as a SetFitModel "
            "or a CrossEncoder"
        )
    if not isinstance(model, nn.Module):
        raise GradexplainError(
            "model must be a PyTorch module that takes the tokenizer's output and returns logits, a text "
            f"classification pipeline, a CrossEncoder or a SetFitModel, not {_kind(model)}"
        )
    return model


def _tokenizer(tokenizer: Any, model: Any) -> PreTrainedTokenizerBase:
    if isinstance(tokenizer, PreTrainedTokenizerBase):
        return tokenizer
    if tokenizer is None:
        raise GradexplainError(
            f"{type(model).__name__} needs its tokenizer: call Explainer(model, tokenizer), with a tokenizer from "
            "AutoTokenizer.from_pretrained"
        )
    if isinstance(tokenizer, tokenizers.Tokenizer):
        raise GradexplainError(
            "the tokenizer must be one of transformers, not tokenizers.Tokenizer: give "
            "PreTrainedTokenizerFast(tokenizer_object=tokenizer), with the names of its special tokens"
        )
    raise GradexplainError(
        f"the tokenizer must be one of transformers, not {_kind(tokenizer)}: give AutoTokenizer.from_pretrained(...)"
    )


def _kind(value: Any) -> str:
    return value.__name__ + ", a class" if isinstance(value, type) else type(value).__name__


def _of_pipeline(pipeline: Any) -> ProblemTypeName | None:
    """Return the problem type that fits the function that a pipeline applies to logits; None if it is not known.

    As in the pipeline, a model with one logit and no problem type gets a sigmoid.
    """
    applied = getattr(pipeline, "_postprocess_params", {}).get("function_to_apply")
    if applied is not None:
        return _PROBLEM_OF.get(getattr(applied, "value", applied))
    config: Any = getattr(pipeline.model, "config", None)
    one = getattr(config, "problem_type", None) is None and getattr(config, "num_labels", None) == 1
    return "multi_label_classification" if one and _is_a(pipeline, "TextClassificationPipeline") else None


def _of_activation(cross_encoder: Any) -> ProblemTypeName | None:
    """Return the problem type that fits a cross-encoder's activation; without one, several logits get a softmax."""
    name = type(getattr(cross_encoder, "activation_fn", None)).__name__.lower()
    if name == "identity":
        return "regression" if cross_encoder.model.config.num_labels == 1 else "single_label_classification"
    return _PROBLEM_OF.get(name)
