"""Occlusion: the rise of the loss when a few consecutive units are removed together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from hf_gradexplain.attribution.sources import Source
from hf_gradexplain.classifier.hooked_classifier import ForwardPass
from hf_gradexplain.classifier.objective import widest
from hf_gradexplain.options import Options
from hf_gradexplain.perturb import subset_logits

_HELD = 2**24
"""The largest number of windows times units that are in memory at a time."""


@dataclass(frozen=True)
class Occlusion(Source):
    """For each unit, the mean rise of the loss over the windows of `n` consecutive units that contain it.

        score_u = mean over windows w that contain u of  l_y(x without w) - l_y(x)

    The windows slide by one unit, so a text of `U` units has `U - n + 1` windows. A text of at most `n` units has one
    window, the whole text, and all of its units get the same score. With `n = 1` the method is leave-one-out.

    Source: Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks" (ECCV 2014), who cover patches of an
    image with a grey square.

    Args:
        occlusion_window: `n`; None for 3.
    """

    occlusion_window: int | None = None
    masks: ClassVar[bool] = True
    neighbours: ClassVar[bool] = True

    def __call__(self, forward: ForwardPass) -> Tensor:
        """Return the scores `(B, U)`, 0 where a text has fewer than `U` units."""
        return self.of_classes([forward])[0]

    @torch.no_grad()
    def of_classes(self, forwards: Sequence[ForwardPass]) -> list[Tensor]:
        """Return the scores for each class, from one set of masked copies."""
        forward, units, size = forwards[0], forwards[0].batch.units, self._size
        windows = units.count.minimum((units.count - size).clamp(min=0) + 1)
        exists = torch.arange(self.masked_copies(units.size), device=windows.device) < windows.unsqueeze(1)
        logits = forward.logits.detach().unsqueeze(1).repeat(1, exists.shape[1], 1)
        text_of, first = exists.nonzero(as_tuple=True)
        place = torch.arange(units.size, device=windows.device)
        for text, start in zip(*(x.split(max(1, _HELD // max(1, units.size))) for x in (text_of, first)), strict=True):
            window = (start.unsqueeze(1) <= place) & (place < start.unsqueeze(1) + size) & units.real[text]
            logits[text, start] = subset_logits(forward, text, window)
        rises = [each.loss(logits) - each.loss().unsqueeze(1) for each in forwards]
        around = self._around(exists.to(rises[0]), units.size).clamp(min=1)
        return [(self._around(rise, units.size) / around).masked_fill(~units.real, 0) for rise in rises]

    def _around(self, values: Tensor, units: int) -> Tensor:
        """Return the sums over the windows that contain each unit: `(B, W)` to `(B, U)`."""
        sums = F.pad(values.to(widest(values.device)).cumsum(1), (1, 0))
        end = torch.arange(1, units + 1, device=values.device)
        start = (end - self._size).clamp(min=0)
        return (sums[:, end.clamp(max=values.shape[1])] - sums[:, start]).to(values)

    @property
    def _size(self) -> int:
        return self.occlusion_window or Options.occlusion_window

    def masked_copies(self, units: int) -> int:
        """Return the number of masked copies of a text."""
        return min(units, max(units - self._size, 0) + 1)
