"""Do integrated gradients add up on architectures that normalise word vectors before the first layer?"""

import warnings
from copy import deepcopy

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, LlamaConfig, ModernBertConfig, Qwen3Config

from hf_gradexplain.explainer import Explainer
from tests.helpers.tiny import TEXTS, piece_tokenizer

METHODS = ["integrated_gradients", "signed_gi", "loo"]
TEXT = TEXTS[0]


def build(config_class):
    """Return a tiny model whose predictions are far from linear, and its tokenizer."""
    tokenizer = piece_tokenizer()
    sizes = {"hidden_size": 12, "num_hidden_layers": 2, "intermediate_size": 16, "max_position_embeddings": 64}
    ids = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3, "cls_token_id": 2, "sep_token_id": 3}
    heads = {"num_attention_heads": 2} | ({} if config_class is ModernBertConfig else {"num_key_value_heads": 2})
    config = config_class(vocab_size=len(tokenizer), num_labels=3, initializer_range=0.3, **sizes, **ids, **heads)
    torch.manual_seed(1)
    model = AutoModelForSequenceClassification.from_config(config, attn_implementation="eager")
    return model.double().eval(), tokenizer


@pytest.fixture(scope="module", params=[ModernBertConfig, Qwen3Config, LlamaConfig], ids=lambda c: c.__name__)
def explain(request):
    return Explainer(*build(request.param))


def rise_by_hand(explain, target, vector):
    """Return the rise of the loss when every ordinary word of the table has the same vector."""
    model, tokenizer = deepcopy(explain.model), explain.tokenizer
    special = set(tokenizer.all_special_ids)
    ordinary = [i for i in range(len(tokenizer)) if i not in special]
    inputs = tokenizer(TEXT, return_tensors="pt", return_token_type_ids=False)
    table = model.get_input_embeddings().weight
    with torch.no_grad():
        full = model(**inputs).logits[0].log_softmax(-1)[target]
        table[ordinary] = table[ordinary].mean(0) if vector == "mean" else 0.0
        return (full - model(**inputs).logits[0].log_softmax(-1)[target]).item()


def test_the_default_baseline_is_the_mean_only_where_zero_says_nothing(explain):
    """In Qwen3 and Llama, word vectors also bypass the normalisation, so their length counts."""
    default = "mean" if explain.model.config.model_type == "modernbert" else "zero"
    options = {"steps": 2, "self_check": False}
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        explanation = explain(TEXT, METHODS, **options)
        gap_said = any("add up to the rise" in str(each.message) for each in warned)
        asked = explain(TEXT, METHODS, baseline=default, **options)
    assert explanation.baselines == {"integrated_gradients": default, "signed_gi": default, "loo": "zero"}
    for method in METHODS[:2]:
        np.testing.assert_array_equal(explanation.scores[method], asked.scores[method])
    assert gap_said == (abs(explanation.completeness["integrated_gradients"]) > 0.05)


def test_from_the_mean_the_scores_add_up(explain, recwarn):
    explanation = explain(TEXT, "integrated_gradients", baseline="mean")
    rise = rise_by_hand(explain, explanation.target, "mean")
    assert abs(rise) > 0.01
    gap = (explanation.scores["integrated_gradients"].sum() - rise) / abs(rise)
    assert explanation.completeness == {"integrated_gradients": pytest.approx(gap, abs=1e-6)}
    assert abs(gap) <= 0.01
    assert not [warning for warning in recwarn if "add up" in str(warning.message)]
    assert explanation.warning() == ""


def test_from_zero_the_scores_miss_the_rise_and_a_warning_says_so(explain):
    with pytest.warns(UserWarning, match="should add up|is no valid baseline") as warned:
        explanation = explain(TEXT, "integrated_gradients", baseline="zero", self_check=False)
    rise = rise_by_hand(explain, explanation.target, "zero")
    gap = (explanation.scores["integrated_gradients"].sum() - rise) / max(abs(rise), 1e-3)
    assert explanation.completeness == {"integrated_gradients": pytest.approx(gap, rel=1e-4)}
    assert abs(gap) > 0.05
    said = f"should add up to the rise of the loss, but are off by up to {abs(gap):.0%}"
    assert any(said in str(warning.message) for warning in warned)
    assert f"are off by {100 * abs(gap):.0f} %" in explanation.warning()
    assert f"are off by {100 * abs(gap):.0f} %" in explanation.to_html()
