"""Tests of the characters of several texts, compared with Python's strings."""

import numpy as np
import pytest

from hf_gradexplain.text.characters import BLANK, LETTER, SPACELESS, Characters
from hf_gradexplain.text.scripts import inside_graphemes, is_letter, is_spaceless, may_combine

TEXTS = [
    "the  film\tis\n",
    "",
    "cafe\u0301 รู้ ดี",
    " \u00a0 ",
    "这部电影，x1",
    "👩\u200d👩\u200d👧 한국 न\u093f",
    "\u0301a\r\n",
]


@pytest.fixture
def characters() -> Characters:
    return Characters.of(TEXTS)


def spans():
    return [(i, a, b) for i, text in enumerate(TEXTS) for a in range(len(text) + 1) for b in range(a, len(text) + 1)]


def flat(characters, chosen):
    texts, starts, ends = np.array(chosen).T
    return texts, characters.starts[texts] + starts, characters.starts[texts] + ends


def test_texts_stand_one_after_the_other(characters):
    for text, start in zip(TEXTS, characters.starts, strict=True):
        assert characters.text[start : start + len(text)] == text


def test_classes_are_those_of_single_characters(characters):
    for kind, holds in {BLANK: str.isspace, SPACELESS: is_spaceless, LETTER: is_letter}.items():
        for text, start in zip(TEXTS, characters.starts, strict=True):
            assert characters.have(kind, start + np.arange(len(text))).tolist() == list(map(holds, text))


def test_blank_spans_and_stripped_spans(characters):
    _, starts, ends = flat(characters, spans())
    stripped = zip(*characters.strip(starts, ends), strict=True)
    blank = characters.are_blank(starts, ends)
    for (i, a, b), (start, end), is_blank in zip(spans(), stripped, blank, strict=True):
        assert is_blank == (not TEXTS[i][a:b].strip())
        assert characters.text[start:end] == (TEXTS[i][a:b].strip() or TEXTS[i][a:b])


def test_spans_are_widened_to_whole_graphemes(characters):
    chosen = [(i, a, b) for i, a, b in spans() if a < b]
    texts, starts, ends = flat(characters, chosen)
    widened = np.stack(characters.widen(starts, ends), 1) - characters.starts[texts, None]
    for (i, a, b), found in zip(chosen, widened.tolist(), strict=True):
        inside = inside_graphemes(TEXTS[i])
        while a in inside:
            a -= 1
        while b in inside:
            b += 1
        assert found == [a, b]


def test_characters_that_never_combine_are_graphemes_of_their_own():
    for code in [*range(0x3000), *range(0xA000, 0xA100), 0xAC00, 0xD7A3, *range(0x1F300, 0x1F400), 0xE0020]:
        character = chr(code)
        if not may_combine(character):
            assert not inside_graphemes(f"a{character}a{character}{character}")


def test_spans_that_are_given_stay_as_they_are():
    characters = Characters.of([" a ", "b"])
    starts, ends = np.array([1, 5]), np.array([4, 6])
    assert [x.tolist() for x in characters.strip(starts, ends)] == [[2, 5], [3, 6]]
    assert (starts.tolist(), ends.tolist()) == ([1, 5], [4, 6])


def test_graphemes_at_the_end_of_the_first_and_of_the_last_text():
    texts = ["a", "ae\u0301", "e\u0301"]
    characters = Characters.of(texts)
    assert characters.starts.tolist() == [1, 3, 7]
    assert [characters.grapheme_end(1, k) for k in (0, 1, 2, 3)] == [0, 1, 3, 3]
    assert [characters.grapheme_end(2, k) for k in (0, 1, 2)] == [0, 2, 2]
    assert characters.grapheme_end(0, 1) == 1


def test_given_spans_stay_as_they_are():
    characters = Characters.of([" a "])
    starts, ends = np.array([1]), np.array([4])
    assert [x.tolist() for x in characters.strip(starts, ends)] == [[2], [3]]
    assert (starts.tolist(), ends.tolist()) == ([1], [4])
