"""Checks run on a model before it is explained."""

from dataclasses import dataclass, replace

import torch
from torch import nn
from transformers import PreTrainedTokenizerBase

from hf_gradexplain.classifier.autodiff import CustomFunction, custom_functions
from hf_gradexplain.classifier.hooked_classifier import HookedClassifier
from hf_gradexplain.classifier.limits import length_limit, pad_id
from hf_gradexplain.classifier.lookups import Lookup
from hf_gradexplain.classifier.memory import FAILURES, is_out_of_memory
from hf_gradexplain.classifier.objective import Objective
from hf_gradexplain.classifier.state import device_of, frozen_eval_mode
from hf_gradexplain.classifier.token_places import Vocabulary
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.probing.gradient_checks import (
    LENGTHS,
    batch_error,
    documents_without_ties,
    forward_backward,
    gradient_errors,
    lengths_within,
    sample_documents,
    tokens_around,
    vocabulary_of,
)
from hf_gradexplain.probing.open_classifier import open_classifier
from hf_gradexplain.probing.prefix_check import prefix_error
from hf_gradexplain.probing.propagation_check import PropagationCheck, check_padding, check_propagation
from hf_gradexplain.probing.tokenizer_checks import check_room
from hf_gradexplain.text.collate import collate
from hf_gradexplain.text.data import Batch, Document

_NOISE = 0.05
"""Up to this scaled cosine of the gradient and a vector, their product counts as rounding error."""


def raw_sum_warning(model: nn.Module) -> str:
    """Return the warning that `sa_raw` says nothing on a model, see `Profile.raw_sums_work`."""
    return (
        f"{type(model).__name__} subtracts the mean of its word vectors, so that the gradients of a word add up to 0 "
        "and the scores of sa_raw are rounding noise: choose another method"
    )


@dataclass(frozen=True)
class Profile:
    """Results of probing a model.

    Attributes:
        lookups: The embedding lookups of the model.
        vocabulary: Ids for further experiments with the lookups.
        followed_functions: Custom autograd functions that are differentiated by their forward passes, see
            `follow_forward`.
        no_gradient_reason: Why gradient methods cannot be used; None if they can.
        gradient_embedding_cosine: Scaled cosine between gradients and word vectors, see
            `GradientCheck.gradient_embedding_cosine`; None without gradients.
        gradient_sum_cosine: Scaled cosine between gradients and the vector of ones, see
            `GradientCheck.gradient_sum_cosine`; None without gradients.
        propagation: What relevance propagation does on the model; None without gradients.
        padding_error: Relative error of texts in a padded batch, compared with each text alone, see `batch_error`.
        batch_error: Relative error of texts in a batch of texts of equal length, compared with each text alone.
        prefix_error: Relative error of masked texts whose first tokens are taken from the plain texts, see
            `hf_gradexplain.probing.prefix_check`; infinite if the model keeps no keys and values.
        tolerance: Largest of these errors that is accepted as rounding.
        max_length: Largest number of tokens of a text, special tokens included; None for no limit.
        n_outputs: Number of logits of a text.
        pad_id: Id of the pad token; None if there is none, or if the model has no vector for it.
    """

    lookups: tuple[Lookup, ...]
    vocabulary: Vocabulary
    followed_functions: frozenset[CustomFunction]
    no_gradient_reason: str | None
    gradient_embedding_cosine: float | None
    gradient_sum_cosine: float | None
    propagation: PropagationCheck | None
    padding_error: float
    batch_error: float
    prefix_error: float
    tolerance: float
    max_length: int | None
    pad_id: int | None
    n_outputs: int

    @property
    def padding_safe(self) -> bool:
        """Whether padding does not change the results of short texts; if not, texts in a batch have equal lengths."""
        return self.padding_error <= self.tolerance

    @property
    def propagation_padding_safe(self) -> bool:
        """Whether padding changes neither the results of short texts nor their relevances."""
        check = self.propagation
        return self.padding_safe and check is not None and check.padding_error <= self.tolerance

    @property
    def batching_safe(self) -> bool:
        """Whether texts of equal length in a batch do not change each other's results. If they do, texts run alone."""
        return self.batch_error <= self.tolerance

    @property
    def shares_prefixes(self) -> bool:
        """Whether masked copies of a text may share what stands before their masked words."""
        return self.prefix_error <= self.tolerance

    def classifier(
        self,
        model: nn.Module,
        objective: Objective,
        batch_tokens: int,
        *,
        mixed_precision: bool = False,
        for_propagation: bool = False,
    ) -> HookedClassifier:
        """Return the model with its hooks and settings.

        Raises:
            GradexplainError: Relevance propagation is asked for and cannot be used on the model.
        """
        if for_propagation and self.propagation is not None and self.propagation.refusal:
            raise GradexplainError(self.propagation.refusal)
        return HookedClassifier(
            model,
            self.lookups,
            objective,
            batch_tokens if self.batching_safe else 1,
            followed_functions=self.followed_functions,
            no_gradient_reason=self.no_gradient_reason,
            mixed_precision=mixed_precision,
            for_propagation=for_propagation,
            shares_prefixes=self.shares_prefixes,
            vocabulary=self.vocabulary,
            records_inputs=for_propagation and self.propagation is not None and self.propagation.records_inputs,
        )

    @property
    def zero_baseline_works(self) -> bool:
        """Whether gradient times word vector is larger than rounding error.

        It is not larger if the model normalises its word vectors, because their length then has no influence.
        """
        return self.gradient_embedding_cosine is None or not self.gradient_embedding_cosine <= _NOISE

    @property
    def raw_sums_work(self) -> bool:
        """Whether the sum of a word's gradients, which is `sa_raw`, is larger than rounding error.

        It is not larger if the model subtracts the mean of each word vector, as a layer norm does.
        """
        return self.gradient_sum_cosine is None or not self.gradient_sum_cosine <= _NOISE

    @property
    def in_words(self) -> dict[str, str]:
        """What a user has to know about the model, by subject."""
        together = (
            "texts of different lengths share a batch" if self.padding_safe else "texts of equal length share one"
        )
        return {
            "length": "no known limit" if self.max_length is None else f"up to {self.max_length:,} tokens of a text",
            "batches": together if self.batching_safe else "each text runs alone",
            "gradients": "usable" if self.no_gradient_reason is None else self.no_gradient_reason,
            "baseline": "zero" if self.zero_baseline_works else "mean, because the length of word vectors is ignored",
        }


def probe(model: nn.Module, tokenizer: PreTrainedTokenizerBase) -> Profile:
    """Probe a model with a few very short sample texts.

    Args:
        model: The model; it is restored afterwards.
        tokenizer: Its tokenizer.

    Raises:
        GradexplainError: The model returns no logits, or its embedding lookups cannot be found.
    """
    pad = pad_id(tokenizer, model)
    with frozen_eval_mode(model):
        classifier = open_classifier(model, tokenizer)
        max_length = length_limit(tokenizer, model, classifier.lookup_layers)
        check_room(tokenizer, max_length)
        room = max(LENGTHS) if max_length is None else max_length - tokens_around(tokenizer)
        different_lengths = documents_without_ties(tokenizer, lengths_within(room))
        equal_lengths = sample_documents(tokenizer, [min(LENGTHS[0], room)] * 3)
        batch = collate(equal_lengths[:1], [0], tokenizer, device_of(model))
        followed, no_gradient_reason = _check_gradients(classifier, batch)
        classifier = replace(classifier, followed_functions=followed)
        check = None if no_gradient_reason else forward_backward(classifier, batch)

        def error(documents: list[Document]) -> float:
            return batch_error(classifier, documents, tokenizer, gradients=no_gradient_reason is None)

        propagation = None if no_gradient_reason else check_propagation(classifier, batch)
        if propagation is not None and propagation.refusal is None and pad is not None:
            shortest_and_longest = [different_lengths[0], different_lengths[-1]]
            propagation = check_padding(propagation, classifier, shortest_and_longest, tokenizer)
        logits = classifier.logits(batch.inputs)
        return Profile(
            lookups=classifier.lookups,
            vocabulary=vocabulary_of(tokenizer),
            followed_functions=followed,
            no_gradient_reason=no_gradient_reason,
            gradient_embedding_cosine=None if check is None else check.gradient_embedding_cosine(),
            gradient_sum_cosine=None if check is None else check.gradient_sum_cosine(),
            propagation=propagation,
            padding_error=float("inf") if pad is None else error(different_lengths),
            batch_error=error(equal_lengths),
            prefix_error=prefix_error(classifier, equal_lengths[:2], tokenizer),
            tolerance=min(0.02, 1e3 * torch.finfo(logits.dtype).eps),
            max_length=max_length,
            pad_id=pad,
            n_outputs=logits.shape[1],
        )


def _check_gradients(classifier: HookedClassifier, batch: Batch) -> tuple[frozenset[CustomFunction], str | None]:
    """Return the custom autograd functions to differentiate by their forward passes, and why gradients are unusable.

    The gradients of a model without custom functions are trusted. The gradients of a model with custom functions must
    agree with finite differences; otherwise they are unusable.
    """
    name = type(classifier.model).__name__
    logits = classifier.forward(batch, graph=True).logits
    if not logits.requires_grad:
        return frozenset(), f"no gradient reaches the word vectors of {name}"
    none = frozenset[CustomFunction]()
    for followed in dict.fromkeys((_with_nested(classifier, batch, custom_functions(logits)), none)):
        candidate = replace(classifier, followed_functions=followed)
        try:
            check = forward_backward(candidate, batch)
        except FAILURES as error:
            if is_out_of_memory(error):
                raise
            continue
        if not check.token_gradients().any() and followed:
            return none, f"{name} computes a step function, whose gradient is zero"
        if (not followed and not custom_functions(logits)) or gradient_errors(candidate, check, 0.01)[0] <= 0.01:
            return followed, None
    return none, f"the backward pass of {name} does not compute the gradient"


def _with_nested(
    classifier: HookedClassifier, batch: Batch, functions: frozenset[CustomFunction]
) -> frozenset[CustomFunction]:
    """Return these custom functions and those inside their forward passes."""
    if not functions:
        return functions
    try:
        logits = replace(classifier, followed_functions=functions).forward(batch, graph=True).logits
    except FAILURES as error:
        if is_out_of_memory(error):
            raise
        return functions
    more = functions | custom_functions(logits)
    return more if more == functions else _with_nested(classifier, batch, more)
