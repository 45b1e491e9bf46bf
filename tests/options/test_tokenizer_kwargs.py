"""Texts read as the model reads them where it is deployed, compared with the model itself, run by hand."""

import json
import warnings

import numpy as np
import pytest
import torch

from hf_gradexplain.cli import main
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.options import Options
from hf_gradexplain.options.tokenizer_kwargs import read_kwargs, write_kwargs
from tests.helpers.tiny import TEXTS, explainer, make

TEXT = "the good film is bad"
PADDED = {"padding": "max_length", "max_length": 40}
DEPLOYED = [
    PADDED,
    {**PADDED, "return_attention_mask": False},
    {**PADDED, "padding_side": "left"},
    {"max_length": 7},
    {"max_length": 7, "truncation_side": "left"},
    {"add_special_tokens": False},
]


@torch.no_grad()
def by_hand(explain, text, kwargs):
    """Return the probabilities, and the leave-one-out scores of the ordinary tokens, of the model alone."""
    model, tokenizer = explain.model, explain.tokenizer
    kwargs = dict(kwargs)
    side = kwargs.pop("truncation_side", "right")
    before, tokenizer.truncation_side = tokenizer.truncation_side, side
    inputs = tokenizer(text, truncation=True, return_special_tokens_mask=True, return_tensors="pt", **kwargs)
    tokenizer.truncation_side = before
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    special = inputs.pop("special_tokens_mask")[0]

    def log_probabilities(position=None):
        def zero(module, args, output):
            output = output.clone()
            output[:, position] = 0
            return output

        handle = model.get_input_embeddings().register_forward_hook(zero) if position is not None else None
        logits = model(**inputs).logits[0]
        if handle:
            handle.remove()
        return logits.log_softmax(-1)

    full = log_probabilities()
    target = full.argmax()
    ordinary = [t for t, is_special in enumerate(special) if not is_special]
    return full.exp().tolist(), [(full[target] - log_probabilities(t)[target]).item() for t in ordinary]


@pytest.mark.parametrize("kwargs", DEPLOYED, ids=write_kwargs)
@pytest.mark.parametrize("kind", ["bert", "textcnn"])
def test_the_model_reads_what_it_reads_by_hand(kind, kwargs):
    explain = explainer(kind)
    explanation = explain(TEXT, ["loo", "signed_gi", "attn_lrp"], "token", tokenizer_kwargs=kwargs)
    probabilities, scores = by_hand(explain, TEXT, kwargs)
    assert explanation.probabilities.tolist() == pytest.approx(probabilities, rel=1e-9)
    assert explanation.scores["loo"].tolist() == pytest.approx(scores, rel=1e-7, abs=1e-10)
    assert explanation.tokenizer_kwargs == kwargs
    assert Explanation.from_dict(json.loads(json.dumps(explanation.to_dict()))).tokenizer_kwargs == kwargs


def test_they_matter():
    """On this model, padding without a mask changes the prediction."""
    padded = {**PADDED, "return_attention_mask": False}
    plain, deployed = explainer("bert")(TEXT, "loo"), explainer("bert")(TEXT, "loo", tokenizer_kwargs=padded)
    assert not np.allclose(plain.probabilities, deployed.probabilities, rtol=1e-3)
    assert [unit.text for unit in plain.units] == [unit.text for unit in deployed.units]


@pytest.mark.parametrize("kwargs", DEPLOYED, ids=write_kwargs)
def test_alone_is_as_in_a_list(kwargs):
    explain = explainer("bert")
    for text, together in zip(TEXTS, explain(list(TEXTS), ["loo", "attn_lrp"], tokenizer_kwargs=kwargs), strict=True):
        alone = explain(text, ["loo", "attn_lrp"], tokenizer_kwargs=kwargs)
        for method, scores in alone.scores.items():
            assert together.scores[method].tolist() == pytest.approx(scores.tolist(), rel=1e-8, abs=1e-11)


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_tokenizer_stays_as_it_was_and_the_unread_part_is_named(side):
    explain = explainer("bert")
    before = explain.tokenizer.truncation_side, explain.tokenizer.backend_tokenizer.to_str()
    explanation = explain(TEXT, "loo", tokenizer_kwargs={"max_length": 4, "truncation_side": side})
    assert (explain.tokenizer.truncation_side, explain.tokenizer.backend_tokenizer.to_str()) == before
    assert explanation.units[0].text == ("the" if side == "right" else "is")
    assert explanation.truncated_at == (6 if side == "right" else 0)


def test_pairs_and_mappings_mean_the_same():
    kwargs = {"add_special_tokens": False, "max_length": 512, "padding": "max_length", "truncation_side": "left"}
    written = "add_special_tokens=false,max_length=512,padding=max_length,truncation_side=left"
    assert write_kwargs(kwargs) == written
    assert read_kwargs(written) == read_kwargs(dict(reversed(kwargs.items()))) == kwargs
    assert read_kwargs(" max_length = 5 , ") == {"max_length": 5}
    assert read_kwargs("max_length=1") == {"max_length": 1}
    assert (read_kwargs(None), read_kwargs({}), write_kwargs({})) == ({}, {}, None)
    assert Options(tokenizer_kwargs=kwargs) == Options(tokenizer_kwargs=written)
    assert hash(Options(tokenizer_kwargs=kwargs)) == hash(Options(tokenizer_kwargs=written))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            "max_len=5",
            "unknown argument of tokenizer_kwargs 'max_len': did you mean 'max_length'? Choices: padding, max_length, "
            "truncation_side, padding_side, add_special_tokens, return_attention_mask",
        ),
        ("max_length", "tokenizer_kwargs must be name=value pairs joined by commas, but one is 'max_length'"),
        ("max_length=0", "tokenizer_kwargs: max_length must be a number of tokens, 1 or larger, but is '0'"),
        ({"max_length": True}, "tokenizer_kwargs: max_length must be a number of tokens, 1 or larger, but is True"),
        ({"padding": True}, "tokenizer_kwargs: padding must be max_length, but is True"),
        ({"add_special_tokens": "no"}, "tokenizer_kwargs: add_special_tokens must be true or false, but is 'no'"),
        ({"truncation_side": "top"}, "tokenizer_kwargs: truncation_side must be left or right, but is 'top'"),
    ],
)
def test_wrong_arguments_are_refused(given, message):
    with pytest.raises(GradexplainError) as error:
        Options(tokenizer_kwargs=given)
    assert str(error.value) == message


def test_more_tokens_than_the_model_reads_are_refused():
    with pytest.raises(GradexplainError) as error:
        explainer("bert")(TEXT, tokenizer_kwargs={"max_length": 65})
    assert str(error.value) == "tokenizer_kwargs: max_length is 65, but the model reads at most 64 tokens"


def test_padding_needs_a_length():
    model, tokenizer = make("fasttext")
    with pytest.raises(GradexplainError) as error:
        Explainer(model, tokenizer)(TEXT, tokenizer_kwargs="padding=max_length")
    assert str(error.value) == "tokenizer_kwargs: padding=max_length needs a max_length: give one, such as 512"


def test_a_text_that_begins_with_the_start_token_is_noted():
    explain = explainer("bart")
    message = r"text 1 begins with '<s>', which the tokenizer adds as well: .*={'add_special_tokens': False}"
    with pytest.warns(UserWarning, match=message):
        twice = explain(["a film", "<s>a film"], "loo", "token")[1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        once = explain("<s>a film</s>", "loo", "token", tokenizer_kwargs={"add_special_tokens": False})
        explain("[CLS] a film", "loo")
    assert twice.units[0].text == "<s>"
    plain = explain("a film", "loo", "token")
    assert once.probabilities.tolist() == pytest.approx(plain.probabilities.tolist())


def test_the_command_line_takes_pairs(tmp_path, capsys):
    model, tokenizer = make("bert")
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    flags = ["--tokenizer_kwargs", "padding=max_length,max_length=40", "--format", "json", "--methods", "loo"]
    assert main(["explain", str(tmp_path), TEXT, *flags]) == 0
    assert json.loads(capsys.readouterr().out)["tokenizer_kwargs"] == PADDED
