"""Tests of the padding limit: texts are padded only up to lengths at which that changes nothing."""

from dataclasses import replace

import pytest
import torch

from hf_gradexplain.classifier.objective import Objective
from hf_gradexplain.classifier.state import frozen_eval_mode
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.probing.padding import PaddingLimit
from tests.helpers.tiny import explainer
from tests.helpers.toys import TOKENIZER, Toy, square_written_out_from


def limit_of(explain, lengths, **settings):
    limit = PaddingLimit(explain.profile, explain.tokenizer)
    classifier = explain.profile.classifier(explain.model, Objective("logit", "softmax"), 10_000, **settings)
    with frozen_eval_mode(explain.model):
        return limit(classifier, lengths)


@pytest.mark.parametrize(
    ("lengths", "unsafe", "tried", "limit"),
    [
        ([], 999, [], 47),
        ([47] * 99, 999, [], 47),
        ([60] * 16, 999, [60], 60),
        ([60] * 15, 999, [], 47),
        ([64] * 16 + [65] * 16 + [256] * 16 + [257] * 16, 999, [64, 256, 257], 257),
        ([60] * 2 + [200] * 40 + [900] * 3, 999, [200], 200),
        ([64] * 16 + [65] * 16 + [256] * 16, 256, [64, 256], 64),
        ([64] * 16 + [65] * 16 + [256] * 16 + [257] * 16, 256, [64, 256, 65], 65),
        ([60] * 16 + [200] * 40 + [5000] * 16, 60, [60], 47),
        ([5000] * 16, 999_999, [5000], 5000),
    ],
)
def test_each_interval_of_lengths_with_enough_texts_is_tried_at_its_longest(lengths, unsafe, tried, limit, monkeypatch):
    """The intervals end at 64, 256, 1024, ...; 16 times the longest length is enough."""
    asked = []
    monkeypatch.setattr(PaddingLimit, "_holds", lambda self, model, n: asked.append(n) or n < unsafe)
    assert limit_of(Explainer(Toy(), TOKENIZER), lengths) == limit
    assert asked == tried


class SparseFrom(Toy):
    """Computes something else for inputs from a length on, padding included."""

    def __init__(self, length: int) -> None:
        self.length = length
        super().__init__()
        self.positions.data = self.positions.data.repeat(20, 1)

    def forward(self, input_ids, attention_mask, token_type_ids=None):
        output = super().forward(input_ids, attention_mask)
        output.logits = output.logits * (2 if input_ids.shape[1] >= self.length else 1)
        return output


def test_short_texts_are_not_tried_again():
    assert limit_of(explainer("bert"), [20, 30]) == 47


def test_longer_texts_are_tried_if_there_are_enough_of_them():
    explain = Explainer(SparseFrom(10_000), TOKENIZER)
    assert limit_of(explain, [60] * 20) == 60
    assert limit_of(explain, [60, 58]) == 47
    assert limit_of(explain, [20, 50, *[200] * 40]) == 200


def test_padding_stops_before_lengths_at_which_the_model_changes():
    explain = Explainer(SparseFrom(100), TOKENIZER)
    assert explain.profile.padding_safe
    assert limit_of(explain, [*[60] * 20, *[120] * 40]) == 60
    texts = [" ".join(["the film is worth it"] * n) for n in [*range(1, 20), *range(20, 40)] * 3]
    together = explain(texts, "sa_l2", objective="logit")
    for i in (0, 10, 25, 38):
        alone = explain(texts[i], "sa_l2", objective="logit").scores["sa_l2"]
        assert together[i].scores["sa_l2"].tolist() == pytest.approx(alone.tolist(), rel=1e-10)


class OtherOperationsFrom(SparseFrom):
    """Computes the same numbers by other operations for inputs from a length on, padding included."""

    def __init__(self, length: int) -> None:
        super().__init__(10_000)
        self.mix = square_written_out_from(length)


@pytest.mark.parametrize("length", [20, 100])
def test_padding_that_changes_only_relevances_stops_only_relevance_propagation(length):
    explain = Explainer(OtherOperationsFrom(length), TOKENIZER)
    assert explain.profile.padding_safe
    assert explain.profile.propagation_padding_safe == (length == 100)
    lengths = [*[60] * 20, *[120] * 40]
    assert limit_of(explain, lengths) == 120
    assert limit_of(explain, lengths, for_propagation=True) == (60 if length == 100 else 0)
    texts = [" ".join(["the film is worth it"] * n) for n in [*range(1, 20), *range(20, 40)] * 3]
    together = explain(texts, ["attn_lrp", "signed_gi"], objective="logit")
    for i in (0, 10, 25, 38):
        alone = explain(texts[i], ["attn_lrp", "signed_gi"], objective="logit").scores
        for method, scores in alone.items():
            assert together[i].scores[method].tolist() == pytest.approx(scores.tolist(), rel=1e-10)


def test_trials_are_cached_but_the_limit_depends_on_the_given_lengths_only():
    explain = Explainer(SparseFrom(10_000), TOKENIZER)
    classifier = explain.profile.classifier(explain.model, Objective("logit", "softmax"), 10_000)
    calls = []
    handle = explain.model.register_forward_hook(lambda *_: calls.append(1))
    with frozen_eval_mode(explain.model):
        assert explain._padding_limit(classifier, [200] * 40) == 200
        tried = len(calls)
        assert explain._padding_limit(classifier, [200] * 40) == 200
        assert tried == len(calls) > 0
        assert explain._padding_limit(classifier, [150] * 40) == 150, (
            "the longer texts of the earlier call do not count"
        )
    handle.remove()


def test_a_model_without_a_pad_token_is_never_padded():
    assert limit_of(explainer("gpt2"), [20, 30]) == 0


def test_a_trial_that_runs_out_of_memory_is_repeated_later():
    explain = Explainer(SparseFrom(10_000), TOKENIZER)
    classifier = explain.profile.classifier(explain.model, Objective("logit", "softmax"), 10_000)
    limit = PaddingLimit(explain.profile, TOKENIZER)

    def scarce(module, args, kwargs):
        if len(kwargs["input_ids"]) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")

    handle = explain.model.register_forward_pre_hook(scarce, with_kwargs=True)
    with frozen_eval_mode(explain.model):
        assert limit(classifier, [60] * 20) == 47
        handle.remove()
        assert limit(classifier, [60] * 20) == 60


class Rough(SparseFrom):
    """In mixed precision, as inaccurate as bfloat16: the result depends on the batch."""

    def forward(self, input_ids, attention_mask, token_type_ids=None):
        output = super().forward(input_ids, attention_mask)
        output.logits = output.logits + 0.01 * len(input_ids) * torch.is_autocast_enabled("cpu")
        return output


@pytest.mark.parametrize("order", [(True, False), (False, True)])
def test_the_limit_is_the_same_with_and_without_mixed_precision(order):
    explain = Explainer(Rough(10_000), TOKENIZER)
    classifier = explain.profile.classifier(explain.model, Objective("logit", "softmax"), 10_000)
    limit = PaddingLimit(explain.profile, TOKENIZER)
    with frozen_eval_mode(explain.model):
        for mixed in order:
            assert limit(replace(classifier, mixed_precision=mixed), [60] * 20) == 60


def test_a_compiled_model_is_tried_uncompiled():
    """Compiled layers were already compared with the plain ones."""
    explain, calls = Explainer(SparseFrom(10_000), TOKENIZER), []
    classifier = explain.profile.classifier(explain.model, Objective("logit", "softmax"), 10_000)
    head = explain.model.head
    compiled = replace(classifier, compiled={head: lambda x: calls.append(x) or head._call_impl(x)})
    with frozen_eval_mode(explain.model):
        assert PaddingLimit(explain.profile, TOKENIZER)(compiled, [60] * 20) == 60
    assert calls == []


@pytest.mark.parametrize(("kind", "are_enough"), [("fasttext", True), ("textcnn", True), ("bert", False)])
def test_two_texts_are_enough_for_a_model_whose_passes_take_almost_no_time(kind, are_enough, monkeypatch):
    monkeypatch.setattr(PaddingLimit, "_holds", lambda self, model, n: True)
    explain = explainer(kind)
    assert (limit_of(explain, [60, 60]) == 60) is are_enough
    assert limit_of(explain, [60]) < 60
