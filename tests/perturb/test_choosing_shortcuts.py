"""Which models use a shortcut, and how to register one."""

import re

import numpy as np
import pytest
import torch
from torch import nn

from hf_gradexplain import perturb
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.models import FastTextConfig, FastTextForSequenceClassification
from hf_gradexplain.perturb import GENERIC, SHORTCUTS, Shortcut, register_shortcut, shortcut_of, why_no_shortcut


def fasttext():
    torch.manual_seed(0)
    config = FastTextConfig(vocab_size=12, hidden_size=6, num_labels=3, initializer_range=1.0)
    return FastTextForSequenceClassification(config).double().eval().requires_grad_(False)


class Squared(FastTextForSequenceClassification):
    """A subclass that computes something else."""

    def pool(self, embeddings, real):
        return super().pool(embeddings, real) ** 2


class Wrapped(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner


class Adapter(nn.Linear):
    """A layer with the weight of a linear one that is not linear."""

    def forward(self, x):
        return super().forward(x).tanh()


def with_new_forward(model):
    model.forward = lambda **inputs: None
    return model


def with_hook(model):
    model.classifier.register_forward_hook(lambda module, args, output: 2 * output)
    return model


def with_pre_hook(model):
    model.dropout.register_forward_pre_hook(lambda module, args: None)
    return model


def with_adapter(model):
    model.classifier = Adapter(6, 3)
    return model


def test_a_model_of_a_registered_class_has_its_shortcut():
    for model_class, shortcut in SHORTCUTS.items():
        assert shortcut_of(model_class(model_class.config_class())) is shortcut


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (
            lambda model: Squared(model.config),
            "Squared is a subclass of FastTextForSequenceClassification: register the shortcut for it if it is exact",
        ),
        (Wrapped, None),
        (with_new_forward, "it does not run as FastTextForSequenceClassification defines it"),
        (with_hook, r"its layer 'classifier' \(torch.nn.modules.linear.Linear\) does not run as"),
        (with_pre_hook, "its layer 'dropout' .* does not run as"),
        (
            with_adapter,
            r"its layer 'classifier' \(\S+test_choosing_shortcuts.Adapter\) does not run as .*: .* merge adapters",
        ),
    ],
    ids=["subclass", "wrapper", "new forward", "hook", "pre-hook", "adapter"],
)
def test_a_changed_model_gets_the_generic_form_and_a_reason(changed, why):
    assert shortcut_of(fasttext()) is not GENERIC
    assert why_no_shortcut(fasttext()) is None
    assert shortcut_of(changed(fasttext())) is GENERIC
    assert re.match(why, why_no_shortcut(changed(fasttext()))) if why else why_no_shortcut(changed(fasttext())) is None


@pytest.mark.filterwarnings("ignore:leave-one-out runs")
@pytest.mark.parametrize("changed", [with_hook, with_adapter, lambda model: Squared(model.config).double().eval()])
def test_a_changed_model_gets_its_own_logits(changed, run, ranks_of):
    rng = np.random.default_rng(0)
    model = changed(fasttext()).double().requires_grad_(False)
    forward = run(model, rng, [5, 8])
    ranks = ranks_of(rng, 1, forward)
    logits = perturb.leave_one_out(forward), perturb.removal_curves(forward, ranks)
    expected = perturb.generic.leave_one_out(forward)
    torch.testing.assert_close(logits[0], expected, rtol=0, atol=0)
    torch.testing.assert_close(logits[1][:, :, 0], forward.logits.unsqueeze(0), rtol=0, atol=0)
    as_fasttext = SHORTCUTS[FastTextForSequenceClassification].leave_one_out(forward)
    assert (as_fasttext - expected).abs().max() > 1e-3


@pytest.mark.parametrize("curves", [False, True])
def test_a_shortcut_that_cannot_be_used_is_a_warning(run, ranks_of, curves):
    forward = run(with_adapter(fasttext()).double(), rng := np.random.default_rng(0), [5])
    ranks = ranks_of(rng, 1, forward)
    with pytest.warns(
        UserWarning, match="leave-one-out runs one masked copy of the text per word, because its layer 'classifier'"
    ):
        perturb.removal_curves(forward, ranks) if curves else perturb.leave_one_out(forward)


@pytest.mark.filterwarnings("ignore:leave-one-out runs")
def test_the_generic_form_replaces_functions_that_a_registered_shortcut_lacks(run, ranks_of, monkeypatch):
    monkeypatch.setattr(perturb.shortcuts, "SHORTCUTS", dict(SHORTCUTS))
    rng = np.random.default_rng(0)
    forward = run(Squared(fasttext().config).double().eval().requires_grad_(False), rng, [5, 8])
    expected = perturb.removal_curves(forward, ranks := ranks_of(rng, 2, forward))
    register_shortcut(Squared, Shortcut(leave_one_out=lambda forward: forward.logits[:, None] * 0))
    assert not perturb.leave_one_out(forward).any()
    torch.testing.assert_close(perturb.removal_curves(forward, ranks), expected, rtol=0, atol=0)


def test_a_class_is_registered_once():
    with pytest.raises(GradexplainError, match="FastTextForSequenceClassification already has a shortcut: delete it"):
        register_shortcut(FastTextForSequenceClassification, Shortcut())
