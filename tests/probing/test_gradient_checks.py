"""Trials go where the model is, also onto devices that know no float64."""

import torch
from torch.overrides import TorchFunctionMode

from hf_gradexplain.probing.probe import probe
from tests.helpers.toys import TOKENIZER, Nested, Toy


class WithoutFloat64(TorchFunctionMode):
    """As on Apple's mps: numbers become float64 only where they have been brought to the CPU."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is torch.Tensor.double and not hasattr(args[0], "brought"):
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype")
        out = function(*args, **(kwargs or {}))
        if function is torch.Tensor.cpu:
            out.brought = True
        return out


def test_numbers_become_float64_on_the_cpu_alone():
    seen = []
    for mix in (torch.tanh, lambda x: Nested.apply(x)):
        model = Toy(mix=mix).float()
        with WithoutFloat64():
            seen.append(probe(model, TOKENIZER))
        assert seen[-1] == probe(model, TOKENIZER)
    assert [profile.no_gradient for profile in seen] == [None, None]
