"""Any model under masks: masked copies of the texts, as many at a time as the token budget allows."""

from collections.abc import Callable, Collection, Iterator

import torch
from torch import Tensor

from hf_gradexplain.classifier.hooked_classifier import ForwardPass
from hf_gradexplain.classifier.memory import run_in_chunks


def leave_one_out(forward: ForwardPass) -> Tensor:
    """The logits without each unit: `(B, U, C)`; where a text has fewer units, its plain logits."""
    units = forward.batch.units
    logits = forward.logits.detach().unsqueeze(1).repeat(1, units.size, 1)
    of, unit = units.real.nonzero(as_tuple=True)
    columns = torch.arange(units.size, device=unit.device)
    for at, part in _masked_copies(forward, of, lambda at: columns == unit[at].unsqueeze(1)):
        logits[of[at], unit[at]] = part
    return logits


def removal_curves(forward: ForwardPass, ranks: Tensor, steps: Collection[int] | None = None) -> Tensor:
    """The logits without the `k` units ranked first, for orders `(M, B, U)`: `(M, B, U + 1, C)`.

    The two ends of a curve are the same for every order: the plain logits, and one copy with all removed. Given
    `steps`, only those `k` and the ends are run; the rest is NaN.
    """
    count = forward.batch.units.count
    orders, texts, size = ranks.shape
    logits = forward.logits.detach()
    curves = logits.expand(orders, size + 1, *logits.shape).transpose(1, 2).clone()
    k_of = torch.arange(size + 1, device=count.device)
    inside = (k_of > 0) & (k_of < count.unsqueeze(1))
    wanted = inside if steps is None else inside & torch.isin(k_of, torch.tensor(sorted(steps), device=count.device))
    curves.masked_fill_((inside & ~wanted).unsqueeze(2), torch.nan)
    between = wanted.expand(orders, texts, -1).nonzero()
    some = count.nonzero()[:, 0]
    ends = torch.stack([torch.zeros_like(some), some, count[some]], 1)
    order, of, k = torch.cat([between, ends]).unbind(1)

    def chosen(at: slice) -> Tensor:
        return (ranks[order[at], of[at]] < k[at].unsqueeze(1)) & forward.batch.units.real[of[at]]

    for at, part in _masked_copies(forward, of, chosen):
        curves[order[at], of[at], k[at]] = part
    empty = curves[0, torch.arange(texts, device=count.device), count].unsqueeze(1)
    return torch.where((k_of >= count.unsqueeze(1)).unsqueeze(2), empty, curves)


def _masked_copies(
    forward: ForwardPass, of: Tensor, chosen: Callable[[slice], Tensor]
) -> Iterator[tuple[slice, Tensor]]:
    """Run `N` masked copies, of the texts `of` `(N,)`, as many at a time as the token budget allows.

    `chosen(at)` gives the units to mask in some of the copies, `(n, U)` bool, and is asked for no more than fit.
    """
    inputs, units = forward.batch.inputs, forward.batch.units

    def run(at: slice) -> Tensor:
        copies = {name: x[of[at]] for name, x in inputs.items()}
        return forward.classifier.masked_logits(copies, units.tokens(chosen(at), of[at]))

    length = inputs["input_ids"].shape[1]
    return run_in_chunks(forward.classifier.model, len(of), length, forward.classifier.batch_tokens, run, graph=False)
