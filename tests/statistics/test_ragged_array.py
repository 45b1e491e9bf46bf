"""Rows of different lengths in one array, against each row alone."""

import numpy as np

from hf_gradexplain.statistics.ragged_array import RaggedArray


def test_rows_of_different_lengths_do_not_mix():
    ragged = RaggedArray.of([[1.0, 2.0], [3.0], [4.0, 5.0, 6.0]])
    assert ragged.first.tolist() == [1, 3, 4]
    assert ragged.last.tolist() == [2, 3, 6]
    assert ragged.index_in_row.tolist() == [0, 1, 0, 0, 1, 2]
    assert ragged.backwards().values.tolist() == [2, 1, 3, 6, 5, 4]
    assert [row.tolist() for row in ragged.rows()] == [[1, 2], [3], [4, 5, 6]]
    assert RaggedArray.of([]).rows() == []


def test_rows_with_several_values_per_place():
    padded = np.arange(24.0).reshape(2, 3, 4)
    ragged = RaggedArray.from_padded(padded, np.array([2, 0, 3]))
    assert [row.tolist() for row in ragged.rows()] == [[[0, 1], [12, 13]], [[8, 9, 10], [20, 21, 22]]]
    assert ragged.sums().tolist() == [[1, 27], [25, 63]]
    assert ragged.dot(ragged.with_values(np.ones(5))).tolist() == [[1, 27], [25, 63]]


def test_rows_are_sorted_each_for_itself_and_equal_values_keep_their_order():
    ragged = RaggedArray.of([[2.0, 1.0, 2.0, 1.0], [0.0], [5.0, -1.0]])
    assert ragged.argsort().tolist() == [1, 3, 0, 2, 4, 6, 5]


def test_rows_of_several_methods_are_sorted_each_for_itself():
    values = np.array([[2.0, 1, 3, 3, 0, 5], [1.0, 2, 3, 5, 9, 0]])
    ragged = RaggedArray(values, np.array([2, 1, 3]))
    assert ragged.argsort().tolist() == [[1, 0, 2, 4, 3, 5], [0, 1, 2, 5, 3, 4]]
    assert ragged.repeat_per_row(np.array([[1, 2, 3], [4, 5, 6]])).tolist() == [[1, 1, 2, 3, 3, 3], [4, 4, 5, 6, 6, 6]]
    assert RaggedArray.from_padded(np.array([[1.0, 0], [0, 0], [2, 3]]), np.array([1, 0, 2])).lengths.tolist() == [1, 2]


def test_no_rows():
    ragged = RaggedArray.of([])
    assert (ragged.values.shape, ragged.lengths.shape, ragged.argsort().shape) == ((0,), (0,), (0,))
    assert (ragged.first.tolist(), ragged.last.tolist(), ragged.index_in_row.tolist()) == ([], [], [])
    assert (ragged.values.dtype, ragged.lengths.dtype) == (np.float64, np.int64)
