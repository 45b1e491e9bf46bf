"""Two results can be told apart by what they were made from."""

import torch

from hf_gradexplain.run.fingerprints import (
    configuration_fingerprint,
    tokenizer_fingerprint,
    versions,
    weights_fingerprint,
)
from tests.helpers.tiny import make


def test_a_model_is_its_weights():
    model, _ = make("textcnn")
    same, _ = make("textcnn")
    same.load_state_dict(model.state_dict())
    assert weights_fingerprint(model) == weights_fingerprint(same)
    with torch.no_grad():
        next(same.parameters())[1, 0] += 1e-9
    assert weights_fingerprint(model) != weights_fingerprint(same)
    assert weights_fingerprint(model) != weights_fingerprint(model.bfloat16())


def test_a_configuration_is_what_it_says_and_not_where_it_stands():
    model, _ = make("textcnn")
    before = configuration_fingerprint(model)
    model.config._name_or_path = "elsewhere"
    assert configuration_fingerprint(model) == before
    model.config.id2label = {0: "good", 1: "bad", 2: "ugly"}
    assert configuration_fingerprint(model) != before


def test_a_tokenizer_is_how_it_reads():
    _, tokenizer = make("bert")
    before = tokenizer_fingerprint(tokenizer)
    tokenizer("a text")
    assert tokenizer_fingerprint(tokenizer) == before
    tokenizer.model_max_length -= 1
    assert tokenizer_fingerprint(tokenizer) != before
    assert tokenizer_fingerprint(make("gpt2")[1]) != before


def test_versions_name_what_counts():
    assert {"python", "torch", "transformers", "hf_gradexplain"} <= versions().keys()
