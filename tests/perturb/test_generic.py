"""The generic form compared with a loop that masks by hand, its forward passes, and out-of-memory errors."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from hf_gradexplain.classifier.hooked_classifier import HookedClassifier
from hf_gradexplain.classifier.memory import token_limit
from hf_gradexplain.models import TextCNNConfig, TextCNNForSequenceClassification
from hf_gradexplain.perturb import generic


@pytest.fixture
def model():
    torch.manual_seed(0)
    config = TextCNNConfig(vocab_size=12, hidden_size=6, num_labels=3, num_filters=4, initializer_range=1.0)
    return TextCNNForSequenceClassification(config).double().eval().requires_grad_(False)


def logits_by_hand(forward, text, removed):
    """Return the logits of a single text with the vectors of the removed units set to the baseline."""
    document = forward.batch.documents[text]
    vectors = forward.classifier.model.embedding(torch.from_numpy(document.inputs["input_ids"])[None]).clone()
    for t, unit in enumerate(document.unit_of):
        if unit in removed:
            vectors[0, t] = forward.classifier.baseline[0]
    mask = torch.from_numpy(document.inputs["attention_mask"])[None]
    return forward.classifier.model(inputs_embeds=vectors, attention_mask=mask).logits[0]


@pytest.mark.parametrize("unit", ["token", "word", "word_type"])
def test_leave_one_out_and_curves_equal_a_loop_over_units_and_steps(unit, model, run, ranks_of):
    rng = np.random.default_rng(1)
    forward = run(model, rng, [7, 0, 1, 11], unit, batch_tokens=40, baseline=True)
    ranks = ranks_of(rng, 2, forward)
    without = generic.leave_one_out(forward)
    curves = generic.removal_curves(forward, ranks)
    for b, n in enumerate(forward.batch.units.count.tolist()):
        for u in range(forward.batch.units.size):
            expected = logits_by_hand(forward, b, {u})
            torch.testing.assert_close(without[b, u], expected, rtol=0, atol=1e-12)
        for order, rank in enumerate(ranks[:, b, :n].tolist()):
            for k in range(forward.batch.units.size + 1):
                expected = logits_by_hand(forward, b, {u for u, r in enumerate(rank) if r < k})
                torch.testing.assert_close(curves[order, b, k], expected, rtol=0, atol=1e-12)


def test_a_known_end_of_the_curves_gives_the_same_curves(model, run, ranks_of, calls):
    rng = np.random.default_rng(1)
    forward = run(model, rng, [7, 0, 1, 11], "word", batch_tokens=40, baseline=True)
    ranks, counts = ranks_of(rng, 2, forward), forward.batch.units.count.tolist()
    curves = generic.removal_curves(forward, ranks)
    n_copies = copies_in(calls)
    calls.clear()
    end = torch.stack([logits_by_hand(forward, b, set(range(n))) for b, n in enumerate(counts)])
    torch.testing.assert_close(generic.removal_curves(forward, ranks, end=end), curves, rtol=0, atol=1e-12)
    assert copies_in(calls) == n_copies - 3  # one text has no units


def copies_in(calls):
    return sum(len(inputs["input_ids"]) for inputs in calls)


@pytest.fixture
def calls(monkeypatch):
    """The inputs of each masked forward pass."""
    seen = []
    masked_logits = HookedClassifier.masked_logits

    def counted(self, inputs, masked):
        seen.append(inputs)
        return masked_logits(self, inputs, masked)

    monkeypatch.setattr(HookedClassifier, "masked_logits", counted)
    return seen


def test_copies_of_all_texts_and_orders_share_forward_passes_and_the_ends_of_the_curves(model, run, ranks_of, calls):
    rng = np.random.default_rng(0)
    forward = run(model, rng, [8, 8, 8, 0], "token", batch_tokens=80)
    counts, at_once = forward.batch.units.count.tolist(), 80 // 8
    generic.leave_one_out(forward)
    assert copies_in(calls) == sum(counts)
    assert len(calls) == math.ceil(sum(counts) / at_once)
    calls.clear()
    generic.removal_curves(forward, ranks_of(rng, 3, forward))
    assert copies_in(calls) == sum(3 * max(n - 1, 0) + (n > 0) for n in counts)
    assert len(calls) == math.ceil(copies_in(calls) / at_once)


@pytest.mark.parametrize("side", ["left", "right"])
def test_each_copy_has_the_length_of_its_text_and_all_its_inputs(side, model, run, calls):
    forward = run(model, np.random.default_rng(0), [9, 3, 9, 6, 1], "token", side, batch_tokens=18)
    generic.leave_one_out(forward)
    inputs = [{name: list(row) for name, row in x.inputs.items()} for x in forward.batch.documents]
    expected = [inputs[text] for text, n in enumerate(forward.batch.units.count.tolist()) for _ in range(n)]
    given = [{name: x[i].tolist() for name, x in call.items()} for call in calls for i in range(len(call["input_ids"]))]
    in_order = sorted(expected, key=lambda row: len(row["input_ids"]))
    assert given == in_order


def test_copies_of_other_lengths_share_a_pass_while_padding_is_at_most_a_sixteenth_of_the_budget(model, run, calls):
    forward = run(model, np.random.default_rng(0), [12, 8, 10, 9], "word", batch_tokens=160)
    sets = torch.zeros(12, forward.batch.units.size, dtype=torch.bool)
    sets[:, 0] = True
    generic.subset_logits(forward, torch.arange(4).repeat_interleave(3), sets)
    assert [call["input_ids"].shape for call in calls] == [(9, 10), (3, 12)], "3 of 8 padded by 2, 3 of 9 by 1"
    assert [int((call["attention_mask"] == 0).sum()) for call in calls] == [9, 0]


ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes"),
    MemoryError(),
]


class Limited(nn.Module):
    """A model that runs out of memory with more than `most` texts at a time."""

    def __init__(self, inner, most, error):
        super().__init__()
        self.inner, self.most, self.error = inner, most, error

    @property
    def embedding(self):
        return self.inner.embedding

    def forward(self, **inputs):
        if len(inputs["input_ids"]) > self.most:
            raise self.error
        return self.inner(**inputs)


def limited(forward, most, error):
    classifier = forward.classifier
    lookups = tuple(type(x)(f"inner.{x.module}", x.call, x.shift, x.time_major) for x in classifier.lookups)
    limited = Limited(classifier.model, most, error)
    budget = classifier.batch_tokens
    return replace(forward, classifier=HookedClassifier(limited, lookups, classifier.objective, budget))


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_the_budget_is_halved_on_out_of_memory_and_stays_halved(error, model, run, calls):
    forward = run(model, np.random.default_rng(0), [20], "token", batch_tokens=400)
    scarce = limited(forward, 3, error)
    expected = generic.leave_one_out(forward)
    calls.clear()
    torch.testing.assert_close(generic.leave_one_out(scarce), expected, rtol=0, atol=1e-12)
    tried = [len(inputs["input_ids"]) for inputs in calls]
    assert [n for n in tried if n > 3] == [16, 8, 4]
    calls.clear()
    generic.leave_one_out(scarce)
    assert max(len(inputs["input_ids"]) for inputs in calls) == 2
    limits = [token_limit(scarce.classifier.model, 400, graph=graph) for graph in (False, True)]
    assert limits == [2 * 20, 400], "a pass with gradients was never tried"


def test_out_of_memory_with_a_single_copy_is_an_error(model, run):
    forward = run(model, np.random.default_rng(0), [20], "token", batch_tokens=400)
    with pytest.raises(torch.OutOfMemoryError):
        generic.leave_one_out(limited(forward, 0, ERRORS[0]))


def test_other_errors_are_raised_at_once(model, run, calls):
    forward = run(model, np.random.default_rng(0), [20], "token", batch_tokens=400)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        generic.leave_one_out(limited(forward, 0, RuntimeError("shapes do not match")))
    assert len(calls) == 1


@pytest.mark.parametrize("steps", [(), (1,), (0, 2, 5), (3, 400)])
def test_a_curve_at_some_steps_runs_only_those_and_equals_the_whole_curve_there(steps, model, run, ranks_of, calls):
    rng = np.random.default_rng(0)
    forward = run(model, rng, [8, 5, 1, 0], "token", batch_tokens=80)
    ranks = ranks_of(rng, 2, forward)
    whole = generic.removal_curves(forward, ranks)
    calls.clear()
    some = generic.removal_curves(forward, ranks, steps)
    inside = [[k for k in steps if 0 < k < n] for n in forward.batch.units.count.tolist()]
    assert copies_in(calls) == sum(2 * len(ks) for ks in inside) + int((forward.batch.units.count > 0).sum())
    for b, n in enumerate(forward.batch.units.count.tolist()):
        for k in range(forward.batch.units.size + 1):
            if k == 0 or k >= n or k in inside[b]:
                torch.testing.assert_close(some[:, b, k], whole[:, b, k], rtol=0, atol=1e-12)
            else:
                assert some[:, b, k].isnan().all()
