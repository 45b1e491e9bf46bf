"""Tests of long texts, of which only the beginning is tokenized."""

from copy import deepcopy

import pytest
from tokenizers import pre_tokenizers

from hf_gradexplain.text import encode
from hf_gradexplain.text.beginning import CHARACTERS, beginning, divides_at_spaces
from hf_gradexplain.text.encode import Encoder
from hf_gradexplain.text.tokenize import tokenize as encode_tokens
from tests.helpers.tokenizers_of_all_kinds import KINDS, tokenizer_of

LIMIT = 12
WORDS = "the film, isn't  worth it: na\u00efve cafe\u0301 \u7535\u5f71 \U0001f642 [SEP] zzz \u00a0 3.14\n\n"
LONG = {
    "words": WORDS * 40,
    "one word": "a" * 5000,
    "blanks first": " " * 5000 + WORDS * 9,
    "blanks after a word": "film" + " " * 5000 + WORDS * 9,
    "few tokens": "film" + "\u00a0" * 200 + " the" + "\t" * 3000,
    "no letter before a space": ", " * 3000,
    "marks": "a\u0301\u0301 " * 900,
}


def seen(document):
    arrays = [document.unit_of, document.row_of, document.unit_of_row, *document.inputs.values()]
    return document.text, document.units, [x.tolist() for x in arrays], document.truncated_at


@pytest.mark.parametrize("unit", ["token", "word", "word_type"])
@pytest.mark.parametrize("kind", KINDS[:9])
def test_a_long_text_is_encoded_as_if_it_was_read_to_its_end(kind, unit, monkeypatch):
    encoder = Encoder(tokenizer_of(kind), LIMIT, unit)
    documents = encoder(list(LONG.values()))
    monkeypatch.setattr(encode, "divides_at_spaces", lambda tokenizer: False)
    for document, expected in zip(documents, encoder(list(LONG.values())), strict=True):
        assert seen(document) == seen(expected)


def test_only_the_beginning_of_a_long_text_is_tokenized(monkeypatch):
    sizes = []

    def tokenize(tokenizer, texts, *options):
        sizes.append(len(texts[0][0]))
        return encode_tokens(tokenizer, texts, *options)

    monkeypatch.setattr(encode, "tokenize", tokenize)
    (document,) = Encoder(tokenizer_of("word_piece"), LIMIT, "word")(["the film is worth it " * 20_000])
    assert len(document.text) == 420_000
    assert len(sizes) == 1
    assert 0 < sizes[0] <= CHARACTERS * LIMIT


def test_only_tokenizers_that_divide_at_spaces_are_given_the_beginning():
    known = [kind for kind in KINDS if divides_at_spaces(tokenizer_of(kind))]
    assert known == [kind for kind in KINDS if kind in {"word_piece", "word_level"} or kind.startswith("byte_level")]


@pytest.mark.parametrize(("length", "read"), [(1, 1), (2 * CHARACTERS, 2 * CHARACTERS), (2 * CHARACTERS + 1, 2)])
def test_a_text_is_whole_up_to_so_many_characters_for_each_token(length, read):
    """A longer one is read up to the last space in these."""
    text = ("ab " + "c" * 100)[:length]
    assert beginning(text, 2) == text[:read]


def test_a_beginning_ends_after_a_letter_or_digit():
    assert beginning("a, " * 100, 2) == "a, " * 100
    assert beginning("a" * 100, 2) == "a" * 100
    assert beginning("ab " * 100, 2) == ("ab " * 16).strip()
    assert beginning("- 1 " * 100, 2) == ("- 1 " * 12).strip()
    assert beginning("éa " * 100, 2) == ("éa " * 16).strip()
    assert beginning("aé " * 100, 2) == "aé " * 100


def test_the_first_pre_tokenizer_has_to_divide():
    """Behind a byte-level one that does not, there are no spaces left."""
    tokenizer = deepcopy(tokenizer_of("word_level"))
    bytes_alone, words = pre_tokenizers.ByteLevel(use_regex=False), pre_tokenizers.Whitespace()
    for parts, expected in (([words], True), ([words, bytes_alone], True), ([bytes_alone, words], False)):
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(parts)
        assert divides_at_spaces(tokenizer) is expected
