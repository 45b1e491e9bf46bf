"""Logits without sets of units, compared with masking by hand, and the number of forward passes."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from hf_gradexplain.classifier.copies import Deletion
from hf_gradexplain.classifier.hooked_classifier import HookedClassifier
from hf_gradexplain.perturb import generic, is_additive, leave_one_out, removal_curves, subset_logits
from tests.perturb.test_generic import logits_by_hand
from tests.perturb.test_shortcuts import MODELS, assert_close, random_cases, random_model


def random_sets(rng, n, forward):
    """Return the texts of `n` random sets `(n,)`, and the sets `(n, U)`, from the empty one to the whole text."""
    units = forward.batch.units
    text_of = torch.from_numpy(rng.integers(0, len(units.real), n))
    share = torch.from_numpy(rng.choice([0, 0.1, 0.5, 1], (n, 1)))
    return text_of, (torch.from_numpy(rng.random((n, units.size))) < share) & units.real[text_of]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("unit", ["token", "word_type"])
def test_subsets_equal_masking_by_hand(name, unit, run):
    rng = np.random.default_rng(0)
    forward = run(random_model(name, 0), rng, [9, 0, 4, 1], unit, batch_tokens=30, baseline=True)
    text_of, sets = random_sets(rng, 25, forward)
    removed = [set(row.nonzero()[:, 0].tolist()) for row in sets]
    expected = torch.stack([logits_by_hand(forward, *each) for each in zip(text_of.tolist(), removed, strict=True)])
    torch.testing.assert_close(subset_logits(forward, text_of, sets), expected, rtol=0, atol=1e-10)
    torch.testing.assert_close(generic.subset_logits(forward, text_of, sets), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
@pytest.mark.parametrize("name", MODELS)
def test_subsets_equal_the_generic_form(name, dtype, run):
    for seed, unit, side, lengths, baseline, budget in random_cases(6):
        rng = np.random.default_rng(seed)
        forward = run(random_model(name, seed, dtype), rng, lengths, unit, side, budget, baseline)
        text_of, sets = random_sets(rng, 8, forward)
        assert_close(subset_logits(forward, text_of, sets), generic.subset_logits(forward, text_of, sets))


@pytest.mark.parametrize("name", [name for name in MODELS if name != "bilstm_two_layers"])
def test_subsets_of_one_unit_are_leave_one_out_and_nested_ones_a_curve(name, run, ranks_of):
    rng = np.random.default_rng(2)
    forward = run(random_model(name, 1), rng, [40, 13], "word")
    real, ranks = forward.batch.units.real, ranks_of(rng, 1, forward)
    text_of, unit_of = real.nonzero(as_tuple=True)
    units = torch.arange(real.shape[1])
    single = subset_logits(forward, text_of, units == unit_of.unsqueeze(1))
    assert_close(single, leave_one_out(forward)[text_of, unit_of])
    k = ranks[0][text_of, unit_of]
    nested = subset_logits(forward, text_of, (ranks[0][text_of] < k.unsqueeze(1)) & real[text_of])
    assert_close(nested, removal_curves(forward, ranks)[0, text_of, k])


@pytest.mark.parametrize("name", MODELS)
def test_no_sets(name, run):
    forward = run(random_model(name, 0), np.random.default_rng(0), [9, 4])
    sets = torch.zeros(0, forward.batch.units.size, dtype=torch.bool)
    assert subset_logits(forward, torch.zeros(0, dtype=torch.long), sets).shape == (0, 3)


def test_subsets_share_forward_passes_within_the_token_budget(run, monkeypatch):
    sizes = []
    masked_logits = HookedClassifier.masked_logits

    def counted(self, inputs, masked):
        sizes.append(len(masked))
        return masked_logits(self, inputs, masked)

    monkeypatch.setattr(HookedClassifier, "masked_logits", counted)
    rng = np.random.default_rng(1)
    forward = run(random_model("textcnn", 0), rng, [9], batch_tokens=40)
    sets = torch.from_numpy(rng.random((11, forward.batch.units.size)) < 0.5)
    assert sets.any(1).all()
    generic.subset_logits(forward, torch.zeros(11, dtype=torch.long), sets)
    assert sizes == [4, 4, 3]
    assert len(sizes) == math.ceil(11 / (40 // 9))


def test_only_an_unchanged_fasttext_is_additive_and_not_under_deletion(run):
    rng = np.random.default_rng(0)
    forward = run(random_model("fasttext", 0), rng, [4])
    assert is_additive(forward)
    deletion = Deletion(0, {}, left=False, fixed_length=False, special=())
    assert not is_additive(replace(forward, classifier=replace(forward.classifier, deletion=deletion)))
    assert not is_additive(run(random_model("textcnn", 0), rng, [4]))
    hooked = random_model("fasttext", 0)
    hooked.classifier.register_forward_hook(lambda *_: None)
    assert not is_additive(run(hooked, rng, [4]))
