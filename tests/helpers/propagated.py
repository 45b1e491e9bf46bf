"""Backward passes through single functions that follow a rule set."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from hf_gradexplain.classifier.hooked_classifier import ForwardPass
from hf_gradexplain.classifier.recording import RecordInputs
from hf_gradexplain.options import Options
from hf_gradexplain.propagation.graph import Graph, apply_rules
from hf_gradexplain.propagation.rules import RuleSet
from tests.helpers.tiny import TEXTS, explainer


def propagated(
    function: Callable[..., Tensor], inputs: Sequence[Tensor], rules: RuleSet, output_grad: Tensor | None = None
) -> tuple[Tensor, ...]:
    """Return the gradients of the inputs under a rule set; zeros where nothing arrives.

    Args:
        function: A function of the inputs.
        inputs: Its inputs, all of them live.
        rules: The rule set.
        output_grad: The gradient of the output; by default ones.
    """
    leaves = [x.detach().clone().requires_grad_() for x in inputs]
    with RecordInputs() as recorder:
        y = function(*leaves)
    grad = torch.ones_like(y) if output_grad is None else output_grad
    with apply_rules(Graph(y, leaves), rules, recorder.inputs):
        return torch.autograd.grad(y, leaves, grad, materialize_grads=True)


def forward_of(kind: str) -> ForwardPass:
    """Return a forward pass over the shortest text, with its graph and all inputs that nodes do not save."""
    batch = next(explainer(kind).run([TEXTS[3]], Options(("attn_lrp",))))
    return replace(batch.forward.classifier, records_inputs=True).forward(batch.forward.batch, graph=True)


def random(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed + sum(shape))
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def assert_equal(actual: Tensor, expected: np.ndarray) -> None:
    torch.testing.assert_close(actual, torch.tensor(expected), rtol=1e-12, atol=1e-15)
