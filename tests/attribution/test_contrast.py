"""Tests of contrasts: why one class rather than another, or rather than all others together."""

import math
from functools import cache

import numpy as np
import pytest
import torch

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.explanation import Explanation, Explanations
from hf_gradexplain.explanation.remarks import remark
from tests.helpers.naive import NaiveReader, gradient_score
from tests.helpers.tiny import TEXTS, explainer, make

ARCHITECTURES = ("bert", "gpt2", "bart")
KINDS = ("fasttext", "textcnn", *ARCHITECTURES)
LINEAR = ("loo", "signed_gi", "attn_lrp", "cp_lrp", "gi_detached", "integrated_gradients")
A, B = 1, 2


def log_odds(logits):
    """Return the log-odds of `A` against all others, for a softmax."""
    p = torch.exp(logits[A]) / sum(torch.exp(x) for x in logits)
    return torch.log(p / (1 - p))


CONTRASTS = {B: lambda logits: logits[A] - logits[B], "rest": log_odds}


@cache
def scores(kind, methods, **options):
    return explainer(kind)(TEXTS[0], methods, self_check=False, steps=3, **options).scores


@pytest.mark.parametrize("against", CONTRASTS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore:the scores of integrated_gradients should add up")
def test_scores_agree_with_the_definition_written_naively(kind, against):
    explain, contrast = explainer(kind), CONTRASTS[against]
    reader = NaiveReader(explain.model, explain.tokenizer, TEXTS[0])
    vectors = {t: reader.vector(t) for t in reader.tokens}
    grads = reader.gradients(lambda logits: -contrast(logits))
    methods, units = ("sa_l2", "signed_gi"), reader.units("word_type")
    explanation = explain(TEXTS[0], ("loo", *methods), "word_type", target=A, against=against)
    for method in methods:
        expected = [gradient_score(method, unit, reader.ids, grads, vectors) for unit in units]
        assert explanation[method] == pytest.approx(expected, rel=1e-9, abs=1e-12)
    full = contrast(reader.logits()).item()
    expected = [full - contrast(reader.logits_without(unit)).item() for unit in units]
    assert explanation["loo"] == pytest.approx(expected, rel=1e-9, abs=1e-12)
    check = explanation.self_check["loo"]
    top = np.argsort(-explanation["loo"], kind="stable")[:3]
    masked = contrast(reader.logits_without([t for u in top for t in units[u]])).item()
    assert [check.full, check.without] == pytest.approx([1 / (1 + math.exp(-x)) for x in (full, masked)], rel=1e-9)
    scored = explain(TEXTS[0], "integrated_gradients", target=A, against=against, steps=3)
    rise = full - contrast(reader.logits_without(reader.tokens)).item()
    gap = (scored["integrated_gradients"].sum() - rise) / max(abs(rise), 1e-3)
    assert scored.completeness["integrated_gradients"] == pytest.approx(gap, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore:the scores of integrated_gradients should add up")
def test_a_against_b_is_minus_b_against_a_and_the_difference_of_their_logits(kind):
    found, reverse = scores(kind, LINEAR, target=A, against=B), scores(kind, LINEAR, target=B, against=A)
    of_a, of_b = (scores(kind, LINEAR, target=each, objective="logit") for each in (A, B))
    for method in LINEAR:
        assert np.abs(found[method]).max() > 1e-6, method
        assert found[method] == pytest.approx(-reverse[method], rel=1e-10, abs=1e-12), method
        assert found[method] == pytest.approx(of_a[method] - of_b[method], rel=1e-10, abs=1e-12), method


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_against_the_rest_is_that_of_the_loss_divided_by_one_minus_p(kind):
    methods = ("sa_l1", "sa_l2", "signed_gi", "attn_lrp")
    p = explainer(kind)(TEXTS[0], "random").probabilities[A]
    loss, rest = scores(kind, methods, target=A), scores(kind, methods, target=A, against="rest")
    for method in methods:
        assert rest[method] == pytest.approx(loss[method] / (1 - p), rel=1e-10, abs=1e-12), method


def test_of_a_sigmoid_head_the_rest_is_the_logit_and_a_contrast_the_difference_of_logits():
    explain = explainer("bert", "multi_label_classification")
    options = {"methods": ("loo", "signed_gi"), "target": A}
    for options_of, expected in (({"against": "rest"}, 0), ({"against": B}, 1)):
        found = explain(TEXTS[0], **options, **options_of)
        logit = explain(TEXTS[0], **options, objective="logit")
        other = explain(TEXTS[0], **{**options, "target": B}, objective="logit")
        for method in options["methods"]:
            assert found[method] == pytest.approx(logit[method] - expected * other[method], rel=1e-10, abs=1e-12)


def test_each_text_of_a_batch_has_its_own_classes():
    explain = explainer("bert")
    texts, targets, against = list(TEXTS[:4]), [0, 1, "predicted", "LABEL_2"], [1, "rest", "runner_up", 0]
    together = explain(texts, ("loo", "signed_gi", "smoothgrad"), target=targets, against=against)
    for i, text in enumerate(texts):
        alone = explain(text, ("loo", "signed_gi", "smoothgrad"), target=targets[i], against=against[i])
        for method in alone.scores:
            assert together[i][method] == pytest.approx(alone[method], rel=1e-9, abs=1e-12)
        assert (together[i].target, together[i].against_label) == (alone.target, alone.against_label)
    ranked = np.argsort(-together[2].probabilities)
    assert [together[2].target, together[2].against] == ranked[:2].tolist()


def test_gi_prob_explains_the_probability_whatever_it_is_compared_with():
    expected = explainer("bert")(TEXTS[0], "gi_prob", target=A)["gi_prob"]
    assert np.array_equal(explainer("bert")(TEXTS[0], "gi_prob", target=A, against=B)["gi_prob"], expected)


@pytest.mark.parametrize("kind", ["fasttext", "bert"])
@pytest.mark.parametrize("against", [1, "rest"])
def test_confident_predictions_have_contrasts_in_half_precision(kind, against):
    found = []
    for dtype in (torch.float32, torch.float16):
        model, tokenizer = make(kind, dtype=dtype)
        model.classifier.bias.data[:] = torch.tensor([40, 0, 0])
        found.append(Explainer(model, tokenizer)(TEXTS[0], "signed_gi", target=0, against=against)["signed_gi"])
    np.testing.assert_allclose(found[1], found[0], rtol=0, atol=0.05 * np.abs(found[0]).max())


def test_a_saturated_prediction_has_no_remark_under_a_contrast():
    model, tokenizer = make("bert")
    model.classifier.bias.data[:] = torch.tensor([60.0, 0, 0])
    explain = Explainer(model, tokenizer)
    assert "try objective='logit'" in explain(TEXTS[0], "signed_gi").remark()
    assert explain(TEXTS[0], "signed_gi", against="runner_up").remark() == ""
    small = {"scores": np.array([1e-5, 2e-5]), "unit": "word", "probability": 1 - 1e-6}
    assert [bool(remark(**small, objective=name)) for name in ("loss", "logit", "contrast")] == [True, False, False]


def test_a_contrast_is_named_wherever_it_is_shown(capsys):
    explain = explainer("bert")
    explanation = explain(TEXTS[0], "loo", target=A, against=B)
    assert (explanation.objective, explanation.against, explanation.against_label) == ("contrast", B, "LABEL_2")
    explanation.show()
    figure = explanation.to_figure().axes[0].get_title(loc="left")
    for shown in (repr(explanation), capsys.readouterr().out, explanation.to_html(), figure):
        assert "LABEL_1 rather than LABEL_2" in shown
    assert f"p against LABEL_2 {explanation.self_check['loo'].full:.2f} → " in explanation.self_check["loo"].sentence()
    rest = explain(TEXTS[0], "loo", target=A, against="rest")
    assert (rest.against, rest.against_label, rest.question) == (None, "rest", "LABEL_1 rather than the rest")
    assert ": p 0." in rest.self_check["loo"].sentence()


def test_the_heading_gives_the_probability_of_the_other_class_unless_it_stands_there_already():
    explain = explainer("bert")
    first, second, third = np.argsort(-explain(TEXTS[0], "random").probabilities).tolist()
    assert ", against: " in explain(TEXTS[0], "random", against=third).to_html()
    assert ", against: " not in explain(TEXTS[0], "random", against=second).to_html()
    assert ", against: " not in explain(TEXTS[0], "random", target=second, against=first).to_html()


def test_a_contrast_is_saved_and_loaded(tmp_path):
    found = explainer("bert")(list(TEXTS[:3]), "loo", target=A, against=[B, "rest", "runner_up"], self_check=True)
    assert Explanation.from_dict(found[0].to_dict()) == found[0]
    for name in ("e.parquet", "e.jsonl"):
        found.save(tmp_path / name)
        assert Explanations.load(tmp_path / name) == found
    plain = explainer("bert")(TEXTS[0], "loo").to_dict()
    del plain["against"], plain["against_label"], plain["self_check"]["loo"]["against"]
    assert Explanation.from_dict(plain).self_check["loo"].against == "", "as earlier versions wrote it"


def test_labels_are_the_true_classes_beside_a_target():
    found = explainer("bert")(list(TEXTS[:2]), "random", labels=[0, 1], target=2)
    assert [(each.target, each.label) for each in found] == [(2, 0), (2, 1)]
    assert "true label: LABEL_0" in found[0].to_html()
    alone = explainer("bert")(TEXTS[0], "random", labels=1)
    assert (alone.target, alone.label) == (1, None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"against": "rest", "objective": "loss"}, "against='rest' explains a contrast, not the loss: leave out obj"),
        ({"objective": "contrast"}, r"objective='contrast' needs against=\.\.\., the class to compare with"),
        ({"target": 1, "against": 1}, "target and against are both 'LABEL_1' for text 0"),
    ],
)
def test_what_makes_no_contrast_is_refused(options, message):
    with pytest.raises(GradexplainError, match=message):
        explainer("fasttext")("bad", **options)


def test_a_stream_takes_targets_and_contrasts():
    explain = explainer("fasttext")
    assert [found.target for found in explain.stream(["bad", "good"], target=[0, 2], progress=False)] == [0, 2]
    (found,) = explain.stream(["bad"], target=0, against="rest", progress=False)
    assert found.question == "LABEL_0 rather than the rest"
    (found,) = explain.stream(["bad"], target="all", progress=False)
    assert len(found.by_class()) == 3


def test_a_predicted_class_is_not_compared_with_itself():
    predicted = explainer("fasttext")("bad film", "random").prediction
    with pytest.raises(
        GradexplainError, match=r"class of 'bad film' is the class that against names: give target=\.\.\.,"
    ):
        explainer("fasttext")("bad film", against=predicted)
