"""Occlusion: how much the loss rises when a few units that follow each other are removed together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from hf_gradexplain.classifier.hooked_classifier import ForwardPass
from hf_gradexplain.options import Options
from hf_gradexplain.perturb import subset_logits


@dataclass(frozen=True)
class Occlusion:
    """The mean rise of the loss over the windows of `n` consecutive units that contain a unit.

        score_u = mean over windows w that contain u of  l_y(x without w) - l_y(x)

    The windows slide by one unit: a text of `U` units has `U - n + 1`. A text of at most `n` units has one window, the
    whole text, and all of its units get the same score. With `n = 1` this is leave-one-out.

    Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks" (ECCV 2014), grey out patches of an image.

    Args:
        occlusion_window: `n`; None for 3.
    """

    occlusion_window: int | None = None
    graph: ClassVar[bool] = False
    masks: ClassVar[bool] = True

    def __call__(self, forward: ForwardPass) -> Tensor:
        """Return the scores `(B, U)`, 0 where a text has fewer units."""
        return self.of_classes([forward])[0]

    @torch.no_grad()
    def of_classes(self, forwards: Sequence[ForwardPass]) -> list[Tensor]:
        """Return the same for each class, from one set of masked copies."""
        forward, units = forwards[0], forwards[0].batch.units
        place = torch.arange(units.size, device=units.count.device)
        start = place[: self.copies(units.size)].unsqueeze(1)
        window = (start <= place) & (place < start + self._size)
        windows = units.count.minimum((units.count - self._size).clamp(min=0) + 1)
        exists = windows.unsqueeze(1) > start.T
        text_of, window_of = exists.nonzero(as_tuple=True)
        logits = forward.logits.detach().unsqueeze(1).repeat(1, len(start), 1)
        logits[exists] = subset_logits(forward, text_of, window[window_of] & units.real[text_of])
        rises = [each.loss(logits) - each.loss().unsqueeze(1) for each in forwards]
        of_unit = window.to(rises[0])
        around = (exists.to(rises[0]) @ of_unit).clamp(min=1)
        return [(rise @ of_unit / around).masked_fill(~units.real, 0) for rise in rises]

    @property
    def _size(self) -> int:
        return self.occlusion_window or Options.occlusion_window

    def copies(self, units: int) -> int:
        """Return the number of masked copies of a text."""
        return min(units, max(units - self._size, 0) + 1)
