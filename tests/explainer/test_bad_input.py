"""Invalid input is an error of one sentence that says how to fix it; unusual input gets a result."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import BertForTokenClassification, BertModel

from hf_gradexplain.attribution.methods import METHODS
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.extra_measures import Measures
from hf_gradexplain.explainer import Explainer, explain
from hf_gradexplain.options import Options
from tests.helpers.tiny import FEW, KINDS, MOST, OF_ONE_PASS, OURS, explainer, make

TWO = ["bad", "good film"]


EACH = "each text must be a str, a tuple of two str, a dict of text and text_pair, or a list of messages"
EXPECTED = (
    "texts must be a str, a tuple of two str, a dict of text and text_pair, a list of messages, or a list of these"
)


@pytest.mark.parametrize(
    ("texts", "arguments", "message"),
    [
        ("bad", {"methods": "signed_ig"}, "unknown method 'signed_ig': did you mean 'signed_gi'?"),
        ("bad", {"methods": ("loo", "ig")}, "unknown method 'ig'; choices: auto, random, "),
        ("bad", {"methods": ()}, "no method given: choose one or more of auto, random, loo, "),
        (
            "bad",
            {"unit": "words"},
            "unknown unit 'words': did you mean 'word'? Choices: token, word, word_type, sentence, clause",
        ),
        ("bad", {"objective": "los"}, "unknown objective 'los': did you mean 'loss'? Choices: loss, logit, prob"),
        (
            "bad",
            {"target": "labels"},
            "target 'labels' is not a class of the model; did you mean 'label'? choices: ",
        ),
        ("bad", {"batch_tokens": 0}, "batch_tokens must be a positive number of tokens, but is 0"),
        ("bad", {"target": "label"}, "target='label' needs labels=[...], one class id or name per text, but got none"),
        ("bad", {"labels": [0, 1]}, "1 texts need 1 labels, one class id or name each, but got 2"),
        ("bad", {"labels": "LABL_2"}, "label 'LABL_2' is not a class of the model; did you mean 'LABEL_2'? choices: "),
        (
            TWO,
            {"labels": ["label", 0]},
            "label 'label' of text 0 is not a class of the model; did you mean 'LABEL_0'? ",
        ),
        (TWO, {"labels": [0, 3]}, "label 3 of text 1 is not a class of the model; choices: 0 (LABEL_0), 1 (LABEL_1)"),
        (
            None,
            {},
            EXPECTED + ", not NoneType",
        ),
        (7, {}, EXPECTED + ", not int"),
        (
            b"bad",
            {},
            EXPECTED + ", not bytes",
        ),
        (
            {"review": 3},
            {},
            EXPECTED + ", not dict",
        ),
        (["bad", None], {}, "text 1 is missing (None or NaN): leave it out, or give a str in its place"),
        (pd.Series(["bad", "good", np.nan], index=[7, 8, 9]), {}, "text 2 is missing (None or NaN): leave it out"),
        (pd.Series([pd.NA, "good"], dtype="string"), {}, "text 0 is missing (None or NaN): leave it out"),
        (
            [{"text": "bad", "label": 1}],
            {},
            "text 0: " + EACH + ", not dict: for rows of a dataset, give [row['text'] for row in rows]",
        ),
        (["bad", 7.0], {}, "text 1: " + EACH + ", not float"),
        (
            [["bad", "good"]],
            {},
            "text 0: " + EACH + ", not list",
        ),
        (
            ("bad", "good", "film"),
            {},
            EACH + ", not a tuple of 3",
        ),
        (
            ("bad",),
            {},
            EACH + ", not a tuple of 1",
        ),
        (["bad", ("good", None)], {}, "text 1 is missing (None or NaN): leave it out"),
        ([("good", float("nan"))], {}, "text 0 is missing (None or NaN): leave it out"),
    ],
)
def test_invalid_arguments_are_an_error_of_one_sentence(texts, arguments, message):
    with pytest.raises(GradexplainError, match=f"^{re.escape(message)}") as error:
        explainer("fasttext")(texts, **arguments)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("call", ["__call__", "evaluate", "sanity", "hybrid_documents"])
def test_every_call_names_a_text_of_a_wrong_type_by_its_number(call):
    arguments = {"labels": [0, 1]} if call == "hybrid_documents" else {}
    with pytest.raises(GradexplainError, match=f"^{re.escape('text 1: ' + EACH + ', not int')}$"):
        getattr(explainer("fasttext"), call)(["bad", 5], **arguments)


def test_arguments_are_checked_before_texts_are_read():
    with pytest.raises(GradexplainError, match="unknown unit"):
        explainer("fasttext")([], unit="words")
    with pytest.raises(GradexplainError, match="0 texts need 0 labels"):
        explainer("fasttext")([], labels=[1])


@pytest.mark.parametrize(
    "changes", [{"seed": -1}, {"unit": "words"}, {"target": {"gold": 1}}, {"objective": "x"}, {"batch_tokens": -1}]
)
def test_invalid_options_are_an_error(changes):
    with pytest.raises(GradexplainError):
        Options(**changes)


def test_invalid_measures_are_an_error():
    with pytest.raises(GradexplainError, match="unknown ties 'first'"):
        Measures(ties="first")


@pytest.mark.parametrize("headless", [BertModel, BertForTokenClassification])
def test_a_model_without_a_classification_head_is_an_error(headless):
    model, tokenizer = make("bert")
    with pytest.raises(GradexplainError, match="no sequence classification head: load the model with AutoModelForSeq"):
        Explainer(headless(model.config).double().eval(), tokenizer)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_weights_that_are_not_finite_are_an_error_that_names_them(value):
    model, tokenizer = make("bert")
    model.classifier.bias.data[0] = value
    with pytest.raises(GradexplainError, match=r"weight 'classifier\.bias' is not finite"):
        Explainer(model, tokenizer)


def test_a_checkpoint_without_a_trained_head_is_an_error_that_names_the_weights(tmp_path):
    model, tokenizer = make("bert", dtype=torch.float32)
    model.bert.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(GradexplainError, match=r"has no weights for classifier\.bias, classifier\.weight, and its"):
        explain(str(tmp_path), "bad")


def test_a_name_that_does_not_exist_is_an_error():
    with pytest.raises(GradexplainError, match="cannot load a sequence classifier from 'nobody/nothing': "):
        explain("nobody/nothing", "bad")


UNUSUAL = {
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


def assert_valid(explanation, text: str) -> None:
    """Check that the text is complete, units are in order and inside it, and every score is a number."""
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


@pytest.mark.filterwarnings("ignore:the scores of integrated_gradients should add up")
@pytest.mark.filterwarnings("ignore:a text of many letters has only one unit")
@pytest.mark.parametrize("text", UNUSUAL.values(), ids=UNUSUAL)
@pytest.mark.parametrize("kind", KINDS)
def test_unusual_texts_get_a_result(kind, text):
    for unit, methods in (("token", OF_ONE_PASS), ("word", MOST), ("word_type", OF_ONE_PASS)):
        assert_valid(explainer(kind)(text, methods, unit, **FEW), text)


@pytest.mark.filterwarnings("ignore:a text of many letters has only one unit")
@pytest.mark.parametrize("kind", KINDS)
def test_unusual_texts_share_a_batch(kind):
    for text, explanation in zip(UNUSUAL.values(), explainer(kind)(list(UNUSUAL.values()), "signed_gi"), strict=True):
        assert_valid(explanation, text)


@pytest.mark.filterwarnings("ignore:the scores of integrated_gradients should add up")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pair", [("", ""), ("", "bad film"), ("bad film", ""), ("\ud83d", "👍🏽\x00")])
def test_unusual_pairs_get_a_result(kind, pair):
    assert_valid(explainer(kind)(pair, MOST, "word_type", **FEW), "\n".join(pair))


@pytest.mark.filterwarnings("ignore:the scores of integrated_gradients should add up")
@pytest.mark.parametrize("kind", KINDS)
def test_a_text_without_units_still_has_a_prediction(kind):
    for text in ("", " \n "):
        explanation = explainer(kind)(text, tuple(METHODS), **FEW)
        assert len(explanation.units) == 0 or kind in ("gpt2", "bart")
        assert explanation.truncated_at is None
        assert np.isfinite(explanation.probabilities).all()
        assert explanation.to_html()


@pytest.mark.parametrize("kind", KINDS)
def test_a_hundred_thousand_words_get_a_result(kind):
    text = "the film is bad and " * 20_000
    explanation = explainer(kind, dtype=torch.float32)(text, "signed_gi", "word_type")
    assert_valid(explanation, text)
    assert (explanation.truncated_at is None) == (kind in OURS)


def test_truncated_at_is_the_end_of_the_last_token_read():
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
def unresized():
    """A decoder whose tokenizer has added special tokens, but whose embeddings were not resized."""
    model, tokenizer = make("gpt2")
    rows = len(tokenizer)
    tokenizer.add_special_tokens({f"{name}_token": f"<|{name}|>" for name in ("pad", "mask", "unk")})
    return model, tokenizer, rows


def test_a_pad_token_without_a_vector_is_never_looked_up(unresized):
    model, tokenizer, rows = unresized
    read = []
    model.transformer.wte.register_forward_pre_hook(lambda module, args: read.append(int(args[0].max())))
    texts = ["bad", "", "a good film", "the end", "the end of this film"]
    explanations = Explainer(model, tokenizer)(texts, ("signed_gi", "loo"))
    assert max(read) < rows
    for x, y in zip(explanations, Explainer(*make("gpt2"))(texts, ("signed_gi", "loo")), strict=True):
        for method, scores in x.scores.items():
            np.testing.assert_allclose(scores, y.scores[method], rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(x.probabilities, y.probabilities, rtol=1e-12)


@pytest.mark.parametrize("name", ["pad", "mask", "unk"])
def test_a_baseline_without_a_vector_is_an_error_that_says_how_to_fix_it(unresized, name):
    model, tokenizer, _ = unresized
    message = (
        f"baseline='{name}': the model has no vector for the tokenizer's {name} token: "
        "call model.resize_token_embeddings(len(tokenizer)), or choose baseline='mean'"
    )
    with pytest.raises(GradexplainError, match=f"^{re.escape(message)}$"):
        Explainer(model, tokenizer)("bad", baseline=name)
    Explainer(model, tokenizer)("bad", baseline="mean")
    model.resize_token_embeddings(len(tokenizer))
    Explainer(model, tokenizer)("bad", baseline=name)
