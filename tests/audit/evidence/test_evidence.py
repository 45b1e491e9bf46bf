"""The parts of the evidence of a decision, and their words."""

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from hf_gradexplain.attribution.descriptions import DESCRIPTIONS, IN_WORDS
from hf_gradexplain.audit.evidence.decision import decision_of
from hf_gradexplain.audit.evidence.main_words import main_units, main_words, values_without
from hf_gradexplain.audit.evidence.measured import Accuracy, Share, check_text, faithfulness
from hf_gradexplain.audit.evidence.wording import about_words, likelihood, percent, share_in_words
from hf_gradexplain.audit.evidence.wording_of_measures import (
    about_accuracy,
    about_faithfulness,
    about_label,
    about_method,
    faithfulness_warning,
)
from hf_gradexplain.evaluation.documents import EvaluatedDocument, iterate_documents
from hf_gradexplain.evaluation.tables import Tables
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.run.evaluation import Evaluation
from hf_gradexplain.run.evidence import evidence
from hf_gradexplain.statistics.sampling import Sampling
from hf_gradexplain.text.unit import Unit
from tests.helpers.chats import chat_classifier
from tests.helpers.tiny import CORPUS, explainer, make

METHODS = ("signed_gi", "loo", "random")


def evaluated(explain, texts=CORPUS, labels=None, methods=METHODS, **options):
    return explain.evaluate(list(texts), methods, labels=labels, progress=False, **{"target": "predicted", **options})


@pytest.mark.parametrize(
    ("kind", "problem", "options"),
    [
        ("textcnn", "single_label_classification", {}),
        ("textcnn", "single_label_classification", {"objective": "prob"}),
        ("textcnn", "single_label_classification", {"objective": "contrast", "against": "runner_up"}),
        ("textcnn", "single_label_classification", {"objective": "contrast", "against": "rest"}),
        ("textcnn", "multi_label_classification", {"unit": "word_type"}),
        ("bert", "regression", {"objective": "logit"}),
    ],
)
def test_the_value_without_a_word_alone_is_that_of_the_curve(kind, problem, options):
    """The curve of leave-one-out removes its highest-scored word first, alone."""
    result = evaluated(explainer(kind, problem), **options)
    for document in iterate_documents(result.documents):
        curve, explanation = document.curves["loo"], document.explanation
        top = int(np.argmax(explanation.scores["loo"]))
        assert values_without(explanation, curve[0])[top] == pytest.approx(curve[1], abs=1e-6)
        for word in main_words(explanation, "loo", curve[0]):
            if word.start == explanation.units[top].spans[0][0]:
                assert word.value_without == pytest.approx(curve[1], abs=1e-6)


def test_under_the_objective_logit_the_value_without_a_word_is_not_known():
    made = evidence(evaluated(explainer("textcnn"), objective="logit"), 0)
    assert made.to_frame()["value_without"].isna().all()
    assert "without it" not in made.to_html()


def test_main_units_are_the_fewest_with_80_percent_at_most_ten_and_of_a_certain_sign():
    assert main_units(np.array([1.0, -7.0, 2.0, 0.0]), np.zeros(4)) == [1, 2]
    assert main_units(np.array([1.0, -8.0, 1.0]), np.zeros(3)) == [1]
    assert main_units(np.array([3.0, 7.0]), np.array([3.5, 1.0])) == [1]
    assert main_units(np.ones(40), np.zeros(40)) == list(range(10))
    assert main_units(np.zeros(3), np.zeros(3)) == []
    assert main_units(np.zeros(0), np.zeros(0)) == []


def test_shares_of_sampled_scores_have_intervals():
    result = evaluated(explainer("textcnn"), CORPUS[4:], methods=("shapley", "random"), max_evals=100)
    made = evidence(result, 0)
    explanation = made.explanation
    scores, margins = explanation.scores["shapley"], explanation.margins("shapley")
    assert margins.max() > 0
    starts = {unit.spans[0][0]: u for u, unit in enumerate(explanation.units)}
    for word in made.words:
        u, total = starts[word.start], np.abs(scores).sum()
        assert (word.share_low, word.share_high) == pytest.approx(
            ((abs(scores[u]) - margins[u]) / total, (abs(scores[u]) + margins[u]) / total)
        )
        assert word.share_low > 0
    assert made.in_words["method"][0].endswith("so the scores are estimates.")
    assert "if the sum of all sizes is taken as known" in made.to_html()
    assert "Scores are estimated" in made.to_html()


def test_a_class_that_was_not_chosen_is_named_first():
    result = evaluated(explainer("textcnn"), labels=[0, 1, 1, 0, 1], target="label")
    for number, label in enumerate([0, 1, 1, 0, 1]):
        made = evidence(result, number)
        chosen = made.explanation.prediction
        warned = any(f"This run explains “LABEL_{label}”" in said for said in made.in_words["warnings"])
        assert warned == (chosen != label)
        assert made.decision.prediction == f"LABEL_{chosen}"
        assert made.decision.label_agrees == (chosen == label)


def test_decisions_of_every_kind_are_said_as_what_they_are():
    regression = evidence(evaluated(explainer("bert", "regression")), 0)
    assert regression.in_words["decision"][0].startswith("The model gave this number: “LABEL_0”:")
    value = f"{regression.decision.value:.4g}".replace("-", "−")
    assert regression.title == f"The model gave {value} for “LABEL_0”"
    assert regression.in_words["accuracy"] == []
    assert "output without it" in regression.to_html()
    several = evidence(evaluated(explainer("bert", "multi_label_classification")), 0)
    assert several.decision.independent
    chosen = [name for name, p in several.decision.probabilities.items() if p >= 0.5]
    assert list(several.decision.chosen) == chosen
    contrast = evidence(evaluated(explainer("textcnn"), objective="contrast", against="runner_up"), 0)
    first, second = list(contrast.decision.probabilities)[:2]
    p, q = list(contrast.decision.probabilities.values())[:2]
    assert contrast.decision.explained == f"{first} rather than {second}"
    assert contrast.decision.value == pytest.approx(p / (p + q), abs=1e-6)
    assert f"between these two alone, the first has {percent(p / (p + q))}" in " ".join(contrast.in_words["decision"])


def confident(problem_type, logits):
    """A model whose logits are about the same for every text."""
    model, tokenizer = make("fasttext", problem_type)
    with torch.no_grad():
        model.classifier.weight.mul_(1e-3)
        model.classifier.bias.copy_(torch.tensor(logits))
    return Explainer(model, tokenizer)


def test_a_multi_label_model_that_is_confident_of_one_class_still_judges_each_on_its_own(tmp_path):
    engine = confident("multi_label_classification", [11.0, -11.0, -12.0])
    for folder in (None, tmp_path):
        made = evidence(evaluated(engine, labels=[0, 1, 2, 0, 1], output_dir=folder), 0)
        assert sum(made.decision.probabilities.values()) == pytest.approx(1, abs=1e-4)
        assert made.decision.independent
        assert made.in_words["decision"][0].startswith("The model judges each of 3 classes on its own")
        assert made.in_words["accuracy"] == []
    softmax = evidence(evaluated(engine, labels=[0, 1, 2, 0, 1], problem_type="single_label_classification"), 0)
    assert not softmax.decision.independent
    assert softmax.in_words["accuracy"]


@pytest.mark.parametrize("problem_type", ["single_label_classification", "multi_label_classification"])
def test_runs_of_earlier_versions_have_evidence_although_they_did_not_record_all_inputs(problem_type):
    result = evaluated(explainer("fasttext", problem_type))
    known = {name: value for name, value in result.run.inputs.items() if name not in ("head", "random_orders")}
    assert len(result.run.inputs) == len(known) + 2
    now, before = (
        evidence(each, 0) for each in (result, Evaluation(replace(result.run, inputs=known), result.documents))
    )
    assert before.decision == now.decision
    assert (before.check.beats_random, before.check.removals) == (None, now.check.removals)
    assert now.check.beats_random is not None


def test_a_multi_label_decision_below_one_half_is_not_a_choice():
    result = evaluated(explainer("bert", "multi_label_classification"), labels=[0, 1, 2, 0, 1], target="label")
    (document,) = (d for d in iterate_documents(result.documents) if d.id == 0)
    p = document.explanation.probabilities
    decision = decision_of(document.explanation, p[0], 0, None)
    assert decision.explains_choice == (p[0] >= 0.5)
    found = evidence(result, 0)
    for value, title in ((0.49, "The model chose no class"), (0.5, "The model chose “LABEL_1”")):
        chosen = replace(found.decision, probabilities={"LABEL_0": 0.1, "LABEL_1": value})
        assert replace(found, decision=chosen).title == title


def test_what_was_not_read_and_who_said_what_is_shown():
    truncated = evidence(evaluated(explainer("bert"), [" ".join(CORPUS * 3)]), 0)
    n = sum(end - start for start, end in truncated.explanation.unread)
    assert n > 100
    assert any(
        said.startswith(f"{n:,} of {len(truncated.explanation.text):,} characters")
        for said in truncated.in_words["limits"]
    )
    assert 'class="unread"' in truncated.to_html()
    assert truncated.to_json() == json.dumps(truncated.to_dict(), indent=2, ensure_ascii=False) + "\n"
    assert json.loads(truncated.to_json())["unread"] == [list(span) for span in truncated.explanation.unread]
    model, tokenizer = chat_classifier("llama", "single_label_classification")
    chat = [{"role": "user", "content": "is the film good ?"}, {"role": "assistant", "content": "a bad film"}]
    said = evidence(evaluated(Explainer(model, tokenizer), [chat]), 0)
    assert {word.role for word in said.words} <= {"user", "assistant"}
    assert '<bdi class="speaker">assistant</bdi>' in said.to_html()


@pytest.mark.parametrize(
    ("text", "said"), [("", "The model read no words of this text"), ("bad", "This word has 100 %")]
)
def test_texts_of_no_word_and_of_one(text, said):
    made = evidence(evaluated(explainer("bert"), [text, *CORPUS]), 0)
    assert said in " ".join(made.in_words["words"])
    assert made.in_words["check"] == ["With fewer than two words, there is nothing to compare."]
    assert made.check.beats_random is None
    assert said in made.to_html().replace("\u00a0", " ")
    assert "Evidence: text 0" in repr(made)
    assert len(made.to_frame()) == len(text.split())


def tables(method, random, *, n=100, p=1e-9, high=None):
    """The tables of a run of one method and random orders, with a difference of a given significance."""
    difference = method - random
    rows = [("m", 10, method, method - 0.01, method + 0.01, n), ("random", 10, random, random - 0.01, random + 0.01, n)]
    better, other = ("m", "random") if difference >= 0 else ("random", "m")
    high = abs(difference) + 0.005 if high is None else high
    pair = (10, better, other, abs(difference), abs(difference) - 0.005, high, p, p, n)
    return Tables(
        aopc=pd.DataFrame(rows, columns=["method", "k", "aopc", "ci_low", "ci_high", "n"]),
        correlation=pd.DataFrame(columns=["method", "coefficient", "n"]),
        comparisons=pd.DataFrame(
            [pair], columns=["k", "method", "other", "difference", "ci_low", "ci_high", "p", "p_adjusted", "n"]
        ),
        document_counts={"documents": n},
    )


@pytest.mark.parametrize(
    ("given", "verdict", "warning", "said"),
    [
        (tables(0.3, 0.03), "above", "", "So the method finds words that the model relies on."),
        (tables(0.005, -0.1), "above", "", "includes no fall at all"),
        (tables(0.031, 0.03, p=0.7), "level", "is no better than choosing words at random", "."),
        (tables(0.031, 0.03, p=0.7, n=20), "unclear", "", "too few texts to tell"),
        (tables(0.031, 0.03, p=0.7, high=0.1), "unclear", "", "too few texts to tell"),
        (tables(0.01, 0.05), "below", "is worse than choosing words at random", "."),
        (tables(0.01, 0.05, n=30), "below", "is worse than choosing words at random", "."),
        (tables(0.01, 0.05, n=29), "unclear", "", "too few texts to tell"),
    ],
)
def test_a_method_near_chance_is_said_to_be(given, verdict, warning, said):
    found = faithfulness(given, "m")
    assert found.verdict == verdict
    assert (found.aopc, found.random) == tuple(given.aopc["aopc"])
    text = faithfulness_warning(found, "word")
    assert warning in text
    assert bool(text) == bool(warning)
    assert said in " ".join(about_faithfulness(found, "word", regression=False))


def test_the_share_of_right_predictions_has_the_interval_of_wilson():
    found = Share.of(7, 9)
    p, z, n = 7 / 9, 1.959963984540054, 9
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert (found.share, found.low, found.high) == pytest.approx((p, middle - half, middle + half))
    assert Share.of(0, 0) is None


def test_the_accuracy_is_said_of_all_texts_and_of_those_with_the_same_prediction():
    overall = "The model agrees with the dataset on 1,800 of 2,000 texts: 90 % (95 % interval 89 to 91 %)."
    same = "Where it chose “sports”, it agrees on 7 of 9: 78 % (45 to 94 %)."
    share, of_prediction = Share.of(1800, 2000), Share.of(7, 9)
    assert about_accuracy(Accuracy(share, of_prediction), "sports") == [overall, same]
    assert about_accuracy(Accuracy(share, None), "sports") == [overall]
    assert about_accuracy(None, "sports")[0].startswith("The texts of the run have no labels")
    assert about_label("sports", True) == ["For this text, the dataset says “sports”: the model agrees."]
    assert about_label("sports", False) == ["For this text, the dataset says “sports”: the model disagrees."]
    assert about_label(None, None) == []


def test_the_random_method_is_never_the_default_and_is_warned_of():
    result = evaluated(explainer("textcnn"), methods=("random", "loo"))
    assert evidence(result, 0).method == "loo"
    warnings = evidence(result, 0, "random").in_words["warnings"]
    assert any("the method random is no better than choosing words at random" in said for said in warnings)


def test_every_method_is_described_in_two_sentences():
    assert list(IN_WORDS) == list(DESCRIPTIONS)
    for method, said in IN_WORDS.items():
        assert said.count(". ") == 1, method
        assert about_method(method) == said
    assert about_method("mine") == "A method named mine."


def test_probabilities_in_words_and_percent():
    assert [likelihood(p) for p in (1.0, 0.99, 0.9, 0.66, 0.33, 0.1, 0.01, 0.0)] == [
        *("almost certain", "almost certain", "very likely", "likely", "about as likely as not", "unlikely"),
        *("very unlikely", "almost impossible"),
    ]
    shown = [percent(p) for p in (0.0, 0.0004, 0.004, 0.5, 0.994, 0.9996, 1.0)]
    assert shown == ["0 %", "under 0.1 %", "0.4 %", "50 %", "99.4 %", "over 99.9 %", "100 %"]


def document(curve, random, scores=(3.0, 2.0, 1.0, 0.0), **more):
    """A document of four words with given curves."""
    explanation = Explanation(
        text="a b c d", units=tuple(Unit(word, ((2 * i, 2 * i + 1),)) for i, word in enumerate("abcd")),
        scores={"m": np.array(scores)}, target=0, target_label="x", prediction=0, probabilities=np.array([0.9, 0.1]),
        objective="loss", unit="word", **more,
    )  # fmt: skip
    orders = {} if random is None else {"mean": np.array(random)}
    return EvaluatedDocument(0, None, explanation, {"m": np.array(curve)}, {}, random_orders=orders)


@pytest.mark.parametrize(
    ("top", "random", "signed", "beats"),
    [
        (0.3, 0.5, True, True),
        (0.5, 0.5, True, False),
        (0.50001, 0.50004, True, False),
        (0.95, 0.8, True, False),
        (0.95, 0.92, False, True),
        (0.95, 0.8, False, False),
        (0.3, None, True, None),
    ],
)
def test_the_check_of_a_text_compares_three_removed_words(top, random, signed, beats):
    orders = None if random is None else [0.9, 0.9, 0.9, random, 0.1]
    check = check_text(document([0.9, 0.8, 0.7, top, 0.1], orders), "m", signed, orders=20)
    assert [removal.k for removal in check.removals] == [1, 3]
    assert (check.value, check.k, check.top, check.beats_random) == (0.9, 3, ("a", "b", "c"), beats)


def test_the_check_of_a_text_names_no_words_that_ties_leave_open_and_no_removal_between_measured_ones():
    curve = [0.9, 0.8, 0.7, 0.6, 0.1]
    assert check_text(document(curve, curve, scores=(3.0, 1.0, 1.0, 1.0)), "m", True, orders=20).top == ()
    measured = check_text(document(curve, curve), "m", True, measured=(0, 2, 50), orders=20)
    assert ([removal.k for removal in measured.removals], measured.k, measured.top) == ([2], 2, ("a", "b"))


def test_a_single_random_order_is_no_mean():
    (made,) = (evidence(evaluated(explainer("textcnn"), CORPUS[4:], random_orders=0), 0),)
    assert made.check.removals
    assert {removal.without_random for removal in made.check.removals} == {None}
    assert made.check.beats_random is None
    assert not any("on average" in sentence for sentence in made.in_words["check"])


@pytest.mark.parametrize(("orders", "beats"), [(2, None), (20, True)])
def test_the_number_of_random_orders_is_that_of_the_run(orders, beats):
    """`loo` is exact for a text of two words, so its first word cannot lose; with 2 orders, both may begin with it."""
    said = "The run has too few random orders to tell whether the difference is more than chance."
    for seed in range(5):
        made = evidence(
            evaluated(explainer("fasttext"), ["good film"], methods="loo", random_orders=orders, seed=seed), 0
        )
        assert made.check.beats_random is beats
        assert (said in made.in_words["check"]) == (beats is None)


def test_methods_that_find_clearly_more_are_named():
    names = ("k", "method", "other", "difference", "ci_low", "ci_high", "p", "p_adjusted", "n")
    rows = [(10, "better", "m", 0.1, 0.09, 0.11, 0.0, 0.01, 100), (10, "equal", "m", 0.01, 0.0, 0.02, 0.0, 0.01, 100)]
    rows += [(10, "noisy", "m", 0.1, -0.1, 0.3, 0.3, 0.3, 100), (10, "m", "worse", 0.1, 0.09, 0.11, 0.0, 0.01, 100)]
    given = tables(0.3, 0.03)
    given = replace(given, comparisons=pd.concat([given.comparisons, pd.DataFrame(rows, columns=names)]))
    found = faithfulness(given, "m")
    assert found.more_faithful == ("better",)
    assert faithfulness(replace(given, output_range=0.1), "m").more_faithful == ("better", "equal")
    assert faithfulness(replace(given, output_range=5.1), "m").more_faithful == ()
    assert "In the same run, better found" in about_faithfulness(found, "word", regression=False)[-1]


@pytest.mark.parametrize(("method", "verdict"), [(0.3, "above"), (0.04, "unclear"), (-0.3, "below")])
def test_without_paired_tests_the_intervals_decide(method, verdict):
    given = tables(method, 0.03)
    band = pd.DataFrame([(10, 0.03, 0.02, 0.04, 100)], columns=["k", "aopc", "low", "high", "n"])
    alone = replace(given, aopc=given.aopc[given.aopc["method"] == "m"], comparisons=pd.DataFrame(), chance=band)
    found = faithfulness(alone, "m")
    assert (found.verdict, found.random, found.random_low, found.random_high) == (verdict, 0.03, 0.02, 0.04)
    for n in (29, 30):
        few = faithfulness(replace(alone, aopc=alone.aopc.assign(n=n)), "m").verdict
        assert few == ("unclear" if verdict == "below" and n == 29 else verdict)


@pytest.mark.parametrize("p", [1e-9, 1.0])
def test_where_nothing_can_be_compared_the_page_has_no_verdict(p):
    made = tables(0.05, 0.05, n=50, p=p)
    one_word = replace(made, document_counts={"documents": 50, "longest": 1})
    for method in ("m", "random"):
        found = faithfulness(one_word, method)
        assert found.verdict == faithfulness_warning(found, "word") == ""
        (said,) = about_faithfulness(found, "word", regression=False)
        assert said.endswith("without random words, by 5 percentage points.")
    two = replace(made, document_counts={"documents": 50, "longest": 2})
    assert faithfulness(two, "random").verdict == "level"
    unmeasured = replace(one_word, aopc=one_word.aopc[:1])
    assert "did not measure" in about_faithfulness(faithfulness(unmeasured, "m"), "word", regression=False)[1]


@pytest.mark.parametrize(
    ("unit", "length"), [("word", "4 words"), ("word_type", "4 different words"), ("sentence", "4 sentences")]
)
def test_the_length_of_a_text_is_said_in_its_units(unit, length):
    explanation = replace(document([0.9] * 5, None).explanation, unit=unit)
    said = about_words(explanation, "m", main_words(explanation, "m", 0.9))
    noun = length.split()[-1]
    assert said[1] == f"These 2 {noun} have 83 % of all scores in the text, which has {length}."


def test_the_share_of_an_estimated_score_is_at_most_all():
    explanation = document([0.9] * 5, None, scores=(9.0, 1.0, 0.0, 0.0)).explanation
    drawn = replace(explanation, sampling={"m": Sampling(np.array([1.0, 0.1, 0.0, 0.0]), 100, 400)})
    (word,) = main_words(drawn, "m", 0.9)
    assert 0.5 < word.share_low < 0.9
    assert word.share_high == 1
    assert share_in_words(word) == f"90 % [{100 * word.share_low:.0f}, 100]"
    (exact,) = main_words(explanation, "m", 0.9)
    assert share_in_words(exact) == "90 %"
