"""Find the embedding lookups of a model, and refuse models that are not sequence classifiers."""

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from hf_gradexplain.classifier.embedding_lookups import find_lookups
from hf_gradexplain.classifier.hooked_classifier import HookedClassifier
from hf_gradexplain.classifier.limits import length_limit
from hf_gradexplain.classifier.lookups import Lookup
from hf_gradexplain.classifier.memory import FAILURES, is_out_of_memory
from hf_gradexplain.classifier.objective import Objective
from hf_gradexplain.classifier.outputs import logits_of, output_of
from hf_gradexplain.classifier.state import device_of, return_names
from hf_gradexplain.classifier.token_places import Vocabulary, find_places
from hf_gradexplain.errors import GradexplainError, one_line
from hf_gradexplain.probing.gradient_checks import (
    LENGTHS,
    ordinary_ids,
    sample_documents,
    tokens_around,
    vocabulary_of,
)
from hf_gradexplain.text.collate import collate
from hf_gradexplain.text.data import Batch

_OTHER_TASKS = (
    "For(QuestionAnswering|TokenClassification|MaskedLM|CausalLM|ConditionalGeneration|MultipleChoice|PreTraining)$"
)
"""The ends of the names of classes in transformers that have heads for other tasks."""


def open_classifier(model: nn.Module, tokenizer: PreTrainedTokenizerBase) -> HookedClassifier:
    """Find the embedding lookups of a model with one sample document, within `frozen_eval_mode`.

    It is not yet known which tables hold words, so the length limit may be estimated too low. The document is not
    longer than this limit, unless the limit is below the 4 tokens that are needed.

    Raises:
        GradexplainError: The model returns no logits, or its embedding lookups cannot be found.
    """
    around, limit = tokens_around(tokenizer), length_limit(tokenizer, model)
    n = LENGTHS[0] if limit is None else min(LENGTHS[0], limit - around)
    batch = collate(sample_documents(tokenizer, [max(n, 4 - around, 2)]), [0], tokenizer, device_of(model))
    try:
        with torch.no_grad():
            output = _output_of(model, batch.inputs)
    except FAILURES as error:
        if is_out_of_memory(error):
            raise
        if re.search(_OTHER_TASKS, type(model).__name__):
            raise GradexplainError(_no_head(model)) from error
        raise GradexplainError(
            f"{type(model).__name__} cannot run on the tokenizer's output alone: {one_line(error)}. Add its other "
            "inputs in a forward pre-hook, or give a module that takes input_ids and attention_mask and returns logits"
        ) from error
    logits = logits_of(output)
    if logits is None and isinstance(output, tuple | list):
        raise GradexplainError(
            f"{type(model).__name__} returns a {type(output).__name__}: return the logits as a tensor, or an object "
            "with the attribute or key 'logits' (models of transformers do with config.return_dict = True)"
        )
    if not isinstance(logits, Tensor) or logits.ndim != 2:
        raise GradexplainError(_no_head(model))
    ids, unit_of = batch.inputs["input_ids"][0], batch.units.unit_of[0]
    other_ids = ordinary_ids(tokenizer)
    positions = [int((unit_of == unit).nonzero()) for unit in (0, batch.units.size // 2)]
    changes = [(t, next(i for i in other_ids if i != ids[t])) for t in positions]
    vocabulary = vocabulary_of(tokenizer)
    try:
        lookups = find_lookups(model, batch.inputs, changes)
    except GradexplainError:
        lookups = _rearranged_lookups(model, batch, vocabulary)
        if not lookups:
            raise
    return HookedClassifier(model, lookups, Objective("logit", "identity"), 1024, vocabulary=vocabulary)


def _output_of(model: nn.Module, inputs: Mapping[str, Tensor]) -> Any:
    """Return the output of the model as it is configured, or, if this has no logits or fails, of the naming model."""
    try:
        output = output_of(model, inputs)
        if logits_of(output) is not None or not return_names(model):
            return output
    except FAILURES as error:
        if is_out_of_memory(error) or not return_names(model):
            raise
    return output_of(model, inputs)


def _no_head(model: nn.Module) -> str:
    return (
        f"{type(model).__name__} has no sequence classification head: load the model with "
        "AutoModelForSequenceClassification, or give Explainer.from_pretrained its name"
    )


def _rearranged_lookups(model: nn.Module, batch: Batch, vocabulary: Vocabulary) -> tuple[Lookup, ...]:
    """Return the lookups of a model that rearranges even short texts, as if it read them in order; empty if not found.

    The classifier then finds out at every length where the tokens are.
    """
    try:
        places = find_places(model, batch.inputs, vocabulary)
    except GradexplainError:
        return ()
    return tuple(Lookup(x.module, x.call, 0, False, x.table, x.n_calls, given_ids=True) for x in places)
