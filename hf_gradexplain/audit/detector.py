"""Test whether a text is like reference texts, by the inputs of the layers of a model."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats

Features = Sequence[np.ndarray]
"""Per layer, the features of `N` texts: `(N, D)`, where `D` differs between layers."""


@dataclass(frozen=True, eq=False)
class Detector:
    """A test of whether a text is like reference texts: MaSF (max, Simes, Fisher).

    A text has features for each linear layer of the model: for each input dimension of the layer, the largest value
    over the tokens of the text, `(D,)`.

    1. Each feature gets a two-sided p-value: it is compared with the same feature in the first two thirds of the
       reference texts, see `two_sided`. The p-values of a layer are combined by Simes: `s = min_i D p_(i) / i`.
    2. Each `s` gets a two-sided p-value: it is compared with the `s` of the same reference texts. This p-value is small
       for a layer in which the text is unusual, and for a layer in which all features are unusually close to the
       middle. The p-values of the `L` layers are combined by Fisher: `t = -2 sum log p`.
    3. The p-value of the text compares `t` with the `t_i` of the `n` texts in the last third of the reference:
       `p = (1 + #{t_i >= t}) / (n + 1)`.

    This conformal p-value is valid for any features, even if they depend on each other: on average over all sets of
    reference texts, a text that is like them has `p <= alpha` with a probability of at most `alpha` (Bates et al.,
    "Testing for Outliers with Conformal p-values", Annals of Statistics 2023). To be powerful, the test needs more
    reference texts than a layer has features.

    Source: Haroush, Frostig, Heller and Soudry, "A Statistical Framework for Efficient Out of Distribution Detection in
    Deep Neural Networks" (ICLR 2022), as used by Madsen, Reddy and Chandar, "Faithfulness Measurable Masked Language
    Models" (ICML 2024). In their version, the last step uses the same reference texts as the first two steps, so that
    new texts look more unusual than they are.

    Attributes:
        features: Per layer, the features of the first two thirds, sorted: `(m, D)`.
        simes: Per layer, the combined p-values of these texts, sorted: `(m,)`.
        fisher: The statistics `t` of the last third, sorted: `(n,)`.
    """

    features: tuple[np.ndarray, ...]
    simes: tuple[np.ndarray, ...]
    fisher: np.ndarray

    @classmethod
    def fit(cls, features: Features) -> "Detector":
        """Return the test, given the features of reference texts in random order."""
        m = len(features[0]) * 2 // 3
        known = tuple(np.sort(layer[:m], 0) for layer in features)
        of_known = tuple(np.sort(s) for s in _simes_by_layer(known, [layer[:m] for layer in features]))
        return cls(known, of_known, np.sort(_fisher(known, of_known, [layer[m:] for layer in features])))

    def __call__(self, features: Features) -> np.ndarray:
        """Return the p-values of texts: `(N,)`."""
        t, n = _fisher(self.features, self.simes, features), len(self.fisher)
        return (1 + n - self.fisher.searchsorted(t)) / (n + 1)


def _simes_by_layer(reference: Sequence[np.ndarray], features: Features) -> list[np.ndarray]:
    return [simes(two_sided(m, x)) for m, x in zip(reference, features, strict=True)]


def _fisher(reference: Sequence[np.ndarray], of_simes: Sequence[np.ndarray], features: Features) -> np.ndarray:
    """Return the statistics `t` of texts, `(N,)`."""
    combined = zip(of_simes, _simes_by_layer(reference, features), strict=True)
    p = np.concatenate([two_sided(known[:, None], s[:, None]) for known, s in combined], 1)
    t: np.ndarray = stats.combine_pvalues(p, method="fisher", axis=1).statistic
    return t


def two_sided(reference: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the p-values `(N, D)` of features `(N, D)`, given the sorted features `(m, D)` of reference texts.

    For a feature `x`, with `r` the same feature of a reference text,

        p = min(1, 2 (1 + min(#{r <= x}, #{r >= x})) / (m + 1))
    """
    known, x = (torch.from_numpy(np.ascontiguousarray(part.T)) for part in (reference, values))
    below, above = torch.searchsorted(known, x, right=True), len(reference) - torch.searchsorted(known, x)
    p: np.ndarray = 2 * (1 + torch.minimum(below, above)).numpy().T / (len(reference) + 1)
    return np.minimum(1, p)


def simes(p: np.ndarray) -> np.ndarray:
    """Combine p-values `(N, D)` by Simes (1986), `min_i D p_(i) / i`: `(N,)`."""
    combined: np.ndarray = (np.sort(p, 1) * p.shape[1] / np.arange(1, 1 + p.shape[1])).min(1)
    return combined
