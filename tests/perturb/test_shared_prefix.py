"""Shared prefixes compared with the plain model on word vectors, their passes, and when full copies run instead."""

from copy import deepcopy
from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForSequenceClassification, OPTConfig, OPTForSequenceClassification

from hf_gradexplain.attribution.methods import METHODS, score_batch
from hf_gradexplain.classifier.hooked_classifier import HookedClassifier
from hf_gradexplain.classifier.key_values import KeyValues
from hf_gradexplain.classifier.lookups import Lookup
from hf_gradexplain.classifier.memory import lower_limit, token_limit
from hf_gradexplain.perturb import generic, leave_one_out, removal_curves, shared_prefix, shortcuts
from tests.perturb.conftest import VOCABULARY

TOKENS_OF_A_PASS = shared_prefix.tokens_of_a_pass
TABLE = "model.decoder.embed_tokens"


@pytest.fixture(scope="module")
def model():
    """A causal model that numbers the positions of a text whatever its padding."""
    torch.manual_seed(0)
    sizes = {
        "hidden_size": 8,
        "word_embed_proj_dim": 8,
        "ffn_dim": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    config = OPTConfig(vocab_size=VOCABULARY, **sizes, num_labels=3, pad_token_id=0, init_std=1.0)
    return OPTForSequenceClassification(config).double().eval().requires_grad_(False)


@pytest.fixture(autouse=True)
def _cheap_passes(monkeypatch):
    """A model as small as this one would never share prefixes."""
    monkeypatch.setattr(shared_prefix, "tokens_of_a_pass", lambda classifier: 2.0)


@pytest.fixture
def over(run, model):
    """A function `(lengths, ...) -> ForwardPass` over random texts, whose masked copies may share prefixes."""

    def over(lengths, *, model=model, **settings):
        forward = run(model, np.random.default_rng(0), lengths, **settings, lookup=TABLE)
        return replace(forward, classifier=replace(forward.classifier, shares_prefixes=True))

    return over


def logits_by_hand(forward, text, removed):
    """Return the logits of a single text with the vectors of the removed unit set to the baseline."""
    document, model = forward.batch.documents[text], forward.classifier.model
    vectors = model.get_input_embeddings()(torch.tensor(document.inputs["input_ids"]).unsqueeze(0)).clone()
    vectors[0, torch.from_numpy(document.unit_of == removed)] = (forward.classifier.baseline or (torch.zeros(8),))[
        0
    ].to(vectors)
    mask = torch.tensor(document.inputs["attention_mask"]).unsqueeze(0)
    return model(inputs_embeds=vectors, attention_mask=mask).logits[0]


@pytest.fixture
def passes(monkeypatch):
    """The computed and the cached tokens of each forward pass, `(n, computed, cached)`."""
    seen = []
    logits = HookedClassifier.logits

    def counted(self, inputs, edit=None):
        cached = inputs["past_key_values"].get_seq_length() if "past_key_values" in inputs else 0
        seen.append((*inputs["input_ids"].shape, cached))
        return logits(self, inputs, edit)

    monkeypatch.setattr(HookedClassifier, "logits", counted)
    return seen


@pytest.fixture
def no_full_copies(monkeypatch):
    def refuse(forward):
        raise AssertionError("full copies run")

    monkeypatch.setattr(shared_prefix.generic, "leave_one_out", refuse)


@pytest.mark.parametrize("unit", ["token", "word", "word_type"])
@pytest.mark.parametrize("side", ["right", "left"])
def test_the_scores_are_those_of_the_plain_model_for_any_unit_and_padding(unit, side, over, no_full_copies, passes):
    forward = over([19, 0, 23, 1, 19, 22], unit=unit, side=side, batch_tokens=60, baseline=unit == "word")
    passes.clear()
    logits = leave_one_out(forward)
    assert any(cached for _, _, cached in passes)
    for text, n in enumerate(forward.batch.units.count.tolist()):
        for removed in range(n):
            torch.testing.assert_close(
                logits[text, removed], logits_by_hand(forward, text, removed), rtol=0, atol=1e-12
            )
        plain = forward.logits[text].expand(logits.shape[1] - n, -1)
        torch.testing.assert_close(logits[text, n:], plain, rtol=0, atol=0)


@pytest.mark.parametrize("first", [[1, 2, 3, 4, 5, 6, 7, 8, 9], [0, 0, 0, 3, 3, 9, 9, 10, 10], [5]])
@pytest.mark.parametrize("budget", [12, 40, 96, 400])
def test_copies_are_cut_into_the_cheapest_passes(first, budget):
    def cost(cuts):
        passes = [first[i:j] for i, j in pairwise([0, *cuts, len(first)])]
        held = [len(part) * (12 - part[0] + part[0] / 4) for part in passes]
        if any(len(part) > 1 and tokens > budget for part, tokens in zip(passes, held, strict=True)):
            return np.inf
        return sum(3.0 + len(part) * (12 - part[0] + part[0] / 32) for part in passes)

    every = product([False, True], repeat=len(first) - 1)
    expected = min(cost([i + 1 for i, chosen in enumerate(cuts) if chosen]) for cuts in every)
    parts, total = shared_prefix.cut(np.array(first), 12, budget, 3.0)
    assert total == pytest.approx(expected, rel=1e-12)
    assert cost(sorted(part.start for part in parts)[1:]) == pytest.approx(expected, rel=1e-12)
    assert [part.stop for part in parts[1:]] == [part.start for part in parts[:-1]], "the last words first"


def test_passes_keep_the_budget_and_compute_half_of_the_tokens(over, passes):
    forward = over([41, 41, 41], unit="token", batch_tokens=100)
    passes.clear()
    leave_one_out(forward)
    (texts, length, _), *rest = passes
    assert (texts, length) == (3, 41), "the keys and values of the texts"
    assert all(n == 1 or n * (computed + cached / 4) <= 100 for n, computed, cached in rest)
    assert all(computed + cached == 41 for _, computed, cached in rest)
    full = int(forward.batch.units.count.sum()) * 41
    assert 0.5 * full < sum(n * computed for n, computed, _ in rest) < 0.65 * full


class CacheIfAsked(LlamaForSequenceClassification):
    """Reads keys and values only with `use_cache`."""

    def forward(self, past_key_values=None, use_cache=False, **inputs):
        return super().forward(past_key_values=past_key_values if use_cache else None, use_cache=use_cache, **inputs)


def test_a_model_that_is_asked_for_its_cache_reads_it(model, over, no_full_copies):
    careful = deepcopy(model)
    careful.__class__ = CacheIfAsked
    given = {"unit": "token", "batch_tokens": 60}
    found, expected = (leave_one_out(over([19, 23], model=each, **given)) for each in (careful, model))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_passes_keep_the_budget_that_passes_without_gradients_have_learned(model, over, passes):
    forward = over([41, 41, 41], unit="token", batch_tokens=400, model=deepcopy(model))
    lower_limit(forward.classifier.model, 200, graph=False)
    passes.clear()
    leave_one_out(forward)
    found = list(passes)
    small = over([41, 41, 41], unit="token", batch_tokens=100)
    passes.clear()
    leave_one_out(small)
    assert found == passes


def test_a_pass_costs_as_many_tokens_as_its_calls_take_time_and_less_for_larger_layers(model):
    def tokens(dims):
        sizes = {"hidden_size": dims, "intermediate_size": 8 * dims // 3, "num_hidden_layers": 6}
        heads = {"num_attention_heads": dims // 32, "num_key_value_heads": dims // 32}
        with torch.device("meta"):
            large = LlamaForSequenceClassification(LlamaConfig(vocab_size=20_000, pad_token_id=0, **sizes, **heads))
        lookups = (Lookup("model.embed_tokens", call=0, shift=0, time_major=False),)
        return TOKENS_OF_A_PASS(HookedClassifier(large, lookups, None, 1024))

    assert 30 < tokens(384) < 60
    assert tokens(768) == pytest.approx(tokens(384) / 4, rel=0.01)


@pytest.mark.parametrize("lengths", [[3], [1, 0], [0], [2] * 6])
def test_full_copies_run_where_they_cost_no_more(lengths, over, passes):
    forward = over(lengths, unit="token", batch_tokens=1024)
    passes.clear()
    torch.testing.assert_close(leave_one_out(forward), generic.leave_one_out(forward), rtol=0, atol=0)
    assert not any(cached for _, _, cached in passes)


def test_full_copies_run_if_the_logits_are_read_before_the_computed_tokens(over, passes, monkeypatch):
    """The last word has the id of the pad token, which the model skips when it looks for the last token."""
    forward = over([30], unit="token", batch_tokens=60)
    forward.batch.inputs["input_ids"][0, -4:] = 0
    forward = forward.classifier.forward(forward.batch, graph=False)
    expected = generic.leave_one_out(forward)
    passes.clear()
    torch.testing.assert_close(leave_one_out(forward), expected, rtol=0, atol=1e-12)
    assert any(cached for _, _, cached in passes)
    assert sum(n for n, _, cached in passes if not cached) == 1 + int(forward.batch.units.count)


def test_full_copies_run_if_memory_runs_out(over, monkeypatch):
    forward = over([30], unit="token", batch_tokens=60)
    expected = generic.leave_one_out(forward)

    def scarce(*arguments):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(KeyValues, "of", scarce)
    torch.testing.assert_close(leave_one_out(forward), expected, rtol=0, atol=0)


def test_the_keys_and_values_of_the_forward_pass_are_used_again(over, passes):
    forward = over([41, 41], unit="token", batch_tokens=100)
    passes.clear()
    rises = forward.loss(leave_one_out(forward)) - forward.loss().unsqueeze(1)
    from_keys_and_values, passes[:] = list(passes), []
    scores = score_batch(forward.classifier, forward.batch, {"loo": METHODS["loo"]})
    assert passes == from_keys_and_values, "no further pass for the logits of the texts"
    assert scores.forward.key_values is None, "they are freed"
    torch.testing.assert_close(scores.forward.logits, forward.logits, rtol=0, atol=1e-12)
    torch.testing.assert_close(scores.scores["loo"], rises, rtol=0, atol=1e-12)


def test_texts_whose_keys_and_values_do_not_fit_run_without(over, monkeypatch):
    forward = over([30], unit="token", batch_tokens=60)
    rises = forward.loss(generic.leave_one_out(forward)) - forward.loss().unsqueeze(1)
    expected_logits = forward.logits

    def scarce(*arguments):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(KeyValues, "of", scarce)
    scores = score_batch(forward.classifier, forward.batch, {"loo": METHODS["loo"]})
    torch.testing.assert_close(scores.forward.logits, expected_logits, rtol=0, atol=0)
    torch.testing.assert_close(scores.scores["loo"], rises, rtol=0, atol=0)


def test_other_errors_are_raised(over, monkeypatch):
    def broken(*arguments):
        raise RuntimeError("shapes do not match")

    forward = over([30], unit="token", batch_tokens=60)
    monkeypatch.setattr(KeyValues, "of", broken)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        leave_one_out(forward)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        score_batch(forward.classifier, forward.batch, {"loo": METHODS["loo"]})


def test_a_pass_that_runs_out_of_memory_is_halved(model, over, monkeypatch):
    forward = over([30], unit="token", batch_tokens=90, model=deepcopy(model))
    masked_logits, tried, expected = HookedClassifier.masked_logits, [], generic.leave_one_out(forward)

    def scarce(self, inputs, masked):
        tried.append(len(masked))
        if len(masked) > 2:
            raise MemoryError
        return masked_logits(self, inputs, masked)

    monkeypatch.setattr(HookedClassifier, "masked_logits", scarce)
    torch.testing.assert_close(shared_prefix.leave_one_out(forward), expected, rtol=0, atol=1e-12)
    assert max(tried) > 2
    assert tried.count(2) > 3
    assert 2 * 30 / 4 < token_limit(forward.classifier.model, 90, graph=False) < 90


def test_products_in_bfloat16_share_prefixes_and_are_off_by_no_more_than_full_copies(model, over, passes):
    exact = leave_one_out(over([30], unit="token", batch_tokens=60))
    forward = over([30], unit="token", batch_tokens=60, model=deepcopy(model).float())
    forward = replace(forward.classifier, mixed_precision=True).forward(forward.batch, graph=False)
    passes.clear()
    shared = (leave_one_out(forward) - exact).abs().mean()
    assert any(cached for _, _, cached in passes)
    full = (generic.leave_one_out(forward) - exact).abs().mean()
    assert 0 < shared < 1.5 * full


@pytest.mark.parametrize("setting", [{"shares_prefixes": False}, {"compiled": {None: None}}, {"places": {None: ()}}])
def test_only_what_was_tried_shares_prefixes(setting, over):
    forward = over([30], unit="token")
    assert shortcuts._shortcut_for(forward.classifier, forward.batch) is shortcuts.SHARED_PREFIXES
    changed = replace(forward, classifier=replace(forward.classifier, **setting))
    assert shortcuts._shortcut_for(changed.classifier, changed.batch) is shortcuts.GENERIC


def test_curves_run_full_copies(over, ranks_of, passes):
    forward = over([30, 12], unit="word", batch_tokens=60)
    ranks = ranks_of(np.random.default_rng(0), 1, forward)
    passes.clear()
    torch.testing.assert_close(
        removal_curves(forward, ranks), generic.removal_curves(forward, ranks), rtol=0, atol=0, equal_nan=True
    )
    assert not any(cached for _, _, cached in passes)
