"""Any sets of units removed, in no order: what a search over orders asks for."""

import torch
from torch import Tensor, nn

from hf_gradexplain.classifier.hooked_classifier import Classifier, Reading
from hf_gradexplain.classifier.objective import widest
from hf_gradexplain.models.fasttext.modeling_fasttext import FastTextForSequenceClassification
from hf_gradexplain.perturb import GENERIC, generic, leave_one_out, short_cut_of


def is_additive(model: nn.Module) -> bool:
    """Whether removing a set of units changes the logits by the sum of what removing each alone does."""
    return type(model) is FastTextForSequenceClassification and short_cut_of(model) is not GENERIC


class Subsets:
    """The logits of a batch's texts without sets of their units.

    Args:
        classifier: The classifier, within `left_as_found`.
        reading: Its reading of the batch.
    """

    def __init__(self, classifier: Classifier, reading: Reading) -> None:
        self.classifier, self.reading = classifier, reading
        self.effects: Tensor | None = None
        if is_additive(classifier.model):
            logits = reading.logits.detach().unsqueeze(1)
            self.effects = (leave_one_out(classifier, reading) - logits).to(widest(logits.device))

    @torch.no_grad()
    def logits(self, text: int, removed: Tensor) -> Tensor:
        """Without each of `N` sets of units, of one text: `(N, U)` bool to `(N, C)`, `U` the batch's."""
        if self.effects is not None:
            plain = self.reading.logits[text].detach()
            return (plain + removed.to(self.effects) @ self.effects[text]).to(plain.dtype)
        of = torch.full((len(removed),), text, device=removed.device)
        parts = generic._masked_copies(self.classifier, self.reading, of, lambda at: removed[at])
        return torch.cat([part for _, part in parts])
