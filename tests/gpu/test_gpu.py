"""On a GPU: the numbers of the CPU, models that are spread or too large, and memory that runs out."""

import numpy as np
import pytest
import torch
from accelerate import dispatch_model
from datasets import Dataset

from hf_gradexplain.explainer import Explainer
from hf_gradexplain.models import FastTextConfig, FastTextForSequenceClassification
from hf_gradexplain.options import Options
from hf_gradexplain.perturb import GENERIC, shortcut_of
from hf_gradexplain.run.runner import evaluate_texts
from tests.architectures.measure import TEXTS as WORDS
from tests.architectures.zoo import MODEL_TYPES, InFloat64, tiny_model, tiny_tokenizer
from tests.helpers.tiny import KINDS, TEXTS, make

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")]

METHODS = ("sa_l2", "signed_gi", "loo")


def scores(model, tokenizer, texts=TEXTS, **options):
    return [explanation.scores for explanation in Explainer(model, tokenizer)(list(texts), METHODS, **options)]


def assert_close(found, expected, rel):
    for x, y in zip(found, expected, strict=True):
        for method in METHODS:
            scale = np.abs(y[method]).max(initial=1e-6)
            assert x[method] == pytest.approx(y[method], rel=rel, abs=rel * scale)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_those_of_the_cpu(kind, dtype):
    model, tokenizer = make(kind, dtype=dtype)
    expected = scores(model, tokenizer)
    assert_close(scores(model.cuda(), tokenizer), expected, rel=1e-9 if dtype == torch.float64 else 1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_curves_are_those_of_the_cpu(kind):
    model, tokenizer = make(kind)
    texts = Dataset.from_dict({"id": range(len(TEXTS)), "text": list(TEXTS)})
    options = Options(("random", *METHODS), "word_type")
    expected = evaluate_texts(Explainer(model, tokenizer), texts, options)
    found = evaluate_texts(Explainer(model.cuda(), tokenizer), texts, options)
    for x, y in zip(found, expected, strict=True):
        for method in options.methods:
            np.testing.assert_allclose(x.curves[method], y.curves[method], rtol=1e-9)


@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_every_architecture_has_the_scores_of_the_cpu(model_type):
    """From the mean, since from zero some have nothing but rounding."""
    model = tiny_model(model_type)
    tokenizer = tiny_tokenizer(model)
    with InFloat64():
        expected = scores(model, tokenizer, WORDS, objective="logit", baseline="mean")
        found = scores(model.cuda(), tokenizer, WORDS, objective="logit", baseline="mean")
    assert_close(found, expected, rel=1e-7)


@pytest.mark.filterwarnings("ignore:.*torch.jit")
@pytest.mark.parametrize("wrap", [torch.nn.DataParallel, torch.compile])
@pytest.mark.parametrize("kind", ["bert", "fasttext", "textcnn", "bilstm"])
def test_a_wrapper_changes_nothing_and_keeps_the_short_cut(kind, wrap):
    model, tokenizer = make(kind)
    expected = scores(model.cuda(), tokenizer)
    wrapped = wrap(model)
    assert_close(scores(wrapped, tokenizer), expected, rel=1e-12)
    assert (shortcut_of(Explainer(wrapped, tokenizer).model) is GENERIC) == (kind == "bert")


@pytest.mark.filterwarnings("ignore:.*meta device")
@pytest.mark.parametrize(
    "places",
    [
        {"bert.embeddings": 0, "bert.encoder": "cpu", "bert.pooler": 0, "classifier": 0},
        {"bert.embeddings": "cpu", "bert.encoder": 0, "bert.pooler": "cpu", "classifier": 0},
    ],
)
def test_a_model_between_gpu_and_cpu_has_the_same_scores(places):
    model, tokenizer = make("bert")
    expected = scores(model, tokenizer)
    assert_close(scores(dispatch_model(model, places, main_device=0, force_hooks=True), tokenizer), expected, rel=1e-9)


def test_by_name_it_goes_to_the_gpu_and_auto_spreads_it(tmp_path):
    model, tokenizer = make("bert", dtype=torch.float32)
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    on_gpu, spread = (Explainer.from_pretrained(str(tmp_path), device=device) for device in (None, "auto"))
    assert on_gpu.model.device.type == spread.model.device.type == "cuda"
    assert_close([spread(TEXTS[0], METHODS).scores], [on_gpu(TEXTS[0], METHODS).scores], rel=1e-6)


def test_half_precision_weights_stay_where_float32_does_not_fit_the_gpu(tmp_path):
    _, tokenizer = make("fasttext")
    config = FastTextConfig(vocab_size=3_000_000, hidden_size=100, dtype=torch.bfloat16)
    model = FastTextForSequenceClassification(config).bfloat16()
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    assert Explainer.from_pretrained(str(tmp_path))("bad").dtype == "float32"
    torch.cuda.empty_cache()
    held = torch.empty(torch.cuda.mem_get_info()[0] - 2**30, dtype=torch.uint8, device="cuda")
    with pytest.warns(UserWarning, match=r"needs 1.4 GB in float32, but 1.\d GB are free: it is loaded in bfloat16"):
        assert Explainer.from_pretrained(str(tmp_path))("bad").dtype == "bfloat16"
    del held
    torch.cuda.empty_cache()


def test_where_memory_runs_out_fewer_copies_go_at_a_time():
    model, tokenizer = make("bert")
    explain, text = Explainer(model.cuda(), tokenizer), "the film is bad " * 10
    expected = explain(text, "loo").scores["loo"]
    torch.cuda.empty_cache()
    held = torch.empty(torch.cuda.mem_get_info()[0] - 2**26, dtype=torch.uint8, device="cuda")
    sizes = []
    handle = model.register_forward_pre_hook(
        lambda module, args, kwargs: sizes.append(len(kwargs["input_ids"])), with_kwargs=True
    )
    found = explain([text] * 4000, "loo", batch_tokens=10_000_000)
    handle.remove()
    del held
    torch.cuda.empty_cache()
    assert len(set(sizes)) > 1
    for explanation in found:
        assert explanation.scores["loo"] == pytest.approx(expected, rel=1e-9)


def test_bfloat16_gives_nearly_the_same_order():
    model, tokenizer = make("bert", dtype=torch.float32)
    expected = scores(model.cuda(), tokenizer, TEXTS[:1])[0]
    found = scores(model.bfloat16(), tokenizer, TEXTS[:1])[0]
    assert np.corrcoef(found["signed_gi"], expected["signed_gi"])[0, 1] > 0.95
