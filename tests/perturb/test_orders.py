"""Orders of removal: the highest score first, equal scores at random."""

import numpy as np
import pytest
import torch

from hf_gradexplain.evaluation.evaluate import evaluate_batch
from hf_gradexplain.evaluation.extra_measures import Measures
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.options import Options
from hf_gradexplain.perturb.orders import batch_removal_ranks, removal_ranks, tie, tie_tolerance
from tests.helpers.tiny import TEXTS, make


def test_the_highest_score_goes_first_and_ranks_are_a_permutation():
    scores = np.array([[3.0, -1.0, 7.0, 0.0], [0.0, 1.0, 2.0, 3.0]])
    np.testing.assert_array_equal(removal_ranks(scores, np.random.default_rng(3)), [[1, 3, 0, 2], [3, 2, 1, 0]])


def test_ties_are_broken_at_random_by_the_generator_alone():
    scores = np.array([1.0, 1.0, 5.0, 1.0, 1.0, 0.0])
    orders = {tuple(removal_ranks(scores, np.random.default_rng(seed))) for seed in range(300)}
    assert len(orders) == 24
    assert {order[2] for order in orders} == {0}
    assert {order[5] for order in orders} == {5}
    again = removal_ranks(scores, np.random.default_rng(7))
    np.testing.assert_array_equal(again, removal_ranks(scores, np.random.default_rng(7)))


def test_ties_without_a_generator_keep_the_order_of_position():
    scores = np.array([[1.0, 1.0, 5.0, 1.0, 0.0], [2.0, 2.0, 2.0, 2.0, 2.0]])
    np.testing.assert_array_equal(removal_ranks(scores, None), [[1, 2, 0, 3, 4], [0, 1, 2, 3, 4]])


def test_every_order_of_equal_scores_is_equally_likely():
    first = [int(removal_ranks(np.zeros(4), np.random.default_rng(seed)).argmin()) for seed in range(4000)]
    counts = np.bincount(first, minlength=4)
    assert np.abs(counts - 1000).max() < 120  # more than four standard deviations


def test_no_unit():
    assert removal_ranks(np.zeros((2, 0)), np.random.default_rng(0)).shape == (2, 0)


def test_scores_exactly_the_tolerance_apart_are_tied():
    """A power of two, so that nothing is rounded: the largest score is 1."""
    near = tie_tolerance("bfloat16")
    assert tie(np.array([1.0, 1 - near, -1.0]), "bfloat16").tolist() == [1 - near, 1 - near, -1]
    assert tie(np.array([1.0, 1 - 1.01 * near, -1.0]), "bfloat16").tolist() == [1, 1 - 1.01 * near, -1]
    assert tie(np.array([[4.0, 0], [0, 0.5]])).tolist() == [[4, 0], [0, 0.5]]
    assert tie(np.array([1.0, 1 - 2.0**-18, 0.5])).tolist() == [1 - 2.0**-18, 1 - 2.0**-18, 0.5]  # float32
    assert tie(np.array([1.0, 1 - 2.0**-16, 0.5])).tolist() == [1, 1 - 2.0**-16, 0.5]


def test_ranks_of_texts_of_different_lengths():
    scores = np.array([[[1.0, 3.0, 2.0], [5.0, 9.0, 9.0]], [[3.0, 3.0, 4.0], [5.0, 0.0, 0.0]]])
    ranks = batch_removal_ranks(scores, np.array([3, 1]), None)
    assert ranks.tolist() == [[[2, 0, 1], [0, 0, 0]], [[1, 2, 0], [0, 0, 0]]]


LAST_PLACE = {"float64": 2.0**-52, "float32": 2.0**-23, "bfloat16": 2.0**-7, "float16": 2.0**-10}


@pytest.mark.parametrize(("precision", "n"), [("float64", 64), ("float32", 64), ("bfloat16", 1), ("float16", 1)])
def test_scores_within_a_few_last_places_of_the_largest_are_ties(precision, n):
    tolerance = n * LAST_PLACE[precision]
    assert tie_tolerance(precision) == tie_tolerance(f"{precision} (mixed)") == tolerance
    for size in (1.0, 1e-20, 1e20):
        near, far = np.array([-4.0, 1.0, 1.0 + 3.9 * tolerance, 0.0]), np.array([-4.0, 1.0, 1.0 + 4.1 * tolerance, 0.0])
        np.testing.assert_array_equal(tie(size * near, precision), size * np.array([-4.0, 1.0, 1.0, 0.0]))
        np.testing.assert_array_equal(tie(size * far, precision), size * far)


def tied_naively(scores, tolerance):
    """Give each score the lowest one that a chain of near scores leads to."""
    tied = list(scores)
    for _ in scores:
        for i, a in enumerate(scores):
            near = [tied[j] for j, b in enumerate(scores) if abs(a - b) <= tolerance * max(map(abs, scores))]
            tied[i] = min(near)
    return tied


def test_ties_form_chains():
    rng = np.random.default_rng(0)
    scores = rng.integers(-12, 13, (50, 9)) * (0.7 * tie_tolerance("float32")) * rng.integers(1, 9, (50, 1))
    scores[:, 4] = 1.0
    for row, tied in zip(scores, tie(scores), strict=True):
        np.testing.assert_array_equal(tied, tied_naively(row, tie_tolerance("float32")))
    assert sorted(removal_ranks(scores[0], None)) == list(range(9))


@pytest.mark.parametrize("kind", ["fasttext", "textcnn"])
def test_equal_scores_give_the_same_curves_in_any_batch(kind):
    """In FastText every word has the same gradient: rounding alone would tell the words apart."""
    explain = Explainer(*make(kind, dtype=torch.float32))
    texts, curves = [f"{text} the film the music , bad" for text in TEXTS], []
    for batch_tokens in (1, 4096):
        options = Options(methods=("sa_raw", "sa_l2"), unit="word_type", batch_tokens=batch_tokens)
        of_text = {}
        for scored in explain.run(texts, options):
            documents = evaluate_batch(scored, list(scored.indices), [None] * len(scored.indices), Measures())
            of_text |= {document.id: document.curves for document in documents}
        curves.append(of_text)
    for i, (one, other) in enumerate((curves[0][i], curves[1][i]) for i in range(len(texts))):
        for method, curve in one.items():
            np.testing.assert_allclose(curve, other[method], atol=1e-5, err_msg=f"{method} of text {i}")


@pytest.mark.parametrize("seeded", [True, False])
def test_a_batch_has_the_orders_of_its_texts(seeded):
    rng, lengths = np.random.default_rng(0), np.array([5, 0, 1, 9, 4])
    scores = rng.integers(0, 4, (3, 5, 9)) + rng.normal(size=(3, 5, 9)) * np.array([0, 1e-9, 1])[:, None, None]
    rngs = [np.random.default_rng(b) for b in range(5)] if seeded else None
    ranks = batch_removal_ranks(scores, lengths, rngs)
    for b, n in enumerate(lengths):
        alone = removal_ranks(scores[:, b, :n], np.random.default_rng(b) if seeded else None)
        np.testing.assert_array_equal(ranks[:, b, :n], alone)
        assert not ranks[:, b, n:].any()
