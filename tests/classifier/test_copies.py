"""Copies of texts without some units, compared with lists of ids from which their tokens are cut."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch

from hf_gradexplain.options import Options
from tests.helpers.tiny import TEXTS, explainer

N = 20


@pytest.fixture(params=["bert", "textcnn"])
def copies(request):
    """A batch, how it is cut, which text each copy repeats, and the units that it lacks, of two texts all."""
    explain, options = explainer(request.param), Options("loo", mask="deletion")
    (scored,) = explain.score(explain.encode([text for text in TEXTS if text], options), options)
    batch, rng = scored.forward.batch, np.random.default_rng(0)
    sequences = torch.from_numpy(rng.integers(0, len(batch.documents), N))
    removed = torch.from_numpy(rng.random((N, batch.units.size)) < 0.5) & batch.units.real[sequences]
    removed[:2] = batch.units.real[sequences[:2]]
    return batch, scored.forward.classifier.deletion, sequences, removed


def tokens(batch, sequences, removed, kept):
    """For each copy, the ids of the tokens that it keeps or lacks."""
    documents = [batch.documents[s] for s in sequences]
    ids = [document.inputs["input_ids"].tolist() for document in documents]
    return [
        [i for i, u in zip(row, document.unit_of.tolist(), strict=True) if (u >= 0 and bool(lacks[u])) != kept]
        for row, document, lacks in zip(ids, documents, removed, strict=True)
    ]


def test_a_copy_has_the_tokens_that_stay(copies):
    batch, deletion, sequences, removed = copies
    made = deletion.copies(batch, sequences, lambda rows: removed[rows])
    kept = tokens(batch, sequences, removed, kept=True)
    assert made.lengths.tolist() == [max(1, len(ids)) for ids in kept]
    inputs = deletion.inputs(batch, sequences, batch.units.tokens(removed, sequences))
    for ids, row, mask in zip(kept, inputs["input_ids"], inputs["attention_mask"], strict=True):
        assert row[mask.bool()].tolist() == ids


def test_copies_that_lack_different_numbers_of_a_special_token_are_of_different_kinds(copies):
    batch, deletion, sequences, removed = copies
    lost = tokens(batch, sequences, removed, kept=False)
    for special in combinations(sorted({i for ids in lost for i in ids}), 2):
        made = replace(deletion, special=special).copies(batch, sequences, lambda rows: removed[rows])
        counts = [tuple(ids.count(i) for i in special) for ids in lost]
        assert [kind[1] for kind in made.kinds] == counts
        assert len(set(zip(made.kinds, counts, strict=True))) == len(set(made.kinds)) == len(set(counts))
