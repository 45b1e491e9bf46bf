"""Any sets of units removed, in no order: what a search over orders asks for."""

import torch
from torch import Tensor, nn

from hf_gradexplain.classifier.hooked_classifier import ForwardPass
from hf_gradexplain.classifier.objective import widest
from hf_gradexplain.models.fasttext.modeling_fasttext import FastTextForSequenceClassification
from hf_gradexplain.perturb import generic
from hf_gradexplain.perturb.shortcuts import GENERIC, leave_one_out, shortcut_of


def is_additive(model: nn.Module) -> bool:
    """Whether removing a set of units changes the logits by the sum of what removing each alone does."""
    return type(model) is FastTextForSequenceClassification and shortcut_of(model) is not GENERIC


class Subsets:
    """The logits of a batch's texts without sets of their units.

    Args:
        forward: The forward pass over the batch, within `frozen_eval_mode`.
    """

    def __init__(self, forward: ForwardPass) -> None:
        self.forward = forward
        self.effects: Tensor | None = None
        if is_additive(forward.classifier.model):
            logits = forward.logits.detach().unsqueeze(1)
            self.effects = (leave_one_out(forward) - logits).to(widest(logits.device))

    @torch.no_grad()
    def logits(self, text: int, removed: Tensor) -> Tensor:
        """Without each of `N` sets of units, of one text: `(N, U)` bool to `(N, C)`, `U` the batch's."""
        if self.effects is not None:
            plain = self.forward.logits[text].detach()
            return (plain + removed.to(self.effects) @ self.effects[text]).to(plain.dtype)
        of = torch.full((len(removed),), text, device=removed.device)
        parts = generic._masked_copies(self.forward, of, lambda at: removed[at])
        return torch.cat([part for _, part in parts])
