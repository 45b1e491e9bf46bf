"""Places of tokens without offsets, with a tokenizer that is made up; test_words.py has those of transformers."""

import logging
import re

import pytest
from tokenizers import AddedToken

from hf_gradexplain.text.encode import Encoder
from hf_gradexplain.text.hypotheses import HypothesisEncoder
from hf_gradexplain.text.python_tokenizers import (
    _cut,
    _with_gaps,
    _without_marks,
    _words_of,
    from_alignment,
    from_template,
)
from tests.helpers.chats import WordTokenizer
from tests.helpers.tokenizer_classes import build


@pytest.fixture
def capture_transformers(caplog):
    """The messages that transformers logs."""
    logger, messages = logging.getLogger("transformers"), []
    caplog.set_level(logging.WARNING, logger=logger.name)
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())
    logger.addHandler(handler)
    yield messages
    logger.removeHandler(handler)


def names(tokenizer, document):
    """Per token, the piece and the text of its unit, by sequence."""
    pieces = tokenizer.convert_ids_to_tokens(document.inputs["input_ids"].tolist())
    units = [None if u < 0 else document.units[u].text for u in document.unit_of]
    return list(zip(pieces, units, strict=True))


@pytest.mark.parametrize("by_argument", [False, True])
def test_the_side_of_truncation_is_that_of_the_arguments_or_the_tokenizer(by_argument):
    tokenizer = WordTokenizer(truncation_side="right" if by_argument else "left")
    encoder = Encoder(tokenizer, 6, "word", kwargs={"truncation_side": "left"} if by_argument else {})
    (document,) = encoder(["the film is good and the film is not bad"])
    assert names(tokenizer, document) == [
        ("the", "the"), ("fil", "film"), ("m", "film"), ("is", "is"), ("not", "not"), ("bad", "bad"),
    ]  # fmt: skip
    assert [unit.spans[0][0] for unit in document.units] == [21, 25, 30, 33, 37]
    assert document.truncated_at == 0


def test_truncated_pairs_log_nothing_and_other_messages_stay(caplog):
    """The pair is truncated twice: by the tokenizer, and to find out where its second text begins."""
    logger, messages = logging.getLogger("transformers.tokenization_python"), []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())
    tokenizer, pair = WordTokenizer(), ("the film is good", "the film is not bad")
    logger.addHandler(handler)
    try:
        with caplog.at_level(logging.WARNING, logger=logger.name):
            (document,) = Encoder(tokenizer, 6, "word")([pair])
            assert messages == []
            tokenizer(*pair, truncation=True, max_length=6)
    finally:
        logger.removeHandler(handler)
    assert len(document.inputs["input_ids"]) == 6
    assert len(messages) == 1
    assert "overflowing tokens are not returned" in messages[0]


def test_a_truncated_pair_of_long_texts_is_no_reason_for_a_warning(capture_transformers):
    tokenizer = WordTokenizer(model_max_length=3)
    (document,) = Encoder(tokenizer, 6, "word")([("the film is good", "the film is not bad")])
    assert len(document.inputs["input_ids"]) == 6
    assert capture_transformers == []
    tokenizer("the film is good")
    assert len(capture_transformers) == 1


def test_a_hypothesis_without_a_separator_begins_where_the_text_was_cut():
    """Pairs of this tokenizer have no special token between them."""
    tokenizer = WordTokenizer()
    document = HypothesisEncoder(tokenizer, 9, "word").hypotheses(
        "the film is good and the film is not bad", ["bad music films is"], "{}"
    )
    assert names(tokenizer, document) == [
        ("the", "the"), ("fil", "film"), ("m", "film"),
        ("bad", "bad"), ("mus", "music"), ("ic", "music"), ("fil", "films"), ("ms", "films"), ("is", "is"),
    ]  # fmt: skip
    assert document.truncated_at == len("the film")


class MadeUp:
    """Tokenizes words alone as listed; a text is given by its tokens."""

    unk_token_id, truncation_side, all_special_tokens = None, "right", ()

    def __init__(self, **alone: str) -> None:
        self.alone, self.vocabulary = alone, ["▁", "a", "b", "c", "bc", "de", "d", "e", "ab", "b@@", "@@@", "##c"]

    def __call__(self, text: str, *, add_special_tokens: bool, verbose: bool) -> dict[str, list[int]]:
        return {"input_ids": [i for word in text.split() for i in self.convert_tokens_to_ids(self.tokenize(word))]}

    def tokenize(self, text: str) -> list[str]:
        return self.alone.get(text, self.alone[text.strip()]).split()

    def convert_tokens_to_ids(self, tokens: list[str]) -> list[int]:
        return [self.vocabulary.index(token) for token in tokens]

    def convert_ids_to_tokens(self, ids: list[int] | int) -> list[str] | str:
        return self.vocabulary[ids] if isinstance(ids, int) else [self.vocabulary[i] for i in ids]

    def decode(self, ids: list[int], *, clean_up_tokenization_spaces: bool) -> str:
        return "".join(self.convert_ids_to_tokens(ids)).replace("▁", " ")


def placed(tokenizer: MadeUp, tokens: str, text: str, *, truncated: bool = False):
    ids = tokenizer.convert_tokens_to_ids(tokens.split())
    side = tokenizer.truncation_side if truncated else None
    return from_alignment(tokenizer, ids, [0] * len(ids), [text], [0], side)


@pytest.mark.parametrize(
    ("tokens", "spans"),
    [
        ("a bc de", [(0, 1), (1, 3), (4, 6)]),
        ("a b c de", [(0, 1), (1, 2), (2, 3), (4, 6)]),
        ("ab c de", [(0, 2), (2, 3), (4, 6)]),
        ("a bc d e", [(0, 1), (1, 3), (4, 5), (5, 6)]),
        ("ab c d e", [(0, 2), (2, 3), (4, 5), (5, 6)]),
    ],
)
def test_words_that_are_tokenized_otherwise_in_their_text(tokens, spans):
    """Alone, the words are `a bc` and `de`. A word whose first token is the same may go on with others."""
    found = placed(MadeUp(abc="a bc", de="de"), tokens, "abc de")
    assert found.spans == spans
    assert found.words == [(0, 0 if start < 4 else 4) for start, _ in spans]


def test_a_blank_at_the_end_of_a_word_belongs_to_it():
    found = placed(MadeUp(abc="a bc ▁", de="de"), "a bc ▁ de", "abc de")
    assert found.spans == [(0, 1), (1, 3), (3, 3), (4, 6)]
    assert found.words == [(0, 0), (0, 0), (0, 0), (0, 4)]


def test_a_blank_at_the_start_of_a_word_belongs_to_it():
    found = placed(MadeUp(abc="▁ a bc", de="▁ de"), "▁ a bc ▁ de", "abc de")
    assert found.spans == [(0, 0), (0, 1), (1, 3), (4, 4), (4, 6)]
    assert found.words == [(0, 0), (0, 0), (0, 0), (0, 4), (0, 4)]


def test_a_word_may_have_other_tokens_after_a_blank():
    """The tokens of unknown characters show nothing of the text: only the words tokenized alone tell their places."""
    tokenizer = MadeUp(**{"xy": "?", "zz": "?", " zz": "? ?"})
    tokenizer.vocabulary.append("?")
    tokenizer.unk_token_id = len(tokenizer.vocabulary) - 1
    found = placed(tokenizer, "? ? ?", "xy zz")
    assert found.spans == [(0, 2), (3, 4), (4, 5)]
    assert found.words == [(0, 0), (0, 3), (0, 3)]


@pytest.mark.parametrize(
    ("text", "tokens", "spans"),
    [
        ("it's", "it &apos; s", [(0, 2), (2, 3), (3, 4)]),
        ("it's", "it & apos ; s", [(0, 2), (2, 3), (2, 3), (2, 3), (3, 4)]),
        ("it&s", "it &amp; s", [(0, 2), (2, 3), (3, 4)]),
        ("it&amp;s", "it &amp; s", [(0, 2), (2, 7), (7, 8)]),
        ("it&amp;s", "it & amp ; s", [(0, 2), (2, 3), (3, 6), (6, 7), (7, 8)]),
    ],
)
def test_some_tokenizers_write_entities_for_characters(text, tokens, spans):
    tokenizer = MadeUp(**{text: tokens})
    tokenizer.vocabulary += ["it", "s", "&", "apos", "amp", ";", "&apos;", "&amp;"]
    assert placed(tokenizer, tokens, text).spans == spans


def test_letters_without_a_token_belong_to_their_word_unless_the_text_is_cut_there():
    tokenizer = MadeUp(abc="ab")
    for truncated in (False, True):  # if the text fits exactly, it is not cut
        whole = placed(tokenizer, "ab ab", "abc abc", truncated=truncated)
        assert (whole.spans, whole.cuts) == ([(0, 3), (4, 7)], ())
    cut = placed(tokenizer, "ab ab", "abc abc abc", truncated=True)
    assert (cut.spans, cut.cuts) == ([(0, 3), (4, 6)], (6,))


def test_at_the_end_of_a_text_that_is_cut_at_its_beginning_the_word_is_complete():
    tokenizer = MadeUp(abc="ab")
    tokenizer.truncation_side = "left"
    found = placed(tokenizer, "ab", "abc abc", truncated=True)
    assert (found.spans, found.cuts) == ([(4, 7)], (0,))


@pytest.mark.parametrize(("text", "tokens"), [("b@c", "b@@ @@@ c"), ("b@c", "b@@ @@@ ##c")])
def test_marks_of_tokens_that_go_on_are_no_characters(text, tokens):
    found = placed(MadeUp(**{text: tokens}), tokens, text)
    assert found.spans == [(0, 1), (1, 2), (2, 3)]


CHUNKS = [((0, 3), [5, 6]), ((4, 8), [7]), ((9, 12), [8, 9])]


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([5, 6, 7, 8, 9], CHUNKS),
        ([5, 6, 7, 8], [*CHUNKS[:2], ((9, 12), [8])]),
        ([5, 6], CHUNKS[:1]),
        ([5], [((0, 3), [5])]),
        ([5, 7], None),
        ([5, 6, 8], None),
        ([5, 6, 7, 8, 9, 1], None),  # more than the chunks have
    ],
)
def test_chunks_are_cut_to_fit_the_ids(ids, expected):
    assert _cut(CHUNKS, ids) == expected
    assert _cut(iter(CHUNKS), ids) == expected


def test_no_ids_and_no_chunks():
    assert _cut([], []) == []
    assert _cut([], [5]) is None
    assert _cut(CHUNKS, []) == [((0, 3), [])]


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([5, 6, 7, 8, 9], CHUNKS),
        ([5, 6, 1, 8, 9], [((0, 3), [5, 6]), ((3, 9), [1]), ((9, 12), [8, 9])]),
        ([1, 2, 7, 3], [((0, 4), [1, 2]), ((4, 8), [7]), ((8, 14), [3])]),
        ([5, 1, 6, 7], [((0, 4), [5, 1, 6]), ((4, 8), [7])]),  # a chunk with something between its ids is not found
        ([1], [((0, 14), [1])]),
        ([], []),
    ],
)
def test_between_the_chunks_that_are_found_the_text_is_left_to_the_other_ids(ids, expected):
    assert _with_gaps(CHUNKS, ids, 14) == expected


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([(0, 1), (1, 3), (4, 8)], [0, 0, 4]),
        ([(0, 3), (3, 3), (4, 8)], [0, 0, 4]),  # without characters, at the end of a word
        ([(0, 3), (4, 4), (4, 8)], [0, 4, 4]),  # behind white space
        ([(0, 0), (0, 3)], [0, 0]),
        ([(3, 5)], [4]),  # the blank before a word
        ([(3, 4)], [3]),  # white space alone is a word of its own
        ([(8, 9), (9, 9)], [8, 8]),
        ([], []),
    ],
)
def test_the_word_of_each_token(spans, expected):
    assert list(_words_of(spans, [(0, 3), (4, 8)])) == expected


@pytest.mark.parametrize("name", ["BertTokenizerLegacy", "CTRLTokenizer", "FSMTTokenizer"])
def test_of_a_text_that_is_cut_at_its_beginning_the_last_tokens_have_their_places(name):
    """Whatever special tokens the tokenizer puts around it."""
    tokenizer, text = build(name), "The film is so good that it is not bad"
    (whole,) = Encoder(tokenizer, None, "token")([text])
    around = len(whole) - whole.n_units
    for n in (1, 2, 4):
        (cut,) = Encoder(tokenizer, n + around, "token", kwargs={"truncation_side": "left"})([text])
        assert [unit.spans for unit in cut.units] == [unit.spans for unit in whole.units[-n:]]
        assert cut.truncated_at == 0


@pytest.mark.parametrize(
    "text", ["the film<x>  is bad", "the film  <y>is bad", " the<y> <x>  film  <y>", "<x>  the film <x>"]
)
def test_words_next_to_added_tokens_that_take_blanks_have_their_places(text):
    tokenizer = build("BertTokenizerLegacy")
    tokenizer.add_tokens(
        [AddedToken("<x>", rstrip=True, normalized=False), AddedToken("<y>", lstrip=True, normalized=False)]
    )
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    found = from_template(tokenizer, ids, [0] * len(ids), text, None)
    pieces = [piece.removeprefix("##") for piece in tokenizer.convert_ids_to_tokens(ids)]
    assert [text[a:b] for a, b in found.spans] == pieces
    assert [start for start, _ in found.spans] == sorted(start for start, _ in found.spans)
    words = [match.start() for match in re.finditer(r"<.>|[a-z]+", text)]
    assert list(dict.fromkeys(found.words)) == words


@pytest.mark.parametrize(
    ("text", "starts"), [("  ab<x>  cd", [0, 1, 2, 3, 4, 9, 10]), (" a<x> <x>b", [0, 1, 2, 6, 9]), ("  ", [0, 1])]
)
def test_blanks_are_characters_unless_the_added_token_before_them_takes_them(text, starts):
    tokenizer = build("PerceiverTokenizer")
    tokenizer.add_tokens([AddedToken("<x>", rstrip=True, normalized=False)])
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    found = from_template(tokenizer, ids, [0] * len(ids), text, None)
    assert found.spans == [(start, start + (3 if text[start] == "<" else 1)) for start in starts]


@pytest.mark.parametrize(
    ("surface", "characters"),
    [
        *((" film ", "film"), ("▁film", "film"), ("film</w>", "film"), ("##ing", "ing"), ("fil@@", "fil")),
        *(("##a", "a"), ("a@@", "a"), ("##", "##"), ("@@", "@@"), ("▁", "▁"), (" ", " "), ("▁▁</w>", "▁▁</w>")),
        *(("▁##", "##"), ("@@</w>", "@@")),
    ],
)
def test_a_token_is_read_without_the_marks_of_its_word(surface, characters):
    assert _without_marks(surface) == characters


def test_of_a_text_that_is_cut_at_its_end_the_last_token_gets_no_more_of_its_word():
    tokenizer = build("BertTokenizerLegacy")
    tokenizer.add_tokens([AddedToken("<x>", normalized=False)])
    text = "goodfilm<x>isbadfilm"
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    whole = from_template(tokenizer, ids, [0] * len(ids), text, "right")
    assert whole.cuts == ()
    for n in range(1, len(ids)):
        found = from_template(tokenizer, ids[:n], [0] * n, text, "right")
        assert found.spans == whole.spans[:n]
        assert found.cuts == (whole.spans[n - 1][1],)
    ends = [end for _, end in whole.spans]
    assert text.index("<") in ends
    assert len({end for end in ends if end > text.index(">") + 1}) > 1, "the last word has several tokens"


@pytest.mark.parametrize(
    ("truncation", "limit", "words", "truncated_at"),
    [
        ("only_first", 14, ["the", "fil", "the", "film", "is", "bad"], 7),
        ("only_second", 14, ["the", "film", "is", "good", "the", "fil"], 24),
        ("only_second", 11, ["the", "film", "is", "good"], 17),  # nothing is left of the second text
        ("longest_first", 9, ["the", "fil", "the", "fil"], 7),
    ],
)
def test_pairs_are_truncated_as_asked(truncation, limit, words, truncated_at):
    tokenizer = build("BertTokenizerLegacy")
    pair = ("the film is good", "the film is bad")
    (document,) = Encoder(tokenizer, limit, "word", kwargs={"truncation": truncation})([pair])
    assert [unit.text for unit in document.units] == words
    assert document.truncated_at == truncated_at
    assert type(document.truncated_at) is int
    assert {type(offset) for unit in document.units for span in unit.spans for offset in span} == {int}
