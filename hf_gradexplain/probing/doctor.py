"""What a model looks like to the explainer, and what the explainer does about it."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import nn
from transformers import PreTrainedTokenizerBase

from hf_gradexplain.classifier.hooked_classifier import HookedClassifier
from hf_gradexplain.classifier.memory import ran_out
from hf_gradexplain.classifier.objective import Objective, head_of
from hf_gradexplain.classifier.state import device_of, frozen_eval_mode
from hf_gradexplain.perturb import GENERIC, shortcut_of, why_no_shortcut
from hf_gradexplain.probing.gradient_checks import (
    FAILURES,
    finite_difference_error,
    forward_backward,
    sample_documents,
    tokens_around,
)
from hf_gradexplain.probing.probe import LENGTHS, Profile
from hf_gradexplain.text.data import Batch
from hf_gradexplain.text.encode import collate

_LONGEST = 1024
"""Up to which length limit the model is tried at it."""

_SLOPE_TOLERANCE = 0.02

Verdict = Literal["ok", "note", "problem"]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: What was looked at.
        found: What was seen.
        verdict: `ok`; `note` where explanations are right but something is lost; `problem` where they cannot be.
        action: What the explainer does about it, or what to do.
    """

    name: str
    found: str
    verdict: Verdict
    action: str


@dataclass(frozen=True)
class Report:
    """What was found on a model.

    Attributes:
        model: The class of the model.
        checks: What was looked at, in the order of reading.
    """

    model: str
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether there is no problem; notes are none."""
        return all(check.verdict != "problem" for check in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """Plain strings and booleans, ready for JSON."""
        return {"model": self.model, "ok": self.ok, "checks": [asdict(check) for check in self.checks]}


def examine(model: nn.Module, tokenizer: PreTrainedTokenizerBase, profile: Profile) -> Report:
    """Look a model over, by its profile and some more short texts. It is left as found."""
    classifier = profile.classifier(model, Objective("logit", "identity"), 1024)
    with frozen_eval_mode(model):
        checks = (
            _weights(model),
            _head(classifier, tokenizer),
            _vocabulary(model, tokenizer),
            _lookups(profile),
            _length(classifier, tokenizer, profile),
            _randomness(classifier, tokenizer),
            _batches(profile),
            _padding(profile, tokenizer),
            _gradients(classifier, tokenizer, profile),
            _zero_baseline(profile),
            _leave_one_out(model),
        )
    return Report(type(model).__name__, checks)


def _weights(model: nn.Module) -> Check:
    parameters = list(model.parameters())
    dtypes = sorted({str(parameter.dtype).removeprefix("torch.") for parameter in parameters})
    devices = sorted({str(parameter.device) for parameter in parameters})
    found = f"{sum(p.numel() for p in parameters):,} in {', '.join(dtypes)} on {', '.join(devices)}"
    if any(parameter.is_floating_point() and parameter.element_size() < 4 for parameter in parameters):
        return Check("weights", found, "note", "explained as they are; dtype=torch.float32 gives exacter gradients")
    return Check("weights", found, "ok", "explained as they are")


def _head(classifier: HookedClassifier, tokenizer: PreTrainedTokenizerBase) -> Check:
    config: Any = classifier.model.config
    inputs = _batch(classifier, tokenizer, LENGTHS[0]).inputs
    outputs, classes = classifier.logits(inputs).shape[1], config.num_labels
    if outputs != classes:
        found = f"{outputs} outputs for {classes} labels"
        return Check("head", found, "problem", "load the model with the num_labels that it was trained with")
    return Check("head", f"{classes} labels, read by {head_of(config)}", "ok", "explains the label that you choose")


def _vocabulary(model: nn.Module, tokenizer: PreTrainedTokenizerBase) -> Check:
    size = getattr(getattr(model, "config", None), "vocab_size", None)
    found = f"{len(tokenizer):,} tokens" + (f", {size:,} rows in the model" if size else "")
    if size and size < len(tokenizer):
        return Check("vocabulary", found, "problem", "load the model's own tokenizer: some tokens have no row")
    return Check("vocabulary", found, "ok", "reads every token")


def _lookups(profile: Profile) -> Check:
    shifts = {lookup: f", {lookup.shift:+d} tokens" if lookup.shift else "" for lookup in profile.lookups}
    found = "; ".join(f"{lookup.module} (call {lookup.call}{shifts[lookup]})" for lookup in profile.lookups)
    return Check("word lookups", found, "ok", "differentiates and masks words here and nowhere else")


def _length(classifier: HookedClassifier, tokenizer: PreTrainedTokenizerBase, profile: Profile) -> Check:
    if profile.max_length is None:
        return Check("length", "no limit known", "note", "reads all; set tokenizer.model_max_length if there is one")
    found = f"{profile.max_length:,} tokens"
    try:
        if profile.max_length <= _LONGEST:
            classifier.logits(_batch(classifier, tokenizer, profile.max_length - tokens_around(tokenizer)).inputs)
    except (*FAILURES, MemoryError) as error:
        if ran_out(error):
            action = "set tokenizer.model_max_length to what fits, or take a device with more memory"
            return Check("length", f"{found}, for which memory runs out", "problem", action)
        action = f"set tokenizer.model_max_length to what the model can read ({type(error).__name__})"
        return Check("length", f"{found}, which the model refuses", "problem", action)
    return Check("length", found, "ok", "cuts longer texts there and says where")


def _randomness(classifier: HookedClassifier, tokenizer: PreTrainedTokenizerBase) -> Check:
    inputs, answers = _batch(classifier, tokenizer, LENGTHS[0]).inputs, []
    for seed in range(2):
        torch.manual_seed(seed)
        with torch.no_grad():
            answers.append(classifier.model(**inputs).logits)
    if torch.equal(*answers):
        return Check("randomness", "the same answer every time", "ok", "nothing")
    return Check("randomness", "draws random numbers even in eval mode", "note", "gives it the same ones at each pass")


def _batches(profile: Profile) -> Check:
    found = f"off by {profile.batch_error:.0e} beside texts of equal length"
    if profile.batching_safe:
        return Check("batches", found, "ok", "texts of equal length share a batch")
    return Check("batches", found, "note", "every text goes alone, which takes longer")


def _padding(profile: Profile, tokenizer: PreTrainedTokenizerBase) -> Check:
    found = f"off by {profile.padding_error:.0e} beside longer texts"
    if tokenizer.pad_token_id is None:
        found = "the tokenizer has no pad token"
    elif profile.pad_id is None:
        found = "the model has no vector for the pad token"
    elif profile.padding_error == float("inf"):
        found = "the model refuses padded batches"
    if profile.padding_safe:
        return Check("padding", found, "ok", "texts of all lengths share a batch")
    return Check("padding", found, "note", "only texts of equal length share a batch")


def _gradients(classifier: HookedClassifier, tokenizer: PreTrainedTokenizerBase, profile: Profile) -> Check:
    if profile.no_gradient:
        return Check("gradients", profile.no_gradient, "problem", "refuses gradient methods: choose methods='loo'")
    trial = forward_backward(classifier, _batch(classifier, tokenizer, LENGTHS[0]))
    if not trial.rows().isfinite().all():
        return Check("gradients", "not finite", "problem", "load the model in float32")
    if not trial.rows().any():
        return Check("gradients", "zero for every word", "problem", "choose methods='loo', or another model or device")
    error = finite_difference_error(classifier, trial)
    found = f"{error:.0e} off the slope along them"
    if error > _SLOPE_TOLERANCE:
        return Check("gradients", found, "problem", "compare methods='loo', and load the model in float32")
    names = ", ".join(sorted(function.__name__ for function in profile.follow))
    return Check("gradients", found, "ok", f"differentiates the forward pass of {names}" if names else "uses them")


def _zero_baseline(profile: Profile) -> Check:
    if profile.gradient_embedding_cosine is None:
        return Check("zero baseline", "not tried, for want of gradients", "note", "nothing")
    found = f"gradients lie to word vectors at {profile.gradient_embedding_cosine:.2g}; unrelated ones at 1"
    if profile.zero_baseline_works:
        return Check("zero baseline", found, "ok", "signed_gi measures from zero unless asked otherwise")
    return Check("zero baseline", found, "note", "warns that signed_gi from zero is noise: choose baseline='mean'")


def _leave_one_out(model: nn.Module) -> Check:
    if reason := why_no_shortcut(model):
        return Check("leave-one-out", f"no short cut: {reason}", "note", "runs one copy of the text per word")
    if shortcut_of(model) is GENERIC:
        return Check("leave-one-out", "no short cut for this model", "ok", "runs one copy of the text per word")
    return Check("leave-one-out", "a short cut for this model", "ok", "runs the model once")


def _batch(classifier: HookedClassifier, tokenizer: PreTrainedTokenizerBase, length: int) -> Batch:
    return collate(sample_documents(tokenizer, [length]), [0], tokenizer, device_of(classifier.model))
