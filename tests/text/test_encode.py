"""Tests of encoding: with every kind of tokenizer, units are spans of the text as the user wrote it."""

import numpy as np
import pytest
import torch

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.text.collate import collate, plan_batches
from hf_gradexplain.text.data import NO_UNIT, Document
from hf_gradexplain.text.encode import Encoder, is_undivided
from hf_gradexplain.text.unit import Occurrences
from tests.helpers.tiny import make
from tests.helpers.tokenizers_of_all_kinds import KINDS, tokenizer_of

TEXTS = {
    "plain": "A thoughtful, gripping film.",
    "spaces": "  the  film\t is\n\nworth it  ",
    "accents": "naïve café wörld ﬁlm",
    "decomposed": "cafe\u0301 nai\u0308ve",
    "emoji": "the film 🙂🙂 is 👩‍👩‍👧 gripping 🏳️‍🌈",
    "cjk": "映画は面白い 电影很好",
    "right to left": "הסרט טוב מאוד الفيلم جيد",
    "control": "the\x00film\x07 is\x1b[31m\u200b worth",
    "surrogate": "the \ud83d film",
    "markup": "<b>the</b> [SEP] film [UNK] </s> ▁ Ġthe",
    "digits": "3.14 is 1,000,000 €",
    "empty": "",
    "blank": " \n\t ",
}
UNITS = ("token", "word", "word_type")


def documents(kind, texts, unit="word", max_length=None, **options):
    return Encoder(tokenizer_of(kind, **options), max_length, unit)(texts)


def rebuild_text(document) -> str:
    """Return the units' spans and the text between them, one after the other."""
    out, end = "", 0
    for start, stop in sorted(span for unit in document.units for span in unit.spans):
        assert end <= start <= stop
        out += document.text[end:start] + document.text[start:stop]
        end = stop
    return out + document.text[end:]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("kind", KINDS)
def test_spans_never_overlap_and_cover_the_text(kind, unit):
    for text, document in zip(TEXTS.values(), documents(kind, list(TEXTS.values()), unit), strict=True):
        assert document.text == text.replace("\ud83d", "\ufffd")
        assert rebuild_text(document) == document.text
        for unit_ in document.units:
            assert {document.text[slice(*span)] for span in unit_.spans if span[0] < span[1]} <= {
                unit_.text,
                *(document.text[slice(*span)] for span in unit_.spans if unit == "word_type"),
            }


@pytest.mark.parametrize("kind", KINDS)
def test_every_token_that_the_tokenizer_did_not_add_belongs_to_one_unit(kind):
    tokenizer = tokenizer_of(kind)
    for text in TEXTS.values():
        (document,) = Encoder(tokenizer, None, "word")([text])
        special = tokenizer(document.text, return_special_tokens_mask=True)["special_tokens_mask"]
        assert ((document.unit_of == NO_UNIT) == (np.array(special or [1]) == 1)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_word_contains_no_white_space(kind):
    text = "the film  isn't\tworth\nit, naïve café 🙂 wörld"
    (document,) = documents(kind, [text])
    assert "".join(unit.text for unit in document.units).replace(" ", "") == "".join(text.split())
    for unit in document.units:
        assert not any(map(str.isspace, unit.text))


@pytest.mark.parametrize("kind", KINDS)
def test_one_emoji_of_several_tokens_is_one_word(kind):
    (document,) = documents(kind, ["the 🙂 film"])
    assert [unit.text for unit in document.units] == ["the", "🙂", "film"]


@pytest.mark.parametrize("kind", ["word_piece", "word_level", "canine", "perceiver", "byt5"])
def test_punctuation_stands_alone_where_the_tokenizer_has_words(kind):
    (document,) = documents(kind, ["A film, isn't it?"])
    assert [unit.text for unit in document.units] == ["A", "film", ",", "isn", "'", "t", "it", "?"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a[UNK]b", "a [UNK] b"),
        ("film[UNK]bad", "film [UNK] bad"),
        ("[UNK]film[SEP]the film", "[UNK] film [SEP] the film"),
        ("film [UNK] film", "film [UNK] film"),
        ("[UNK][UNK]é[MASK]电影", "[UNK] [UNK] é [MASK] 电 影"),
        ("[UNK]e\u0301s [UNK]🙂", "[UNK] e\u0301s [UNK] 🙂"),
        (("[UNK]film", "a[UNK]b c"), "[UNK] film a [UNK] b c"),
    ],
)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith("byte_level")])
def test_words_behind_special_tokens_have_all_of_their_letters(kind, text, words):
    """Also if the tokenizer puts a space before them."""
    (document,) = documents(kind, [text])
    assert [unit.text for unit in document.units] == words.split()
    (untrimmed,) = documents(
        kind if "untrimmed" in kind else kind.replace("byte_level", "byte_level_untrimmed"), [text]
    )
    assert document.unit_of.tolist() == untrimmed.unit_of.tolist()
    assert document.units == untrimmed.units


@pytest.mark.parametrize("kind", KINDS)
def test_both_texts_of_a_pair_are_indexed_in_the_joined_text(kind):
    (document,) = documents(kind, [("the film", "it's the actor")])
    assert document.text == "the film\nit's the actor"
    assert document.text[document.pair_start :] == "it's the actor"
    assert rebuild_text(document) == document.text
    surfaces = [document.text[slice(*span)] for unit in document.units for span in unit.spans]
    assert "".join(surfaces) == "thefilmit'stheactor"
    assert len(next(unit for unit in document.units if unit.text == "the").spans) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_all_occurrences_of_a_word_are_one_unit_if_the_unit_is_word_type(kind):
    (document,) = documents(kind, ["the film and the film"], "word_type")
    unit = next(unit for unit in document.units if unit.text == "film")
    assert [document.text[slice(*span)] for span in unit.spans] == ["film", "film"]


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("kind", KINDS)
def test_truncation_reports_where_the_text_is_cut(kind, side):
    text = "the film is thoughtful and the actor plays it well " * 3
    (document,) = documents(kind, [text], max_length=12, truncation_side=side)
    assert len(document) == 12
    assert rebuild_text(document) == text
    read = [span for unit in document.units for span in unit.spans]
    if side == "right":
        assert read[0][0] == 0
        assert document.truncated_at == read[-1][1]
    else:
        assert text[read[-1][1] :].strip() == ""
        assert document.truncated_at == 0
    assert documents(kind, ["the film"], max_length=12)[0].truncated_at is None


@pytest.mark.parametrize("kind", ["canine", "byt5", "byte_level"])
def test_a_word_may_be_cut(kind):
    (document,) = documents(kind, ["thoughtful"], "token", max_length=5)
    assert document.truncated_at == sum(len(unit.text) for unit in document.units) < 10


@pytest.mark.parametrize("kind", ["byte_level", "word_piece"])
def test_a_hundred_thousand_words(kind):
    text = "the film is worth it " * 20_000
    (document,) = documents(kind, [text])
    assert len({span for unit in document.units for span in unit.spans}) == 100_000
    (cut,) = documents(kind, [text], max_length=512)
    assert 0 < cut.truncated_at < 5_000


def test_a_hundred_thousand_words_through_a_tokenizer_without_offsets():
    (document,) = documents("canine", ["the film is worth it " * 20_000], max_length=2048)
    assert len(document) == 2048
    assert document.units[0].text == "the"
    assert 2000 < document.truncated_at < 2049


def test_an_asked_length_may_be_that_of_the_model():
    tokenizer = tokenizer_of("word_piece")
    (document,) = Encoder(tokenizer, 5, "word", kwargs={"max_length": 5})(["the film is good and bad"])
    assert len(document) == 5
    with pytest.raises(GradexplainError, match="max_length is 6, but the model reads at most 5 tokens"):
        Encoder(tokenizer, 5, "word", kwargs={"max_length": 6})


@pytest.mark.parametrize("kind", KINDS)
def test_the_numbers_of_a_document_are_plain(kind):
    """JSON knows no numbers of NumPy."""
    tokenizer = tokenizer_of(kind)
    texts = ["the film 🙂 the end", ("the film", "is good and bad and long")]
    cut, whole = (Encoder(tokenizer, limit, "word_type")(texts) for limit in (4, None))
    windows = Encoder(tokenizer, 9, "word", stride=0)(["the film is good and bad and long " * 3])
    assert windows[0].windows
    numbers = [document.pair_start for document in (*cut, *whole)] + [document.truncated_at for document in cut]
    numbers += [document.n_units for document in (*cut, *whole, *windows)]
    numbers += [k for document in (*whole, *windows) for unit in document.units for span in unit.spans for k in span]
    numbers += [k for window in windows[0].windows for k in (window.start, window.end, window.tokens)]
    assert {type(number) for number in numbers} <= {int, type(None)}


@pytest.mark.parametrize("kind", KINDS)
def test_the_settings_of_the_tokenizer_are_restored(kind):
    tokenizer = tokenizer_of(kind)
    before = repr(vars(tokenizer)), tokenizer("the film is worth it").input_ids
    Encoder(tokenizer, 4, "word")(["the film is worth it"])
    assert (repr(vars(tokenizer)), tokenizer("the film is worth it").input_ids) == before


def test_unknown_words_with_different_spellings_are_different_units():
    (document,) = documents("word_level", ["zzz film qqq zzz"], "word_type")
    assert [unit.text for unit in document.units] == ["zzz", "film", "qqq"]


@pytest.mark.parametrize("text", [3, None, ["a"], ("a",), ("a", "b", "c"), ("a", 3)])
def test_anything_but_a_text_or_a_pair_is_an_error(text):
    with pytest.raises(
        GradexplainError,
        match="each text must be a str, a tuple of two str, a dict of text and text_pair, or a list of messages, not",
    ):
        documents("word_level", [text])


def test_all_texts_of_an_encoder_are_truncated_on_the_same_side():
    tokenizer, texts = tokenizer_of("word_piece"), ["the film is worth it " * 3]
    before = Encoder(tokenizer, 6, "word")
    assert before(texts)[0].truncated_at
    tokenizer.truncation_side = "left"
    assert before(texts)[0].truncated_at
    assert Encoder(tokenizer, 6, "word")(texts)[0].truncated_at == 0


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_belongs_to_no_unit(side):
    tokenizer = tokenizer_of("word_piece", padding_side=side)
    batch = collate(Encoder(tokenizer, None, "word")(["the film", "the"]), [None, 1], tokenizer, seed=3)
    padding = batch.inputs["attention_mask"] == 0
    assert padding[1].sum() == 1
    assert padding[1, 0 if side == "left" else -1]
    assert (batch.inputs["input_ids"][padding] == tokenizer.pad_token_id).all()
    assert (batch.units.unit_of[padding] == batch.units.size).all()
    assert batch.units.unit_of[1].tolist().count(0) == 1
    assert batch.target.tolist() == [-1, 1]
    assert torch.equal(batch.units.count, torch.tensor([2, 1]))


@pytest.mark.parametrize("budget", [1, 7, 20, 1000])
@pytest.mark.parametrize("limit", [0, 5, 100])
def test_batches_hold_every_document_once_within_the_budget(budget, limit):
    lengths = [3, 9, 3, 5, 5, 1, 9, 2]
    batches = plan_batches(lengths, budget, padded_up_to=limit)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        longest = max(lengths[i] for i in batch)
        assert len(batch) == 1 or len(batch) * longest <= budget
        assert len({lengths[i] for i in batch}) == 1 or longest <= limit


def test_a_text_without_tokens_is_encoded_as_one_filler_token():
    (document,) = Encoder(make("gpt2")[1], None, "word", filler=5)([""])
    assert document.inputs["input_ids"].tolist() == [5]
    assert not document.units


@pytest.mark.parametrize("kind", ["word_piece", "byte_level_untrimmed", "character_level", "canine"])
def test_texts_encoded_together_are_those_encoded_alone(kind):
    tokenizer = tokenizer_of(kind)
    together = Encoder(tokenizer, 12, "word_type")([*TEXTS.values(), ("the film", "")])
    for text, document in zip([*TEXTS.values(), ("the film", "")], together, strict=True):
        (alone,) = Encoder(tokenizer, 12, "word_type")([text])
        for name in ("unit_of", "row_of", "unit_of_row"):
            assert getattr(document, name).tolist() == getattr(alone, name).tolist()
        assert (document.units, document.n_units) == (alone.units, len(alone.units))
        assert (document.truncated_at, document.pair_start) == (alone.truncated_at, alone.pair_start)


@pytest.mark.parametrize(
    ("text", "undivided"),
    [
        ("a" * 40, False),
        ("a" * 41, True),
        ("電" * 8, False),
        ("電" * 9, True),
        ("電" * 8 + "a", True),
        ("1" * 100, False),  # digits are no letters
    ],
)
def test_one_unit_of_many_letters_is_a_text_that_was_not_divided(text, undivided):
    def document(*spans):
        units = Occurrences(text, np.zeros(len(spans), int), np.array(spans), {}, 1)
        zero = np.zeros(1, int)
        return Document(text, units, {"input_ids": zero}, zero, zero, zero)

    assert is_undivided(document((0, len(text)))) is undivided
    assert not is_undivided(document((0, len(text)), (0, len(text))))  # a word that occurs twice


def test_a_text_of_two_units_or_none_is_divided():
    (two,), (none,) = documents("word_piece", ["a film"]), documents("word_piece", [""])
    assert not is_undivided(two)
    assert not is_undivided(none)
