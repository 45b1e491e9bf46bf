"""Tests of the check of relevance propagation: refusals, conservation, and what it says about the model."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.probing import propagation_check
from hf_gradexplain.probing.propagation_check import PropagationCheck
from tests.helpers.same_scores import METHODS
from tests.helpers.snapshot import snapshot
from tests.helpers.tiny import KINDS, TEXTS, explainer, make
from tests.helpers.toys import TEXT, TOKENIZER, StraightThrough, Toy


def check_of(mix) -> PropagationCheck | None:
    return Explainer(Toy(mix=mix), TOKENIZER).profile.propagation


@pytest.mark.parametrize("kind", KINDS)
def test_it_tells_what_a_model_needs(kind):
    check = explainer(kind).profile.propagation
    assert check.refusal is None
    assert check.conservation_error < 1e-14
    assert check.changes_gradient == (kind not in ("fasttext", "textcnn"))
    assert check.records_inputs == (kind in ("bilstm", "bert", "bart"))


MIXES = {
    "linear": (lambda x: 2 * x + 1, False, False),
    "relu": (lambda x: F.relu(x), False, False),
    "max": (lambda x: x - x.max(1, keepdim=True).values, False, False),
    "gelu": (lambda x: F.gelu(x), True, False),
    "norm": (lambda x: F.layer_norm(x, (6,)), True, False),
    "softmax": (lambda x: torch.softmax(x @ x.mT, -1) @ x, True, False),
    "square": (lambda x: x * x, True, False),
    "tanh": (torch.tanh, True, True),
    "gate": (lambda x: x * x.sigmoid(), True, False),
    "gate through a function": (lambda x: x * x.sigmoid() + x.sigmoid(), True, True),
}


@pytest.mark.parametrize("name", MIXES)
def test_it_knows_whether_the_rules_change_the_gradient_and_read_recorded_inputs(name):
    mix, changes_gradient, records_inputs = MIXES[name]
    check = check_of(mix)
    assert (check.changes_gradient, check.records_inputs) == (changes_gradient, records_inputs)
    assert check.conservation_error < 1e-14


@pytest.mark.parametrize("kind", ["fasttext", "textcnn", "gpt2"])
def test_where_no_recorded_input_is_needed_recording_changes_nothing(kind):
    explain = Explainer(*make(kind))
    expected = explain(TEXTS[0], METHODS).scores
    explain.profile = replace(explain.profile, propagation=replace(explain.profile.propagation, records_inputs=True))
    actual = explain(TEXTS[0], METHODS).scores
    assert all(np.array_equal(actual[method], expected[method]) for method in METHODS)


def test_an_input_that_was_not_recorded_is_an_error_and_no_guess():
    """The probe's text is short, and has no tanh."""
    explain = Explainer(Toy(mix=lambda x: x.tanh() if x.shape[1] > 30 else x.relu()), TOKENIZER)
    assert not explain.profile.propagation.records_inputs
    assert explain(TEXT, "attn_lrp").scores["attn_lrp"].any()
    with pytest.raises(GradexplainError) as error:
        explain(" ".join([TEXT] * 4), "attn_lrp")
    assert str(error.value) == (
        "the input of TanhBackward0 was not recorded in the forward pass: choose methods='integrated_gradients'"
    )


def hidden(x):
    x = x * 1
    x[:, 1:].exp_()
    return x


REFUSED = {
    torch.cos: (
        "no propagation rule is known for the operation CosBackward0 of this model: choose "
        "methods='integrated_gradients' or 'loo', or add its node to a table, see docs/write-a-rule.md"
    ),
    hidden: (
        "the operation exp_ of this model changes a part of a tensor in place, which hides it from the propagation "
        "rules: choose methods='integrated_gradients' or 'loo'"
    ),
}


@pytest.mark.parametrize("mix", REFUSED)
def test_a_refusal_has_the_reason_and_no_numbers(mix):
    check = check_of(mix)
    assert check == PropagationCheck(REFUSED[mix], None, changes_gradient=False, records_inputs=False)
    assert not check.conserves(float("inf"))


def test_a_model_that_fails_under_the_rules_is_refused_with_the_error():
    check = check_of(lambda x: checkpoint(F.gelu, x, use_reentrant=False))
    assert check.refusal.startswith("relevance propagation fails on Toy (torch.utils.checkpoint: ")
    assert check.refusal.endswith("): choose methods='integrated_gradients' or 'loo'")


def test_running_out_of_memory_is_no_refusal(monkeypatch):
    def fail(*args):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(propagation_check, "conservation_error", fail)
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        check_of(torch.tanh)


def test_without_gradients_there_is_no_check():
    assert check_of(lambda x: StraightThrough.apply(x)) is None


def test_relevance_that_is_lost_is_measured():
    """Attention weights count as constants; here there is no value that they weight."""
    check = check_of(lambda x: x + torch.softmax(x, -1))
    assert check.refusal is None
    assert check.conservation_error > 0.01
    assert not check.conserves(1e-3)


def test_words_that_only_attention_weights_depend_on_get_nothing_under_cp_lrp():
    values = torch.linspace(-1, 1, 64 * 6, dtype=torch.float64).view(64, 6)
    model = Toy(mix=lambda x: torch.softmax(3 * x @ x.mT, -1) @ values[: x.shape[1]])
    explain = Explainer(model, TOKENIZER)
    assert explain.profile.propagation.refusal is None
    assert explain.profile.propagation.conservation_error > 0.01
    with pytest.warns(UserWarning, match="cp_lrp should conserve relevance"):
        scores = explain(TEXT, METHODS).scores
    assert scores["attn_lrp"].all()
    assert not scores["cp_lrp"].any()


def test_word_vectors_of_different_lengths_are_checked_together():
    def read(model, ids, mask):
        return model.words(ids) + F.pad(model.short(ids), (0, 2))

    model = Toy(read, torch.tanh)
    model.short = torch.nn.Embedding(len(TOKENIZER), 4).double()
    check = Explainer(model, TOKENIZER).profile.propagation
    assert check.refusal is None
    assert check.changes_gradient
    assert check.padding_error < 1e-12


def test_padding_is_also_checked_if_no_word_has_a_relevance_under_cp_lrp():
    check = check_of(lambda x: torch.softmax(x, -1) * torch.softmax(x, -1))
    assert check.refusal is None
    assert check.changes_gradient
    assert check.padding_error < 1e-12


@pytest.mark.parametrize(
    ("error", "tolerance", "conserves"),
    [(1e-9, 1e-9, True), (2e-9, 1e-9, False), (float("nan"), 1.0, False), (None, 1.0, False), (0.0, 0.0, True)],
)
def test_conserving_means_an_error_up_to_the_tolerance(error, tolerance, conserves):
    assert PropagationCheck(None, error).conserves(tolerance) is conserves


def test_the_model_is_restored():
    model, tokenizer = make("bert")
    model.train()
    before = snapshot(model, tokenizer)
    assert Explainer(model, tokenizer).profile.propagation.conservation_error < 1e-14
    assert snapshot(model, tokenizer) == before
