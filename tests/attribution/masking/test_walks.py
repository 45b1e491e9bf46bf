"""Walks along orders, on a game whose losses stand in a table."""

import numpy as np
import pytest

from hf_gradexplain.attribution.masking.walks import Walks, rises
from tests.helpers.games import Table

LOSSES = np.array([[0.0, 1, 2, 4, 8, 16, 32, 64], [0.0, -1, -3, -9, 5, 25, 1, 2]])
"""Of two classes, without each set of three units: bit `u` says whether unit `u` is removed."""
ORDERS = np.array([[[0, 1, 2]], [[2, 0, 1]], [[1, 0, 2]]])


def test_each_order_is_walked_forwards_and_backwards():
    walks = Walks.run(Table(LOSSES), ORDERS[:2])
    assert walks.orders.tolist() == ORDERS[:2].tolist()
    assert walks.losses.shape == (2, 2, 1, 2, 4)
    assert walks.losses[0].tolist() == [[[[0, 1, 4, 64], [0, 8, 32, 64]]], [[[0, 8, 16, 64], [0, 2, 4, 64]]]]
    assert walks.losses[1].tolist() == [[[[0, -1, -9, 2], [0, 5, 1, 2]]], [[[0, 5, 25, 2], [0, -3, -9, 2]]]]


def test_a_draw_is_the_mean_rise_at_each_unit():
    draws = Walks.run(Table(LOSSES), ORDERS[:2]).draws()
    assert draws.shape == (2, 2, 3)
    assert draws[0, 0].tolist() == [(1 + 32) / 2, (3 + 24) / 2, (60 + 8) / 2]
    assert draws[1, 0].tolist() == [(8 + 2) / 2, (48 + 2) / 2, (8 + 60) / 2]
    assert draws[0, 1].tolist() == [(-1 + 1) / 2, (-8 - 4) / 2, (11 + 5) / 2]


def test_the_orders_of_a_draw_are_averaged():
    together = Walks.run(Table(LOSSES), ORDERS[:2].reshape(1, 2, 3))
    alone = Walks.run(Table(LOSSES), ORDERS[:2])
    assert together.draws()[0] == pytest.approx(alone.draws().mean(0))


def test_draws_are_added_and_chosen():
    one, other = (Walks.run(Table(LOSSES), part) for part in (ORDERS[:1], ORDERS[1:]))
    whole = Walks.run(Table(LOSSES), ORDERS)
    for some, expected in ((one + other, slice(None)), (whole[1:], slice(1, None)), (whole[np.array([2, 0])], [2, 0])):
        assert some.orders.tolist() == ORDERS[expected].tolist()
        assert some.losses.tolist() == whole.losses[:, expected].tolist()


@pytest.mark.parametrize(
    ("draws", "orders", "most_sets", "sizes"),
    [
        (1, 1, 2, [1]),
        (3, 1, 6, [3]),
        (3, 1, 5, [2, 1]),
        (3, 1, 2, [1, 1, 1]),
        (2, 2, 8, [2]),
        (2, 2, 7, [1, 1]),
        (5, 1, 4, [2, 2, 1]),
    ],
)
def test_parts_have_at_most_so_many_inner_sets(draws, orders, most_sets, sizes):
    """An order of three units has two inner sets."""
    walks = Walks.run(Table(LOSSES), np.tile(np.arange(3), (draws, orders, 1)))
    parts = walks.split(most_sets)
    assert [len(part.orders) for part in parts] == sizes
    assert [part.losses.shape[1] for part in parts] == sizes
    assert sum(parts[1:], parts[0]).losses.tolist() == walks.losses.tolist()


def test_rises_stand_at_their_units():
    values = np.array([[[5.0, 6, 8, 12], [0, 0, 1, 1]]])
    assert rises(np.array([[2, 0, 1], [1, 2, 0]]), values).tolist() == [[[2, 4, 1], [0, 0, 1]]]
