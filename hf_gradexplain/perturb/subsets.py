"""Logits without arbitrary sets of units, as a search over orders of removal needs them."""

import torch
from torch import Tensor, nn

from hf_gradexplain.classifier.hooked_classifier import ForwardPass
from hf_gradexplain.classifier.objective import widest
from hf_gradexplain.models.fasttext.modeling_fasttext import FastTextForSequenceClassification
from hf_gradexplain.perturb import generic
from hf_gradexplain.perturb.shortcuts import GENERIC, leave_one_out, shortcut_of


def is_additive(model: nn.Module) -> bool:
    """Return whether the effects of removing single units add up to the effect of removing them together."""
    return type(model) is FastTextForSequenceClassification and shortcut_of(model) is not GENERIC


class Subsets:
    """The logits of the texts of a batch without sets of their units.

    Args:
        forward: The forward pass over the batch, within `frozen_eval_mode`.
    """

    def __init__(self, forward: ForwardPass) -> None:
        self.forward = forward
        self.effects: Tensor | None = None
        if is_additive(forward.classifier.model) and forward.batch.sequences is None:
            logits = forward.logits.detach().unsqueeze(1)
            self.effects = (leave_one_out(forward) - logits).to(widest(logits.device))

    @torch.no_grad()
    def logits(self, text: int, removed: Tensor) -> Tensor:
        """Return the logits of one text without each of `N` sets of units.

        Args:
            text: The index of the text in the batch.
            removed: `(N, U)` bool, with the `U` of the batch.

        Returns:
            `(N, C)`.
        """
        if self.effects is not None:
            plain = self.forward.logits[text].detach()
            return (plain + removed.to(self.effects) @ self.effects[text]).to(plain.dtype)
        text_of = torch.full((len(removed),), text, device=removed.device)
        logits = self.forward.logits[text_of].detach()
        for rows, part in generic.run_masked_copies(self.forward, text_of, lambda rows: removed[rows]):
            logits[rows] = part
        return logits

    @torch.no_grad()
    def logits_of_all(self, removed: Tensor) -> Tensor:
        """Return the logits of every text without each of `K` sets of its units.

        Args:
            removed: `(B, K, U)` bool, False where a text has fewer units. Empty sets give the plain logits.

        Returns:
            `(B, K, C)`.
        """
        plain = self.forward.logits.detach().unsqueeze(1)
        if self.effects is not None:
            return (plain + removed.to(self.effects) @ self.effects).to(plain.dtype)
        logits = plain.repeat(1, removed.shape[1], 1)
        text_of, set_of = removed.any(2).nonzero(as_tuple=True)
        sets = removed[text_of, set_of]
        for rows, part in generic.run_masked_copies(self.forward, text_of, lambda rows: sets[rows]):
            logits[text_of[rows], set_of[rows]] = part
        return logits
