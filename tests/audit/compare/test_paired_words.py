"""Words of two explanations of one text, by hand."""

import numpy as np
import pytest

from hf_gradexplain.audit.compare.paired_words import pair_words, rank_correlations, top_overlap, top_words
from tests.helpers.word_blocks import word_block

NAN = np.nan


def test_words_of_only_one_block_are_left_out():
    a = word_block({4: 1.0, 2: 2.0}, {2: 3.0, 7: 4.0}, {1: 1.0})
    b = word_block({2: 1.0, 3: 2.0}, {7: 3.0, 2: 4.0}, {})
    of_a, of_b = pair_words(a, b)
    pairs = [
        (int(a.document[i]), int(a.word[i]), int(b.document[j]), int(b.word[j]))
        for i, j in zip(of_a, of_b, strict=True)
    ]
    assert pairs == [(0, 2, 0, 2), (1, 2, 1, 2), (1, 7, 1, 7)]
    assert [len(x) for x in pair_words(word_block({}), word_block({}))] == [0, 0]


@pytest.mark.parametrize(
    ("x", "y", "tie", "expected"),
    [
        ([1, 2, 3], [1, 2, 3], 0.0, 1.0),
        ([1, 2, 3], [3, 2, 1], 0.0, -1.0),
        ([1, 2, 3, 4], [2, 1, 4, 3], 0.0, 0.6),  # 1 - 6 * 4 / (4 * 15)
        ([1, 1, 2], [1, 2, 3], 0.0, np.sqrt(3) / 2),
        ([1, 1.01, 2], [1, 2, 3], 0.1, np.sqrt(3) / 2),
        ([1, 1.01, 2], [1, 2, 3], 0.0, 1.0),
        ([1, 2], [1, 2], 0.0, NAN),
        ([1, 1, 1], [1, 2, 3], 0.0, NAN),
        ([1, 2, 3], [1, 1, 1], 0.0, NAN),
    ],
)
def test_rank_correlations_need_three_words_and_scores_that_vary(x, y, tie, expected):
    x, y = np.array(x, float), np.array(y, float)
    found = rank_correlations(
        np.append(x, [1, 2, 3]), np.append(y, [1, 2, 3]), np.array([0] * len(x) + [2] * 3), 3, tie
    )
    assert found == pytest.approx([expected, NAN, 1.0], nan_ok=True)


def test_the_top_words_are_the_highest_first_and_equal_ones_in_text_order():
    block = word_block({5: 1.0, 3: 3.0, 8: 3.0, 1: -9.0}, {}, {9: 0.0})
    assert block.word[top_words(block, "loo", 2)].tolist() == [3, 8, 9]
    assert block.word[top_words(block, "loo", 3)].tolist() == [3, 8, 5, 9]
    six = word_block(dict.fromkeys(range(6), 1.0))
    assert top_words(six, "loo").tolist() == [0, 1, 2, 3, 4]


def test_the_overlap_is_of_the_top_five_or_of_all_words_if_there_are_fewer():
    a = word_block({1: 4.0, 2: 3.0, 3: 2.0}, {1: 2.0, 2: 1.0}, {}, {i: float(i) for i in range(8)})
    b = word_block({1: 1.0, 2: 3.0, 3: 2.0}, {1: 1.0, 7: 2.0, 8: 0.0}, {}, {i: -float(i) for i in range(8)})
    assert top_overlap(a, b, "loo", 2) == pytest.approx([1 / 2, 1 / 2, NAN, 0], nan_ok=True)
    assert top_overlap(a, b, "loo", 1) == pytest.approx([0, 0, NAN, 0], nan_ok=True)
    # all three words; one of the longer document's three; 3 and 4 of the top five
    assert top_overlap(a, b, "loo") == pytest.approx([1, 1 / 3, NAN, 2 / 5], nan_ok=True)
