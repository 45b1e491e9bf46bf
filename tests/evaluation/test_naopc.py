"""The bounds of AOPC against all orders, one by one."""

import itertools

import numpy as np
import pytest

from hf_gradexplain.evaluation import naopc
from hf_gradexplain.evaluation.aopc import document_aopc
from hf_gradexplain.evaluation.bootstrap import bootstrap_weights
from hf_gradexplain.evaluation.naopc import (
    NormalisedSums,
    _unit_keys,
    document_bounds,
    extreme_sums,
    normalised_aopc,
    search_size,
)
from hf_gradexplain.statistics.rounding import ROUNDING


def any_function(rng, n_units):
    """A random value for every set of units."""
    values = rng.random(2**n_units)

    def value(removed):
        return values[[sum(1 << u for u in np.flatnonzero(row)) for row in removed]]

    return value


def aopc_of(value, order):
    curve = [value(np.isin(np.arange(len(order)), order[:k])[None])[0] for k in range(len(order) + 1)]
    return document_aopc(curve, len(order))[len(order)]


@pytest.mark.parametrize("n_units", range(7))
def test_exact_bounds_are_the_best_and_the_worst_of_all_orders(n_units):
    value = any_function(np.random.default_rng(n_units), n_units)
    bounds = document_bounds(value, value(np.zeros((1, n_units), dtype=bool))[0], n_units, beam_size=1)
    orders = [aopc_of(value, order) for order in itertools.permutations(range(n_units))]
    assert bounds["exact"]
    assert bounds["lower"] == pytest.approx(min(orders), abs=1e-12)
    assert bounds["upper"] == pytest.approx(max(orders), abs=1e-12)


def test_a_beam_is_never_better_than_exact_and_equal_when_it_holds_all_sets(monkeypatch):
    monkeypatch.setattr(naopc, "EXACT_UNITS", 0)
    rng = np.random.default_rng(0)
    for _ in range(20):
        value = any_function(rng, 6)
        exact = extreme_sums(value, 6)
        beams = [extreme_sums(value, 6, width) for width in (1, 3, 20)]
        assert all(least >= exact[0] - 1e-12 and greatest <= exact[1] + 1e-12 for least, greatest in beams)
        assert beams[2] == pytest.approx(exact, abs=1e-12)
        bounds = document_bounds(value, 0.5, 6, beam_size=3)
        assert not bounds["exact"]
        assert bounds["lower"] == pytest.approx((3 - beams[1][1]) / 7)


def test_wider_beams_come_closer_on_average():
    rng = np.random.default_rng(1)
    values = [any_function(rng, 8) for _ in range(30)]
    by_width = [np.mean([extreme_sums(value, 8, width) for value in values], axis=0) for width in (1, 2, 4, 8, 70)]
    least, greatest = np.array(by_width).T
    assert (np.diff(least) <= 0).all()
    assert (np.diff(greatest) >= 0).all()


def test_where_each_unit_has_its_own_effect_a_beam_of_one_is_exact():
    rng = np.random.default_rng(2)
    effects = rng.normal(size=12)

    def value(removed):
        return removed @ effects

    def total(order):
        return np.cumsum(effects[order]).sum()

    least, greatest = extreme_sums(value, 12, 1)
    assert least == pytest.approx(total(np.argsort(effects)))
    assert greatest == pytest.approx(total(np.argsort(-effects)))


def test_the_search_evaluates_no_set_twice_and_as_many_as_documented():
    asked = []

    def value(removed):
        asked.extend(map(tuple, removed))
        return np.zeros(len(removed))

    extreme_sums(value, 9)
    assert len(asked) == len(set(asked)) == 2**9 - 1
    asked.clear()
    extreme_sums(value, 30, 5)
    assert len(asked) <= 5 * 30 * 31


def test_a_number_on_the_scale_from_worst_to_best():
    lower, upper = np.array([-0.1, 0.0, 0.2, 0.3]), np.array([0.4, 0.5, 0.2, 0.3 + 1e-8])
    normalised = normalised_aopc(np.array([0.15, 0.6, 0.2, 0.3]), lower, upper)
    np.testing.assert_allclose(normalised, [0.5, 1.2, np.nan, np.nan])


def test_a_common_factor_does_not_change_it():
    """NAOPC is the same with and without the term `k = 0`."""
    rng = np.random.default_rng(3)
    aopc, lower, upper = np.sort(rng.random((3, 5)), axis=0)[[1, 0, 2]]
    other = [x * 8 / 7 for x in (aopc, lower, upper)]
    np.testing.assert_allclose(normalised_aopc(aopc, lower, upper), normalised_aopc(*other))


@pytest.mark.parametrize("size", [1e-9, 1e-5, 1.0, 1e6])
def test_the_unit_of_the_outputs_does_not_change_it(size):
    """Bounds that differ by less than 8 rounding errors of the outputs are equal."""
    width = np.array([0.5, 1.2 * 8 * 2.0**-23, 0.8 * 8 * 2.0**-23])
    lower = np.full(3, -width / 2)
    found = normalised_aopc(size * (lower + width / 4), size * lower, size * (lower + width), np.full(3, size))
    np.testing.assert_allclose(found, [0.25, 0.25, np.nan], rtol=1e-9)


@pytest.mark.parametrize(("width", "found"), [(1e-5, 5e4), (1.5e-6, np.nan)])
@pytest.mark.parametrize("sign", [1, -1])
def test_large_bounds_have_large_rounding_errors_even_if_the_output_of_the_full_text_is_small(sign, width, found):
    """8 rounding errors of 2 are 1.9e-6."""
    lower = np.array([2.0 if sign > 0 else -2.0 - width])
    normalised = normalised_aopc(lower + 0.5, lower, lower + width, np.array([1e-9]))
    np.testing.assert_allclose(normalised, [found], rtol=1e-6)


def test_the_table_counts_what_is_undefined_outside_and_exact():
    sums = NormalisedSums(["a", "b"], 100)
    bounds = {"lower": [0, 0, 0.1], "upper": [1, 0.5, 0.1], "exact": [True, False, True]}
    bounds = {name: np.array(x) for name, x in bounds.items()}
    sums.add(np.array([[0.5, 0.6, 0.1], [0.0, 0.25, 0.1]]), bounds, 1.0, bootstrap_weights(range(3), 0, 100))
    table = sums.table().set_index("method")
    assert table.loc["a", ["naopc", "n", "n_undefined", "n_outside", "n_exact"]].tolist() == [0.85, 2, 1, 1, 2]
    assert table.loc["b", ["naopc", "n_outside", "lower", "aopc"]].tolist() == pytest.approx(
        [0.25, 0, 0.1 / 3, 0.35 / 3]
    )
    assert (table["ci_low"] <= table["naopc"]).all()
    assert (table["naopc"] <= table["ci_high"]).all()


def test_a_rounding_error_is_not_outside_of_the_bounds():
    """Nothing is outside of exact bounds, which are the best and the worst order themselves."""
    lower, upper = np.full(5, 0.2), np.full(5, 0.2 + 1e-4)
    aopc = np.array([[0.2 - ROUNDING / 2, upper[1] + ROUNDING / 2, 0.2 - 2 * ROUNDING, upper[3] + 2 * ROUNDING, 0.9]])
    bounds = {"lower": lower, "upper": upper, "exact": np.array([False] * 4 + [True])}
    sums = NormalisedSums(["a"], 100)
    sums.add(aopc, bounds, 1.0, bootstrap_weights(range(5), 0, 100))
    assert sums.table()["n_outside"].tolist() == [2]
    sums = NormalisedSums(["a"], 100)
    sums.add(aopc, bounds, np.full(5, 2.5), bootstrap_weights(range(5), 0, 100))
    assert sums.table()["n_outside"].tolist() == [0]


def test_sets_of_more_units_than_bits_have_different_keys():
    rng = np.random.default_rng(4)
    effects = rng.normal(size=100)
    least, greatest = extreme_sums(lambda removed: removed @ effects, 100, 2)
    assert least == pytest.approx(np.cumsum(np.sort(effects)).sum())
    assert greatest == pytest.approx(np.cumsum(np.sort(-effects)).sum() * -1)


@pytest.mark.parametrize("n_units", [1, 2, 63, 64, 65, 200])
def test_units_have_different_keys_and_none_has_zero(n_units):
    keys = _unit_keys(n_units)
    assert len(keys) == len({*keys.tolist()} - {0}) == n_units
    if n_units <= 64:
        assert keys.tolist() == [2**unit for unit in range(n_units)]


def test_all_sets_of_ten_units_are_tried_and_a_beam_of_more():
    assert search_size(10, 3) == 1024
    assert search_size(11, 3) == 3 * 121
    for n_units, exact in ((10, True), (11, False)):
        bounds = document_bounds(lambda removed: removed.mean(1), 0.0, n_units, beam_size=1)
        assert bounds["exact"] is exact
