"""Windows of long texts, against those that tokenizers make themselves."""

import logging
from dataclasses import astuple
from functools import cache
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.text.data import NO_UNIT
from hf_gradexplain.text.encode import Encoder
from hf_gradexplain.text.unit import Window
from hf_gradexplain.text.windows import Windows
from tests.helpers.tiny import piece_tokenizer
from tests.helpers.tokenizer_classes import SENTENCES, build

FAST = ("BertTokenizer", "RobertaTokenizer", "XLMRobertaTokenizer", "GPT2Tokenizer", "LlamaTokenizer", "T5Tokenizer")
PYTHON = ("BertTokenizerLegacy", "CTRLTokenizer", "FSMTTokenizer", "ByT5Tokenizer", "MarianTokenizer")
TEXT = " ".join(SENTENCES[name] for name in ("Latin", "Cyrillic", "Hangul", "Japanese")) + "  the film is so good 😀 "
FIRST = "so"
SHAPES = {"windows of 20": (20, 0), "overlapping": (24, 7), "one or two tokens further": (24, 14)}


@cache
def tokenizer_of(name):
    return build(name)


def encode(tokenizer, texts, limit, stride, unit="token", **kwargs):
    return Encoder(tokenizer, limit, unit, stride=stride, kwargs=kwargs)(texts)


def windows_of(document):
    """The inputs of each window, as lists."""
    return [{name: x[part].tolist() for name, x in document.inputs.items()} for part in document.sequences]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", FAST)
def test_the_windows_are_those_of_a_fast_tokenizer(name, shape):
    tokenizer, (limit, stride) = tokenizer_of(name), SHAPES[shape]
    for parts, cut in (((TEXT,), "longest_first"), ((FIRST, TEXT), "only_second")):
        own = tokenizer(
            *parts, truncation=cut, max_length=limit, stride=stride, return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )  # fmt: skip
        (document,) = encode(tokenizer, [parts if len(parts) > 1 else TEXT], limit, stride)
        names = [name for name in own if name in tokenizer.model_input_names]
        n = len(own["input_ids"])
        assert n > 2
        assert windows_of(document) == [{name: own[name][i] for name in names} for i in range(n)]
        for i, window in enumerate(document.windows):
            reported = zip(own["offset_mapping"][i], own.sequence_ids(i), own.tokens(i), strict=True)
            # A blank before a word has the offsets of the word's first letter.
            spans = [span for span, part, piece in reported if part == len(parts) - 1 and piece.strip("▁")]
            read = parts[-1][spans[0][0] : spans[-1][1]].strip() if spans else " "
            assert document.text[window.start : window.end] == read
            assert window.tokens == len(own["input_ids"][i])
            assert {type(number) for number in astuple(window)} == {int}, "they are written to JSON"
        assert document.truncated_at is None


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", PYTHON)
def test_the_windows_of_a_tokenizer_without_windows(name, shape):
    tokenizer, (limit, stride) = tokenizer_of(name), SHAPES[shape]
    for parts in ((TEXT,), (FIRST, TEXT)):
        *first, ids = (tokenizer(part, add_special_tokens=False)["input_ids"] for part in parts)
        around = tokenizer.num_special_tokens_to_add(pair=len(parts) > 1)
        room = limit - around - sum(map(len, first))
        expected, start = [], 0
        while True:
            expected.append(dict(tokenizer.prepare_for_model(*first, ids[start : start + room], verbose=False)))
            if start + room >= len(ids):
                break
            start += room - stride
        assert len(expected) > 2
        (document,) = encode(tokenizer, [parts if len(parts) > 1 else TEXT], limit, stride)
        assert windows_of(document) == expected


@pytest.mark.parametrize("unit", ["token", "word", "word_type", "sentence"])
@pytest.mark.parametrize("name", [FAST[0], FAST[3], PYTHON[0], PYTHON[1]])
def test_units_are_those_of_the_whole_text(name, unit):
    tokenizer = tokenizer_of(name)
    (whole,) = Encoder(tokenizer, None, unit)([TEXT])
    (document,) = encode(tokenizer, [TEXT], 24, 7, unit)
    assert document.units == whole.units
    rows_of = [[], []]
    for rows, each in zip(rows_of, (whole, document), strict=True):
        of_token = zip(each.unit_of.tolist(), each.row_of.tolist(), each.inputs["input_ids"].tolist(), strict=True)
        rows += [row for row in of_token if row[0] != NO_UNIT]
    assert set(rows_of[0]) == set(rows_of[1])
    np.testing.assert_array_equal(document.unit_of_row, whole.unit_of_row)
    stands = [set(document.unit_of[part].tolist()) - {NO_UNIT} for part in document.sequences]
    assert set.union(*stands) == set(range(document.n_units))
    assert all(before & after for before, after in pairwise(stands))


def test_a_word_at_a_border_is_one_unit():
    """The tokens of the second "film" stand in different windows."""
    tokenizer = piece_tokenizer()
    (document,) = encode(tokenizer, ["the film is bad , the film is bad"], 7, 0, "word")
    pieces = [tokenizer.convert_ids_to_tokens(window["input_ids"])[1:-1] for window in windows_of(document)]
    assert [each[-1] for each in pieces[:2]] == ["is", "##l"]
    divided = [w for w, unit in enumerate(document.units) if len(set(document.sequence_of[document.unit_of == w])) > 1]
    assert [document.units[w].text for w in divided] == ["film"]
    assert document.units[divided[0]].spans == ((22, 26),)


@pytest.mark.parametrize(("pair", "repeated", "stride", "message"), [
    (True, 10, 0, "the first text of a pair stands in every window, but .* takes 10 of 10 tokens"),
    (True, 11, 0, "takes 11 of 10 tokens"),
    (True, 9, 1, r"smaller than the 1 tokens .* the 9 .* but is 1:"),
    (False, 6, 4, r"smaller than the 4 tokens .* the 6 .* but is 4: give a smaller one, such as 1$"),
    (False, 10, 0, "must be smaller than the 0 tokens"),
    (False, 12, 3, "such as 0$"),
])  # fmt: skip
def test_a_window_needs_more_room_than_it_shares(pair, repeated, stride, message):
    document = SimpleNamespace(pair_start=3 if pair else None)
    with pytest.raises(GradexplainError, match=message):
        Windows(10, stride)._room(document, repeated)


@pytest.mark.parametrize(("pair", "repeated", "stride", "room"), [(True, 9, 0, 1), (False, 6, 3, 4), (False, 0, 9, 10)])
def test_the_smallest_room_is_enough(pair, repeated, stride, room):
    assert Windows(10, stride)._room(SimpleNamespace(pair_start=3 if pair else None), repeated) == room


def test_windows_are_longer_than_what_they_share():
    assert Windows(10, 9).stride == 9
    with pytest.raises(
        GradexplainError, match=r"smaller than their 10 tokens, but is 10: give a smaller one, such as 2$"
    ):
        Windows(10, 10)


def test_a_text_that_fits_is_an_ordinary_document():
    tokenizer = piece_tokenizer()
    length = len(tokenizer(TEXT)["input_ids"])
    (fits,), (longer,) = encode(tokenizer, [TEXT], length, 5), encode(tokenizer, [TEXT], length - 1, 5)
    (plain,) = Encoder(tokenizer, length, "token")([TEXT])
    assert (fits.sequence_of, fits.windows) == (None, ())
    assert fits.inputs["input_ids"].tolist() == plain.inputs["input_ids"].tolist()
    assert len(longer.windows) == 2
    (unlimited,) = encode(tokenizer, [TEXT], None, 5)
    assert unlimited.sequence_of is None
    (asked,) = encode(tokenizer, [TEXT], length, 5, max_length=40)
    assert max(window.tokens for window in asked.windows) == 40


def test_windows_of_several_texts_are_those_of_each_alone():
    tokenizer = piece_tokenizer()
    texts = [TEXT, "the film", (FIRST, TEXT), TEXT[10:], ""]
    for document, text in zip(encode(tokenizer, texts, 24, 7), texts, strict=True):
        (alone,) = encode(tokenizer, [text], 24, 7)
        assert windows_of(document) == windows_of(alone)
        assert document.windows == alone.windows
        assert document.units == alone.units


def test_text_outside_of_the_tokens_is_no_part_of_a_window():
    (document,) = encode(piece_tokenizer(), ["  the film is  good  "], 7, 0, "word")
    assert document.windows == (Window(2, 13, 7), Window(15, 19, 4))


@pytest.mark.parametrize("name", [FAST[0], PYTHON[0]])
def test_long_texts_bring_no_warning(name, caplog):
    tokenizer = build(name)
    tokenizer.model_max_length = 24
    logging.getLogger("transformers").addHandler(caplog.handler)
    try:
        encode(tokenizer, [TEXT, (FIRST, TEXT)], 24, 7)
    finally:
        logging.getLogger("transformers").removeHandler(caplog.handler)
    assert not caplog.records
    assert tokenizer("a " * 50)  # which does warn, and only now
    assert tokenizer.model_max_length == 24


def test_what_windows_cannot_be_made_of():
    tokenizer = piece_tokenizer()
    with pytest.raises(
        GradexplainError, match=r"than the 18 tokens that fit into a window in addition to the 2 .* but is 18: give a"
    ):
        encode(tokenizer, [TEXT], 20, 18)
    with pytest.raises(
        GradexplainError, match=r"smaller than their 20 tokens, but is 20: give a smaller one, such as 5$"
    ):
        encode(tokenizer, ["bad"], 20, 20)  # also if no text needs windows
    with pytest.raises(GradexplainError, match=r"first text of a pair .* leaves no room for the second one: it takes"):
        encode(tokenizer, [(TEXT, "so good")], 24, 7)
    with pytest.raises(
        GradexplainError,
        match=r"the 4 tokens that fit into a window in addition to the 6 .*: give a smaller one, such as 1$",
    ):
        encode(tokenizer, [("a bad is", TEXT)], 10, 4)
    with pytest.raises(GradexplainError, match="padding=max_length does not fit stride"):
        encode(tokenizer, [TEXT], 24, 7, padding="max_length")
    with pytest.raises(GradexplainError, match="stride does not fit conversations"):
        encode(tokenizer, [[{"role": "user", "content": "Hello"}]], 24, 7)
