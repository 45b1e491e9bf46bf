"""Adapters with heads of their own."""

import json
from pathlib import PurePath
from pickle import UnpicklingError

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import RobertaConfig, RobertaForSequenceClassification

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.loading.adapter import adapter_weights, head_config
from hf_gradexplain.loading.safety import find_source
from tests.helpers.tiny import make

WEIGHTS = {
    "base_model.model.encoder.query.lora_A.weight": torch.zeros(2, 8),
    "base_model.model.classifier.dense.weight": torch.zeros(8, 8),
    "base_model.model.classifier.dense.bias": torch.zeros(3),
    "base_model.model.classifier.out_proj.weight": torch.zeros(5, 8),
}


@pytest.mark.parametrize(
    ("saved", "expected"),
    [(["classifier", "score"], {"num_labels": 5}), (["dense"], {"num_labels": 8}), (["score"], {}), (None, {})],
)
def test_the_number_of_labels_is_the_smallest_number_of_rows_of_the_saved_matrices(saved, expected):
    assert head_config({"modules_to_save": saved}, WEIGHTS) == expected


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")
def test_an_adapter_with_a_head_of_two_layers_brings_its_number_of_classes(tmp_path):
    """The base model has a head for 3 classes, which is replaced."""
    tokenizer = make("bert")[1]
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 12}
    sizes |= {"vocab_size": len(tokenizer), "pad_token_id": 0, "initializer_range": 0.5}
    RobertaForSequenceClassification(RobertaConfig(num_labels=3, **sizes)).save_pretrained(tmp_path / "base")
    model = RobertaForSequenceClassification.from_pretrained(
        tmp_path / "base", num_labels=5, ignore_mismatched_sizes=True
    )
    adapted = get_peft_model(model, LoraConfig(task_type="SEQ_CLS", r=2, init_lora_weights=False)).eval()
    adapted.save_pretrained(tmp_path / "adapter")
    tokenizer.save_pretrained(tmp_path / "adapter")
    logits = adapted(**tokenizer("the film is bad", return_tensors="pt")).logits[0]
    explanation = Explainer.from_pretrained(str(tmp_path / "adapter"))("the film is bad", "loo")
    assert explanation.probabilities == pytest.approx(logits.softmax(-1).tolist(), rel=1e-5)


def test_a_folder_with_a_whole_model_is_no_adapter(tmp_path):
    """Training with peft may leave the adapter in the folder of the merged model."""
    (tmp_path / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "not there"}))
    (tmp_path / "config.json").write_text("{}")
    source = find_source(str(tmp_path))
    assert source.adapter is None
    assert list(source.provenances) == ["model"]
    assert source.model == source.base


def test_pickled_weights_of_an_adapter_are_loaded_if_it_is_allowed(tmp_path):
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").write_text("{}")
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(tmp_path / "base")}))
    source = find_source(str(adapter))
    assert list(source.provenances) == ["model", "base model"]
    with pytest.raises(GradexplainError, match=r"no weights: adapter_model.safetensors is missing"):
        adapter_weights(source, allow_pickle=True)
    torch.save({"a": torch.ones(2)}, adapter / "adapter_model.bin")
    with pytest.raises(GradexplainError, match="the weights of the adapter are a pickle"):
        adapter_weights(source, allow_pickle=False)
    assert adapter_weights(source, allow_pickle=True)["a"].tolist() == [1, 1]
    torch.save({"a": PurePath("no tensor")}, adapter / "adapter_model.bin")
    with pytest.raises(UnpicklingError):
        adapter_weights(source, allow_pickle=True)
