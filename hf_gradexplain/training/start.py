"""The models that a training starts from: untrained models of this package, and pretrained models."""

import re
from dataclasses import fields
from itertools import chain
from typing import Any, cast

import torch
import yaml
from datasets import Dataset
from huggingface_hub.errors import StrictDataclassError
from torch import Tensor, nn
from transformers import (
    CONFIG_MAPPING,
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from hf_gradexplain.classifier.limits import length_limit
from hf_gradexplain.corpus import holds_conversations
from hf_gradexplain.errors import GradexplainError, choose, one_line, translate_errors
from hf_gradexplain.hub.provenance import Provenance
from hf_gradexplain.loading.safety import (
    NO_SAFETENSORS_CONVERSION,
    find_source,
    read_config,
    translate_load_errors,
    weights_options,
)
from hf_gradexplain.loading.weights import check_weights, input_embeddings
from hf_gradexplain.models import load_word_vectors, train_word_tokenizer
from hf_gradexplain.training.arguments import TrainArguments
from hf_gradexplain.training.pairs import Reward
from hf_gradexplain.training.task import Task


def new_model(arguments: TrainArguments, task: Task, rows: Dataset) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Return an untrained model of this package, and a tokenizer trained on the texts.

    Raises:
        GradexplainError: The texts are conversations, or `config_overrides` or `word_vectors` cannot be used.
    """
    if holds_conversations(rows, "text"):
        raise GradexplainError(
            f"{arguments.model_type} has no chat template, which conversations need: give model_name_or_path in place "
            "of model_type, or a dataset of texts"
        )
    tokenizer = train_word_tokenizer(
        chain.from_iterable(rows[name] for name in ("text", "text_pair") if name in rows.column_names),
        vocab_size=arguments.vocab_size,
        min_count=arguments.min_count,
        lowercase=arguments.lowercase,
        max_length=arguments.max_length,
    )
    model_type = str(arguments.model_type)
    overrides = _parse_overrides(arguments.config_overrides or "", model_type)
    vectors = load_word_vectors(arguments.word_vectors, tokenizer) if arguments.word_vectors else None
    if vectors is not None:
        overrides.setdefault("hidden_size", vectors[0].shape[1])
    with translate_errors(lambda error: f"config_overrides: {one_line(error)}", StrictDataclassError):
        config = AutoConfig.for_model(model_type, vocab_size=len(tokenizer), **task.config(), **overrides)
    model = AutoModelForSequenceClassification.from_config(config)
    if vectors is not None:
        _set_word_vectors(model, *vectors)
    return model, tokenizer


def _parse_overrides(text: str, model_type: str) -> dict[str, Any]:
    """Parse `name=value,name=value` with YAML values. Settings that data or tokenizer determine are not allowed."""
    decided = {f.name for f in fields(PreTrainedConfig)} | {"vocab_size", "pad_token_id"}
    choices = [f.name for f in fields(CONFIG_MAPPING[model_type]) if f.name not in decided]
    overrides = {}
    for item in filter(None, re.split(r",(?=\s*\w+\s*=)", text)):
        name, equals, value = item.strip().partition("=")
        choose("name in config_overrides", name, choices)
        if not equals:
            raise GradexplainError(f"config_overrides must be name=value,name=value, but {name!r} has no value")
        overrides[name] = _parse_value(name, value)
    return overrides


def _parse_value(name: str, value: str) -> Any:
    message = f"config_overrides: the value in {name}={value} is not valid YAML"
    with translate_errors(lambda error: f"{message} ({one_line(error)})", yaml.YAMLError):
        return yaml.safe_load(value)


def _set_word_vectors(model: PreTrainedModel, vectors: Tensor, known: Tensor) -> None:
    """Copy the `known` rows of `vectors` `(V, D)` into the embedding table."""
    weight = cast(nn.Embedding, model.get_input_embeddings()).weight
    if weight.shape != vectors.shape:
        raise GradexplainError(
            f"word_vectors has vectors of {vectors.shape[1]} dimensions, but config_overrides sets "
            f"hidden_size={weight.shape[1]}; leave it out or make them equal"
        )
    with torch.no_grad():
        weight[known] = vectors[known]


def pretrained_model(
    arguments: TrainArguments, task: Task
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, dict[str, Provenance]]:
    """Load a model and its tokenizer for fine-tuning; a head that does not fit the task is replaced.

    With `max_length`, the tokenizer cuts texts after this number of tokens, also when it is saved and loaded again.

    Returns:
        The model, the tokenizer, and the hub repository and commit of the `base model`.

    Raises:
        GradexplainError: The model cannot be loaded, is an adapter or has no padding token, or `max_length` is not one
            of its lengths.
    """
    name, code = str(arguments.model_name_or_path), {"trust_remote_code": arguments.trust_remote_code}
    with translate_load_errors(f"cannot fine-tune {name!r}"), NO_SAFETENSORS_CONVERSION.set():
        source = find_source(name, arguments.model_revision)
        if source.adapter is not None:
            raise GradexplainError(
                f"it is an adapter: merge it into {source.base.name!r} with peft, and name the merged model"
            )
        config = read_config(source, **code, allow_pickle=arguments.allow_pickle, changes=task.config())
        tokenizer = AutoTokenizer.from_pretrained(name, revision=source.model.commit, config=config, **code)
        model = AutoModelForSequenceClassification.from_pretrained(
            name,
            config=config,
            dtype=torch.float32,
            ignore_mismatched_sizes=True,
            **code,
            **weights_options(source, allow_pickle=arguments.allow_pickle),
        )
    check_weights(model)
    _set_padding(model, tokenizer, name)
    if arguments.max_length is not None:
        tokenizer.model_max_length = arguments.max_length
        pairs = "," in arguments.text_column and not isinstance(task, Reward)
        special = tokenizer.num_special_tokens_to_add(pair=pairs)
        if arguments.max_length <= special:
            raise GradexplainError(
                f"max_length is {arguments.max_length}, but {name!r} adds {special} special tokens to each "
                f"{'pair' if pairs else 'text'}: give {special + 1} or more"
            )
        most = read_limit(tokenizer, model)
        if most is not None and most < arguments.max_length:
            raise GradexplainError(
                f"max_length is {arguments.max_length}, but {name!r} reads at most {most} tokens: give {most} or less"
            )
    return model, tokenizer, {"base model": source.base}


def _set_padding(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, name: str) -> None:
    """Pad with the end-of-text token if there is no padding token, and tell the model if it does not know the id."""
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if tokenizer.pad_token is None:
        raise GradexplainError(
            f"the tokenizer of {name!r} has neither a padding token nor an end-of-text token, which texts of a batch "
            "need: add a pad_token to its tokenizer_config.json"
        )
    for config in (model.config, model.config.get_text_config()):
        if getattr(config, "pad_token_id", 0) is None:
            config.pad_token_id = tokenizer.pad_token_id


def read_limit(tokenizer: PreTrainedTokenizerBase, model: nn.Module) -> int | None:
    """Return the largest number of tokens of a text that is read, see `length_limit`."""
    words = input_embeddings(model)
    return length_limit(tokenizer, model, [] if words is None else [words])
