"""All shortcuts compared with the generic form, over many random models and batches."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from hf_gradexplain.attribution.formulas import sa_l1, sa_l2, sa_linf, sa_raw, signed_gi
from hf_gradexplain.attribution.sources import Backward
from hf_gradexplain.models import (
    BiLSTMConfig,
    BiLSTMForSequenceClassification,
    FastTextConfig,
    FastTextForSequenceClassification,
    TextCNNConfig,
    TextCNNForSequenceClassification,
)
from hf_gradexplain.perturb import (
    bilstm,
    cells,
    generic,
    leave_one_out,
    removal_curves,
    shortcut_gradients,
    subset_logits,
)
from hf_gradexplain.perturb.bilstm import _nearest_earlier_ancestor, _previous_smaller
from hf_gradexplain.perturb.cells import FusedLSTM, StepwiseLSTM
from hf_gradexplain.perturb.textcnn import _max_over_intervals

SIZES = {"vocab_size": 12, "hidden_size": 6, "num_labels": 3, "initializer_range": 1.0}
LSTM = {**SIZES, "lstm_size": 5}
MODELS = {
    "fasttext": lambda: FastTextForSequenceClassification(FastTextConfig(**SIZES)),
    "textcnn": lambda: TextCNNForSequenceClassification(TextCNNConfig(**SIZES, num_filters=4)),
    "textcnn_1_2_7": lambda: TextCNNForSequenceClassification(
        TextCNNConfig(**SIZES, num_filters=3, filter_widths=(1, 2, 7))
    ),
    "bilstm_last": lambda: BiLSTMForSequenceClassification(BiLSTMConfig(**LSTM, pooling="last")),
    "bilstm_max": lambda: BiLSTMForSequenceClassification(BiLSTMConfig(**LSTM, pooling="max")),
    "bilstm_mean": lambda: BiLSTMForSequenceClassification(BiLSTMConfig(**LSTM, pooling="mean")),
    "bilstm_two_layers": lambda: BiLSTMForSequenceClassification(BiLSTMConfig(**LSTM, num_hidden_layers=2)),
}
TOLERANCE = {torch.bfloat16: 0.1, torch.float32: 1e-5, torch.float64: 1e-10}
LENGTHS = ([1], [0], [2, 2], [9], [1, 6, 0, 4, 13], [20, 20, 3])
CASES = list(itertools.product(("token", "word", "word_type"), ("right", "left"), LENGTHS, (False, True), (1, 30, 200)))


def random_model(name, seed, dtype=torch.float64):
    """Biases of any sign; two words with the same vector, which give ties, and one with a zero vector."""
    torch.manual_seed(seed)
    model = MODELS[name]().to(dtype).eval().requires_grad_(False)
    for parameter in model.parameters():
        if parameter.ndim == 1:
            parameter.normal_()
    model.embedding.weight[3] = model.embedding.weight[4]
    model.embedding.weight[5] = 0
    return model


def random_cases(n):
    """Return `n` pairs of a seed and a combination of unit, padding side, lengths, baseline and token budget."""
    rng = np.random.default_rng(0)
    return [(seed, *CASES[rng.integers(len(CASES))]) for seed in range(n)]


def assert_close(logits, expected):
    """Compare relative to the largest logit."""
    assert logits.dtype == expected.dtype
    scale = max(1.0, float(expected.abs().max())) if expected.numel() else 1.0
    torch.testing.assert_close(logits, expected, rtol=0, atol=TOLERANCE[expected.dtype] * scale)


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("name", MODELS)
def test_shortcuts_equal_the_generic_form(name, dtype, run, ranks_of):
    n = 12 if dtype == torch.float64 else 4
    for seed, unit, side, lengths, baseline, budget in random_cases(2 if name == "bilstm_two_layers" else n):
        model, rng = random_model(name, seed, dtype), np.random.default_rng(seed)
        forward = run(model, rng, lengths, unit, side, budget, baseline)
        assert_close(leave_one_out(forward), generic.leave_one_out(forward))
        ranks = ranks_of(rng, 3, forward)
        assert_close(removal_curves(forward, ranks), generic.removal_curves(forward, ranks))


@pytest.mark.parametrize("unit", ["word", "word_type"])
@pytest.mark.parametrize("name", [name for name in MODELS if name != "bilstm_two_layers"])
def test_long_texts_of_different_lengths(name, unit, run, ranks_of, monkeypatch):
    monkeypatch.setattr(bilstm, "_STEPS_AT_ONCE", 20)
    rng = np.random.default_rng(0)
    forward = run(random_model(name, 0), rng, [60, 30, 59], unit, batch_tokens=160)
    assert_close(leave_one_out(forward), generic.leave_one_out(forward))
    ranks = ranks_of(rng, 2, forward)
    assert_close(removal_curves(forward, ranks), generic.removal_curves(forward, ranks))


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this PyTorch has no oneDNN")
@pytest.mark.parametrize(("name", "baseline"), [("bilstm_last", False), ("bilstm_max", True), ("bilstm_mean", False)])
def test_a_single_text_runs_in_blocks_of_steps(name, baseline, run, ranks_of, monkeypatch):
    """Lengths around the block size, few units and many, and more copies and steps than one call takes."""
    monkeypatch.setattr(cells, "_COPIES_AT_ONCE", 40)
    monkeypatch.setattr(bilstm, "_STEPS_AT_ONCE", 32)
    monkeypatch.setattr(StepwiseLSTM, "advance", None)
    rng, model = np.random.default_rng(0), random_model(name, 0, torch.float32)
    for length, unit in itertools.product((15, 16, 17, 33, 50), ("token", "word_type")):
        forward = run(model, rng, [length], unit, "left", 1, baseline)
        assert_close(leave_one_out(forward), generic.leave_one_out(forward))
        ranks = ranks_of(rng, 2, forward)
        assert_close(removal_curves(forward, ranks), generic.removal_curves(forward, ranks))


@pytest.mark.filterwarnings("ignore:TF32 acceleration")
def test_without_onednn_a_single_text_runs_step_by_step(run, monkeypatch):
    monkeypatch.setattr(FusedLSTM, "advance", None)
    with torch.backends.mkldnn.flags(enabled=False):
        forward = run(random_model("bilstm_max", 0, torch.float32), np.random.default_rng(0), [20])
        assert_close(leave_one_out(forward), generic.leave_one_out(forward))


def test_fasttext_is_projected_once_for_each_classifier(run, monkeypatch):
    forward = run(random_model("fasttext", 0), np.random.default_rng(0), [9, 4], baseline=True)
    expected = generic.leave_one_out(forward)
    for _ in range(2):
        assert_close(leave_one_out(forward), expected)
    from_zero = replace(forward, classifier=replace(forward.classifier, baseline=None))
    assert (leave_one_out(from_zero) - expected).abs().max() > 1e-3
    forward.classifier.model.embedding.weight.zero_()
    assert_close(leave_one_out(forward), expected)


@pytest.mark.parametrize("name", MODELS)
def test_a_text_gets_the_same_logits_in_any_batch(name, run, ranks_of):
    for seed in range(5):
        model = random_model(name, seed)
        forward = run(model, np.random.default_rng(seed), [7])
        alone = leave_one_out(forward)
        batch = run(model, np.random.default_rng(seed), [7, 15, 2], side="left")
        ids, alone_ids = (x.batch.documents[0].inputs["input_ids"].tolist() for x in (batch, forward))
        assert ids == alone_ids
        assert_close(leave_one_out(batch)[:1, : alone.shape[1]], alone)


@pytest.mark.parametrize("name", [name for name in MODELS if name != "bilstm_two_layers"])
def test_a_shortcut_does_not_run_the_model(name, run, ranks_of, monkeypatch):
    rng = np.random.default_rng(0)
    forward = run(random_model(name, 0), rng, [9, 4])
    monkeypatch.setattr(type(forward.classifier), "masked_logits", None)
    leave_one_out(forward)
    removal_curves(forward, ranks_of(rng, 2, forward))
    subset_logits(forward, torch.tensor([1, 0]), forward.batch.units.real[[1, 0]])


@pytest.mark.parametrize("name", MODELS)
def test_logits_have_no_graph_even_if_the_forward_pass_has_one(name, run, ranks_of):
    rng = np.random.default_rng(0)
    model = random_model(name, 0).requires_grad_(True)
    forward = run(model, rng, [9, 4])
    forward = forward.classifier.forward(forward.batch, graph=True)
    assert forward.logits.requires_grad
    assert not leave_one_out(forward).requires_grad
    assert not removal_curves(forward, ranks_of(rng, 2, forward)).requires_grad


@pytest.mark.parametrize("name", ["fasttext", "textcnn", pytest.param("bilstm_max", marks=pytest.mark.slow)])
def test_ten_thousand_words(name, run, ranks_of):
    rng = np.random.default_rng(0)
    forward = run(random_model(name, 0), rng, [10_000], unit="word")
    logits, count = leave_one_out(forward)[0], int(forward.batch.units.count)
    sample = torch.tensor([0, 1, count // 2, count - 1])
    masked = forward.batch.units.tokens(torch.eye(count, dtype=torch.bool)[sample], torch.zeros(4, dtype=torch.long))
    copies = {key: x.expand(4, -1) for key, x in forward.batch.inputs.items()}
    assert_close(logits[sample], forward.classifier.masked_logits(copies, masked))
    curve = removal_curves(forward, ranks_of(rng, 1, forward))[0, 0]
    all_masked = forward.batch.units.unit_of < count
    assert_close(
        curve[[0, -1]], torch.cat([forward.logits, forward.classifier.masked_logits(forward.batch.inputs, all_masked)])
    )


def test_max_over_intervals():
    rng = np.random.default_rng(0)
    for size in (1, 2, 7, 33):
        first, last = np.sort(rng.integers(0, size, (2, 12)), axis=0)
        values = rng.normal(size=(12, 3))
        expected = np.full((size, 3), -np.inf)
        for a, b, value in zip(first, last, values, strict=True):
            expected[a : b + 1] = np.maximum(expected[a : b + 1], value)
        maxima = _max_over_intervals(*map(torch.from_numpy, (first, last, values)), size)
        np.testing.assert_array_equal(maxima, expected)


def test_nearest_earlier_ancestor():
    rng = np.random.default_rng(0)
    for size in (1, 2, 7, 64, 100):
        begin = np.sort(rng.integers(0, 1 + size // 6, size))
        parent = np.array([rng.integers(0, i) if i else size for i in range(size)])
        ancestors = _nearest_earlier_ancestor(torch.from_numpy(parent), torch.from_numpy(begin)).tolist()
        for i, ancestor in enumerate(ancestors):
            expected = parent[i]
            while expected < size and begin[expected] >= begin[i]:
                expected = parent[expected]
            assert ancestor == expected


def test_previous_smaller():
    rng = np.random.default_rng(0)
    for size in (1, 2, 3, 9, 64, 65):
        x = rng.integers(0, 10, (4, size))
        x[:, 0] = -1
        previous = _previous_smaller(torch.from_numpy(x))
        for row, positions in zip(x, previous.tolist(), strict=True):
            assert positions[1:] == [max(j for j in range(i) if row[j] < row[i]) for i in range(1, size)]


@pytest.mark.parametrize("case", CASES[::5], ids=str)
def test_shortcut_gradients_equal_those_of_a_backward_pass(case, run):
    unit, side, lengths, baseline, budget = case
    forward = run(random_model("fasttext", 3), np.random.default_rng(0), lengths, unit, side, budget, baseline)
    units, gradients = forward.batch.units, shortcut_gradients(forward)
    expected = Backward()(forward.classifier.forward(forward.batch, graph=True))
    for score in (sa_raw, sa_l1, sa_l2, sa_linf, signed_gi):
        torch.testing.assert_close(score(gradients, units), score(expected, units), rtol=1e-10, atol=1e-12)


def test_there_are_no_shortcut_gradients_without_a_shortcut(run):
    forward = run(random_model("textcnn", 0), np.random.default_rng(0), [5])
    with pytest.raises(RuntimeError, match="TextCNNForSequenceClassification has no shortcut for gradients"):
        shortcut_gradients(forward)


def test_without_a_graph_the_model_runs_once_more(run):
    forward = run(random_model("textcnn", 0), np.random.default_rng(0), [5, 5])
    expected = Backward()(forward.classifier.forward(forward.batch, graph=True))
    torch.testing.assert_close(Backward()(forward).grad, expected.grad, rtol=0, atol=0)
