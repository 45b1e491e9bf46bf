"""Leave-one-out on causal models: the tokens before a masked word are computed once, not in each copy.

In a causal model a word changes no state of an earlier token. A masked copy of a text therefore has the keys and values
of the plain text before its masked word, and only the tokens from this word on are computed. Copies that share a pass
start at the first masked token of all of them.

**Cost.** A pass over `n` copies of a text of `T` tokens, from token `p` on, counts as `s + n (T - p) + n p / 32`
tokens. Each computed token goes through the linear layers once and attends to all `T` tokens, so that the cost of
linear layers and attention grows with `T - p`; a cached token is only copied. `s` is what a pass costs by itself,
however few its tokens are, see `tokens_of_a_pass`. The copies, sorted by their first masked tokens, are cut into the
passes with the smallest total cost. If full copies cost no more, as for texts of a few words and tiny models, full
copies run instead.

Without a gradient method, the keys and values are kept from the forward pass over the texts. Otherwise, one more pass
computes them.

**Memory.** The keys and values of the texts take as many tokens as the plain forward pass over them. In the token
budget of a pass, a cached token of a copy counts as a quarter of a token, for its keys and values in one layer at a
time.

**Exactness.** Which models are causal and take keys and values is found by experiment, see
`hf_gradexplain.probing.prefix_check`. Some models read the logits at the last token that is not padding, which may not
be among the computed tokens. Each text therefore runs once more, unmasked, from the last of the positions at which its
copies start. If the resulting logits are not those of the text, full copies run.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hf_gradexplain.classifier.embedding_lookups import same_logits
from hf_gradexplain.classifier.hooked_classifier import ForwardPass, HookedClassifier
from hf_gradexplain.classifier.key_values import CacheError, KeyValues
from hf_gradexplain.classifier.memory import is_out_of_memory, run_in_chunks, token_limit
from hf_gradexplain.classifier.objective import with_classes
from hf_gradexplain.classifier.state import device_of
from hf_gradexplain.perturb import generic
from hf_gradexplain.text.data import Batch

_CALL = {"cpu": 1.5e7, "cuda": 3e8}
"""The floating-point operations that a device computes in the time that the call of a layer takes by itself."""

_COPIED = 1 / 32
"""What a cached token of a copy costs, in computed tokens."""

_HELD = 1 / 4
"""What a cached token of a copy takes of the token budget."""


@dataclass(frozen=True, eq=False)
class Pass:
    """Copies that run together.

    Attributes:
        texts: `(n,)` the text of each copy.
        units: `(n,)` the unit that is masked in each copy; `U` for none.
        tokens: The tokens to compute.
    """

    texts: Tensor
    units: Tensor
    tokens: slice


def forward_pass(classifier: HookedClassifier, batch: Batch) -> ForwardPass:
    """Run the model on a batch without a graph, and keep the keys and values if they fit into memory."""
    try:
        kept = KeyValues.of(classifier, batch.inputs)
    except (MemoryError, RuntimeError) as error:
        _check_is_expected(error)
        return classifier.forward(batch, graph=False)
    logits = kept.logits.to(batch.target.device)
    return ForwardPass(classifier, with_classes(batch, logits, classifier.objective), logits, logits, key_values=kept)


def _check_is_expected(error: Exception) -> None:
    """Raise the error, unless memory ran out or the model does not read all tokens of long texts."""
    if not (isinstance(error, CacheError) or is_out_of_memory(error)):
        raise error


def leave_one_out(forward: ForwardPass) -> Tensor:
    """Return the logits without each unit, `(B, U, C)`; past the last unit of a text, the logits of the full text."""
    budget = token_limit(forward.classifier.model, forward.classifier.batch_tokens, graph=False)
    passes = plan_passes(forward.batch, budget, tokens_of_a_pass(forward.classifier))
    if passes:
        try:
            logits = run_passes(forward, passes)
        except (MemoryError, RuntimeError) as error:
            _check_is_expected(error)
            logits = None
        if logits is not None:
            return logits
    return generic.leave_one_out(forward)


def run_passes(forward: ForwardPass, passes: list[Pass]) -> Tensor | None:
    """Return the logits without each unit `(B, U, C)`; None if unmasked copies do not have the logits of their texts.

    Raises:
        MemoryError: A single copy does not fit into memory next to the keys and values. Some devices raise an error of
            their own instead.
    """
    classifier, batch, plain = forward.classifier, forward.batch, forward.logits.detach()
    key_values = forward.key_values or KeyValues.of(classifier, batch.inputs)
    columns = torch.arange(batch.units.size, device=plain.device)
    logits = plain.unsqueeze(1).repeat(1, batch.units.size + 1, 1)
    for each in passes:
        start, stop = each.tokens.start, each.tokens.stop

        def run(rows: slice, each: Pass = each) -> Tensor:
            texts, units = each.texts[rows], each.units[rows]
            masked = batch.units.tokens(columns == units.unsqueeze(1), texts)[:, each.tokens]
            return classifier.masked_logits(key_values.rest_of(batch.inputs, texts, each.tokens), masked)

        lengths = [round(stop - start + _HELD * start)] * len(each.texts)
        chunks = run_in_chunks(classifier.model, lengths, classifier.batch_tokens, run, graph=False)
        for rows, part in chunks:
            logits[each.texts[rows], each.units[rows]] = part
        if not same_logits(logits[:, -1], plain):
            return None
    return logits[:, :-1]


def tokens_of_a_pass(classifier: HookedClassifier) -> float:
    """Return what a pass costs by itself, in tokens.

    A pass calls each layer once, and a call takes the time of a fixed number of operations; a token takes two
    operations for each weight. With 6 layers of 384 dimensions on a CPU, a pass costs about 45 tokens; with larger
    layers, fewer.
    """
    model, tables = classifier.model, {id(p) for layer in classifier.lookup_layers for p in layer.parameters()}
    weights = sum(p.numel() for p in model.parameters() if id(p) not in tables)
    calls = sum(not any(module.children()) for module in model.modules())
    return _CALL.get(device_of(model).type, _CALL["cuda"]) * calls / (2 * max(weights, 1))


def plan_passes(batch: Batch, budget: int, per_pass: float) -> list[Pass]:
    """Return the passes with the smallest cost; empty if full copies cost no more. The last words come first.

    Args:
        batch: The texts.
        budget: The token budget of a pass.
        per_pass: What a pass costs by itself, in tokens.
    """
    if not batch.units.size:
        return []
    texts, units, first = _copies(batch)
    ends, device = np.array([batch.columns(len(document)).stop for document in batch.documents]), batch.target.device
    passes, cost, cost_of_full_copies = list[Pass](), batch.units.unit_of.numel() + per_pass, 0.0
    for end in np.unique(ends).tolist():
        rows = np.flatnonzero(ends[texts] == end)
        parts, sum_of_costs = cut(first[rows], end, budget, per_pass)
        for chosen in (rows[part] for part in parts):
            text, unit = (torch.from_numpy(x[chosen]).to(device) for x in (texts, units))
            passes.append(Pass(text, unit, slice(int(first[chosen[0]]), end)))
        tokens = end * int((units[rows] < batch.units.size).sum())
        cost, cost_of_full_copies = cost + sum_of_costs, cost_of_full_copies + tokens * (1 + per_pass / budget)
    return passes if cost < cost_of_full_copies else []


def _copies(batch: Batch) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the text, the masked unit and the first token to compute of each copy, sorted by this token.

    Each text also has one copy without a masked unit: its number is `U`, and it starts at the last unit.
    """
    unit_of, real, size = batch.units.unit_of.cpu(), batch.units.real.cpu(), batch.units.size
    columns = torch.arange(unit_of.shape[1]).expand(unit_of.shape)
    first = torch.zeros(len(real), size + 1, dtype=torch.long)
    first.scatter_reduce_(1, unit_of, columns, "amin", include_self=False)
    first[:, size] = first[:, :size].masked_fill(~real, -1).amax(1)
    texts, units = torch.cat([real, real.any(1, keepdim=True)], 1).nonzero(as_tuple=True)
    order = first[texts, units].argsort(stable=True)
    return texts[order].numpy(), units[order].numpy(), first[texts, units][order].numpy()


def cut(first: np.ndarray, length: int, budget: int, per_pass: float) -> tuple[list[slice], float]:
    """Cut copies of texts of equal length into the passes with the smallest cost.

    Args:
        first: `(N,)` the first token to compute of each copy, in ascending order.
        length: The number of tokens of a copy.
        budget: The token budget of a pass.
        per_pass: What a pass costs by itself, in tokens.

    Returns:
        The copies of each pass, and the sum of the costs in tokens.
    """
    costs, held = length - first + _COPIED * first, length - first + _HELD * first
    most = max(1, int(budget / (_HELD * length)))
    total, begin_of = np.zeros(len(first) + 1), np.zeros(len(first) + 1, dtype=int)
    for stop in range(1, len(first) + 1):
        begin = np.arange(max(0, stop - most), stop)
        n = stop - begin
        sums = total[begin] + per_pass + n * costs[begin]
        sums[(n > 1) & (n * held[begin] > budget)] = np.inf
        total[stop], begin_of[stop] = sums.min(), begin[sums.argmin()]
    passes, stop = [], len(first)
    while stop:
        passes.append(slice(begin_of[stop], stop))
        stop = begin_of[stop]
    return passes, float(total[-1])
