"""Toy classifiers in float64, each unusual in one respect, and custom autograd functions for them."""

from collections.abc import Callable
from types import SimpleNamespace

import torch
from torch import Tensor, nn
from torch.autograd import Function

from tests.helpers.tokenizers_of_all_kinds import tokenizer_of

TOKENIZER = tokenizer_of("word_level", model_max_length=64)
TEXT = "the film is thoughtful : the actor plays it well"


class Toy(nn.Module):
    """Mean of a position-dependent function of the word vectors, then a linear layer.

    `read` maps `(ids, mask)` to vectors `(B, T, D)`; `mix` maps those to others.
    """

    def __init__(self, read: Callable | None = None, mix: Callable[[Tensor], Tensor] = torch.tanh) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words = nn.Embedding(len(TOKENIZER), 6)
        self.positions = nn.Parameter(torch.randn(64, 6))
        self.head = nn.Linear(6, 3)
        self.read, self.mix = read or (lambda model, ids, mask: model.words(ids)), mix
        self.config = SimpleNamespace(num_labels=3, problem_type=None, id2label={}, pad_token_id=0)
        self.double().eval()

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None
    ) -> SimpleNamespace:
        vectors = self.read(self, input_ids, attention_mask)
        states = self.mix(vectors + self.positions[: vectors.shape[1]]) * attention_mask.unsqueeze(2)
        return SimpleNamespace(logits=self.head(states.sum(1) / attention_mask.sum(1, keepdim=True)))


def square_written_out_from(length: int) -> Callable[[Tensor], Tensor]:
    """Return the function `(x + 1)^2`, written as `x^2 + 2x + 1` from a length on, which has other relevances."""
    return lambda x: (x + 1) * (x + 1) if x.shape[1] < length else x * x + 2 * x + 1


class TwiceTheGradient(Function):
    """Tanh, with a wrong backward pass."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        with torch.no_grad():
            return x.tanh()

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return 2 * grad * (1 - x.tanh() ** 2)


class Nested(Function):
    """A function whose forward pass uses another custom function."""

    @staticmethod
    def forward(ctx, x):
        return TwiceTheGradient.apply(x)

    @staticmethod
    def backward(ctx, grad):
        return grad


class StraightThrough(Function):
    """Rounding, with the gradient of the identity."""

    @staticmethod
    def forward(ctx, x):
        return (8 * x).round() / 8

    @staticmethod
    def backward(ctx, grad):
        return grad


class WithSetup(Function):
    """Tanh with `setup_context`, a correct backward pass, and a forward pass that autograd cannot follow."""

    @staticmethod
    def forward(x):
        return torch.from_numpy(x.detach().numpy()).tanh()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx, grad):
        (y,) = ctx.saved_tensors
        return grad * (1 - y**2)
