"""Coefficients of many documents at once against scipy, document by document."""

import warnings

import numpy as np
import pytest
from scipy import stats

from hf_gradexplain.explanation.correlation import COEFFICIENTS, correlate_documents
from hf_gradexplain.statistics.coefficients import rank
from hf_gradexplain.statistics.ragged_array import RaggedArray

SCIPY = {"pearson": stats.pearsonr, "spearman": stats.spearmanr, "kendall": stats.kendalltau}


def draws(rng, n):
    """Pairs of rows of `n` values: independent, close, equal, opposite, tied, nearly constant, and of all sizes."""
    x, y = rng.normal(size=(2, n))
    whole = rng.integers(0, 3, size=(2, n)).astype(float)
    one_swap = np.arange(n, dtype=float)
    one_swap[:2] = 1, 0
    yield from ((x, y), (x, x + 1e-3 * y), (x, x + 1e-6 * y), (x, x), (x, -x), (x, whole[0]), (whole[1], y), whole)
    yield from ((1 + 1e-5 * x, y), (x, 1e5 + y), (1e-150 * x, 1e200 * y), (np.where(x > 0, 0.0, x), y))
    yield from ((np.arange(n, dtype=float), one_swap), (one_swap, -np.arange(n, dtype=float)))


def by_scipy(coefficient, x, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.NearConstantInputWarning)
        result = SCIPY[coefficient](x, y)
    return result.statistic, result.pvalue


@pytest.fixture(scope="module")
def documents():
    """Documents of different lengths, in disorder: their scores `(1, B, U)`, the reference's `(B, U)`, and lengths."""
    rng = np.random.default_rng(0)
    sizes = [3, 33, 4, 180, 5, 34, 10, 64, 65, 3, 300, 7]
    pairs = [pair for n in sizes for pair in draws(rng, n) if min(np.ptp(pair[0]), np.ptp(pair[1])) > 0]
    lengths = np.array([len(x) for x, _ in pairs])
    scores = rng.normal(size=(2, len(pairs), lengths.max()))  # what follows the units is not read
    for i, pair in enumerate(pairs):
        scores[:, i, : lengths[i]] = pair
    return scores[:1], scores[1], lengths


@pytest.mark.parametrize("coefficient", COEFFICIENTS)
def test_each_document_has_the_coefficient_of_scipy(documents, coefficient):
    scores, reference, lengths = documents
    found = correlate_documents(scores, reference, lengths, [coefficient], "float64")
    r, p = found.r[coefficient][0], found.p[coefficient][0]
    assert not found.reason.any()
    expected = [by_scipy(coefficient, x[:n], y[:n]) for x, y, n in zip(scores[0], reference, lengths, strict=True)]
    expected_r, expected_p = np.array(expected).T
    np.testing.assert_allclose(r, expected_r, rtol=1e-12, atol=1e-15)
    # The last place of an r near 1 decides many places of its p-value, and scipy has two formulas for Spearman's.
    stable = (1 - np.abs(expected_r) > 1e-3) | (coefficient == "kendall")
    assert stable.mean() > 0.5
    np.testing.assert_allclose(p[stable], expected_p[stable], rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(p, expected_p, rtol=1e-5, atol=1e-300 if coefficient == "kendall" else 1e-7)


@pytest.mark.parametrize("n", [3, 4, 7, 33])
def test_without_ties_the_p_value_of_kendall_counts_orders(n):
    """From no pair out of order to all: a value is moved down one place at a time."""
    order, orders = list(range(n)), []
    for last in range(n, 0, -1):
        for i in range(last - 1):
            orders.append(list(order))
            order[i], order[i + 1] = order[i + 1], order[i]
    orders.append(order)
    scores, reference = np.array([orders], dtype=float), np.tile(np.arange(n, dtype=float), (len(orders), 1))
    found = correlate_documents(scores, reference, np.full(len(orders), n), ["kendall"])
    expected = [stats.kendalltau(order, reference[0], method="exact").pvalue for order in orders]
    np.testing.assert_allclose(found.p["kendall"][0], expected, rtol=1e-12)


@pytest.mark.parametrize("coefficient", COEFFICIENTS)
def test_no_coefficient_lies_beyond_one_by_rounding(coefficient):
    lengths = np.arange(3, 60)
    scores = np.tile(np.arange(60.0), (2, len(lengths), 1)) * np.array([1, -1])[:, None, None]
    found = correlate_documents(scores, scores[0], lengths, [coefficient], "float64").r[coefficient]
    assert found.min() >= -1
    assert found.max() <= 1
    np.testing.assert_allclose(found, np.outer([1, -1], np.ones(len(lengths))), rtol=1e-12)


def test_many_methods_and_a_document_alone_have_the_same_numbers(documents):
    scores, reference, lengths = documents
    methods = np.concatenate([scores, scores[:, :, ::-1], np.arctan(reference)[None]])
    together = correlate_documents(methods, reference, lengths)
    for i in range(0, len(lengths), 5):
        n = lengths[i]
        alone = correlate_documents(methods[:, i : i + 1, :n], reference[i : i + 1, :n], lengths[i : i + 1])
        for name in COEFFICIENTS:
            np.testing.assert_array_equal(alone.r[name][:, 0], together.r[name][:, i])
            np.testing.assert_array_equal(alone.p[name][:, 0], together.p[name][:, i])


def test_no_document_is_no_error():
    found = correlate_documents(np.zeros((2, 0, 5)), np.zeros((0, 5)), np.zeros(0, dtype=int))
    assert found.r["kendall"].shape == found.reason.shape == (2, 0)
    assert (
        correlate_documents(np.zeros((2, 1, 0)), np.zeros((1, 0)), np.array([0])).reason.tolist()
        == [["fewer than 3 units"]] * 2
    )


@pytest.mark.parametrize(
    ("values", "tie", "lowest", "ties"),
    [
        ([1.0, 0.5, 0.75], 0.25, [0, 0, 0], [3, 3, 3]),  # each neighbour is a quarter of the largest away
        ([1.0, 0.5, 0.75], 0.24, [2, 0, 1], [1, 1, 1]),
        ([-4.0, 0.0, 1.0], 0.25, [0, 1, 1], [1, 2, 2]),  # the largest absolute value is that of a negative one
        ([2.0, 2.0, 1.0], 0.0, [1, 1, 0], [2, 2, 1]),
        ([5.0], 0.0, [0], [1]),
    ],
)
def test_neighbours_up_to_the_tolerance_apart_are_tied(values, tie, lowest, ties):
    ranks = rank(RaggedArray.of([values, [0.0, 9.0]]), tie, 0)
    assert ranks.lowest.rows()[0].tolist() == lowest
    assert ranks.ties.rows()[0].tolist() == ties
    assert ranks.mean.rows()[1].tolist() == [1, 2]
    assert ranks.mean.rows()[0].tolist() == [low + (n + 1) / 2 for low, n in zip(lowest, ties, strict=True)]


@pytest.mark.parametrize(
    ("values", "constant"), [([4.0, 3.0], True), ([4.0, 2.9], False), ([-4.0, -3.0], True), ([0.0], True)]
)
def test_a_row_is_constant_up_to_the_tolerance(values, constant):
    assert rank(RaggedArray.of([values]), 0, 0.25).constant.tolist() == [constant]
