"""Which models may share prefixes: those that are causal, keep keys and values, and read them like the text itself."""

import math
import re
from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
import torch
from transformers import GPT2ForSequenceClassification

from hf_gradexplain.classifier.key_values import KeyValues
from hf_gradexplain.classifier.state import frozen_eval_mode
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.perturb import shared_prefix
from hf_gradexplain.probing.gradient_checks import sample_documents
from hf_gradexplain.probing.open_classifier import open_classifier
from hf_gradexplain.probing.prefix_check import prefix_error
from tests.architectures.zoo import OVERRIDES, InFloat64, tiny_model, tiny_tokenizer
from tests.helpers.tiny import explainer, make


def error_of(model, tokenizer, lengths=(10, 10)):
    with frozen_eval_mode(model):
        return prefix_error(open_classifier(model, tokenizer), sample_documents(tokenizer, lengths), tokenizer)


def gpt2():
    """Return a GPT-2 in float64 and its tokenizer."""
    model, tokenizer = make("gpt2")
    return model.double().eval(), tokenizer


def test_a_causal_model_shares_prefixes():
    assert 0 < error_of(*gpt2()) <= 1e-12
    assert explainer("gpt2").profile.shares_prefixes


@pytest.mark.parametrize(
    ("kind", "least"), [("bert", 0.01), ("bart", math.inf), ("fasttext", math.inf), ("bilstm", math.inf)]
)
def test_models_that_are_not_causal_or_keep_nothing_do_not(kind, least):
    model, tokenizer = make(kind)
    assert error_of(model.double().eval(), tokenizer) >= least
    assert not explainer(kind).profile.shares_prefixes


def with_a_hint_of_later_words(model):
    """The second layer is given a trace of the mean over all tokens."""
    model.transformer.h[1].register_forward_pre_hook(
        lambda layer, args: (args[0] + 1e-9 * args[0].mean(1, keepdim=True), *args[1:])
    )


def with_later_words_that_these_logits_do_not_show(model):
    """The logits of every text are zero."""
    with_a_hint_of_later_words(model)
    torch.nn.init.zeros_(model.score.weight)


def with_a_window_of_logits(model):
    """The logits of the last token depend on those before it in the same pass."""
    model.score.register_forward_hook(lambda layer, args, logits: logits.cumsum(1))


def with_states_kept_between_passes(model):
    """The model keeps fewer tokens than it was given."""
    model.register_forward_hook(
        lambda layer, args, kwargs, output: output.past_key_values and output.past_key_values.crop(-1),
        with_kwargs=True,
    )


@pytest.mark.parametrize(
    "change",
    [
        with_a_hint_of_later_words,
        with_later_words_that_these_logits_do_not_show,
        with_a_window_of_logits,
        with_states_kept_between_passes,
    ],
)
def test_what_would_change_the_logits_is_noticed(change):
    model, tokenizer = gpt2()
    change(model)
    assert error_of(model, tokenizer) > 1e-10


@pytest.mark.parametrize(
    ("model_type", "settings"),
    [
        ("gemma2", {"sliding_window": 5}),
        ("gpt_neo", {"window_size": 5}),
        ("mistral", {"sliding_window": 5}),
        (
            "llama",
            {
                "rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4},
                "max_position_embeddings": 16,
            },
        ),
    ],
)
def test_windows_shorter_than_the_text_and_positions_that_depend_on_its_length_are_kept(model_type, settings):
    with InFloat64(), mock.patch.dict(OVERRIDES, {model_type: {**OVERRIDES.get(model_type, {}), **settings}}):
        model = tiny_model(model_type)
        assert error_of(model, tiny_tokenizer(model), (30, 30)) <= 1e-12


@pytest.mark.parametrize("model_type", ["jamba", "minimax", "reformer"])
def test_states_that_are_not_keys_and_values_of_all_tokens_are_not_shared(model_type):
    with InFloat64():
        model = tiny_model(model_type)
        assert error_of(model, tiny_tokenizer(model)) == math.inf


def test_running_out_of_memory_is_not_taken_for_an_answer(monkeypatch):
    def scarce(*arguments, **named):
        raise torch.OutOfMemoryError("CUDA out of memory")

    model, tokenizer = gpt2()
    with frozen_eval_mode(model):
        classifier = open_classifier(model, tokenizer)
        monkeypatch.setattr(GPT2ForSequenceClassification, "forward", scarce)
        with pytest.raises(torch.OutOfMemoryError):
            prefix_error(classifier, sample_documents(tokenizer, (10, 10)), tokenizer)


@pytest.mark.parametrize(
    ("kind", "found", "action"),
    [
        ("gpt2", r"no word changes what stands before it \(relative error \de-\d\d\)", "computes the text before a"),
        ("bert", "no shortcut for this model class", "runs one masked copy of the text per unit"),
    ],
)
def test_the_doctor_says_where_it_holds(kind, found, action):
    (check,) = (check for check in explainer(kind).check().checks if check.name == "leave-one-out")
    assert check.verdict == "ok"
    assert re.fullmatch(found, check.found)
    assert check.action.startswith(action)


def test_the_scores_of_long_texts_are_those_of_full_copies(monkeypatch):
    monkeypatch.setattr(shared_prefix, "tokens_of_a_pass", lambda classifier: 2.0)
    explain = Explainer(*gpt2())
    texts, used = [" ".join("abcdefgh"[(i + k) % 8] for i in range(30)) for k in range(2)], []
    monkeypatch.setattr(KeyValues, "of", lambda *arguments, of=KeyValues.of: used.append(1) or of(*arguments))
    shared = [each.scores["loo"] for each in explain(texts, "loo", batch_tokens=64)]
    assert used
    used.clear()
    explain.profile = replace(explain.profile, prefix_error=math.inf)
    full = [each.scores["loo"] for each in explain(texts, "loo", batch_tokens=64)]
    assert not used
    np.testing.assert_allclose(shared, full, rtol=0, atol=1e-12)


class LastTokens(GPT2ForSequenceClassification):
    """Reads the last 50 tokens of a text: the keys and values of a longer text are not those of all tokens."""

    def forward(self, input_ids=None, attention_mask=None, **others):
        return super().forward(input_ids[:, -50:], attention_mask=attention_mask[:, -50:], **others)


@pytest.mark.parametrize("methods", ["loo", ["loo", "occlusion"], ["loo", "signed_gi"]])
def test_full_copies_run_if_long_texts_are_read_in_part(methods, monkeypatch):
    monkeypatch.setattr(shared_prefix, "tokens_of_a_pass", lambda classifier: 2.0)
    model, tokenizer = gpt2()
    model = LastTokens.from_pretrained(None, config=model.config, state_dict=model.state_dict()).double().eval()
    explain = Explainer(model, tokenizer)
    assert explain.profile.shares_prefixes
    text = " ".join("abcdefgh"[k % 8] for k in range(40))
    (shared,) = explain([text], methods, "token")
    unread = len(shared) - 50
    assert unread > 5
    assert shared.scores["loo"][:unread] == pytest.approx(np.zeros(unread), abs=1e-12)
    explain.profile = replace(explain.profile, prefix_error=math.inf)
    (full,) = explain([text], "loo", "token")
    assert np.abs(full.scores["loo"][unread:]).min() > 1e-6
    np.testing.assert_allclose(shared.scores["loo"], full.scores["loo"], rtol=0, atol=1e-12)
