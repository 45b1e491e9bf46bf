"""Calls of a tokenizer leave it as it was, and its errors become one sentence."""

import logging

import pytest

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.text.tokenize import restored_settings, side_of, tokenize, without_overflow_note
from tests.helpers.tiny import piece_tokenizer
from tests.helpers.tokenizer_classes import build

TEXT = "the film is bad"


class Recorder:
    """A tokenizer that returns the arguments that it is called with."""

    is_fast, truncation_side = False, "right"

    def __call__(self, texts, **kwargs):
        self.during = self.truncation_side
        return {"texts": texts, **kwargs}


OURS = {"return_overflowing_tokens": False, "return_special_tokens_mask": True, "verbose": False}


@pytest.mark.parametrize(
    ("limit", "given", "expected", "side"),
    [
        (None, {}, {"truncation": False, "max_length": None}, "right"),
        (None, {"truncation": "only_first", "max_length": 9}, {"truncation": False, "max_length": None}, "right"),
        (7, {}, {"truncation": True, "max_length": 7}, "right"),
        (7, {"truncation": "only_first", "max_length": 9}, {"truncation": "only_first", "max_length": 7}, "right"),
        (0, {"truncation_side": "right"}, {"truncation": True, "max_length": 0}, "left"),
        (7, {"padding": "max_length"}, {"truncation": True, "max_length": 7, "padding": "max_length"}, "right"),
    ],
)
def test_which_arguments_a_tokenizer_gets(limit, given, expected, side):
    tokenizer = Recorder()
    asked = tokenize(tokenizer, [("a",), ("b", "c"), ("",)], limit, side, given)
    assert asked == {"texts": ["a", ("b", "c"), ""], **OURS, **expected}
    assert (tokenizer.during, tokenizer.truncation_side) == (side, "right")


@pytest.mark.parametrize(("given", "side"), [({}, "right"), ({"truncation_side": "left"}, "left")])
def test_texts_are_truncated_on_the_side_of_the_arguments_or_of_the_tokenizer(given, side):
    tokenizer = Recorder()
    assert side_of(tokenizer, given) == side
    tokenizer.truncation_side = "left"
    assert side_of(tokenizer, given) == "left"


def test_an_error_of_a_tokenizer_is_one_sentence():
    class Broken(Recorder):
        def __call__(self, texts, **kwargs):
            raise KeyError("no\nvocabulary " + "x" * 300)

    with pytest.raises(GradexplainError) as caught:
        tokenize(Broken(), [("a",)], None, "right", {})
    message = str(caught.value)
    assert message.startswith("the tokenizer fails on these texts (KeyError: ")
    assert message.endswith("): load the tokenizer that the model was trained with, or repair its files")
    assert "\n" not in message
    assert 200 < len(message) < 350


def state(tokenizer):
    return tokenizer.truncation_side, tokenizer.backend_tokenizer.truncation, tokenizer.backend_tokenizer.padding


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("truncated", [False, True])
@pytest.mark.parametrize("padded", [False, True])
def test_the_settings_of_a_fast_tokenizer_are_restored(fails, truncated, padded):
    tokenizer = piece_tokenizer()
    backend = tokenizer.backend_tokenizer
    if truncated:
        backend.enable_truncation(5, stride=2, strategy="only_first", direction="left")
    if padded:
        backend.enable_padding(length=9, pad_id=3, pad_token="[SEP]")
    before = state(tokenizer)
    assert (before[1] is not None, before[2] is not None) == (truncated, padded)
    try:
        with restored_settings(tokenizer, "left"):
            assert tokenizer.truncation_side == "left"
            tokenizer(TEXT, truncation=True, max_length=3, padding="max_length")
            assert state(tokenizer) != before
            if fails:
                raise KeyError
    except KeyError:
        pass
    assert state(tokenizer) == before


def test_a_tokenizer_in_python_has_only_a_side():
    tokenizer = build("BertTokenizerLegacy")
    with restored_settings(tokenizer, "left"):
        assert tokenizer.truncation_side == "left"
    assert tokenizer.truncation_side == "right"


def test_only_the_note_about_overflowing_tokens_is_left_out(caplog):
    log = logging.getLogger("transformers.tokenization_python")
    note = "Be aware, overflowing tokens are not returned for the setting you have chosen"
    with caplog.at_level(logging.WARNING, log.name):
        log.propagate, before = True, log.propagate
        try:
            with without_overflow_note():
                log.warning(note)
                log.warning("another %s", "message")
            log.warning(note)
        finally:
            log.propagate = before
    assert [record.getMessage() for record in caplog.records] == ["another message", note]
    assert log.filters == []
