"""Distributions of random baselines: a Gaussian, or the words of reference texts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from hf_gradexplain.attribution.baseline import baseline_vectors, vectors_of_ids, vocabulary_moments
from hf_gradexplain.classifier.hooked_classifier import HookedClassifier
from hf_gradexplain.classifier.lookups import Draw
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.options import Options
from hf_gradexplain.text.data import NO_UNIT
from hf_gradexplain.text.encode import Encoder

Rng = Callable[[str], np.random.Generator]


@dataclass(frozen=True, eq=False)
class Gaussian:
    """A Gaussian around a baseline; each dim has the standard deviation of this dim over the vocabulary's word vectors.

    Dims and tokens are independent. The noise of copy `2 j + 1` is minus that of copy `2 j`.

    Attributes:
        mean: The baseline, one vector `(D,)` per embedding table; None for zero.
        deviation: The standard deviations, `(D,)` per table.
    """

    mean: tuple[Tensor, ...] | None
    deviation: tuple[Tensor, ...]

    def __call__(self, rng: Rng, number: int, table: int, vectors: Tensor) -> Tensor:
        """Draw a baseline for each token, see `hf_gradexplain.classifier.lookups.Draw`."""
        noise = rng(f"baseline {table} {number // 2}").normal(size=tuple(vectors.shape))
        noise = -noise if number % 2 else noise
        moved = self.deviation[table] * torch.from_numpy(noise).to(vectors)
        return moved if self.mean is None else self.mean[table] + moved


@dataclass(frozen=True, eq=False)
class ReferenceWords:
    """The word vectors of the tokens of reference texts; frequent tokens are drawn more often.

    The baseline of every token is the vector of a random token of the reference texts, drawn with replacement. Special
    tokens are not drawn.

    Attributes:
        vectors: `(N, D)` per embedding table: the vectors of the `N` different tokens.
        places: For each token of the texts, its row in `vectors`.
    """

    vectors: tuple[Tensor, ...]
    places: np.ndarray

    def __call__(self, rng: Rng, number: int, table: int, vectors: Tensor) -> Tensor:
        """Draw a reference token for each token, and return its vectors in this table; see `Draw`.

        All tables use the same draws.
        """
        chosen = self.places[rng(f"baseline {number}").integers(len(self.places), size=len(vectors))]
        return self.vectors[table][torch.from_numpy(chosen).to(vectors.device)]


def baseline_distribution(classifier: HookedClassifier, tokenizer: PreTrainedTokenizerBase, options: Options) -> Draw:
    """Return the distribution that baselines are drawn from.

    With `reference_texts`, baselines are word vectors of these texts. Otherwise the distribution is a Gaussian around
    the baseline of the options, by default the mean of the vocabulary.

    Raises:
        GradexplainError: The reference texts have no word, or there is no such baseline.
    """
    if options.reference_texts:
        return _reference_words(classifier, tokenizer, options.reference_texts)
    center = baseline_vectors(classifier, tokenizer, options.baseline or "mean")
    return Gaussian(center, vocabulary_moments(classifier, tokenizer)[1])


def distribution_name(options: Options) -> str:
    """Return the name of the distribution that baselines are drawn from."""
    if options.reference_texts:
        n = len(options.reference_texts)
        return f"words of {n} reference text{'s' * (n > 1)}"
    return f"{options.baseline or 'mean'} with noise"


def _reference_words(
    classifier: HookedClassifier, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]
) -> ReferenceWords:
    documents = Encoder(tokenizer, None, "token")(texts)
    tokens = np.concatenate([document.inputs["input_ids"][document.unit_of != NO_UNIT] for document in documents])
    if not len(tokens):
        raise GradexplainError("reference_texts have no word to draw baselines from: give at least one text with words")
    ids, places = np.unique(tokens, return_inverse=True)
    return ReferenceWords(vectors_of_ids(classifier, tokenizer, ids.tolist()), places)
