"""The scores of transformers with every kind of norm, activation and gate equal relevances written by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hf_gradexplain.attribution.methods import score_batch, select
from hf_gradexplain.classifier.hooked_classifier import HookedClassifier
from hf_gradexplain.classifier.lookups import Lookup
from hf_gradexplain.classifier.objective import Objective
from hf_gradexplain.classifier.state import frozen_eval_mode
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.propagation.rules import RULE_SETS
from hf_gradexplain.text.collate import collate
from hf_gradexplain.text.encode import Encoder
from tests.helpers.naive_relevance import EPSILON, NaiveTransformer
from tests.helpers.toys import TEXT, TOKENIZER

DIM, HEADS, INNER = 8, 2, 10

ACTIVATIONS = {
    "relu": F.relu,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
    "tanh": torch.tanh,
    "elu": F.elu,
    "mish": F.mish,
    "relu2": lambda x: F.relu(x) ** 2,
}
GATED = {"swiglu": "silu", "geglu": "gelu", "geglu_tanh": "gelu_tanh", "sigmoid": "sigmoid", "reglu": "relu"}
"""Gated feed-forward layers and their activations."""


class RMSNorm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(DIM))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + EPSILON))


def norm_of(kind: str) -> nn.Module:
    return nn.LayerNorm(DIM, EPSILON) if kind == "layer" else RMSNorm()


class Attention(nn.Module):
    def __init__(self, norm: str, spelling: str) -> None:
        super().__init__()
        self.norm, self.spelling = norm_of(norm), spelling
        self.query, self.key, self.value, self.out = (nn.Linear(DIM, DIM) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (f(x).unflatten(-1, (HEADS, -1)).transpose(1, 2) for f in (self.query, self.key, self.value))
        if self.spelling == "sdpa":
            mixed = F.scaled_dot_product_attention(q, k, v)
        else:
            mixed = (q @ k.mT / (DIM // HEADS) ** 0.5).softmax(-1) @ v
        return self.out(mixed.transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    def __init__(self, norm: str, activation: str) -> None:
        super().__init__()
        self.norm, self.gated = norm_of(norm), activation in GATED
        self.function = {**ACTIVATIONS, "sigmoid": torch.sigmoid}[GATED.get(activation, activation)]
        self.inner, self.outer = nn.Linear(DIM, INNER), nn.Linear(INNER, DIM)
        self.up = nn.Linear(DIM, INNER) if self.gated else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.function(self.inner(x))
        return self.outer(y if self.up is None else y * self.up(x))


class Transformer(nn.Module):
    """A classifier with random weights in float64."""

    def __init__(self, layers: int, norm: str, place: str, activation: str, spelling: str = "sdpa") -> None:
        super().__init__()
        self.place = place
        self.words, self.positions = nn.Embedding(len(TOKENIZER), DIM), nn.Parameter(torch.empty(64, DIM))
        self.blocks = nn.ModuleList(
            nn.ModuleDict({"attention": Attention(norm, spelling), "feed_forward": FeedForward(norm, activation)})
            for _ in range(layers)
        )
        self.norm, self.head = norm_of(norm), nn.Linear(DIM, 3)
        self.config = SimpleNamespace(num_labels=3, problem_type=None, id2label={}, pad_token_id=0)
        self.double().eval()
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
                parameter += "norm.weight" in name

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> SimpleNamespace:
        x = self.words(input_ids) + self.positions[: input_ids.shape[1]]
        for block in self.blocks:
            for part in block.values():
                x = x + part(part.norm(x)) if self.place == "pre" else part.norm(x + part(x))
        x = self.norm(x) if self.place == "pre" else x
        return SimpleNamespace(logits=self.head(x.mean(1)))


def naive_scores(model: Transformer, rules: str, norm: str, activation: str) -> np.ndarray:
    """Return the relevances of the words of the text, without the special tokens around it."""
    weights = {name: x.numpy().astype(np.longdouble) for name, x in model.state_dict().items()}
    inner = GATED.get(activation, activation)
    naive = NaiveTransformer(weights, len(model.blocks), HEADS, norm, model.place, inner, activation in GATED, rules)
    ids = TOKENIZER(TEXT)["input_ids"]
    logit, relevances = naive.relevances(weights["words.weight"][ids])
    with torch.no_grad():
        assert float(logit) == pytest.approx(model(torch.tensor([ids]), None).logits[0, 0].item(), rel=1e-13)
    return relevances[1:-1].astype(np.float64)


def scores_of(model: Transformer) -> dict[str, np.ndarray]:
    """Return the scores of all rule sets, from one forward pass."""
    objective = Objective("logit", "identity")
    classifier = HookedClassifier(model, (Lookup("words", 0, 0, False),), objective, 1024, records_inputs=True)
    batch = collate(Encoder(TOKENIZER, None, "token")([TEXT]), [0], TOKENIZER)
    with frozen_eval_mode(model):
        scores = score_batch(classifier, batch, select(tuple(RULE_SETS))).scores
    return {name: x[0].numpy() for name, x in scores.items()}


def assert_right(model: Transformer, norm: str, activation: str) -> None:
    for rules, scores in scores_of(model).items():
        expected = naive_scores(model, rules, norm, activation)
        np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-12 * np.abs(expected).max(), err_msg=rules)


@pytest.mark.parametrize("place", ["pre", "post"])
@pytest.mark.parametrize("norm", ["layer", "rms"])
@pytest.mark.parametrize("activation", [*ACTIVATIONS, *GATED])
def test_two_layers(activation, norm, place):
    assert_right(Transformer(2, norm, place, activation), norm, activation)


@pytest.mark.parametrize("place", ["pre", "post"])
@pytest.mark.parametrize("norm", ["layer", "rms"])
@pytest.mark.parametrize("activation", ["gelu", "swiglu", "sigmoid"])
@pytest.mark.parametrize("layers", [1, 2])
def test_attention_written_by_hand(layers, activation, norm, place):
    assert_right(Transformer(layers, norm, place, activation, "eager"), norm, activation)


@pytest.mark.parametrize("spelling", ["sdpa", "eager"])
def test_the_same_through_an_explainer(spelling):
    model = Transformer(1, "layer", "pre", "tanh", spelling)
    explain = Explainer(model, TOKENIZER)
    scores = explain(TEXT, tuple(RULE_SETS), "token", 0, objective="logit", self_check=False).scores
    for rules in RULE_SETS:
        expected = naive_scores(model, rules, "layer", "tanh")
        np.testing.assert_allclose(scores[rules], expected, rtol=0, atol=1e-12 * np.abs(expected).max(), err_msg=rules)
