"""Prepare a probed model for the options of a call."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedTokenizerBase

from hf_gradexplain.attribution.baseline import baseline_vectors
from hf_gradexplain.attribution.baseline_distribution import baseline_distribution, distribution_name
from hf_gradexplain.attribution.methods import multiplies_by_words, select, uses_baseline
from hf_gradexplain.classifier.combine import Combine
from hf_gradexplain.classifier.copies import Deletion
from hf_gradexplain.classifier.head import Head, head_of, named_sigmoid
from hf_gradexplain.classifier.hooked_classifier import HookedClassifier
from hf_gradexplain.classifier.lookups import Draw
from hf_gradexplain.classifier.objective import Objective
from hf_gradexplain.classifier.state import device_of, dtype_of
from hf_gradexplain.errors import GradexplainError, warn
from hf_gradexplain.options import DELETION, BaselineName, Options, ProblemTypeName
from hf_gradexplain.options.tokenizer_kwargs import read_kwargs
from hf_gradexplain.perturb import GENERIC, shortcut_of
from hf_gradexplain.probing.probe import Profile, raw_sum_warning
from hf_gradexplain.text.collate import counted_ids, padding_values
from hf_gradexplain.viz.tables import join_words

BATCH_TOKENS = {"cpu": 1024, "cuda": 32768}
"""The default token budget of one forward pass, per kind of device."""


def batch_tokens(model: nn.Module, options: Options) -> int:
    """Return the largest number of tokens in one forward pass."""
    usual = BATCH_TOKENS.get(device_of(model).type, BATCH_TOKENS["cpu"])
    return options.batch_tokens or max(usual, shortcut_of(model).batch_tokens or 0)


@dataclass(frozen=True)
class Outputs:
    """How the logits of texts are made from those of the model, if the two differ.

    Attributes:
        combine: How the logits of a text's sequences become those of the text.
        class_names: `(C,)` the names of the classes.
        head: What turns the logits into probabilities.
    """

    combine: Combine
    class_names: tuple[str, ...]
    head: Head


def prepare(
    model: nn.Module, tokenizer: PreTrainedTokenizerBase, profile: Profile, options: Options, head: Head
) -> HookedClassifier:
    """Return the model with its lookups, objective and baselines, within `frozen_eval_mode`.

    Raises:
        GradexplainError: The options do not fit the model.
    """
    chosen = select(options.methods)
    multiplying = [name for name, method in chosen.items() if multiplies_by_words(method)]
    if multiplying and options.baseline == "zero" and not profile.zero_baseline_works:
        warn(
            f"{type(model).__name__} ignores the length of its word vectors, so zero is no valid baseline "
            f"for {join_words(multiplying)}: leave out baseline='zero'"
        )
    if "sa_raw" in options.methods and not profile.raw_sums_work:
        warn(raw_sum_warning(model))
    by_rules = any(method.source.propagates for method in chosen.values())
    if by_rules and options.torch_compile:
        warn("torch_compile is ignored: relevance propagation needs uncompiled layers")
    if ignored := ignored_baseline(options):
        warn(ignored)
    classifier = profile.classifier(
        model,
        Objective(options.objective, head),
        batch_tokens(model, options),
        mixed_precision=_is_mixed(model, options),
        for_propagation=by_rules,
    )
    return replace(
        classifier,
        baseline=baseline_vectors(classifier, tokenizer, options.baseline or "zero"),
        gradient_baseline=baseline_vectors(classifier, tokenizer, _gradient_baseline(profile, options)),
        deletion=_deletion(tokenizer, profile, options),
        draw_baseline=_draw_baseline(classifier, tokenizer, options),
    )


def _is_mixed(model: nn.Module, options: Options) -> bool:
    """Return whether matrix products run in bfloat16."""
    mixed = options.mixed_precision == "bf16" and shortcut_of(model) is GENERIC
    if mixed and dtype_of(model) == torch.float16:
        raise GradexplainError(
            "mixed_precision='bf16' does not fit weights in float16: leave out mixed_precision, or load the model with "
            "dtype='float32'"
        )
    return mixed


def ignored_baseline(options: Options) -> str:
    """Return a sentence if another option limits what the given baseline does; otherwise an empty string.

    With `mask="deletion"`, units are cut out. Only methods that multiply by word vectors, or that draw baselines around
    the given baseline, then use it. With `reference_texts`, `gradient_shap` draws words of these texts instead. If no
    other method multiplies by word vectors, the baseline then only says how words are masked.

    >>> ignored_baseline(Options(("loo",), mask="deletion", baseline="mean"))
    "baseline='mean' is ignored, as mask='deletion' cuts words out and no method needs it: leave out baseline or mask"
    """
    if options.baseline is None:
        return ""
    methods = select(options.methods)
    drawn = {name for name, method in methods.items() if method.source.draws_baselines}
    users = {name for name, m in methods.items() if uses_baseline(m) and not m.source.masks}
    if options.reference_texts:
        users -= drawn
    if users or (options.mask != DELETION and not (drawn and options.reference_texts)):
        return ""
    if options.mask == DELETION:
        why = "mask='deletion' cuts words out and no method needs it"
        return f"baseline={options.baseline!r} is ignored, as {why}: leave out baseline or mask"
    return (
        f"baseline={options.baseline!r} says only how words are masked, as {join_words(sorted(drawn))} draws from "
        "reference_texts: leave out baseline or reference_texts"
    )


def _draw_baseline(classifier: HookedClassifier, tokenizer: PreTrainedTokenizerBase, options: Options) -> Draw | None:
    """Return the distribution of random baselines; None if no method uses them."""
    if any(method.source.draws_baselines for method in select(options.methods).values()):
        return baseline_distribution(classifier, tokenizer, options)
    if options.reference_texts:
        raise GradexplainError("reference_texts are for gradient_shap: add it to methods, or leave out reference_texts")
    return None


def _deletion(tokenizer: PreTrainedTokenizerBase, profile: Profile, options: Options) -> Deletion | None:
    """Return how the tokens of removed units are cut out; None if they are replaced by the baseline."""
    if options.mask != DELETION:
        return None
    kwargs = read_kwargs(options.tokenizer_kwargs)
    fixed_length = "padding" in kwargs
    side = kwargs.get("padding_side", tokenizer.padding_side) if fixed_length else tokenizer.padding_side
    return Deletion(
        filler=profile.pad_id or 0,
        padding=padding_values(tokenizer),
        left=side == "left",
        fixed_length=fixed_length,
        special=counted_ids(tokenizer),
    )


def head_of_model(model: nn.Module, profile: Profile, problem_type: ProblemTypeName | None) -> Head:
    """Return the head that turns the logits into probabilities; warn if the configuration suggests another head."""
    config: Any = getattr(model, "config", None)
    head = head_of(config, profile.n_outputs, problem_type)
    if head == "softmax" and problem_type is None and (setting := named_sigmoid(config)):
        warn(
            f"the configuration of {type(model).__name__} says {setting}, but has no problem_type, so "
            "probabilities are computed by a softmax: give problem_type='multi_label_classification' to use sigmoids"
        )
    return head


def baselines_of(profile: Profile, options: Options) -> dict[str, str]:
    """Return the name of the baseline of each method that has one; `auto` must have been replaced by a method."""
    named = select(options.methods)
    vectors = options.baseline or "zero"
    baselines: dict[str, str] = {name: vectors for name, method in named.items() if uses_baseline(method)}
    baselines |= {name: masking(options) for name, method in named.items() if method.source.masks}
    baselines |= {name: distribution_name(options) for name, m in named.items() if m.source.draws_baselines}
    multiplying = {name for name, method in named.items() if multiplies_by_words(method)}
    return baselines | dict.fromkeys(multiplying & baselines.keys(), _gradient_baseline(profile, options))


def masking(options: Options) -> str:
    """Return what replaces a removed unit in masked copies: the name of the baseline, or `deletion`."""
    return options.mask if options.mask == DELETION else options.baseline or "zero"


def _gradient_baseline(profile: Profile, options: Options) -> BaselineName:
    """Return the baseline of methods that multiply ordinary gradients by word vectors."""
    return options.baseline or ("zero" if profile.zero_baseline_works else "mean")
