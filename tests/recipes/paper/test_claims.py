"""The claims, on numbers that agree with the paper and on numbers that do not."""

import pytest

from recipes.paper.claims import UNDER, Answer, all_answers, overall
from recipes.paper.frequency import Frequencies
from recipes.paper.names import CELLS, Cell
from recipes.paper.rules import FAILS, HOLDS, IN_PART
from tests.recipes.paper.made_up import GOOD, as_in_the_paper, result, review

EXACT = Frequencies(100, 1e-7, 50, 2.0000001)
GREAT_AND_BAD = review({"great": 1.0, "plot": 0.1, "bad": -2.0})
MISSED = review({"great": 0.01, "plot": 0.1, "bad": -2.0})
FASTTEXTS = [cell for cell in CELLS if cell.model == "fasttext"]


def answered(results=None, frequencies=None, reviews=None):
    results = {**as_in_the_paper(), **(results or {})}
    frequencies = {cell: [EXACT, EXACT] for cell in FASTTEXTS} | (frequencies or {})
    own = {model: [GREAT_AND_BAD] for model in ("fasttext", "textcnn")}
    bilstm = {"words": MISSED["words"], "scores": {**MISSED["scores"], "loo": GREAT_AND_BAD["scores"]["loo"]}}
    return all_answers(results, frequencies, {**own, "bilstm": [bilstm], **(reviews or {})})


def verdict(answers, claim, cell):
    (found,) = (a.verdict for a in answers if a.claim.startswith(claim) and a.cell == cell)
    return found


def test_numbers_as_in_the_paper_make_every_claim_hold():
    answers = answered()
    assert {a.verdict for a in answers} == {HOLDS}
    assert set(overall(answers).values()) == {HOLDS}
    assert len(overall(answers)) == 19


NEWS, REVIEWS = Cell("fasttext", "ag_news"), Cell("bilstm", "imdb")


@pytest.mark.parametrize(
    ("claim", "values"),
    [
        ("All sensitivity methods fall clearly below", {"sa_raw": 0.3, "sa_l1": 0.3, "sa_l2": 0.3, "sa_linf": 0.3}),
        ("The curves of L1, L2 and L∞", {"sa_l1": 0.02, "sa_l2": 0.1, "sa_linf": 0.2}),
        ("The norms tie with random", {"sa_l1": 0.1, "sa_l2": 0.1, "sa_linf": 0.1}),
        ("The raw gradient is worse", {"sa_raw": 0.05}),
        ("The raw gradient is below random", {"sa_raw": 0.05}),
        ("LOO and SignedGI lead", {"signed_gi": -0.1, "loo": -0.2}),
        ("SignedGI and LOO are comparable", {"signed_gi": 0.2}),
    ],
)
def test_a_claim_about_curves_fails_where_the_numbers_say_otherwise(claim, values):
    wrong = [result({**GOOD, **values}, cell=NEWS, seed=seed) for seed in (0, 1)]
    assert verdict(answered({NEWS: wrong}), claim, NEWS) == FAILS
    mixed = [result(cell=NEWS, seed=0), wrong[1]]
    assert verdict(answered({NEWS: mixed}), claim, NEWS) == IN_PART


def test_what_the_paper_says_of_single_models_fails_by_itself():
    flat = {cell: [result(cell=cell)] for cell in CELLS}
    answers = answered(flat)
    assert verdict(answers, "The norms beat random moderately", Cell("textcnn", "ag_news")) == FAILS
    assert verdict(answers, "SignedGI is above LOO", Cell("textcnn", "imdb")) == FAILS
    assert verdict(answers, "LOO leads SignedGI by a large margin", REVIEWS) == FAILS
    assert verdict(answers, "SignedGI correlates less with LOO", REVIEWS) == FAILS
    assert verdict(answers, "r of L1 with LOO is about 0", REVIEWS) == FAILS


def test_correlations_fail_where_the_numbers_say_otherwise():
    weak = [result(cell=NEWS, r={"signed_gi": 0.1, "sa_l1": 0.7}, significant=0.2)] * 2
    answers = answered({NEWS: weak})
    assert verdict(answers, "SignedGI correlates with LOO: strongly", NEWS) == FAILS
    assert verdict(answers, "r of L1 with LOO is between", NEWS) == FAILS
    assert verdict(answers, "SignedGI correlates less with LOO", REVIEWS) == IN_PART


def test_fasttexts_identities_fail_where_gradients_differ():
    answers = answered(frequencies={NEWS: [EXACT, Frequencies(100, 0.1, 50, 1.5)]})
    assert verdict(answers, "Words of equal frequency", NEWS) == IN_PART
    answers = answered(frequencies={NEWS: [Frequencies(100, 0.1, 50, 1.5)]})
    assert verdict(answers, "A word that occurs twice", NEWS) == FAILS
    assert verdict(answers, "A word that occurs twice", Cell("fasttext", "imdb")) == HOLDS


def test_the_review_is_read_word_by_word():
    answers = answered(reviews={"textcnn": [review({"great": -1.0, "bad": -2.0})], "bilstm": [GREAT_AND_BAD]})
    assert verdict(answers, "LOO marks", Cell("textcnn", "imdb")) == IN_PART
    assert verdict(answers, "LOO marks", REVIEWS) == HOLDS
    assert verdict(answers, "SignedGI misses", REVIEWS) == IN_PART


def test_a_claim_that_asks_for_some_cases_holds_with_one():
    answers = [Answer(UNDER, cell, "", (cell == NEWS,)) for cell in CELLS]
    assert overall(answers) == {UNDER: HOLDS}
    assert overall([Answer("any other", a.cell, "", a.checks) for a in answers]) == {"any other": IN_PART}
    assert overall(answers[1:]) == {UNDER: FAILS}
