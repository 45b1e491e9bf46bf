"""Places for words: between words, in what the model has read, the same for any split into files."""

import numpy as np
import pytest

from hf_gradexplain.audit.suspicious.insertion_places import draw_place, draw_places
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.text.unit import Message, Unit
from tests.helpers.word_documents import random_documents, write


def explained(text, words, **fields):
    """Return an explanation whose units are these words, in their order."""
    units, start = [], 0
    for word in words:
        start = text.index(word, start)
        units.append(Unit(word, ((start, start + len(word)),)))
        start += len(word)
    defaults = {"target": 0, "target_label": "a", "prediction": 0, "probabilities": np.array([0.5, 0.5])}
    defaults |= {"objective": "loss", "unit": "word", "scores": {}}
    return Explanation(text, tuple(units), **(defaults | fields))


def all_texts(explanation, word="new"):
    """Return the texts with the word at each place that is ever drawn."""
    drawn = {draw_place(explanation, number, seed=0).insert(word) for number in range(200)}
    return sorted(drawn, key=lambda text: (text if isinstance(text, str) else text[0]).index(word))


def test_a_word_stands_between_words_and_keeps_white_space_and_punctuation():
    text = "One  two,\nthree."
    words = ["One", "two", ",", "three", "."]
    assert all_texts(explained(text, words)) == [
        "new One  two,\nthree.",
        "One  new two,\nthree.",
        "One  two,\nnew three.",
        "One  two,\nthree. new",
    ]


def test_in_scripts_without_spaces_it_stands_at_unit_borders():
    assert all_texts(explained("我看电影", ["我", "看", "电影"]), "好") == [
        "好我看电影",
        "我好看电影",
        "我看好电影",
        "我看电影好",
    ]
    mixed = all_texts(explained("iPhone手机", ["iPhone", "手机"]), "new")
    assert mixed == ["new iPhone手机", "iPhone new 手机", "iPhone手机 new"]


def test_nothing_is_inserted_where_the_model_does_not_read():
    explanation = explained("one two three four", ["one", "two"], truncated_at=8)
    assert all_texts(explanation) == ["new one two three four", "one new two three four", "one two new three four"]
    at_the_limit = explained("one two three four", ["one", "two"], truncated_at=7)
    assert all_texts(at_the_limit) == ["new one two three four", "one new two three four"]
    assert draw_place(explained("   ", []), 0, seed=0) is None


def test_a_pair_gets_the_word_in_its_first_text():
    explanation = explained("one two\nthree four", ["one", "two", "three", "four"], pair_start=8)
    firsts = ["new one two", "one new two", "one two new"]
    assert all_texts(explanation) == [(first, "three four") for first in firsts]
    assert {draw_place(explanation, number, seed=0).offset for number in range(50)} == {0, 4, 7}
    assert draw_place(explanation, 0, seed=0).insert() == ("one two", "three four")


def test_a_conversation_gets_the_word_in_the_first_message_of_a_user():
    messages = (Message("system", 0, 4), Message("user", 5, 12), Message("assistant", 13, 16))
    explanation = explained("rule\none two\nyes", ["rule", "one", "two", "yes"], messages=messages)
    drawn = {draw_place(explanation, number, seed=0).insert("new")[1]["content"] for number in range(50)}
    assert drawn == {"new one two", "one new two", "one two new"}
    place = draw_place(explanation, 0, seed=0)
    assert place.insert() == [
        {"role": "system", "content": "rule"},
        {"role": "user", "content": "one two"},
        {"role": "assistant", "content": "yes"},
    ]


def test_texts_of_other_classes_are_drawn_whatever_the_files(tmp_path):
    documents = random_documents(60)
    predictions = {document.id: document.explanation.prediction for document in documents}
    one, several = write(documents, tmp_path / "one"), write(documents, tmp_path / "several", files=5)
    places = draw_places(one, [0, 1], 7, seed=3)
    assert places == draw_places(several, [0, 1], 7, seed=3)
    assert {target: len(drawn) for target, drawn in places.items()} == {0: 7, 1: 7}
    assert all(predictions[place.id] != target for target, drawn in places.items() for place in drawn)
    assert places != draw_places(one, [0, 1], 7, seed=4)
    others = [d.id for d in documents if d.explanation.prediction != 1 and d.explanation.units]
    assert [place.id for place in draw_places(one, [1], 1000, seed=3)[1]] == others


@pytest.mark.parametrize("number", [0, 5])
def test_a_place_depends_on_the_document_alone(number):
    explanation = explained("one two three four five", ["one", "two", "three", "four", "five"])
    assert draw_place(explanation, number, seed=1) == draw_place(explanation, number, seed=1)
