"""Averaged gradients, compared with their axioms and with plain loops in float64."""

from functools import partial

import numpy as np
import pytest
import torch
from captum.attr import NoiseTunnel, Saliency
from scipy.integrate import fixed_quad

from hf_gradexplain.attribution.averaged_gradients import (
    IntegratedGradients,
    SequentialIntegratedGradients,
    SmoothGrad,
    gauss_radau,
)
from hf_gradexplain.attribution.formulas import sa_l2, signed_gi, vargrad
from hf_gradexplain.attribution.methods import METHODS, Method
from hf_gradexplain.classifier.hooked_classifier import HookedClassifier
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.options import Options
from hf_gradexplain.text.encode import Encoder
from tests.helpers.naive import NaiveReader, gradient_score, loss_of
from tests.helpers.tiny import KINDS, TEXTS, explainer, make

SMOOTH = ("fasttext", "bert", "gpt2", "bart")
"""Models without a maximum over the words: few points are enough."""

UNITS = ("token", "word", "word_type")


@pytest.fixture
def named(monkeypatch):
    """Register a method for the duration of a test."""
    return partial(monkeypatch.setitem, METHODS)


@pytest.mark.parametrize("n", [1, 2, 3, 10, 20, 50])
def test_the_quadrature_is_exact_for_polynomials_and_ends_at_the_input(n):
    points, weights = (np.array(x) for x in gauss_radau(n))
    assert points[-1] == 1
    assert (points > 0).all()
    assert (weights > 0).all()
    for degree in range(2 * n - 1):
        assert (weights * points**degree).sum() == pytest.approx(1 / (degree + 1), rel=1e-12)


class TwoTables(torch.nn.Module):
    """A smooth model that looks each token up in two tables and joins the vectors."""

    def __init__(self, vocabulary):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = torch.nn.Embedding(vocabulary, 3), torch.nn.Embedding(vocabulary, 5)
        self.head = torch.nn.Sequential(torch.nn.Linear(8, 6), torch.nn.Tanh(), torch.nn.Linear(6, 2))

    def forward(self, input_ids, attention_mask=None, **kwargs):
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        joined = torch.cat([self.first(input_ids), self.second(input_ids)], -1)
        return self.head((joined * mask.unsqueeze(-1)).sum(1))


def test_vectors_of_several_tables_are_joined():
    """The scores of integrated gradients add up to the rise of the loss."""
    tokenizer = make("bert")[1]
    explain = Explainer(TwoTables(len(tokenizer)).double(), tokenizer)
    (found,) = explain(["the film is good"], methods="integrated_gradients", objective="logit", steps=40)
    assert abs(found.completeness["integrated_gradients"]) < 1e-9


def test_two_and_three_points_are_those_of_radau():
    root = np.sqrt(6)
    assert gauss_radau(2)[0] == pytest.approx([1 / 3, 1], rel=1e-14, abs=0)
    assert gauss_radau(2)[1] == pytest.approx([3 / 4, 1 / 4], rel=1e-14, abs=0)
    assert gauss_radau(3)[0] == pytest.approx([(4 - root) / 10, (4 + root) / 10, 1], rel=1e-14, abs=0)
    assert gauss_radau(3)[1] == pytest.approx([(16 - root) / 36, (16 + root) / 36, 1 / 9], rel=1e-14, abs=0)


@pytest.mark.parametrize("objective", ["loss", "logit", "prob"])
@pytest.mark.parametrize("kind", SMOOTH)
def test_completeness(kind, objective, named):
    """The scores add up to the rise of the loss when all units are removed."""
    named("path", Method(IntegratedGradients(50), signed_gi, True, ""))
    explain, text = explainer(kind), TEXTS[0]
    for unit in UNITS:
        scores = explain(text, ("path", "random"), unit, labels=1, objective=objective).scores["path"]
        reader = NaiveReader(explain.model, explain.tokenizer, text)
        loss = loss_of(objective, "single_label_classification", 1)
        rise = loss(reader.logits_without(reader.tokens)).item() - loss(reader.logits()).item()
        assert scores.sum() == pytest.approx(rise, rel=1e-6)


@pytest.mark.parametrize("kind", ["textcnn", "bilstm"])
def test_completeness_with_another_baseline_and_many_points_across_kinks(kind, named):
    named("path", Method(IntegratedGradients(400), signed_gi, True, ""))
    explain = explainer(kind)
    (batch,) = explain.run([TEXTS[0]], Options(("path",), "word", objective="logit", baseline="mean"))
    forward = batch.forward
    without = forward.classifier.masked_logits(
        forward.batch.inputs, forward.batch.units.unit_of < forward.batch.units.size
    )
    target = forward.batch.target.item()
    rise = forward.logits[0, target] - without[0, target]
    assert batch.scores["path"].sum().item() == pytest.approx(rise.item(), rel=5e-3)


@pytest.mark.filterwarnings("ignore:the scores of path should add up")
@pytest.mark.parametrize("kind", KINDS)
def test_one_step_is_gradient_times_input(kind, named):
    named("path", Method(IntegratedGradients(1), signed_gi, True, ""))
    named("paths", Method(SequentialIntegratedGradients(1), signed_gi, True, ""))
    for unit in UNITS:
        scores = explainer(kind)(TEXTS[0], ("path", "paths", "signed_gi"), unit).scores
        for name in ("path", "paths"):
            assert scores[name] == pytest.approx(scores["signed_gi"], rel=1e-12), name


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_integrated_gradients_agree_with_gauss_legendre_quadrature_written_naively(kind, named):
    explain, text = explainer(kind), TEXTS[0]
    reader = NaiveReader(explain.model, explain.tokenizer, text)
    loss = loss_of("loss", "single_label_classification", 1)
    rows = torch.tensor([reader.rows[t] for t in reader.tokens])
    vectors = reader.table[rows].detach().clone()

    def products(share: float) -> list[float]:
        reader.table.data[rows] = share * vectors
        grads = reader.gradients(loss)
        return [-float(np.dot(grads[t], vectors[i].numpy())) for i, t in enumerate(reader.tokens)]

    expected, _ = fixed_quad(lambda points: np.array([products(x) for x in points]).T, 0, 1, n=40)
    named("path", Method(IntegratedGradients(40), signed_gi, True, ""))
    scores = explain(text, "path", "token", labels=1).scores["path"]
    assert scores == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(("kind", "unit"), [("bert", "word_type"), ("gpt2", "word")])
def test_sequential_integrated_gradients_agree_with_quadrature_one_unit_after_the_other_written_naively(kind, unit):
    explain, text = explainer(kind), TEXTS[0]
    reader = NaiveReader(explain.model, explain.tokenizer, text)
    loss = loss_of("loss", "single_label_classification", 1)

    def score(tokens: list[int]) -> float:
        rows = torch.tensor([reader.rows[t] for t in tokens])
        vectors = reader.table[rows].detach().clone()

        def product(share: float) -> float:
            reader.table.data[rows] = share * vectors
            grads = reader.gradients(loss)
            return -sum(float(np.dot(grads[t], vectors[i].numpy())) for i, t in enumerate(tokens))

        value, _ = fixed_quad(lambda points: np.array([product(x) for x in points]), 0, 1, n=30)
        reader.table.data[rows] = vectors
        return value

    expected = [score(tokens) for tokens in reader.units(unit)]
    scores = explain(text, "sequential_integrated_gradients", unit, labels=1, steps=30)
    assert scores["sequential_integrated_gradients"] == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("baseline", ["zero", "mean"])
@pytest.mark.parametrize("kind", SMOOTH)
def test_sequential_integrated_gradients_are_leave_one_out_up_to_quadrature(kind, baseline):
    methods, options = ("sequential_integrated_gradients", "loo"), {"labels": 1, "baseline": baseline}
    scores = explainer(kind)(TEXTS[3], methods, steps=40, **options).scores
    assert scores[methods[0]] == pytest.approx(scores["loo"], rel=1e-6, abs=1e-9)
    few = explainer(kind)(TEXTS[3], methods, steps=2, **options).scores
    assert few[methods[0]] != pytest.approx(scores["loo"], rel=1e-6)


@pytest.mark.parametrize("unit", UNITS)
def test_on_a_linear_model_sequential_integrated_gradients_are_signed_gi(unit):
    methods = ("sequential_integrated_gradients", "signed_gi")
    scores = explainer("fasttext")(TEXTS[0], methods, unit, objective="logit", steps=3).scores
    assert scores[methods[0]] == pytest.approx(scores["signed_gi"], rel=1e-12)


@pytest.mark.parametrize("rules", ["attn_lrp", "cp_lrp"])
@pytest.mark.parametrize("kind", ["bert", "gpt2", "bart", "bilstm"])
def test_one_step_through_a_rule_set_is_relevance_propagation(kind, rules, named):
    named("path", Method(IntegratedGradients(1, rules), signed_gi, True, ""))
    explain = explainer(kind)
    alone = explain(TEXTS[0], "path", "word_type").scores["path"]
    assert alone == pytest.approx(explain(TEXTS[0], rules, "word_type").scores[rules], rel=1e-12)
    assert alone != pytest.approx(explain(TEXTS[0], "signed_gi", "word_type").scores["signed_gi"], rel=1e-2)


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_steps_through_a_rule_set_agree_with_propagation_through_scaled_word_vectors(kind, named):
    """The two points of Radau's rule are 1/3 and 1, with the weights 3/4 and 1/4."""
    model, tokenizer = make(kind)
    explain, text = Explainer(model, tokenizer), TEXTS[0]
    table = model.get_input_embeddings().weight.data
    rows = sorted(set(tokenizer(text)["input_ids"]) - set(tokenizer.all_special_ids))
    vectors, expected = table[rows].clone(), 0
    for point, weight in ((1 / 3, 3 / 4), (1, 1 / 4)):
        table[rows] = point * vectors
        expected = expected + weight * explain(text, "cp_lrp", "token", labels=1).scores["cp_lrp"] / point
    named("path", Method(IntegratedGradients(2, "cp_lrp"), signed_gi, True, ""))
    scores = explain(text, "path", "token", labels=1).scores["path"]
    assert scores == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_without_noise_smoothgrad_is_the_plain_gradient(kind, named):
    named("smooth", Method(SmoothGrad(3, level=0.0), sa_l2, False, ""))
    scores = explainer(kind)(TEXTS[0], ("smooth", "sa_l2"), "word_type").scores
    assert scores["smooth"] == pytest.approx(scores["sa_l2"], rel=1e-12)


def test_on_a_linear_model_noise_changes_nothing():
    scores = explainer("fasttext")(TEXTS[0], ("smoothgrad", "vargrad", "sa_l2"), "word_type", objective="logit").scores
    assert scores["smoothgrad"] == pytest.approx(scores["sa_l2"], rel=1e-12)
    assert (scores["vargrad"] == 0).all()


def without_first_norm():
    """A model with special tokens that sees a shift of their vectors: no normalisation follows the lookup."""
    model, tokenizer = make("bert")
    model.bert.embeddings.LayerNorm = torch.nn.Identity()
    return Explainer(model, tokenizer)


@pytest.mark.parametrize("kind", ["bert", "bert without its first norm", "textcnn"])
def test_smoothgrad_and_vargrad_agree_with_a_loop_over_noisy_texts(kind, named):
    explain = without_first_norm() if kind.endswith("norm") else explainer(kind)
    text, copies, level = TEXTS[0], 4, 0.2
    reader = NaiveReader(explain.model, explain.tokenizer, text)
    loss = loss_of("loss", "single_label_classification", 1)
    rows = torch.tensor([reader.rows[t] for t in reader.tokens])
    vectors = reader.table[rows].detach().clone()
    (document,) = Encoder(explain.tokenizer, None, "word")([text])
    grads, of_copies = {t: np.zeros(vectors.shape[1]) for t in reader.tokens}, []
    for copy in range(copies):
        noise = document.rng(0, f"noise 0 {copy}").normal(size=vectors.shape)
        reader.table.data[rows] = vectors + level * (vectors.max() - vectors.min()) * torch.from_numpy(noise)
        of_copies.append({t: np.array(grad) for t, grad in reader.gradients(loss).items()})
        for t, grad in of_copies[-1].items():
            grads[t] += grad / copies
    named("smooth", Method(SmoothGrad(copies, level), sa_l2, False, ""))
    named("spread", Method(SmoothGrad(copies, level), vargrad, False, ""))
    nothing = {t: [0.0] * vectors.shape[1] for t in reader.tokens}
    for unit in ("word", "word_type"):
        scores = explain(text, ("smooth", "spread"), unit, labels=1).scores
        units = reader.units(unit)
        expected = [gradient_score("sa_l2", u, reader.ids, grads, nothing) for u in units]
        assert scores["smooth"] == pytest.approx(expected, rel=1e-9)
        assert scores["spread"] == pytest.approx([variance(u, reader.ids, of_copies) for u in units], rel=1e-9)


def variance(tokens, ids, of_copies):
    """The mean squared distance of a unit's gradients from their mean; occurrences of the same piece add up."""
    gradients = [
        np.stack([sum(g[t] for t in tokens if ids[t] == i) for i in {ids[t] for t in tokens}]) for g in of_copies
    ]
    return np.mean([((g - np.mean(gradients, 0)) ** 2).sum() for g in gradients])


def test_vargrad_agrees_with_captum(monkeypatch):
    """With the noise of this package in place of captum's."""
    explain, text = explainer("textcnn"), TEXTS[0]
    encoded = explain.tokenizer(text, return_tensors="pt")
    vectors = explain.model.get_input_embeddings()(encoded["input_ids"]).detach()
    (document,) = Encoder(explain.tokenizer, None, "word")([text])
    drawn = [document.rng(0, f"noise 0 {copy}").normal(size=vectors.shape[1:]) for copy in range(20)]
    noise = 0.15 * (vectors.max() - vectors.min()) * torch.from_numpy(np.stack(drawn))
    monkeypatch.setattr(torch, "normal", lambda mean, std: mean + noise)

    def logits(vectors):
        return explain.model(inputs_embeds=vectors, attention_mask=torch.ones(vectors.shape[:2])).logits

    peer = NoiseTunnel(Saliency(logits)).attribute(vectors, nt_type="vargrad", nt_samples=20, target=2, abs=False)
    scores = explain(text, "vargrad", "token", labels=2, objective="logit").scores["vargrad"]
    assert scores == pytest.approx(peer.sum(-1)[0].numpy(), rel=1e-9)


def test_vargrad_of_a_saturated_model_does_not_underflow():
    model, tokenizer = make("textcnn", dtype=torch.float32)
    model.classifier.weight.data *= 1e-30
    scores = Explainer(model, tokenizer)(TEXTS[0], "vargrad", objective="logit").scores["vargrad"]
    assert (scores > 0).sum() > 5
    assert scores.max() < 1e-50


@pytest.mark.filterwarnings("ignore:the scores of integrated_gradients should add up")  # two steps are few
@pytest.mark.parametrize("kind", KINDS)
def test_a_text_has_the_same_scores_alone_and_in_a_batch(kind):
    methods = ("integrated_gradients", "sequential_integrated_gradients", "smoothgrad", "vargrad", "gi_prob")
    explain = explainer(kind)
    together = explain(list(TEXTS), methods, batch_tokens=64, steps=2)
    for text, explanation in zip(TEXTS, together, strict=True):
        alone = explain(text, methods, batch_tokens=7, steps=2)
        for method in methods:
            assert explanation.scores[method] == pytest.approx(alone.scores[method], rel=1e-8, abs=1e-11), method


@pytest.mark.filterwarnings("ignore:the scores of integrated_gradients should add up")
@pytest.mark.parametrize("side", ["left", "right"])
def test_copies_have_the_length_of_their_text(side, monkeypatch):
    model, tokenizer = make("textcnn")
    tokenizer.padding_side = side
    explain, methods, seen = Explainer(model, tokenizer), ("integrated_gradients", "smoothgrad"), []
    texts = [text for text in TEXTS if text]
    forward = HookedClassifier.forward
    alone = [explain(text, methods, steps=3) for text in texts]

    def recorded(self, batch, *, graph, edit_of=None):
        if graph and edit_of is not None:
            seen.append(batch.inputs["attention_mask"])
        return forward(self, batch, graph=graph, edit_of=edit_of)

    monkeypatch.setattr(HookedClassifier, "forward", recorded)
    together = explain(texts, methods, steps=3, batch_tokens=256)
    assert max(int((mask == 0).sum()) for mask in seen) <= 256 / 16
    assert len({mask.shape[1] for mask in seen}) > 2
    for explanation, expected in zip(together, alone, strict=True):
        for method in methods:
            assert explanation.scores[method] == pytest.approx(expected.scores[method], rel=1e-10, abs=1e-13)


def test_the_noise_depends_on_the_seed():
    scores = [explainer("bert")(TEXTS[0], "smoothgrad", seed=seed).scores["smoothgrad"] for seed in (0, 0, 1)]
    assert (scores[0] == scores[1]).all()
    assert (scores[0] != scores[2]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_gi_prob_is_signed_gi_of_the_probability_for_every_objective(kind):
    explain, methods = explainer(kind), ("gi_prob", "signed_gi")
    expected = explain(TEXTS[0], methods, objective="prob").scores["signed_gi"]
    for objective in ("loss", "logit", "prob"):
        assert explain(TEXTS[0], methods, objective=objective).scores["gi_prob"] == pytest.approx(expected, rel=1e-9)
    loss = explain(TEXTS[0], methods)
    share = loss.probabilities[loss.target]
    assert loss.scores["gi_prob"] == pytest.approx(share * loss.scores["signed_gi"], rel=1e-9, abs=1e-14)
