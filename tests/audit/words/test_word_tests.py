"""P-values of the permutation test, compared with all permutations, with scipy and with a convolution."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import permutation_test

from hf_gradexplain.audit.words.word_tests import TILTS, document_cumulants, upper_tail

KINDS = {
    "normal": lambda rng, n: rng.normal(0.3, 1, n),
    "heavy": lambda rng, n: rng.standard_t(1.5, n),
    "positive": lambda rng, n: rng.exponential(1, n) ** 2,
}


def documents(kind, lengths, seed=0):
    """Return the shares of the words of each document."""
    rng = np.random.default_rng(seed)
    scores = [KINDS[kind](rng, n) for n in lengths]
    return [x / np.abs(x).sum() for x in scores]


def cumulants(shares):
    starts = np.cumsum([0, *(len(x) for x in shares[:-1])])
    return document_cumulants(np.concatenate(shares), starts)


def p_values(shares, excess):
    excess = np.asarray(excess, dtype=float)
    return upper_tail(excess, np.broadcast_to(cumulants(shares).sum(0), (len(excess), 3, len(TILTS))))


def test_cumulants_are_those_of_a_word_drawn_at_random():
    shares = documents("heavy", [1, 2, 7])
    found = cumulants(shares)
    for d, x in enumerate(shares):
        centred = x - x.mean()
        for i in (0, 1, 8):
            weights = np.exp(TILTS[i] * centred)
            mean = (weights * centred).sum() / weights.sum()
            variance = (weights * centred**2).sum() / weights.sum() - mean**2
            np.testing.assert_allclose(found[d, :, i], [np.log(weights.mean()), mean, variance], atol=1e-12)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("kind", KINDS)
def test_p_values_are_the_fractions_of_all_permutations(kind):
    shares = documents(kind, [5, 6, 7, 8, 9, 10])
    sums = np.sort([sum(draw) for draw in product(*(x - x.mean() for x in shares))])
    for exact in (0.2, 0.05, 0.01, 0.001):
        x = sums[int(len(sums) * (1 - exact))]
        share = (sums >= x - 1e-12).mean()
        assert p_values(shares, [x])[0] == pytest.approx(share, rel=0.2)
    at_most = p_values(shares, [sums[-1], sums[-1] - 1e-12])
    np.testing.assert_allclose(at_most, 1 / len(sums), rtol=1e-6)


def test_p_values_are_those_of_scipy():
    shares = documents("heavy", [12] * 8, seed=1)
    word = np.array([sorted(x)[-3] for x in shares])
    data = [np.concatenate([[share], x[x != share]]) for share, x in zip(word, shares, strict=True)]
    found = permutation_test(
        data,
        lambda *samples: sum(x[0] for x in samples),
        permutation_type="pairings",
        alternative="greater",
        n_resamples=20_000,
        rng=np.random.default_rng(0),
    )
    excess = sum(share - x.mean() for share, x in zip(word, shares, strict=True))
    assert 0.002 < found.pvalue < 0.2
    assert p_values(shares, [excess])[0] == pytest.approx(found.pvalue, rel=0.15)


@pytest.mark.parametrize("kind", KINDS)
def test_the_far_tail_is_that_of_the_convolution(kind):
    shares, step = documents(kind, [25] * 20), 1e-3
    distribution, lowest = np.ones(1), 0
    for x in shares:
        places = np.round((x - x.mean()) / step).astype(int)
        one = np.bincount(places - places.min()) / len(x)
        distribution, lowest = np.convolve(distribution, one), lowest + places.min()
    tail = distribution[::-1].cumsum()[::-1]
    rounded = [np.round((x - x.mean()) / step) * step for x in shares]
    shift = sum(x.mean() for x in rounded)
    for exact in (1e-4, 1e-8, 1e-12):
        at = int(np.searchsorted(-tail, -exact))
        x = (lowest + at - 0.5) * step - shift
        assert p_values(rounded, [x])[0] == pytest.approx(tail[at], rel=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_no_p_value_is_smaller_than_the_probability_of_all_largest_shares(kind):
    for lengths in ([20], [3, 4]):
        shares = documents(kind, lengths)
        most = sum(x.max() - x.mean() for x in shares)
        p = p_values(shares, most * np.array([0.9, 0.99, 1 - 1e-9]))
        assert (p >= (1 - 1e-6) / np.prod(lengths)).all()


def test_there_is_no_evidence_where_the_sum_is_not_above_its_mean_or_nothing_varies():
    shares = documents("normal", [5, 6, 7])
    np.testing.assert_array_equal(p_values(shares, [0.0, -0.1]), 1)
    np.testing.assert_allclose(p_values(shares, [1e-300, 1e-12]), 0.5, atol=0.1)
    for same in ([np.full(3, 0.1)] * 10, [np.ones(1)] * 10):
        np.testing.assert_allclose(p_values(same, [0.0, 1e-17]), 1)
