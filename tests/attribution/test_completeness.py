"""The gap between the sum of integrated gradients and the rise of the loss, and the default baseline."""

from copy import deepcopy
from unittest.mock import patch

import numpy as np
import pytest
import torch
from torch import nn

from hf_gradexplain.attribution.averaged_gradients import IntegratedGradients
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.explanation import Explanation
from tests.helpers.naive import NaiveReader, loss_of
from tests.helpers.tiny import TEXTS, explainer, make
from tests.helpers.toys import TEXT, TOKENIZER, Toy


def sharpened(factor):
    """Return a model with larger logits."""
    model, tokenizer = make("bert")
    model.classifier.weight.data *= factor
    return Explainer(model, tokenizer)


@pytest.fixture(scope="module")
def steep():
    """A model whose prediction changes abruptly on the way to the baseline."""
    return sharpened(1000)


def rise_of(explain, text, objective="loss"):
    """Return the rise of the loss when all words are removed."""
    reader = NaiveReader(explain.model, explain.tokenizer, text)
    target = explain(text, "random").target
    loss = loss_of(objective, "single_label_classification", target)
    return loss(reader.logits_without(reader.tokens)).item() - loss(reader.logits()).item()


@pytest.mark.filterwarnings("ignore:the scores of integrated_gradients should add up")
@pytest.mark.parametrize("objective", ["loss", "logit", "prob"])
def test_the_gap_is_that_of_the_sum_of_the_scores(objective):
    steep, gaps = sharpened(100), []
    for text in TEXTS[:3]:
        explanation = steep(text, "integrated_gradients", objective=objective, steps=2)
        rise = rise_of(steep, text, objective)
        gap = (explanation.scores["integrated_gradients"].sum() - rise) / max(abs(rise), 1e-3)
        assert explanation.completeness == {"integrated_gradients": pytest.approx(gap, rel=1e-6, abs=1e-9)}
        gaps.append(abs(gap))
    assert max(gaps) > 0.001


@pytest.mark.filterwarnings("ignore:the scores of integrated_gradients should add up")
def test_the_gap_of_a_tiny_rise_is_relative_to_a_thousandth():
    explain = sharpened(1e-5)
    explanation = explain(TEXTS[0], "integrated_gradients", steps=1)
    rise = rise_of(explain, TEXTS[0])
    assert abs(rise) < 1e-4
    gap = (explanation.scores["integrated_gradients"].sum() - rise) / 1e-3
    assert explanation.completeness["integrated_gradients"] == pytest.approx(gap, rel=1e-6)


def count_steps(explain, text, **options):
    """Return the numbers of steps that were tried."""
    tried, average = [], IntegratedGradients._average

    def record(self, forward, steps, *others):
        tried.append(steps)
        return average(self, forward, steps, *others)

    with patch.object(IntegratedGradients, "_average", record):
        return tried, explain(text, "integrated_gradients", **options)


@pytest.mark.filterwarnings("ignore:the scores of integrated_gradients should add up")
def test_points_are_doubled_until_the_gap_is_small(steep):
    tried, explanation = count_steps(steep, TEXTS[0])
    assert len(tried) > 1
    assert tried == [20, 40, 80, 160][: len(tried)]
    assert abs(explanation.completeness["integrated_gradients"]) <= 0.01
    fewer = steep(TEXTS[0], "integrated_gradients", steps=tried[-2])
    assert abs(fewer.completeness["integrated_gradients"]) > 0.01
    fixed = steep(TEXTS[0], "integrated_gradients", steps=tried[-1])
    np.testing.assert_array_equal(fixed.scores["integrated_gradients"], explanation.scores["integrated_gradients"])


@pytest.mark.filterwarnings("ignore:the scores of integrated_gradients should add up")
def test_a_smooth_model_needs_no_more_points():
    tried, _ = count_steps(explainer("bert"), TEXTS[0])
    assert tried == [20]
    tried, _ = count_steps(explainer("bert"), TEXTS[0], steps=3)
    assert tried == [3]


def test_every_text_has_its_own_number_of_points(steep):
    """In a batch, the texts that are complete already keep their scores."""
    numbers = [len(count_steps(steep, text)[0]) for text in TEXTS]
    assert len(set(numbers)) > 1
    together = steep(list(TEXTS), "integrated_gradients", batch_tokens=1000)
    for text, explanation in zip(TEXTS, together, strict=True):
        alone = steep(text, "integrated_gradients").scores["integrated_gradients"]
        assert explanation.scores["integrated_gradients"].tolist() == pytest.approx(alone.tolist(), rel=1e-8)


def test_the_number_of_points_is_limited_and_a_large_gap_is_a_warning():
    """A step function: its rise is not where its gradients are."""
    explain = Explainer(Toy(mix=lambda x: torch.sigmoid(1e4 * (x - 0.3))), TOKENIZER)
    with pytest.warns(UserWarning, match=r"by up to \d+% \(on 1 of 1 texts\): give more steps, or use another method"):
        tried, explanation = count_steps(explain, TEXT, self_check=False)
    assert tried == [20, 40, 80, 160]
    gap = explanation.completeness["integrated_gradients"]
    assert abs(gap) > 0.05
    expected = (
        "the scores of integrated_gradients should add up to the rise of the loss, but are off by "
        f"{abs(gap):.0%}".replace("%", " %")
    )
    assert explanation.warning() == expected
    assert expected in explanation.to_html()
    assert Explanation.from_dict(explanation.to_dict()).warning() == expected


def test_methods_that_are_not_complete_have_no_gap(steep):
    explanation = steep(TEXTS[0], ["loo", "signed_gi", "attn_lrp", "sa_l2", "random", "gi_prob"])
    assert explanation.completeness == {}


@pytest.fixture(scope="module")
def normalised():
    return Explainer(Toy(lambda model, ids, mask: nn.functional.normalize(model.words(ids), dim=-1)), TOKENIZER)


MULTIPLYING = ["signed_gi", "gi_prob", "integrated_gradients"]


def test_the_default_baseline_is_the_mean_where_zero_says_nothing(normalised):
    methods = [*MULTIPLYING, "loo", "attn_lrp", "sa_l2"]
    explanation = normalised(TEXT, methods)
    mean, zero = normalised(TEXT, methods, baseline="mean"), normalised(TEXT, ["loo", "attn_lrp"], baseline="zero")
    for method in MULTIPLYING:
        np.testing.assert_array_equal(explanation.scores[method], mean.scores[method])
    for method in ("loo", "attn_lrp"):
        np.testing.assert_array_equal(explanation.scores[method], zero.scores[method])
        assert not np.allclose(explanation.scores[method], mean.scores[method])
    assert explanation.baselines == {**dict.fromkeys(MULTIPLYING, "mean"), "loo": "zero", "attn_lrp": "zero"}
    assert explanation.self_check["signed_gi"].without == normalised(TEXT, "signed_gi").self_check["signed_gi"].without


def test_everywhere_else_it_is_zero():
    explanation = explainer("bert")(TEXTS[0], [*MULTIPLYING, "loo", "cp_lrp", "random"])
    assert explanation.baselines == dict.fromkeys([*MULTIPLYING, "loo", "cp_lrp"], "zero")


def test_the_rise_is_measured_from_the_baseline_of_the_method(normalised):
    """By hand: every ordinary word of another table has the mean vector of the vocabulary."""
    explanation = normalised(TEXT, "integrated_gradients", steps=400)
    model, special = deepcopy(normalised.model), set(TOKENIZER.all_special_ids)
    ordinary = [i for i in range(len(TOKENIZER)) if i not in special]
    inputs = TOKENIZER(TEXT, return_tensors="pt", return_token_type_ids=False)
    with torch.no_grad():
        full = model(**inputs).logits[0].log_softmax(-1)[explanation.target]
        model.words.weight[ordinary] = model.words.weight[ordinary].mean(0)
        rise = (full - model(**inputs).logits[0].log_softmax(-1)[explanation.target]).item()
    assert abs(rise) > 0.01
    assert explanation.scores["integrated_gradients"].sum() == pytest.approx(rise, rel=1e-6)
    assert abs(explanation.completeness["integrated_gradients"]) < 1e-6


def test_zero_that_says_nothing_is_a_warning_if_it_is_asked_for(normalised):
    message = (
        "ignores the length of its word vectors, so zero is no valid baseline for signed_gi and gi_prob: leave out"
    )
    with pytest.warns(UserWarning, match=message):
        normalised(TEXT, ["signed_gi", "gi_prob", "loo", "attn_lrp"], baseline="zero")
