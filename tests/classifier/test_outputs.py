"""What of the tokenizer's output a model is given, and where its logits are."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from transformers.utils import ModelOutput

from hf_gradexplain.classifier.outputs import logits_of, run_model

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
