"""Random batches: mixed lengths, all kinds of units, padding on either side, special tokens anywhere."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from hf_gradexplain.classifier.hooked_classifier import ForwardPass, HookedClassifier
from hf_gradexplain.classifier.lookups import Lookup
from hf_gradexplain.classifier.objective import Objective
from hf_gradexplain.text.collate import collate
from hf_gradexplain.text.data import NO_UNIT, Document
from hf_gradexplain.text.unit import Occurrences

VOCABULARY = 12


def random_document(rng: np.random.Generator, length: int, unit: str) -> Document:
    """Return a text of few different words, which repeat; about one token in eight is special."""
    ids = rng.integers(1, VOCABULARY, length)
    ordinary = rng.random(length) > 1 / 8
    keys = {"token": np.arange(length), "word": np.cumsum(rng.random(length) < 0.6), "word_type": ids}[unit]
    numbers: dict[int, int] = {}
    unit_of = [numbers.setdefault(int(k), len(numbers)) if o else NO_UNIT for k, o in zip(keys, ordinary, strict=True)]
    unit_of = np.array(unit_of if length else [NO_UNIT])
    ids, mask = (ids, np.ones(length, int)) if length else np.zeros((2, 1), int)
    units = np.arange(len(numbers))
    places = Occurrences("", units, np.zeros((len(units), 2), int), {}, len(units))
    return Document("", places, {"input_ids": ids, "attention_mask": mask}, unit_of, unit_of, units)


def random_ranks(rng: np.random.Generator, orders: int, forward: ForwardPass) -> torch.Tensor:
    """Return random orders of the units `(M, B, U)`, with arbitrary values where a text has fewer."""
    units = forward.batch.units
    ranks = rng.integers(0, max(units.size, 1), (orders, len(units.count), units.size))
    for order in ranks:
        for row, n in zip(order, units.count.tolist(), strict=True):
            row[:n] = rng.permutation(n)
    return torch.from_numpy(ranks)


@pytest.fixture
def run() -> Callable[..., ForwardPass]:
    """A function `(model, rng, lengths, unit, side, batch_tokens, baseline, lookup) -> ForwardPass` on random texts."""

    def run(
        model: torch.nn.Module,
        rng: np.random.Generator,
        lengths: list[int],
        unit: str = "word_type",
        side: str = "right",
        batch_tokens: int = 64,
        baseline: bool = False,
        lookup: str = "embedding",
    ) -> ForwardPass:
        documents = [random_document(rng, length, unit) for length in lengths]
        tokenizer = SimpleNamespace(padding_side=side, pad_token_id=0, pad_token_type_id=0)
        batch = collate(documents, [None] * len(documents), tokenizer)  # type: ignore[arg-type]
        table = model.get_input_embeddings().weight
        vector = torch.from_numpy(rng.normal(size=table.shape[1])).to(table.dtype) if baseline else None
        lookups = (Lookup(lookup, call=0, shift=0, time_major=False),)
        objective = Objective("loss", "softmax")
        classifier = HookedClassifier(
            model, lookups, objective, batch_tokens, baseline=None if vector is None else (vector,)
        )
        return classifier.forward(batch, graph=False)

    return run


@pytest.fixture
def ranks_of() -> Callable[..., torch.Tensor]:
    """The function `random_ranks`."""
    return random_ranks
