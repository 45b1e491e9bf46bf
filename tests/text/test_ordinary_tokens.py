"""Tests of tokens that tokenizers written in Python add or leave out, in truncated texts that hold such tokens."""

import re

import pytest

from hf_gradexplain.text.data import NO_UNIT
from hf_gradexplain.text.encode import Encoder
from hf_gradexplain.text.ordinary_tokens import cut_side, ordinary_positions
from tests.helpers.tokenizer_classes import build
from tests.helpers.tokenizers_of_all_kinds import tokenizer_of

TEXTS = (
    "good</s>x film",
    "good</s>",
    "a</s></s>b</s>c",
    "</s>film",
    ("good</s>x film", "bad end"),
    ("good</s>", "bad</s>"),
    ("good", "bad</s>end</s>"),
    ("g</s>", "bad end of</s>all"),
    ("a</s></s>", "</s>"),
)


def read_by_hand(parts, limit, side):
    """Return the places of the tokens that ByT5 reads of each text, and of those that truncation removes.

    Each character is a token, and so is `</s>`. There is room for one end token per text, also where none is added. If
    a pair is too long, first the longer text is cut until both are equally long, then both in turn.
    """
    places = [[match.span() for match in re.finditer("</s>|.", text)] for text in parts]
    sizes = [len(of_text) for of_text in places]
    remove = max(sum(sizes) + len(parts) - limit, 0)
    if len(parts) == 1:
        sizes[0] -= remove
    else:
        longer = int(sizes[1] >= sizes[0])
        first = min(abs(sizes[1] - sizes[0]), remove)
        half = (remove - first) // 2
        rest = remove - first - half
        sizes[longer] -= first + (half if longer == 0 else rest)
        sizes[1 - longer] -= rest if longer == 0 else half
    if side == "right":
        return [of[:n] for of, n in zip(places, sizes, strict=True)], [
            of[n:] for of, n in zip(places, sizes, strict=True)
        ]
    cuts = [len(of) - n for of, n in zip(places, sizes, strict=True)]
    return [of[n:] for of, n in zip(places, cuts, strict=True)], [of[:n] for of, n in zip(places, cuts, strict=True)]


@pytest.mark.filterwarnings("ignore:This sequence already has </s>")
@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("text", TEXTS)
def test_texts_with_end_tokens_are_read_as_by_hand(text, side):
    parts = text if isinstance(text, tuple) else (text,)
    starts = (0, len(parts[0]) + 1)
    for limit in range(len(parts) + 2, 28):
        (document,) = Encoder(tokenizer_of("byt5", truncation_side=side), limit, "token")([text])
        kept, lost = read_by_hand(parts, limit, side)
        expected = [(a + start, b + start) for of, start in zip(kept, starts, strict=False) for a, b in of]
        assert [unit.spans[0] for unit in document.units] == expected
        ids, end = document.inputs["input_ids"], tokenizer_of("byt5").eos_token_id
        pieces = [end if document.text[a:b] == "</s>" else ord(document.text[a]) + 3 for a, b in expected]
        assert ids[document.unit_of != NO_UNIT].tolist() == pieces
        assert set(ids[document.unit_of == NO_UNIT].tolist()) <= {end}
        cuts = [(of[0][0] + start, of[-1][1] + start) for of, start in zip(lost, starts, strict=False) if of]
        assert document.truncated_at == (cuts[0][0] if cuts else None)
        if len(parts) == 2:
            assert document.unread == tuple(cuts)


@pytest.mark.filterwarnings("ignore:This sequence already has </s>")
def test_an_end_token_that_is_cut_off_does_not_hide_the_cut():
    """The cut falls behind the typed end token, so that the sequence is shorter than the limit."""
    (document,) = Encoder(tokenizer_of("byt5"), 12, "word")([("good</s>x film", "bad end")])
    assert len(document) == 11
    assert [unit.text for unit in document.units] == ["good", "</s>", "bad", "e"]
    assert (document.truncated_at, document.unread) == (8, ((8, 14), (20, 22)))


@pytest.mark.filterwarnings("ignore:This sequence already has </s>")
@pytest.mark.parametrize("side", ["right", "left"])
def test_padding_is_not_taken_for_an_end_token(side):
    kwargs = {"padding": "max_length", "max_length": 9, "padding_side": side}
    (document,) = Encoder(tokenizer_of("byt5"), 20, "token", kwargs=kwargs)(["film</s>"])
    inside = [-1] * 4
    assert document.unit_of.tolist() == [0, 1, 2, 3, 4, *inside] if side == "right" else [*inside, 0, 1, 2, 3, 4]


class Flags:
    eos_token_id = 1


@pytest.mark.parametrize(
    ("ids", "special", "expected"),
    [
        ([5, 6, 1], [0, 0, 1], [0, 1]),
        ([5, 1, 1], [0, 0, 1], [0, 1]),
        ([5, 1], [0, 0, 1], [0, 1]),
        ([5, 1, 0, 0], [0, 0, 1, 1, 1], [0, 1]),  # padding
        ([1, 5, 1], [1, 0, 0, 1], [1, 2]),
        ([5, 6], [0, 0], [0, 1]),
    ],
)
def test_flags_of_tokens_that_are_left_out(ids, special, expected):
    assert ordinary_positions(Flags, ids, special, ["text"], "longest_first") == [expected]


@pytest.mark.parametrize(
    ("ids", "special", "expected"),
    [
        ([5, 1, 6, 1], [0, 1, 0, 1], [[0], [2]]),
        ([5, 6, 1, 7], [0, 0, 1, 0, 1], [[0, 1], [3]]),
        ([5, 1, 6, 7, 1], [0, 1, 0, 0, 0, 1], [[0], [2, 3, 4]]),  # the second text ends with a typed one
    ],
)
def test_flags_of_tokens_that_are_left_out_of_a_pair(ids, special, expected):
    assert ordinary_positions(Flags, ids, special, ["one", "two"], "longest_first") == expected


@pytest.mark.parametrize("side", ["left", "right"])
def test_where_tokens_may_be_missing(side):
    tokenizer = tokenizer_of("byt5")
    assert cut_side(tokenizer, [5] * 99, None, side, pair=False) is None
    assert [cut_side(tokenizer, [5] * n, 9, side, pair=False) for n in (7, 8, 9)] == [None, side, side]
    assert [cut_side(tokenizer, [5] * n, 9, side, pair=True) for n in (6, 7, 8, 9)] == [None, side, side, side]


@pytest.mark.parametrize("text", ["the film is good\u200b", "\u200bthe film is good"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_a_text_that_fits_exactly_is_not_cut(text, side):
    """The tokenizer drops a character at its end or at its beginning."""
    tokenizer = build("BertTokenizerLegacy")
    n = len(tokenizer(text)["input_ids"])
    kwargs = {"truncation_side": side}
    (exact,), (cut,) = (Encoder(tokenizer, limit, "word", kwargs=kwargs)([text]) for limit in (n, n - 1))
    assert exact.truncated_at is None
    assert (cut.truncated_at == 0) == (side == "left")
    assert cut.truncated_at is not None
