"""Small experiments on sample documents: gradients, their errors, and the effect of batches."""

from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from hf_gradexplain.classifier.hooked_classifier import HookedClassifier
from hf_gradexplain.classifier.memory import FAILURES, is_out_of_memory
from hf_gradexplain.classifier.state import device_of, dtype_of
from hf_gradexplain.classifier.token_places import Vocabulary
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.text.collate import collate
from hf_gradexplain.text.data import NO_UNIT, Batch, Document
from hf_gradexplain.text.encode import Encoder
from hf_gradexplain.text.unit import Occurrences

LENGTHS = (10, 11, 12, 13, 30, 45)
"""Numbers of ordinary tokens in the sample texts: one for each remainder of a division by 4, and two large ones for
padding."""

_SAMPLE_IDS = 16
"""Number of different tokens in sample documents."""

_CODE_IDS = 256
"""Largest number of ids in `vocabulary_of`."""


def vocabulary_of(tokenizer: PreTrainedTokenizerBase) -> Vocabulary:
    """Return the ids with which experiments are made; they are always the same."""
    special = {*tokenizer.all_special_ids, *tokenizer.added_tokens_encoder.values()}
    ids = [i for i in range(min(len(tokenizer), 1000)) if i not in special][-_CODE_IDS:]
    return Vocabulary(tuple(ids), frozenset(special - {tokenizer.unk_token_id}))


def ordinary_ids(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Return some ids of ordinary tokens; they are always the same.

    Raises:
        GradexplainError: The vocabulary has fewer than two ordinary tokens.
    """
    ids = list(vocabulary_of(tokenizer).ordinary[-_SAMPLE_IDS:])
    if len(ids) < 2:
        raise GradexplainError("the tokenizer's vocabulary has fewer than two words: use a trained tokenizer")
    return ids


def document_of(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> Document:
    """Return a document of these ordinary tokens, one unit each, between the tokenizer's special tokens."""
    frame = Encoder(tokenizer, None, "token")(["the"])[0]
    ordinary = np.flatnonzero(frame.unit_of != NO_UNIT)
    middle = (len(frame) + 1) // 2
    start, stop = (ordinary[0], ordinary[-1] + 1) if len(ordinary) else (middle, middle)
    n = len(ids)
    inputs = {}
    for name, row in frame.inputs.items():
        value = row[start] if len(ordinary) else int(name == "attention_mask")
        inputs[name] = np.array([*row[:start], *(ids if name == "input_ids" else [value] * n), *row[stop:]])
    units, (before, after) = np.arange(n), (start, len(frame) - stop)
    unit_of = np.pad(units, (before, after), constant_values=NO_UNIT)
    return Document("", Occurrences("", units, np.zeros((n, 2), int), {}, n), inputs, unit_of, unit_of, units)


def tokens_around(tokenizer: PreTrainedTokenizerBase) -> int:
    """Return the number of special tokens that the tokenizer adds to every text."""
    return len(document_of(tokenizer, ()))


def sample_documents(tokenizer: PreTrainedTokenizerBase, lengths: Sequence[int]) -> list[Document]:
    """Return documents with these numbers of ordinary tokens; documents of equal length have different tokens."""
    return _documents(tokenizer, ordinary_ids(tokenizer), lengths)


def lengths_within(room: int) -> list[int]:
    """Return `LENGTHS`, made shorter where a text has room for fewer ordinary tokens; if possible, all still differ.

    >>> lengths_within(45), lengths_within(20), lengths_within(4)
    ([10, 11, 12, 13, 30, 45], [10, 11, 12, 13, 19, 20], [1, 1, 1, 2, 3, 4])
    """
    longer = range(len(LENGTHS) - 1, -1, -1)
    return [max(min(n, room - k), 1) for n, k in zip(LENGTHS, longer, strict=True)]


def documents_without_ties(tokenizer: PreTrainedTokenizerBase, lengths: Sequence[int]) -> list[Document]:
    """Return sample documents that repeat no token, as long as the vocabulary has enough.

    With repeated tokens, a maximum over positions would have ties, which rounding breaks in one way or another.
    """
    needed = max(_SAMPLE_IDS, max(lengths) + len(lengths))
    return _documents(tokenizer, vocabulary_of(tokenizer).ordinary[-needed:], lengths)


def _documents(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int], lengths: Sequence[int]) -> list[Document]:
    return [document_of(tokenizer, [ids[(k + i) % len(ids)] for i in range(n)]) for k, n in enumerate(lengths)]


@dataclass(frozen=True, eq=False)
class GradientCheck:
    """The results of one forward and one backward pass over sample documents.

    Attributes:
        batch: The documents.
        logits: `(B, C)`.
        vectors: The word vectors of each table, `(B, T, D)`.
        grads: The gradients of the documents' first logits with respect to the word vectors, `(B, T, D)`.
    """

    batch: Batch
    logits: Tensor
    vectors: tuple[Tensor, ...]
    grads: tuple[Tensor, ...]

    def token_gradients(self) -> Tensor:
        """Return the gradients of the `R` ordinary tokens per text, `D` over all tables: `(B, R, D)`."""
        return self.batch.units.sum_rows(torch.cat(self.grads, -1))

    def gradient_embedding_cosine(self) -> float:
        """Return the scaled cosine between gradients `g` and word vectors `e`.

        It is the root mean square of `sqrt(D) cos(g, e)` over the ordinary tokens. For unrelated vectors it is about 1,
        whatever `D`. It is about 0 if the model normalises its word vectors, because their length then has no
        influence. NaN if every gradient is zero.
        """
        return self._cosine(self.batch.units.sum_rows(torch.cat(self.vectors, -1)))

    def gradient_sum_cosine(self) -> float:
        """Return the scaled cosine between gradients and the vector of ones, see `gradient_embedding_cosine`.

        It is about 0 if the model subtracts the mean of each vector first, as a layer norm does: `sum_i g_i` is then 0.
        """
        return self._cosine(torch.ones_like(self.token_gradients()))

    def _cosine(self, vectors: Tensor) -> float:
        g = self.token_gradients()
        nonzero = g.any(-1)
        cosines = torch.nn.functional.cosine_similarity(
            g[nonzero].cpu().double(), vectors[nonzero].cpu().double(), dim=-1
        )
        return (g.shape[-1] * cosines.square().mean()).sqrt().item()


def forward_backward(classifier: HookedClassifier, batch: Batch) -> GradientCheck:
    """Run the model on a batch and differentiate the first logit of each document.

    Raises:
        RuntimeError: No gradient reaches the word vectors.
    """
    forward = classifier.forward(batch, graph=True)
    grads = torch.autograd.grad(forward.logits[:, 0].sum(), [words.delta for words in forward.words])
    return GradientCheck(batch, forward.logits.detach(), tuple(words.embedding for words in forward.words), grads)


def finite_difference_error(classifier: HookedClassifier, check: GradientCheck) -> float:
    """Return the relative error of the gradient's norm, compared with a finite difference along the gradient.

    The finite difference is central and of fourth order, `(8 (f(h) - f(-h)) - f(2h) + f(-2h)) / 12h`, where `f` is the
    sum of the first logits and all word vectors move along the gradient. The result is the smallest error over several
    steps `h`: large steps suffer from the model's curvature, small ones from rounding. Infinite if the gradient is zero
    or not finite.
    """
    size = _norm(check.grads)
    if not 0 < size < float("inf"):
        return float("inf")
    eps, scale = torch.finfo(check.grads[0].dtype).eps, _norm(check.vectors)
    steps = [eps**power * scale for power in (1 / 5, 1 / 4, 1 / 3)]
    if check.grads[0].dtype == torch.float64:
        # A part of the model may compute in float32, or some word vectors may be much shorter than others.
        shortest = min(x.norm(dim=-1)[x.any(-1)].min().item() for x in check.vectors if x.any())
        steps += [1e-2 * scale, 1e-3 * shortest, 1e-4 * shortest]
    return min(abs(_slope(classifier, check, h / size) / size**2 - 1) for h in steps)


def gradient_errors(classifier: HookedClassifier, check: GradientCheck, tolerance: float) -> tuple[float, float]:
    """Return the relative errors of a gradient: of its formula, and of its rounding.

    The error of the formula is what `finite_difference_error` returns. In float32 and below, finite differences may be
    rounding noise although the gradient is right. An error above `tolerance` is therefore measured again with a copy of
    the model in float64. The rounding error is the difference from the gradients of that copy, or 0 without a copy.

    Args:
        classifier: The classifier, within `frozen_eval_mode`.
        check: The gradients.
        tolerance: The largest accepted error.
    """
    error = finite_difference_error(classifier, check)
    if error <= tolerance or dtype_of(classifier.model) == torch.float64:
        return error, 0.0
    try:
        exact = replace(classifier, model=deepcopy(classifier.model).double(), compiled={})
        expected = forward_backward(exact, check.batch)
        error = finite_difference_error(exact, expected)
    except (*FAILURES, MemoryError):  # it does not fit into memory, or the device or a layer knows no float64
        return error, 0.0
    return error, relative_error(expected.token_gradients(), check.token_gradients())


def _slope(classifier: HookedClassifier, check: GradientCheck, h: float) -> float:
    """Return the finite difference as the word vectors move by `h` times the gradients."""

    def logit(step: float) -> float:
        def edit(table: int, vectors: Tensor, tokens: slice) -> Tensor:
            return vectors + step * check.grads[table][:, tokens].to(vectors.device)

        with torch.no_grad():
            return classifier.logits(check.batch.inputs, edit)[:, 0].cpu().double().sum().item()

    return (8 * (logit(h) - logit(-h)) - logit(2 * h) + logit(-2 * h)) / (12 * h)


def batch_error(
    classifier: HookedClassifier, documents: Sequence[Document], tokenizer: PreTrainedTokenizerBase, *, gradients: bool
) -> float:
    """Return the largest relative difference between documents in one batch and each document alone.

    Infinite if the model fails on these documents, NaN if any result is NaN.

    Args:
        classifier: The model.
        documents: Sample documents.
        tokenizer: The model's tokenizer.
        gradients: Whether to compare the gradients as well as the logits.
    """

    def results(batch: Batch) -> tuple[Tensor, ...]:
        if not gradients:
            return (classifier.forward(batch, graph=False).logits,)
        check = forward_backward(classifier, batch)
        return check.logits, check.token_gradients()

    return difference_in_batch(results, documents, tokenizer, device_of(classifier.model))


def difference_in_batch(
    results: Callable[[Batch], Sequence[Tensor]],
    documents: Sequence[Document],
    tokenizer: PreTrainedTokenizerBase,
    device: torch.device,
) -> float:
    """Return the largest relative difference between results `(B, ...)` in one batch and for each document alone.

    Infinite if the model fails on these documents, NaN if any result is NaN.
    """

    def of(group: Sequence[Document]) -> Sequence[Tensor]:
        return results(collate(group, [0] * len(group), tokenizer, device))

    try:
        alone = [of([document]) for document in documents]
        together = of(documents)
    except FAILURES as error:
        if is_out_of_memory(error):
            raise
        return float("inf")
    return largest(
        relative_error(single[0], batched[i][: len(single[0])])
        for i, singles in enumerate(alone)
        for single, batched in zip(singles, together, strict=True)
    )


def _norm(tensors: Sequence[Tensor]) -> float:
    return sum(x.cpu().double().square().sum().item() for x in tensors) ** 0.5


def relative_error(expected: Tensor, actual: Tensor) -> float:
    """Return the largest absolute difference, divided by the largest absolute expected value."""
    return ((actual - expected).abs().max() / expected.abs().max().clamp(min=1e-30)).item()


def largest(errors: Iterable[float]) -> float:
    """Return the largest number; NaN if any number is NaN, unlike `max`."""
    return float(np.max(list(errors)))
