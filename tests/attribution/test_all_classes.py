"""Tests of `target="all"`: one forward pass, and the scores for every class."""

import re
from copy import deepcopy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from hf_gradexplain.attribution import gradients
from hf_gradexplain.attribution.all_classes import AllClasses
from hf_gradexplain.attribution.methods import METHODS
from hf_gradexplain.classifier.hooked_classifier import HookedClassifier
from hf_gradexplain.classifier.objective import Objective
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.explanation import Explanation, Explanations
from hf_gradexplain.options import Options
from tests.helpers.naive import NaiveReader, gradient_score, loss_of
from tests.helpers.tiny import FEW, TEXTS, config_of, explainer, make

KINDS = ("fasttext", "bert", "gpt2", "bart")


@pytest.mark.parametrize("kind", KINDS)
def test_every_class_has_the_scores_of_the_definition_written_naively(kind):
    explain = explainer(kind)
    reader = NaiveReader(explain.model, explain.tokenizer, TEXTS[0])
    vectors = {t: reader.vector(t) for t in reader.tokens}
    found = explain(TEXTS[0], ("loo", "signed_gi", "sa_l2"), "word_type", target="all").by_class()
    assert len(found) == 3
    for explanation in found.values():
        loss = loss_of("loss", "single_label_classification", explanation.target)
        grads, plain = reader.gradients(loss), loss(reader.logits()).item()
        for u, unit in enumerate(reader.units("word_type")):
            for method in ("signed_gi", "sa_l2"):
                expected = gradient_score(method, unit, reader.ids, grads, vectors)
                assert explanation[method][u] == pytest.approx(expected, rel=1e-9, abs=1e-12)
            expected = loss(reader.logits_without(unit)).item() - plain
            assert explanation["loo"][u] == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.filterwarnings("ignore:the scores of integrated_gradients should add up")
@pytest.mark.parametrize("kind", KINDS)
def test_every_class_has_the_scores_that_it_has_alone(kind):
    explain, methods, options = explainer(kind), tuple(METHODS), {**FEW, "against": "runner_up"}
    together = explain(list(TEXTS[:2]), methods, target="all", **options)
    for text, explanation in zip(TEXTS, together, strict=False):
        by_class = explanation.by_class()
        assert [each.target for each in by_class.values()] == np.argsort(-explanation.probabilities).tolist()
        assert explanation.target == explanation.prediction
        for name, each in by_class.items():
            alone = explain(text, methods, target=name, self_check=False, **options)
            assert (each.target_label, each.against, each.question) == (name, alone.against, alone.question)
            assert list(each.scores) == list(methods)
            for method in methods:
                assert each[method] == pytest.approx(alone[method], rel=1e-9, abs=1e-12), (name, method)
            assert each.completeness == pytest.approx(alone.completeness, rel=1e-6, abs=1e-9)
            assert np.array_equal(each.probabilities, explanation.probabilities)


def test_the_model_runs_once_for_all_classes(monkeypatch):
    """Also for masked copies, and for the probability, which has a forward pass of its own."""
    explain, rows = explainer("bert"), []
    run = HookedClassifier._run_once

    def counted(self, inputs, *arguments):
        rows.append(len(inputs["input_ids"]))
        return run(self, inputs, *arguments)

    monkeypatch.setattr(HookedClassifier, "_run_once", counted)
    counts = []
    for target in ("all", "predicted"):
        rows.clear()
        explain(TEXTS[0], ("loo", "signed_gi", "attn_lrp", "gi_prob"), target=target)
        counts.append(sum(rows))
    assert counts[0] == counts[1] > 10


def test_only_the_predicted_class_has_a_self_check():
    explanation = explainer("bert")(TEXTS[0], "loo", target="all")
    first, *others = explanation.by_class().values()
    assert first.self_check == explanation.self_check == explainer("bert")(TEXTS[0], "loo").self_check != {}
    assert [each.self_check for each in others] == [{}, {}]
    assert first == explainer("bert")(TEXTS[0], "loo") != explanation


def test_an_explanation_of_one_class_has_this_class():
    explanation = explainer("bert")(TEXTS[0], "loo", target=1)
    assert explanation.by_class() == {"LABEL_1": explanation}


def test_a_label_at_the_threshold_is_explained():
    objective = Objective("loss", "sigmoid")
    forward = SimpleNamespace(logits=torch.tensor([[2.0, 0.0, -0.1]]), classifier=SimpleNamespace(objective=objective))
    assert AllClasses(top=3, threshold=0.5).targets(forward).tolist() == [[0, 1]]


@pytest.mark.parametrize("threshold", [0.0, 0.4, 0.5, 0.6, 1.0])
def test_of_a_multi_label_model_every_label_that_reaches_the_threshold_is_explained(threshold):
    explain = explainer("bert", "multi_label_classification")
    sizes = set()
    for explanation in explain(list(TEXTS), "signed_gi", target="all", threshold=threshold):
        p = explanation.probabilities
        expected = {int(p.argmax())} | {i for i in range(3) if p[i] >= threshold}
        found = list(explanation.by_class().values())
        assert [each.target for each in found] == sorted(expected, key=lambda i: -p[i])
        assert len(explanation.classes) == len(found) - 1
        for each in found:
            alone = explain(explanation.text, "signed_gi", target=each.target, self_check=False)
            assert each["signed_gi"] == pytest.approx(alone["signed_gi"], rel=1e-9, abs=1e-12)
        sizes.add(len(found))
    assert threshold not in (0.0, 1.0) or sizes == {3 if threshold == 0 else 1}


@pytest.mark.parametrize("problem_type", ["single_label_classification", "multi_label_classification"])
def test_named_classes_are_explained_beside_the_predicted_one(problem_type):
    explain = explainer("bert", problem_type)
    first, second, third = np.argsort(-explain(TEXTS[0], "random").probabilities).tolist()
    for named, expected in (([third], [first, third]), ((f"LABEL_{third}", second, first), [first, second, third])):
        found = explain(TEXTS[0], "random", target="all", classes=named, threshold=1.0, top_classes=1).by_class()
        assert [each.target for each in found.values()] == expected


def test_of_many_classes_only_the_most_probable_are_held():
    model, tokenizer = make("fasttext")
    config = config_of("fasttext", len(tokenizer), "single_label_classification")
    config.num_labels = 500
    explain = Explainer(type(model)(config).double().eval(), tokenizer)
    explanation = explain(TEXTS[0], "signed_gi", target="all")
    order = np.argsort(-explanation.probabilities)
    assert [each.target for each in explanation.by_class().values()] == order[:10].tolist()
    (batch,) = explain.run([TEXTS[0]], Options("signed_gi", target="all", top_classes=4))
    assert len(batch.others) == 3
    assert len(explain("", "signed_gi", target="all", top_classes=4).classes) == 3
    fields = {"target", "target_label", "against", "against_label", "scores", "completeness", "sampling"}
    assert all(set(vars(each)) == fields for each in explanation.classes)


def test_among_equal_logits_the_predicted_class_is_still_the_first():
    model, tokenizer = make("fasttext")
    config = config_of("fasttext", len(tokenizer), "single_label_classification")
    config.num_labels = 40
    model = type(model)(config).double().eval()
    model.classifier.weight.data.zero_()
    model.classifier.bias.data.zero_()
    explanation = Explainer(model, tokenizer)(TEXTS[0], "random", target="all")
    assert explanation.target == explanation.prediction == 0
    assert len(explanation.by_class()) == 10


def test_where_names_repeat_the_keys_are_ids():
    explain = Explainer(*make("fasttext"), class_names=["good", "bad", "good"])
    found = explain(TEXTS[0], "random", target="all").by_class()
    assert {name: each.target for name, each in found.items()} == {"0": 0, "1": 1, "2": 2}


def test_a_class_that_is_called_all_is_named_by_its_id():
    explain = Explainer(*make("fasttext"), class_names=["some", "all", "none"])
    assert len(explain(TEXTS[0], "random", target="all").classes) == 2
    assert explain(TEXTS[0], "random", target=1).by_class().keys() == {"all"}


@pytest.mark.parametrize("name", ["e.json", "e.parquet", "e.jsonl"])
def test_classes_are_saved_and_loaded(name, tmp_path):
    texts, methods = [*TEXTS[:2], ""], ("signed_gi", "integrated_gradients", "loo")
    found = explainer("fasttext")(texts, methods, target="all", against="rest")
    if name == "e.json":
        found[0].save(tmp_path / name)
        assert Explanation.load(tmp_path / name) == found[0]
        return
    mixed = Explanations([*found, explainer("fasttext")("bad", "random")])
    mixed.save(tmp_path / name)
    loaded = Explanations.load(tmp_path / name)
    assert loaded == mixed
    assert loaded[0].by_class() == found[0].by_class()
    assert list(loaded[0].classes[0].scores) == list(methods)


def test_each_class_has_a_row_wherever_a_text_is_shown(capsys):
    explanation = explainer("bert")(TEXTS[0], "loo", target="all", labels=1)
    explanation.show()
    printed = " ".join(capsys.readouterr().out.split())
    drawn = "".join(text.get_text() for text in explanation.draw_text(Figure().add_subplot()).texts)
    page, picture = explanation.to_html(), " ".join(drawn.split())
    assert "loo → 3 classes predicted: LABEL_" in printed
    assert "true label: LABEL_1" in printed
    for each in explanation.by_class().values():
        title = f"{each.target_label} ({each.probabilities[each.target]:.3f})"
        assert title in printed
        assert page.count(f"<b><bdi>{title}</bdi></b>") == 1
        assert title in picture
    assert page.count('class="row"') == 3
    titles = [axes.get_title(loc="left") for axes in explanation.to_figure().axes]
    assert [re.match(r"loo → (LABEL_\d) \(p = ", title)[1] for title in titles] == list(explanation.by_class())
    several = explainer("bert")(TEXTS[0], ("loo", "signed_gi"), target="all")
    assert several.to_html().count('class="row"') == 6
    assert several.to_html("loo").count('class="row"') == 3
    assert re.search(r"<bdi>LABEL_\d \(0\.\d+\) · signed_gi</bdi>", several.to_html())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "all", "against": 1}, "target='all' explains the class 1 as well: choose against='runner_up' or "),
        (
            {"classes": [1]},
            "classes chooses among the classes of target='all': give both, or give one class as the target",
        ),
        ({"target": "all", "classes": ["x"]}, "class 'x' is not a class of the model; choices: 0 (LABEL_0)"),
        ({"target": "all", "top_classes": 0}, "top_classes must be a number of classes, 1 or larger, but is 0"),
        ({"target": "all", "threshold": 1.5}, "threshold must be a probability between 0 and 1, but is 1.5"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_sentence(options, message):
    with pytest.raises(GradexplainError, match=f"^{re.escape(message)}"):
        explainer("fasttext")("bad", **options)


def test_an_evaluation_explains_one_class_of_each_text():
    with pytest.raises(GradexplainError, match=r"^an evaluation explains one class of each text: give another target"):
        explainer("fasttext").evaluate(["bad film"], target="all")


def test_a_regression_model_has_its_outputs():
    explanation = explainer("bert", "regression")(TEXTS[0], "signed_gi", target="all")
    assert explanation.by_class().keys() == {"LABEL_0"}
    assert deepcopy(explanation) == explanation


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("most", [1, 2, 16])
def test_backward_passes_of_several_classes_run_as_one_with_the_same_gradients(kind, most, monkeypatch):
    """Also if these are more than run together, and for a model that allows no such pass."""
    explain, slopes = explainer(kind), []
    backward = gradients._backward

    def counted(run, slope, *, keep_graph):
        slopes.append(slope.ndim)
        return backward(run, slope, keep_graph=keep_graph)

    monkeypatch.setattr(gradients, "_backward", counted)
    monkeypatch.setattr(gradients, "CLASSES_TOGETHER", most)
    found = explain(TEXTS[0], ("signed_gi", "sa_l2"), target="all", self_check=False)
    if kind != "fasttext":
        assert slopes == {1: [2, 2, 2], 2: [3, 2], 16: [3]}[most]
    monkeypatch.setattr(gradients, "TOGETHER", 0)
    slopes.clear()
    alone = explain(TEXTS[0], ("signed_gi", "sa_l2"), target="all", self_check=False)
    assert set(slopes) <= {2}
    for one, other in zip(found.by_class().values(), alone.by_class().values(), strict=True):
        for method, scores in one.scores.items():
            assert scores == pytest.approx(other[method], rel=1e-9, abs=1e-12)


def test_a_model_that_allows_no_common_backward_pass_takes_one_per_class(monkeypatch):
    expected = explainer("bert")(TEXTS[0], "signed_gi", target="all", self_check=False)

    def refused(run, slope, *, keep_graph):
        if slope.ndim == 3:
            raise RuntimeError("no batching rule")
        return backward(run, slope, keep_graph=keep_graph)

    backward = gradients._backward
    monkeypatch.setattr(gradients, "_backward", refused)
    found = explainer("bert")(TEXTS[0], "signed_gi", target="all", self_check=False)
    for one, other in zip(found.by_class().values(), expected.by_class().values(), strict=True):
        assert one["signed_gi"] == pytest.approx(other["signed_gi"], rel=1e-9, abs=1e-12)
