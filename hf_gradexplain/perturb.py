"""The model under masks: leave-one-out and removal curves.

Masking a unit sets the word vectors of all its tokens to zero; positions, attention mask and length stay. Each of the
two functions has a generic form that runs masked copies of the texts, and exact short cuts registered by model class.
Their principle: zeroing a vector commutes with every linear map that follows it, so project once and mask afterwards.
"""

from collections.abc import Callable, Iterator
from functools import singledispatch

import torch
from torch import Tensor, nn

from hf_gradexplain.classifier import Classifier, Reading
from hf_gradexplain.models.fasttext.modeling_fasttext import FastTextForSequenceClassification


def leave_one_out(classifier: Classifier, reading: Reading) -> Tensor:
    """The logits without each unit: `(B, U, C)`; where a text has fewer units, its plain logits."""
    return _leave_one_out(classifier.model, classifier, reading)


def removal_curves(classifier: Classifier, reading: Reading, ranks: Tensor) -> Tensor:
    """The logits as units are removed one after the other.

    Args:
        classifier: The classifier.
        reading: Its reading of the batch.
        ranks: `(M, B, U)` for `M` orders: the rank of each unit, 0 for the one removed first; a permutation of
            `0 ... count - 1` over the units that a text has.

    Returns:
        `(M, B, U + 1, C)`: at `k`, the logits without the `k` units ranked first. Past a text's own number of units
        all are removed, and the curve stays flat.
    """
    return _removal_curves(classifier.model, classifier, reading, ranks)


@singledispatch
def _leave_one_out(model: nn.Module, classifier: Classifier, reading: Reading) -> Tensor:
    units = reading.batch.units
    logits = reading.logits.detach().unsqueeze(1).repeat(1, units.size, 1)
    of, unit = units.real.nonzero(as_tuple=True)
    columns = torch.arange(units.size, device=unit.device)
    for at, part in _masked_copies(classifier, reading, of, lambda at: columns == unit[at].unsqueeze(1)):
        logits[of[at], unit[at]] = part
    return logits


@singledispatch
def _removal_curves(model: nn.Module, classifier: Classifier, reading: Reading, ranks: Tensor) -> Tensor:
    """The two ends of a curve are the same for every order: the plain logits, and one copy with all removed."""
    count = reading.batch.units.count
    orders, texts, size = ranks.shape
    logits = reading.logits.detach()
    curves = logits.expand(orders, size + 1, *logits.shape).transpose(1, 2).clone()
    k = torch.arange(size + 1, device=count.device)
    between = ((k > 0) & (k < count.unsqueeze(1))).expand(orders, texts, -1).nonzero()
    some = count.nonzero()[:, 0]
    ends = torch.stack([torch.zeros_like(some), some, count[some]], 1)
    copies = torch.cat([between, ends])

    def chosen(at: slice) -> Tensor:
        order, of, k = copies[at].unbind(1)
        return (ranks[order, of] < k.unsqueeze(1)) & reading.batch.units.real[of]

    for at, part in _masked_copies(classifier, reading, copies[:, 1], chosen):
        order, of, k = copies[at].unbind(1)
        curves[order, of, k] = part
    empty = curves[0, torch.arange(texts, device=count.device), count]
    flat = (k >= count.unsqueeze(1)).unsqueeze(-1)
    return torch.where(flat, empty.unsqueeze(1), curves)


def _masked_copies(
    classifier: Classifier, reading: Reading, of: Tensor, chosen: Callable[[slice], Tensor]
) -> Iterator[tuple[slice, Tensor]]:
    """Run `N` masked copies, of the texts `of` `(N,)`, as many at a time as the token budget allows.

    `chosen(at)` gives the units to mask in some of the copies, `(n, U)` bool, and is asked for no more than fit.
    """
    inputs, units = reading.batch.inputs, reading.batch.units
    step = max(1, classifier.batch_tokens // inputs["input_ids"].shape[1])
    for start in range(0, len(of), step):
        at = slice(start, min(start + step, len(of)))
        copies = {name: x[of[at]] for name, x in inputs.items()}
        yield at, classifier.masked_logits(copies, units.tokens(chosen(at), of[at]))
