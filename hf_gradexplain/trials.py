"""What a model does when it is tried: small experiments on texts made of its own vocabulary."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from hf_gradexplain.autodiff import custom_functions
from hf_gradexplain.classifier import Classifier
from hf_gradexplain.data import NOBODY, Batch, Document
from hf_gradexplain.encode import Encoder, collate
from hf_gradexplain.errors import GradexplainError

FAILURES = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What a model raises at inputs that it was not written for."""

_SAMPLE_IDS = 16


def ordinary_ids(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Some token ids that stand for parts of words, the same ones every time.

    Raises:
        GradexplainError: If the vocabulary has fewer than two.
    """
    special = {*tokenizer.all_special_ids, *tokenizer.added_tokens_encoder.values()}
    ids = [i for i in range(min(len(tokenizer), 1000)) if i not in special][-_SAMPLE_IDS:]
    if len(ids) < 2:
        raise GradexplainError("the tokenizer's vocabulary has fewer than two words: it was not trained on anything")
    return ids


def sample_documents(tokenizer: PreTrainedTokenizerBase, lengths: Sequence[int]) -> list[Document]:
    """Documents of these numbers of ordinary tokens, between the special tokens that the tokenizer puts around a text.

    Every ordinary token is a unit.
    """
    frame = Encoder(tokenizer, None, "token")(["the"])[0]
    ordinary = np.flatnonzero(frame.unit_of != NOBODY)
    middle = (len(frame) + 1) // 2
    start, stop = (ordinary[0], ordinary[-1] + 1) if len(ordinary) else (middle, middle)
    ids = ordinary_ids(tokenizer)

    def document(n: int) -> Document:
        inputs = {}
        for name, row in frame.inputs.items():
            value = row[start] if len(ordinary) else int(name == "attention_mask")
            words = [ids[i % len(ids)] for i in range(n)] if name == "input_ids" else [value] * n
            inputs[name] = (*row[:start], *words, *row[stop:])
        unit_of = np.array([*[NOBODY] * start, *range(n), *[NOBODY] * (len(frame) - stop)])
        return Document("", (), inputs, unit_of, unit_of, np.arange(n))

    return [document(n) for n in lengths]


@dataclass(frozen=True, eq=False)
class Trial:
    """One forward and one backward pass over sample documents, from the first logit.

    Attributes:
        logits: `(B, C)`.
        vectors: `(B, R, D)` the word vectors of the ordinary tokens, all tables side by side.
        grad: `(B, R, D)` the gradient of the first logit with respect to them.
    """

    logits: Tensor
    vectors: Tensor
    grad: Tensor


def attempt(classifier: Classifier, batch: Batch) -> Trial:
    """Read a batch and differentiate its first logits."""
    reading = classifier.read(batch, graph=True)
    grads = torch.autograd.grad(reading.logits[:, 0].sum(), [words.delta for words in reading.words])
    vectors = torch.cat([words.embedding for words in reading.words], -1)
    sum_rows = batch.units.sum_rows
    return Trial(reading.logits.detach(), sum_rows(vectors), sum_rows(torch.cat(grads, -1)))


def batch_error(
    classifier: Classifier, documents: Sequence[Document], tokenizer: PreTrainedTokenizerBase, *, gradients: bool
) -> float:
    """The largest relative difference between what documents get in one batch and what each gets alone.

    Of the logits and, if asked, of the gradients. Infinite if the model refuses the batch.
    """
    device = device_of(classifier)

    def results(some: Sequence[Document]) -> tuple[Tensor, ...]:
        batch = collate(some, [0] * len(some), tokenizer, device)
        if not gradients:
            return (classifier.read(batch, graph=False).logits,)
        trial = attempt(classifier, batch)
        return trial.logits, trial.grad

    alone = [results([document]) for document in documents]
    try:
        together = results(documents)
    except FAILURES:
        return float("inf")
    return max(
        _relative(x[i, : len(own[0])] if x.ndim == 3 else x[i], own[0])
        for i, each in enumerate(alone)
        for x, own in zip(together, each, strict=True)
    )


def difference_error(classifier: Classifier, batch: Batch) -> float:
    """How far the gradient's length is from the slope that the model shows along it, relative to that length.

    The slope is taken by central differences of fourth order, `(8 (f(h) - f(-h)) - f(2h) + f(-2h)) / 12h`, of the
    first logit as all word vectors move along the gradient. The best of three steps `h` counts: long ones suffer
    from the model's curvature, short ones from rounding. Infinite if the gradient is zero or not finite.
    """
    trial = attempt(classifier, batch)
    size = trial.grad.norm().item()
    if not 0 < size < float("inf"):
        return float("inf")
    eps = torch.finfo(trial.logits.dtype).eps
    steps = [eps**power * trial.vectors.norm().item() for power in (1 / 5, 1 / 4, 1 / 3)]
    return min(abs(_slope(classifier, batch, h) - size) / size for h in steps)


def _slope(classifier: Classifier, batch: Batch, h: float) -> float:
    reading = classifier.read(batch, graph=True)
    grads = torch.autograd.grad(reading.logits[:, 0].sum(), [words.delta for words in reading.words])
    size = torch.cat([grad.flatten() for grad in grads]).norm()

    def logit(step: float) -> float:
        def move(table: int, vectors: Tensor, tokens: slice) -> Tensor:
            return vectors + (step / size * grads[table][:, tokens]).to(vectors)

        with torch.no_grad():
            return classifier.logits(batch.inputs, move)[:, 0].sum().item()

    return (8 * (logit(h) - logit(-h)) - logit(2 * h) + logit(-2 * h)) / (12 * h)
