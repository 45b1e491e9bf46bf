"""Tests of saving and restoring a model's state."""

import json
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from hf_gradexplain.classifier.state import (
    UNUSED_PAD_ID,
    ModelState,
    _configs,
    _without_autocast,
    device_of,
    dtype_of,
    frozen_eval_mode,
)
from tests.helpers import forked
from tests.helpers.snapshot import snapshot
from tests.helpers.tiny import KINDS, make


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("error", [False, True])
def test_the_model_is_restored(kind, error):
    model, tokenizer = make(kind)
    model.train()
    next(model.parameters()).requires_grad_(False)
    before = snapshot(model, tokenizer)
    try:
        with frozen_eval_mode(model):
            assert not model.training
            assert not any(parameter.requires_grad for parameter in model.parameters())
            torch.randn(3)
            if error:
                raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    assert snapshot(model, tokenizer) == before


def test_a_model_without_a_pad_token_gets_an_id_that_no_token_has():
    model, _ = make("gpt2")
    with frozen_eval_mode(model):
        assert model.config.pad_token_id == UNUSED_PAD_ID
    assert model.config.pad_token_id is None
    model, _ = make("bert")
    with frozen_eval_mode(model):
        assert model.config.pad_token_id == 0


def test_gradients_are_enabled_even_in_inference_mode():
    model, _ = make("bert")
    with torch.inference_mode(), frozen_eval_mode(model):
        assert torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()


def test_attributes_buffers_and_submodules_that_a_forward_pass_changes_are_restored():
    """Some models switch to another attention permanently, or extend a cache of positions."""
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    part, buffer = model[0], model[1].running_mean
    model.kind = "sparse"
    with ModelState(model).restore():
        model.kind = "full"
        model.added = True
        model[0] = nn.Identity()
        model[1].running_mean = torch.ones(2)
        model[1].register_buffer("cache", torch.ones(9))
    assert model.kind == "sparse"
    assert not hasattr(model, "added")
    assert model[0] is part
    assert model[1].running_mean is buffer
    assert "cache" not in dict(model.named_buffers())


def test_random_numbers_are_fixed_inside_and_unchanged_outside():
    state = ModelState(nn.Linear(1, 1))
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    first = torch.rand(1)
    with state.restore():
        inside = torch.rand(1)
    assert torch.equal(torch.cat([first, torch.rand(1)]), expected)
    with state.restore():
        assert torch.equal(torch.rand(1), inside)


def test_modules_compiled_in_place_run_uncompiled():
    model, _ = make("bert")
    calls = []
    model.bert._compiled_call_impl = lambda *args, **kwargs: calls.append(1)
    with frozen_eval_mode(model):
        model(input_ids=torch.tensor([[2, 9, 3]]))
    assert not calls
    assert model.bert._compiled_call_impl is not None


def test_inputs_go_to_the_device_of_the_first_loaded_weights():
    model = nn.Sequential(nn.Linear(1, 1, device="meta"), nn.Linear(1, 1))
    assert device_of(model) == torch.device("cpu")
    assert device_of(nn.Identity()) == torch.device("cpu")


@pytest.mark.skipif(not hasattr(torch.backends.cudnn, "conv"), reason="before PyTorch 2.9 there was one option")
def test_cudnn_is_exact_within_the_block_and_restored_afterwards():
    cases = json.loads(forked.run("-m", "tests.helpers.precisions").stdout)
    for (models, followers), (_, expected) in zip(cases[::2], cases[1::2], strict=True):
        assert followers == expected, "each option follows the more general ones as before"
        for i, (before, within, after) in enumerate(models):
            convolves, recurrent = i // 2 == 0, i // 2 == 1
            assert before == after
            assert within[0] is not recurrent
            assert within[3] != "tf32" if convolves else within[1:] == before[1:]
    default = cases[0][0][0][0]
    assert default[3] == "tf32", "TF32 is on by default"


@pytest.mark.parametrize("error", [False, True])
def test_the_single_option_of_older_versions_is_restored(error, monkeypatch):
    cudnn, seen = SimpleNamespace(enabled=True, allow_tf32=True), []
    monkeypatch.setattr(torch.backends, "cudnn", cudnn)
    try:
        with frozen_eval_mode(nn.Conv1d(2, 2, 1)):
            seen.append(cudnn.allow_tf32)
            if error:
                raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    assert (seen, cudnn.allow_tf32) == ([False], True)


def test_the_dtype_is_that_of_most_floating_point_parameters():
    assert dtype_of(nn.Identity()) == torch.float32
    assert dtype_of(nn.Linear(3, 3, dtype=torch.float16)) == torch.float16
    mixed = nn.ModuleList([nn.Linear(3, 3, dtype=torch.float16), nn.Linear(4, 4, dtype=torch.float64)])
    assert dtype_of(mixed) == torch.float64
    mixed.codes = nn.Parameter(torch.ones(1000, dtype=torch.int64), requires_grad=False)
    assert dtype_of(mixed) == torch.float64


def test_the_configurations_of_a_model():
    """A part that reads text may have one of its own; settings of both are restored."""
    model, text = nn.Identity(), SimpleNamespace(name="text")
    assert _configs(model) == []
    model.config = {"a": 1}
    assert _configs(model) == []  # a mapping has no attributes that could be changed
    model.config = SimpleNamespace(name="whole")
    assert _configs(model) == [model.config]
    own = SimpleNamespace(name="own")
    own.get_text_config = lambda: own
    model.config = own
    assert [config.name for config in _configs(model)] == ["own"]
    model.config = SimpleNamespace(name="whole", get_text_config=lambda: text)
    assert [config.name for config in _configs(model)] == ["whole", "text"]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_is_off_within_the_block_and_restored_afterwards(dtype):
    model, x = nn.Linear(2, 2), torch.ones(1, 2)
    with torch.autocast("cpu", dtype):
        with frozen_eval_mode(model):
            assert not torch.is_autocast_enabled("cpu")
            assert model(x).dtype == torch.float32
        assert torch.is_autocast_enabled("cpu")
        assert model(x).dtype == dtype
    with frozen_eval_mode(model), torch.autocast("cpu", dtype):
        assert model(x).dtype == dtype, "mixed precision on purpose"


def test_autocast_is_off_on_the_devices_of_the_model(monkeypatch):
    entered = []
    monkeypatch.setattr(torch, "autocast", lambda device, enabled: entered.append((device, enabled)) or nullcontext())
    devices = ["meta", "cuda", "cuda", "xpu"]
    parameters = [SimpleNamespace(device=torch.device(name)) for name in devices]
    with _without_autocast(SimpleNamespace(parameters=lambda: parameters)):
        assert sorted(entered) == [("cpu", False), ("cuda", False), ("xpu", False)]
