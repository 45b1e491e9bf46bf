"""Places of tokens, from encodings that are made up."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from hf_gradexplain.text.alignment import NO_WORD, Places, Tokens, flat, from_encodings, from_places
from hf_gradexplain.text.characters import Characters


@dataclass
class Encoded:
    """What a fast tokenizer returns for a text or a pair."""

    tokens: list
    offsets: list
    word_ids: list
    sequence_ids: list
    overflowing: list = field(default_factory=list)

    def __len__(self):
        return len(self.tokens)


def encoded(*tokens, overflowing=()):
    """Return an encoding of tokens `(piece, offsets, word, sequence)`."""
    columns = map(list, zip(*tokens, strict=True)) if tokens else ([], [], [], [])
    return Encoded(*columns, list(overflowing))


def read(encodings, texts, special, seconds=None, **how):
    n = sum(map(len, encodings))
    seconds = np.array(seconds or [0] * len(texts))
    return from_encodings(encodings, Characters.of(texts), np.arange(n), np.array(special), seconds, **how)


CLS, SEP = ("[CLS]", (0, 0), None, None), ("[SEP]", (0, 0), None, None)


def spans_of(tokens):
    """Return what each token adds, and what it covers, as offsets in its text."""
    starts = tokens.characters.starts[tokens.text_of]
    own = np.stack([tokens.starts, tokens.ends], 1) - starts[:, None]
    return own.tolist(), (tokens.reads - starts[:, None]).tolist()


def test_texts_follow_each_other():
    """The characters of the second text begin at 10: one stands before, between and after the texts."""
    first = encoded(CLS, ("bad", (0, 3), 0, 0), ("film", (4, 8), 1, 0), SEP)
    second = encoded(CLS, ("a", (0, 1), 0, 0), SEP)
    tokens = read([first, second], ["bad film", "a"], [1, 0, 0, 1, 1, 0, 1])
    assert tokens.characters.starts.tolist() == [1, 10]
    assert tokens.text_of.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert tokens.starts.tolist() == [1, 1, 5, 9, 10, 10, 11]
    assert tokens.ends.tolist() == [1, 4, 9, 9, 10, 11, 11]
    assert (tokens.words == NO_WORD).tolist() == [True, False, False, True, True, False, True]
    assert tokens.words[1] != tokens.words[2]
    assert tokens.cuts == [(), ()]
    assert (tokens.segmented, tokens.parts.tolist()) == (False, [0] * 7)
    assert [tokens.pieces(1)[k] for k in range(3)] == ["[CLS]", "a", "[SEP]"]


def test_the_second_text_of_a_pair_has_words_of_its_own():
    pair = encoded(CLS, ("a", (0, 1), 0, 0), SEP, ("b", (0, 1), 0, 1), ("c", (2, 3), 1, 1), SEP)
    tokens = read([pair], ["a\nb c"], [1, 0, 1, 0, 0, 1], [2])
    assert spans_of(tokens)[0] == [[0, 0], [0, 1], [1, 1], [2, 3], [4, 5], [5, 5]]
    assert len({tokens.words[1], tokens.words[3], tokens.words[4]}) == 3
    assert (tokens.words == NO_WORD).tolist() == [True, False, True, False, False, True]
    assert tokens.parts[[1, 3, 4]].tolist() == [0, 1, 1]


def test_a_space_that_is_reported_with_the_letter_behind_it_is_empty():
    blank = encoded(("▁", (0, 1), 0, 0), ("film", (0, 4), 0, 0))
    assert spans_of(read([blank], ["film"], [0, 0])) == ([[0, 0], [0, 4]], [[0, 0], [0, 4]])
    letter = encoded(("f", (0, 1), 0, 0), ("film", (0, 4), 0, 0))
    assert spans_of(read([letter], ["film"], [0, 0])) == ([[0, 1], [1, 4]], [[0, 1], [0, 4]])


@pytest.mark.parametrize(
    ("tokens", "text", "blank"),
    [
        ([("a", (0, 1), 0, 0), ("▁", (1, 2), 1, 0), ("b", (2, 3), 1, 0)], "a b", [1, 2]),  # it has a place of its own
        ([("a", (0, 1), 0, 0), ("▁", (1, 2), 1, 0), SEP], "a ", [1, 2]),
        ([("a", (0, 1), 0, 0), ("▁", (1, 2), 1, 0), ("bc", (1, 3), 1, 0)], "abc", [1, 1]),
    ],
)
def test_only_a_space_that_shares_the_letter_behind_it_is_empty(tokens, text, blank):
    """In the second text as in the first one."""
    special = [0, 0, int(tokens[2] is SEP)]
    both = read([encoded(*tokens), encoded(*tokens)], [text, text], special * 2)
    spans = spans_of(both)[0]
    assert spans[1] == spans[4] == blank


@pytest.mark.parametrize(
    ("text", "offsets", "piece", "span"),
    [
        ("<x>film", (4, 7), "Ġfilm", [3, 7]),
        ("<x>f", (4, 4), "Ġf", [3, 4]),
        ("<x>film", (4, 7), "film", [4, 7]),  # the tokenizer drops the letter
        ("<x> film", (4, 8), "Ġfilm", [4, 8]),
        ("<x>a film", (5, 9), "Ġfilm", [5, 9]),  # two characters
        ("<x>film", (3, 7), "Ġfilm", [3, 7]),
    ],
)
def test_a_word_behind_an_added_token_has_its_first_letter(text, offsets, piece, span):
    token = encoded(("<x>", (0, 3), 0, 0), (piece, offsets, 1, 0))
    other = encoded(CLS, ("ab", (0, 2), 0, 0))
    tokens = read([other, token, other], ["ab", text, "ab"], [1, 0, 0, 0, 1, 0])
    assert spans_of(tokens)[0] == [[0, 0], [0, 2], [0, 3], span, [0, 0], [0, 2]]


def test_only_the_token_before_a_word_in_its_text_can_be_an_added_one():
    """The span behind a special token or at the beginning of a text is right."""
    first, second = encoded(CLS, ("Ġb", (1, 2), 0, 0)), encoded(("Ġb", (1, 2), 0, 0))
    tokens = read([encoded(("a", (0, 0), 0, 0)), second, first], ["a", "ab", "ab"], [0, 0, 1, 0])
    assert spans_of(tokens)[0] == [[0, 0], [1, 2], [0, 0], [1, 2]]


def test_a_space_behind_an_added_token_is_before_the_letter():
    token = encoded(("<x>", (0, 3), 0, 0), ("Ġ", (4, 4), 1, 0), ("b", (3, 4), 1, 0), ("c", (4, 5), 1, 0))
    assert spans_of(read([token], ["<x>bc"], [0] * 4))[0] == [[0, 3], [3, 3], [3, 4], [4, 5]]


def test_an_empty_token_inside_of_a_character_is_not_widened():
    marks = encoded(("e", (0, 1), 0, 0), ("▁", (1, 1), 0, 0), ("´", (1, 2), 0, 0))
    assert spans_of(read([marks], ["e\u0301"], [0, 0, 0])) == ([[0, 2], [2, 2], [2, 2]], [[0, 2], [2, 2], [0, 2]])


def test_a_space_inside_of_a_character_keeps_it():
    """Some characters are read as several words."""
    inside = encoded(("a", (0, 1), 0, 0), ("▁", (0, 1), 1, 0), ("b", (0, 1), 1, 0))
    assert spans_of(read([inside], ["\ufdfa"], [0, 0, 0])) == ([[0, 1], [1, 1], [1, 1]], [[0, 1], [0, 1], [0, 1]])


def test_a_space_at_the_end_of_a_text_has_nothing_to_do_with_the_next_text():
    one, other = encoded(("▁", (0, 1), 0, 0)), encoded(("a", (0, 1), 0, 0))
    assert spans_of(read([one, other], [" ", "a"], [0, 0]))[0] == [[0, 1], [0, 1]]


def test_the_bytes_of_a_character_are_shown_as_the_character():
    two = encoded(("<0xC3>", (0, 1), 0, 0), ("<0xA9>", (0, 1), 0, 0), ("!", (1, 2), 1, 0))
    tokens = read([two], ["é!"], [0, 0, 0])
    assert spans_of(tokens) == ([[0, 1], [1, 1], [1, 2]], [[0, 1], [0, 1], [1, 2]])
    assert [tokens.surface(t) for t in range(3)] == ["é", "é", "!"]
    first, empty = encoded(("a", (0, 1), 0, 0)), encoded(("x", (0, 1), 0, 0), ("▁", (1, 1), 1, 0))
    assert read([first, empty], ["a", "x"], [0, 0, 0]).surface(2) == "▁"


def test_graphemes_belong_to_their_first_token():
    marks = encoded(("e", (0, 1), 0, 0), ("´", (1, 2), 0, 0), ("!", (2, 3), 1, 0))
    assert spans_of(read([marks], ["e\u0301!"], [0, 0, 0])) == ([[0, 2], [2, 2], [2, 3]], [[0, 2], [0, 2], [2, 3]])


def rest(*offsets, sequence=0):
    return Encoded([""] * len(offsets), list(offsets), [0] * len(offsets), [sequence] * len(offsets))


@pytest.mark.parametrize(
    ("kept", "lost", "text", "second", "expected"),
    [
        ([(0, 3)], [], "bad", 0, ()),
        ([(0, 3)], [rest((4, 8))], "bad film", 0, (3,)),  # on the right
        ([(4, 8)], [rest((0, 3))], "bad film", 0, (0,)),  # on the left
        ([(4, 8)], [rest((1, 3))], " bad film", 0, (1,)),  # a blank at the start is not read anyway
        ([], [rest((2, 5))], "  bad", 0, (0,)),  # nothing is left
        ([(0, 1)], [rest((1, 3))], "e\u0301s", 0, (2,)),  # not inside of a character
        ([(0, 3)], [rest((0, 3))], "bad", 0, ()),  # an overlap alone
    ],
)
def test_where_truncation_cuts_a_text(kept, lost, text, second, expected):
    some = encoded(CLS, *[("x", span, k, 0) for k, span in enumerate(kept)], SEP, overflowing=lost)
    tokens = read([some], [text], [1, *[0] * len(kept), 1], [second])
    assert tokens.cuts == [expected]


def test_each_text_of_a_pair_has_its_cut():
    kept = ("a", (0, 1), 0, 0), SEP, ("b", (0, 1), 0, 1)
    first = encoded(*kept, overflowing=[rest((2, 3)), rest((2, 3), sequence=1)])
    assert read([first], ["a x\nb y"], [0, 1, 0], [4]).cuts == [(1, 5)]
    second = encoded(*kept, overflowing=[rest((2, 3), sequence=1)])
    assert read([second], ["a\nb y"], [0, 1, 0], [2]).cuts == [(3,)]


@pytest.mark.parametrize(
    ("kept", "cuts", "ends", "expected"),
    [
        ([(0, 1), (1, 2)], (), (6,), ()),
        ([(0, 1), (1, 2)], (2,), (6,), ((2, 6),)),
        ([(3, 4), (4, 6)], (0,), (6,), ((0, 3),)),
        ([(0, 0), (0, 2), (2, 2)], (2,), (6,), ((2, 6),)),  # a token without characters reads none
        ([(0, 2)], (6,), (6,), ()),
        ([(0, 2), (4, 5)], (2, 5), (3, 7), ((2, 3), (5, 7))),
        ([(1, 3), (6, 7)], (0, 4), (3, 7), ((0, 1), (4, 6))),
        ([(0, 2)], (2, 4), (3, 7), ((2, 3), (4, 7))),  # nothing is left of the second text
        ([(4, 7)], (0,), (3, 7), ((0, 3),)),
        ([(0, 3), (4, 6)], (3, 6), (3, 7), ((6, 7),)),
    ],
)
@pytest.mark.parametrize("number", [0, 1])
def test_what_truncation_removes_reaches_to_the_next_token_or_the_end(kept, cuts, ends, expected, number):
    texts, other = ["abcdefg", "xyz"], ((0, 1), (1, 3))
    spans, text_of = (
        ([*kept, *other], [0] * len(kept) + [1, 1]) if number == 0 else ([*other, *kept], [0, 0] + [1] * len(kept))
    )
    n = len(spans)
    tokens = Tokens.settle(
        Characters.of(texts[:: 1 - 2 * number]),
        np.array(text_of),
        np.arange(n),
        np.array(spans),
        np.arange(n),
        [].__getitem__,
        [cuts, (1,)] if number == 0 else [(1,), cuts],
    )
    found = tokens.unread(number, ends)
    assert found == expected
    assert {type(offset) for span in found for offset in span} <= {int}


def test_places_replace_wrong_offsets():
    wrong = encoded(CLS, ("bad", (0, 1), 0, 0), ("film", (1, 2), 1, 0))
    places = [Places([(0, 0), (0, 3), (4, 8)], [None, 0, 1], (9,))]
    tokens = read([wrong], ["bad film is"], [1, 0, 0], located=places)
    assert spans_of(tokens)[0] == [[0, 0], [0, 3], [4, 8]]
    assert tokens.cuts == [(9,)]


@pytest.mark.parametrize("segmented", [False, True])
def test_tokens_of_a_tokenizer_without_offsets(segmented):
    places = [Places([None, (0, 3), (4, 6), (6, 8)], [None, "x", "y", "y"], ()), Places([(0, 1)], ["x"], (1,))]
    characters = Characters.of(["bad film", "a b"])
    pieces = [["[CLS]", "bad", "fi", "##lm"], ["a"]]
    seconds = np.zeros(2, int)
    tokens = from_places(places, characters, np.arange(5), seconds, pieces.__getitem__, segmented=segmented)
    assert spans_of(tokens)[0] == [[0, 0], [0, 3], [4, 6], [6, 8], [0, 1]]
    assert tokens.words.tolist() == [NO_WORD, 1, 2, 2, 1]
    assert (tokens.cuts, tokens.segmented, tokens.text_of.tolist()) == ([(), (1,)], segmented, [0, 0, 0, 0, 1])
    assert tokens.pieces(0) == pieces[0]


def test_the_texts_of_pairs_are_parts_without_offsets():
    """Only of pairs: the third text begins where the others have their second texts."""
    pair = Places([None, (0, 1), (1, 2), None, (3, 4), (4, 5)], [None, "x", "x", None, "y", "y"], ())
    single = Places([(0, 3), (3, 5)], ["x", "y"], ())
    empty = Places([(1, 2)], ["y"], ())
    characters = Characters.of(["a \nbc", "abcde", "\na"])
    tokens = from_places(
        [pair, single, empty], characters, np.arange(9), np.array([3, 0, 1]), [].__getitem__, segmented=False
    )
    assert tokens.parts[[1, 2, 4, 5]].tolist() == [0, 0, 1, 1]
    assert tokens.parts[6] == tokens.parts[7]
    assert tokens.parts[8] == 1


def test_settled_tokens_have_the_defaults():
    one = np.ones(1, int)
    tokens = Tokens.settle(Characters.of(["a"]), one - 1, one, np.array([[0, 1]]), one, None, [()])
    assert (tokens.segmented, tokens.parts.tolist()) == (False, [0])


def test_lists_one_after_the_other():
    assert flat([[1, 2], [], [3]]).tolist() == [1, 2, 3]
    assert (flat([]).shape, flat([[]]).dtype) == ((0,), np.int64)


def test_tokens_of_one_character_read_it_and_add_nothing():
    spans, ones = np.array([[0, 1], [1, 2], [1, 2], [2, 2], [2, 3]]), np.ones(5, int)
    tokens = Tokens.settle(Characters.of(["nés"]), ones - 1, ones, spans, ones, lambda i: list("abcde"), [()])
    assert (tokens.starts - 1).tolist() == [0, 1, 2, 2, 2]
    assert (tokens.ends - 1).tolist() == [1, 2, 2, 2, 3]
    assert (tokens.reads - 1).tolist() == [[0, 1], [1, 2], [1, 2], [2, 2], [2, 3]]
    assert [tokens.surface(t) for t in range(5)] == ["n", "é", "é", "d", "s"]
    assert spans.tolist() == [[0, 1], [1, 2], [1, 2], [2, 2], [2, 3]], "the given spans stay"
