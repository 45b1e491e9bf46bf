"""Add a constant to the word vectors and subtract it from position vectors, so that the function stays the same."""

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from torch import Tensor, nn

from hf_gradexplain.audit.sanity.model_layers import replaced_parameters
from hf_gradexplain.classifier.embedding_lookups import same_logits
from hf_gradexplain.classifier.hooked_classifier import HookedClassifier
from hf_gradexplain.classifier.outputs import run_model

_MOST_TABLES = 4
"""The largest number of tables that are tried as those to subtract the constant from."""


@dataclass(frozen=True)
class InputShift:
    """Other parameters with which a model computes the same function of a text.

    Attributes:
        words: The names of the word tables, to which the constant is added.
        positions: The names of the tables from which it is subtracted.
        values: The new parameters, by name.
    """

    words: tuple[str, ...]
    positions: tuple[str, ...]
    values: Mapping[str, Tensor]


def find_input_shift(classifier: HookedClassifier, inputs: Mapping[str, Tensor], seed: int = 0) -> InputShift | None:
    """Find tables of positions or segments that can compensate for a constant added to all word vectors.

    The constant is a Gaussian vector with the standard deviation of the entries of the word table, so that it is about
    as long as a word vector. Tables are tried one by one and, for models that look words up several times, together. A
    table is used if the logits stay the same up to rounding.

    Args:
        classifier: The model with its lookups, within `frozen_eval_mode`.
        inputs: The inputs of a text, each `(1, T)`.
        seed: Seed of the constant.

    Returns:
        The new parameters; None if there is no such table, as in models with rotary position embeddings.
    """
    model = classifier.model
    tables = {name: module for name, module in model.named_modules() if isinstance(module, nn.Embedding)}
    words = list(dict.fromkeys(lookup.module for lookup in classifier.lookups))
    if not all(name in tables and type(tables[name].weight) is nn.Parameter for name in words):
        return None
    size, entries = tables[words[0]].embedding_dim, tables[words[0]].weight.detach()
    noise = np.random.default_rng((seed, size)).standard_normal(size)
    constant = torch.from_numpy(noise).to(entries) * entries.std()
    shifted = {f"{name}.weight": tables[name].weight.detach() + constant for name in words}
    others = [name for name, table in tables.items() if name not in words and table.embedding_dim == size]
    expected = _logits(model, inputs, {})
    if same_logits(_logits(model, inputs, shifted), expected):
        return None
    for chosen in _choices(others, len(words)):
        values = {**shifted, **{f"{name}.weight": tables[name].weight.detach() - constant for name in chosen}}
        if same_logits(_logits(model, inputs, values), expected):
            return InputShift(tuple(words), chosen, values)
    return None


def _choices(tables: list[str], n_words: int) -> Iterator[tuple[str, ...]]:
    for n in range(1, min(n_words, len(tables)) + 1):
        yield from combinations(tables[:_MOST_TABLES], n)


@torch.no_grad()
def _logits(model: nn.Module, inputs: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> Tensor:
    with replaced_parameters(model, values) if values else nullcontext():
        return run_model(model, inputs)
