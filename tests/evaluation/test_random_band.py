"""The random band against many seeds."""

import numpy as np
import pandas as pd
import pytest

from hf_gradexplain.evaluation.aopc import document_aopc
from hf_gradexplain.evaluation.random_band import RandomBandSums, random_ranks, summarize_orders
from hf_gradexplain.statistics.ragged_array import RaggedArray
from tests.perturb.conftest import random_document

LONGEST = 14


def document_curve(effects, order):
    """A curve that is not additive."""
    return 1 / (1 + np.exp(np.concatenate([[0], np.cumsum(effects[order])]) - 1))


def test_spread_over_orders_is_that_of_the_aopc_at_every_k():
    rng = np.random.default_rng(0)
    curves = rng.random((5, 7))
    summary = summarize_orders(curves)
    expected = np.array([document_aopc(curve, 6) for curve in curves])
    np.testing.assert_allclose(summary["variance"], expected.var(0, ddof=1))
    np.testing.assert_allclose(summary["mean"], curves.mean(0))


@pytest.mark.parametrize("orders", [2, 3, 20])
def test_the_aopc_of_another_seed_is_in_the_band_in_95_percent_of_cases(orders):
    """Of 80 documents whose 6 units lower the probability by fixed amounts."""
    rng, k, cases = np.random.default_rng(orders), 3, 600
    effects = rng.exponential(0.05, (80, 6))
    inside = []
    for _ in range(cases):
        removed = rng.permuted(np.broadcast_to(effects, (orders + 4, 80, 6)), axis=2).cumsum(2)
        areas = removed[..., :k].sum(2) / (k + 1)
        summary = summarize_orders(np.pad(1 - removed[4:], ((0, 0), (0, 0), (1, 0)), constant_values=1.0))
        sums = RandomBandSums(6, orders)
        sums.add(RaggedArray.of(list(summary["variance"])))
        band = sums.table(pd.DataFrame({"k": range(7), "aopc": [np.nan] * k + [areas[4:].mean()] + [np.nan] * (6 - k)}))
        inside += [band["low"][k] <= area <= band["high"][k] for area in areas[:4].mean(1)]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.015)


def test_the_band_from_three_orders_is_that_of_thousands_of_seeds():
    rng = np.random.default_rng(1)
    documents = [rng.normal(0.5, 1.5, n) for n in rng.integers(1, LONGEST, 120)]

    def curves(effects, orders):
        return np.stack([document_curve(effects, rng.permutation(len(effects))) for _ in range(orders)])

    seeds = np.mean(
        [[document_aopc(curve, LONGEST) for curve in curves(effects, 250)] for effects in documents], axis=0
    )
    summaries = [summarize_orders(curves(effects, 3)) for effects in documents]
    sums = RandomBandSums(LONGEST, 3)
    for part in (slice(0, 50), slice(50, None)):
        sums.add(RaggedArray.of([x["variance"] for x in summaries[part]]))
    mean = pd.DataFrame({"k": np.arange(LONGEST + 1), "aopc": seeds.mean(0)})
    table = sums.table(mean)
    half = (table["high"] - table["low"]) / 2
    np.testing.assert_allclose(half[1:], 1.96 * np.sqrt(4 / 3) * seeds.std(0)[1:], rtol=0.2)
    assert half[0] == 0
    assert (table["n"] == 120).all()


def test_past_a_documents_end_the_variance_is_that_of_its_flat_curve():
    curves = np.random.default_rng(2).random((4, 4))
    curves[:, 0], curves[:, -1] = 0.9, 0.1
    sums = RandomBandSums(9, 4)
    sums.add(RaggedArray.of([summarize_orders(curves)["variance"]]))
    table = sums.table(pd.DataFrame({"k": np.arange(10), "aopc": 0.0}))
    expected = np.array([document_aopc(curve, 9) for curve in curves]).std(0, ddof=1)
    np.testing.assert_allclose(table["high"], 1.959964 * np.sqrt(5 / 4) * expected, rtol=1e-6, atol=1e-12)


def test_orders_are_permutations_that_depend_on_the_seed_and_the_document():
    document = random_document(np.random.default_rng(0), 12, "token")
    ranks = random_ranks(document, 0, 40)
    np.testing.assert_array_equal(np.sort(ranks, 1), np.tile(np.arange(document.n_units), (40, 1)))
    assert len({tuple(row) for row in ranks}) == 40
    np.testing.assert_array_equal(random_ranks(document, 0, 40), ranks)
    np.testing.assert_array_equal(random_ranks(document, 0, 3), ranks[:3])
    assert (random_ranks(document, 1, 40) != ranks).any()
