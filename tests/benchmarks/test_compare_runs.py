"""The words of a comparison, the runs that are compared with each other, and the rates, by plain loops."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from datasets import Dataset

from benchmarks import compare_runs
from benchmarks.compare_runs import draw, finished, flips, insertion_file, ordinary_words, outcome, plant, rate
from tests.benchmarks.test_planted_words import TEXTS, exact_interval, predicted
from tests.helpers.moving_words import moving_explainer

NAMES = [f"{a}{b}word" for a in "abcdefgh" for b in "klmnopqr"]


def test_ordinary_words_are_in_2_to_6_percent_of_the_texts_and_of_no_single_class():
    rng, labels = np.random.default_rng(0), [i % 4 for i in range(500)]
    frequency, leaning = np.linspace(0.005, 0.1, len(NAMES)), np.arange(len(NAMES)) % 2 * 3
    texts = []
    for label in labels:
        present = rng.random(len(NAMES)) < frequency * np.where(label == 0, 1 + leaning, 1 - leaning / 3)
        texts.append(" ".join(["The", "two2", "one", *np.array(NAMES)[present]]).title())
    expected = []
    for word in NAMES:
        of_class = [0] * 4
        for text, label in zip(texts, labels, strict=True):
            of_class[label] += word in text.lower().split()
        if 10 <= sum(of_class) <= 30 and max(of_class) * 2 <= sum(of_class) and word != "cmword":
            expected.append(word)
    assert 5 < len(expected) < len(NAMES) - 10
    assert ordinary_words(texts, labels, {"cmword"}) == sorted(expected)
    assert "cmword" in ordinary_words(texts, labels, set())


def test_a_word_is_planted_in_a_share_of_one_class_and_nothing_else_changes():
    rows = Dataset.from_dict({"id": range(900), "text": [f"a{i} b{i}" for i in range(900)], "label": [0, 1, 2] * 300})
    planted = plant(rows, "new", 2, 0.3, seed=1)
    assert planted["label"][:] == rows["label"][:]
    assert planted["id"][:] == rows["id"][:]
    texts = [text.split(" ") for text in planted["text"]]
    has = ["new" in words for words in texts]
    assert {label for label, one in zip(rows["label"], has, strict=True) if one} == {2}
    assert sum(has) / 300 == pytest.approx(0.3, abs=0.08)
    assert {words.index("new") for words in texts if "new" in words} == {0, 1, 2}
    assert [" ".join(word for word in words if word != "new") for words in texts] == rows["text"][:]
    assert plant(rows, "new", 2, 0.3, seed=1)["text"][:] == planted["text"][:]
    assert plant(rows, "new", 2, 0.3, seed=2)["text"][:] != planted["text"][:]


@pytest.mark.parametrize(("word", "label"), [("flag", 1), ("flag", 0), ("good", 1), ("trap", 0)])
def test_flips_are_those_of_the_closed_form(word, label):
    explain = moving_explainer()
    others = [text for text in TEXTS if predicted(text) != label]
    expected = sum(predicted(f"{text} {word}") == label for text in others) / len(others)
    assert flips(explain.model, explain.tokenizer, TEXTS, word, label) == expected


def made_up(folder, name, results=True, **insertion):
    run = folder / name
    run.mkdir(parents=True)
    if results:
        (run / "results.json").write_text("{}")
    insertion_file(run).parent.mkdir(exist_ok=True)
    insertion_file(run).write_text(json.dumps(insertion))
    return run


def test_finished_runs_are_listed_in_order_from_a_number_on(tmp_path):
    clean = [made_up(tmp_path, f"clean-{i:03}", results=i != 2) for i in (4, 0, 2, 1)]
    planted = [made_up(tmp_path, f"planted-{share}-{i:02}-1-word") for share in (0.2, 0.5) for i in (1, 0)]
    assert finished(tmp_path, "clean-*", 0) == [clean[1], clean[3], clean[0]]
    assert finished(tmp_path, "clean-*", 1) == [clean[3], clean[0]]
    assert finished(tmp_path, "planted-0.2-*", 0) == [planted[1], planted[0]]
    assert finished(tmp_path, "planted-0.5-*", 1) == [planted[2]]


def test_rates_have_exact_intervals():
    low, high = exact_interval(3, 10)
    assert rate(pd.Series([True] * 3 + [False] * 7)) == f"3 of 10 = 0.30 [{low:.2f}, {high:.2f}]"
    assert rate(pd.Series([], dtype=bool)) == "0 of 0"


def test_a_run_is_compared_with_other_runs_than_itself():
    clean = [f"run{i}" for i in range(6)]
    drawn = [draw(clean, "run2", seed) for seed in range(100)]
    assert all(len(set(runs)) == 4 and "run2" not in runs for runs in drawn)
    assert {run for runs in drawn for run in runs} == set(clean) - {"run2"}
    assert len(set(map(tuple, drawn))) > 50
    assert draw(clean, "run2", 7) == drawn[7]


def test_an_outcome_is_what_the_comparison_says(tmp_path, monkeypatch):
    b = made_up(tmp_path, "planted-0.2-00-1-mayor", word="mayor", label=1, flips=0.1)
    words = pd.DataFrame({"word": ["mayor", "mayor", "city"], "n": [4, 3, 50]})
    asked = []

    def compare(a, b, references, method):
        asked.append((a, b, references, method))
        return SimpleNamespace(moved=pd.DataFrame({"word": ["mayor", "club", "club"]}), words=words, changed=None)

    monkeypatch.setattr(compare_runs, "compare_runs", compare)
    found = outcome(b, ["a", "r1", "r2", "r3"], "loo")
    assert asked == [("a", b, ["r1", "r2", "r3"], "loo")]
    assert found == {
        "word": "mayor", "label": 1, "flips": 0.1, "texts": 7, "learnt": True, "found": True, "others": 1,
        "alarm": True, "drift": False, "moved": "club mayor",
    }  # fmt: skip


def test_comparisons_of_clean_runs_are_with_others_and_fives_share_none(monkeypatch, capsys):
    clean, asked = [f"clean-{i}" for i in range(12)], []

    def outcome(b, others, method):
        asked.append([*others, b])
        return {"alarm": b == "clean-4", "drift": False, "moved": b if b == "clean-4" else ""}

    monkeypatch.setattr(compare_runs, "outcome", outcome)
    compare_runs.print_false_alarms(clean, "loo", draws=2)
    each, fives = asked[:24], asked[24:]
    assert [runs[-1] for runs in each] == 2 * clean
    assert all(len(set(runs)) == 5 for runs in asked)
    assert fives == [clean[:5], clean[5:10]]
    printed = capsys.readouterr().out
    assert "each clean run: alarm 2 of 24 = 0.08 [" in printed
    assert "fives that share no run: alarm 1 of 2 = 0.50 [" in printed


def test_power_is_counted_among_the_learnt_words(tmp_path, monkeypatch, capsys):
    clean = [made_up(tmp_path, f"clean-{i:03}", word=f"word{i}", label=0, flips=0.01 * i) for i in range(5)]
    planted = [made_up(tmp_path, f"planted-0.2-{i:02}-0-word{i}") for i in range(4)]

    def outcome(b, others, method):
        i = planted.index(b)
        assert set(others) <= set(clean)
        return {"word": f"word{i}", "texts": i, "flips": 0.2, "learnt": i > 0, "found": i > 1, "drift": True,
                "others": i, "moved": ""}  # fmt: skip

    monkeypatch.setattr(compare_runs, "outcome", outcome)
    compare_runs.print_power(clean, planted, 0.2, "loo")
    printed = capsys.readouterr().out
    assert "found 2 of 4 = 0.50 [" in printed
    assert "of the learnt 2 of 3 = 0.67 [" in printed
    assert "drift 4 of 4 = 1.00 [" in printed
    assert f"other words: {sum(range(4)) / 4:.2f}" in printed
    rows = {line.split()[0]: line.split() for line in printed.splitlines() if line.strip().startswith("word")}
    assert math.isclose(float(rows["word3"][3]), 0.03)
