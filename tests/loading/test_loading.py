"""Loading by name, and the precision of the weights."""

import json

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForSequenceClassification

from hf_gradexplain.classifier.state import dtype_of
from hf_gradexplain.commands.doctor import diagnose
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.hub.provenance import Provenance
from hf_gradexplain.loading import precision
from hf_gradexplain.loading.checkpoint import load_checkpoint, load_classifier
from hf_gradexplain.loading.safety import Source, read_config
from tests.helpers.tiny import make


def saved(folder, dtype=torch.float32):
    model, tokenizer = make("bert", dtype=dtype)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder), model, tokenizer


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_weights_are_loaded_in_float32(dtype, tmp_path):
    name, model, tokenizer = saved(tmp_path, dtype)
    loaded = Explainer.from_pretrained(name)("the film is bad", "signed_gi")
    expected = Explainer(model.float(), tokenizer)("the film is bad", "signed_gi")
    assert loaded.dtype == "float32"
    assert "computed in" not in loaded.to_html()
    assert loaded.scores["signed_gi"] == pytest.approx(expected.scores["signed_gi"], rel=1e-5)


def test_half_precision_is_kept_if_float32_does_not_fit(tmp_path, monkeypatch):
    name, model, _ = saved(tmp_path, torch.bfloat16)
    size = model.num_parameters()
    monkeypatch.setattr(precision, "free_memory", lambda device: 4 * size)
    with pytest.warns(UserWarning, match=r"in float32, but 0.0 GB are free: it is loaded in bfloat16, the dtype of"):
        explainer = Explainer.from_pretrained(name)
    explanation = explainer("the film is bad")
    assert explanation.dtype == "bfloat16"
    config = AutoConfig.from_pretrained(name)
    with pytest.warns(UserWarning, match=r"^'me/model' needs .* loaded in bfloat16"):
        dtype = precision.affordable_dtype("me/model", config, "cpu", trust_remote_code=False)
    assert dtype == torch.bfloat16
    assert "computed in bfloat16" in explanation.to_html()
    for enough in (5 * size, 4 * precision._MEMORY_FACTOR * size):
        monkeypatch.setattr(precision, "free_memory", lambda device, enough=enough: enough)
        assert Explainer.from_pretrained(name)("the film is bad").dtype == "float32"


def test_a_requested_dtype_is_used_without_a_check(tmp_path, monkeypatch):
    monkeypatch.setattr(precision, "free_memory", lambda device: 0)
    name, _, _ = saved(tmp_path)
    assert Explainer.from_pretrained(name, dtype=torch.bfloat16)("bad").dtype == "bfloat16"
    assert Explainer.from_pretrained(name)("bad").dtype == "float32"


def test_free_memory_is_that_of_the_device():
    assert 0 < precision.free_memory("cpu") < 1e15
    assert precision.free_memory(torch.device("meta")) == float("inf")


def test_a_model_is_distributed_by_accelerate_if_the_device_is_auto(tmp_path, monkeypatch):
    """Without a GPU, all of it is on the CPU."""
    name, model, tokenizer = saved(tmp_path)
    maps, load = [], AutoModelForSequenceClassification.from_pretrained

    def record(*names, device_map, **options):
        maps.append(device_map)
        return load(*names, device_map=device_map, **options)

    monkeypatch.setattr(AutoModelForSequenceClassification, "from_pretrained", record)
    spread, alone = (Explainer.from_pretrained(name, device=device) for device in ("auto", "cpu"))
    assert maps == ["auto", None]
    expected = Explainer(model, tokenizer)("the film is bad", "signed_gi").scores["signed_gi"]
    for explain in (spread, alone):
        assert explain("the film is bad", "signed_gi").scores["signed_gi"] == pytest.approx(expected, rel=1e-5)


def test_the_memory_of_a_distributed_model_is_that_of_all_gpus_or_else_of_the_cpu(monkeypatch):
    assert precision.free_memory("auto") == pytest.approx(precision.free_memory("cpu"), rel=0.5)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (10 + getattr(device, "index", device), 99))
    assert precision.free_memory("auto") == 21
    assert precision.free_memory(torch.device("cuda", 1)) == 11


CODE = """
from transformers import BertConfig, BertForSequenceClassification

class TwiceConfig(BertConfig):
    model_type = "twice"

class Twice(BertForSequenceClassification):
    config_class = TwiceConfig

    def forward(self, **inputs):
        output = super().forward(**inputs)
        output.logits = 2 * output.logits
        return output
"""


def test_code_of_a_repository_runs_if_it_is_allowed(tmp_path, monkeypatch):
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(str(tmp_path / "cache"))
    name, model, tokenizer = saved(tmp_path / "twice", torch.bfloat16)
    (tmp_path / "twice" / "twice.py").write_text(CODE)
    config = json.loads((tmp_path / "twice" / "config.json").read_text())
    classes = {"AutoConfig": "twice.TwiceConfig", "AutoModelForSequenceClassification": "twice.Twice"}
    changed = {"model_type": "twice", "auto_map": classes, "architectures": ["Twice"]}
    (tmp_path / "twice" / "config.json").write_text(json.dumps(config | changed))
    for load in (Explainer.from_pretrained, load_classifier, load_checkpoint):
        with pytest.raises(GradexplainError, match=r"needs code from its repository: .* allow it with trust_remote_co"):
            load(name)
    (check,) = diagnose(name)[0].checks
    assert "allow it with trust_remote_code" in check.found
    explain = Explainer.from_pretrained(name, trust_remote_code=True)
    assert explain.model.dtype == torch.float32
    logits = model.float()(**tokenizer("the film is bad", return_tensors="pt")).logits[0]
    actual = explain("the film is bad", "loo").probabilities
    assert actual == pytest.approx((2 * logits).softmax(-1).tolist(), rel=1e-5)


@pytest.mark.parametrize("trusted", [True, False])
def test_kernels_of_a_repository_are_kept_if_code_of_repositories_may_run(tmp_path, trusted):
    make("bert")[0].config.save_pretrained(tmp_path)
    file = tmp_path / "config.json"
    kernels = {"_attn_implementation": "owner/kernels", "_experts_implementation": "owner/experts"}
    file.write_text(json.dumps(json.loads(file.read_text()) | kernels))
    source = Source(*[Provenance(str(tmp_path))] * 2)
    config = read_config(source, trust_remote_code=trusted, allow_pickle=False, changes={"num_labels": 5})
    assert config.num_labels == 5
    for name, value in kernels.items():
        assert getattr(config, name) == (value if trusted else None)


def test_pickled_weights_are_loaded_if_it_is_allowed(tmp_path):
    name, model, _ = saved(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    for load in (Explainer.from_pretrained, load_classifier, load_checkpoint):
        with pytest.raises(GradexplainError, match=r"allow it with allow_pickle \(--allow_pickle\)"):
            load(name)
        for loaded, expected in zip(load(name, allow_pickle=True).model.parameters(), model.parameters(), strict=True):
            assert torch.equal(loaded, expected)
    (check,) = diagnose(name)[0].checks
    assert "allow it with allow_pickle" in check.found
    assert len(diagnose(name, allow_pickle=True)[0].checks) > 1


def test_the_dtype_of_a_model_is_that_of_most_of_its_weights():
    model, _ = make("bert")
    assert dtype_of(model.bfloat16()) == torch.bfloat16
    model.classifier.float()
    assert dtype_of(model) == torch.bfloat16
    assert dtype_of(torch.nn.Identity()) == torch.float32


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")
def test_an_adapter_is_applied_to_its_base_model(tmp_path):
    base, _, tokenizer = saved(tmp_path / "base")
    explain = Explainer.from_pretrained(base)
    plain = explain("the film is bad", "signed_gi")
    adapted = get_peft_model(explain.model, LoraConfig(task_type="SEQ_CLS", r=2, init_lora_weights=False)).eval()
    adapted.save_pretrained(tmp_path / "adapter")
    tokenizer.save_pretrained(tmp_path / "adapter")
    with_adapter = Explainer.from_pretrained(str(tmp_path / "adapter"))
    assert not with_adapter.model.training
    loaded = with_adapter("the film is bad", "signed_gi")
    expected = Explainer(adapted, tokenizer)("the film is bad", "signed_gi")
    assert loaded.scores["signed_gi"] == pytest.approx(expected.scores["signed_gi"], rel=1e-5)
    assert loaded.scores["signed_gi"] != pytest.approx(plain.scores["signed_gi"], rel=1e-2)


def test_the_doctor_reports_missing_weights_and_continues(tmp_path):
    make("bert")[0].bert.save_pretrained(tmp_path)
    make("bert")[1].save_pretrained(tmp_path)
    with pytest.raises(
        GradexplainError, match=r"no weights for classifier.bias, classifier.weight, and its predictions"
    ):
        Explainer.from_pretrained(str(tmp_path))
    report, _ = diagnose(str(tmp_path))
    first, *others = report.checks
    assert not report.ok
    assert (first.name, first.verdict) == ("checkpoint", "problem")
    assert first.found == "has no weights for classifier.bias, classifier.weight: they are random"
    assert {check.name for check in others} >= {"word lookups", "gradients", "padding"}


def test_the_doctor_reports_what_cannot_be_loaded_or_run(tmp_path):
    (check,) = diagnose(str(tmp_path / "nothing"))[0].checks
    assert (check.name, check.verdict) == ("loading", "problem")
    assert "cannot load a sequence classifier" in check.found
    assert check.found.endswith("nor a hub name such as owner/name: correct the name or path")
    model, tokenizer = make("bert", dtype=torch.float32)
    model.classifier.weight.data[0, 0] = torch.nan
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    last = diagnose(str(tmp_path))[0].checks[-1]
    assert (last.name, last.verdict) == ("forward pass", "problem")
    assert "weight 'classifier.weight' is not finite" in last.found


def test_mixed_precision_is_less_exact_and_displayed():
    model, tokenizer = make("bert", dtype=torch.float32)
    explain = Explainer(model, tokenizer)
    exact, mixed = (explain("the film is bad", ("signed_gi", "loo"), mixed_precision=p) for p in ("no", "bf16"))
    assert (exact.dtype, mixed.dtype) == ("float32", "bfloat16 (mixed)")
    assert "computed in bfloat16 (mixed)" in mixed.to_html()
    for method in exact.scores:
        assert exact.scores[method] != pytest.approx(mixed.scores[method], rel=1e-6)
    assert model.dtype == torch.float32
    assert not torch.is_autocast_enabled("cpu")


def test_mixed_precision_does_not_fit_float16():
    """Its matrix products would be in bfloat16, the parameters of a layer norm in float16: PyTorch refuses this."""
    explain = Explainer(*make("bert", dtype=torch.float16))
    with pytest.raises(GradexplainError) as refused:
        explain("the film is bad", "loo", mixed_precision="bf16")
    assert str(refused.value) == (
        "mixed_precision='bf16' does not fit weights in float16: leave out mixed_precision, or load the model with "
        "dtype='float32'"
    )
    assert explain("the film is bad", "loo").dtype == "float16"
    shortcut = Explainer(*make("textcnn", dtype=torch.float16))
    assert shortcut("the film is bad", "loo", mixed_precision="bf16").dtype == "float16"
    mixed = Explainer(*make("bert", dtype=torch.bfloat16))("the film is bad", "loo", mixed_precision="bf16")
    assert mixed.dtype == "bfloat16 (mixed)"


def test_a_model_with_a_shortcut_computes_in_full_precision():
    explain = Explainer(*make("textcnn", dtype=torch.float32))
    exact, mixed = (explain("the film is bad", ("signed_gi", "loo"), mixed_precision=p) for p in ("no", "bf16"))
    assert mixed.dtype == "float32"
    assert all((exact.scores[method] == mixed.scores[method]).all() for method in exact.scores)


def test_an_unknown_precision_is_refused():
    with pytest.raises(GradexplainError, match=r"unknown mixed_precision 'fp16': .*Choices: no, bf16"):
        Explainer(*make("textcnn"))("bad", mixed_precision="fp16")
