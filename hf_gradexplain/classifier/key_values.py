"""The keys and values of texts, from which a causal model can continue without computing their tokens again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from hf_gradexplain.classifier.hooked_model import HookedModel


class CacheError(RuntimeError):
    """A model does not keep keys and values of all tokens."""


@dataclass(frozen=True, eq=False)
class KeyValues:
    """The keys and values of `B` texts of `T` tokens.

    Attributes:
        layers: The keys and values of each attention layer, each `(B, heads, T, dims)`.
        logits: `(B, C)` logits of the texts.
    """

    layers: tuple[tuple[Tensor, Tensor], ...]
    logits: Tensor

    @classmethod
    @torch.no_grad()
    def of(cls, model: HookedModel, inputs: Mapping[str, Tensor], masked: Tensor | None = None) -> Self:
        """Run the model on `(B, T)` inputs, with the vectors of `masked` tokens `(B, T)` set to the baseline.

        Raises:
            CacheError: The model does not keep keys and values of all tokens.
        """
        cache: Any = DynamicCache()
        with_cache: dict[str, Any] = {**inputs, "past_key_values": cache, "use_cache": True}
        logits = model.logits(with_cache) if masked is None else model.masked_logits(with_cache, masked)
        layers = tuple((layer.keys, layer.values) for layer in cache.layers)
        shape = inputs["input_ids"].shape
        if not layers or any(x is None or (len(x), *x.shape[2:3]) != shape for layer in layers for x in layer):
            raise CacheError(f"{type(model.model).__name__} does not keep keys and values of all tokens")
        return cls(layers, logits)

    def rest_of(self, inputs: Mapping[str, Tensor], texts: Tensor, tokens: slice) -> dict[str, Any]:
        """Return the inputs of a pass that computes `tokens` of `n` copies, with the keys and values of earlier tokens.

        Args:
            inputs: The inputs of the `B` texts, each `(B, T)`.
            texts: `(n,)` the text of each copy.
            tokens: The tokens to compute, up to the last token of the copies.
        """
        rest: dict[str, Any] = {name: x[texts, tokens] for name, x in inputs.items()}
        if tokens.start:
            cache = DynamicCache()
            cache.layers = [_Before(keys, values, texts, tokens.start) for keys, values in self.layers]
            rest |= {"past_key_values": cache, "use_cache": True}
            if "attention_mask" in inputs:  # it is that of all tokens
                rest["attention_mask"] = inputs["attention_mask"][texts, : tokens.stop]
        return rest


class _Before(DynamicLayer):
    """The keys and values of one layer before a token, for copies of the texts.

    New keys and values are appended to these in the call that computes them, but they are not kept.
    """

    def __init__(self, keys: Tensor, values: Tensor, texts: Tensor, start: int) -> None:
        super().__init__()
        self.keys, self.values = keys[:, :, :start], values[:, :, :start]
        self.dtype, self.device, self.is_initialized = keys.dtype, keys.device, True
        self.texts = texts.to(keys.device)

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any) -> tuple[Tensor, Tensor]:
        """Return the keys and values of the copies, with the new ones."""
        return self._followed_by(self.keys, key_states), self._followed_by(self.values, value_states)

    def _followed_by(self, before: Any, new: Tensor) -> Tensor:
        of_copies = before.expand(len(new), -1, -1, -1) if len(before) == 1 else before[self.texts]
        return torch.cat([of_copies, new], -2)
