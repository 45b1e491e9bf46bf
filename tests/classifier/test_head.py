"""Tests of what logits stand for: the head and the names of the classes, in numbers against the model itself."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from transformers import BertConfig

from hf_gradexplain.cards.faithfulness import explain_examples
from hf_gradexplain.classifier.head import class_names_of, head_of, named_sigmoid
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explainer import Explainer
from tests.helpers.naive import NaiveReader, loss_of
from tests.helpers.tiny import explainer, make

TEXT = "the film is bad"


@pytest.mark.parametrize(
    ("configured", "n_outputs", "given", "head"),
    [
        (None, 2, None, "softmax"),
        (None, 1, None, "identity"),
        ("single_label_classification", 3, None, "softmax"),
        ("multi_label_classification", 3, None, "sigmoid"),
        ("multi_label_classification", 1, None, "sigmoid"),
        ("regression", 1, None, "identity"),
        ("regression", 3, None, "identity"),
        ("single_label_classification", 3, "multi_label_classification", "sigmoid"),
        ("multi_label_classification", 3, "single_label_classification", "softmax"),
        (None, 3, "regression", "identity"),
        (None, 1, "multi_label_classification", "sigmoid"),
    ],
)
def test_the_head_follows_from_the_problem_type(configured, n_outputs, given, head):
    assert head_of(BertConfig(problem_type=configured, num_labels=n_outputs), n_outputs, given) == head
    if configured is None:
        assert head_of(None, n_outputs, given) == head


def test_a_softmax_of_one_logit_is_an_error():
    with pytest.raises(GradexplainError, match=r"needs at least two logits, but the model has one: choose 'regr"):
        head_of(None, 1, "single_label_classification")


@pytest.mark.parametrize("given", ["single_label_classification", "multi_label_classification", "regression"])
@pytest.mark.parametrize("configured", ["single_label_classification", "multi_label_classification", None])
def test_a_given_problem_type_counts_in_place_of_the_configured_one(configured, given):
    """By hand: the words' rows of the table are zero, and sigmoids are written out."""
    model, tokenizer = make("bert")
    model.config.problem_type = configured
    explanation = Explainer(model, tokenizer)(TEXT, ("loo", "signed_gi"), labels=1, problem_type=given)
    reader = NaiveReader(model, tokenizer, TEXT)
    logits, loss = reader.logits(), loss_of("loss", given, 1)
    expected = {
        "single_label_classification": logits.exp() / logits.exp().sum(),
        "multi_label_classification": 1 / (1 + (-logits).exp()),
        "regression": logits,
    }[given]
    np.testing.assert_allclose(explanation.probabilities, expected.detach(), rtol=1e-12)
    words = reader.units("word")
    rises = [(loss(reader.logits_without(word)) - loss(logits)).item() for word in words]
    assert explanation.scores["loo"].tolist() == pytest.approx(rises, rel=1e-9, abs=1e-12)
    grads = reader.gradients(loss)
    signed = [-sum(g * e for t in word for g, e in zip(grads[t], reader.vector(t), strict=True)) for word in words]
    assert explanation.scores["signed_gi"].tolist() == pytest.approx(signed, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("id2label", "names"),
    [
        (None, ("0", "1", "2")),
        ({}, ("0", "1", "2")),
        ({"0": "bad", "1": "good", "2": "mixed"}, ("bad", "good", "mixed")),
        ({0: "bad", 2: "mixed"}, ("bad", "1", "mixed")),
        ({0: "bad", 1: "good", 2: "mixed", 3: "unused"}, ("bad", "good", "mixed")),
        (["bad", "good", "mixed"], ("0", "1", "2")),
    ],
)
def test_classes_are_named_by_numbers_or_digits_and_without_a_name_by_their_number(id2label, names):
    assert class_names_of(SimpleNamespace(id2label=id2label), 3) == names
    assert class_names_of(None, 3) == ("0", "1", "2")


@pytest.mark.parametrize("names", [("a", "b"), "abc"])
def test_another_number_of_given_names_is_an_error(names):
    with pytest.raises(GradexplainError, match=r"class_names must be a list of 3 names, one per logit, but got"):
        class_names_of(None, 3, names)
    assert class_names_of(None, 3, ["a", "b", "c"]) == ("a", "b", "c")


@pytest.mark.parametrize("id2label", [None, {"0": "bad", "1": "good", "2": "mixed"}])
def test_a_model_with_other_label_names_is_explained_and_checked(id2label):
    model, tokenizer = make("bert")
    model.config.id2label = id2label
    explain = Explainer(model, tokenizer)
    explanation = explain(TEXT, "signed_gi", labels=1)
    assert explanation.target_label == ("1" if id2label is None else "good")
    expected = explainer("bert")(TEXT, "signed_gi", labels=1).scores["signed_gi"]
    np.testing.assert_allclose(explanation.scores["signed_gi"], expected, rtol=1e-12)
    assert next(check for check in explain.check().checks if check.name == "head").verdict == "ok"


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"function_to_apply": "sigmoid"}, "function_to_apply='sigmoid'"),
        ({"task_specific_params": {"x": {"function_to_apply": "sigmoid"}}}, "function_to_apply='sigmoid'"),
        (
            {"sentence_transformers": {"activation_fn": "torch.nn.modules.activation.Sigmoid"}},
            "activation_fn='torch.nn",
        ),
        ({"final_activation": "Sigmoid"}, "final_activation='Sigmoid'"),
        ({"hidden_act": "sigmoid"}, ""),
        ({"function_to_apply": "softmax"}, ""),
    ],
)
def test_a_sigmoid_that_the_configuration_names_is_hinted_at(settings, named):
    assert named_sigmoid(BertConfig(**settings)).startswith(named)
    assert bool(named_sigmoid(BertConfig(**settings))) == bool(named)


def test_a_softmax_where_the_configuration_names_a_sigmoid_is_a_warning_and_a_note():
    model, tokenizer = make("bert")
    model.config.problem_type, model.config.function_to_apply = None, "sigmoid"
    explain = Explainer(model, tokenizer)
    message = (
        "the configuration of BertForSequenceClassification says function_to_apply='sigmoid', but has no problem_type, "
        "so probabilities are computed by a softmax: give problem_type='multi_label_classification' to use sigmoids"
    )
    with pytest.warns(UserWarning, match=re.escape(message)):
        explain(TEXT, "signed_gi")
    explain(TEXT, "signed_gi", problem_type="multi_label_classification")
    explain(TEXT, "signed_gi", problem_type="single_label_classification")
    check = next(check for check in explain.check().checks if check.name == "head")
    assert check.verdict == "note"
    assert check.found == "3 labels, softmax head, although the configuration says function_to_apply='sigmoid'"


@pytest.mark.parametrize("labels", [[[0, 1, 1]], [(1, 0, 1)], np.array([[0, 1, 1]]), torch.tensor([[0, 1, 1]])])
def test_labels_of_zeros_and_ones_get_a_hint(labels):
    message = r"is a list of 0 and 1, one per class: give the id or name of one class .*problem_type='multi_label_class"
    with pytest.raises(GradexplainError, match=message):
        explainer("bert")([TEXT], labels=labels)


def test_a_model_with_one_logit_shows_its_output(capsys):
    model, tokenizer = make("bert", "regression")
    with torch.no_grad():
        logit = model(**tokenizer(TEXT, return_tensors="pt")).logits.item()
    explanation = explainer("bert", "regression")(TEXT, "signed_gi")
    shown = f"output = {logit:.3f}".replace("-", "−")
    assert shown in explanation.to_html()
    assert shown in explanation.to_figure().axes[0].get_title(loc="left")
    explanation.show()
    terminal = capsys.readouterr().out
    assert shown in terminal
    assert "p = " not in explanation.to_html() + terminal
    (example,) = explain_examples(explainer("bert", "regression"), [TEXT], "signed_gi")
    assert example.probability is None
    assert example.output == pytest.approx(logit, abs=1e-4)
