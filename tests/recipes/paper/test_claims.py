"""The claims, on numbers that agree with the paper and on numbers that do not."""

import pytest

from recipes.paper.claims import UNDER, Answer, all_answers, overall
from recipes.paper.constants import SETTINGS, Setting
from recipes.paper.frequency import FrequencySummary
from recipes.paper.rules import FAILS, HOLDS, IN_PART, UNDECIDED
from tests.recipes.paper.made_up import GOOD, as_in_the_paper, result, review

EXACT = FrequencySummary(100, 1e-7, 50, 2.0000001)
GREAT_AND_BAD = review({"great": 1.0, "plot": 0.1, "bad": -2.0})
MISSED = review({"great": 0.01, "plot": 0.1, "bad": -2.0})
FASTTEXTS = [setting for setting in SETTINGS if setting.model == "fasttext"]


def answered(results=None, frequencies=None, reviews=None):
    results = {**as_in_the_paper(), **(results or {})}
    frequencies = {setting: [EXACT, EXACT] for setting in FASTTEXTS} | (frequencies or {})
    own = {model: [GREAT_AND_BAD] for model in ("fasttext", "textcnn")}
    bilstm = {"words": MISSED["words"], "scores": {**MISSED["scores"], "loo": GREAT_AND_BAD["scores"]["loo"]}}
    return all_answers(results, frequencies, {**own, "bilstm": [bilstm], **(reviews or {})})


def verdict(answers, claim, setting):
    (found,) = (a.verdict for a in answers if a.claim.startswith(claim) and a.setting == setting)
    return found


def test_numbers_as_in_the_paper_make_every_claim_hold():
    answers = answered()
    assert {a.verdict for a in answers} == {HOLDS}
    assert {verdict for counts in overall(answers).values() for verdict in counts} == {HOLDS}
    assert len(overall(answers)) == 19
    assert sum(counts.total() for counts in overall(answers).values()) == len(answers)


NEWS, REVIEWS = Setting("fasttext", "ag_news"), Setting("bilstm", "imdb")


@pytest.mark.parametrize(
    ("claim", "values"),
    [
        ("All sensitivity methods fall clearly below", {"sa_raw": 0.3, "sa_l1": 0.3, "sa_l2": 0.3, "sa_linf": 0.3}),
        ("The curves of L1, L2 and L∞", {"sa_l1": 0.02, "sa_l2": 0.1, "sa_linf": 0.2}),
        ("The norms tie with random", {"sa_l1": 0.1, "sa_l2": 0.1, "sa_linf": 0.1}),
        ("The raw gradient is worse", {"sa_raw": 0.05}),
        (UNDER, {"sa_raw": 0.05}),
        ("LOO and SignedGI lead", {"signed_gi": -0.1, "loo": -0.2}),
        ("SignedGI and LOO are comparable", {"signed_gi": 0.2}),
    ],
)
def test_a_claim_about_curves_fails_where_the_numbers_say_otherwise(claim, values):
    wrong = [result({**GOOD, **values}, setting=NEWS, seed=seed) for seed in (0, 1)]
    assert verdict(answered({NEWS: wrong}), claim, NEWS) == FAILS
    one_training = [result(setting=NEWS, seed=0), wrong[1]]
    asked = HOLDS if "in some cases" in claim else FAILS
    assert verdict(answered({NEWS: one_training}), claim, NEWS) == asked, "else it has to hold in every training"


def test_a_claim_holds_in_part_if_it_does_of_some_methods_in_every_training():
    some = [result({**GOOD, "sa_l1": 0.3}, setting=NEWS, seed=seed) for seed in (0, 1)]
    answers = answered({NEWS: some})
    assert verdict(answers, "All sensitivity methods fall clearly below", NEWS) == IN_PART
    (found,) = (a for a in answers if a.claim.startswith("All sensitivity") and a.setting == NEWS)
    assert sum(found.checks) == 6
    assert len(found.checks) == 8


def test_the_figure_names_the_pair_that_decides_and_its_share_of_the_lead():
    (found,) = (a for a in answered() if a.claim.startswith("All sensitivity") and a.setting == NEWS)
    assert found.figure == "SignedGI − SA L1: 0.300 [0.295, 0.305], 100% of the lead"
    (found,) = (a for a in answered() if a.claim.startswith("The curves of L1") and a.setting == NEWS)
    assert found.figure == "SA L1 − SA L∞: 0.002 [-0.003, 0.007], 1% of the lead"
    (found,) = (a for a in answered() if a.claim.startswith("r of L1") and a.setting == NEWS)
    assert found.figure == "0.300 [0.280, 0.320]; 10 of 200 texts have no r"
    flat = {NEWS: [result(dict.fromkeys(GOOD, 0.1), setting=NEWS)] * 2}
    (found,) = (a for a in answered(flat) if a.claim.startswith("SignedGI and LOO") and a.setting == NEWS)
    assert (found.figure, found.verdict) == ("SignedGI − LOO: 0.000 [-0.005, 0.005]", UNDECIDED)


def test_what_the_paper_says_of_single_models_fails_by_itself():
    flat = {setting: [result(setting=setting)] for setting in SETTINGS}
    answers = answered(flat)
    assert verdict(answers, "The norms beat random moderately", Setting("textcnn", "ag_news")) == FAILS
    assert verdict(answers, "SignedGI is above LOO", Setting("textcnn", "imdb")) == FAILS
    assert verdict(answers, "LOO leads SignedGI by a large margin", REVIEWS) == FAILS
    assert verdict(answers, "SignedGI correlates less with LOO", REVIEWS) == FAILS
    assert verdict(answers, "r of L1 with LOO is about 0", REVIEWS) == FAILS


def test_correlations_fail_where_the_numbers_say_otherwise():
    weak = [result(setting=NEWS, r={"signed_gi": 0.1, "sa_l1": 0.7}, significant=0.2)] * 2
    answers = answered({NEWS: weak})
    assert verdict(answers, "SignedGI correlates with LOO: strongly", NEWS) == FAILS
    assert verdict(answers, "r of L1 with LOO is between", NEWS) == FAILS
    assert verdict(answers, "SignedGI correlates less with LOO", REVIEWS) == IN_PART


def test_fasttexts_identities_fail_where_gradients_differ():
    answers = answered(frequencies={NEWS: [EXACT, FrequencySummary(100, 0.1, 50, 1.5)]})
    assert verdict(answers, "Words of equal frequency", NEWS) == FAILS, "it has to hold in every training"
    answers = answered(frequencies={NEWS: [FrequencySummary(100, 0.1, 50, 1.5)]})
    assert verdict(answers, "A word that occurs twice", NEWS) == FAILS
    assert verdict(answers, "A word that occurs twice", Setting("fasttext", "imdb")) == HOLDS


def test_the_review_is_read_word_by_word():
    answers = answered(reviews={"textcnn": [review({"great": -1.0, "bad": -2.0})], "bilstm": [GREAT_AND_BAD]})
    assert verdict(answers, "LOO marks", Setting("textcnn", "imdb")) == IN_PART
    assert verdict(answers, "LOO marks", REVIEWS) == HOLDS
    assert verdict(answers, "SignedGI misses", REVIEWS) == IN_PART


def test_models_are_counted_by_verdict():
    answers = [Answer(UNDER, setting, "", (setting == NEWS,)) for setting in SETTINGS]
    assert overall(answers) == {UNDER: {HOLDS: 1, FAILS: 5}}
