"""Masked copies of texts of mixed lengths, compared with the model itself, whose vector of one token is zero."""

import numpy as np
import pytest
import torch

from hf_gradexplain.classifier.hooked_classifier import HookedClassifier
from hf_gradexplain.classifier.state import frozen_eval_mode
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.options import Options
from hf_gradexplain.perturb import generic
from tests.architectures.zoo import InFloat64, tiny_model, tiny_tokenizer, word_rows
from tests.perturb.conftest import random_ranks

TEXTS = [" ".join(f"w{30 + (7 * i + k) % 30}" for k in range(n)) for i, n in enumerate((9, 4, 12, 5, 9))]
ZERO, PAD = 27, 21
"""Two tokens that no text contains: one with a zero vector, and one for padding."""

CASES = [
    ("llama", "left", True),
    ("bart", "right", True),
    *(
        pytest.param(*case, marks=pytest.mark.slow)
        for case in [
            ("bert", "right", True),
            ("bert", "left", False),
            ("llama", "right", True),
            ("t5", "right", True),
            ("gpt2", "left", False),
            ("fnet", "right", False),
            ("convbert", "right", False),
        ]
    ),
]
"""Models, the side on which they are padded, and whether that changes nothing."""


def logits_by_hand(model, document, sets):
    """Return the logits `(N, C)` of one text without each of `N` sets of units, unpadded."""
    inputs = {name: torch.tensor(np.tile(x, (len(sets), 1))) for name, x in document.inputs.items()}
    for ids, removed in zip(inputs["input_ids"], sets, strict=True):
        ids[[unit in removed for unit in document.unit_of.tolist()]] = ZERO
    return model(**inputs).logits


@pytest.fixture
def passes(monkeypatch):
    """The inputs of each masked forward pass."""
    seen, masked_logits = [], HookedClassifier.masked_logits
    monkeypatch.setattr(
        HookedClassifier, "masked_logits", lambda self, x, masked: seen.append(x) or masked_logits(self, x, masked)
    )
    return seen


@pytest.mark.parametrize(("name", "side", "padded"), CASES)
def test_each_copy_gives_what_its_text_gives_alone(name, side, padded, passes):
    model = tiny_model(name)
    model.config.pad_token_id = PAD if model.config.pad_token_id is None else model.config.pad_token_id
    for table, row in word_rows(model, ZERO):
        table.data[row] = 0
    rng, lengths = np.random.default_rng(0), []
    with torch.no_grad(), InFloat64():
        explain = Explainer(model, tiny_tokenizer(model, padding_side=side))
        for scored in explain.run(TEXTS, Options("random", "word", batch_tokens=96)):
            lengths.append({len(document) for document in scored.forward.batch.documents})
            with frozen_eval_mode(model):
                check_copies(scored.forward, random_ranks(rng, 2, scored.forward), rng)
    assert (max(map(len, lengths)) > 1) == padded
    assert all(int((x["attention_mask"] == 0).sum()) <= 96 / 16 for x in passes if "attention_mask" in x)


def check_copies(forward, ranks, rng):
    """Compare leave-one-out, curves and sets of units with the model itself."""
    model, documents = forward.classifier.model, forward.batch.documents
    without, curves = generic.leave_one_out(forward), generic.removal_curves(forward, ranks)
    sets = torch.from_numpy(rng.random((len(documents), 4, forward.batch.units.size)) < 0.5)
    sets &= forward.batch.units.real.unsqueeze(1)
    values = generic.subset_logits(forward, torch.arange(len(sets)).repeat_interleave(4), sets.flatten(0, 1))
    for b, document in enumerate(documents):
        n = len(document.units)
        first = [{u for u, rank in enumerate(ranks[1, b, :n].tolist()) if rank < k} for k in range(n + 1)]
        some = [set(row.nonzero()[:, 0].tolist()) for row in sets[b]]
        expected = logits_by_hand(model, document, [{u} for u in range(n)] + first + some)
        found = torch.cat([without[b, :n], curves[1, b, : n + 1], values[4 * b : 4 * b + 4]])
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
