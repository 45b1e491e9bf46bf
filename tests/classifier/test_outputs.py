"""What of the tokenizer's output a model is given, and where its logits are."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from transformers import BertModel, BertPreTrainedModel
from transformers.utils import ModelOutput

from hf_gradexplain.classifier import state
from hf_gradexplain.classifier.outputs import logits_of, run_model
from hf_gradexplain.classifier.state import return_names
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explainer import Explainer
from tests.helpers.tiny import FEW, MOST, TEXTS, explainer, make

LOGITS = torch.ones(1, 2)


@pytest.mark.parametrize(
    ("output", "found"),
    [
        (LOGITS, LOGITS),
        ({"logits": LOGITS}, LOGITS),
        (ModelOutput(logits=LOGITS), LOGITS),
        (SimpleNamespace(logits=LOGITS), LOGITS),
        ({"scores": LOGITS}, None),
        (SimpleNamespace(), None),
        ((LOGITS,), None),
        (None, None),
    ],
)
def test_where_logits_are(output, found):
    assert logits_of(output) is found


class Two(nn.Module):
    def forward(self, input_ids, attention_mask=None):
        self.given = input_ids, attention_mask
        return {"logits": LOGITS}


class Any(nn.Module):
    def forward(self, input_ids, **others):
        self.given = {"input_ids": input_ids, **others}
        return LOGITS


def test_inputs_that_a_model_does_not_take_are_left_out():
    inputs = {"input_ids": 1, "attention_mask": 2, "token_type_ids": 3}
    two, anything = Two(), Any()
    for _ in range(2):  # the second time from memory
        assert run_model(two, inputs) is run_model(anything, inputs) is LOGITS
        assert (two.given, anything.given) == ((1, 2), inputs)
    run_model(two, {"input_ids": 1, "token_type_ids": 3})
    assert two.given == (1, None)


@pytest.mark.parametrize("kind", ["bert", "textcnn"])
@pytest.mark.filterwarnings("ignore:the scores of integrated_gradients")
def test_models_that_return_tuples_get_the_same_scores(kind):
    model, tokenizer = make(kind)
    model.config.return_dict = False
    found, expected = (explain(TEXTS[0], MOST, **FEW) for explain in (Explainer(model, tokenizer), explainer(kind)))
    assert isinstance(model(torch.tensor([[5, 6]])), tuple), "the configuration is restored"
    for name, scores in expected.scores.items():
        np.testing.assert_array_equal(found.scores[name], scores)


class Unpacking(nn.Module):
    """A hand-written module around a model that returns tuples."""

    def __init__(self, model):
        super().__init__()
        self.model, self.config = model, model.config

    def forward(self, input_ids, attention_mask):
        (logits,) = self.model(input_ids, attention_mask)
        return logits


def test_hand_written_modules_may_unpack_tuples_of_a_model():
    model, tokenizer = make("bert")
    model.config.return_dict = False
    found, expected = Explainer(Unpacking(model), tokenizer)(TEXTS[0], "loo"), explainer("bert")(TEXTS[0], "loo")
    np.testing.assert_allclose(found.scores["loo"], expected.scores["loo"], rtol=1e-9)


def test_causal_models_need_names_within():
    model, tokenizer = make("gpt2")
    model.config.return_dict = False
    found, expected = Explainer(model, tokenizer)(TEXTS[0], "loo"), explainer("gpt2")(TEXTS[0], "loo")
    np.testing.assert_array_equal(found.scores["loo"], expected.scores["loo"])
    assert model.config.return_dict is False


class Subclass(BertPreTrainedModel):
    """A model with a forward pass of its own, which unpacks a tuple."""

    def __init__(self, config):
        super().__init__(config)
        self.bert, self.classifier = BertModel(config), nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()

    def forward(self, input_ids, attention_mask=None, token_type_ids=None):
        _, pooled = self.bert(input_ids, attention_mask, token_type_ids)
        return self.classifier(pooled)


def test_models_that_unpack_tuples_within_keep_them():
    whole, tokenizer = make("bert")
    whole.config.return_dict = False
    model = Subclass(whole.config).to(torch.float64).eval()
    model.load_state_dict(whole.state_dict())
    found, expected = Explainer(model, tokenizer)(TEXTS[0], "loo"), explainer("bert")(TEXTS[0], "loo")
    np.testing.assert_allclose(found.scores["loo"], expected.scores["loo"], rtol=1e-9)
    assert model.config.return_dict is False


def test_only_models_of_transformers_without_names_are_changed():
    model, _ = make("bert")
    assert not return_names(model)
    assert model not in state._NAMING
    model.config.return_dict = False
    assert not return_names(Unpacking(model))
    assert model.config.return_dict is False
    assert return_names(model)
    assert model.config.return_dict is True
    model.config.return_dict = False
    with state.frozen_eval_mode(model):
        assert model.config.return_dict is True
    assert model.config.return_dict is False


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("full"), RuntimeError("broken")])
def test_failures_are_tried_again_with_names_unless_memory_is_full(error, monkeypatch):
    model, tokenizer = make("bert")
    model.config.return_dict = False
    calls = []

    def forward(input_ids):
        calls.append(model.config.return_dict)
        raise error

    monkeypatch.setattr(model, "forward", forward)
    with pytest.raises((torch.OutOfMemoryError, GradexplainError)):
        Explainer(model, tokenizer)
    assert calls == ([False] if isinstance(error, torch.OutOfMemoryError) else [False, True])
