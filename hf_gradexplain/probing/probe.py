"""What has to be seen of a model before it can be explained."""

from dataclasses import dataclass, replace

import torch
from torch import nn
from transformers import PreTrainedTokenizerBase

from hf_gradexplain.classifier.autodiff import CustomFunction, custom_functions
from hf_gradexplain.classifier.hooked_classifier import HookedClassifier
from hf_gradexplain.classifier.limits import length_limit, pad_id
from hf_gradexplain.classifier.lookups import Lookup, find_lookups
from hf_gradexplain.classifier.memory import ran_out
from hf_gradexplain.classifier.objective import Objective
from hf_gradexplain.classifier.state import device_of, frozen_eval_mode
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.probing.gradient_checks import (
    FAILURES,
    batch_error,
    finite_difference_error,
    forward_backward,
    ordinary_ids,
    sample_documents,
    tokens_around,
)
from hf_gradexplain.text.data import Batch, Document
from hf_gradexplain.text.encode import collate

LENGTHS = (10, 11, 12, 13, 45)
"""Ordinary tokens of the texts that a model is tried on: every remainder of four, and one that makes much padding."""


@dataclass(frozen=True)
class Profile:
    """What a model showed when it was probed.

    Attributes:
        lookups: Where it looks words up.
        follow: Custom autograd functions to differentiate by their forward passes, see `follow_forward`.
        no_gradient: Why gradient methods cannot explain it, or None if they can.
        alignment: How its gradients lie to its word vectors, see `Trial.alignment`; None without gradients.
        padding_error: How far texts in a padded batch were off the same texts alone, see `batch_error`.
        batch_error: How far texts in a batch of one length were off the same texts alone.
        tolerance: Up to which of these errors a batch counts as indifferent.
        max_length: The most tokens that it reads, special tokens included; None for no limit.
        pad_id: What texts are padded with; None if there is no such token that it has a vector for.
    """

    lookups: tuple[Lookup, ...]
    follow: frozenset[CustomFunction]
    no_gradient: str | None
    gradient_embedding_cosine: float | None
    padding_error: float
    batch_error: float
    tolerance: float
    max_length: int | None
    pad_id: int | None

    @property
    def padding_safe(self) -> bool:
        """Whether padding was seen to leave the answers alone; if not, only texts of equal length share a batch."""
        return self.padding_error <= self.tolerance

    @property
    def batching_safe(self) -> bool:
        """Whether texts of one length were seen to leave each other alone; if not, each goes alone."""
        return self.batch_error <= self.tolerance

    def classifier(
        self, model: nn.Module, objective: Objective, batch_tokens: int, *, mixed_precision: bool = False
    ) -> HookedClassifier:
        """Return the model with its hooks and settings."""
        return HookedClassifier(
            model,
            self.lookups,
            objective,
            batch_tokens if self.batching_safe else 1,
            follow=self.follow,
            no_gradient=self.no_gradient,
            mixed_precision=mixed_precision,
        )

    @property
    def zero_baseline_works(self) -> bool:
        """Whether gradient times word vector is more than what rounding left of zero."""
        return self.gradient_embedding_cosine is None or not self.gradient_embedding_cosine <= 0.05


def probe(model: nn.Module, tokenizer: PreTrainedTokenizerBase) -> Profile:
    """Run a handful of very short texts through the model and see how it reads them.

    Raises:
        GradexplainError: If the model returns no logits or its word lookups cannot be found.
    """
    max_length, pad = length_limit(tokenizer, model), pad_id(tokenizer, model)
    room = max(LENGTHS) if max_length is None else max_length - tokens_around(tokenizer)
    several = sample_documents(tokenizer, [min(n, room) for n in LENGTHS])
    alike = sample_documents(tokenizer, [min(LENGTHS[0], room)] * 3)
    with frozen_eval_mode(model):
        batch = collate(several[:1], [0], tokenizer, device_of(model))
        classifier = open_classifier(model, tokenizer, batch)
        follow, no_gradient = _differentiable(classifier, batch)
        classifier = replace(classifier, follow=follow)

        def error(documents: list[Document]) -> float:
            return batch_error(classifier, documents, tokenizer, gradients=no_gradient is None)

        return Profile(
            lookups=classifier.lookups,
            follow=follow,
            no_gradient=no_gradient,
            gradient_embedding_cosine=None
            if no_gradient
            else forward_backward(classifier, batch).gradient_embedding_cosine(),
            padding_error=float("inf") if pad is None else error(several),
            batch_error=error(alike),
            tolerance=min(0.02, 1e3 * torch.finfo(classifier.logits(batch.inputs).dtype).eps),
            max_length=max_length,
            pad_id=pad,
        )


def open_classifier(model: nn.Module, tokenizer: PreTrainedTokenizerBase, batch: Batch) -> HookedClassifier:
    """Find the word lookups of a model by a batch of one sample document.

    Raises:
        GradexplainError: If the model returns no logits or its word lookups cannot be found.
    """
    try:
        with torch.no_grad():
            logits = getattr(model(**batch.inputs), "logits", None)
    except FAILURES as error:
        if ran_out(error):
            raise
        raise GradexplainError(
            f"{type(model).__name__} cannot read plain text: {error}. What it needs beside the tokenizer's output, add "
            "in a forward pre-hook"
        ) from error
    if logits is None or logits.ndim != 2:
        raise GradexplainError(
            f"{type(model).__name__} has no sequence classification head: load the model with "
            "AutoModelForSequenceClassification, or give Explainer.from_pretrained its name"
        )
    ids, words = batch.inputs["input_ids"][0], batch.units.unit_of[0]
    spare = ordinary_ids(tokenizer)
    places = [int((words == unit).nonzero()) for unit in (0, batch.units.size // 2)]
    changes = [(t, next(i for i in spare if i != ids[t])) for t in places]
    return HookedClassifier(model, find_lookups(model, batch.inputs, changes), Objective("logit", "identity"), 1024)


def _differentiable(classifier: HookedClassifier, batch: Batch) -> tuple[frozenset[CustomFunction], str | None]:
    """Which custom autograd functions to differentiate by their forward passes, and why no gradient is one, if so.

    A model without such functions is taken at its word. One with them has to show that its gradients agree with
    differences, or it has none.
    """
    name = type(classifier.model).__name__
    logits = classifier.forward(batch, graph=True).logits
    if not logits.requires_grad:
        return frozenset(), f"no gradient reaches the word vectors of {name}"
    own = frozenset[CustomFunction]()
    for follow in dict.fromkeys((_with_nested(classifier, batch, custom_functions(logits)), own)):
        candidate = replace(classifier, follow=follow)
        try:
            trial = forward_backward(candidate, batch)
        except FAILURES as error:
            if ran_out(error):
                raise
            continue
        if not trial.rows().any() and follow:
            return own, f"what {name} computes is constant in steps, so its gradient is zero"
        if (not follow and not custom_functions(logits)) or finite_difference_error(candidate, trial) <= 0.01:
            return follow, None
    return own, f"the backward pass of {name} does not compute a gradient"


def _with_nested(
    classifier: HookedClassifier, batch: Batch, functions: frozenset[CustomFunction]
) -> frozenset[CustomFunction]:
    """These custom functions and those that show once their forward passes are followed."""
    if not functions:
        return functions
    try:
        logits = replace(classifier, follow=functions).forward(batch, graph=True).logits
    except FAILURES as error:
        if ran_out(error):
            raise
        return functions
    more = functions | custom_functions(logits)
    return more if more == functions else _with_nested(classifier, batch, more)
