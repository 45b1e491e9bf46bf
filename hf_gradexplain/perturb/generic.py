"""The generic form for any model: masked copies of the texts, batched within the token budget."""

from collections.abc import Callable, Collection, Iterator

import torch
from torch import Tensor

from hf_gradexplain.classifier.hooked_classifier import ForwardPass
from hf_gradexplain.perturb import masked_sequences
from hf_gradexplain.perturb.copies import run_copies


def leave_one_out(forward: ForwardPass) -> Tensor:
    """Return the logits without each unit, `(B, U, C)`; past the last unit of a text, the logits of the full text."""
    units = forward.batch.units
    logits = forward.logits.detach().unsqueeze(1).repeat(1, units.size, 1)
    text_of, unit_of = units.real.nonzero(as_tuple=True)
    columns = torch.arange(units.size, device=unit_of.device)
    for rows, part in run_masked_copies(forward, text_of, lambda rows: columns == unit_of[rows].unsqueeze(1)):
        logits[text_of[rows], unit_of[rows]] = part
    return logits


def subset_logits(forward: ForwardPass, text_of: Tensor, removed: Tensor) -> Tensor:
    """Return the logits without sets of units: `(N, C)`; see `hf_gradexplain.perturb.subset_logits`."""
    logits = forward.logits.detach()[text_of]
    (some,) = removed.any(1).nonzero(as_tuple=True)
    for rows, part in run_masked_copies(forward, text_of[some], lambda rows: removed[some[rows]]):
        logits[some[rows]] = part.to(logits.dtype)
    return logits


def removal_curves(
    forward: ForwardPass, ranks: Tensor, steps: Collection[int] | None = None, end: Tensor | None = None
) -> Tensor:
    """Return the logits without the `k` units ranked first, for orders `(M, B, U)`: `(M, B, U + 1, C)`.

    The two ends of a curve are the same for all orders: the plain logits, and one copy with all units removed. This
    copy does not run if its logits `end`, `(B, C)`, are given. With `steps`, only the logits at these `k` and at the
    ends are computed; all others are NaN.
    """
    count = forward.batch.units.count
    orders, texts, size = ranks.shape
    logits = forward.logits.detach()
    curves = logits.expand(orders, size + 1, *logits.shape).transpose(1, 2).clone()
    ks = torch.arange(size + 1, device=count.device)
    unknown = skipped(forward, steps)
    curves.masked_fill_(unknown.unsqueeze(2), torch.nan)
    computed = (ks > 0) & (ks < count.unsqueeze(1)) & ~unknown
    inner_points = computed.expand(orders, texts, -1).nonzero()
    with_units = count.nonzero()[:, 0] if end is None else count.new_zeros(0)
    ends = torch.stack([torch.zeros_like(with_units), with_units, count[with_units]], 1)
    order_of, text_of, k_of = torch.cat([inner_points, ends]).unbind(1)

    def removed(rows: Tensor) -> Tensor:
        real = forward.batch.units.real[text_of[rows]]
        return (ranks[order_of[rows], text_of[rows]] < k_of[rows].unsqueeze(1)) & real

    for rows, part in run_masked_copies(forward, text_of, removed):
        curves[order_of[rows], text_of[rows], k_of[rows]] = part
    if end is None:
        end = curves[0, torch.arange(texts, device=count.device), count]
    return torch.where((ks >= count.unsqueeze(1)).unsqueeze(2), end.unsqueeze(1), curves)


def skipped(forward: ForwardPass, steps: Collection[int] | None) -> Tensor:
    """Return the `k` between the ends of each text's curve that are not in `steps`: `(B, U + 1)` bool."""
    units = forward.batch.units
    ks = torch.arange(units.size + 1, device=units.count.device)
    between = (ks > 0) & (ks < units.count.unsqueeze(1))
    return between & ~torch.isin(ks, ks if steps is None else ks.new_tensor(sorted(steps)))


def run_masked_copies(
    forward: ForwardPass, text_of: Tensor, removed: Callable[[Tensor], Tensor]
) -> Iterator[tuple[Tensor, Tensor]]:
    """Run `N` masked copies, the shortest first, as many at a time as the token budget allows.

    Copies have the length of their own text, minus the tokens that are cut out of them: the padding of the batch is cut
    off. Copies of different lengths share a pass only if padding is known to be safe, and if it costs less than another
    pass, see `run_in_chunks`.

    Args:
        forward: The forward pass over the texts.
        text_of: `(N,)` text of each copy.
        removed: Returns the units to mask in some copies, `(n, U)` bool, given the indices `(n,)` of the copies; called
            for one pass at a time.

    Returns:
        The indices `(n,)` of the copies in a pass, and their logits `(n, C)`, pass by pass.
    """
    if forward.batch.sequences is not None:
        return masked_sequences.run_masked_copies(forward, text_of, removed)
    return run_copies(forward, text_of, removed)
