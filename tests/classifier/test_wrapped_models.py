"""Tests of models that are wrapped, adapted, compiled or spread over devices: the model inside is explained."""

from copy import deepcopy

import pytest
import torch
from accelerate import dispatch_model
from peft import LoraConfig, PrefixTuningConfig, PromptTuningConfig, get_peft_model

from hf_gradexplain.explainer import Explainer
from hf_gradexplain.perturb import GENERIC, shortcut_of
from hf_gradexplain.run.fingerprints import weights_fingerprint
from tests.helpers.tiny import OURS, TEXTS, explainer, make

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")

METHODS = ("sa_l2", "signed_gi", "loo")


def scores(model, tokenizer):
    return scores_of(Explainer(model, tokenizer))


def scores_of(explain):
    return [explanation.scores for explanation in explain(list(TEXTS), METHODS)]


def assert_same(actual, expected, rel):
    for x, y in zip(actual, expected, strict=True):
        for method in METHODS:
            assert x[method] == pytest.approx(y[method], rel=rel, abs=1e-12)


def in_place(model):
    model.compile()
    return model


@pytest.mark.filterwarnings("ignore:.*torch.jit")
@pytest.mark.parametrize("wrap", [torch.nn.DataParallel, torch.compile, in_place])
@pytest.mark.parametrize("kind", ["bert", *OURS])
def test_a_wrapper_changes_nothing_and_keeps_the_shortcut(kind, wrap):
    model, tokenizer = make(kind)
    wrapped = Explainer(wrap(model), tokenizer)
    assert_same(scores_of(wrapped), scores_of(explainer(kind)), rel=1e-14)
    assert (shortcut_of(wrapped.model) is GENERIC) == (kind == "bert")


def adapted(kind, **settings):
    model, tokenizer = make(kind)
    config = LoraConfig(task_type="SEQ_CLS", r=2, init_lora_weights=False, **settings)
    return get_peft_model(model, config).double().eval(), tokenizer


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("bert", {"target_modules": ["query", "value"]}),
        ("bert", {"target_modules": ["query", "word_embeddings"]}),
        ("bert", {"target_modules": ["query"], "modules_to_save": ["word_embeddings", "classifier"]}),
        ("gpt2", {"target_modules": ["c_attn", "wte"], "fan_in_fan_out": True}),
        ("bart", {"target_modules": ["q_proj"]}),
        pytest.param(
            "fasttext", {"target_modules": ["embedding"]}, marks=pytest.mark.filterwarnings("ignore:leave-one-out runs")
        ),
    ],
)
def test_adapters_give_the_same_scores_as_merged_ones(kind, settings):
    model, tokenizer = adapted(kind, **settings)
    merged = deepcopy(model).merge_and_unload()
    assert_same(scores(model, tokenizer), scores(merged, tokenizer), rel=1e-9)


def test_an_adapter_that_prevents_the_shortcut_is_reported():
    explain = Explainer(*adapted("textcnn", target_modules=["embedding"]))
    with pytest.warns(
        UserWarning, match=r"because its layer 'embedding' \(peft\..*\) does not run as TextCNN.*: .* merge"
    ):
        explain("the film is bad", "loo")
    check = next(check for check in explain.check().checks if check.name == "leave-one-out")
    assert check.verdict == "note"
    assert check.found.startswith("no shortcut: its layer 'embedding'")


@pytest.mark.parametrize("config", [PromptTuningConfig, PrefixTuningConfig])
def test_a_learned_prompt_is_part_of_the_model(config):
    """The word's row is zeroed in the table, without hooks; the prompt stays."""
    model, tokenizer = make("bert")
    model = get_peft_model(model, config(task_type="SEQ_CLS", num_virtual_tokens=3)).double().eval()
    explanation = Explainer(model, tokenizer)("the end is bad", "loo", "word_type", 1, objective="logit")
    ids, table = tokenizer("the end is bad", return_tensors="pt").input_ids, model.get_input_embeddings().weight
    plain = model(input_ids=ids).logits[0, 1].item()
    assert [unit.text for unit in explanation.units] == ["the", "end", "is", "bad"]
    for unit, score in zip(explanation.units, explanation.scores["loo"], strict=True):
        rows, before = tokenizer(unit.text, add_special_tokens=False).input_ids, table.detach().clone()
        with torch.no_grad():
            table[rows] = 0
            without = model(input_ids=ids).logits[0, 1].item()
            table.copy_(before)
        assert score == pytest.approx(plain - without, rel=1e-9)


PLACES = [
    ("bert", {"bert.embeddings": "cpu", "bert.encoder": "disk", "bert.pooler": "cpu", "classifier": "cpu"}),
    ("bert", {"bert.embeddings": "disk", "bert.encoder": "cpu", "bert.pooler": "disk", "classifier": "disk"}),
    (
        "gpt2",
        {
            "transformer.wte": "disk",
            "transformer.wpe": "cpu",
            "transformer.h": "disk",
            "transformer.ln_f": "cpu",
            "score": "cpu",
        },
    ),
]


@pytest.mark.filterwarnings("ignore:.*meta device")
@pytest.mark.parametrize(("kind", "places"), PLACES)
def test_a_model_that_is_partly_on_disk_is_explained_and_left_there(kind, places, tmp_path):
    model, tokenizer = make(kind)
    whole, expected = weights_fingerprint(model), scores_of(explainer(kind))
    dispatch_model(model, places, main_device="cpu", offload_dir=tmp_path, force_hooks=True)
    devices = {name: parameter.device.type for name, parameter in model.named_parameters()}
    assert set(devices.values()) == {"cpu", "meta"}
    assert_same(scores(model, tokenizer), expected, rel=1e-14)
    assert weights_fingerprint(model) == whole
    assert {name: parameter.device.type for name, parameter in model.named_parameters()} == devices
    assert not any(parameter.grad is not None for parameter in model.parameters())
