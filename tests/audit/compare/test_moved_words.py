"""Sums of words and the tests of their differences, by hand."""

import numpy as np
import pytest
from scipy import stats

from hf_gradexplain.audit.compare.moved_words import PairSums, WordSums, _adjusted, _covariates, _over_texts
from hf_gradexplain.audit.read_words import Vocabulary
from tests.helpers.word_blocks import word_block


def test_sums_of_pairs_that_occur():
    sums = PairSums(2)
    sums.add([(np.array([7, 3, 7]), np.array([1.0, 2.0, 4.0])), (np.array([3]), np.array([10.0]))])
    assert sums.codes.tolist() == [3, 7]
    assert sums.sums.tolist() == [[2, 5], [10, 0]]
    sums.add([(np.array([5]), np.array([1.0])), (np.array([7, 5]), np.array([1.0, 2.0]))])
    assert sums.codes.tolist() == [3, 5, 7]
    assert sums.sums.tolist() == [[2, 1, 5], [10, 2, 1]]


@pytest.mark.parametrize("n", [5, 6, 30])
def test_the_test_over_texts_is_the_paired_t_test(n):
    x = np.random.default_rng(n).normal(0.3, 1, n)
    found = _over_texts(np.array([x.mean()]), np.array([(x**2).sum()]), np.array([float(n)]))
    test = stats.ttest_1samp(x, 0)
    low, high = test.confidence_interval()
    assert [float(part[0]) for part in found] == pytest.approx([low, high, test.pvalue, test.pvalue])


def test_limit_cases_of_the_test_over_texts():
    mean, squares, n = np.array([0.0, 0.5, 0.5, 0.1]), np.array([0.0, 1.25, 1.0, 1.0]), np.array([5.0, 5.0, 4.0, 1.0])
    low, high, p, q = _over_texts(mean, squares, n)
    assert p == pytest.approx([1, 0, np.nan, np.nan], nan_ok=True)  # equal differences; fewer than five texts
    assert q == pytest.approx([1, 0, np.nan, np.nan], nan_ok=True)
    assert low == pytest.approx([0, 0.5, np.nan, np.nan], nan_ok=True)
    assert high == pytest.approx([0, 0.5, np.nan, np.nan], nan_ok=True)


def test_p_values_are_adjusted_without_missing_ones():
    assert _adjusted(np.array([0.01, np.nan, 0.04, 0.03])) == pytest.approx([0.03, np.nan, 0.04, 0.04], nan_ok=True)
    assert _adjusted(np.array([np.nan])) == pytest.approx([np.nan], nan_ok=True)
    assert len(_adjusted(np.zeros(0))) == 0


def test_a_variance_depends_on_the_number_of_texts_and_the_size_of_the_pull():
    pulls = np.array([[1.0, -0.2], [3.0, 0.2]])  # the mean size is 1.1
    expected = np.log([[10.0, 2 + 0.11], [20.0, 0 + 0.11]])
    assert _covariates(np.array([10.0, 20.0]), pulls) == pytest.approx(expected)
    assert np.isfinite(_covariates(np.ones(2), np.zeros((2, 2)))).all()


def vocabulary():
    words = Vocabulary()
    words.codes(["a", "b", "c"])
    return words


def test_without_references_words_need_five_texts_of_a_class():
    sums = WordSums(2, 2, "loo")
    a = [{0: 3.0, 1: 1.0}] * 5 + [{0: 1.0, 2: -1.0}] * 4
    b = [{0: 1.0, 1: 1.0}] * 5 + [{0: 1.0, 2: 3.0}] * 4
    target = [0] * 5 + [1] * 4
    sums.add([word_block(*a, target=target), word_block(*b, target=target)])
    table = sums.table(vocabulary(), ["x", "y"])
    # shares of a: 3/4, then 1/2; of b: 1/4, then 1/2
    shown = table[["class", "word", "n", "a", "b", "difference"]].to_dict("split")["data"]
    assert shown == [["x", "a", 5, 0.75, 0.5, -0.25], ["x", "b", 5, 0.25, 0.5, 0.25]]


def test_pulls_are_means_of_three_powers_of_the_shares():
    sums = WordSums(3, 2, "loo")
    block = word_block({0: 3.0, 1: 1.0}, {0: -1.0, 1: 3.0}, target=[0, 1])
    sums.add([block] * 3)
    found = list(sums._pulls(np.arange(4)))
    assert len(found) == 3
    for (pulls, texts), k in zip(found, (1, 0.75, 0.5), strict=True):
        first, second = (0.75**k + 0.25**k) / 2, (0.25**k - 0.75**k) / 2
        assert pulls == pytest.approx(np.tile([first, -first, second, -second], (3, 1)))
        assert texts.tolist() == [2, 2, 2, 2]


def test_texts_with_other_targets_are_not_paired():
    sums = WordSums(2, 2, "loo")
    blocks = [word_block(*[{0: 1.0}] * 6, target=[0] * 6), word_block(*[{0: 1.0}] * 6, target=[0] * 5 + [1])]
    sums.add(blocks)
    assert sums.table(vocabulary(), ["x", "y"])["n"].tolist() == [5]


@pytest.mark.parametrize(("n", "rows"), [(4, 0), (5, 1)])
def test_with_references_words_need_five_texts_of_any_class(n, rows):
    sums = WordSums(4, 2, "loo")
    target = [0] * 2 + [1] * (n - 2)
    sums.add([word_block(*[{0: 1.0 + i, 1: 1.0}] * n, target=target) for i in range(4)])
    table = sums.table(vocabulary(), ["x", "y"])
    assert len(table) == rows * 4
    if rows:
        assert sorted(zip(table["class"], table["word"], table["n"], strict=True)) == [
            ("x", "a", 2), ("x", "b", 2), ("y", "a", 3), ("y", "b", 3),
        ]  # fmt: skip
        assert table["ci_low"].isna().all()
        seeds = table.set_index(["class", "word"])["seeds"]
        assert seeds["x", "a"] == pytest.approx((1 / 2 + 2 / 3 + 3 / 4) / 3)
