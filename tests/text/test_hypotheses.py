"""Candidate labels and hypotheses, and the texts that are read together with them."""

import pytest

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.text.data import NO_UNIT
from hf_gradexplain.text.encode import Encoder
from hf_gradexplain.text.hypotheses import HypothesisEncoder, hypothesis, parse_labels
from tests.helpers.nli import make_nli
from tests.helpers.tokenizers_of_all_kinds import KINDS, tokenizer_of


def encoded(text, labels, template, *, unit="word", limit=None, kind="xlm-r"):
    """The document, and the unit of each token of each sequence, as texts."""
    tokenizer = make_nli(kind)[1]
    document = HypothesisEncoder(tokenizer, limit, unit).hypotheses(text, labels, template)
    tokens = tokenizer.convert_ids_to_tokens(document.inputs["input_ids"])
    names = [None if u == NO_UNIT else document.units[u].text for u in document.unit_of]
    return document, [list(zip(tokens[part], names[part], strict=True)) for part in document.sequences]


@pytest.mark.parametrize(
    ("template", "label", "expected"),
    [
        ("This example is {}.", "good", ("This example is good.", [16])),
        ("{}", "good", ("good", [0])),
        ("{0}: {{{0}}}", "good", ("good: {good}", [0, 7])),
        ("a {!s} good", "good", ("a good good", [2])),
        ("{:>6}{0!r}"[:5] + "|{{}}", "good", ("  good|{}", [2])),
        ("{0!r} it", "good", ("'good' it", [1])),
        ("{}.", "a {b}", ("a {b}.", [0])),
    ],
)
def test_a_hypothesis_is_formatted_by_str_format(template, label, expected):
    assert hypothesis(template, label) == expected
    assert expected[0] == template.format(label)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("good", "hypothesis_template must have {} where the label goes, as in 'This example is {}.', but is 'good'"),
        ("{} and {}", "hypothesis_template cannot be formatted with one label (IndexError: "),
        ("{label}", "hypothesis_template cannot be formatted with one label (KeyError: 'label'): give {} where"),
        ("{", "hypothesis_template cannot be formatted with one label (ValueError: "),
        ("{:.2}", "hypothesis_template must not change the label, but '{:.2}' makes 'go'"),
        (7, "hypothesis_template must be a str, not int"),
    ],
)
def test_a_template_that_does_not_fit_is_refused(template, message):
    with pytest.raises(GradexplainError) as error:
        hypothesis(template, "good")
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "candidate_labels must have at least one label, but there are none"),
        (" , ", "candidate_labels must have at least one label, but there are none"),
        (["good", " "], "each of candidate_labels must be a str that is not blank, not ' '"),
        ([2023], "each of candidate_labels must be a str that is not blank, not 2023"),
        ("good, bad, good", "candidate_labels must differ, but 'good' is given twice: give it once"),
        (7, "candidate_labels must be a list of str, or one str with commas, not int"),
    ],
)
def test_labels_that_cannot_be_told_apart_are_refused(given, message):
    with pytest.raises(GradexplainError) as error:
        parse_labels(given)
    assert str(error.value) == message


def test_labels_are_parsed_as_the_pipeline_does():
    assert parse_labels(" a bad film,, good ") == ("a bad film", "good")
    assert parse_labels((" good", "a, b")) == (" good", "a, b")


def test_words_of_the_template_are_no_units():
    document, (first, second) = encoded("good , bad", ["bad", "not a"], "the film is {}.")
    assert document.text == "good , bad\nbad\nnot a"
    read = [("<s>", None), ("▁good", "good"), ("▁,", ","), ("▁bad", "bad"), ("</s>", None), ("</s>", None)]
    template = [("▁the", None), ("▁film", None), ("▁is", None)]
    assert first == [*read, *template, ("▁bad.", "bad"), ("</s>", None)]
    assert second == [*read, *template, ("▁not", "not"), ("▁a", "a"), (".", None), ("</s>", None)]
    assert [unit.spans for unit in document.units] == [
        ((a, b),) for a, b in ((0, 4), (5, 6), (7, 10), (11, 14), (15, 18), (19, 20))
    ]


def test_a_label_that_stands_twice_is_one_unit():
    document, (only,) = encoded("film", ["bad"], "{0} or {0}")
    assert [piece for piece, name in only if name == "bad"] == ["▁bad", "▁bad"]
    assert document.n_units == 2


def test_word_types_are_counted_over_the_text_and_the_labels():
    document, parts = encoded("bad film , bad", ["film", "good"], "a {}", unit="word_type")
    assert [unit.text for unit in document.units] == ["bad", "film", ",", "good"]
    assert document.units[1].spans == ((4, 8), (15, 19))
    assert [piece for piece, name in parts[0] if name == "film"] == ["▁film"] * 2
    assert [piece for piece, name in parts[1] if name == "film"] == ["▁film"]


@pytest.mark.parametrize("unit", ["word", "word_type", "token"])
def test_the_text_makes_room_for_each_hypothesis(unit):
    """The sequence of the longer label has less of the text: a word may have lost its end there."""
    text = "film boring boring good film"
    document, (short, long) = encoded(text, ["bad", "not a bad"], "{}", unit=unit, limit=10)
    assert " ".join(piece for piece, _ in short) == "<s> ▁film ▁bor ing ▁bor ing </s> </s> ▁bad </s>"
    assert " ".join(piece for piece, _ in long) == "<s> ▁film ▁bor ing </s> </s> ▁not ▁a ▁bad </s>"
    assert document.truncated_at == len("film boring boring")
    assert encoded(text, ["bad", "not bad"], "{}", unit=unit, limit=12)[0].truncated_at is None
    for labels in (["bad", "not bad"], ["not bad", "bad"]):
        document, parts = encoded(text, labels, "{}", unit=unit, limit=10)
        assert [unit.text for unit in document.units].count("boring") == {"token": 0, "word": 2, "word_type": 1}[unit]
        for part in parts:
            cut = [name for piece, name in part if piece == "▁bor"]
            assert cut == (["bor", "bor"] if unit == "token" else ["boring", "boring"])


def test_a_hypothesis_is_never_truncated():
    _, (only,) = encoded("film film film", ["bad bad bad bad"], "{}", limit=9)
    assert " ".join(piece for piece, _ in only) == "<s> ▁film </s> </s> ▁bad ▁bad ▁bad ▁bad </s>"
    with pytest.raises(GradexplainError, match="a hypothesis leaves no room for the text: the model reads 8 tokens"):
        encoded("film film film", ["bad bad bad bad"], "{}", limit=8)


def test_sentences_of_the_text_and_the_labels():
    document, (_, second) = encoded("film. good film.", ["bad", "a film"], "{}", unit="sentence")
    assert [unit.text for unit in document.units] == ["film.", "good film.", "bad", "a film"]
    assert [name for _, name in second[-3:]] == ["a film", "a film", None]


@pytest.mark.parametrize(("side", "unread"), [("right", "good film"), ("left", "film film")])
def test_what_truncation_removes_of_the_text_is_unread(side, unread):
    tokenizer = make_nli("xlm-r")[1]
    encoder = HypothesisEncoder(tokenizer, 10, "word", kwargs={"truncation_side": side})
    text = "film boring boring good film" if side == "right" else "film film good film good film good"
    document = encoder.hypotheses(text, ["bad", "good"], "{}")
    ((start, end),) = document.unread
    assert document.text[start:end].strip() == unread
    assert document.truncated_at == start
    assert not any(start < b and a < end for unit in document.units for a, b in unit.spans)


@pytest.mark.parametrize("kind", KINDS)
def test_units_of_the_text_are_those_of_a_pair(kind):
    """Also where the text holds the strings of special tokens, which are words of a user here."""
    tokenizer, text = tokenizer_of(kind), "The good film is bad,  [SEP] 100 films"
    (pair,) = Encoder(tokenizer, None, "word")([(text, "good")])
    document = HypothesisEncoder(tokenizer, None, "word").hypotheses(text, ["good", "a bad film"], "this is {} .")
    *of_text, good, a, bad, film = document.units
    assert [*of_text, good] == list(pair.units)
    assert [unit.text for unit in (a, bad, film)] == ["a", "bad", "film"]
