"""The gap between the relevances of a text and what they add up to, for rules that conserve relevance."""

from collections.abc import Callable
from unittest.mock import patch

import numpy as np
import pytest
import torch
from torch import Tensor

from hf_gradexplain.attribution import conservation_gap
from hf_gradexplain.classifier.memory import lower_limit
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.explanation import Explanation, Explanations
from hf_gradexplain.options import Options
from tests.helpers.nli import nli_explainer
from tests.helpers.snapshot import snapshot
from tests.helpers.tiny import TEXTS, explainer, make
from tests.helpers.toys import TEXT, TOKENIZER, Toy

LONG = f"{TEXT} {TEXT}"


def maximum_from(length: int, factor: float) -> Callable[[Tensor], Tensor]:
    """Return a function that takes a smooth maximum of `x` and `factor x`, which conserves no relevance, if `T` allows.

    Shorter texts stay as they are.
    """
    return lambda x: x if x.shape[1] < length else torch.stack([x, factor * x]).logsumexp(0)


def relevance_and_logit(model: Toy, factor: float, target: int) -> tuple[float, float]:
    """Return the sum of all relevances of `LONG`, and the logit, by hand for a `Toy` with `maximum_from`."""
    words, positions, weight, bias = (
        x.detach().numpy() for x in (model.words.weight, model.positions, *model.head.parameters())
    )
    ids = TOKENIZER(LONG)["input_ids"]
    x = words[ids] + positions[: len(ids)]
    share = np.exp(factor * x) / (np.exp(x) + np.exp(factor * x))
    relevance = ((1 - share) * x + share * factor * x).mean(0)
    return relevance @ weight[target] + bias[target], np.log(np.exp(x) + np.exp(factor * x)).mean(0) @ weight[
        target
    ] + bias[target]


@pytest.mark.filterwarnings("ignore:cp_lrp should conserve relevance")
def test_the_gap_of_a_long_text_is_known_though_the_sample_text_conserves_relevance():
    model = Toy(mix=maximum_from(15, factor=3.0))
    explain = Explainer(model, TOKENIZER)
    assert explain.profile.propagation.conservation_error < 1e-14
    explanation = explain(LONG, "cp_lrp", objective="logit", target=1)
    relevance, logit = relevance_and_logit(model, 3.0, 1)
    gap = (relevance - logit) / max(abs(logit), 1e-3)
    assert abs(gap) > 0.05
    assert explanation.completeness == {"cp_lrp": pytest.approx(gap, rel=1e-9)}
    sentence = f"cp_lrp should conserve relevance, but the sum of all relevances is off by {100 * abs(gap):.0f} %"
    assert explanation.warning().startswith(sentence)
    assert sentence in explanation.to_html()
    assert Explanation.from_dict(explanation.to_dict()).warning() == explanation.warning()


def test_a_large_gap_is_a_warning():
    explain = Explainer(Toy(mix=maximum_from(15, factor=3.0)), TOKENIZER)
    message = r"all relevances is off by up to \d+% \(on 1 of 2 texts\): use another method$"
    with pytest.warns(UserWarning, match=message):
        explain([LONG, TEXT], "cp_lrp", self_check=True)


def gaps_of(explain: Explainer, texts: list[str | tuple[str, str]], **options) -> list[float]:
    return [each.completeness["cp_lrp"] for each in explain(texts, "cp_lrp", self_check=True, **options)]


OBJECTIVES = [
    *({"objective": name} for name in ("loss", "logit", "prob")),
    {"objective": "contrast", "against": "rest"},
]
OTHERS = [{"baseline": "mean"}, {"batch_tokens": 1000}, {"unit": "token"}, {"stride": 4}]


@pytest.mark.parametrize("kind", ["bert", "gpt2", "bart", "bilstm", "textcnn", "fasttext"])
def test_all_relevances_add_up(kind):
    explain, texts = explainer(kind), [*TEXTS, (TEXTS[0], TEXTS[1])]
    for options in (*OBJECTIVES, *OTHERS):
        assert np.abs(gaps_of(explain, texts, **options)).max() < 1e-12, options


@pytest.mark.parametrize("pool", ["mean", "max"])
def test_all_relevances_of_a_long_document_add_up(pool):
    text = " ".join(TEXTS * 3)
    explanation = explainer("bert")(text, "cp_lrp", stride=4, pool=pool, batch_tokens=150)
    assert len(explanation.windows) > 2
    assert abs(explanation.completeness["cp_lrp"]) < 1e-12


def test_all_relevances_of_a_zero_shot_text_add_up():
    explanation = nli_explainer("xlm-r")(TEXT, ["good", "bad"], methods="cp_lrp")
    assert abs(explanation.completeness["cp_lrp"]) < 1e-12


def test_the_gap_is_that_of_the_scores():
    """Scores that are a tenth too large are off by a tenth of their sum."""
    (batch,) = explainer("bert").run([TEXTS[0]], Options(("cp_lrp",), objective="logit"))
    scores, logit = batch.scores["cp_lrp"], batch.forward.logits.max().item()
    (gaps,) = conservation_gap.conservation_gaps(batch.forward, {"cp_lrp": 1.1 * scores})
    assert gaps == {"cp_lrp": pytest.approx(0.1 * scores.sum().item() / max(abs(logit), 1e-3), rel=1e-9)}


def test_the_small_gradients_of_a_confident_prediction_do_not_underflow_in_float16():
    """The derivative of its loss is 2e-5, and that of the word vectors below 1e-6."""
    model, tokenizer = make("bert", dtype=torch.float32)
    with torch.no_grad():
        model.classifier.bias[1] += 12
    explanation = Explainer(model.to(torch.float16), tokenizer)(TEXTS[0], "cp_lrp")
    assert 1 - explanation.probabilities[1] == pytest.approx(2e-5, rel=0.1)
    assert 0 < abs(explanation.completeness["cp_lrp"]) < 1e-3


@pytest.mark.filterwarnings("ignore:cp_lrp should conserve relevance")
def test_a_sure_prediction_does_not_hide_the_gap():
    """The losses of a model whose logits are 60 times as large have almost no slope."""
    gaps = []
    for factor in (1, 60):
        model = Toy(mix=maximum_from(15, factor=3.0))
        model.head.weight.data.mul_(factor)
        explanation = Explainer(model, TOKENIZER)(LONG, "cp_lrp", target="predicted")
        gaps.append(abs(explanation.completeness["cp_lrp"]))
    assert explanation.probabilities.max() > 1 - 1e-6
    assert min(gaps) > 0.05


def test_rounding_errors_of_bfloat16_are_no_gap():
    model, tokenizer = make("bert")
    assert not Explainer(model.bfloat16(), tokenizer)(TEXTS[0], "cp_lrp").completeness


def test_other_methods_and_explanations_without_a_self_check_have_no_gap():
    explain = explainer("bert")
    assert explain(TEXTS[0], ["attn_lrp", "gi_detached", "signed_gi", "loo"]).completeness == {}
    assert explain(TEXTS[0], "cp_lrp", self_check=False).completeness == {}
    assert [each.completeness for each in explain(list(TEXTS[:2]), "cp_lrp")] == [{}, {}]


def test_without_memory_there_is_no_gap():
    def fail(*args):
        raise torch.OutOfMemoryError

    with patch.object(conservation_gap, "gradients_and_constants", fail):
        explanation = explainer("bert")(TEXTS[0], "cp_lrp")
    assert explanation.completeness == {}
    assert explanation.self_check


def test_passes_that_record_are_as_small_as_others_with_a_graph(monkeypatch):
    """After memory ran out: a long text has three windows, of at most 64 tokens."""
    model, tokenizer = make("bert")
    explain, forward, sizes = Explainer(model, tokenizer), model.forward, []

    def counted(*args, **kwargs):
        sizes.append(kwargs["input_ids"].numel() * torch.is_grad_enabled())
        return forward(*args, **kwargs)

    lower_limit(model, 2 * 64, graph=True)
    monkeypatch.setattr(model, "forward", counted)
    assert explain("good film " * 62, "cp_lrp", stride=0, batch_tokens=1000).self_check
    assert 0 < max(sizes) <= 64


def test_gaps_are_saved(tmp_path):
    explanations = explainer("bert")(list(TEXTS[:2]), ["loo", "cp_lrp"], self_check=True)
    for name in ("gaps.parquet", "gaps.jsonl"):
        explanations.save(tmp_path / name)
        loaded = Explanations.load(tmp_path / name)
        assert [each.completeness for each in loaded] == [each.completeness for each in explanations]


def test_the_model_is_restored():
    model, tokenizer = make("bert")
    model.train()
    explain = Explainer(model, tokenizer)
    before = snapshot(model, tokenizer)
    explain(TEXTS[0], "cp_lrp")
    assert snapshot(model, tokenizer) == before
