"""Padding is trusted only up to the lengths at which it was seen to be harmless."""

from dataclasses import replace

import pytest
import torch

from hf_gradexplain.classifier.objective import Objective
from hf_gradexplain.classifier.state import frozen_eval_mode
from hf_gradexplain.explain import Explainer
from hf_gradexplain.probing.padding import PaddingLimit
from tests.helpers.tiny import explainer
from tests.helpers.toys import TOKENIZER, Toy


def limit_of(explain, lengths):
    limit = PaddingLimit(explain.profile, explain.tokenizer)
    with frozen_eval_mode(explain.model):
        return limit(explain.profile.classifier(explain.model, Objective("logit", "softmax"), 10_000), lengths)


class SparseFrom(Toy):
    """Reads texts from a length on in another way, whatever is padding."""

    def __init__(self, length: int) -> None:
        self.length = length
        super().__init__()
        self.positions.data = self.positions.data.repeat(20, 1)

    def forward(self, input_ids, attention_mask, token_type_ids=None):
        output = super().forward(input_ids, attention_mask)
        output.logits = output.logits * (2 if input_ids.shape[1] >= self.length else 1)
        return output


def test_short_texts_need_no_further_trial():
    assert limit_of(explainer("bert"), [20, 30]) == 47


def test_longer_texts_are_tried_where_there_are_enough_of_them():
    explain = Explainer(SparseFrom(10_000), TOKENIZER)
    assert limit_of(explain, [60] * 20) == 60
    assert limit_of(explain, [60, 58]) == 47
    assert limit_of(explain, [20, 50, *[200] * 40]) == 200


def test_a_model_that_reads_long_texts_in_another_way_is_not_padded_to_them():
    explain = Explainer(SparseFrom(100), TOKENIZER)
    assert explain.profile.padding_safe
    assert limit_of(explain, [*[60] * 20, *[120] * 40]) == 60
    texts = [" ".join(["the film is worth it"] * n) for n in [*range(1, 20), *range(20, 40)] * 3]
    together = explain(texts, "sa_l2", objective="logit")
    for i in (0, 10, 25, 38):
        alone = explain(texts[i], "sa_l2", objective="logit").scores["sa_l2"]
        assert together[i].scores["sa_l2"].tolist() == pytest.approx(alone.tolist(), rel=1e-10)


def test_what_was_tried_is_remembered_but_the_limit_depends_on_these_lengths_alone():
    explain = Explainer(SparseFrom(10_000), TOKENIZER)
    classifier = explain.profile.classifier(explain.model, Objective("logit", "softmax"), 10_000)
    calls = []
    handle = explain.model.register_forward_hook(lambda *_: calls.append(1))
    with frozen_eval_mode(explain.model):
        assert explain._padding_limit(classifier, [200] * 40) == 200
        tried = len(calls)
        assert explain._padding_limit(classifier, [200] * 40) == 200
        assert tried == len(calls) > 0
        assert explain._padding_limit(classifier, [150] * 40) == 150, "as without the longer ones before it"
    handle.remove()


def test_a_model_that_does_not_pad_never_does():
    assert limit_of(explainer("gpt2"), [20, 30]) == 0


def test_a_trial_that_memory_does_not_hold_is_made_again_later():
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
    """As coarse as bfloat16 where that is asked for, and then another number in every batch."""

    def forward(self, input_ids, attention_mask, token_type_ids=None):
        output = super().forward(input_ids, attention_mask)
        output.logits = output.logits + 0.01 * len(input_ids) * torch.is_autocast_enabled("cpu")
        return output


@pytest.mark.parametrize("order", [(True, False), (False, True)])
def test_a_call_in_bfloat16_pads_as_one_in_full_precision_and_changes_nothing_for_it(order):
    explain = Explainer(Rough(10_000), TOKENIZER)
    classifier = explain.profile.classifier(explain.model, Objective("logit", "softmax"), 10_000)
    limit = PaddingLimit(explain.profile, TOKENIZER)
    with frozen_eval_mode(explain.model):
        for mixed in order:
            assert limit(replace(classifier, mixed_precision=mixed), [60] * 20) == 60


def test_a_compiled_model_is_tried_as_it_is():
    """Compiled layers were compared with the plain ones: another compilation would be for the trial alone."""
    explain, calls = Explainer(SparseFrom(10_000), TOKENIZER), []
    classifier = explain.profile.classifier(explain.model, Objective("logit", "softmax"), 10_000)
    head = explain.model.head
    compiled = replace(classifier, compiled={head: lambda x: calls.append(x) or head._call_impl(x)})
    with frozen_eval_mode(explain.model):
        assert PaddingLimit(explain.profile, TOKENIZER)(compiled, [60] * 20) == 60
    assert calls == []
