import json
import unicodedata

import pytest

from hf_gradexplain.viz.sanitize import json_text, one_line, visible


def test_the_ends_of_each_range_are_escaped_in_json():
    for first, last in ((0x7F, 0x9F), (0x200E, 0x200F), (0x2028, 0x202E), (0x2066, 0x2069), (0xD800, 0xDFFF)):
        text = "".join(map(chr, (first - 1, first, last, last + 1)))
        assert json_text(text) == f'"{chr(first - 1)}\\u{first:04x}\\u{last:04x}{chr(last + 1)}"'


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


BIDI_CONTROLS = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")


def is_noncharacter(code):
    return code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF


def shown_as(code):
    """What a character becomes, by what Unicode says about it."""
    character = chr(code)
    if character in "\t\n":
        return character
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    if unicodedata.category(character) in ("Zl", "Zp"):
        return "\n"
    if unicodedata.category(character) in ("Cc", "Cs") or unicodedata.bidirectional(character) in BIDI_CONTROLS:
        return "\ufffd"
    return "\ufffd" if is_noncharacter(code) else character


def test_each_character_is_shown_as_unicode_says():
    everything = range(0x110000)
    assert "".join(map(visible, map(chr, everything))) == "".join(map(shown_as, everything))


def test_json_escapes_marks_and_tags_besides():
    marks = {0x061C, 0x200E, 0x200F, *range(0xE0000, 0xE0080)}
    special = marks | {code for code in range(0x7F, 0x110000) if shown_as(code) != chr(code)}
    tried = {code + step for code in special for step in (-1, 0, 1)} & set(range(0x7F, 0x110000))
    assert {code for code in tried if "\\u" in json_text(chr(code))} == special
