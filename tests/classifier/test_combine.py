"""The logits of texts of several sequences, by hand."""

import torch

from hf_gradexplain.classifier.combine import OnePerSequence, Pool

LOGITS = torch.tensor([[[1.0, 6.0], [3.0, 2.0], [9.0, 9.0]], [[4.0, -1.0], [4.0, -5.0], [-2.0, -1.0]]])
REAL = torch.tensor([[True, True, False], [True, True, True]])


def test_the_mean_is_that_of_the_sequences_that_exist():
    torch.testing.assert_close(Pool("mean")(LOGITS, REAL), torch.tensor([[2, 4], [2, -7 / 3]]))
    assert Pool("mean").deciding(LOGITS, REAL) is None


def test_the_maximum_is_that_of_each_class_and_the_first_of_equal_ones_decides():
    assert Pool("max")(LOGITS, REAL).tolist() == [[3, 6], [4, -1]]
    assert Pool("max").deciding(LOGITS, REAL).tolist() == [[1, 0], [0, 0]]
    several = torch.stack([LOGITS, -LOGITS])  # masked copies of the same texts
    assert Pool("max")(several, REAL).tolist() == [[[3, 6], [4, -1]], [[-1, -2], [2, 5]]]
    assert Pool("max").deciding(several, REAL)[1].tolist() == [[0, 1], [2, 1]]


def test_a_sequence_may_be_a_class_of_its_own():
    logits = OnePerSequence((1.0, -1.0))(LOGITS, REAL)
    assert logits.tolist() == [[-5, 1, -torch.inf], [5, 9, -1]]
    assert OnePerSequence((0.0, 2.0))(torch.stack([LOGITS, -LOGITS]), REAL)[1].tolist() == [
        [-12, -4, -torch.inf],
        [2, 10, 2],
    ]
