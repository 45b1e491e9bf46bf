"""Tests of the recommendation of a method, measured on a few texts."""

import json
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest
from datasets import Dataset

from hf_gradexplain.cli import main
from hf_gradexplain.commands import recommend
from hf_gradexplain.commands.recommend import (
    METHODS_TO_COMPARE,
    _recommendation,
    load_sample,
    methods_to_compare,
    recommend_method,
)
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.tables import Tables
from hf_gradexplain.options.arguments import SplitArguments
from hf_gradexplain.viz.tables import join_words
from tests.helpers.tiny import explainer, make


def tables(aopc, p, error=0.0):
    """Tables of methods with these AOPCs: `p(a, b)` is the p-value of a pair, `error` half the interval's width."""
    names = list(aopc)
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    pairs = [(a, b) if aopc[a] >= aopc[b] else (b, a) for a, b in pairs]
    rows = [(10, a, b, aopc[a] - aopc[b], -error, error, p(a, b), 1.0, 50) for a, b in pairs]
    columns = ["k", "method", "other", "difference", "ci_low", "ci_high", "p", "p_adjusted", "n"]
    curve = [(name, 10, value, value - 0.1, value + 0.1, 50) for name, value in aopc.items()]
    frame = pd.DataFrame(curve, columns=["method", "k", "aopc", "ci_low", "ci_high", "n"])
    return Tables(frame, pd.DataFrame(), comparisons=pd.DataFrame(rows, columns=columns))


def test_the_automatic_method_is_recommended_unless_another_one_is_significantly_better():
    level = tables({"loo": 0.3, "attn_lrp": 0.29, "random": 0.0}, lambda a, b: 0.001 if b == "random" else 0.5)
    assert _recommendation(level, "attn_lrp").method == "attn_lrp"
    better = tables({"loo": 0.3, "attn_lrp": 0.2, "random": 0.0}, lambda a, b: 0.001)
    result = _recommendation(better, "attn_lrp")
    assert result.method == "loo"
    assert result.sentence == "use loo: on these 50 texts no method is significantly more faithful"


def test_the_best_one_pass_method_follows_the_automatic_one():
    p = tables(
        {"loo": 0.3, "cp_lrp": 0.29, "attn_lrp": 0.1, "random": 0.0}, lambda a, b: 0.6 if b == "cp_lrp" else 1e-4
    )
    assert _recommendation(p, "attn_lrp").method == "cp_lrp"


def test_methods_no_better_than_random_are_named():
    result = _recommendation(
        tables({"attn_lrp": 0.3, "signed_gi": 0.02, "random": 0.01}, lambda a, b: 0.3 if a == "signed_gi" else 1e-4),
        "attn_lrp",
    )
    assert result.sentence == (
        "use attn_lrp: on these 50 texts no method is significantly more faithful, and it costs one backward pass; do "
        "not trust signed_gi, no better than a random order here"
    )
    assert list(result.table["vs_random"]) == ["above", "level", ""]


def test_nothing_is_recommended_if_no_method_beats_random():
    result = _recommendation(tables({"attn_lrp": 0.02, "random": 0.01}, lambda a, b: 0.4), "attn_lrp")
    assert result.method is None
    assert "trust no explanation" in result.sentence


def test_too_few_texts_are_no_reason_to_distrust_a_method():
    few = tables({"attn_lrp": 0.3, "loo": 0.2, "random": 0.01}, lambda a, b: 0.4, error=0.3)
    result = _recommendation(few, "attn_lrp")
    assert result.method is None
    assert list(result.table["vs_random"]) == ["unclear", "unclear", ""]
    assert result.sentence == (
        "50 texts are too few to tell attn_lrp and loo from a random order: measure on more texts"
    )
    mixed = tables({"attn_lrp": 0.3, "loo": 0.2, "random": 0.01}, lambda a, b: 1e-4 if a == "attn_lrp" else 0.4, 0.3)
    assert _recommendation(mixed, "attn_lrp").sentence.endswith("too few to tell loo from a random order")


def test_texts_of_one_word_are_no_reason_to_measure_more():
    made = tables({"attn_lrp": 0.3, "random": 0.3}, lambda a, b: 1.0)
    one = _recommendation(replace(made, document_counts={"documents": 50, "longest": 1}), "attn_lrp")
    assert one.method is None
    assert one.sentence == "None of the 50 texts has more than one unit, so there is nothing to compare."
    assert list(one.table["method"]) == ["attn_lrp", "random"]
    none = _recommendation(replace(made, aopc=made.aopc.assign(k=0)), "attn_lrp")
    assert none.sentence == "No unit was removed, so there is nothing to compare: choose a max_k of 1 or more."
    two = _recommendation(replace(made, document_counts={"documents": 50, "longest": 2}), "attn_lrp")
    assert "trust no explanation" in two.sentence


def test_a_method_below_random_on_few_texts_is_not_distrusted():
    made = tables({"random": 0.3, "loo": 0.1}, lambda a, b: 1e-4)
    assert _recommendation(made, "loo").sentence.startswith("no method finds words better")
    few = replace(made, comparisons=made.comparisons.assign(n=29), aopc=made.aopc.assign(n=29))
    assert _recommendation(few, "loo").sentence.startswith("29 texts are too few to tell loo from a random order")


def test_one_text_is_too_few():
    one = recommend_method(explainer("textcnn"), read_texts(["good film , not bad"]), seed=0)
    assert one.method is None
    methods = join_words(name for name in one.table["method"] if name != "random")
    assert one.sentence == f"1 text is too few to tell {methods} from a random order: measure on more texts"
    rows = one.to_dict()["methods"]
    assert len(rows) == len(one.table) > 1
    assert all((row["ci_low"], row["ci_high"]) == (None, None) for row in rows)
    assert all(isinstance(row["aopc"], float) for row in rows)


def test_correction_counts_only_the_tests_against_one_method():
    """Of p = 0.02 in three tests against random the smallest is 0.06 after correction, of two it is 0.04."""
    three = tables({"a": 0.3, "b": 0.2, "c": 0.1, "random": 0.0}, lambda a, b: 0.02)
    assert _recommendation(three, "a").method is None
    two = tables({"a": 0.3, "b": 0.2, "random": 0.0}, lambda a, b: 0.02)
    assert _recommendation(two, "a").method == "a"


def test_a_model_is_measured_from_scores_to_recommendation(monkeypatch):
    texts, bars = read_texts(["good film , not bad", "a bad film", "the good cast and the bad plot", "bad"]), []
    monkeypatch.setattr(recommend, "progress_bar", lambda *given: bars.append(given) or nullcontext())
    result = recommend_method(explainer("bert"), texts, seed=0)
    assert bars == []
    assert set(result.table["method"]) == {
        "random", "loo", "signed_gi", "gi_detached", "cp_lrp", "attn_lrp", "integrated_gradients",
    }  # fmt: skip
    assert (result.table["ci_low"] <= result.table["aopc"]).all()
    assert json.loads(json.dumps(result.to_dict())) == result.to_dict()


def test_the_bar_counts_texts(monkeypatch):
    bars = []
    monkeypatch.setattr(recommend, "progress_bar", lambda *given: bars.append(given) or nullcontext())
    recommend_method(explainer("fasttext"), read_texts(["good film", "bad"]), seed=0, progress=True)
    ((done, work, earlier),) = bars
    assert (work.shards, work.documents, earlier) == (1, 2, 0)
    assert (done().documents, done().cost) == (2, work.cost)


@pytest.mark.parametrize(
    ("reason", "propagation", "names"),
    [
        (None, None, ("random", "loo", "signed_gi", "integrated_gradients")),
        (None, SimpleNamespace(refusal="no"), ("random", "loo", "signed_gi", "integrated_gradients")),
        (None, SimpleNamespace(refusal=""), METHODS_TO_COMPARE),
        ("no gradients", None, ("random", "loo")),
    ],
)
def test_the_methods_are_those_that_the_model_allows(reason, propagation, names):
    profile = SimpleNamespace(no_gradient_reason=reason, propagation=propagation)
    assert methods_to_compare(profile) == names


def test_a_model_is_measured_by_the_given_problem_type():
    texts = read_texts(["good film , not bad", "a bad film", "the good cast and the bad plot", "bad"])
    given = recommend_method(explainer("fasttext"), texts, seed=0, problem_type="multi_label_classification").table
    configured = recommend_method(explainer("fasttext", "multi_label_classification"), texts, seed=0).table
    pd.testing.assert_frame_equal(given, configured)
    assert not given.equals(recommend_method(explainer("fasttext"), texts, seed=0).table)


def read_texts(lines):
    return Dataset.from_dict({"id": range(len(lines)), "text": lines})


def test_the_texts_of_a_file(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("one\n\n  two \nthree\n", encoding="utf-8")
    assert load_sample(SplitArguments(file=str(path)), seed=0)["text"][:] == ["one", "  two ", "three"]
    assert len(load_sample(SplitArguments(file=str(path), max_samples=2), seed=0)) == 2
    assert load_sample(SplitArguments(), seed=0) is None


def test_texts_may_be_conversations(tmp_path):
    chats = [[{"role": "user", "content": "a good film ?"}, {"role": "assistant", "content": word}] for word in "ab"]
    Dataset.from_dict({"text": chats}).to_parquet(str(tmp_path / "chats.parquet"))
    loaded = load_sample(SplitArguments(file=str(tmp_path / "chats.parquet")), seed=0)
    assert [[message["content"] for message in chat] for chat in loaded["text"]] == [
        ["a good film ?", "a"],
        ["a good film ?", "b"],
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\n \n", "there are no rows in split 'test'"),
        (b"", "is empty: give one with at least one text"),
        (b"\xff\xfe\x00bad", "save its files in UTF-8"),
    ],
)
def test_a_file_without_texts_is_an_error(tmp_path, content, message):
    path = tmp_path / "texts.txt"
    path.write_bytes(content)
    with pytest.raises(GradexplainError, match=message):
        load_sample(SplitArguments(file=str(path)), seed=0)


def test_the_command_line_prints_table_and_sentence(tmp_path, capsys):
    model, tokenizer = make("textcnn")
    model.float().save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    file = tmp_path / "texts.txt"
    file.write_text("a good film\na bad film\nthe film is not good\n", encoding="utf-8")
    assert main(["doctor", str(tmp_path / "model"), "--file", str(file)]) == 0
    printed = capsys.readouterr().out
    assert "How faithful each method is on this model" in printed
    assert main(["doctor", str(tmp_path / "model"), "--file", str(file), "--format", "json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert {"method", "sentence", "methods"} == record["recommendation"].keys()
