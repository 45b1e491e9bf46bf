from functools import cache

import numpy as np
import pytest
import torch

from hf_gradexplain.attribution.averaged_gradients import SmoothGrad
from hf_gradexplain.attribution.gradients import gradients_of, loss_scale
from hf_gradexplain.attribution.methods import METHODS, score_batch, select
from hf_gradexplain.attribution.sources import Backward, LeaveOneOut, RandomScores
from hf_gradexplain.classifier.hooked_classifier import ForwardPass
from hf_gradexplain.classifier.objective import TINY
from hf_gradexplain.classifier.state import frozen_eval_mode
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.options import Options
from tests.helpers.naive import NaiveReader, loss_of
from tests.helpers.tiny import KINDS, PROBLEM_TYPES, TEXTS, explainer, make


def scored(explain, texts, methods=("random",), **options):
    """Return the single batch of all texts, which must have the same length."""
    (batch,) = explain.run(texts, Options(methods, **options))
    return batch


def evidence(explain, batch, source) -> tuple[ForwardPass, object]:
    with frozen_eval_mode(explain.model):
        forward = batch.forward.classifier.forward(batch.forward.batch, graph=True)
        return forward, source(forward)


@pytest.mark.parametrize("problem_type", PROBLEM_TYPES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_agrees_with_central_differences(kind, problem_type):
    explain, text = explainer(kind, problem_type), "the end is bad"
    batch = scored(explain, [text])
    forward, gradients = evidence(explain, batch, Backward())
    reader = NaiveReader(explain.model, explain.tokenizer, text)
    loss = loss_of("loss", problem_type, forward.batch.target.item())
    for t in reader.tokens:
        slopes = [reader.slope(loss, t, dim) for dim in range(gradients.grad.shape[2])]
        assert gradients.grad[0, t].tolist() == pytest.approx(slopes, rel=1e-6, abs=1e-8)
        assert gradients.embedding[0, t].tolist() == pytest.approx(reader.vector(t), rel=1e-12)


def test_the_losses_of_a_batch_are_summed_not_averaged():
    explain, text = explainer("textcnn"), "the end is bad"
    _, alone = evidence(explain, scored(explain, [text]), Backward())
    _, together = evidence(explain, scored(explain, [text] * 3), Backward())
    torch.testing.assert_close(together.grad, alone.grad.expand(3, -1, -1), rtol=1e-12, atol=0)


def test_the_backward_pass_reaches_the_word_vectors_and_no_parameter():
    explain = explainer("bert")
    evidence(explain, scored(explain, ["the end is bad"]), Backward())
    assert all(parameter.grad is None for parameter in explain.model.parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_leave_one_out_of_a_single_word_masks_the_whole_text(kind):
    """Only special tokens and zeros are left."""
    explain = explainer(kind)
    explanation = explain("bad", "loo", labels=1)
    reader = NaiveReader(explain.model, explain.tokenizer, "bad")
    loss = loss_of("loss", "single_label_classification", 1)
    expected = loss(reader.logits_without(reader.tokens)) - loss(reader.logits())
    assert explanation.scores["loo"].tolist() == pytest.approx([expected.item()], rel=1e-10)


def test_positions_without_a_unit_score_zero():
    explain = explainer("fasttext")
    batch = scored(explain, list(TEXTS), ("loo", "random", "signed_gi"))
    real = batch.forward.batch.units.real
    assert not real.all()
    for scores in batch.scores.values():
        assert torch.equal(scores[~real], torch.zeros_like(scores[~real]))


def test_random_scores_are_a_permutation_that_depends_on_the_seed_and_the_text():
    explain, text = explainer("fasttext"), TEXTS[2]
    size = len(explain(text).units)
    drawn = [explain(text, "random", seed=seed).scores["random"].tolist() for seed in (0, 0, 1)]
    assert sorted(drawn[0]) == list(range(size))
    assert drawn[0] == drawn[1] != drawn[2]
    other = explain(text.replace("worst", "good"), "random", "word", seed=0).scores["random"].tolist()
    assert other != drawn[0]


def test_all_orders_of_the_random_method_are_equally_likely():
    explain = explainer("fasttext")
    first = [int(explain("the end is", "random", seed=seed).scores["random"].argmin()) for seed in range(150)]
    assert all(30 < first.count(unit) < 70 for unit in range(3))


@pytest.mark.parametrize("source", [Backward(), LeaveOneOut(), RandomScores()])
def test_sources_with_equal_arguments_are_equal(source):
    assert type(source)() == source
    assert hash(type(source)()) == hash(source)


def test_a_forward_pass_without_gradient_methods_has_no_graph():
    explain = explainer("bert")
    batch = scored(explain, ["the end is bad"], ("loo", "random"))
    assert batch.forward.words == ()
    assert not batch.forward.logits.requires_grad
    with frozen_eval_mode(explain.model):
        forward = score_batch(batch.forward.classifier, batch.forward.batch, select("sa_l2")).forward
    assert not forward.logits.requires_grad, "the graph is freed after the gradients are computed"


@cache
def exact_and_half(kind):
    """Explainers whose tests set the biases of their models."""
    return [Explainer(*make(kind, dtype=dtype)) for dtype in (torch.float32, torch.float16)]


@pytest.mark.parametrize("method", ["signed_gi", "sa_l2", "gi_prob", "integrated_gradients", "smoothgrad"])
@pytest.mark.parametrize("kind", ["fasttext", "textcnn", "bilstm", "bert"])
def test_confident_predictions_have_gradients_in_half_precision(kind, method):
    """`dl/dlogits` is about `1 - p`, and the smallest number of float16 is 6e-8."""
    for lead in (10, 15, 20, 40):
        scores = []
        for explain in exact_and_half(kind):
            explain.model.classifier.bias.data[:] = torch.tensor([lead, 0, 0])
            scores.append(explain(TEXTS[0], method, "word_type", labels=0).scores[method])
        np.testing.assert_allclose(scores[1], scores[0], rtol=0, atol=0.05 * np.abs(scores[0]).max())


@pytest.mark.parametrize("kind", KINDS)
def test_in_float32_the_gradient_is_bit_identical_to_that_of_the_loss(kind):
    explain = explainer(kind, dtype=torch.float32)
    batch = scored(explain, [TEXTS[0]])
    objective, gradients = batch.forward.classifier.objective, evidence(explain, batch, Backward())[1]
    with frozen_eval_mode(explain.model):
        forward = batch.forward.classifier.forward(batch.forward.batch, graph=True)
        loss = objective.loss(forward.logits, forward.batch.target).sum()
        assert torch.equal(gradients.grad, torch.autograd.grad(loss, forward.words[0].delta)[0])


def test_the_loss_scale_is_a_power_of_two_near_the_inverse_slope_and_finite_for_zero():
    slope = torch.tensor([[-0.75, 0.5], [3e-9, -3e-9], [0.0, 0.0], [1e-300, 0.0]], dtype=torch.float64)
    scale = loss_scale(slope)
    assert scale.tolist() == [[1.0], [2.0**28], [2.0**1000], [2.0**997]]
    assert ((slope * scale).abs().amax(1)[[0, 1, 3]] > 0.7).all()
    assert loss_scale(slope.float()).tolist() == [[1.0], [2.0**28], [2.0**120], [2.0**120]]


@cache
def exact_and(dtype, kind):
    """Explainers whose tests set the biases of their models."""
    return [Explainer(*make(kind, dtype=dtype)) for dtype in (torch.float64, dtype)]


@pytest.mark.parametrize("method", ["signed_gi", "sa_l2", "attn_lrp", "integrated_gradients", "smoothgrad"])
@pytest.mark.parametrize("kind", ["fasttext", "textcnn", "bilstm", "bert"])
@pytest.mark.filterwarnings("ignore:the scores of integrated_gradients")
def test_very_confident_predictions_have_gradients_in_float32(kind, method):
    """`dl/dlogits` is about `exp(-lead)`, and the smallest number of float32 is `exp(-103)`."""
    for lead in (26, 30, 60, 105, 250):
        scores = []
        for explain in exact_and(torch.float32, kind):
            explain.model.classifier.bias.data[:] = torch.tensor([lead, 0, 0])
            explanations = explain(list(TEXTS[:2]), method, "word_type", labels=0, steps=4)
            scores.append(np.concatenate([x.scores[method] for x in explanations]))
        assert scores[0].any()
        np.testing.assert_allclose(scores[1], scores[0], rtol=0, atol=1e-3 * np.abs(scores[0]).max())


@pytest.mark.filterwarnings("ignore:the scores of integrated_gradients")
def test_integrated_gradients_with_more_and_more_points_do_not_vanish_in_float32():
    scores = []
    for explain in exact_and(torch.float32, "bert"):
        explain.model.classifier.bias.data[:] = torch.tensor([105, 0, 0])
        explanations = explain(list(TEXTS[:2]), "integrated_gradients", labels=0)
        scores.append(np.concatenate([x.scores["integrated_gradients"] for x in explanations]))
    assert scores[0].any()
    np.testing.assert_allclose(scores[1], scores[0], rtol=0, atol=1e-3 * np.abs(scores[0]).max())


@pytest.mark.parametrize("tiny", [0, -1])
def test_the_windows_of_a_text_that_run_apart_may_have_tiny_and_ordinary_slopes(tiny, monkeypatch):
    model, tokenizer = make("bert", dtype=torch.float32)
    tokenizer.model_max_length = 8
    explain = Explainer(model, tokenizer)
    options = Options(("random",), stride=2, batch_tokens=8)
    (batch,) = explain.run([TEXTS[2]], options)
    grads = []
    for factor in (1.0, 1e-46):
        with frozen_eval_mode(explain.model):
            forward = batch.forward.classifier.forward(batch.forward.batch, graph=True)
            slope = torch.tensor([[0.5, -0.25, 0.0]], dtype=torch.float64).repeat(len(forward.sequence_logits), 1)
            slope[tiny] *= factor
            monkeypatch.setattr(ForwardPass, "slope", lambda forward, slope=slope: slope)
            grads.append(gradients_of(forward).grad)
            monkeypatch.undo()
    assert len(slope) > 2
    assert (grads[0].dtype, grads[1].dtype) == (torch.float32, torch.float64)
    grads[1][tiny] *= 1e46
    assert grads[1][tiny].any()
    torch.testing.assert_close(grads[1], grads[0].double(), rtol=1e-5, atol=1e-6)


def test_copies_that_run_apart_may_have_tiny_and_ordinary_slopes(monkeypatch):
    explain = Explainer(*make("bert", dtype=torch.float32))
    (batch,) = explain.run([TEXTS[0]], Options(("random",), batch_tokens=8))
    found = []
    for factor in (1e-46, 0.0):
        slopes = iter([1.0, factor, 1.0, factor])

        def slope(forward, slopes=slopes):
            return next(slopes) * torch.tensor([[0.5, -0.25, 0.0]], dtype=torch.float64)

        monkeypatch.setattr(ForwardPass, "slope", slope)
        with frozen_eval_mode(explain.model):
            found.append(SmoothGrad(copies=4)(batch.forward).grad)
        assert next(slopes, None) is None, "a pass per copy"
    assert [grad.dtype for grad in found] == [torch.float64, torch.float32]
    assert found[1].any()
    torch.testing.assert_close(found[0], found[1].double(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_gradients_are_wider_only_if_a_slope_is_tiny(dtype, monkeypatch):
    explain = Explainer(*make("textcnn", dtype=dtype))
    batch = scored(explain, ["the end is bad", "the film is good"])
    rows = {1.0: torch.float32, TINY: torch.float32, TINY / 2: torch.float64, 1e-46: torch.float64, 0.0: torch.float32}
    grads = {}
    for size, expected in rows.items():
        slope = torch.tensor([[0.5, -0.25, 0.0], [size, 0.0, -size]], dtype=torch.float64)
        monkeypatch.setattr(ForwardPass, "slope", lambda forward, slope=slope: slope)
        with frozen_eval_mode(explain.model):
            grads[size] = gradients_of(batch.forward.classifier.forward(batch.forward.batch, graph=True)).grad
        assert grads[size].dtype == expected
        assert torch.equal(grads[size][0], grads[1.0][0].to(expected)), "other texts keep their gradients"
    assert grads[1.0][1].any()
    assert not grads[0.0][1].any()
    np.testing.assert_allclose(grads[TINY / 2][1], grads[1.0][1].double() * TINY / 2, rtol=1e-7)
    np.testing.assert_allclose(grads[1e-46][1] * 1e46, grads[1.0][1], rtol=0.02, atol=1e-3)


def test_random_scores_have_a_dtype_that_the_device_supports(monkeypatch):
    monkeypatch.setattr("hf_gradexplain.attribution.sources.widest", lambda device: torch.float32)
    assert scored(explainer("fasttext"), ["the end"]).scores["random"].dtype == torch.float32


@pytest.mark.filterwarnings("ignore:the scores of .* should add up to the rise")
def test_the_scores_of_a_method_depend_on_the_seed_as_its_source_says():
    text, how = "the music of this film is good , not bad", {"steps": 3, "max_evals": 40, "self_check": False}
    one, other = (explainer("bert")(text, tuple(METHODS), seed=seed, labels=1, **how) for seed in (0, 1))
    differ = {name for name in METHODS if not np.array_equal(one.scores[name], other.scores[name])}
    assert differ == {name for name, method in METHODS.items() if method.source.seeded}


@pytest.mark.parametrize("method", ["loo", "occlusion"])
def test_of_one_class_a_source_gives_what_it_gives_of_several(method):
    explain, source = explainer("fasttext"), METHODS[method].source
    forward, one = evidence(explain, scored(explain, TEXTS[:1]), source)
    with frozen_eval_mode(explain.model):
        several = source.of_classes([forward, forward])
    assert len(several) == 2
    assert torch.equal(one, several[0])


def test_of_one_class_a_sampled_source_gives_what_it_gives_of_several():
    explain, source = explainer("fasttext"), METHODS["shapley"].source
    forward, one = evidence(explain, scored(explain, TEXTS[:1]), source)
    with frozen_eval_mode(explain.model):
        several = source.of_classes([forward])
    assert torch.equal(one.scores, several[0].scores)
    assert one.scores.any()
