"""The expected scores, from this package, whose gradients are tested against differences of the embedding table."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from hf_gradexplain.classifier.autodiff import follow_forward
from hf_gradexplain.classifier.hooked_classifier import HookedClassifier
from hf_gradexplain.classifier.objective import Objective
from hf_gradexplain.classifier.state import frozen_eval_mode
from hf_gradexplain.probing.probe import Profile, probe

Inputs = Mapping[str, Tensor]
STEPS = 50


@dataclass(frozen=True)
class Truth:
    """A model that runs on one text at a time; its first class is explained."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    profile: Profile

    @classmethod
    def of(cls, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> "Truth":
        """Probe the model."""
        return cls(model, tokenizer, probe(model, tokenizer))

    def classifier(self) -> HookedClassifier:
        """Return the model with its embedding lookups and objective."""
        return self.profile.classifier(self.model, Objective("logit", "identity"), 1024)

    def gradient_times_input(self, inputs: Inputs) -> Tensor:
        """Return gradient times input of the first logit, summed over the dimensions: `(T,)`."""
        return sum(product.sum(-1) for product in self.products(inputs))

    def mean_absolute_gradient_times_input(self, inputs: Inputs) -> Tensor:
        """Return gradient times input of the first logit, the mean absolute value over the dimensions: `(T,)`."""
        return torch.cat(self.products(inputs), -1).abs().mean(-1)

    def products(self, inputs: Inputs) -> list[Tensor]:
        """Return gradient times input of each token and dimension, `(T, D)` for each table."""
        with frozen_eval_mode(self.model):
            vectors = self.vectors(inputs)
            grads = self.gradients(inputs, vectors, probability=False)
        return [(g * e)[0] for g, e in zip(grads, vectors, strict=True)]

    def integrated_gradients(self, inputs: Inputs) -> Tensor:
        """Return integrated gradients of the first probability: `(T,)`.

        The baseline is pad tokens between the text's special tokens. The integral is computed by Gauss-Legendre
        quadrature in `STEPS` steps, as in the tool.
        """
        nodes, weights = np.polynomial.legendre.leggauss(STEPS)
        ids = inputs["input_ids"]
        special = self.tokenizer.get_special_tokens_mask(ids[0].tolist(), already_has_special_tokens=True)
        start = {**inputs, "input_ids": torch.where(torch.tensor(special).bool(), ids, self.tokenizer.pad_token_id)}
        with frozen_eval_mode(self.model):
            end_vectors, start_vectors = self.vectors(inputs), self.vectors(start)
            difference = [b - a for a, b in zip(start_vectors, end_vectors, strict=True)]
            total = [torch.zeros_like(x) for x in difference]
            for node, weight in zip((1 + nodes) / 2, weights / 2, strict=True):
                point = [a + node * d for a, d in zip(start_vectors, difference, strict=True)]
                grads = self.gradients(inputs, point, probability=True)
                total = [t + weight * g for t, g in zip(total, grads, strict=True)]
        return sum((t * d).sum(-1)[0] for t, d in zip(total, difference, strict=True))

    def vectors(self, inputs: Inputs) -> list[Tensor]:
        """Return the word vectors of each table, `(1, T, D)`."""
        return list(self.classifier().word_vectors(inputs))

    def gradients(self, inputs: Inputs, vectors: list[Tensor], *, probability: bool) -> tuple[Tensor, ...]:
        """Return the gradients with respect to the word vectors of each table, at these `vectors`."""
        leaves = [x.clone().requires_grad_() for x in vectors]
        classifier = self.classifier()
        with follow_forward(classifier.followed_functions):
            logits = classifier.logits(inputs, lambda table, _, tokens: leaves[table][:, tokens].clone())
        output = logits.softmax(-1) if probability else logits
        return torch.autograd.grad(output[0, 0], leaves)
