"""Facts of Unicode about a text: graphemes, and the scripts that put no spaces between words."""

import regex

WITHOUT_SPACES = {
    "Han": "Chinese, and the Chinese characters of Japanese",
    "Hiragana": "Japanese",
    "Katakana": "Japanese",
    "Bopomofo": "the phonetic script of Chinese, written without spaces",
    "Tangut": "written without spaces, like Chinese characters",
    "Khitan_Small_Script": "written without spaces, like Chinese characters",
    "Nushu": "written without spaces, like Chinese characters",
    "Yi": "lines may end after each syllable, as after Chinese characters",
    "Thai": "spaces separate clauses",
    "Lao": "spaces separate clauses",
    "Khmer": "spaces separate clauses",
    "Myanmar": "for Burmese, Shan and Mon; spaces separate clauses",
    "Tai_Le": "spaces separate clauses",
    "New_Tai_Lue": "spaces separate clauses",
    "Tai_Tham": "for Northern Thai and Lü; spaces separate clauses",
    "Tai_Viet": "traditionally without spaces",
    "Ahom": "without spaces",
    "Tibetan": "a dot (tsheg) ends each syllable; spaces separate clauses",
    "Javanese": "without spaces",
    "Balinese": "without spaces",
    "Batak": "without spaces",
    "Makasar": "without spaces",
}
"""The scripts without spaces, by their Unicode names, and why each of them is listed. Hangul is not listed, because
Korean puts spaces between words.

In nearly all of these scripts, Unicode's line breaking (UAX #14) lets a line end between two letters: the letters have
one of the classes ID, SA, AK and AS.
"""

_LETTERS = "".join(rf"\p{{Script={name}}}[\p{{scx={name}}}&&[\p{{L}}\p{{N}}]]" for name in WITHOUT_SPACES)
_WIDE_PUNCTUATION = r"[\p{P}&&[\u3000-\u303f\uff00-\uffef]]"
_SPACELESS = rf"[{_LETTERS}{_WIDE_PUNCTUATION}]"

_NEXT_TO_SPACELESS = regex.compile(rf"(?V1){_SPACELESS}")
_LETTER = regex.compile(rf"(?V1)[[\p{{L}}\p{{N}}\p{{M}}]--{_SPACELESS}]")
_GRAPHEME = regex.compile(r"\X")
_MAY_COMBINE = regex.compile(r"[^\p{GCB=Other}\p{GCB=Control}\p{GCB=CR}\p{GCB=LF}]")


def is_spaceless(character: str) -> bool:
    """Return whether a character belongs to a script without spaces, or is wide punctuation as used in such scripts.

    >>> [is_spaceless(character) for character in "电ไー。，가a,"]
    [True, True, True, True, True, False, False, False]
    """
    return not character.isascii() and _NEXT_TO_SPACELESS.match(character) is not None


def is_letter(character: str) -> bool:
    """Return whether a character is a letter, a digit or a mark, and not of a script without spaces.

    >>> [is_letter(character) for character in "aé1ि电,"]
    [True, True, True, True, False, False]
    """
    return character.isalnum() if character.isascii() else _LETTER.match(character) is not None


def may_combine(character: str) -> bool:
    r"""Return whether a character may be part of a grapheme of several characters; a line break does not count as one.

    >>> [may_combine(character) for character in "é\u0301電😀"], may_combine("\u200d")
    ([False, True, False, False], True)
    """
    return not character.isascii() and _MAY_COMBINE.match(character) is not None


def is_inside_word(text: str, offset: int) -> bool:
    """Return whether the characters on both sides of an offset are letters, digits or marks of scripts with spaces.

    >>> is_inside_word("ab", 1), is_inside_word("a,", 1), is_inside_word("电影", 1), is_inside_word("नि", 1)
    (True, False, False, True)
    """
    pair = text[offset - 1 : offset + 1] if offset else ""
    return len(pair) == 2 and is_letter(pair[0]) and is_letter(pair[1])


def inside_graphemes(text: str) -> frozenset[int]:
    r"""Return the offsets inside graphemes: characters as people see them, such as a letter with its accents.

    A combining mark after white space is a grapheme of its own.

    >>> sorted(inside_graphemes("cafe\u0301 รู้")), sorted(inside_graphemes("naïve “café”"))
    ([4, 7, 8], [])
    """
    if text.isascii() or not _MAY_COMBINE.search(text):
        return frozenset()
    spans = (match.span() for match in _GRAPHEME.finditer(text))
    return frozenset(k for a, b in spans if b > a + 1 and not text[a].isspace() for k in range(a + 1, b))
