"""Whatever the tokenizer, units are places in the text as the user wrote it."""

import gc
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from hf_gradexplain.classifier.limits import length_limit, pad_id, vocabulary_size
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.text.data import NO_UNIT
from hf_gradexplain.text.encode import Encoder, collate, plan_batches
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


def read_back(document) -> str:
    """The units' spans and what lies between them, one after the other."""
    out, end = "", 0
    for start, stop in sorted(span for unit in document.units for span in unit.spans):
        assert end <= start <= stop
        out += document.text[end:start] + document.text[start:stop]
        end = stop
    return out + document.text[end:]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("kind", KINDS)
def test_spans_never_overlap_and_give_back_the_text(kind, unit):
    for text, document in zip(TEXTS.values(), documents(kind, list(TEXTS.values()), unit), strict=True):
        assert document.text == text.replace("\ud83d", "\ufffd")
        assert read_back(document) == document.text
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
def test_words_are_those_between_white_space_or_parts_of_them(kind):
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


@pytest.mark.parametrize("kind", KINDS)
def test_both_texts_of_a_pair_are_indexed_in_the_joined_text(kind):
    (document,) = documents(kind, [("the film", "it's the actor")])
    assert document.text == "the film\nit's the actor"
    assert document.text[document.pair_start :] == "it's the actor"
    assert read_back(document) == document.text
    found = [document.text[slice(*span)] for unit in document.units for span in unit.spans]
    assert "".join(found) == "thefilmit'stheactor"
    assert len(next(unit for unit in document.units if unit.text == "the").spans) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_all_occurrences_of_a_word_are_one_unit_of_the_word_type(kind):
    (document,) = documents(kind, ["the film and the film"], "word_type")
    unit = next(unit for unit in document.units if unit.text == "film")
    assert [document.text[slice(*span)] for span in unit.spans] == ["film", "film"]


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("kind", KINDS)
def test_truncation_says_what_was_not_read(kind, side):
    text = "the film is thoughtful and the actor plays it well " * 3
    (document,) = documents(kind, [text], max_length=12, truncation_side=side)
    assert len(document) == 12
    assert read_back(document) == text
    read = [span for unit in document.units for span in unit.spans]
    if side == "right":
        assert read[0][0] == 0
        assert document.truncated_at == read[-1][1]
    else:
        assert text[read[-1][1] :].strip() == ""
        assert document.truncated_at == 0
    assert documents(kind, ["the film"], max_length=12)[0].truncated_at is None


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


@pytest.mark.parametrize("kind", KINDS)
def test_a_tokenizers_settings_are_left_as_found(kind):
    tokenizer = tokenizer_of(kind)
    before = repr(vars(tokenizer)), tokenizer("the film is worth it").input_ids
    Encoder(tokenizer, 4, "word")(["the film is worth it"])
    assert (repr(vars(tokenizer)), tokenizer("the film is worth it").input_ids) == before


def test_an_unknown_word_is_named_by_how_it_is_written():
    (document,) = documents("word_level", ["zzz film qqq zzz"], "word_type")
    assert [unit.text for unit in document.units] == ["zzz", "film", "qqq"]


@pytest.mark.parametrize("text", [3, None, ["a"], ("a",), ("a", "b", "c"), ("a", 3)])
def test_what_is_no_text_is_refused(text):
    with pytest.raises(GradexplainError, match="a text is a str, or a tuple of two for a pair, not"):
        documents("word_level", [text])


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_belongs_to_nobody(side):
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


def test_the_length_limit_is_the_lower_of_the_tokenizers_and_the_positions():
    model = nn.ModuleList([nn.Embedding(40, 2)])
    model.config = SimpleNamespace(max_position_embeddings=40)
    assert length_limit(tokenizer_of("word_piece", model_max_length=7), model) == 7
    assert length_limit(tokenizer_of("word_piece", model_max_length=50), model) == 40
    assert length_limit(tokenizer_of("word_piece"), model) == 40
    assert length_limit(tokenizer_of("word_piece"), nn.Linear(1, 1)) is None


def test_positions_are_counted_from_the_row_after_their_padding():
    model = nn.ModuleList([nn.Embedding(42, 2, padding_idx=1)])
    model.config = SimpleNamespace(max_position_embeddings=42)
    assert length_limit(tokenizer_of("word_piece"), model) == 40


def test_texts_are_padded_with_a_token_that_the_model_has_a_vector_for():
    model, text = nn.Linear(1, 1), SimpleNamespace(vocab_size=7)
    tokenizer = SimpleNamespace(pad_token_id=7)
    assert vocabulary_size(model) is None
    assert pad_id(tokenizer, model) == 7, "nothing is known of the model's vectors"
    model.config = SimpleNamespace(get_text_config=lambda: text)
    assert vocabulary_size(model) == 7
    assert pad_id(tokenizer, model) is None
    text.vocab_size = 8
    assert pad_id(tokenizer, model) == 7
    assert pad_id(SimpleNamespace(pad_token_id=None), model) is None


def test_a_text_without_any_token_is_one_filler_to_read():
    (document,) = Encoder(make("gpt2")[1], None, "word", filler=5)([""])
    assert document.inputs["input_ids"] == (5,)
    assert not document.units


@pytest.mark.parametrize("enabled", [True, False])
def test_the_garbage_collector_is_left_as_found(enabled, monkeypatch):
    running = gc.isenabled()
    try:
        gc.enable() if enabled else gc.disable()
        documents("word_level", ["the film"])
        assert gc.isenabled() == enabled
        monkeypatch.setattr("hf_gradexplain.text.encode._units", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            documents("word_level", ["the film"])
        assert gc.isenabled() == enabled
    finally:
        gc.enable() if running else gc.disable()
