"""What is asked of the tables of an evaluation."""

import pytest

from recipes.paper.results import over_seeds
from tests.recipes.paper.made_up import GOOD, result


def test_a_difference_is_found_in_either_order():
    found = result()
    gap, back = found.gap("signed_gi", "random", 10), found.gap("random", "signed_gi", 10)
    assert gap[:3] == pytest.approx((0.301, 0.296, 0.306))
    assert back[:3] == pytest.approx((-0.301, -0.306, -0.296))
    assert gap.p == back.p == 0.001


def test_methods_that_are_not_compared_are_named():
    with pytest.raises(KeyError, match="loo and smoothgrad are not compared at k = 10"):
        result().gap("loo", "smoothgrad", 10)


def test_the_lead_is_of_the_better_of_the_two():
    assert result().lead(10) == pytest.approx(0.301)
    assert result({**GOOD, "loo": 0.4}).lead(60) == pytest.approx(0.38)


def test_trainings_are_summed_up_by_their_outermost_ends():
    found = over_seeds([result({**GOOD, "loo": x}).at("loo", 10) for x in (0.2, 0.3, 0.4)])
    assert found[:3] == pytest.approx((0.3, 0.195, 0.405))
