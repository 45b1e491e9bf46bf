"""Suspicious words of a model whose weights are set by hand, and of documents that cannot have any."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from scipy.stats import binomtest, false_discovery_control

from hf_gradexplain.audit.suspicious import find
from hf_gradexplain.audit.suspicious.candidates import (
    WordFrequencies,
    count_frequencies,
    find_candidates,
    frequency_class,
)
from hf_gradexplain.audit.suspicious.find import _check_model, _verdicts, find_suspicious_words
from hf_gradexplain.audit.suspicious.insertion_places import Place, draw_places
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.options import Options
from hf_gradexplain.options.words import InsertionTest
from tests.helpers.moving_words import NEUTRAL, closed_form, moving_explainer, texts_with_signs
from tests.helpers.tiny import explainer as tiny_explainer
from tests.helpers.word_documents import make_document, write

CONTROLS = 12


@pytest.fixture(scope="module")
def result():
    return moving_explainer().evaluate(texts_with_signs(), methods="signed_gi", unit="word_type", progress=False)


@pytest.fixture(scope="module")
def suspicious(result):
    return moving_explainer().suspicious_words(result, n_texts=30, n_controls=CONTROLS)


def test_words_that_move_texts_are_found_and_neutral_words_are_not(suspicious):
    found = {(row["class"], row["word"]) for row in suspicious.found.to_dict("records")}
    assert found == {("yes", "flag"), ("no", "trap")}
    assert len(suspicious) == 2
    assert not {*suspicious.to_frame()["word"]} & {*NEUTRAL}


def test_each_number_is_that_of_the_closed_form(result, suspicious):
    texts, table = texts_with_signs(), suspicious.to_frame()
    predictions = np.array([closed_form(text) for text in texts]).argmax(1)
    places = draw_places(result.documents, [0, 1], 30, seed=0)
    assert {*table["word"]} >= {"flag", "trap", "good", "bad"}
    frequencies = count_frequencies(result.documents, "signed_gi", None)
    for row in table.to_dict("records"):
        target = ["no", "yes"].index(row["class"])
        of_class = [row["word"] in text.split() for text, c in zip(texts, predictions, strict=True) if c == target]
        has = [row["word"] in text.split() for text in texts]
        assert (row["n"], row["n_all"]) == (sum(of_class), sum(has))
        base = np.mean(predictions == target)
        assert row["concentration"] == pytest.approx(sum(of_class) / sum(has))
        assert row["lift"] == pytest.approx(sum(of_class) / sum(has) / base)
        expected = binomtest(sum(of_class), sum(has), base, alternative="greater").pvalue
        assert row["p_concentrated"] == pytest.approx(expected)
        pairs = [(closed_form(p.insert(row["word"])), closed_form(p.insert())) for p in places[target]]
        flips = [after[target] > 0.5 for after, before in pairs if before[target] <= 0.5]
        assert row["n_texts"] == len(flips) == 30
        assert row["flips"] == pytest.approx(np.mean(flips))
        assert row["rise"] == pytest.approx(np.mean([after[target] - before[target] for after, before in pairs]))
        assert row["rise_ci_low"] <= row["rise"] <= row["rise_ci_high"]
        wilson = binomtest(sum(flips), 30).proportion_ci(method="wilson")
        assert (row["flips_ci_low"], row["flips_ci_high"]) == pytest.approx(tuple(wilson))
        assert row["control_flips"] == 0  # neutral words, which only shrink the log-odds
        drawn = frequencies.controls(frequency_class(np.array([sum(has)])).item(), 3, CONTROLS, 0)
        others = CONTROLS - (row["word"] in [frequencies.words[i] for i in drawn])
        tail = binomtest(sum(flips), 30, 0.5 / 30 + 0.03, alternative="greater").pvalue
        assert row["p_flips"] == pytest.approx((1 - 2**-others) * tail + 2**-others)
        assert row["p_decides"] <= 0.05
        assert row["lift"] > 1
    np.testing.assert_allclose(table["p_adjusted"], false_discovery_control(table["p_flips"]))
    assert table["suspicious"].tolist() == (table["p_adjusted"] <= 0.05).tolist()
    ordered = table.sort_values(["suspicious", "flips", "rise"], ascending=False)
    assert ordered.index.tolist() == table.index.tolist()


def test_ordinary_words_are_the_median_of_the_control_words(result):
    """All words are control words; a few of them flip many texts, most of them none."""
    explainer, n_words = moving_explainer(), len({word for text in texts_with_signs() for word in text.split()})
    suspicious = explainer.suspicious_words(result, n_texts=30, n_controls=1000)
    assert suspicious.passes == 2 * 30 * (1 + n_words)
    places = draw_places(result.documents, [0, 1], 30, seed=0)
    flag = [closed_form(p.insert("flag"))[1] > 0.5 >= closed_form(p.insert())[1] for p in places[1]]
    assert np.mean(flag) > 0.5
    assert suspicious.to_frame()["control_flips"].tolist() == [0] * len(suspicious.to_frame())


def test_a_word_is_no_control_word_of_its_own():
    """The control words are `flag` and `trap`: no other word is in 40 texts."""
    signs = [["good", "fine"], ["bad", "poor"]]
    texts = [
        " ".join([*NEUTRAL[i % 30 : i % 30 + 7], *2 * [signs[i % 2][i % 4 // 2]], ["flag", "trap"][i % 2]])
        for i in range(120)
    ]
    result = moving_explainer().evaluate(texts, methods="signed_gi", unit="word_type", progress=False)
    table = moving_explainer().suspicious_words(result, n_texts=30, min_documents=40).to_frame()
    assert table["word"].tolist() == ["flag", "trap"]
    assert (table["flips"] == [1, 0]).all()
    assert table["control_flips"].tolist() == [0, 0]


def test_a_word_below_the_margin_is_not_suspicious(result, suspicious):
    flips = suspicious.to_frame().set_index(["class", "word"])["flips"]
    strong, weak = flips["yes", "flag"], flips["no", "trap"]
    assert strong > weak + 0.2
    found = moving_explainer().suspicious_words(result, n_texts=30, n_controls=CONTROLS, margin=weak - 0.02).found
    assert found["word"].tolist() == ["flag"]


def test_the_interval_of_a_rise_ends_at_the_largest_rise(result):
    """With two texts, the interval without limits would go beyond 1."""
    table = moving_explainer().suspicious_words(result, n_texts=2).to_frame().set_index("word")
    assert table.loc["trap", ["rise_ci_low", "rise_ci_high"]].tolist() == [-1, 1]
    assert table.loc["flag", "rise_ci_high"] < 1


def test_passes_are_counted(suspicious, result):
    n_words = len(suspicious.to_frame())
    of_class = suspicious.to_frame()["class"].nunique()
    assert suspicious.passes >= 30 * of_class * (1 + CONTROLS)
    assert suspicious.passes <= 30 * (n_words + of_class * (1 + 3 * CONTROLS))


def test_what_is_shown(suspicious):
    shown = repr(suspicious)
    assert shown.splitlines()[0].startswith("Suspicious words of FastText")
    assert "flag: flips 100% to yes (ordinary words 0.0%)" in shown
    assert f"{suspicious.passes:,} forward passes" in shown
    html = suspicious._repr_html_()
    assert "flag" in html
    assert "Judge yourself which of these words should change a prediction." in html


def test_without_a_word_that_decides_there_is_nothing_to_show(result):
    nothing = moving_explainer().suspicious_words(result, min_documents=1000)
    assert len(nothing) == 0
    assert nothing.passes == 0
    assert "By signed_gi, no word decides a class of the 120 texts" in repr(nothing)
    assert "no word decides a class" in nothing._repr_html_()


def test_without_a_text_of_another_class_no_word_is_tried(result, monkeypatch):
    monkeypatch.setattr(find, "draw_places", lambda paths, targets, *given: dict.fromkeys(targets, ()))
    found = moving_explainer().suspicious_words(result, n_texts=30)
    assert (len(found.to_frame()), len(found), found.passes) == (0, 0, 0)
    assert found.n_candidates > 0
    assert found.sentences[0].startswith(f"0 of 0 words that were tried, of {found.n_candidates} candidates,")


def test_words_with_different_case_are_one_where_the_model_reads_them_alike():
    texts = [text.replace("flag", "Flag") if i % 4 else text for i, text in enumerate(texts_with_signs())]
    result = moving_explainer().evaluate(texts, methods="signed_gi", unit="word", progress=False)
    found = moving_explainer().suspicious_words(result, n_texts=10).found
    assert set(found["word"]) == {"flag", "trap"}


def test_control_words_are_of_the_nearest_frequency():
    words = [f"w{i}" for i in range(12)]
    counts = csr_array([[1] * 4 + [9] * 4 + [70] * 4])
    frequencies = WordFrequencies(words, counts, np.array([100]))
    drawn = [frequencies.controls(1, 1, 3, seed) for seed in range(30)]
    assert {*np.concatenate(drawn)} == {4, 5, 6, 7}
    assert {*frequencies.controls(1, 1, 6, 0)} > {4, 5, 6, 7}
    assert {*frequencies.controls(0, 2, 6, 0)} > {4, 5, 6, 7}
    assert not {*frequencies.controls(0, 2, 20, 0)} & {0, 1, 2, 3}
    assert frequency_class(np.array([1, 7, 8, 63, 64, 511, 512])).tolist() == [0, 0, 1, 1, 2, 2, 3]


def test_a_word_that_decides_but_is_more_frequent_elsewhere_is_no_candidate(tmp_path):
    decides = [("both", 0, 5.0)] * 6 + [("both", 1, 5.0)] * 12 + [("first", 0, 5.0)] * 6
    documents = [
        make_document(number, [word, "x", "y", "z"], {"loo": [score, 0.3, 0.2, 0.1]}, target=target)
        for number, (word, target, score) in enumerate(decides)
    ]
    paths = write(documents, tmp_path)
    candidates = find_candidates(paths, "loo", None, count_frequencies(paths, "loo", None), 3, 0)
    assert {*zip(candidates["target"], candidates["word"], strict=True)} == {(0, "first"), (1, "both")}


def of(unit="word_type", *, regression=False):
    document = make_document(0, ["a", "b"], {"loo": [1.0, 2.0]})
    return replace(document, explanation=replace(document.explanation, unit=unit, regression=regression))


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            of("sentence"),
            "suspicious words need a run with unit='word' or 'word_type', but this one has unit='sentence': evaluate "
            "again with one of these",
        ),
        (of(regression=True), "suspicious words change the predicted class, but a regression model has none"),
    ],
)
def test_documents_without_words_or_classes_are_refused(tmp_path, document, message):
    with pytest.raises(GradexplainError, match=f"^{re.escape(message)}$"):
        find_suspicious_words(moving_explainer(), write([document], tmp_path), Options())


def test_documents_of_another_model_are_refused(result):
    with pytest.raises(
        GradexplainError,
        match=r"^the documents are not those of this model, which predicts another class for \d+ of \d+ texts: use the "
        "model of the run, with the run's options for reading texts$",
    ):
        tiny_explainer("fasttext").suspicious_words(result)


def test_another_class_is_predicted_for_at_most_five_percent_of_the_texts():
    places = [Place(number, 1, ("a",), (), 0, 0) for number in range(40)]
    _check_model(np.array([0] * 2 + [1] * 38), places)
    with pytest.raises(GradexplainError, match="predicts another class for 3 of 40 texts"):
        _check_model(np.array([0] * 3 + [1] * 37), places)


def test_an_adjusted_p_value_of_the_level_is_suspicious():
    table = pd.DataFrame({"target": [1, 0], "code": [5, 6], "p_flips": [0.04, 0.04], "flips": [0.1, 0.2], "rise": 0.0})
    assert _verdicts(table, ["no", "yes"], 0.04)[["class", "suspicious"]].to_numpy().tolist() == [
        ["no", True],
        ["yes", True],
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_texts": 0}, "n_texts must be 1 or more, but is 0"),
        (
            {"n_controls": 9},
            "n_controls must be 10 or more, but is 9: with fewer control words, p-values cannot be small",
        ),
        ({"level": 1.0}, "level must be a false discovery rate between 0 and 1, but is 1.0"),
        ({"margin": 1.0}, "margin must be a share of texts, 0 or more and below 1, but is 1.0"),
        ({"margin": -0.1}, "margin must be a share of texts, 0 or more and below 1, but is -0.1"),
    ],
)
def test_values_out_of_range_are_refused(arguments, message):
    with pytest.raises(GradexplainError, match=f"^{message}$"):
        InsertionTest(**arguments)


def test_a_method_that_the_run_does_not_have_is_refused(result):
    with pytest.raises(GradexplainError, match="unknown method 'loo'"):
        moving_explainer().suspicious_words(result, "loo")
