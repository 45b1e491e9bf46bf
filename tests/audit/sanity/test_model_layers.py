import numpy as np
import pytest
import torch
from torch import nn

from hf_gradexplain.audit.sanity.model_layers import layers_of, permuted, replaced_parameters
from hf_gradexplain.classifier.state import frozen_eval_mode
from hf_gradexplain.errors import GradexplainError
from tests.helpers.snapshot import snapshot
from tests.helpers.tiny import KINDS, make
from tests.helpers.toys import TEXT, TOKENIZER, Toy

BY_HAND = {
    "fasttext": ["classifier", "embedding"],
    "textcnn": ["classifier", "convolutions.1", "convolutions.0", "embedding"],
    "bilstm": ["classifier", "lstm", "embedding"],
    "bert": ["classifier", "bert.pooler", "bert.encoder.layer.1", "bert.encoder.layer.0", "bert.embeddings"],
    "gpt2": ["score", "transformer.ln_f", "transformer.h.1", "transformer.h.0", "transformer.wpe", "transformer.wte"],
    "bart": [
        "classification_head",
        "model.decoder.layers.0",
        "model.decoder.layernorm_embedding",
        "model.decoder.embed_positions",
        "model.encoder.layers.0",
        "model.encoder.layernorm_embedding",
        "model.encoder.embed_positions",
        "model.shared",
    ],
}


def layers(model, tokenizer, text="the good film"):
    with frozen_eval_mode(model):
        return layers_of(model, tokenizer(text, return_tensors="pt"))


@pytest.mark.parametrize("kind", KINDS)
def test_layers_from_the_output_to_the_embeddings(kind):
    model, tokenizer = make(kind)
    found = layers(model, tokenizer)
    assert [layer.name for layer in found] == BY_HAND[kind]
    assert sorted(name for layer in found for name in layer.parameters) == sorted(dict(model.named_parameters()))
    for layer in found:
        assert all(f"{name}.".startswith(f"{layer.name}.") for name in layer.parameters)


def test_a_wrapper_is_divided_and_parameters_of_their_own_are_layers():
    class Wrapper(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, input_ids, attention_mask):
            return self.inner(input_ids, attention_mask)

    names = ["inner.head", "inner.positions", "inner.words"]
    toy = Toy()
    toy.never_used = nn.Linear(2, 2)
    found = layers(Wrapper(toy), TOKENIZER, TEXT)
    assert [layer.name for layer in found] == names
    assert found[-1].parameters == ("inner.words.weight", "inner.never_used.weight", "inner.never_used.bias")


def test_a_permutation_keeps_the_entries_and_depends_on_seed_and_name():
    model, _ = make("bert")
    before = dict(model.named_parameters())
    (first, again), other = (permuted(model, list(before), 3) for _ in range(2)), permuted(model, list(before), 4)
    for name, values in first.items():
        rng = np.random.default_rng((3, *name.encode()))
        expected = before[name].detach().numpy().ravel()[rng.permutation(before[name].numel())]
        assert values.numpy().ravel().tolist() == expected.tolist()
        assert torch.equal(values, again[name])
        assert values.sum().item() == pytest.approx(before[name].sum().item())
    word = "bert.embeddings.word_embeddings.weight"
    assert not torch.equal(first[word], other[word])


@pytest.mark.parametrize("kind", KINDS)
def test_replaced_parameters_are_those_of_a_model_with_these_values_and_the_own_ones_come_back(kind):
    model, tokenizer = make(kind)
    values = permuted(model, list(dict(model.named_parameters())), 0)
    other, _ = make(kind)
    other.load_state_dict(values, strict=False)  # tied parameters have one value
    inputs = tokenizer("the good film is not bad", return_tensors="pt")
    before, plain = snapshot(model, tokenizer), model(**inputs).logits
    objects = dict(model.named_parameters())
    with replaced_parameters(model, values):
        assert torch.equal(model(**inputs).logits, other(**inputs).logits)
        assert not torch.equal(model(**inputs).logits, plain)
    assert snapshot(model, tokenizer) == before
    assert all(parameter is objects[name] for name, parameter in model.named_parameters())
    assert torch.equal(model(**inputs).logits, plain)


def test_the_list_of_weights_of_a_recurrent_layer_follows():
    lstm = nn.LSTM(3, 2)
    x, plain = torch.randn(4, 1, 3), lstm.weight_hh_l0
    with replaced_parameters(lstm, {"weight_hh_l0": torch.zeros_like(plain)}):
        assert not lstm._flat_weights[1].any()
        changed = lstm(x)[0]
    assert lstm._flat_weights[1] is plain
    assert not torch.equal(lstm(x)[0], changed)


def test_quantised_and_offloaded_parameters_are_refused():
    model = nn.Linear(2, 2)
    model.weight = nn.Parameter(torch.ones(2, 2, dtype=torch.int8), requires_grad=False)
    message = "the parameter weight is quantised or offloaded: load the model without quantisation and offloading"
    with pytest.raises(GradexplainError, match=f"^{message}$"):
        permuted(model, ["weight"], 0)
    with pytest.raises(GradexplainError, match=f"^{message}$"):
        permuted(nn.Linear(2, 2, device="meta"), ["weight"], 0)
