"""The first document that a model is given, and what is said if it cannot be read."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.probing.gradient_checks import LENGTHS
from hf_gradexplain.probing.open_classifier import open_classifier
from tests.helpers.tiny import make, piece_tokenizer
from tests.helpers.toys import TOKENIZER, Toy


class Noting(Toy):
    """A model that notes the shapes of its inputs."""

    def forward(self, input_ids, attention_mask, token_type_ids=None):
        self.shapes = [*getattr(self, "shapes", []), tuple(input_ids.shape)]
        return super().forward(input_ids, attention_mask)


@pytest.mark.parametrize(
    ("limit", "length"), [(None, LENGTHS[0] + 2), (64, LENGTHS[0] + 2), (7, 7), (4, 4), (3, 4), (1, 4)]
)
def test_the_document_is_short_but_not_below_four_tokens(limit, length, monkeypatch):
    """The tokenizer puts two tokens around a text."""
    monkeypatch.setattr(TOKENIZER, "model_max_length", limit or 10**30)
    model = Noting()
    classifier = open_classifier(model, TOKENIZER)
    assert model.shapes[0] == (1, length)
    assert [lookup.module for lookup in classifier.lookups] == ["words"]
    assert (classifier.batch_tokens, classifier.objective.name, classifier.objective.head) == (
        1024,
        "logit",
        "identity",
    )
    assert classifier.vocabulary is not None


@pytest.mark.parametrize(("limit", "length"), [(64, LENGTHS[0] + 2), (5, 5), (4, 4), (3, 4)])
def test_special_tokens_count(limit, length):
    model, tokenizer = make("bert")
    tokenizer.model_max_length = limit
    shapes = []
    model.register_forward_pre_hook(
        lambda model, args, kwargs: shapes.append(tuple(kwargs["input_ids"].shape)), with_kwargs=True
    )
    open_classifier(model, tokenizer)
    assert shapes[0] == (1, length)


class Broken(nn.Module):
    def forward(self, input_ids):
        raise RuntimeError("first\nsecond")


class BrokenForMaskedLM(Broken):
    pass


class Answering(nn.Module):
    def __init__(self, output):
        super().__init__()
        self.output = output

    def forward(self, input_ids):
        return self.output


HEADLESS = "has no sequence classification head: load the model with AutoModelForSequenceClassification"
NAMED = (
    "return the logits as a tensor, or an object with the attribute or key 'logits' .* with config.return_dict = True."
)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Broken(), r"^Broken cannot run on the tokenizer's output alone: first .*second\. Add its other inputs in"),
        (BrokenForMaskedLM(), f"^BrokenForMaskedLM {HEADLESS}"),
        (Answering(None), f"^Answering {HEADLESS}"),
        (Answering(torch.zeros(1, 3, 2)), f"^Answering {HEADLESS}"),
        (Answering(torch.zeros(2)), f"^Answering {HEADLESS}"),
        (Answering(SimpleNamespace(logits="none")), f"^Answering {HEADLESS}"),
        (Answering((torch.zeros(1, 2),)), f"^Answering returns a tuple: {NAMED}$"),
        (Answering([torch.zeros(1, 2)]), f"^Answering returns a list: {NAMED}$"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_sentence(model, message):
    with pytest.raises(GradexplainError, match=message):
        open_classifier(model, piece_tokenizer())


def test_running_out_of_memory_is_no_property_of_the_model():
    class Large(nn.Module):
        def forward(self, input_ids):
            raise MemoryError

    with pytest.raises(MemoryError):
        open_classifier(Large(), piece_tokenizer())


class Named(tuple):
    """A tuple whose logits have a name."""

    logits = torch.zeros(1, 3, 2)


def test_a_tuple_with_named_logits_is_read_like_an_object():
    with pytest.raises(GradexplainError, match=f"^Answering {HEADLESS}"):
        open_classifier(Answering(Named()), piece_tokenizer())
