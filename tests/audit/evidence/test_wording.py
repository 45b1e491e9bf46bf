"""The words of a decision at the borders between them, from numbers written by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from hf_gradexplain.audit.evidence.decision import decision_of
from hf_gradexplain.audit.evidence.main_words import main_units, main_words, values_without
from hf_gradexplain.audit.evidence.marked_text import marked_text, what_was_read, words_table
from hf_gradexplain.audit.evidence.measured import (
    Accuracy,
    Faithfulness,
    Removal,
    Share,
    TextCheck,
    _beats_random,
    check_text,
    faithfulness,
)
from hf_gradexplain.audit.evidence.wording import (
    about_decision,
    about_words,
    amounts,
    change,
    counted,
    how_words_are_listed,
    likelihood,
    limits,
    not_the_choice,
    percent,
    quoted,
    share_in_words,
)
from hf_gradexplain.audit.evidence.wording_of_measures import (
    about_accuracy,
    about_check,
    about_faithfulness,
    about_label,
    check_warning,
    faithfulness_warning,
)
from hf_gradexplain.evaluation.agreement import CORRELATION_COLUMNS
from hf_gradexplain.evaluation.comparisons import COLUMNS
from hf_gradexplain.evaluation.documents import EvaluatedDocument
from hf_gradexplain.evaluation.tables import Tables
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.statistics.sampling import Sampling
from hf_gradexplain.text.unit import Message, Unit

WORDS = ["good", "bad", "film", "good"]


def explained(scores=(6.0, -3.0, 1.0, 0.0), **changes):
    starts = (0, 5, 9, 14)[: len(scores)]
    units = tuple(Unit(word, ((start, start + len(word)),)) for word, start in zip(WORDS, starts, strict=False))
    given = {"target": 0, "target_label": "pos", "prediction": 0, "prediction_label": "pos", "objective": "loss"}
    given |= {"unit": "word", "class_names": ("pos", "neg"), "probabilities": np.array([0.75, 0.25])}
    return Explanation("good bad film good", units, {"loo": np.array(scores)}, **(given | changes))


@pytest.mark.parametrize(
    ("probability", "words"),
    [
        (1.0, "almost certain"),
        (0.99, "almost certain"),
        (0.98999, "very likely"),
        (0.9, "very likely"),
        (0.89999, "likely"),
        (0.66, "likely"),
        (0.65999, "about as likely as not"),
        (0.33, "about as likely as not"),
        (0.32999, "unlikely"),
        (0.1, "unlikely"),
        (0.09999, "very unlikely"),
        (0.01, "very unlikely"),
        (0.00999, "almost impossible"),
        (0.0, "almost impossible"),
    ],
)
def test_likelihoods(probability, words):
    assert likelihood(probability) == words


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.00099, "under 0.1 %"),
        (0.001, "0.1 %"),
        (0.0099, "1.0 %"),
        (0.01, "1 %"),
        (0.99, "99 %"),
        (0.9901, "99.0 %"),
        (0.999, "99.9 %"),
        (0.9991, "over 99.9 %"),
    ],
)
def test_shares(share, said):
    assert percent(share) == said


def test_names_numbers_and_changes():
    assert quoted([" ", "x" * 41], "or") == f"“(blank)” or “{'x' * 39}…”"
    assert [counted(n, "text") for n in (0, 1, 2)] == ["0 texts", "1 text", "2 texts"]
    assert amounts([0.5, 0.25], False) == ["50 %", "25 %"]
    assert amounts([0.5, 0.5], False) == ["50 %", "50 %"]
    assert amounts([0.501, 0.502], False) == ["50.10 %", "50.20 %"]
    assert amounts([-1234.56, 0.5], True) == ["−1235", "0.5"]
    assert change(0.5, -0.0001, False) == "50.0 → 0.0 %"
    assert change(1.5, -0.25, True) == "1.5 → −0.25"


def decision(probabilities=(0.75, 0.25), label=None, value=0.75, head=None, **changes):
    return decision_of(explained(probabilities=np.array(probabilities), **changes), value, label, head)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (
            decision(),
            ["The model gave “pos” a probability of 75 %: likely, in its estimate. Next was “neg” with 25 %."],
        ),
        (
            decision((1.0,), class_names=("pos",)),
            [
                "The model judges one class, “pos”, and chooses it with at least 50 %.",
                "Here, its probability is 100 %, so the model chose it.",
            ],
        ),
        (
            decision((0.49,), class_names=("pos",), head="sigmoid"),
            [
                "The model judges one class, “pos”, and chooses it with at least 50 %.",
                "Here, its probability is 49 %, so the model did not choose it.",
            ],
        ),
        (
            decision((0.9999, 0.0001), head="sigmoid"),
            [
                "The model judges each of 2 classes on its own, and chooses all with at least 50 %.",
                "It chose “pos” (over 99.9 %). This page is about “pos”, with 75 %.",
            ],
        ),
        (
            decision(against=1, against_label="neg", objective="contrast", value=0.8),
            [
                "The model gave “pos” a probability of 75 %: likely, in its estimate. Next was “neg” with 25 %.",
                "This page explains why “pos rather than neg”: between these two alone, the first has 80 %.",
            ],
        ),
        (
            decision((1.5, -0.5), regression=True),
            [
                "The model gave this number: “pos”: 1.5 and “neg”: −0.5. It is neither a probability nor a choice "
                "between classes."
            ],
        ),
        (
            decision((0.9, 0.5)),
            [
                "The model judges each of 2 classes on its own, and chooses all with at least 50 %.",
                "It chose “pos” (90 %) and “neg” (50 %). This page is about “pos”, with 75 %.",
            ],
        ),
        (
            decision((0.4, 0.2)),
            [
                "The model judges each of 2 classes on its own, and chooses all with at least 50 %.",
                "It chose none of them. This page is about “pos”, with 75 %.",
            ],
        ),
    ],
)
def test_decisions(made, said):
    assert about_decision(made) == said


def test_ten_chosen_classes_are_listed():
    names = tuple(f"c{i}" for i in range(12))
    made = decision([0.9] * 12, class_names=names)
    assert len(made.chosen) == 12
    said = about_decision(made)[1]
    assert "and “c9” (90 %). This" in said
    assert "c10" not in said


@pytest.mark.parametrize(
    ("total", "independent"), [(1.0, False), (1.00005, False), (1.0002, True), (0.99995, False), (0.9998, True)]
)
def test_classes_are_independent_if_their_probabilities_do_not_add_up(total, independent):
    assert decision((0.75, total - 0.75)).independent is independent
    assert not decision((0.75, total - 0.75), regression=True).independent
    assert decision((0.75, total - 0.75), head="sigmoid").independent
    assert not decision((0.75, total - 0.75), head="softmax").independent


@pytest.mark.parametrize("p", [1.0, 0.3])
def test_a_single_class_is_independent_unless_it_is_a_number(p):
    assert decision((p,), class_names=("pos",)).independent
    assert decision((p,), class_names=("pos",), head="sigmoid").independent
    assert not decision((p,), class_names=("pos",), regression=True, head="identity").independent


def test_what_was_chosen_and_whether_the_label_agrees():
    assert not_the_choice(decision()) == ""
    other = decision(target=1, target_label="neg")
    assert (other.explains_choice, other.chosen) == (False, ("pos",))
    says = "This page says what speaks for and against"
    assert not_the_choice(other) == (
        f"This run explains “neg”, but the model chose “pos”. {says} “neg”. A run with --target predicted explains the "
        "choice."
    )
    assert (
        not_the_choice(decision((0.4, 0.2))) == f"This run explains “pos”, but the model chose no class. {says} “pos”."
    )
    assert decision((0.5, 0.2)).explains_choice
    assert not decision((0.49, 0.2)).explains_choice
    assert decision(target=1, regression=True).explains_choice
    assert [(made.label, made.label_agrees) for made in (decision(label=0), decision(label=1), decision())] == [
        ("pos", True), ("neg", False), (None, None),
    ]  # fmt: skip
    assert decision(label=0, regression=True).label is None
    one = decision((0.3,), label=1, class_names=("pos",))
    assert (one.label, one.label_agrees) == (None, None), "a label of a model with one output"
    assert list(decision((0.25, 0.75)).probabilities) == ["neg", "pos"]
    assert list(decision(class_names=("a", "a")).probabilities) == ["0", "1"]
    assert list(decision(class_names=("a",)).probabilities) == ["0", "1"]
    assert (decision(against=1, against_label="n").against, decision(against_label="rest").against) == ("n", "")


@pytest.mark.parametrize(
    ("scores", "margins", "units"),
    [
        ([8.0, 2.0], [0, 0], [0]),
        ([7.9, 2.1], [0, 0], [0, 1]),
        ([1.0, -1.0, 1.0], [0, 0, 0], [0, 1, 2]),
        ([2.0, 1.0], [2.0, 0.5], [1]),
        ([2.0, 1.0], [1.9, 0.5], [0, 1]),
        ([1.0] * 13, [0] * 13, list(range(10))),
    ],
)
def test_main_units_end_at_80_percent(scores, margins, units):
    assert main_units(np.array(scores), np.array(margins)) == units


def test_equal_words_are_numbered_from_left_to_right():
    units = tuple(Unit("good", ((start, start + 4),)) for start in (0, 5, 10))
    explanation = replace(explained(scores=(1.0, 1.0, 1.0)), text="good good good", units=units)
    words = main_words(explanation, "loo", 0.75)
    assert [(word.number, word.namesakes, word.start) for word in words] == [(1, 3, 0), (2, 3, 5), (3, 3, 10)]


def test_main_words_in_numbers():
    first, second = main_words(explained(), "loo", 0.75)
    assert (first.word, first.start, first.occurrences, first.score, first.side) == ("good", 0, 1, 6.0, "for")
    assert (first.share, first.share_low, first.share_high) == (0.6, None, None)
    assert (first.number, first.namesakes, first.label) == (1, 2, "good (1 of 2)")
    assert (second.word, second.side, second.share, second.label) == ("bad", "against", 0.3, "bad")
    assert first.value_without == pytest.approx(0.75 * np.exp(-6.0))
    sampled = explained(sampling={"loo": Sampling(np.array([1.0, 0.5, 0, 0]), 1000, 5)})
    first, second = main_words(sampled, "loo", 0.75)
    assert (first.share_low, first.share_high) == pytest.approx((0.4038, 0.7962), abs=1e-4)
    assert (second.share_low, second.share_high) == pytest.approx((0.2019, 0.3981), abs=1e-4)
    assert share_in_words(second) == "30 % [20, 40]"
    assert share_in_words(replace(second, share_high=None)) == "30 %"
    (whole,) = main_words(explained((6.0,), sampling={"loo": Sampling(np.array([1.0]), 1000, 5)}), "loo", 0.75)
    assert whole.share_high == 1.0
    assert values_without(replace(explained(), scores={"sa_l2": np.ones(4)}), 0.75) is None
    assert values_without(explained(objective="logit"), 0.75) is None


def said_of(scores, method="loo", **changes):
    made = explained(scores, **changes)
    made = replace(made, scores={method: made.scores["loo"]})
    return about_words(made, method, main_words(made, method, 0.75))


@pytest.mark.parametrize(
    ("scores", "method", "unit", "said"),
    [
        ((), "loo", "word", ["The model read no words of this text, so none can be listed."]),
        ((0.0, 0.0), "loo", "word", ["No word has a score that is clearly different from zero."]),
        (
            (1.0, 1.0),
            "sa_l2",
            "word",
            [
                "The model reacts most to “good” and “bad”. The method does not say in which direction.",
                "These 2 words have 100 % of all scores in the text, which has 2 words.",
            ],
        ),
        (
            (-1.0,),
            "loo",
            "word",
            [
                "None of the main words speaks for “pos”. “good” speaks most against it.",
                "This word has 100 % of all scores in the text, which has 1 word.",
            ],
        ),
        (
            (1.0, 1.0),
            "loo",
            "word",
            [
                "“good” and “bad” speak most for “pos”.",
                "These 2 words have 100 % of all scores in the text, which has 2 words.",
            ],
        ),
        (
            (2.0, -1.0, 1.0),
            "loo",
            "word_type",
            [
                "“good” and “film” speak most for “pos”; “bad” speaks most against it.",
                "These 3 words have 100 % of all scores in the text, which has 3 different words.",
            ],
        ),
        (
            (2.0,),
            "loo",
            "word_type",
            ["“good” speaks most for “pos”.", "This word has 100 % of all scores in the text, which has 1 word."],
        ),
        (
            (1.0, 1.0, 1.0, 1.0),
            "loo",
            "word",
            [
                "“good (1 of 2)”, “bad” and “film” speak most for “pos”.",
                "These 4 words have 100 % of all scores in the text, which has 4 words.",
            ],
        ),
    ],
)
def test_the_words_that_counted(scores, method, unit, said):
    assert said_of(scores, method, unit=unit) == said


def test_how_words_are_listed_and_what_they_cannot_tell():
    rule = how_words_are_listed(explained(), "loo")
    assert "80 %" in rule
    assert "at most 10" in rule
    assert "estimated" not in rule
    estimated = how_words_are_listed(explained(sampling={"loo": Sampling(np.ones(4), 9, 5)}), "loo")
    assert "Scores are estimated." in estimated
    assert "95 % confidence" in estimated
    assert how_words_are_listed(explained(sampling={"loo": Sampling(np.zeros(4), 0, 5)}), "loo") == rule
    plain = limits(explained(), 0.999)
    assert len(plain) == 4
    assert "replaced by a neutral value" in plain[3]
    assert "cut out of the text" in limits(explained(mask="deletion"), 0.5)[3]
    assert len(limits(explained(unit="word_type"), 0.5)) == 5
    assert limits(explained(), 0.9991)[-1].startswith("The model is almost certain.")
    assert len(limits(explained(regression=True), 5.0)) == 4
    assert limits(explained((6.0, -3.0, 1.0), truncated_at=13), 0.5)[-1].startswith(
        "5 of 18 characters were not read by the model, so they have no score."
    )
    assert limits(explained((6.0, -3.0, 1.0), truncated_at=17), 0.5)[-1].startswith(
        "1 of 18 characters was not read by the model, so it has no score."
    )


def test_the_table_of_words():
    words = main_words(explained(), "loo", 0.75)
    table = words_table(words, "word", 0.75, regression=False)
    assert table.headers == ("", "word", "speaks", "share of all scores", "probability without it")
    assert table.rows[0] == ("1", "good (1 of 2)", "for", "60 %", "75.0 → 0.2 %")
    assert table.numeric == (True, False, False, True, True)
    more = [replace(words[0], occurrences=2, role="user", value_without=None), words[1]]
    assert words_table(more, "word", 0.75, regression=True).headers == (
        "",
        "word",
        "in",
        "times",
        "speaks",
        "share of all scores",
        "output without it",
    )
    assert words_table([], "word", 0.5, regression=False).rows == ()


def test_only_main_words_are_marked():
    row = marked_text(explained(), "loo")
    assert [(part.text, part.score) for part in row.segments if part.score] == [("good", 6.0), ("bad", -3.0)]
    assert row.signed
    heading = what_was_read(explained(messages=(Message("user", 0, 18),), truncated_at=13))
    assert (heading.unit, heading.length, heading.truncated_at, heading.speakers) == ("", 18, 13, ((0, "user"),))
    assert not heading.without_units
    empty = what_was_read(explained(()))
    assert (empty.unit, empty.without_units) == ("word", True)


CHECK = TextCheck(0.9, (Removal(1, 0.6, 0.8), Removal(3, 0.25, 0.5)), 3, ("a", "b", "c"), True)


@pytest.mark.parametrize(
    ("check", "said"),
    [
        (TextCheck(0.9, (), None, (), None), ["With fewer than two words, there is nothing to compare."]),
        (
            CHECK,
            [
                "Without the 3 highest-scored words (“a”, “b” and “c”), the probability of “pos” goes from 90 % to "
                "25 %; without 3 random words, it is 50 % on average.",
                "On this text, removing the highest-scored words lowers the probability more than removing random "
                "words.",
            ],
        ),
        (
            replace(CHECK, k=1, top=(), beats_random=False),
            [
                "Without the highest-scored word, the probability of “pos” goes from 90 % to 60 %; without a random "
                "word, "
                "it is 80 % on average.",
            ],
        ),
        (
            replace(CHECK, removals=(Removal(3, 0.25, None),), beats_random=None),
            [
                "Without the 3 highest-scored words (“a”, “b” and “c”), the probability of “pos” goes from 90 % to "
                "25 %. "
                "The run did not measure the effect of removing random words.",
            ],
        ),
        (
            replace(CHECK, top=(), beats_random=None),
            [
                "Without the 3 highest-scored words, the probability of “pos” goes from 90 % to 25 %; without 3 random "
                "words, it is 50 % on average.",
                "The run has too few random orders to tell whether the difference is more than chance.",
            ],
        ),
    ],
)
def test_the_check_of_a_text_in_words(check, said):
    assert about_check(check, decision(), "word", signed=True) == said


def test_warnings_of_the_check():
    failed = replace(CHECK, beats_random=False)
    assert check_warning(CHECK, "word", signed=True, regression=False) == ""
    assert check_warning(replace(CHECK, beats_random=None), "word", signed=True, regression=False) == ""
    assert "words lowers the probability no more" in check_warning(failed, "word", signed=True, regression=False)
    assert "words changes the output no more" in check_warning(failed, "word", signed=False, regression=True)


@pytest.mark.parametrize(
    ("top", "random", "signed", "regression", "beats"),
    [
        (0.5, 0.6, True, False, True),
        (0.5, 0.5, True, False, False),
        (0.50001, 0.50004, True, False, False),
        (0.5001, 0.5002, True, False, True),
        (0.6, 0.5, True, False, False),
        (0.99, 0.92, False, False, True),  # changes of 0.09 and 0.02
        (0.91, 0.8, False, False, False),
        (1000.1, 1000.2, True, True, True),
        (1000.01, 1000.02, True, True, False),
        (0.5, None, True, False, None),
    ],
)
def test_a_method_beats_random_words_by_what_is_shown(top, random, signed, regression, beats):
    assert _beats_random(0.9, Removal(1, top, random), signed, regression) is beats


def document(n, **changes):
    units = tuple(Unit(f"w{i}", ((i, i + 1),)) for i in range(n))
    scores = {"loo": np.arange(float(n), 0, -1)}
    curve = {"loo": 0.9 - np.arange(n + 1) / 100}
    orders = {"mean": 0.9 - np.arange(n + 1) / 200}
    made = replace(explained(), units=units, scores=scores)
    given = {"id": 1, "label": None, "explanation": made, "curves": curve, "random_orders": orders, "correlations": {}}
    return EvaluatedDocument(**(given | changes))


@pytest.mark.parametrize(
    ("n", "measured", "ks", "k"),
    [
        (1, (), [], None),
        (2, (), [1], 1),
        (3, (), [1], 1),
        (4, (), [1, 3], 3),
        (10, (), [1, 3], 3),
        (11, (), [1, 3, 10], 3),
        (12, (1, 2, 5, 10, 11), [1, 2, 5, 10], 2),
        (12, (5, 10), [5, 10], 5),
        (3, (0, 5), [], None),
    ],
)
def test_the_numbers_of_removed_words_that_are_shown(n, measured, ks, k):
    found = check_text(document(n), "loo", True, measured, orders=20)
    assert ([removal.k for removal in found.removals], found.k) == (ks, k)
    assert found.value == 0.9
    if k:
        assert found.top == tuple(f"w{i}" for i in range(k))
        assert found.beats_random
        removal = found.removals[0]
        assert (removal.without_top, removal.without_random) == pytest.approx((0.9 - ks[0] / 100, 0.9 - ks[0] / 200))


def test_words_that_ties_leave_open_are_not_named():
    tied = replace(explained(), units=document(4).explanation.units, scores={"loo": np.array([2.0, 1.0, 1.0, 1.0])})
    assert check_text(document(4, explanation=tied), "loo", True, orders=0).top == ()
    all_but_one = replace(tied, scores={"loo": np.array([1.0, 1.0, 1.0, 0.5])})
    assert check_text(document(4, explanation=all_but_one), "loo", True, orders=0).top == ("w0", "w1", "w2")


@pytest.mark.parametrize(
    ("n", "orders", "enough"),
    [
        (2, 2, False),
        (2, 9, False),
        (2, 10, True),
        (3, 6, False),
        (3, 7, True),
        (4, 4, False),
        (4, 5, True),
        (40, 0, False),
        (40, 4, False),
        (40, 5, True),
    ],
)
def test_words_are_not_compared_with_too_few_random_orders(n, orders, enough):
    """In a text of two words, each order begins with the top word in half of the cases: `2 ** 10` is 1024."""
    assert check_text(document(n), "loo", True, orders=orders).beats_random is (True if enough else None)


MEASURED = Faithfulness("loo", 1200, 10, 0.345, 0.3, 0.4, 0.1, None, None, "above", 0.8, 0.7, 0.9, 1000, ())


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        (
            {},
            [
                "On 1,200 texts, the words that loo scores highest",
                "up to 10.",
                "fell by 34.5 percentage points (95 % interval 30 to 40)",
                "; without random words, by 10 percentage points.",
                "words that the model relies on",
                "closely agree",
                "0.80 [0.70, 0.90]",
                "(median of 1,000 texts)",
            ],
        ),
        ({"low": 0.0}, ["the interval includes no fall at all"]),
        ({"low": 0.001}, ["words that the model relies on"]),
        (
            {"verdict": "unclear"},
            ["There are too few texts to tell whether the method is better than choosing words at random."],
        ),
        (
            {"low": None, "high": None, "n": 1, "verdict": "unclear"},
            ["On 1 text,", "fell by 34.5 percentage points; without random words,", "too few texts to tell"],
        ),
        ({"low": None, "high": None}, ["the interval includes no fall at all"]),
        ({"verdict": "", "random": None}, ["to 40). The run did not measure"]),
        ({"correlation": 0.7}, ["closely agree"]),
        ({"correlation": 0.69}, ["partly agree"]),
        ({"correlation": 0.35}, ["partly agree"]),
        ({"correlation": 0.34}, ["hardly agree"]),
        ({"correlation": 0.0}, ["hardly agree"]),
        ({"correlation": -0.01, "correlation_low": None}, ["do not agree", "correlation is −0.01, where"]),
        (
            {"more_faithful": ("a", "b"), "n": 1},
            ["On 1 text,", "In the same run, a and b found words that matter more."],
        ),
    ],
)
def test_the_faithfulness_in_words(changes, parts):
    said = " ".join(about_faithfulness(replace(MEASURED, **changes), "word", regression=False))
    for part in parts:
        assert part in said
    assert ("agree" in said) == (replace(MEASURED, **changes).correlation is not None)


def test_the_faithfulness_of_a_regression_and_without_a_correlation():
    said = about_faithfulness(replace(MEASURED, correlation=None), "token", regression=True)
    assert len(said) == 2
    assert "the output fell by 0.345 (95 % interval 0.3 to 0.4); without random tokens, by 0.1." in said[0]


@pytest.mark.parametrize(
    ("verdict", "said"),
    [("above", ""), ("level", "no better than"), ("below", "worse than"), ("unclear", ""), ("", "")],
)
def test_methods_near_chance_are_warned_of(verdict, said):
    warning = faithfulness_warning(replace(MEASURED, verdict=verdict), "word")
    assert said in warning
    assert bool(warning) == bool(said)


def tables(p=0.01, difference=0.02, low=0.01, high=0.3, n=30, chance=None, k=10, comparisons=True):
    rows = [(m, i, x * i, x * i - 0.01, x * i + 0.01, n) for m, x in (("loo", 0.03), ("random", 0.01)) for i in (0, k)]
    aopc = pd.DataFrame(rows, columns=["method", "k", "aopc", "ci_low", "ci_high", "n"])
    tests = [(k, "loo", "random", 0.2, low, high, p, p, n), (k, "best", "loo", difference, 0, 1, p, p, n)]
    correlation = pd.DataFrame(
        [("loo", "pearson", 0.5, 0.4, 0.25, 4, 1, 0.3, 0.7, 0.2, 0.6, 0.2)], columns=CORRELATION_COLUMNS
    )
    found = Tables(aopc, correlation, document_counts={"documents": n})
    if comparisons:
        found = replace(found, comparisons=pd.DataFrame(tests, columns=COLUMNS))
    if chance:
        band = pd.DataFrame([(k, 0.05, *chance)], columns=["k", "aopc", "low", "high"])
        found = replace(found, chance=band)
    return found


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        (tables(), "above"),
        (tables(p=0.5, low=-0.01, high=0.01), "level"),
        (tables(p=0.5, low=-0.01, high=0.01, n=29), "unclear"),
        (tables(p=0.5), "unclear"),
        (tables(comparisons=False), ""),
        (tables(comparisons=False, chance=(0.0, 0.28)), "above"),  # the interval is 0.29 to 0.31
        (tables(comparisons=False, chance=(0.0, 0.29)), "unclear"),
        (tables(comparisons=False, chance=(0.32, 0.4)), "below"),
        (tables(comparisons=False, chance=(0.31, 0.4)), "unclear"),
    ],
)
def test_the_verdict_on_a_method(given, verdict):
    assert faithfulness(given, "loo").verdict == verdict
    assert faithfulness(given, "random").verdict == "level"


def test_a_run_of_one_text_has_no_interval_and_no_verdict():
    one = tables(n=1, p=np.nan, low=np.nan, high=np.nan)
    found = faithfulness(replace(one, aopc=one.aopc.assign(ci_low=np.nan, ci_high=np.nan)), "loo")
    assert (found.low, found.high, found.verdict, found.more_faithful) == (None, None, "unclear", ())


def test_the_faithfulness_in_numbers():
    found = faithfulness(tables(), "loo")
    assert (found.n, found.k, found.random, found.random_low, found.correlation) == (30, 10, 0.1, None, None)
    assert (found.aopc, found.low, found.high) == pytest.approx((0.3, 0.29, 0.31))
    banded = faithfulness(tables(chance=(0.01, 0.09)), "loo")
    assert (banded.random, banded.random_low, banded.random_high) == (0.05, 0.01, 0.09)
    assert faithfulness(tables(k=4), "loo").k == 4


@pytest.mark.parametrize(
    ("p", "difference", "named"), [(0.05, 0.02, ("best",)), (0.0501, 0.02, ()), (0.05, 0.0199, ())]
)
def test_more_faithful_methods_differ_significantly_and_by_two_percent(p, difference, named):
    assert faithfulness(tables(p, difference), "loo").more_faithful == named
    assert faithfulness(tables(comparisons=False), "loo").more_faithful == ()


def test_the_accuracy_in_words():
    assert Share.of(0, 0) is None
    share = Share.of(900, 1200)
    assert (share.low, share.high) == pytest.approx((0.7247, 0.7736), abs=1e-4)
    (overall,) = about_accuracy(Accuracy(share, None), "pos")
    assert overall.endswith("on 900 of 1,200 texts: 75 % (95 % interval 72 to 77 %).")
    _, same = about_accuracy(Accuracy(share, Share.of(1, 2)), "pos")
    assert same == "Where it chose “pos”, it agrees on 1 of 2: 50 % (9 to 91 %)."
    assert "no labels" in about_accuracy(None, "pos")[0]
    assert about_label(None, None) == []
    assert about_label("a", True)[0].endswith("“a”: the model agrees.")
    assert about_label("a", False)[0].endswith("“a”: the model disagrees.")
