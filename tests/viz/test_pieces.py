"""A text in pieces, compared with characters that are painted one after the other."""

import numpy as np
import pytest

from hf_gradexplain.viz.pieces import OUTSIDE, UNREAD, Pieces, mark_pieces, split_text


def painted(text, spans, units, unread):
    """Return the owner of each character: that of the first span that covers it."""
    owners, reached = [OUTSIDE] * len(text), 0
    spans = sorted([*zip(spans, units, strict=True), *((span, UNREAD) for span in unread)])
    for (start, end), owner in spans:
        for i in range(max(start, reached), min(end, len(text))):
            if owner != UNREAD and any(first == i >= max(start, reached) for first, _ in unread):
                break
            owners[i], reached = owner, max(reached, i + 1)
    return owners


def by_character(pieces):
    return [owner for text, owner in pieces for _ in text]


@pytest.mark.parametrize("seed", range(40))
def test_every_character_belongs_to_the_first_span_that_covers_it(seed):
    """Random spans overlap, are empty, or reach beyond the text; of every second text, a part was not read."""
    rng = np.random.default_rng(seed)
    text = "".join(rng.choice(list("ab é中😀"), 20))
    starts = rng.integers(0, 20, 5)
    spans = np.stack([starts, starts + rng.integers(0, 5, 5)], axis=1)
    unread = [(int(start), int(start) + 3) for start in rng.integers(0, 18, 2)] if seed % 2 else []
    units = rng.integers(0, 3, 5)
    pieces = split_text(text, spans, units, unread)
    assert by_character(pieces) == painted(text, map(tuple, spans.tolist()), units.tolist(), unread)
    assert "".join(piece for piece, _ in pieces) == text
    assert all(piece for piece, _ in pieces)


@pytest.mark.parametrize(
    ("text", "spans", "units", "unread", "expected"),
    [
        ("", [], [], [], []),
        (" a", [], [], [], [(" a", -1)]),
        ("aa", [(0, 1), (1, 2)], [0, 0], [], [("a", 0), ("a", 0)]),
        ("a b", [(2, 3), (0, 1)], [1, 0], [], [("a", 0), (" ", -1), ("b", 1)]),
        ("ab", [(0, 1), (1, 1), (1, 2)], [0, 1, 2], [], [("a", 0), ("b", 2)]),
        ("abc", [(0, 2), (1, 3)], [0, 1], [], [("ab", 0), ("c", 1)]),
        ("abc", [(0, 3)], [0], [(1, 2)], [("a", 0), ("b", -2), ("c", -1)]),
        ("abc", [(0, 9)], [0], [], [("abc", 0)]),
        ("abc", [(1, 2)], [0], [(0, 3)], [("abc", -2)]),
        ("abc", [(0, 1)], [0], [(0, 0)], [("a", 0), ("bc", -1)]),
        ("abc", [(0, 2), (1, 3)], [0, 1], [(1, 1)], [("ab", 0), ("c", 1)]),
        ("abcdef", [(0, 2), (4, 6), (2, 3)], [0, 0, 1], [], [("ab", 0), ("c", 1), ("d", -1), ("ef", 0)]),
        ("abcdef", [(0, 4)], [0], [(3, 6)], [("abc", 0), ("def", -2)]),
        ("abcdef", [(4, 6)], [0], [(0, 2)], [("ab", -2), ("cd", -1), ("ef", 0)]),
        ("abc", [(1, 2)], [0], [(0, 1), (2, 9)], [("a", -2), ("b", 0), ("c", -2)]),
    ],
)
def test_pieces_by_hand(text, spans, units, unread, expected):
    pieces = split_text(text, np.array(spans, dtype=int).reshape(-1, 2), np.array(units, dtype=int), unread)
    assert list(pieces) == expected
    assert len(pieces) == len(expected)
    assert {type(owner) for _, owner in pieces} <= {int}
    assert list(Pieces.join(expected)) == expected
    assert Pieces.join(expected).text == text


def test_controls_become_visible_piece_by_piece():
    r"""The first `\r\n` lies in one piece and becomes one line feed; the second one is cut by two pieces."""
    pieces = Pieces.join([("a\r\n", 0), ("\r", -1), ("\n\x1b", 1)])
    assert list(pieces.visible()) == [("a\n", 0), ("␍", -1), ("\n␛", 1)]
    plain = Pieces.join([("a\n", 0)])
    assert plain.visible() is plain


def test_lengths_are_those_of_utf_16():
    texts = ["a", "é", "中", "\uffff", "\U00010000", "😀", "👩‍👩‍👧", ""]
    lengths = Pieces.join([(text, 0) for text in texts]).lengths().tolist()
    assert lengths == [len(text.encode("utf-16-le")) // 2 for text in texts]
    assert Pieces.join([("ab", 0), ("c", 1)]).lengths().tolist() == [2, 1]
    assert Pieces.join([]).lengths().tolist() == []
    assert Pieces.join([("", 0), ("😀", 1)]).lengths().tolist() == [0, 2]


def test_units_are_marked_whole_and_what_lies_between_them_is_cut():
    pieces = Pieces.join([("good", 0), (" - ", -1), ("film", 1), ("\n", -1)])
    found, marked = mark_pieces(pieces, [(2, 5), (10, 11)])
    assert list(zip(found, marked, strict=True)) == [
        (("good", 0), True),
        ((" ", -1), True),
        (("- ", -1), False),
        (("film", 1), True),
        (("\n", -1), False),
    ]
    untouched, none = mark_pieces(pieces, [])
    assert (list(untouched), any(none)) == (list(pieces), False)


def test_a_mark_ends_where_the_next_piece_begins():
    pieces = Pieces.join([("  ", -1), ("ab", 0), (" ", -1), ("c", 1)])
    found, marked = mark_pieces(pieces, [(0, 1), (4, 5)])
    assert list(zip(found, marked, strict=True)) == [
        ((" ", -1), True),
        ((" ", -1), False),
        (("ab", 0), False),
        ((" ", -1), True),
        (("c", 1), False),
    ]
