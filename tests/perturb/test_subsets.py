"""Logits without sets of units, compared with masking by hand, and the number of forward passes."""

import math

import numpy as np
import pytest
import torch

from hf_gradexplain.classifier.hooked_classifier import HookedClassifier
from hf_gradexplain.perturb import subset_logits
from hf_gradexplain.perturb.subsets import Subsets, is_additive
from tests.perturb.test_generic import logits_by_hand
from tests.perturb.test_shortcuts import random_model


def random_sets(rng, n, forward, text):
    sets = torch.zeros(n, forward.batch.units.size, dtype=torch.bool)
    count = int(forward.batch.units.count[text])
    sets[:, :count] = torch.from_numpy(rng.random((n, count)) < 0.5)
    return sets


@pytest.mark.parametrize("name", ["fasttext", "textcnn"])
@pytest.mark.parametrize("unit", ["token", "word_type"])
def test_subsets_equal_masking_by_hand(name, unit, run):
    rng = np.random.default_rng(0)
    forward = run(random_model(name, 0), rng, [9, 0, 4], unit, batch_tokens=30, baseline=True)
    subsets = Subsets(forward)
    for text in range(3):
        sets = random_sets(rng, 11, forward, text)
        expected = [logits_by_hand(forward, text, set(row.nonzero()[:, 0].tolist())) for row in sets]
        torch.testing.assert_close(subsets.logits(text, sets), torch.stack(expected), rtol=0, atol=1e-10)
        text_of = torch.full((len(sets),), text)
        torch.testing.assert_close(subset_logits(forward, text_of, sets), torch.stack(expected), rtol=0, atol=1e-10)


def test_subsets_share_forward_passes_within_the_token_budget(run, monkeypatch):
    sizes = []
    masked_logits = HookedClassifier.masked_logits

    def counted(self, inputs, masked):
        sizes.append(len(masked))
        return masked_logits(self, inputs, masked)

    monkeypatch.setattr(HookedClassifier, "masked_logits", counted)
    rng = np.random.default_rng(1)
    forward = run(random_model("textcnn", 0), rng, [9], batch_tokens=40)
    Subsets(forward).logits(0, random_sets(rng, 11, forward, 0))
    assert sizes == [4, 4, 3]
    assert len(sizes) == math.ceil(11 / (40 // 9))


def test_only_an_unchanged_fasttext_is_additive():
    assert is_additive(random_model("fasttext", 0))
    assert not is_additive(random_model("textcnn", 0))
    hooked = random_model("fasttext", 0)
    hooked.classifier.register_forward_hook(lambda *_: None)
    assert not is_additive(hooked)
