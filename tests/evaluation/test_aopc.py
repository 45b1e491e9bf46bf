"""AOPC against a plain loop, with ties and ends."""

import numpy as np
import pytest

from hf_gradexplain.evaluation.aopc import (
    aopc_by_k,
    areas,
    document_aopc,
    drop_sums,
    full_areas,
    removal_drops,
    sufficiency_drops,
)
from hf_gradexplain.statistics.ragged_array import RaggedArray
from tests.helpers.curves import naive_aopc


@pytest.mark.parametrize("max_k", [0, 1, 3, 12, 20])
def test_agrees_with_a_loop(max_k):
    rng = np.random.default_rng(0)
    curves = [rng.random(length) for length in (1, 2, 2, 5, 13)]
    each = [document_aopc(curve, max_k) for curve in curves]
    np.testing.assert_allclose(each, [naive_aopc([curve], max_k) for curve in curves], rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.mean(each, axis=0), naive_aopc(curves, max_k), rtol=0, atol=1e-12)


def test_from_sums_over_documents_it_is_their_mean():
    drops = np.random.default_rng(1).random((4, 9))
    np.testing.assert_allclose(aopc_by_k(drops.sum(0), 4), aopc_by_k(drops).mean(0), rtol=0, atol=1e-15)


def test_a_document_past_its_own_end_stays_flat():
    assert document_aopc([0.9, 0.4], 3) == pytest.approx([0, 0.5 / 2, 1.0 / 3, 1.5 / 4])


def test_a_document_without_units_has_no_area():
    np.testing.assert_array_equal(document_aopc([0.7], 4), np.zeros(5))


@pytest.fixture
def many():
    rng = np.random.default_rng(4)
    return [rng.random(length) for length in (1, 2, 2, 5, 13, 1, 8)]


def test_areas_at_chosen_k_are_those_of_each_document(many):
    ks = np.array([0, 1, 3, 12, 20])
    expected = [document_aopc(curve, 20)[ks] for curve in many]
    np.testing.assert_allclose(areas(removal_drops(RaggedArray.of(many)), ks), expected, rtol=0, atol=1e-13)
    ends = [document_aopc(curve, len(curve) - 1)[-1] for curve in many]
    np.testing.assert_allclose(full_areas(removal_drops(RaggedArray.of(many))), ends, rtol=0, atol=1e-13)


def test_sums_of_drops_are_those_of_flat_curves(many):
    expected = [sum(curve[0] - curve[min(k, len(curve) - 1)] for curve in many) for k in range(16)]
    np.testing.assert_allclose(drop_sums(removal_drops(RaggedArray.of(many)), 15), expected, rtol=0, atol=1e-13)


def test_sufficiency_is_the_drop_with_the_top_units_alone():
    """Against a function of sets: keep the top `k` of an order, and nothing else."""
    rng = np.random.default_rng(5)
    effects = rng.normal(size=6)

    def f(units):
        return 1 / (1 + np.exp(-effects[units].sum()))

    order = rng.permutation(6)
    lowest_first = [f(order[: 6 - k]) for k in range(7)]
    drops = sufficiency_drops(RaggedArray.of([lowest_first, [0.3]]))
    expected = [f(order) - f(order[:k]) for k in range(7)]
    np.testing.assert_allclose(drops.rows()[0], expected, rtol=0, atol=1e-15)
    np.testing.assert_array_equal(drops.rows()[1], [0])
