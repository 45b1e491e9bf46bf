"""Tests of the gradient checks on devices without float64."""

import torch
from torch.overrides import TorchFunctionMode

from hf_gradexplain.probing.probe import probe
from tests.helpers.toys import TOKENIZER, Nested, Toy


class WithoutFloat64(TorchFunctionMode):
    """As on Apple's mps: tensors can be converted to float64 on the CPU only."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is torch.Tensor.double and not hasattr(args[0], "on_cpu"):
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype")
        out = function(*args, **(kwargs or {}))
        if function is torch.Tensor.cpu:
            out.on_cpu = True
        return out


def test_tensors_are_converted_to_float64_on_the_cpu_only():
    profiles = []
    for mix in (torch.tanh, lambda x: Nested.apply(x)):
        model = Toy(mix=mix).float()
        with WithoutFloat64():
            profiles.append(probe(model, TOKENIZER))
        assert profiles[-1] == probe(model, TOKENIZER)
    assert [profile.no_gradient_reason for profile in profiles] == [None, None]
