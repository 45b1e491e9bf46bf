"""Unusual models: the scores equal those of the plain model, or the model is refused with the reason."""

import threading
from copy import deepcopy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from accelerate import cpu_offload, dispatch_model
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.probing.compiled import CompiledLayers
from tests.helpers.same_scores import METHODS, assert_same, scores, tiny_scores, toy_scores
from tests.helpers.snapshot import snapshot
from tests.helpers.tiny import TEXTS, make
from tests.helpers.toys import Toy, TwiceTheGradient, WithSetup

pytestmark = [
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated"),
    pytest.mark.filterwarnings("ignore:`gradient_checkpointing_enable` is deprecated"),
]

TRANSFORMERS = ("bert", "gpt2", "bart")


def gated(x: Tensor) -> Tensor:
    return x.tanh() * x.sigmoid() + F.gelu(x)


def in_place(model):
    model.compile()
    return model


@pytest.mark.filterwarnings("ignore:.*torch.jit")
@pytest.mark.parametrize(
    ("kind", "wrap"),
    [("bert", torch.compile), ("bert", in_place), pytest.param("bilstm", nn.DataParallel, marks=pytest.mark.slow)],
)
def test_a_wrapper_changes_nothing(kind, wrap):
    model, tokenizer = make(kind)
    assert_same(scores(wrap(model), tokenizer, TEXTS), tiny_scores(kind), rel=0)


def test_compilation_is_not_used(monkeypatch):
    monkeypatch.setattr(CompiledLayers, "__call__", None)
    model, tokenizer = make("bert")
    with pytest.warns(UserWarning, match="torch_compile is ignored: relevance propagation needs uncompiled layers"):
        compiled = scores(model, tokenizer, TEXTS, torch_compile=True)
    assert_same(compiled, tiny_scores("bert"), rel=0)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")
@pytest.mark.parametrize("used_before", [False, True])
def test_a_compiled_function_runs_uncompiled_and_stays_compiled(used_before):
    function = torch.compile(gated, backend="aot_eager", dynamic=True)
    x = torch.randn(1, 7, 6, dtype=torch.float64, requires_grad=True)
    if used_before:
        function(x)
    assert_same(toy_scores(function), toy_scores(gated), rel=0)
    assert function(x).grad_fn.name() == "CompiledFunctionBackward"


@pytest.mark.parametrize(
    ("kind", "layers"), [("bert", ["query", "word_embeddings"]), ("gpt2", ["c_attn"]), ("bart", ["q_proj", "fc1"])]
)
def test_adapters_give_the_scores_of_merged_ones(kind, layers):
    model, tokenizer = make(kind)
    config = LoraConfig(
        task_type="SEQ_CLS", r=2, init_lora_weights=False, target_modules=layers, fan_in_fan_out=kind == "gpt2"
    )
    model = get_peft_model(model, config).double().eval()
    merged = deepcopy(model).merge_and_unload()
    assert_same(scores(model, tokenizer, TEXTS), scores(merged, tokenizer, TEXTS), rel=1e-9)


@pytest.mark.filterwarnings("ignore:.*meta device")
def test_a_model_on_disk_gives_the_same_scores(tmp_path):
    model, tokenizer = make("bert")
    places = {"bert.embeddings": "disk", "bert.encoder": "cpu", "bert.pooler": "disk", "classifier": "disk"}
    dispatch_model(model, places, main_device="cpu", offload_dir=tmp_path, force_hooks=True)
    assert_same(scores(model, tokenizer, TEXTS), tiny_scores("bert"), rel=0)


@pytest.mark.filterwarnings("ignore:.*meta device")
def test_an_offloaded_model_gives_the_same_scores():
    model, tokenizer = make("bert")
    cpu_offload(model, "cpu")
    assert_same(scores(model, tokenizer, TEXTS), tiny_scores("bert"), rel=0)


@pytest.mark.parametrize("kind", TRANSFORMERS)
def test_a_model_in_training_with_gradient_checkpointing_gives_the_same_scores(kind):
    model, tokenizer = make(kind)
    model.gradient_checkpointing_enable()
    model.train()
    before = snapshot(model, tokenizer)
    assert_same(scores(model, tokenizer, TEXTS), tiny_scores(kind), rel=0)
    assert snapshot(model, tokenizer) == before


def test_a_model_that_always_recomputes_hidden_states_is_followed_or_refused():
    """What a rule reads was deleted, and PyTorch recomputes it only once."""
    again = Toy(mix=lambda x: checkpoint(lambda x: x.tanh() + x.relu(), x, use_reentrant=False))
    assert_same(scores(again), toy_scores(lambda x: x.tanh() + x.relu()))
    refusal = r"^relevance propagation fails on Toy \(.*checkpoint.*\): choose methods='integrated_gradients' or 'loo'$"
    with pytest.raises(GradexplainError, match=refusal):
        toy_scores(lambda x: checkpoint(gated, x, use_reentrant=False))


def test_custom_functions_are_followed_or_refused_by_name():
    assert_same(toy_scores(lambda x: TwiceTheGradient.apply(x)), toy_scores(torch.tanh))
    refusal = r"^no propagation rule is known for the operation WithSetupBackward of this model: choose methods="
    with pytest.raises(GradexplainError, match=refusal):
        toy_scores(lambda x: WithSetup.apply(x))


def test_backward_hooks_of_a_module_are_refused_by_name():
    """They may change the gradients, and leave a custom function in the graph."""
    model = Toy()
    model.head.register_full_backward_hook(lambda *args: None)
    refusal = r"^no propagation rule is known for the operation BackwardHookFunctionBackward of this model: choose"
    with pytest.raises(GradexplainError, match=refusal):
        scores(model)


class EightBit(nn.Linear):
    """A linear layer whose weights are stored as 8-bit numbers."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__(linear.in_features, linear.out_features, dtype=linear.weight.dtype)
        scale = linear.weight.detach().abs().amax(1, keepdim=True) / 127
        self.register_buffer("codes", (linear.weight.detach() / scale).round().to(torch.int8))
        self.register_buffer("scale", scale)
        self.bias = linear.bias

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.codes.to(x.dtype) * self.scale, self.bias)


def test_weights_that_are_stored_in_8_bits_give_the_scores_of_rounded_ones():
    model, tokenizer = make("bert")
    rounded = deepcopy(model)
    for name, layer in list(model.named_modules()):
        if isinstance(layer, nn.Linear):
            model.set_submodule(name, EightBit(layer))
            rounded.get_submodule(name).weight.data = model.get_submodule(name).codes * model.get_submodule(name).scale
    assert_same(scores(model, tokenizer, TEXTS), scores(rounded, tokenizer, TEXTS), rel=1e-12)


@pytest.mark.filterwarnings("ignore:.*deprecated")
def test_dynamically_quantised_layers_have_no_gradient():
    model, tokenizer = make("bert", dtype=torch.float32)
    model = torch.ao.quantization.quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8)
    refusal = "^attn_lrp: the backward pass of BertForSequenceClassification does not compute the gradient; choose"
    with pytest.raises(GradexplainError, match=refusal):
        scores(model, tokenizer, methods=["attn_lrp"])


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("kind", ["bert", "bilstm"])
def test_the_callers_mode_does_not_matter(kind, mode):
    model, tokenizer = make(kind)
    with mode():
        actual = scores(model, tokenizer, TEXTS)
    assert_same(actual, tiny_scores(kind), rel=0)


@pytest.mark.parametrize("kind", TRANSFORMERS)
def test_every_implementation_of_attention_gives_the_same_scores(kind):
    fused, tokenizer = make(kind)
    plain = deepcopy(fused)
    plain.set_attn_implementation("eager")
    assert fused.config._attn_implementation == "sdpa"
    assert_same(scores(plain, tokenizer, TEXTS), scores(fused, tokenizer, TEXTS), rel=1e-11)


def test_two_models_in_turns_and_in_two_threads_do_not_disturb_each_other():
    """Nodes of two threads have the same sequence numbers."""
    models = {kind: Explainer(*make(kind)) for kind in ("bert", "bilstm")}

    def explain(kind):
        return models[kind](TEXTS[0], METHODS).scores

    alone, threaded = {kind: explain(kind) for kind in models}, {kind: [] for kind in models}
    for kind in (*models, *models):
        assert_same(explain(kind), alone[kind], rel=0)
    barrier = threading.Barrier(len(models))

    def run(kind):
        barrier.wait()
        threaded[kind] += [explain(kind) for _ in range(5)]

    threads = [threading.Thread(target=run, args=(kind,)) for kind in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for kind in models:
        assert len(threaded[kind]) == 5
        for actual in threaded[kind]:
            assert_same(actual, alone[kind], rel=0)


@pytest.mark.parametrize("kind", ["bert", "gpt2", "bilstm", "textcnn"])
def test_low_precision_gives_nearly_the_same_scores(kind):
    model, tokenizer = make(kind)
    expected = scores(model, tokenizer, TEXTS[2:3], objective="loss")
    for dtype, correlation in ((torch.float32, 1 - 1e-9), (torch.float16, 0.999), (torch.bfloat16, 0.99)):
        actual = scores(deepcopy(model).to(dtype), tokenizer, TEXTS[2:3], objective="loss")
        for method in METHODS:
            assert np.corrcoef(actual[method], expected[method])[0, 1] > correlation


@pytest.mark.parametrize("kind", TRANSFORMERS)
def test_mixed_precision_gives_nearly_the_same_scores(kind):
    model, tokenizer = make(kind, dtype=torch.float32)
    exact, mixed = (scores(model, tokenizer, TEXTS[2:3], mixed_precision=x) for x in ("no", "bf16"))
    for method in METHODS:
        assert np.corrcoef(mixed[method], exact[method])[0, 1] > 0.99
        assert not np.array_equal(mixed[method], exact[method])


SATURATED = {
    "tanh": lambda x: torch.tanh(30 * x),
    "sigmoid": lambda x: torch.sigmoid(50 * x),
    "exp": lambda x: torch.exp(-20 * x * x),
    "gate": lambda x: x * torch.tanh(F.softplus(20 * x)),
    "pooler": lambda x: torch.tanh(100 + x) * x.sigmoid(),
}


@pytest.mark.parametrize("name", SATURATED)
def test_saturated_functions_are_followed_in_low_precision(name):
    """Their inputs cannot be computed from their outputs, which are rounded to 1 and 0, and are recorded."""
    expected = scores(Toy(mix=SATURATED[name]))
    for dtype, rel in ((torch.float32, 1e-5), (torch.bfloat16, 0.05)):
        model = Toy(mix=SATURATED[name]).to(dtype)
        assert_same(scores(model), expected, rel=rel)
