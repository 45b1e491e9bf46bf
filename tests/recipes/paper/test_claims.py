"""The claims, on numbers that agree with the paper and on numbers that do not."""

import pytest

from recipes.paper.claim_checks import Evidence
from recipes.paper.claims import BELOW_RANDOM, Verdict, count_outcomes, judge
from recipes.paper.constants import SETTINGS, Setting
from recipes.paper.frequency import FrequencySummary
from recipes.paper.rules import FAILS, HOLDS, IN_PART, UNDECIDED
from tests.recipes.paper.made_up import GOOD, as_in_the_paper, result, review

EXACT = FrequencySummary(100, 1e-7, 50, 2.0000001)
GREAT_AND_BAD = review({"great": 1.0, "plot": 0.1, "bad": -2.0})
MISSED = review({"great": 0.01, "plot": 0.1, "bad": -2.0})
FASTTEXTS = [setting for setting in SETTINGS if setting.model == "fasttext"]


def verdicts_on(results=None, frequencies=None, reviews=None):
    results = {**as_in_the_paper(), **(results or {})}
    frequencies = {setting: [EXACT, EXACT] for setting in FASTTEXTS} | (frequencies or {})
    marked = {model: [GREAT_AND_BAD] for model in ("fasttext", "textcnn")}
    bilstm = {"words": MISSED["words"], "scores": {**MISSED["scores"], "loo": GREAT_AND_BAD["scores"]["loo"]}}
    return judge(Evidence(results, frequencies, {**marked, "bilstm": [bilstm], **(reviews or {})}))


def outcome(verdicts, claim, setting):
    (only,) = (x.outcome for x in verdicts if x.claim.startswith(claim) and x.setting == setting)
    return only


def test_numbers_as_in_the_paper_make_every_claim_hold():
    verdicts = verdicts_on()
    assert {x.outcome for x in verdicts} == {HOLDS}
    assert {name for counts in count_outcomes(verdicts).values() for name in counts} == {HOLDS}
    assert len(count_outcomes(verdicts)) == 19
    assert sum(counts.total() for counts in count_outcomes(verdicts).values()) == len(verdicts)


NEWS, REVIEWS = Setting("fasttext", "ag_news"), Setting("bilstm", "imdb")


@pytest.mark.parametrize(
    ("claim", "values"),
    [
        ("All sensitivity methods fall clearly below", {"sa_raw": 0.3, "sa_l1": 0.3, "sa_l2": 0.3, "sa_linf": 0.3}),
        ("The curves of L1, L2 and L∞", {"sa_l1": 0.02, "sa_l2": 0.1, "sa_linf": 0.2}),
        ("The norms tie with random", {"sa_l1": 0.1, "sa_l2": 0.1, "sa_linf": 0.1}),
        ("The raw gradient is worse", {"sa_raw": 0.05}),
        (BELOW_RANDOM, {"sa_raw": 0.05}),
        ("LOO and SignedGI lead", {"signed_gi": -0.1, "loo": -0.2}),
        ("SignedGI and LOO are comparable", {"signed_gi": 0.2}),
    ],
)
def test_a_claim_about_curves_fails_where_the_numbers_say_otherwise(claim, values):
    wrong = [result({**GOOD, **values}, setting=NEWS, seed=seed) for seed in (0, 1)]
    assert outcome(verdicts_on({NEWS: wrong}), claim, NEWS) == FAILS
    one_training = [result(setting=NEWS, seed=0), wrong[1]]
    expected = HOLDS if "in some cases" in claim else FAILS
    assert outcome(verdicts_on({NEWS: one_training}), claim, NEWS) == expected, "else it has to hold in every training"


def test_a_claim_holds_in_part_if_it_does_of_some_methods_in_every_training():
    one_of_four = [result({**GOOD, "sa_l1": 0.3}, setting=NEWS, seed=seed) for seed in (0, 1)]
    verdicts = verdicts_on({NEWS: one_of_four})
    assert outcome(verdicts, "All sensitivity methods fall clearly below", NEWS) == IN_PART
    (only,) = (a for a in verdicts if a.claim.startswith("All sensitivity") and a.setting == NEWS)
    assert sum(only.checks) == 6
    assert len(only.checks) == 8


def test_the_figure_names_the_pair_that_decides_and_its_share_of_the_lead():
    (only,) = (a for a in verdicts_on() if a.claim.startswith("All sensitivity") and a.setting == NEWS)
    assert only.figure == "SignedGI − SA L1: 0.300 [0.295, 0.305], 100% of the lead"
    (only,) = (a for a in verdicts_on() if a.claim.startswith("The curves of L1") and a.setting == NEWS)
    assert only.figure == "SA L1 − SA L∞: 0.002 [−0.003, 0.007], 1% of the lead"
    (only,) = (a for a in verdicts_on() if a.claim.startswith("r of L1") and a.setting == NEWS)
    assert only.figure == "0.300 [0.280, 0.320]; 10 of 200 texts have no r"
    flat = {NEWS: [result(dict.fromkeys(GOOD, 0.1), setting=NEWS)] * 2}
    (only,) = (a for a in verdicts_on(flat) if a.claim.startswith("SignedGI and LOO") and a.setting == NEWS)
    assert (only.figure, only.outcome) == ("SignedGI − LOO: 0.000 [−0.005, 0.005]", UNDECIDED)


def test_claims_about_single_models_fail_by_themselves():
    flat = {setting: [result(setting=setting)] for setting in SETTINGS}
    verdicts = verdicts_on(flat)
    assert outcome(verdicts, "The norms beat random moderately", Setting("textcnn", "ag_news")) == FAILS
    assert outcome(verdicts, "SignedGI is above LOO", Setting("textcnn", "imdb")) == FAILS
    assert outcome(verdicts, "LOO leads SignedGI by a large margin", REVIEWS) == FAILS
    assert outcome(verdicts, "SignedGI correlates less with LOO", REVIEWS) == FAILS
    assert outcome(verdicts, "r of L1 with LOO is about 0", REVIEWS) == FAILS


def test_correlations_fail_where_the_numbers_say_otherwise():
    weak = [result(setting=NEWS, r={"signed_gi": 0.1, "sa_l1": 0.7}, significant=0.2)] * 2
    verdicts = verdicts_on({NEWS: weak})
    assert outcome(verdicts, "SignedGI correlates with LOO: strongly", NEWS) == FAILS
    assert outcome(verdicts, "r of L1 with LOO is between", NEWS) == FAILS
    assert outcome(verdicts, "SignedGI correlates less with LOO", REVIEWS) == IN_PART


def test_fasttexts_identities_fail_where_gradients_differ():
    verdicts = verdicts_on(frequencies={NEWS: [EXACT, FrequencySummary(100, 0.1, 50, 1.5)]})
    assert outcome(verdicts, "Words of equal frequency", NEWS) == FAILS, "it has to hold in every training"
    verdicts = verdicts_on(frequencies={NEWS: [FrequencySummary(100, 0.1, 50, 1.5)]})
    assert outcome(verdicts, "A word that occurs twice", NEWS) == FAILS
    assert outcome(verdicts, "A word that occurs twice", Setting("fasttext", "imdb")) == HOLDS


def test_the_review_is_checked_word_by_word():
    verdicts = verdicts_on(reviews={"textcnn": [review({"great": -1.0, "bad": -2.0})], "bilstm": [GREAT_AND_BAD]})
    assert outcome(verdicts, "LOO marks", Setting("textcnn", "imdb")) == IN_PART
    assert outcome(verdicts, "LOO marks", REVIEWS) == HOLDS
    assert outcome(verdicts, "SignedGI misses", REVIEWS) == IN_PART


def test_models_are_counted_by_verdict():
    verdicts = [Verdict(BELOW_RANDOM, setting, "", (setting == NEWS,)) for setting in SETTINGS]
    assert count_outcomes(verdicts) == {BELOW_RANDOM: {HOLDS: 1, FAILS: 5}}
