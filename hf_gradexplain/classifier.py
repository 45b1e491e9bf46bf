"""A model opened for reading: its word lookups, what is explained of it, and one way to run it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hf_gradexplain.data import NOBODY, Batch
from hf_gradexplain.embedding import Edit, Lookup, edit_lookups
from hf_gradexplain.targets import Objective

NO_SUCH_TOKEN = -1


@dataclass(frozen=True, eq=False)
class WordVectors:
    """The word vectors `(B, T, D)` of one table as the model met them, and the zero that was added to them."""

    embedding: Tensor
    delta: Tensor


@dataclass(frozen=True, eq=False)
class Reading:
    """One forward pass over a batch.

    Attributes:
        batch: What was read, with the predicted class where that is the target.
        logits: `(B, C)`, part of a graph that reaches the `delta`s if one was asked for.
        words: One entry per table; empty without a graph.
    """

    batch: Batch
    logits: Tensor
    words: tuple[WordVectors, ...] = ()


@dataclass(frozen=True, eq=False)
class Classifier:
    """What evidence is drawn from.

    Attributes:
        model: The sequence classifier; use it within `left_as_found`.
        lookups: Where it looks words up.
        objective: The function of its logits that is explained.
        batch_tokens: The most tokens in one forward pass, padding included; a longer text goes alone.
        baseline: What stands in for a masked word: one vector `(D,)` per table, in the order of their numbers.
            None for zero.
    """

    model: nn.Module
    lookups: tuple[Lookup, ...]
    objective: Objective
    batch_tokens: int
    baseline: tuple[Tensor, ...] | None = None

    def logits(self, inputs: Mapping[str, Tensor], edit: Edit | None = None) -> Tensor:
        """Run the model on `(B, T)` inputs, with edited word vectors if asked: `(B, C)`."""
        length = inputs["input_ids"].shape[1]
        editing = nullcontext() if edit is None else edit_lookups(self.model, self.lookups, edit, length)
        with editing:
            return self.model(**inputs).logits

    @torch.no_grad()
    def masked_logits(self, inputs: Mapping[str, Tensor], masked: Tensor) -> Tensor:
        """Run the model with the vectors of the `masked` tokens `(B, T)` set to the baseline: `(B, C)`."""

        def mask(table: int, vectors: Tensor, tokens: slice) -> Tensor:
            put = vectors.new_zeros(()) if self.baseline is None else self.baseline[table]
            return torch.where(masked[:, tokens].unsqueeze(2), put, vectors)

        return self.logits(inputs, mask)

    def read(self, batch: Batch, *, graph: bool) -> Reading:
        """One forward pass, with a graph that reaches the word vectors if asked."""
        words: dict[int, WordVectors] = {}

        def attach(table: int, vectors: Tensor, tokens: slice) -> Tensor:
            if table not in words:
                shape = *batch.inputs["input_ids"].shape, vectors.shape[2]
                embedding, delta = vectors.new_zeros(shape), vectors.new_zeros(shape, requires_grad=True)
                embedding[:, tokens] = vectors.detach()
                words[table] = WordVectors(embedding, delta)
            return vectors + words[table].delta[:, tokens]

        with torch.set_grad_enabled(graph):
            logits = self.logits(batch.inputs, attach if graph else None)
        target = torch.where(batch.target == NOBODY, self.objective.predicted(logits), batch.target)
        return Reading(batch.with_target(target), logits, tuple(words.values()))


@contextmanager
def left_as_found(model: nn.Module) -> Iterator[None]:
    """Eval mode, frozen parameters and a pad id within the block; everything put back after it.

    Decoders without a pad token refuse batches, even of texts of equal length, so they get an id that no token has.
    cuDNN refuses the backward pass of recurrent layers in eval mode, so it is off for models that have any.
    """
    training = {module: module.training for module in model.modules()}
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    padless = [config for config in _configs(model) if getattr(config, "pad_token_id", 0) is None]
    recurrent = any(isinstance(module, nn.RNNBase) for module in model.modules())
    cudnn = torch.backends.cudnn.flags(enabled=False) if recurrent else nullcontext()
    try:
        model.eval()
        for parameter in trainable:
            parameter.requires_grad_(False)
        for config in padless:
            config.pad_token_id = NO_SUCH_TOKEN
        with cudnn:
            yield
    finally:
        for config in padless:
            config.pad_token_id = None
        for parameter in trainable:
            parameter.requires_grad_(True)
        for module, was_training in training.items():
            module.training = was_training


def _configs(model: nn.Module) -> list[object]:
    """The model's configuration and, where it has one of its own, that of its text part."""
    config = getattr(model, "config", None)
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    return [config] if text is config else [config, text]
