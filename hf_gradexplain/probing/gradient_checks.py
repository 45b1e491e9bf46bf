"""What a model does when it is tried: small experiments on texts made of its own vocabulary."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from hf_gradexplain.classifier.hooked_classifier import HookedClassifier
from hf_gradexplain.classifier.memory import ran_out
from hf_gradexplain.classifier.state import device_of
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.text.data import NO_UNIT, Batch, Document, Unit
from hf_gradexplain.text.encode import Encoder, collate

FAILURES = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What a model raises at inputs that it was not written for; a device that is out of memory raises one of them, too."""

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


def document_of(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> Document:
    """A document of these ordinary tokens, each a unit, between the special tokens that stand around every text."""
    frame = Encoder(tokenizer, None, "token")(["the"])[0]
    ordinary = np.flatnonzero(frame.unit_of != NO_UNIT)
    middle = (len(frame) + 1) // 2
    start, stop = (ordinary[0], ordinary[-1] + 1) if len(ordinary) else (middle, middle)
    n = len(ids)
    inputs = {}
    for name, row in frame.inputs.items():
        value = row[start] if len(ordinary) else int(name == "attention_mask")
        inputs[name] = (*row[:start], *(ids if name == "input_ids" else [value] * n), *row[stop:])
    unit_of = np.array([*[NO_UNIT] * start, *range(n), *[NO_UNIT] * (len(frame) - stop)])
    return Document("", (Unit("", ()),) * n, inputs, unit_of, unit_of, np.arange(n))


def tokens_around(tokenizer: PreTrainedTokenizerBase) -> int:
    """The number of special tokens that stand around every text."""
    return len(document_of(tokenizer, ()))


def sample_documents(tokenizer: PreTrainedTokenizerBase, lengths: Sequence[int]) -> list[Document]:
    """Documents of these numbers of ordinary tokens; those of equal length differ in their tokens."""
    ids = ordinary_ids(tokenizer)
    return [document_of(tokenizer, [ids[(k + i) % len(ids)] for i in range(n)]) for k, n in enumerate(lengths)]


@dataclass(frozen=True, eq=False)
class GradientCheck:
    """One forward and one backward pass over sample documents, from their first logits.

    Attributes:
        batch: The documents.
        logits: `(B, C)`.
        vectors: The word vectors of each table, `(B, T, D)`.
        grads: The gradients of the first logits with respect to them.
    """

    batch: Batch
    logits: Tensor
    vectors: tuple[Tensor, ...]
    grads: tuple[Tensor, ...]

    def rows(self) -> Tensor:
        """The gradient of every ordinary token, all tables side by side: `(B, R, D)`."""
        return self.batch.units.sum_rows(torch.cat(self.grads, -1))

    def gradient_embedding_cosine(self) -> float:
        """How the gradients lie to the word vectors, as a root mean square over the ordinary tokens.

        `sqrt(D) cos(g, e)`: about 1 for vectors that have nothing to do with each other, whatever `D`, and about 0
        where the model normalises its word vectors away, so that their length changes nothing. NaN if every gradient
        is zero.
        """
        g, e = self.rows(), self.batch.units.sum_rows(torch.cat(self.vectors, -1))
        some = g.any(-1)
        cosines = torch.nn.functional.cosine_similarity(g[some].cpu().double(), e[some].cpu().double(), dim=-1)
        return (g.shape[-1] * cosines.square().mean()).sqrt().item()


def forward_backward(classifier: HookedClassifier, batch: Batch) -> GradientCheck:
    """Read a batch and differentiate its first logits.

    Raises:
        RuntimeError: If no gradient reaches the word vectors.
    """
    forward = classifier.forward(batch, graph=True)
    grads = torch.autograd.grad(forward.logits[:, 0].sum(), [words.delta for words in forward.words])
    return GradientCheck(batch, forward.logits.detach(), tuple(words.embedding for words in forward.words), grads)


def finite_difference_error(classifier: HookedClassifier, trial: GradientCheck) -> float:
    """How far the gradient's length is from the slope that the model shows along it, relative to that length.

    The slope is a central difference of fourth order, `(8 (f(h) - f(-h)) - f(2h) + f(-2h)) / 12h`, of the summed
    first logits as all word vectors move along the gradient. The best of three steps `h` counts: long ones suffer
    from the model's curvature, short ones from rounding. Infinite if the gradient is zero or not finite.
    """
    size = _norm(trial.grads)
    if not 0 < size < float("inf"):
        return float("inf")
    eps = torch.finfo(trial.grads[0].dtype).eps
    steps = [eps**power * _norm(trial.vectors) for power in (1 / 5, 1 / 4, 1 / 3)]
    return min(abs(_slope(classifier, trial, h / size) / size**2 - 1) for h in steps)


def _slope(classifier: HookedClassifier, trial: GradientCheck, h: float) -> float:
    """The difference quotient as the word vectors move by `h` times the gradients."""

    def logit(step: float) -> float:
        def move(table: int, vectors: Tensor, tokens: slice) -> Tensor:
            return vectors + step * trial.grads[table][:, tokens].to(vectors.device)

        with torch.no_grad():
            return classifier.logits(trial.batch.inputs, move)[:, 0].cpu().double().sum().item()

    return (8 * (logit(h) - logit(-h)) - logit(2 * h) + logit(-2 * h)) / (12 * h)


def batch_error(
    classifier: HookedClassifier, documents: Sequence[Document], tokenizer: PreTrainedTokenizerBase, *, gradients: bool
) -> float:
    """The largest relative difference between what documents get in one batch and what each gets alone.

    Of the logits and, if asked, of the gradients. Infinite if the model refuses to read them, NaN if any answer is.
    """

    def results(some: Sequence[Document]) -> tuple[Tensor, ...]:
        batch = collate(some, [0] * len(some), tokenizer, device_of(classifier.model))
        if not gradients:
            return (classifier.forward(batch, graph=False).logits,)
        trial = forward_backward(classifier, batch)
        return trial.logits, trial.rows()

    try:
        alone = [results([document]) for document in documents]
        together = results(documents)
    except FAILURES as error:
        if ran_out(error):
            raise
        return float("inf")
    return largest(
        relative_error(own[0], among[i][: len(own[0])])
        for i, each in enumerate(alone)
        for own, among in zip(each, together, strict=True)
    )


def _norm(tensors: Sequence[Tensor]) -> float:
    return sum(x.cpu().double().square().sum().item() for x in tensors) ** 0.5


def relative_error(expected: Tensor, found: Tensor) -> float:
    """The largest difference, relative to the largest number expected."""
    return ((found - expected).abs().max() / expected.abs().max().clamp(min=1e-30)).item()


def largest(errors: Iterable[float]) -> float:
    """The largest of some numbers; NaN if any of them is, which `max` may pass over."""
    return float(np.max(list(errors)))
