"""Tokens and texts, aligned by hand."""

import pytest

from hf_gradexplain.text.character_alignment import _WINDOW, UNKNOWN, align, matching_blocks, within


def words_of(text):
    """The words of a text whose words stand between spaces."""
    spans, start = [], 0
    for word in text.split():
        start = text.index(word, start)
        spans.append((start, start + len(word)))
        start += len(word)
    return spans


def aligned(surfaces, text, **how):
    """Return the characters of each token, which is written with as many tokens as its tuple says, or one."""
    groups = [surface if isinstance(surface, tuple) else (surface, 1) for surface in surfaces]
    return [text[a:b] for a, b in align(groups, text, words_of(text), **how)]


@pytest.mark.parametrize(
    ("surfaces", "text", "expected"),
    [
        ([], "", []),
        (["a"], "", [""]),
        (["bad", "film"], "bad film", ["bad", "film"]),
        (["BAD", "fílm"], "bad film", ["bad", "film"]),
        (["ﬁ", "lm"], "film", ["fi", "lm"]),
        (["B", "AD"], "bad", ["b", "ad"]),
        (["--", "a"], "--a", ["--", "a"]),
        ([" "], " ", [" "]),
        (["bad", " ", "film"], "bad,film", ["bad", "", "film"]),  # a blank that the text does not have
        (["bad", " "], "badly", ["badly", ""]),  # nor in the middle of a word
        (["b", "ad"], "BAD", ["B", "AD"]),
        (["a", "SS"], "aß", ["a", "ß"]),
        (["e", "t\u0301"], "ét́", ["é", "t́"]),
        (["a", "\u00a0", "b"], "a b", ["a", " ", "b"]),
        (["a", " ", "b"], "a\u3000b", ["a", "\u3000", "b"]),
        ([" bad", " film"], "bad film", ["bad", " film"]),
        (["bad", " ", "film"], "bad film", ["bad", " ", "film"]),
        (["bad", " ", " ", "film"], "bad film", ["bad", " ", "", "film"]),
        (["bad", UNKNOWN, "film"], "bad old film", ["bad", "old", "film"]),
        ([UNKNOWN, "film"], "bad film", ["bad", "film"]),
        (["bad", UNKNOWN], "bad film", ["bad", "film"]),
        (["bad", UNKNOWN, UNKNOWN, "film"], "bad old new film", ["bad", "old", "new", "film"]),
        (["bad", UNKNOWN, "film"], "bad old new film", ["bad", "old", "film"]),
        (["bad", UNKNOWN, UNKNOWN, UNKNOWN, "film"], "bad old new film", ["bad", "old", "new", "new", "film"]),
        (["bad", UNKNOWN, UNKNOWN, "film"], "bad xy film", ["bad", "x", "y", "film"]),
        (["bad", UNKNOWN, UNKNOWN, "film"], "bad é film", ["bad", "é", "é", "film"]),
        ([("bad", 2), ("film", 3)], "bad film", ["bad", "bad", "film", "film", "film"]),
        (["bd", "film"], "bad film", ["bad", "film"]),
        (["ba", "fil"], "bad film", ["bad", "film"]),
        (["ba", "d"], "bad", ["ba", "d"]),
        (["ad", "ilm"], "bad film", ["bad", "film"]),
        (["a"], "bad", ["bad"]),
        (["?", "film"], "bad! film", ["bad!", "film"]),
    ],
)
def test_the_characters_of_each_token(surfaces, text, expected):
    assert aligned(surfaces, text) == expected


def test_without_unknown_places_the_last_token_gets_the_rest_of_its_word_unless_the_text_is_cut():
    assert aligned(["bad", "fi"], "bad film is") == ["bad", "film"]
    assert aligned(["bad", "fi"], "bad film is", cut=True) == ["bad", "fi"]
    assert aligned(["ba", "fi"], "bad film is", cut=True) == ["bad", "fi"]  # not the last one


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("", "", []),
        ("a", "", []),
        ("abc", "abc", [(0, 0, 3)]),
        ("abc", "abd", [(0, 0, 2)]),
        ("abxcd", "abcd", [(0, 0, 2), (3, 2, 2)]),
        ("abcd", "abxcd", [(0, 0, 2), (2, 3, 2)]),
        ("xyz", "abc", []),
        (["a", "b"], ("a", "b"), [(0, 0, 2)]),
    ],
)
def test_matching_blocks(a, b, expected):
    assert list(matching_blocks(a, b)) == expected


@pytest.mark.parametrize("n", [_WINDOW // 2, _WINDOW * 3 // 4, _WINDOW, _WINDOW + 1, 3 * _WINDOW])
def test_blocks_over_many_windows_ascend_and_match(n):
    """Every third element is missing on one side, every seventh on the other one."""
    a, b = [k for k in range(n) if k % 3], [k for k in range(n) if k % 7]
    end_a = end_b = total = 0
    for i, j, size in matching_blocks(a, b):
        assert size > 0
        assert (i >= end_a, j >= end_b) == (True, True)
        assert a[i : i + size] == b[j : j + size]
        end_a, end_b, total = i + size, j + size, total + size
    assert total == len({*a} & {*b})


def test_nothing_in_common_for_longer_than_a_window():
    """The comparison goes on behind it."""
    a, b = ["x"] * (2 * _WINDOW) + ["same"], ["y"] * (2 * _WINDOW) + ["same"]
    assert list(matching_blocks(a, b)) == [(2 * _WINDOW, 2 * _WINDOW, 1)]


def test_words_that_begin_in_a_part():
    words = [(0, 3), (4, 8), (9, 12)]
    assert list(within(words, 0, 12)) == words
    assert list(within(words, 0, 9)) == words[:2]
    assert list(within(words, 1, 10)) == words[1:]
    assert list(within(words, 4, 4)) == []
