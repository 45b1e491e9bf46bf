"""Units by text, sentence and clause."""

from hf_gradexplain.text.hierarchy import hierarchy
from hf_gradexplain.text.unit import Unit
from tests.helpers.tiny import explainer

TEXT = "Bad film, good music: not good. It is a word! And one"


def texts_of(explanation):
    """Return the hierarchy with the texts of the units in place of their numbers."""

    def name(node):
        return [name(each) for each in node] if isinstance(node, list) else explanation.units[node].text

    return name(explanation.hierarchy)


def test_words_stand_in_clauses_and_these_in_sentences():
    assert texts_of(explainer("bert")(TEXT, "random")) == [
        [
            [["Bad", "film", ","], ["good", "music", ":"], ["not", "good", "."]],
            [["It", "is", "a", "word", "!"]],
            [["And", "one"]],
        ]
    ]


def test_tokens_stand_in_the_clauses_of_their_words():
    explanation = explainer("bert")(TEXT, "random", "token")
    pieces = [["".join(clause) for clause in sentence] for sentence in texts_of(explanation)[0]]
    assert pieces == [["Badfilm,", "goodmusic:", "notgood."], ["Itisaword!"], ["Andone"]]


def test_a_word_type_stands_where_it_first_occurs():
    assert texts_of(explainer("bert")(TEXT, "random", "word_type"))[0][0][2] == ["not", "."]


def test_larger_units_stand_alone():
    assert texts_of(explainer("bert")(TEXT, "random", "clause"))[0][0] == [
        ["Bad film,"], ["good music:"], ["not good."]
    ]  # fmt: skip
    assert explainer("bert")(TEXT, "random", "sentence").hierarchy == [[[[0]], [[1]], [[2]]]]


def test_spans_stand_where_they_begin():
    found = explainer("bert")(TEXT, "random", units=[(0, 3), (4, 21), (31, 40)])
    assert found.hierarchy == [[[[0, 1]], [[2]]]]


def test_texts_of_a_pair_and_messages_are_apart():
    assert explainer("bert")(("bad film", "good. Bad"), "random").hierarchy == [[[[0, 1]]], [[[2, 3]], [[4]]]]
    units = [Unit("a", ((0, 1),)), Unit("b", ((2, 3),)), Unit("c", ((4, 5),))]
    assert hierarchy("a b c", units, [0, 2]) == [[[[0]]], [[[1, 2]]]]


def test_what_follows_the_last_unit_has_no_influence():
    units = [Unit("Bad", ((0, 3),)), Unit("film", ((4, 8),))]
    assert hierarchy("Bad film. " + "Good music. " * 100, units) == hierarchy("Bad film", units) == [[[[0, 1]]]]
    assert hierarchy("", ()) == []
