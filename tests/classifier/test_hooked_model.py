"""The gradients of a model with respect to its word vectors, compared with those of its table."""

from dataclasses import replace

import pytest
import torch

from hf_gradexplain.classifier import hooked_model
from hf_gradexplain.classifier.state import frozen_eval_mode
from hf_gradexplain.probing.open_classifier import open_classifier
from tests.helpers.rearranging import LONG, Rearranging, head_and_tail
from tests.helpers.toys import TOKENIZER, Toy

INPUTS = dict(TOKENIZER(["the film is bad", "the the film ."], return_tensors="pt", padding=True))


@pytest.mark.parametrize("edited", [False, True])
def test_the_gradient_of_a_table_is_the_sum_of_those_of_its_vectors(edited):
    model = Toy()
    table = model.words.weight.detach().clone().requires_grad_()
    read = Toy(lambda _, ids, mask: (3.0 if edited else 1.0) * table[ids])
    expected = read(**INPUTS).logits[:, 1]
    (of_table,) = torch.autograd.grad(expected.sum(), table)
    with frozen_eval_mode(model):
        classifier = open_classifier(model, TOKENIZER)
        run = classifier.differentiable(INPUTS, (lambda table, vectors, tokens: 3.0 * vectors) if edited else None)
    (words,) = run.words
    torch.testing.assert_close(run.logits[:, 1], expected)
    torch.testing.assert_close(words.embedding, (3.0 if edited else 1.0) * table.detach()[INPUTS["input_ids"]])
    assert not words.embedding.requires_grad
    assert not words.delta.any()
    (grad,) = torch.autograd.grad(run.logits[:, 1].sum(), words.delta)
    summed = torch.zeros_like(table).index_add_(0, INPUTS["input_ids"].flatten(), grad.flatten(0, 1))
    torch.testing.assert_close((3.0 if edited else 1.0) * summed, of_table)
    assert run.recorded == {}


@pytest.mark.parametrize("baseline", [None, (torch.arange(6.0, dtype=torch.float64),)])
def test_masked_vectors_are_those_of_the_baseline(baseline):
    model, (ids, mask) = Toy(), (INPUTS["input_ids"], INPUTS["attention_mask"])
    chosen = ids == TOKENIZER.convert_tokens_to_ids("film")
    assert 0 < chosen.sum() < mask.sum()
    instead = torch.zeros(6, dtype=torch.float64) if baseline is None else baseline[0]
    read = Toy(lambda model, ids, _: model.words(ids).where(~chosen.unsqueeze(2), instead))
    with frozen_eval_mode(model):
        classifier = replace(open_classifier(model, TOKENIZER), baseline=baseline)
        logits = classifier.masked_logits(INPUTS, chosen)
    torch.testing.assert_close(logits, read(**INPUTS).logits.detach())


def test_the_places_of_the_last_shapes_are_kept(monkeypatch):
    assert hooked_model.MOST_PLACES == 64
    monkeypatch.setattr(hooked_model, "MOST_PLACES", 2)
    model = Rearranging(head_and_tail)
    with frozen_eval_mode(model):
        classifier = open_classifier(model, TOKENIZER)
        for n, kept in [(0, [0]), (1, [0, 1]), (2, [1, 2]), (1, [1, 2]), (0, [2, 0])]:
            ids = torch.arange(LONG + 1 + n).unsqueeze(0) % 20 + 4
            inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
            same = classifier.logits(inputs, lambda table, vectors, tokens: vectors)
            torch.testing.assert_close(same, model(**inputs).logits)
            assert [shape[1] - LONG - 1 for shape, _ in classifier.places] == kept
