"""Two results can be told apart by what they were made from."""

import torch

from hf_gradexplain.identity import model_fingerprint, tokenizer_fingerprint, versions
from tests.tiny import make


def test_a_model_is_its_weights():
    model, _ = make("textcnn")
    same, _ = make("textcnn")
    same.load_state_dict(model.state_dict())
    assert model_fingerprint(model) == model_fingerprint(same)
    with torch.no_grad():
        next(same.parameters())[1, 0] += 1e-9
    assert model_fingerprint(model) != model_fingerprint(same)
    assert model_fingerprint(model) != model_fingerprint(model.bfloat16())


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
