"""Layers of PyTorch that run as one operation: the scores equal those of the same layer written by hand."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hf_gradexplain.explainer import Explainer
from tests.helpers.same_scores import METHODS, assert_same, scores, scores_of
from tests.helpers.toys import TEXT, TOKENIZER

SIZE = 6


class Classifier(nn.Module):
    """Word vectors, a layer, the mean of its outputs, and a linear layer."""

    def __init__(self, layer: nn.Module, run: Callable[[nn.Module, Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.words, self.head = nn.Embedding(len(TOKENIZER), SIZE), nn.LazyLinear(3)
        self.layer, self.run = layer, run
        self.config = SimpleNamespace(num_labels=3, problem_type=None, id2label={}, pad_token_id=0)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None
    ) -> SimpleNamespace:
        states = self.run(self.layer, self.words(input_ids), attention_mask)
        real = attention_mask.unsqueeze(2).to(states.dtype)
        return SimpleNamespace(logits=self.head((states * real).sum(1) / real.sum(1)))


def classifier(layer: Callable[[], nn.Module], run: Callable[..., Tensor]) -> Classifier:
    """Return a random classifier in float64, the same for the same layer."""
    model = Classifier(layer(), run).double().eval()
    model(**TOKENIZER(TEXT, return_tensors="pt"))
    torch.manual_seed(3)
    for parameter in model.parameters():
        parameter.data.normal_(0, 0.7)
    return model


def lstm(gates: Tensor, of_state: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    i, f, g, o = (gates + of_state).chunk(4, -1)
    c = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru(gates: Tensor, of_state: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    (r, z, n), (of_r, of_z, of_n) = gates.chunk(3, -1), of_state.chunk(3, -1)
    z, n = (z + of_z).sigmoid(), (n + (r + of_r).sigmoid() * of_n).tanh()
    return (state[0] - n) * z + n, state[1]


def rnn(gates: Tensor, of_state: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return (gates + of_state).tanh(), state[1]


def rnn_relu(gates: Tensor, of_state: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return (gates + of_state).relu(), state[1]


RECURRENT = {
    "lstm": (nn.LSTM, {}, lstm),
    "gru": (nn.GRU, {}, gru),
    "rnn": (nn.RNN, {}, rnn),
    "rnn of relu": (nn.RNN, {"nonlinearity": "relu"}, rnn_relu),
}


def recurrent(name: str, **options: bool | int) -> Callable[[], nn.Module]:
    layer, more, _ = RECURRENT[name]
    return lambda: layer(SIZE, SIZE, **more, **options)


def first(layer: nn.Module, x: Tensor, mask: Tensor) -> Tensor:
    return layer(x)[0]


def by_hand(name: str) -> Callable[[nn.Module, Tensor, Tensor], Tensor]:
    """Return a function that runs a layer word by word."""
    _, _, cell = RECURRENT[name]

    def run(layer: nn.Module, x: Tensor, mask: Tensor) -> Tensor:
        for number in range(layer.num_layers):
            directions = ("", "_reverse") if layer.bidirectional else ("",)
            x = torch.cat([one_direction(layer, x, f"_l{number}{direction}") for direction in directions], -1)
        return x

    def one_direction(layer: nn.Module, x: Tensor, suffix: str) -> Tensor:
        of_input, of_state = (getattr(layer, f"weight_{part}{suffix}") for part in ("ih", "hh"))
        bias, bias_of_state = (getattr(layer, f"bias_{part}{suffix}") for part in ("ih", "hh"))
        state, outputs = (x.new_zeros(len(x), SIZE),) * 2, {}
        for t in reversed(range(x.shape[1])) if suffix.endswith("_reverse") else range(x.shape[1]):
            state = cell(x[:, t] @ of_input.T + bias, state[0] @ of_state.T + bias_of_state, state)
            outputs[t] = state[0]
        return torch.stack([outputs[t] for t in range(x.shape[1])], 1)

    return run


@pytest.mark.parametrize("name", RECURRENT)
def test_a_recurrent_layer_is_followed(name):
    layer = recurrent(name, batch_first=True, bidirectional=True, num_layers=2)
    fused, written = (classifier(layer, run) for run in (first, by_hand(name)))
    explain = Explainer(fused, TOKENIZER)
    assert_same(scores_of(explain), scores(written))
    assert explain.profile.propagation.conservation_error < 1e-14


def packed(layer: nn.Module, x: Tensor, mask: Tensor) -> Tensor:
    sequence = nn.utils.rnn.pack_padded_sequence(x, mask.sum(1).cpu(), batch_first=True, enforce_sorted=False)
    return nn.utils.rnn.pad_packed_sequence(layer(sequence)[0], batch_first=True)[0]


@pytest.mark.parametrize("name", RECURRENT)
def test_a_packed_sequence_is_followed(name):
    """In a batch with a longer text."""
    model = classifier(recurrent(name, batch_first=True, bidirectional=True), packed)
    expected = scores(classifier(recurrent(name, batch_first=True, bidirectional=True), first))
    together = Explainer(model, TOKENIZER)([TEXT, f"{TEXT} and {TEXT}"], METHODS, objective="logit")[0].scores
    assert_same({method: together[method] for method in METHODS}, expected)


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("name", RECURRENT)
def test_in_float32_a_recurrent_layer_runs_without_onednn(name, enabled, monkeypatch):
    """With oneDNN an LSTM is one operation. Its other results do not change, up to rounding."""
    model = classifier(recurrent(name, batch_first=True, bidirectional=True), first)
    methods = (*METHODS, "signed_gi")
    expected = scores(model, methods=methods)
    model.float()
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", enabled)
    explain = Explainer(model, TOKENIZER)
    together, alone = scores_of(explain, methods=methods), scores_of(explain, methods=["signed_gi"])
    assert torch.backends.mkldnn.enabled is enabled
    assert_same(together, expected, rel=1e-5)
    assert_same(alone, {"signed_gi": together["signed_gi"]}, rel=1e-5)
    assert explain.profile.propagation.conservation_error < 1e-6


def test_onednn_is_enabled_again_after_an_error():
    model = classifier(recurrent("lstm", batch_first=True), first)
    explain = Explainer(model.float(), TOKENIZER)
    seen = []

    def fail(*args: object) -> None:
        seen.append(torch.backends.mkldnn.enabled)
        raise ZeroDivisionError

    model.layer.register_forward_pre_hook(fail)
    with pytest.raises(ZeroDivisionError):
        explain(TEXT, "attn_lrp")
    assert torch.backends.mkldnn.enabled
    assert seen == [False]


def heads(x: Tensor) -> Tensor:
    return x.unflatten(-1, (2, SIZE // 2)).transpose(1, 2)


def attention(layer: nn.MultiheadAttention, x: Tensor, mask: Tensor) -> Tensor:
    """Multi-head attention from the query, key and value of each head."""
    q, k, v = map(heads, (x @ layer.in_proj_weight.T + layer.in_proj_bias).chunk(3, -1))
    weights = torch.softmax(q @ k.transpose(2, 3) / (SIZE // 2) ** 0.5, -1)
    return (weights @ v).transpose(1, 2).flatten(2) @ layer.out_proj.weight.T + layer.out_proj.bias


@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("with_mask", [True, False])
def test_multi_head_attention_is_followed(need_weights, with_mask):
    def run(layer: nn.Module, x: Tensor, mask: Tensor) -> Tensor:
        return layer(x, x, x, key_padding_mask=mask == 0 if with_mask else None, need_weights=need_weights)[0]

    fused, written = (
        classifier(lambda: nn.MultiheadAttention(SIZE, 2, batch_first=True), run) for run in (run, attention)
    )
    assert_same(scores(fused), scores(written))
    assert Explainer(fused, TOKENIZER).profile.propagation.conservation_error < 1e-14


def norm(layer: nn.LayerNorm, x: Tensor) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    return centred * (centred.square().mean(-1, keepdim=True) + layer.eps).rsqrt() * layer.weight + layer.bias


def encoder(layer: nn.TransformerEncoderLayer, x: Tensor, mask: Tensor) -> Tensor:
    """A layer of a transformer: attention and two linear layers, each with a norm before or after it."""

    def forward(x: Tensor) -> Tensor:
        return layer.linear2(F.gelu(layer.linear1(x)))

    if layer.norm_first:
        x = x + attention(layer.self_attn, norm(layer.norm1, x), mask)
        return x + forward(norm(layer.norm2, x))
    x = norm(layer.norm1, x + attention(layer.self_attn, x, mask))
    return norm(layer.norm2, x + forward(x))


@pytest.mark.parametrize("norm_first", [True, False])
def test_a_layer_of_a_transformer_is_followed(norm_first):
    """In eval mode it has a fast path, which has no gradient."""

    def layer() -> nn.Module:
        return nn.TransformerEncoderLayer(SIZE, 2, 12, activation="gelu", batch_first=True, norm_first=norm_first)

    fused = classifier(layer, lambda layer, x, mask: layer(x, src_key_padding_mask=mask == 0))
    assert_same(scores(fused), scores(classifier(layer, encoder)))
    assert Explainer(fused, TOKENIZER).profile.propagation.conservation_error < 1e-14


@pytest.mark.filterwarnings("ignore:.*nested tensor")
def test_a_whole_transformer_is_followed():
    def layers() -> nn.Module:
        return nn.TransformerEncoder(nn.TransformerEncoderLayer(SIZE, 2, 12, activation="gelu", batch_first=True), 2)

    def each(layer: nn.Module, x: Tensor, mask: Tensor) -> Tensor:
        for one in layer.layers:
            x = encoder(one, x, mask)
        return x

    fused = classifier(layers, lambda layer, x, mask: layer(x, src_key_padding_mask=mask == 0))
    assert_same(scores(fused), scores(classifier(layers, each)))
    for dtype, rel in ((torch.float32, 1e-4), (torch.bfloat16, 0.1)):
        expected, actual = scores(fused), scores(classifier(layers, fused.run).to(dtype))
        assert_same(actual, expected, rel=rel)
        assert all(np.isfinite(values).all() for values in actual.values())
