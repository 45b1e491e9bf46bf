"""Compiled layers answer as plain ones do, for texts of any length, and leave the model as it was."""

import numpy as np
import pytest
import torch
from torch import nn

from hf_gradexplain import Explainer, compiled
from hf_gradexplain.errors import GradexplainError
from tests.helpers.tiny import make

# Tracing touches `.grad`, and PyTorch warns of it.
pytestmark = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")

TEXTS = ["bad", "the film is bad", "a thoughtful film , and a very bad end"]
METHODS = ("signed_gi", "sa_l2", "loo", "gi_prob", "integrated_gradients")


@pytest.fixture(autouse=True)
def backend(monkeypatch):
    """Graphs are traced and differentiated, but run without a C++ compiler, which a machine may not have."""
    torch.compiler.reset()
    monkeypatch.setattr(compiled, "BACKEND", "aot_eager")
    yield
    torch.compiler.reset()


@pytest.mark.parametrize("name", ["bert", "gpt2"])
def test_compiled_layers_answer_as_plain_ones_do(name):
    model, tokenizer = make(name)
    explain = Explainer(model, tokenizer)
    graphs = []

    def counted(graph, inputs):
        graphs.append(graph)
        return graph.forward

    compiled.BACKEND = counted
    plain, fast = (explain(TEXTS, METHODS, torch_compile=c) for c in (False, True))
    assert graphs
    for a, b in zip(plain, fast, strict=True):
        for method in METHODS:
            np.testing.assert_allclose(b.scores[method], a.scores[method], rtol=1e-9, atol=1e-12)
    assert all(module._compiled_call_impl is None for module in model.modules())


def test_compilation_happens_once():
    model, tokenizer = make("bert")
    explain = Explainer(model, tokenizer)
    explain(TEXTS, torch_compile=True)
    calls = explain._compiled._calls
    explain(TEXTS, torch_compile=True)
    assert explain._compiled._calls is calls
    assert list(calls) == list(model.bert.encoder.layer)


@pytest.mark.parametrize("factor", [2, float("nan")])
def test_layers_that_answer_otherwise_run_as_they_are(factor):
    model, tokenizer = make("bert")
    explain = Explainer(model, tokenizer)

    def wrong(graph, inputs):
        return lambda *args: tuple(factor * x if x.is_floating_point() else x for x in graph.forward(*args))

    plain = explain("the film is bad", "signed_gi")
    compiled.BACKEND = wrong
    with pytest.warns(UserWarning, match="BertForSequenceClassification answers otherwise when compiled"):
        found = explain("the film is bad", "signed_gi", torch_compile=True)
    assert (found.scores["signed_gi"] == plain.scores["signed_gi"]).all()


def test_a_compiler_that_fails_is_answered_with_the_mend():
    def broken(graph, inputs):
        raise RuntimeError("no compiler")

    compiled.BACKEND = broken
    with pytest.raises(GradexplainError, match=r"cannot be compiled here .*leave torch_compile out"):
        Explainer(*make("bert"))("bad", torch_compile=True)


def test_running_out_of_memory_is_not_told_as_a_compiler_that_fails():
    model, tokenizer = make("bert")
    explain = Explainer(model, tokenizer)

    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    handle = model.register_forward_pre_hook(full)
    with pytest.raises(torch.OutOfMemoryError):
        explain("bad", torch_compile=True)
    handle.remove()
    explain("bad", torch_compile=True)


def test_models_without_repeated_layers_say_so():
    model, tokenizer = make("bert")
    model.bert.encoder.layer = nn.ModuleList([model.bert.encoder.layer[0]])
    with pytest.warns(UserWarning, match="no repeated layers that can be compiled"):
        Explainer(model, tokenizer)("bad", torch_compile=True)


def test_a_model_with_a_short_cut_is_never_compiled():
    explain = Explainer(*make("textcnn"))
    explain("bad", torch_compile=True)
    assert explain._compiled._calls is None
