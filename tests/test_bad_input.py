"""What cannot be used gets one clear sentence that names the mend; what is merely odd gets a result."""

import re

import numpy as np
import pytest
import torch
from transformers import BertForTokenClassification, BertModel

from hf_gradexplain.attribution.methods import METHODS
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explain import Explainer, explain
from hf_gradexplain.options import Options
from tests.helpers.tiny import KINDS, OURS, explainer, make

TWO = ["bad", "good film"]


@pytest.mark.parametrize(
    ("texts", "arguments", "message"),
    [
        ("bad", {"methods": "signed_ig"}, "unknown method 'signed_ig': did you mean 'signed_gi'?"),
        ("bad", {"methods": ("loo", "ig")}, "unknown method 'ig': "),
        ("bad", {"methods": ()}, "no method given: choose one or more of random, loo, "),
        ("bad", {"unit": "words"}, "unknown unit 'words': did you mean 'word'? Choices: token, word, word_type"),
        ("bad", {"objective": "los"}, "unknown objective 'los': did you mean 'loss'? Choices: loss, logit, prob"),
        ("bad", {"target": "labels"}, "unknown target 'labels': did you mean 'label'? Choices: predicted, label"),
        ("bad", {"batch_tokens": 0}, "batch_tokens is a positive number of tokens, not 0"),
        ("bad", {"target": "label"}, "target='label' needs labels=[...], one class id per text, but got none"),
        (TWO, {"labels": 1}, "target='label' needs labels=[...], one class id per text, but got 1"),
        (TWO, {"labels": [0]}, "2 texts need 2 labels, one class id each, but got 1"),
        ("bad", {"labels": [0, 1]}, "1 texts need 1 labels, one class id each, but got 2"),
        (
            TWO,
            {"labels": [0, 1], "target": "predicted"},
            "target='predicted' takes no labels: leave one of the two out",
        ),
        (TWO, {"labels": [0, 3]}, "label 3 of text 1 is no class of the model; choices: 0 (LABEL_0), 1 (LABEL_1)"),
        (TWO, {"labels": [-1, 0]}, "label -1 of text 0 is no class of the model"),
        (TWO, {"labels": [0, 1.0]}, "label 1.0 of text 1 is no class of the model"),
        (TWO, {"labels": [0, None]}, "label None of text 1 is no class of the model"),
        (TWO, {"labels": [[0, 1], [1]]}, "label [0, 1] of text 0 is no class of the model"),
        ("bad", {"labels": "LABEL_1"}, "label 'L' of text 0 is no class of the model; choices: 0 (LABEL_0)"),
        (None, {}, "texts is a str, a tuple of two for a pair, or a list of those, not NoneType"),
        (7, {}, "texts is a str, a tuple of two for a pair, or a list of those, not int"),
        (b"bad", {}, "texts is a str, a tuple of two for a pair, or a list of those, not bytes"),
        ({"text": "bad"}, {}, "texts is a str, a tuple of two for a pair, or a list of those, not dict"),
        (["bad", None], {}, "a text is a str, or a tuple of two for a pair, not NoneType"),
        (["bad", 7.0], {}, "a text is a str, or a tuple of two for a pair, not float"),
        ([["bad", "good"]], {}, "a text is a str, or a tuple of two for a pair, not list"),
        (("bad", "good", "film"), {}, "a text is a str, or a tuple of two for a pair, not a tuple of 3"),
        (("bad",), {}, "a text is a str, or a tuple of two for a pair, not a tuple of 1"),
        (["bad", ("good", None)], {}, "a text is a str, or a tuple of two for a pair, not NoneType"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused_in_one_sentence(texts, arguments, message):
    with pytest.raises(GradexplainError, match=f"^{re.escape(message)}") as caught:
        explainer("fasttext")(texts, **arguments)
    assert "\n" not in str(caught.value)


def test_nothing_is_read_before_the_arguments_are_checked():
    with pytest.raises(GradexplainError, match="unknown unit"):
        explainer("fasttext")([], unit="words")
    with pytest.raises(GradexplainError, match="0 texts need 0 labels"):
        explainer("fasttext")([], labels=[1])


@pytest.mark.parametrize(
    "changes",
    [{"seed": -1}, {"unit": "words"}, {"target": "gold"}, {"objective": "x"}, {"batch_tokens": -1}, {"ties": "first"}],
)
def test_options_that_cannot_be_used_cannot_be_made(changes):
    with pytest.raises(GradexplainError):
        Options(**changes)


@pytest.mark.parametrize("headless", [BertModel, BertForTokenClassification])
def test_a_model_that_does_not_classify_texts_is_refused(headless):
    model, tokenizer = make("bert")
    with pytest.raises(GradexplainError, match="no sequence classification head: load the model with AutoModelForSeq"):
        Explainer(headless(model.config).double().eval(), tokenizer)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_weights_that_are_not_finite_are_refused_by_name(value):
    model, tokenizer = make("bert")
    model.classifier.bias.data[0] = value
    with pytest.raises(GradexplainError, match=r"weight 'classifier\.bias' is not finite"):
        Explainer(model, tokenizer)


def test_a_checkpoint_without_a_trained_head_is_refused_by_name(tmp_path):
    model, tokenizer = make("bert", dtype=torch.float32)
    model.bert.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(GradexplainError, match=r"has no weights for classifier\.bias, classifier\.weight: its answers"):
        explain(str(tmp_path), "bad")


def test_a_name_that_does_not_exist_is_refused():
    with pytest.raises(GradexplainError, match="cannot load a sequence classifier from 'nobody/nothing': "):
        explain("nobody/nothing", "bad")


ODD = {
    "empty": "",
    "white space": " \t\n\u00a0\u2003 ",
    "unknown words": "qqqq zzzz",
    "one word": "bad",
    "control characters": "bad\x07\x1b[31m film\x08\r\n\x7f good",
    "NUL": "bad\x00film \x00 good",
    "emoji": "bad 🎬 film 👍🏽 good",
    "emoji joined by ZWJ": "bad 👨‍👩‍👧‍👦 film",
    "right to left": "הסרט רע film الفيلم جيد",
    "direction marks": "bad \u202egood\u202c film",
    "ideographs": "这部电影很好 bad 映画",
    "combining marks": "bad fi\u0301lm e\u0301\u0301\u0301 ﬁlm",
    "lone surrogates": "bad \ud83d film \udc4d",
    "byte order mark": "\ufeffbad film",
    "special tokens": "[CLS] bad [SEP] <s> film </s> [PAD] <pad> [UNK]",
    "one very long word": "bad" * 200,
}


def assert_whole(explanation, text: str) -> None:
    """Every character is in the text as it was, units stand in order and inside it, and every score is a number."""
    assert explanation.text == re.sub("[\ud800-\udfff]", "\ufffd", text)
    assert "".join(segment.text for segment in explanation.segments()) == explanation.text
    starts = [unit.spans[0] for unit in explanation.units]
    assert starts == sorted(starts)
    for unit in explanation.units:
        assert all(0 <= start <= end <= len(text) for start, end in unit.spans)
        assert unit.text
    for scores in explanation.scores.values():
        assert scores.shape == (len(explanation.units),)
        assert np.isfinite(scores).all()
    if explanation.truncated_at is not None:
        assert all(end <= explanation.truncated_at for unit in explanation.units for _, end in unit.spans)


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
@pytest.mark.parametrize("kind", KINDS)
def test_odd_texts_get_a_result(kind, text):
    for unit in ("token", "word", "word_type"):
        assert_whole(explainer(kind)(text, tuple(METHODS), unit), text)


@pytest.mark.parametrize("kind", KINDS)
def test_odd_texts_share_a_batch(kind):
    for text, explanation in zip(ODD.values(), explainer(kind)(list(ODD.values()), "signed_gi"), strict=True):
        assert_whole(explanation, text)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pair", [("", ""), ("", "bad film"), ("bad film", ""), ("\ud83d", "👍🏽\x00")])
def test_odd_pairs_get_a_result(kind, pair):
    assert_whole(explainer(kind)(pair, tuple(METHODS), "word_type"), "\n".join(pair))


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_without_units_still_has_a_prediction(kind):
    for text in ("", " \n "):
        explanation = explainer(kind)(text, tuple(METHODS))
        assert len(explanation.units) == 0 or kind in ("gpt2", "bart")
        assert explanation.truncated_at is None
        assert np.isfinite(explanation.probabilities).all()
        assert explanation.to_html()


@pytest.mark.parametrize("kind", KINDS)
def test_a_hundred_thousand_words_get_a_result(kind):
    text = "the film is bad and " * 20_000
    explanation = explainer(kind, dtype=torch.float32)(text, "signed_gi", "word_type")
    assert_whole(explanation, text)
    assert (explanation.truncated_at is None) == (kind in OURS)


def test_truncated_at_is_where_reading_stopped():
    explain, words = explainer("bert"), [f"{word} " for word in ["bad", "film"] * 40]
    text = "".join(words)
    explanation = explain(text, unit="token")
    read = explain.tokenizer(text, truncation=True, max_length=64, return_offsets_mapping=True)["offset_mapping"]
    assert explanation.truncated_at == read[-2][1] < len(text)
    assert max(end for unit in explanation.units for _, end in unit.spans) == explanation.truncated_at
    assert explain(text[: explanation.truncated_at]).truncated_at is None


@pytest.mark.parametrize("longer", ["first", "second"])
def test_truncated_at_of_a_pair_points_into_the_longer_text(longer):
    explain, long, short = explainer("bert"), "bad film " * 40, "the end is good"
    pair = (long, short) if longer == "first" else (short, long)
    explanation = explain(pair, unit="token")
    start, end = (0, len(long)) if longer == "first" else (explanation.pair_start, len(explanation.text))
    assert start < explanation.truncated_at < end
    inside = [stop for unit in explanation.units for _, stop in unit.spans if start < stop <= end]
    assert max(inside) == explanation.truncated_at
    others = {unit.text for unit in explanation.units for span in unit.spans if not start <= span[0] < end}
    assert others


@pytest.fixture
def beyond_the_table():
    """A decoder whose tokenizer was given special tokens, and which was not resized for them."""
    model, tokenizer = make("gpt2")
    rows = len(tokenizer)
    tokenizer.add_special_tokens({f"{name}_token": f"<|{name}|>" for name in ("pad", "mask", "unk")})
    return model, tokenizer, rows


def test_a_pad_token_without_a_vector_is_never_read(beyond_the_table):
    model, tokenizer, rows = beyond_the_table
    read = []
    model.transformer.wte.register_forward_pre_hook(lambda module, args: read.append(int(args[0].max())))
    texts = ["bad", "", "a good film", "the end", "the end of this film"]
    found = Explainer(model, tokenizer)(texts, ("signed_gi", "loo"))
    assert max(read) < rows
    for x, y in zip(found, Explainer(*make("gpt2"))(texts, ("signed_gi", "loo")), strict=True):
        for method, scores in x.scores.items():
            np.testing.assert_allclose(scores, y.scores[method], rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(x.probabilities, y.probabilities, rtol=1e-12)


@pytest.mark.parametrize("name", ["pad", "mask", "unk"])
def test_a_baseline_without_a_vector_is_answered_with_the_mend(beyond_the_table, name):
    model, tokenizer, _ = beyond_the_table
    message = (
        f"baseline='{name}': the model has no vector for the tokenizer's {name} token: "
        "call model.resize_token_embeddings(len(tokenizer)), or choose baseline='mean'"
    )
    with pytest.raises(GradexplainError, match=f"^{re.escape(message)}$"):
        Explainer(model, tokenizer)("bad", baseline=name)
    Explainer(model, tokenizer)("bad", baseline="mean")
    model.resize_token_embeddings(len(tokenizer))
    Explainer(model, tokenizer)("bad", baseline=name)
