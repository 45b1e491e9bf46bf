"""The random sets of the self-check: they differ from each other and from the top units."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from hf_gradexplain.explanation.random_sets import random_sets
from hf_gradexplain.explanation.self_check import SelfCheck
from hf_gradexplain.options import Options
from tests.helpers.tiny import explainer

WORDS = "the film is good and end not bad a with actor music one word about of this worst all".split()  # noqa: SIM905


def document(n):
    (made,) = explainer("fasttext").encode([" ".join(WORDS[:n])], Options())
    assert made.n_units == n
    return made


def masks(n, *sets):
    return np.array([np.isin(np.arange(n), chosen) for chosen in sets])


def drawn_before(n, k, seed):
    """The first five sets, as earlier versions drew them."""
    ranks = np.tile(np.arange(n), (5, 1))
    return document(n).rng(seed, "self-check").permuted(ranks, axis=1) < k


@pytest.mark.parametrize(("n", "k"), [(2, 1), (3, 2), (3, 1), (4, 3), (4, 2), (5, 3), (6, 1), (7, 1), (7, 6), (19, 3)])
def test_sets_differ_from_each_other_and_from_the_top_units(n, k):
    every, several = document(n), set()
    tops = masks(n, range(k), range(n - k, n))
    for seed in range(20):
        sets, numbers = random_sets(every, tops, seed)
        assert sets.shape == (6, n)
        for top, of_method in zip(tops, numbers, strict=True):
            chosen = {tuple(np.flatnonzero(sets[i])) for i in of_method}
            assert len(chosen) == len(of_method) == min(5, len(list(combinations(range(n), k))) - 1)
            assert {len(each) for each in chosen} == {k}
            assert tuple(np.flatnonzero(top)) not in chosen
            several.add(frozenset(chosen))
        unused = sorted(set(range(6)) - {i for of_method in numbers for i in of_method})
        assert not sets[unused].any()
    assert (len(several) > 2) == (len(list(combinations(range(n), k))) > 6)


def test_sets_of_long_texts_are_those_that_were_always_drawn():
    for seed in range(5):
        before = drawn_before(19, 3, seed)
        assert len({row.tobytes() for row in before}) == 5
        top = next(each for each in masks(19, (0, 1, 2), (3, 4, 5)) if not (before == each).all(1).any())
        sets, numbers = random_sets(document(19), top[None], seed)
        assert np.array_equal(sets[numbers[0]], before)
        assert numbers[0].tolist() == [0, 1, 2, 3, 4]
        assert not sets[5].any()


def test_another_set_replaces_one_that_is_the_top_of_a_method_for_this_method_alone():
    before = drawn_before(19, 3, 0)
    other = masks(19, (0, 1, 2))[0]
    sets, numbers = random_sets(document(19), np.array([before[1], other]), 0)
    assert [list(of_method) for of_method in numbers] == [[0, 2, 3, 4, 5], [0, 1, 2, 3, 4]]
    assert np.array_equal(sets[:5], before)
    assert sets[5].sum() == 3
    alone, (numbers,) = random_sets(document(19), before[1:2], 0)
    assert np.array_equal(alone[numbers], sets[[0, 2, 3, 4, 5]])
    assert not alone[1].any()


def test_a_set_that_is_drawn_twice_is_replaced():
    seed = next(s for s in range(200) if len({row.tobytes() for row in drawn_before(5, 3, s)}) < 5)
    sets, (numbers,) = random_sets(document(5), masks(5, (0, 1, 2)), seed)
    assert len({sets[i].tobytes() for i in numbers}) == 5


def test_all_sets_are_drawn_equally_often():
    top = masks(5, (1, 2, 4))
    drawn = Counter()
    for seed in range(100):
        sets, (numbers,) = random_sets(document(5), top, seed)
        drawn.update(sets[i].tobytes() for i in numbers)
    assert len(drawn) == 9
    assert all(abs(count - 500 / 9) < 30 for count in drawn.values())


def verdicts(n, k, tops, seeds):
    """The verdicts on top units of a text whose units add up to the prediction, the first unit the most."""
    effects, found = 2.0 ** -np.arange(1, n + 1), Counter()
    for top in tops:
        for seed in seeds:
            sets, (numbers,) = random_sets(document(n), masks(n, top), seed)
            without, *random = (1 - effects[each].sum() for each in (masks(n, top)[0], *sets[numbers]))
            check = SelfCheck(("a",) * k, 1.0, without, tuple(random), 0.5, "word", True, False)
            found[check.verdict] += 1 / len(tops) / len(seeds)
    return found


@pytest.mark.parametrize(("n", "k"), [(2, 1), (3, 2), (4, 3), (5, 3), (6, 1), (8, 3)])
def test_the_right_units_never_fail(n, k):
    expected = "passed" if n > 4 else "unclear"
    assert verdicts(n, k, [range(k)], range(30)) == {expected: pytest.approx(1)}


@pytest.mark.parametrize(("n", "k"), [(2, 1), (3, 2), (4, 3), (5, 1), (5, 3), (6, 1), (6, 3)])
def test_random_units_pass_on_at_most_one_text_in_six(n, k):
    tops = list(combinations(range(n), k))
    expected = 1 / 6 if len(tops) > 5 else 0
    assert verdicts(n, k, tops, range(40))["passed"] == pytest.approx(expected, abs=0.04)
