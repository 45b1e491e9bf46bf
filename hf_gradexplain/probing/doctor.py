"""A report on a model: what was checked, what was found, and what the explainer does about it."""

from typing import Any

import torch
from torch import nn
from transformers import PreTrainedTokenizerBase

from hf_gradexplain.classifier.embedding_lookups import are_complete, change_token, run_recorded
from hf_gradexplain.classifier.head import head_of, n_labels, named_sigmoid
from hf_gradexplain.classifier.hooked_classifier import HookedClassifier
from hf_gradexplain.classifier.limits import vocabulary_size
from hf_gradexplain.classifier.memory import FAILURES, is_out_of_memory
from hf_gradexplain.classifier.objective import Objective
from hf_gradexplain.classifier.outputs import run_model
from hf_gradexplain.classifier.state import ModelState, device_of, dtype_of, frozen_eval_mode
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.options import ProblemTypeName
from hf_gradexplain.perturb import GENERIC, shortcut_of, why_no_shortcut
from hf_gradexplain.probing.gradient_checks import (
    LENGTHS,
    forward_backward,
    gradient_errors,
    sample_documents,
    tokens_around,
)
from hf_gradexplain.probing.probe import Profile
from hf_gradexplain.probing.report import Check, Report
from hf_gradexplain.text.collate import collate
from hf_gradexplain.text.data import Batch
from hf_gradexplain.text.encode import Encoder, is_undivided

_LONGEST = 1024
"""The model is run at its length limit if that is at most this many tokens."""

_GRADIENT_TOLERANCE = 0.02
"""Largest accepted relative error of the gradient, compared with finite differences."""

_SENTENCES = {
    "English": "The film is so good that everyone should see it twice.",
    "Chinese": "这部电影很好，我很喜欢。",
    "Japanese": "この映画はとても面白い。",
    "Thai": "หนังเรื่องนี้ดีมากและผมชอบ",
    "Lao": "ຮູບເງົານີ້ດີຫຼາຍ",
    "Khmer": "ខ្សែភាពយន្តនេះល្អណាស់",
    "Burmese": "ဒီရုပ်ရှင်ကအရမ်းကောင်းတယ်",
}
"""A sentence in English, and in languages that put no spaces between words."""


def examine(
    model: nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    profile: Profile,
    problem_type: ProblemTypeName | None = None,
) -> Report:
    """Check a model by its profile and some more short texts.

    Args:
        model: The model; it is restored afterwards.
        tokenizer: Its tokenizer.
        profile: The results of probing it.
        problem_type: What its logits are, if its configuration does not say.

    Raises:
        GradexplainError: The problem type does not suit the number of logits.
    """
    classifier = profile.classifier(model, Objective("logit", "identity"), 1024)
    with frozen_eval_mode(model):
        checks = (
            _weights(model),
            _head(model, profile, problem_type),
            _vocabulary(model, tokenizer),
            _words(tokenizer),
            _lookups(profile),
            _length(classifier, tokenizer, profile),
            _randomness(classifier, tokenizer),
            _batches(profile),
            _padding(profile, tokenizer),
            _gradients(classifier, tokenizer, profile),
            _zero_baseline(profile),
            _gradient_sums(profile),
            _propagation(profile),
            _leave_one_out(model, profile),
        )
    return Report(type(model).__name__, checks)


def _weights(model: nn.Module) -> Check:
    parameters = list(model.parameters())
    dtypes = sorted({str(parameter.dtype).removeprefix("torch.") for parameter in parameters})
    devices = sorted({str(parameter.device) for parameter in parameters})
    finding = f"{sum(p.numel() for p in parameters):,} parameters in {', '.join(dtypes)} on {', '.join(devices)}"
    if any(parameter.is_floating_point() and parameter.element_size() < 4 for parameter in parameters):
        return Check("weights", finding, "note", "uses this dtype; dtype=torch.float32 gives more accurate gradients")
    return Check("weights", finding, "ok", "uses this dtype")


def _head(model: nn.Module, profile: Profile, problem_type: ProblemTypeName | None) -> Check:
    config: Any = getattr(model, "config", None)
    outputs, classes = profile.n_outputs, n_labels(config) or profile.n_outputs
    if outputs != classes:
        finding = f"{outputs} outputs for {classes} labels"
        return Check("head", finding, "problem", "load the model with the num_labels that it was trained with")
    head = head_of(config, outputs, problem_type)
    finding = f"{classes} labels, {head} head"
    if head == "softmax" and problem_type is None and (setting := named_sigmoid(config)):
        finding = f"{finding}, although the configuration says {setting}"
        return Check("head", finding, "note", "give problem_type='multi_label_classification' for sigmoids")
    return Check("head", finding, "ok", "explains the predicted label or a given one")


def _vocabulary(model: nn.Module, tokenizer: PreTrainedTokenizerBase) -> Check:
    size = vocabulary_size(model)
    finding = f"{len(tokenizer):,} tokens in the tokenizer" + (f", {size:,} vectors in the model" if size else "")
    if size and size < len(tokenizer):
        return Check("vocabulary", finding, "problem", "load the model's own tokenizer: some tokens have no vector")
    return Check("vocabulary", finding, "ok", "explains every token")


def _words(tokenizer: PreTrainedTokenizerBase) -> Check:
    documents = Encoder(tokenizer, None, "word")(list(_SENTENCES.values()))
    unknown = tokenizer.unk_token_id
    known = {name: d for name, d in zip(_SENTENCES, documents, strict=True) if unknown not in d.inputs["input_ids"]}
    if undivided := [name for name, document in known.items() if is_undivided(document)]:
        finding = f"a sentence is one unit in {', '.join(undivided)}"
        return Check("words", finding, "note", "gives such a sentence one score: choose unit='token'")
    names = ", ".join(known) or "none of the languages that were tried"
    return Check("words", f"knows the letters of {names}, and divides sentences", "ok", "uses words as units")


def _lookups(profile: Profile) -> Check:
    shifts = {lookup: f", shifted by {lookup.shift:+d}" if lookup.shift else "" for lookup in profile.lookups}
    finding = "; ".join(f"{lookup.module} (call {lookup.call}{shifts[lookup]})" for lookup in profile.lookups)
    return Check("word lookups", finding, "ok", "takes gradients and masks words at these layers only")


def _length(classifier: HookedClassifier, tokenizer: PreTrainedTokenizerBase, profile: Profile) -> Check:
    if profile.max_length is None:
        action = "does not truncate; set tokenizer.model_max_length if the model has a limit"
        return Check("length", "no known limit", "note", action)
    finding = f"{profile.max_length:,} tokens"
    try:
        if profile.max_length <= _LONGEST and not _reads_long_texts_like_short_ones(classifier, tokenizer, profile):
            action = "set tokenizer.model_max_length to a length at which it reads texts like short ones"
            return Check("length", f"{finding}, but the model reads such texts in other layers", "problem", action)
    except GradexplainError as error:
        found, _, action = str(error).partition(": ")
        return Check("length", f"{finding}, but {found}", "problem", action)
    except (*FAILURES, MemoryError) as error:
        if is_out_of_memory(error):
            action = "set tokenizer.model_max_length to a length that fits, or use a device with more memory"
            return Check("length", f"{finding}, but memory runs out at this length", "problem", action)
        action = f"set tokenizer.model_max_length to a length that the model supports ({type(error).__name__})"
        return Check("length", f"{finding}, but the model fails at this length", "problem", action)
    if classifier.places:
        finding += ", but the model rearranges the tokens of long texts"
        return Check("length", finding, "ok", "finds their places at every length, which takes some forward passes")
    return Check("length", finding, "ok", "truncates longer texts and reports where")


def _reads_long_texts_like_short_ones(
    classifier: HookedClassifier, tokenizer: PreTrainedTokenizerBase, profile: Profile
) -> bool:
    """Return whether words influence the logits of the longest texts only through the known lookups.

    Raises:
        GradexplainError: The model rearranges the tokens in a way that is not understood.
    """
    inputs = _batch(classifier, tokenizer, (profile.max_length or _LONGEST) - tokens_around(tokenizer)).inputs
    classifier.logits(inputs, lambda table, vectors, tokens: vectors)
    if classifier.places:
        return True
    middle = inputs["input_ids"].shape[1] // 2
    other = next(i for i in profile.vocabulary.ordinary if i != inputs["input_ids"][0, middle])
    changed = run_recorded(classifier.model, change_token(inputs, (middle, other)))
    return are_complete(classifier.model, inputs, classifier.lookups, changed)


def _randomness(classifier: HookedClassifier, tokenizer: PreTrainedTokenizerBase) -> Check:
    inputs, logits = _batch(classifier, tokenizer, LENGTHS[0]).inputs, []
    generators = ModelState(classifier.model).generators  # no others: only these are restored
    for seed in range(2):
        for generator in generators:
            generator.manual_seed(seed)
        with torch.no_grad():
            logits.append(run_model(classifier.model, inputs))
    if torch.equal(*logits):
        return Check("randomness", "none in eval mode", "ok", "nothing to do")
    return Check("randomness", "draws random numbers even in eval mode", "note", "sets the same seed before each pass")


def _batches(profile: Profile) -> Check:
    finding = f"relative error {profile.batch_error:.0e} in a batch of texts of equal length"
    if profile.batching_safe:
        return Check("batches", finding, "ok", "puts texts of equal length in one batch")
    return Check("batches", finding, "note", "runs every text alone, which is slower")


def _padding(profile: Profile, tokenizer: PreTrainedTokenizerBase) -> Check:
    finding = f"relative error {profile.padding_error:.0e} in a padded batch"
    if tokenizer.pad_token_id is None:
        finding = "the tokenizer has no pad token"
    elif profile.pad_id is None:
        finding = "the model has no vector for the pad token"
    elif profile.padding_error == float("inf"):
        finding = "the model fails on padded batches"
    if profile.padding_safe:
        return Check("padding", finding, "ok", "puts texts of different lengths in one batch")
    return Check("padding", finding, "note", "puts only texts of equal length in one batch, which is slower")


def _gradients(classifier: HookedClassifier, tokenizer: PreTrainedTokenizerBase, profile: Profile) -> Check:
    if reason := profile.no_gradient_reason:
        return Check("gradients", reason, "problem", "refuses gradient methods: choose methods='loo'")
    check = forward_backward(classifier, _batch(classifier, tokenizer, LENGTHS[0]))
    wider = _wider_dtype(classifier.model)
    if not check.token_gradients().isfinite().all():
        action = f"load the model with dtype={wider}" if wider else "choose methods='loo', or another model"
        return Check("gradients", "not finite", "problem", action)
    if not check.token_gradients().any():
        return Check("gradients", "zero for every word", "problem", "choose methods='loo', or another model or device")
    error, rounding = gradient_errors(classifier, check, _GRADIENT_TOLERANCE)
    finding = f"relative error {error:.0e}, compared with finite differences"
    if error > _GRADIENT_TOLERANCE:
        return Check("gradients", finding, "problem", "choose methods='loo': the backward pass is not the gradient")
    if rounding:
        finding = f"relative error {rounding:.0e}, compared with the gradients in float64"
    if rounding > _GRADIENT_TOLERANCE:
        return Check("gradients", finding, "problem", f"load the model with dtype={wider}")
    names = ", ".join(sorted(function.__name__ for function in profile.followed_functions))
    return Check("gradients", finding, "ok", f"differentiates the forward pass of {names}" if names else "uses them")


def _wider_dtype(model: nn.Module) -> torch.dtype | None:
    """Return the dtype to load a model in if its own one is too narrow; None if there is no wider one."""
    dtype = dtype_of(model)
    return None if dtype == torch.float64 else torch.float64 if dtype == torch.float32 else torch.float32


def _zero_baseline(profile: Profile) -> Check:
    if profile.gradient_embedding_cosine is None:
        return Check("zero baseline", "not checked, because there are no usable gradients", "note", "nothing to do")
    cosine = f"{profile.gradient_embedding_cosine:.2g}"
    finding = f"scaled cosine between gradients and word vectors {cosine}; about 1 for unrelated vectors"
    if profile.zero_baseline_works:
        return Check("zero baseline", finding, "ok", "uses it for signed_gi by default")
    return Check("zero baseline", finding, "note", "takes the mean word vector as the baseline of gradient methods")


def _gradient_sums(profile: Profile) -> Check:
    if profile.gradient_sum_cosine is None:
        return Check("gradient sums", "not checked, because there are no usable gradients", "note", "nothing to do")
    finding = f"scaled sum of the gradients of a word {profile.gradient_sum_cosine:.2g}; about 1 for unrelated numbers"
    if profile.raw_sums_work:
        return Check("gradient sums", finding, "ok", "nothing to do")
    return Check("gradient sums", finding, "note", "warns of sa_raw, whose scores are rounding noise on this model")


def _propagation(profile: Profile) -> Check:
    check = profile.propagation
    if check is None:
        return Check("propagation", "not checked, because there are no usable gradients", "note", "nothing to do")
    if check.refusal:
        return Check("propagation", check.refusal, "note", "refuses attn_lrp, cp_lrp and gi_detached")
    finding = f"relevance is conserved up to a relative error of {check.conservation_error:.0e} under cp_lrp"
    if not check.conserves(profile.tolerance):
        return Check("propagation", finding, "note", "uses it; compare it with methods='loo' on your texts")
    if profile.padding_safe and not profile.propagation_padding_safe:
        finding += ", but changed by padding"
        return Check("propagation", finding, "note", "puts only texts of equal length in one batch, which is slower")
    return Check("propagation", finding, "ok", "uses it")


def _leave_one_out(model: nn.Module, profile: Profile) -> Check:
    if reason := why_no_shortcut(model):
        return Check("leave-one-out", f"no shortcut: {reason}", "note", "runs one masked copy of the text per unit")
    if shortcut_of(model) is GENERIC and profile.shares_prefixes:
        finding = f"no word changes what stands before it (relative error {profile.prefix_error:.0e})"
        return Check("leave-one-out", finding, "ok", "computes the text before a word once for all masked copies")
    if shortcut_of(model) is GENERIC:
        return Check(
            "leave-one-out", "no shortcut for this model class", "ok", "runs one masked copy of the text per unit"
        )
    return Check("leave-one-out", "a shortcut for this model class", "ok", "computes all units from one forward pass")


def _batch(classifier: HookedClassifier, tokenizer: PreTrainedTokenizerBase, length: int) -> Batch:
    return collate(sample_documents(tokenizer, [length]), [0], tokenizer, device_of(classifier.model))
