"""Tests of compiled layers: results as with plain layers, for texts of any length, and the model is restored."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.probing import compiled
from tests.helpers.tiny import make

# Tracing reads `.grad`, and PyTorch warns about it.
pytestmark = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")

TEXTS = ["bad", "the film is bad", "a thoughtful film , and a very bad end"]
METHODS = ("signed_gi", "sa_l2", "loo", "gi_prob", "integrated_gradients")


@pytest.fixture(autouse=True)
def backend(monkeypatch):
    """Trace and differentiate graphs, but run them without a C++ compiler, which may not be installed."""
    torch.compiler.reset()
    monkeypatch.setattr(compiled, "BACKEND", "aot_eager")
    yield
    torch.compiler.reset()


@pytest.mark.parametrize("name", ["bert", pytest.param("gpt2", marks=pytest.mark.slow)])
def test_compiled_layers_give_the_same_scores_as_plain_ones(name):
    model, tokenizer = make(name)
    explain = Explainer(model, tokenizer)
    graphs = []

    def counted(graph, inputs):
        graphs.append(any(isinstance(size, torch.SymInt) for size in inputs))
        return graph.forward

    compiled.BACKEND = counted
    plain, fast = (explain(TEXTS, METHODS, torch_compile=c) for c in (False, True))
    assert any(graphs), "there are graphs for any length"
    for a, b in zip(plain, fast, strict=True):
        for method in METHODS:
            np.testing.assert_allclose(b.scores[method], a.scores[method], rtol=1e-9, atol=1e-12)
    assert all(module._compiled_call_impl is None for module in model.modules())


def test_compilation_happens_once():
    model, tokenizer = make("bert")
    explain = Explainer(model, tokenizer)
    compiled.BACKEND = "eager"
    explain("bad", "signed_gi", torch_compile=True)
    calls = explain._compiled._calls
    explain("bad film", "signed_gi", torch_compile=True)
    assert explain._compiled._calls is calls
    assert list(calls) == list(model.bert.encoder.layer)


@pytest.mark.parametrize("factor", [2, float("nan")])
def test_layers_that_give_other_results_run_uncompiled(factor):
    model, tokenizer = make("bert")
    explain = Explainer(model, tokenizer)

    def wrong(graph, inputs):
        return lambda *args: tuple(factor * x if x.is_floating_point() else x for x in graph.forward(*args))

    plain = explain("the film is bad", "signed_gi")
    compiled.BACKEND = wrong
    with pytest.warns(
        UserWarning, match=r"BertForSequenceClassification gives other results when compiled .* it runs uncompiled"
    ):
        explanation = explain("the film is bad", "signed_gi", torch_compile=True)
    assert (explanation.scores["signed_gi"] == plain.scores["signed_gi"]).all()


def test_a_compiler_that_fails_is_an_error_that_says_how_to_fix_it():
    def broken(graph, inputs):
        raise RuntimeError("no compiler")

    compiled.BACKEND = broken
    with pytest.raises(GradexplainError, match=r"cannot be compiled on this machine .*leave out torch_compile"):
        Explainer(*make("bert"))("bad", "signed_gi", torch_compile=True)


def test_running_out_of_memory_is_not_reported_as_a_compiler_that_fails():
    model, tokenizer = make("bert")
    explain = Explainer(model, tokenizer)

    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    handle = model.register_forward_pre_hook(full)
    with pytest.raises(torch.OutOfMemoryError):
        explain("bad", "signed_gi", torch_compile=True)
    handle.remove()
    compiled.BACKEND = "eager"
    explain("bad", "signed_gi", torch_compile=True)
    assert explain._compiled._calls


def test_models_without_repeated_layers_run_uncompiled_with_a_warning():
    model, tokenizer = make("bert")
    model.bert.encoder.layer = nn.ModuleList([model.bert.encoder.layer[0]])
    with pytest.warns(UserWarning, match="no repeated layers that can be compiled"):
        Explainer(model, tokenizer)("bad", "signed_gi", torch_compile=True)


def test_lists_of_equal_layers_without_lookups_are_compiled():
    """The outer list of nested ones; not a single layer, not layers of several classes, not what looks up words."""

    def linears(n):
        return nn.ModuleList(nn.Linear(2, 2) for _ in range(n))

    parts = {
        "blocks": nn.ModuleList(nn.ModuleDict({"inner": linears(2)}) for _ in range(3)),
        "blocks_of_another": linears(2),
        "single": linears(1),
        "mixed": nn.ModuleList([nn.Linear(2, 2), nn.Tanh()]),
        "tables": nn.ModuleList(nn.ModuleDict({"words": nn.Embedding(2, 2)}) for _ in range(2)),
    }
    classifier = SimpleNamespace(model=nn.ModuleDict(parts), lookups=[SimpleNamespace(module="tables.1.words")])
    expected = [*parts["blocks"], *parts["blocks_of_another"]]
    assert compiled.repeated_layers(classifier) == expected


def test_a_model_with_a_shortcut_is_never_compiled():
    explain = Explainer(*make("textcnn"))
    explain("bad", "signed_gi", torch_compile=True)
    assert explain._compiled._calls is None
