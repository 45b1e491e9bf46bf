"""The device that a model is loaded on."""

import pytest
import torch

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.loading.device import find_device

CHOICES = (
    "give cpu, cuda, cuda:1 for the second GPU, mps, or auto; without a device, the model is on a GPU if there is one"
)


@pytest.mark.parametrize("device", ["cpu", "meta", torch.device("cpu")])
def test_a_device_of_this_machine_is_taken(device):
    assert find_device(device) == torch.device(device)
    assert find_device("auto") == "auto"


@pytest.mark.parametrize(("gpu", "kind"), [(False, "cpu"), (True, "cuda")])
def test_without_a_device_it_is_a_gpu_if_there_is_one(monkeypatch, gpu, kind):
    tried = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(torch, "empty", lambda size, device: tried.append((size, device)))
    assert find_device(None) == torch.device(kind)
    assert tried == [(0, torch.device(kind))]


def test_an_unknown_device_is_refused():
    with pytest.raises(GradexplainError) as refused:
        find_device("gpu")
    assert str(refused.value) == f"unknown device 'gpu': {CHOICES}"


@pytest.mark.parametrize("kind", [RuntimeError, AssertionError, NotImplementedError])
def test_a_device_that_this_machine_lacks_is_refused_with_the_first_sentence_of_the_reason(monkeypatch, kind):
    def refuse(size, device):
        raise kind("No such device. Try another.\nAt line 7.")

    monkeypatch.setattr(torch, "empty", refuse)
    with pytest.raises(GradexplainError) as refused:
        find_device("cuda:7")
    assert str(refused.value) == f"the device 'cuda:7' cannot be used (No such device): {CHOICES}"


def test_the_reason_is_short(monkeypatch):
    def refuse(size, device):
        raise RuntimeError("x" * 300 + "\nmore")

    monkeypatch.setattr(torch, "empty", refuse)
    with pytest.raises(GradexplainError, match=r"cannot be used \(x{200}\): give cpu"):
        find_device("cuda")
