"""Every rule, with each result."""

import pytest

from recipes.paper import rules
from tests.recipes.paper.made_up import GOOD, result


def with_values(**values):
    return result({**GOOD, **values})


CUTOFFS = rules.Cutoffs()


@pytest.mark.parametrize(
    ("l1", "above", "clearly"),
    [
        (0.2, True, True),
        (0.24, True, True),
        (0.243, True, False),
        (0.3, True, False),
        (0.319, False, False),
        (0.4, False, False),
    ],
)
def test_above_takes_a_real_difference_and_clearly_one_of_some_size(l1, above, clearly):
    """The lead is 0.301, so a clear difference is 0.075, to which the interval's half adds 0.005."""
    evaluation = with_values(sa_l1=l1)
    assert rules.above(evaluation, "signed_gi", "sa_l1") == [above] * 2
    assert rules.clearly_above(evaluation, "signed_gi", "sa_l1", CUTOFFS) == [clearly] * 2


@pytest.mark.parametrize(("loo", "expected"), [(0.32, True), (0.30, True), (0.294, False), (0.35, False)])
def test_level_takes_the_whole_interval(loo, expected):
    """The lead is 0.3, so there is room for 0.03, of which the interval's half takes 0.005."""
    assert rules.level(with_values(loo=loo), "signed_gi", "loo", CUTOFFS) == [expected] * 2


@pytest.mark.parametrize(
    ("l2", "expected"), [(0.12, True), (0.053, False), (0.04, False), (0.0, False), (0.242, False), (0.26, False)]
)
def test_moderately_above_is_neither_level_nor_almost_the_lead(l2, expected):
    assert rules.moderately_above(with_values(sa_l2=l2), "sa_l2", "random", CUTOFFS) == [expected] * 2


@pytest.mark.parametrize(
    ("r", "significant", "expected"),
    [
        (0.9, 0.9, [True, True]),
        (0.51, 0.9, [False, True]),
        (0.9, 0.4, [True, False]),
        (-0.9, 0.1, [False, False]),
        (-0.9, 0.9, [False, False]),
    ],
)
def test_strongly_positive_and_mostly_significant_are_two_checks(r, significant, expected):
    evaluation = result(r={"signed_gi": r}, significant=significant)
    assert rules.strongly_positive(evaluation, "signed_gi", CUTOFFS) == expected


@pytest.mark.parametrize(("r", "expected"), [(0.3, True), (0.21, False), (0.49, False), (0.7, False)])
def test_within_takes_the_whole_interval(r, expected):
    assert rules.within(result(r={"sa_l1": r}), "sa_l1", 0.2, 0.5) == [expected]


def test_weaker_is_asked_of_every_other():
    others = [result(r={"signed_gi": r}) for r in (0.9, 0.65, 0.61)]
    assert rules.weaker(result(r={"signed_gi": 0.6}), others, "signed_gi") == [True, True, False]


def test_both_numbers_of_removed_words_are_asked_about():
    evaluation = result()
    at_end = evaluation.comparisons["k"] == 60
    evaluation.comparisons.loc[at_end, "p_adjusted"] = 0.2
    assert rules.above(evaluation, "signed_gi", "random") == [True, False]


def test_other_cutoffs_give_another_result():
    evaluation = with_values(loo=0.28)
    assert rules.level(evaluation, "signed_gi", "loo", CUTOFFS) == [False] * 2
    assert rules.level(evaluation, "signed_gi", "loo", CUTOFFS.scaled(2)) == [True] * 2
    assert rules.clearly_above(evaluation, "signed_gi", "loo", CUTOFFS) == [False] * 2
    assert rules.clearly_above(evaluation, "signed_gi", "loo", CUTOFFS.scaled(0.4)) == [True] * 2


def test_without_a_lead_nothing_is_measured_against_it():
    evaluation = with_values(loo=0.021, signed_gi=0.022)
    assert rules.level(evaluation, "sa_l1", "sa_l2", CUTOFFS) == [None] * 2
    assert rules.clearly_above(evaluation, "signed_gi", "sa_raw", CUTOFFS) == [None] * 2
    assert rules.above(evaluation, "signed_gi", "sa_raw") == [True] * 2
    assert rules.outcome([None, True]) == rules.UNDECIDED


def test_no_check_has_no_outcome():
    with pytest.raises(ValueError, match="at least one check"):
        rules.outcome([])
