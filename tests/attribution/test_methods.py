from weakref import WeakSet

import numpy as np
import pytest
import torch
from captum.attr import LayerGradientXActivation

from hf_gradexplain.attribution.descriptions import DESCRIPTIONS
from hf_gradexplain.attribution.formulas import as_is
from hf_gradexplain.attribution.methods import METHODS, Method, register, select
from hf_gradexplain.attribution.sources import RandomScores
from hf_gradexplain.classifier.hooked_classifier import HookedClassifier
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.options import Options
from tests.helpers.naive import NaiveReader, gradient_score, loss_of
from tests.helpers.tiny import KINDS, PROBLEM_TYPES, TEXTS, explainer, make
from tests.helpers.toys import TEXT, TOKENIZER, StraightThrough, Toy

GRADIENT_METHODS = ("sa_raw", "sa_l1", "sa_l2", "sa_linf", "signed_gi")
UNITS = ("token", "word", "word_type")
OBJECTIVES = ("loss", "logit", "prob")
WIDER = "load the model in a wider dtype, or fix its weights"


@pytest.mark.parametrize("problem_type", PROBLEM_TYPES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_method_agrees_with_its_definition_written_naively(kind, problem_type):
    explain = explainer(kind, problem_type)
    text, target = TEXTS[0], 0 if problem_type == "regression" else 1
    reader = NaiveReader(explain.model, explain.tokenizer, text)
    vectors = {t: reader.vector(t) for t in reader.tokens}
    for objective in OBJECTIVES:
        loss = loss_of(objective, problem_type, target)
        grads, plain = reader.gradients(loss), loss(reader.logits()).item()
        for unit in UNITS:
            explanation = explain(text, ("loo", *GRADIENT_METHODS), unit, labels=target, objective=objective)
            units = reader.units(unit)
            assert len(explanation.units) == len(units)
            expected = {
                method: [gradient_score(method, u, reader.ids, grads, vectors) for u in units]
                for method in GRADIENT_METHODS
            }
            expected["loo"] = [loss(reader.logits_without(u)).item() - plain for u in units]
            for method, scores in expected.items():
                assert explanation.scores[method] == pytest.approx(scores, rel=1e-9, abs=1e-12), (method, unit)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("text", [TEXTS[0], TEXTS[2], TEXTS[5]])
def test_on_a_linear_model_signed_gi_is_leave_one_out(text, unit):
    explanation = explainer("fasttext")(text, ("signed_gi", "loo"), unit, objective="logit")
    assert explanation.scores["signed_gi"] == pytest.approx(explanation.scores["loo"], rel=0, abs=1e-12)


def test_the_signed_methods_are_those_with_the_signs_of_leave_one_out_on_a_linear_model():
    scores = explainer("fasttext")(TEXTS[0], tuple(METHODS), objective="logit", occlusion_window=1).scores
    same = {method: (np.sign(each) == np.sign(scores["loo"])).all() for method, each in scores.items()}
    assert same == {name: method.signed for name, method in METHODS.items()}
    assert {name: description.signed for name, description in DESCRIPTIONS.items()} == same


@pytest.mark.parametrize("unit", UNITS)
def test_on_a_linear_model_scores_sum_to_logit_minus_bias(unit):
    explain = explainer("fasttext")
    batch = next(explain.run([TEXTS[0]], Options(("signed_gi", "loo"), unit, objective="logit")))
    target = batch.forward.batch.target.item()
    logit = batch.forward.logits[0, target] - explain.model.classifier.bias[target]
    for scores in batch.scores.values():
        assert scores.sum().item() == pytest.approx(logit.item(), abs=1e-12)


@pytest.mark.parametrize("method", ["sa_raw", "sa_l1", "sa_l2", "sa_linf"])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_on_fasttext_the_gradient_of_a_word_that_occurs_twice_is_twice_as_large(method, objective):
    explanation = explainer("fasttext")("bad film good bad", method, "word_type", objective=objective)
    bad, film, good = explanation.scores[method]
    assert bad == 2 * film == 2 * good != 0


@pytest.mark.parametrize(("objective", "activation"), [("logit", None), ("prob", "softmax")])
@pytest.mark.parametrize("kind", ["fasttext", "textcnn", "bilstm", "bert", "gpt2"])
def test_signed_gi_agrees_with_captum(kind, objective, activation):
    explain, text = explainer(kind), TEXTS[0]
    inputs = explain.tokenizer(text, return_tensors="pt")

    def output(input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        logits = explain.model(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits.softmax(-1) if activation else logits

    peer = LayerGradientXActivation(output, explain.model.get_input_embeddings())
    masks = inputs["attention_mask"]
    expected = peer.attribute(inputs["input_ids"], target=2, additional_forward_args=(masks,)).sum(-1)[0]
    explanation = explain(text, "signed_gi", "token", labels=2, objective=objective)
    ordinary = [t for t, word in enumerate(inputs.word_ids()) if word is not None]
    assert explanation.scores["signed_gi"] == pytest.approx(expected[ordinary].detach().numpy(), rel=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_all_gradient_methods_together_cost_one_forward_and_one_backward_pass(kind):
    explain, passes = explainer(kind), []
    head = next(
        m for name, m in explain.model.named_modules() if name in ("classifier", "score", "classification_head")
    )
    handles = [
        explain.model.register_forward_hook(lambda *_: passes.append("forward")),
        head.register_full_backward_hook(lambda *_: passes.append("backward")),
    ]
    try:
        explain(TEXTS[0], GRADIENT_METHODS, "word_type", self_check=False)
    finally:
        for handle in handles:
            handle.remove()
    assert passes == ["forward", "backward"]


@pytest.mark.parametrize(
    ("methods", "graph"),
    [
        (("random", "loo"), False),
        (("smoothgrad", "signed_gi"), True),
        (("smoothgrad", "integrated_gradients", "loo"), False),
        (("gi_prob", "loo"), False),
    ],
)
def test_a_graph_is_built_for_sources_that_need_it_and_freed_before_the_others_run(methods, graph, monkeypatch):
    """Sources that run the model themselves hold one graph at a time."""
    explain, alive, calls, run = explainer("bert"), WeakSet(), [], HookedClassifier.forward

    def watched(self, batch, *, graph, edit_of=None):
        calls.append((graph, len(alive)))
        forward = run(self, batch, graph=graph, edit_of=edit_of)
        if graph:
            alive.add(forward)
        return forward

    monkeypatch.setattr(HookedClassifier, "forward", watched)
    explain(TEXTS[0], methods)
    assert calls[0] == (graph, 0)
    assert all(others == 0 for _, others in calls)


def test_gradient_methods_are_refused_for_a_model_without_gradients():
    explain, methods = (
        Explainer(Toy(mix=lambda x: StraightThrough.apply(x)), TOKENIZER),
        ("smoothgrad", "loo", "gi_prob"),
    )
    with pytest.raises(GradexplainError, match=r"smoothgrad, gi_prob: .* choose methods='loo'"):
        explain(TEXT, methods)


def test_methods_keep_the_given_order():
    names = ("signed_gi", "random", "loo")
    assert tuple(select(names)) == names
    assert tuple(explainer("fasttext")("bad", names).scores) == names


def test_a_single_name_needs_no_list():
    assert select("loo") == {"loo": METHODS["loo"]}


def test_an_unknown_method_is_an_error_with_the_nearest_name_and_the_choices():
    with pytest.raises(GradexplainError, match=r"unknown method 'signed_ig': did you mean 'signed_gi'\? .*loo, sa_raw"):
        select("signed_ig")


def test_an_empty_list_of_methods_is_refused():
    with pytest.raises(GradexplainError, match="no method given: choose one or more of random, loo, "):
        select([])


def test_a_registered_method_is_used_like_any_other_and_its_name_cannot_be_reused(monkeypatch):
    monkeypatch.setattr("hf_gradexplain.attribution.methods.METHODS", METHODS.copy())
    method = Method(RandomScores(), as_is, False, "the same as random")
    register("mine", method)
    scores = explainer("fasttext")(TEXTS[0], ("mine", "random")).scores
    assert scores["mine"].tolist() == scores["random"].tolist()
    with pytest.raises(GradexplainError, match="a method named 'mine' is already registered: choose another name"):
        register("mine", method)


def test_logits_that_are_not_finite_are_refused():
    explain = Explainer(*make("fasttext"))
    explain.model.classifier.bias.data[0] = torch.inf
    with pytest.raises(
        GradexplainError,
        match=f"the model's logits are not finite in float64: {WIDER}",
    ):
        explain("bad", "random")


def test_scores_that_overflow_in_half_precision_are_refused():
    """The gradients of TextCNN overflow inside the model; the scores are computed in a wider dtype."""
    explain = Explainer(*make("textcnn", dtype=torch.float16))
    explain.model.embedding.weight.data[:] = 0
    for convolution in explain.model.convolutions:
        convolution.weight.data[:] = 6e4
        convolution.bias.data[:] = 1
    explain.model.classifier.weight.data[:] = 2
    with pytest.raises(
        GradexplainError,
        match=f"the scores of 'sa_l1' are not finite in float16: {WIDER}",
    ):
        explain("bad", "sa_l1", objective="logit")


def test_scores_that_are_not_finite_are_refused_by_name():
    explain = Explainer(*make("fasttext", dtype=torch.float32))
    explain.model.embedding.weight.data[:] = 0
    explain.model.classifier.weight.data[:] = 1e38
    with pytest.raises(
        GradexplainError,
        match=f"the scores of 'sa_l1' are not finite in float32: {WIDER}",
    ):
        explain("bad", ("signed_gi", "sa_l1"), objective="logit")


def test_methods_show_themselves_as_a_table():
    first, cost, empty, headers, *rows = repr(METHODS).splitlines()
    assert (first, empty) == (f"{len(METHODS)} attribution methods", "")
    assert "one forward pass" in cost
    assert headers.split() == ["method", "signed", "cost", "summary"]
    assert [row.split()[0] for row in rows] == list(METHODS)
    assert rows[list(METHODS).index("loo")].split()[:4] == ["loo", "yes", "U", "forward"]
    html = METHODS._repr_html_()
    assert all(f"<bdi>{name}</bdi>" in html and method.summary in html for name, method in METHODS.items())
    assert all(method.cost for method in METHODS.values())
