import json
import unicodedata

import pytest

from hf_gradexplain.viz.sanitize import json_text, one_line, visible


def test_no_control_character_survives():
    everything = "".join(map(chr, range(0x110000)))
    shown = visible(everything)
    assert {character for character in shown if unicodedata.category(character) in ("Cc", "Cs")} == {"\t", "\n"}
    assert not {0x202E, 0x2066, 0x2028, 0xFFFE, 0x1FFFF} & set(map(ord, shown))
    assert len(shown) == len(everything)


@pytest.mark.parametrize("text", ["plain", "naïve 素晴らしい", "فيلم رائع", "👩‍👩‍👧", "क्‍ष", "a\tb\nc", ""])
def test_ordinary_text_is_unchanged(text):
    assert visible(text) == text


def test_control_characters_become_visible_and_line_ends_are_unified():
    assert visible("\x1b[2J\x00\x7f\x9b") == "␛[2J␀␡�"
    assert visible("a\r\nb\u2028c\rd") == "a\nb\nc␍d"


@pytest.mark.parametrize(
    ("width", "expected"), [(None, "one two"), (7, "one two"), (6, "one t…"), (5, "one…"), (1, "…"), (0, "…")]
)
def test_one_line_is_cut_to_its_width(width, expected):
    assert one_line(" one\n\t two ", width) == expected


def test_json_holds_no_control_character_and_reads_the_same():
    everything = " ".join(map(chr, range(0x110000)))  # two surrogates in a row would be read as one character
    written = json_text({"text": everything}, indent=2)
    assert {character for character in written if unicodedata.category(character) in ("Cc", "Cs")} == {"\n"}
    bidi = {c for c in everything if unicodedata.bidirectional(c) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI")}
    assert not (bidi | {"\u2069", "\u2068", "\u200e", "\u200f", "\u061c", "\u2028", "\U000e0041"}) & set(written)
    assert json.loads(written) == {"text": everything}
    assert json_text(["naïve 素晴らしい فيلم", 1.5, None]) == '["naïve 素晴らしい فيلم", 1.5, null]'
