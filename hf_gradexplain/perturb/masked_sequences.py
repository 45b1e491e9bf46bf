"""Masked copies of texts that are read as several sequences.

A unit is masked in every sequence in which it occurs. Only these sequences run: the other sequences of a copy have the
logits of the plain text. For a long document of 100 windows, one or two windows run per word, not 100.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from hf_gradexplain.classifier.hooked_classifier import ForwardPass
from hf_gradexplain.classifier.objective import widest
from hf_gradexplain.perturb.copies import run_copies
from hf_gradexplain.text.data import Batch

_HELD = 2**24
"""The largest number of values that are held for copies at a time: of their units, sequences and logits."""


def run_masked_copies(
    forward: ForwardPass, text_of: Tensor, removed: Callable[[Tensor], Tensor]
) -> Iterator[tuple[Tensor, Tensor]]:
    """Run `N` masked copies of texts; see `hf_gradexplain.perturb.generic.run_masked_copies`.

    Args:
        forward: The forward pass over the texts, some of which are several sequences.
        text_of: `(N,)` text of each copy.
        removed: Returns the units to mask in some copies, `(n, U)` bool, given the indices `(n,)` of the copies.

    Yields:
        The indices `(n,)` of some copies, and their logits `(n, C)`.
    """
    classifier, batch = forward.classifier, forward.batch
    assert batch.sequences is not None
    assert classifier.combine is not None
    stands = units_of_sequences(batch)
    logits = forward.sequence_logits.detach()
    plain = batch.sequences.by_text(logits.to(widest(logits.device)))
    together = max(1, _HELD // (sum(stands.shape) + plain[0].numel()))
    for copies in torch.arange(len(text_of), device=text_of.device).split(together):
        texts, masked = text_of[copies], removed(copies)
        numbers, real = batch.sequences.numbers[texts], batch.sequences.real[texts]
        changed = (masked.to(stands.dtype) @ stands.T > 0).gather(1, numbers.clamp(max=len(stands) - 1)) & real
        copy_of, place_of = changed.nonzero(as_tuple=True)
        logits = plain[texts]

        def removed_in(rows: Tensor, masked: Tensor = masked, copy_of: Tensor = copy_of) -> Tensor:
            return masked[copy_of[rows]]

        for rows, part in run_copies(forward, numbers[copy_of, place_of], removed_in):
            logits[copy_of[rows], place_of[rows]] = part.to(logits)
        yield copies, classifier.combine(logits, real)


def units_of_sequences(batch: Batch) -> Tensor:
    """Return which units occur in each sequence: `(S, U)`, 1 or 0."""
    units = batch.units
    stands = torch.zeros(len(units.unit_of), units.size + 1, device=units.unit_of.device)
    return stands.scatter_(1, units.unit_of, 1.0)[:, : units.size]
