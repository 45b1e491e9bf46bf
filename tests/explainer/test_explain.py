import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch

import hf_gradexplain.attribution.methods
from hf_gradexplain.attribution.formulas import as_is
from hf_gradexplain.attribution.methods import Method
from hf_gradexplain.attribution.sources import Backward, Source
from hf_gradexplain.explainer import Explainer, explain
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.options import Options
from tests.helpers.snapshot import snapshot
from tests.helpers.tiny import FEW, KINDS, MOST, OF_ONE_PASS, OURS, TEXTS, explainer, make

PAIR = ("the film is good", "the music is bad")


def assert_same(found: Explanation, expected: Explanation, tolerance: float) -> None:
    """Equal but for `tolerance`, relative to the largest of the numbers that a score is made of."""
    assert found.units == expected.units
    assert (found.target, found.prediction) == (expected.target, expected.prediction)
    np.testing.assert_allclose(found.probabilities, expected.probabilities, rtol=tolerance)
    for method, scores in expected.scores.items():
        size = tolerance * largest_part(expected, method)
        np.testing.assert_allclose(found.scores[method], scores, rtol=0, atol=size, err_msg=method)


def largest_part(explanation: Explanation, method: str) -> float:
    """Return the size of the terms of a score, which may cancel.

    Methods that mask words take differences of losses of the order of 1. `sa_raw` sums gradients, and integrated
    gradients sum their products with components of the order of 1.
    """
    gradients = explanation.scores["sa_l1"]
    parts = dict.fromkeys(("loo", "occlusion", "shapley", "partition_shapley", "kernel_shap", "lime"), np.ones(1))
    parts |= dict.fromkeys(("sa_raw", "integrated_gradients", "sequential_integrated_gradients"), gradients)
    return np.abs(parts.get(method, explanation.scores[method])).max(initial=0)


# What is returned


def test_a_text_gives_an_explanation_and_a_list_gives_a_list():
    explain = explainer("fasttext")
    assert isinstance(explain("bad"), Explanation)
    assert isinstance(explain(PAIR), Explanation)
    assert explain([]) == []
    for texts in (["bad"], ["bad", "good", "film"], [PAIR], ["bad", PAIR]):
        explanations = explain(texts)
        assert isinstance(explanations, list)
        assert len(explanations) == len(texts)


def test_a_tuple_is_a_pair_and_a_list_is_two_texts():
    explain = explainer("bert")
    pair, (first, second) = explain(PAIR), explain(list(PAIR))
    assert pair.text == "the film is good\nthe music is bad"
    assert pair.pair_start == len(PAIR[0]) + 1
    assert [pair.text[slice(*span)] for unit in pair.units for span in unit.spans] == " ".join(PAIR).split()
    assert (first.text, second.text) == PAIR
    assert first.pair_start is None


@pytest.mark.parametrize("wrap", [iter, pd.Series, np.array, lambda texts: (text for text in texts)])
def test_texts_and_labels_come_in_any_iterable(wrap):
    explanations = explainer("fasttext")(wrap(["bad", "good film"]), labels=wrap([1, 2]))
    assert [(e.text, e.target) for e in explanations] == [("bad", 1), ("good film", 2)]


def test_explanations_come_in_the_order_of_the_texts_whatever_their_length():
    assert [e.text for e in explainer("textcnn")(list(TEXTS), batch_tokens=1)] == list(TEXTS)


def test_the_predicted_class_is_explained_unless_labels_say_otherwise():
    explain = explainer("textcnn")
    predicted = explain("the end is bad")
    assert predicted.target == predicted.prediction == predicted.probabilities.argmax()
    for labels in (0, [0], np.int64(0), torch.tensor([0])):
        assert explain("the end is bad", labels=labels).target == 0
    assert [e.target for e in explain(["bad", "good"], labels=[2, 1])] == [2, 1]
    assert explain("bad", labels=2, target="label").target == 2


def test_the_names_of_the_classes_are_those_of_the_config():
    model, tokenizer = make("fasttext")
    model.config.id2label = {0: "ham", 1: "spam", 2: "jam"}
    explanation = Explainer(model, tokenizer)("bad", labels=1)
    assert explanation.target_label == "spam"
    assert explanation.prediction_label == ("ham", "spam", "jam")[explanation.prediction]


@pytest.mark.parametrize("problem_type", ["single_label_classification", "multi_label_classification", "regression"])
def test_probabilities_are_those_of_the_head(problem_type):
    explain = explainer("bert", problem_type)
    with torch.no_grad():
        logits = explain.model(**explain.tokenizer("the end is bad", return_tensors="pt")).logits[0]
    expected = {
        "single_label_classification": logits.softmax(-1),
        "multi_label_classification": logits.sigmoid(),
        "regression": logits,
    }[problem_type]
    explanation = explain("the end is bad", labels=0)
    assert explanation.probabilities == pytest.approx(expected.numpy(), rel=1e-12)
    assert explanation.regression == (problem_type == "regression")


def test_the_one_liner_loads_by_name_and_takes_an_explainer(tmp_path):
    model, tokenizer = make("fasttext", dtype=torch.float32)
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    expected = Explainer(model, tokenizer)("bad film", MOST, "word_type", 1, objective="prob", seed=3)
    for loaded in (str(tmp_path), Explainer.from_pretrained(str(tmp_path), device="cpu")):
        found = explain(loaded, "bad film", MOST, "word_type", 1, objective="prob", seed=3)
        assert found.to_dict() == expected.to_dict()


# The numbers do not depend on the company


@pytest.mark.filterwarnings("ignore:the scores of integrated_gradients should add up")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-10), pytest.param(torch.float32, 1e-5, marks=pytest.mark.slow)]
)
def test_a_text_gets_the_same_numbers_alone_and_in_any_batch(kind, dtype, tolerance):
    explain = explainer(kind, dtype=dtype)
    # The tests of averaged gradients have batches of any size.
    for unit, methods, sizes in (("word", MOST, [30]), ("word_type", OF_ONE_PASS, [None, 30])):
        alone = [explain(text, methods, unit, **FEW) for text in TEXTS]
        for batch_tokens in sizes:
            together = explain(list(TEXTS), methods, unit, batch_tokens=batch_tokens, **FEW)
            for found, expected in zip(together, alone, strict=True):
                assert_same(found, expected, tolerance)


@pytest.mark.filterwarnings("ignore:the scores of integrated_gradients should add up")
@pytest.mark.parametrize("kind", OURS)
@pytest.mark.parametrize("side", ["left", "right"])
def test_the_numbers_do_not_depend_on_the_padding_side(kind, side):
    model, tokenizer = make(kind)
    tokenizer.padding_side = side
    explain = Explainer(model, tokenizer)
    assert explain.profile.padding_safe
    for text, found in zip(TEXTS, explain(list(TEXTS), MOST, "word_type", **FEW), strict=True):
        assert_same(found, explain(text, MOST, "word_type", **FEW), 1e-10)


@pytest.mark.filterwarnings("ignore:the scores of integrated_gradients should add up")
@pytest.mark.parametrize(
    ("kind", "unit"), [*((kind, "word_type") for kind in KINDS), ("bert", "token"), ("bart", "word")]
)
def test_methods_asked_for_together_give_what_each_gives_alone(kind, unit):
    explain, text = explainer(kind), TEXTS[0]
    together = explain(text, MOST, unit, **FEW)
    for method in MOST:
        np.testing.assert_array_equal(explain(text, method, unit, **FEW).scores[method], together.scores[method])


def test_no_forward_pass_holds_more_tokens_than_allowed_unless_one_text_does():
    explain, seen = explainer("bert"), []
    handle = explain.model.register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(kwargs["input_ids"].shape), with_kwargs=True
    )
    try:
        explain(list(TEXTS), ("loo", "sa_l2"), batch_tokens=40)
    finally:
        handle.remove()
    assert all(texts * tokens <= 40 or texts == 1 for texts, tokens in seen)
    assert max(texts for texts, _ in seen) > 1


# Nothing is left behind


@pytest.fixture(params=KINDS)
def lived_in(request):
    """A model and a tokenizer in a state that nobody would guess."""
    model, tokenizer = make(request.param)
    model.train()
    first, second = list(model.children())[:2]
    first.eval()
    second.requires_grad_(False)
    next(first.parameters()).grad = torch.ones_like(next(first.parameters()))
    model.register_forward_hook(lambda *_: None)
    tokenizer.backend_tokenizer.enable_truncation(7)
    if tokenizer.pad_token is not None:
        tokenizer.backend_tokenizer.enable_padding(
            pad_id=tokenizer.pad_token_id, pad_token=tokenizer.pad_token, length=9
        )
    return model, tokenizer


def changes(before: dict, after: dict) -> list[str]:
    return [name for name in before if before[name] != after[name]]


@pytest.mark.filterwarnings("ignore:the scores of integrated_gradients should add up")
@pytest.mark.filterwarnings("ignore:leave-one-out runs")
def test_nothing_is_changed_by_a_call(lived_in):
    before = snapshot(*lived_in)
    explain = Explainer(*lived_in)
    assert changes(before, snapshot(*lived_in)) == []
    explain(list(TEXTS), MOST, "word_type", [0] * len(TEXTS), **FEW)
    assert changes(before, snapshot(*lived_in)) == []


@pytest.mark.filterwarnings("ignore:the scores of integrated_gradients should add up")
@pytest.mark.parametrize("kind", ["fasttext", "bert", "bart"])
def test_nothing_is_changed_in_a_model_just_made(kind):
    """Its tokenizer neither truncates nor pads."""
    model, tokenizer = make(kind)
    before = snapshot(model, tokenizer)
    Explainer(model, tokenizer)(list(TEXTS), MOST, **FEW)
    assert changes(before, snapshot(model, tokenizer)) == []


@dataclasses.dataclass(frozen=True)
class Breaks(Source):
    """A source that fails after the backward pass, in the middle of everything."""

    graph = True

    def __call__(self, forward):
        Backward()(forward)
        forward.classifier.masked_logits(
            forward.batch.inputs, torch.ones_like(forward.batch.inputs["input_ids"]).bool()
        )
        raise KeyboardInterrupt


def test_nothing_is_changed_by_a_call_that_fails(lived_in, monkeypatch):
    explain = Explainer(*lived_in)
    monkeypatch.setitem(hf_gradexplain.attribution.methods.METHODS, "breaks", Method(Breaks(), as_is, False, ""))
    before = snapshot(*lived_in)
    with pytest.raises(KeyboardInterrupt):
        explain(list(TEXTS), "breaks")
    assert changes(before, snapshot(*lived_in)) == []


def test_nothing_is_changed_when_the_model_fails(lived_in, monkeypatch):
    explain, before = Explainer(*lived_in), snapshot(*lived_in)
    *_, last = lived_in[0].children()
    handle = last.register_forward_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        explain("bad", MOST)
    handle.remove()
    assert changes(before, snapshot(*lived_in)) == []


@pytest.mark.filterwarnings("ignore:the scores of integrated_gradients should add up")
@pytest.mark.filterwarnings("ignore:leave-one-out runs")
def test_nothing_is_changed_between_the_batches_of_a_run(lived_in):
    explain, before = Explainer(*lived_in), snapshot(*lived_in)
    for _ in explain.run(["bad", "the end", ""], Options(MOST, batch_tokens=1, **FEW)):
        assert changes(before, snapshot(*lived_in)) == []


@pytest.mark.filterwarnings("ignore:the scores of integrated_gradients should add up")
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_gradients_switched_off_by_the_caller_do_not_matter(mode):
    explain = explainer("bert")
    expected = explain("the end is bad", MOST, **FEW)
    with mode():
        assert_same(explain("the end is bad", MOST, **FEW), expected, 0)
        assert_same(Explainer(explain.model, explain.tokenizer)("the end is bad", MOST, **FEW), expected, 0)
        assert not torch.is_grad_enabled()


# Options


def test_options_are_checked_when_they_are_made_and_stay_as_they_are():
    options = Options("loo")
    assert options.methods == ("loo",)
    assert hash(options) == hash(Options(("loo",)))
    with pytest.raises(dataclasses.FrozenInstanceError):
        options.unit = "token"


def test_a_run_says_where_each_text_stood():
    explain = explainer("gpt2")
    places = [i for batch in explain.run(list(TEXTS), Options()) for i in batch.indices]
    assert sorted(places) == list(range(len(TEXTS)))


def test_an_explainer_says_what_it_knows_of_its_model():
    assert repr(explainer("bert")).splitlines() == [
        "Explainer of BertForSequenceClassification on cpu",
        "  classes: 0 LABEL_0, 1 LABEL_1, 2 LABEL_2",
        "  length: up to 64 tokens of a text",
        "  batches: texts of different lengths share a batch",
        "  gradients: usable",
        "  baseline: zero",
    ]
    assert "  length: no known limit" in repr(explainer("fasttext"))
    many = Explainer(*make("fasttext"), class_names=["a\x1b", "b" * 50, "c"])
    assert f"  classes: 0 a␛, 1 {'b' * 39}…, 2 c" in repr(many)
