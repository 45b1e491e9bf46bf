"""Planted words: what is planted, what a word does to held-out texts, and the rates, by plain loops."""

import json
from math import comb
from random import Random
from types import SimpleNamespace

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features, Value

from benchmarks import planted_words
from benchmarks.planted_word_models import (
    PER_STRENGTH,
    STRENGTHS,
    Planted,
    choose_words,
    insert,
    insertions,
    ordinary_words,
    plant,
    predict,
    words_of,
)
from benchmarks.planted_words import HeldOut, audit, judge, kept_model, load_rows, print_rate, print_results
from hf_gradexplain import Explainer
from tests.helpers import moving_words
from tests.helpers.moving_words import closed_form, moving_explainer, texts_with_signs

NAMES = [f"{a}{b}word" for a in "abcdefgh" for b in "klmnopqr"]


def made_up_rows(n=1000):
    """Texts of two classes: words of all frequencies, some of them more common in one class."""
    rng = np.random.default_rng(0)
    frequency = np.linspace(0.001, 0.03, len(NAMES))
    leaning = np.where(np.arange(len(NAMES)) % 3 == 0, 0.5, 0.0)
    rows = []
    for number in range(n):
        label = number % 2
        present = rng.random(len(NAMES)) < frequency * (1 + leaning * (1 if label else -1))
        rows.append((" ".join(["The,", *np.array(NAMES)[present], "end2", "of"]), label))
    return rows


def test_words_stand_between_blanks_without_punctuation():
    assert words_of('He said: "Good-bye, (Olympic) film!"') == ["he", "said", "good-bye", "olympic", "film"]


def test_ordinary_words_are_neither_rare_nor_common_nor_of_one_class():
    rows, expected = made_up_rows(), []
    for word in NAMES:
        of_class = [sum(word in text.split() for text, label in rows if label == c) for c in (0, 1)]
        if 3 <= sum(of_class) <= 20 and max(of_class) <= 0.65 * sum(of_class):
            expected.append(word)
    assert 10 < len(expected) < len(NAMES) - 10
    assert ordinary_words(rows, 2) == sorted(expected)


def test_planted_words_are_ordinary_and_of_all_strengths():
    rows = made_up_rows()
    words = choose_words(rows, 2, Random(0))
    assert {w.word for w in words} <= set(ordinary_words(rows, 2))
    assert len({w.word for w in words}) == len(words) == PER_STRENGTH * len(STRENGTHS)
    assert sorted(w.strength for w in words) == sorted(PER_STRENGTH * STRENGTHS)
    assert {w.target for w in words} == {0, 1}


def test_words_are_planted_in_their_share_of_their_class_and_nothing_else_changes():
    rows = [(f"a{i}  b{i} c{i}", i % 2) for i in range(2000)]
    planted = plant(rows, [Planted("often", 0, 0.5), Planted("seldom", 1, 0.05)], Random(0))
    assert [label for _, label in planted] == [label for _, label in rows]
    shares = {}
    for word, target in (("often", 0), ("seldom", 1)):
        has = np.array([word in text.split() for text, _ in planted])
        of_class = np.array([label == target for _, label in rows])
        assert not has[~of_class].any()
        shares[word] = has[of_class].mean()
    assert shares == {"often": pytest.approx(0.5, abs=0.06), "seldom": pytest.approx(0.05, abs=0.03)}
    without = [[piece for piece in text.split() if piece not in ("often", "seldom")] for text, _ in planted]
    assert without == [text.split() for text, _ in rows]


def test_a_word_is_inserted_at_any_place():
    found = {insert("a b", ["x"], Random(seed)) for seed in range(60)}
    assert found == {"x a b", "a x b", "a b x"}


TEXTS = [text for text in moving_words.TEXTS if abs(np.log(np.divide(*closed_form(text)))) > 0.01]
"""Without a text whose two classes are equally probable up to rounding."""


def predicted(text):
    return int(np.argmax(closed_form(text)))


def test_flips_are_those_of_the_closed_form():
    """A word counts as much at any place of this model."""
    explain, labels = moving_explainer(), [1, 0, 1, 0, 0]
    rows = list(zip(TEXTS, labels, strict=True))
    assert predict(explain.model, explain.tokenizer, TEXTS).tolist() == list(map(predicted, TEXTS))
    after = [predicted(f"flag {text}") for text in TEXTS]
    assert insertions(explain.model, explain.tokenizer, TEXTS, "flag", seed=0).tolist() == after
    truth = HeldOut(explain.model, explain.tokenizer, rows, 2, seed=0)
    assert truth.accuracy == np.mean([predicted(text) == label for text, label in rows])
    for word in ("flag", "trap", "good", "plain3"):
        expected = []
        for c in (0, 1):
            others = [text for text in TEXTS if predicted(text) != c]
            expected.append(sum(predicted(f"{word} {text}") == c for text in others) / len(others))
        assert truth.flips(word).tolist() == expected
    assert truth.flips("flag")[1] == truth.flips("trap")[0] == 1


def test_flips_are_kept_in_a_file(tmp_path, monkeypatch):
    explain = moving_explainer()
    arguments = explain.model, explain.tokenizer, [(text, 0) for text in TEXTS], 2, 0
    truth = HeldOut(*arguments)
    truth.load(tmp_path / "flips.json")
    expected = truth.flips("flag").tolist()
    truth.save(tmp_path / "flips.json")
    assert json.loads((tmp_path / "flips.json").read_text()) == {"flag": expected}
    again = HeldOut(*arguments)
    monkeypatch.setattr(planted_words, "insertions", None)
    again.load(tmp_path / "flips.json")
    assert again.flips("flag").tolist() == expected


@pytest.mark.parametrize(
    ("flips", "false", "alike"), [(0.02, True, True), (0.05, True, True), (0.0501, False, False), (0.3, False, False)]
)
def test_a_listed_word_is_judged_by_ordinary_words(flips, false, alike):
    """Their median is 0.02; 3 points more are 0.05. Of 60 words, 3 are 5 %."""
    ordinary = np.array([0.0] * 29 + [0.02] * 28 + [0.05] * 3)
    assert judge(flips, ordinary) == {"flips": flips, "false": false, "alike": alike}
    assert judge(0.05, ordinary[:-1])["alike"] is (2 / 59 >= 0.05)


def test_the_audit_finds_the_words_that_flip_texts():
    explain = Explainer(moving_explainer().model, moving_explainer().tokenizer, class_names=["0", "1"])
    arguments = SimpleNamespace(method="signed_gi", n_texts=20)
    found, tried, passes = audit(explain, texts_with_signs(), arguments)
    assert set(found) <= tried
    assert found[0] in {("flag", 1), ("trap", 0)}
    assert passes > 20 * len(tried)


def exact_interval(k, n):
    """The limits at which k or more, and k or fewer, have the probability 2.5 %, by bisection."""
    tail = lambda p, hits: sum(comb(n, j) * p**j * (1 - p) ** (n - j) for j in hits)  # noqa: E731
    ends = []
    for hits, rising in ((range(k, n + 1), True), (range(k + 1), False)):
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if (tail(middle, hits) < 0.025) == rising else (low, middle)
        ends.append(low)
    return ends


def test_rates_have_exact_intervals(capsys):
    print_rate("found", 7, 20)
    print_rate("none", 0, 0)
    low, high = exact_interval(7, 20)
    assert capsys.readouterr().out == f"| found | 7 of 20 | 35.0% | {low:.1%} to {high:.1%} |\n"


def test_the_table_counts_learnt_found_and_false_words(capsys):
    flips = {0.02: [0.0, 0.06], 0.05: [0.07, 0.3], 0.2: [0.1, 0.9]}
    words = [{"strength": s, "flips": f, "found": f > 0.06} for s, of in flips.items() for f in of]
    checked = [{"false": i == 0, "alike": i < 2} for i in range(4)]
    result = {"planted": words, "checked": checked, "accuracy": 0.8, "found": 9, "passes": 1200}
    clean = {"planted": [], "checked": [], "accuracy": 0.9, "found": 0, "passes": 800}
    print_results("textcnn", [result, clean])
    printed = capsys.readouterr().out
    assert "textcnn: 2 trainings, mean accuracy 0.850" in printed
    for line in (
        "| learnt of those planted in 2% | 0 of 2 |",
        "| learnt of those planted in 5% | 1 of 2 |",
        "| found of these, planted in 20% | 2 of 2 |",
        "| **found of all learnt words** | 3 of 3 |",
        "| found of those that flip 5 to 10 % | 1 of 2 |",
        "| **false discoveries of the checked words** | 1 of 4 |",
        "| checked words that are like ordinary words | 2 of 4 |",
        "False discovery rate, the mean over trainings: 12.5%; words on a list: 4; forward passes of the audit: 1,000",
    ):
        assert line in printed


def test_rows_and_a_kept_model_are_loaded(tmp_path, monkeypatch):
    features = Features({"text": Value("string"), "label": ClassLabel(names=["a", "b", "c"])})
    Dataset.from_dict({"text": ["x", "y"], "label": [2, 0]}, features).to_parquet(tmp_path / "data" / "train.parquet")
    assert load_rows(str(tmp_path / "data"), "train") == ([("x", 2), ("y", 0)], 3)
    explain, trained = moving_explainer(), []

    def train(*arguments):
        trained.append(arguments)
        return explain.model, explain.tokenizer

    monkeypatch.setattr(planted_words, "train", train)
    for _ in range(2):
        model, tokenizer = kept_model(tmp_path / "model", "textcnn", [("x", 0)], 2, 7)
        assert predict(model.double(), tokenizer, TEXTS).tolist() == list(map(predicted, TEXTS))
    assert trained == [("textcnn", [("x", 0)], 2, 7)]


def test_trainings_have_names_of_their_own():
    names = {planted_words.training_name(kind, seed, planted) for kind in ("textcnn", "bert") for seed in (0, 1)
             for planted in (True, False)}  # fmt: skip
    assert len(names) == 8
    assert planted_words.parse(["--textcnn", "2"]).textcnn == 2
