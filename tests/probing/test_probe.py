"""Tests of probing: whether padding, batching and gradients of a model are reliable."""

import warnings

import pytest
import torch
from torch import Tensor, nn
from transformers import AutoModelForSequenceClassification, MistralConfig, Qwen3Config, RobertaConfig

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.probing.probe import probe
from tests.helpers.tiny import KINDS, explainer, make
from tests.helpers.tokenizers_of_all_kinds import tokenizer_of
from tests.helpers.toys import TEXT, TOKENIZER, Nested, StraightThrough, Toy, TwiceTheGradient, WithSetup


def profile(read=None, mix=torch.tanh):
    return probe(Toy(read, mix), TOKENIZER)


def leaks(model, ids, mask):
    """Add the next token's vector, also if that is padding."""
    vectors = model.words(ids)
    return vectors + 0.1 * vectors.roll(-1, 1)


def leaks_every_fourth(model, ids, mask):
    """Like convolutions with a stride: padding has an influence unless the text fills the last window."""
    vectors = model.words(ids)
    vectors = nn.functional.pad(vectors, (0, 0, 0, -vectors.shape[1] % 4))
    return vectors.unfold(1, 4, 4).sum(-1).repeat_interleave(4, 1)[:, : ids.shape[1]]


def over_the_batch(model, ids, mask):
    vectors = model.words(ids)
    return vectors / vectors.detach().abs().max()


@pytest.mark.parametrize("kind", KINDS)
def test_models_that_mask_their_padding_are_padding_safe(kind):
    result = explainer(kind).profile
    assert result.padding_safe == (kind != "gpt2")
    assert result.batching_safe
    assert result.zero_baseline_works
    assert result.no_gradient_reason is None


@pytest.mark.parametrize("read", [leaks, leaks_every_fourth])
def test_a_model_that_uses_its_padding_is_not_padding_safe(read):
    result = profile(read)
    assert result.padding_error > 1e-3
    assert not result.padding_safe
    assert result.batching_safe


@pytest.mark.parametrize("limit", [4, 6, 9, 12, 20])
def test_short_limits_do_not_hide_that_a_model_uses_its_padding(limit):
    tokenizer = tokenizer_of("word_level", model_max_length=limit)
    explain = Explainer(Toy(leaks), tokenizer)
    assert not explain.profile.padding_safe
    texts = ["the film", "the", TEXT]
    together = explain(texts, "loo")
    for text, explanation in zip(texts, together, strict=True):
        alone = explain(text, "loo", self_check=False)
        assert explanation.scores["loo"].tolist() == pytest.approx(alone.scores["loo"].tolist(), rel=1e-12)


def test_padding_that_changes_only_the_gradient_counts():
    def read(model, ids, mask):
        vectors = model.words(ids)
        last = vectors[:, -2:-1]
        return vectors + (last - last.detach())

    assert profile(read).padding_error > 1e-3


def test_texts_that_influence_each_other_run_alone():
    toy = Toy(over_the_batch)
    explain = Explainer(toy, TOKENIZER)
    assert not explain.profile.batching_safe
    texts = [TEXT, "the actor is it", "the film is worth the money and well"]
    for text, together in zip(texts, explain(texts, ("sa_l2", "loo")), strict=True):
        alone = explain(text, ("sa_l2", "loo"))
        for method in ("sa_l2", "loo"):
            assert together.scores[method].tolist() == pytest.approx(alone.scores[method].tolist(), rel=1e-12)


@pytest.mark.parametrize(
    ("function", "followed"),
    [(TwiceTheGradient, {TwiceTheGradient}), (Nested, {Nested, TwiceTheGradient}), (WithSetup, set())],
)
def test_gradients_of_custom_functions_are_correct(function, followed):
    plain, custom = Toy(mix=torch.tanh), Toy(mix=lambda x: function.apply(x))
    result = probe(custom, TOKENIZER)
    assert result.followed_functions == followed
    expected = Explainer(plain, TOKENIZER)(TEXT, ("signed_gi", "sa_l2"))
    actual = Explainer(custom, TOKENIZER)(TEXT, ("signed_gi", "sa_l2"))
    for method, scores in expected.scores.items():
        assert actual.scores[method].tolist() == pytest.approx(scores.tolist(), rel=1e-10)


def test_a_step_function_has_no_gradient_but_leave_one_out_works():
    explain = Explainer(Toy(mix=lambda x: StraightThrough.apply(x)), TOKENIZER)
    assert explain.profile.no_gradient_reason == "Toy computes a step function, whose gradient is zero"
    with pytest.raises(GradexplainError, match=r"signed_gi, sa_l2: .* choose methods='loo'"):
        explain(TEXT, ("signed_gi", "loo", "sa_l2"))
    assert explain(TEXT, "loo").scores["loo"].any()


def test_a_model_that_cuts_its_graph_has_no_gradient():
    result = profile(mix=lambda x: x.detach().tanh())
    assert result.no_gradient_reason == "no gradient reaches the word vectors of Toy"


def test_a_stored_reference_to_apply_cannot_be_followed_and_gradients_are_refused():
    assert (
        profile(mix=TwiceTheGradient.apply).no_gradient_reason
        == "the backward pass of Toy does not compute the gradient"
    )


def test_a_wrong_gradient_of_a_function_that_cannot_be_followed_is_refused():
    class Wrong(WithSetup):
        @staticmethod
        def backward(ctx, grad):
            return -grad

    assert (
        profile(mix=lambda x: Wrong.apply(x)).no_gradient_reason
        == "the backward pass of Toy does not compute the gradient"
    )


def test_normalised_word_vectors_make_the_zero_baseline_noise():
    explain = Explainer(Toy(lambda model, ids, mask: nn.functional.normalize(model.words(ids), dim=-1)), TOKENIZER)
    assert not explain.profile.zero_baseline_works
    with pytest.warns(UserWarning, match="zero is no valid baseline for signed_gi: leave out baseline='zero'"):
        explain(TEXT, "signed_gi", baseline="zero")
    explain(TEXT, "signed_gi", baseline="mean")
    explain(TEXT, "signed_gi")
    explain(TEXT)
    explain(TEXT, "loo")


def test_a_limit_without_room_for_a_word_is_refused(monkeypatch):
    monkeypatch.setattr(TOKENIZER, "model_max_length", 2)
    with pytest.raises(GradexplainError, match="the length limit of 2 tokens leaves no room for a word"):
        probe(Toy(), TOKENIZER)


@pytest.mark.parametrize("mix", [torch.tanh, lambda x: Nested.apply(x)], ids=["plain", "custom"])
def test_running_out_of_memory_is_raised_and_not_taken_as_a_result(mix):
    """It is raised wherever it happens, forward or backward."""
    model, passes = Toy(mix=mix), []

    def run_out(*_):
        passes.append(1)
        if len(passes) == fatal:
            raise torch.OutOfMemoryError("CUDA out of memory")

    def back(module, args, output):
        if output.requires_grad:
            output.register_hook(run_out)

    fatal = 0
    model.register_forward_pre_hook(run_out)
    model.head.register_forward_hook(back)
    probe(model, TOKENIZER)
    for fatal in range(1, len(passes) + 1):
        passes.clear()
        with pytest.raises(torch.OutOfMemoryError):
            probe(model, TOKENIZER)
        assert len(passes) == fatal


def test_a_single_nan_in_a_padded_batch_is_not_padding_safe():
    def read(model, ids, mask):
        padding = (mask == 0).sum(1)[:, None, None]
        return model.words(ids) * torch.where((padding > 0) & (padding % 2 == 0), float("nan"), 1.0)

    assert not profile(read).padding_safe


def test_small_word_vectors_do_not_count_as_normalised():
    model = Toy()
    model.words.weight.data *= 1e-3
    assert probe(model, TOKENIZER).zero_baseline_works


def test_a_model_without_a_head_is_an_error():
    class Headless(Toy):
        def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None) -> Tensor:
            return super().forward(input_ids, attention_mask).logits.unsqueeze(1)

    with pytest.raises(GradexplainError, match="Headless has no sequence classification head"):
        probe(Headless(), TOKENIZER)


def test_the_error_of_a_model_that_needs_more_than_text_is_quoted():
    def read(model, ids, mask):
        raise ValueError("You have to specify pixel_values")

    with pytest.raises(
        GradexplainError, match="Toy cannot run on the tokenizer's output alone: You have to specify pixel"
    ):
        profile(read)


def test_an_empty_vocabulary_is_an_error():
    model, tokenizer = make("fasttext")
    tokenizer.add_special_tokens({"additional_special_tokens": list(tokenizer.get_vocab())})
    with pytest.raises(GradexplainError, match="fewer than two words"):
        probe(model, tokenizer)


@pytest.mark.parametrize("limit", [12, 20])
def test_probing_stays_within_the_length_limit(limit):
    model, tokenizer = make("bert")
    tokenizer.model_max_length = limit
    lengths = []
    handle = model.register_forward_pre_hook(
        lambda module, args, kwargs: lengths.append(kwargs["input_ids"].shape[1]), with_kwargs=True
    )
    assert probe(model, tokenizer).max_length == limit
    handle.remove()
    assert max(lengths) == limit


@pytest.mark.parametrize(
    ("architecture", "pad"), [(MistralConfig, 3), (MistralConfig, 40), (Qwen3Config, 63), (RobertaConfig, 1)]
)
def test_a_word_table_with_as_many_rows_as_positions_does_not_shorten_texts(architecture, pad):
    """Only RoBERTa has a table of positions, of which those up to its pad token are unused."""
    sizes = {"hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 1, "num_attention_heads": 2}
    heads = {} if architecture is RobertaConfig else {"num_key_value_heads": 1}
    config = architecture(vocab_size=64, max_position_embeddings=64, pad_token_id=pad, **sizes, **heads)
    model, tokenizer = AutoModelForSequenceClassification.from_config(config).eval(), make("bert")[1]
    tokenizer.model_max_length = 10**30
    assert Explainer(model, tokenizer).profile.max_length == (62 if architecture is RobertaConfig else 64)


def raw_sum_by_hand(model, ids):
    """Return the largest sum of the first logit's gradients by a word vector, relative to their absolute sum."""
    rows = []
    lookup = model.get_input_embeddings()
    hook = lookup.register_forward_hook(lambda module, args, output: rows.append(output) or output.retain_grad())
    model(torch.tensor([ids])).logits[0, 0].backward()
    hook.remove()
    model.zero_grad()
    return (rows[0].grad.sum(-1).abs() / rows[0].grad.abs().sum(-1).clamp_min(1e-300)).max().item()


@pytest.mark.parametrize("kind", ["bert", "gpt2", "fasttext", "bilstm"])
def test_sa_raw_is_called_noise_where_its_sums_vanish_by_hand(kind):
    model, tokenizer = make(kind)
    vanishes = raw_sum_by_hand(model, tokenizer("the film is bad")["input_ids"]) < 1e-12
    assert vanishes == (kind in ("bert", "gpt2"))
    explain = Explainer(model, tokenizer)
    assert explain.profile.raw_sums_work == (not vanishes)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        explain("the film is bad", "sa_l1", self_check=False)
        assert caught == []
        explain("the film is bad", ("sa_l1", "sa_raw"), self_check=False)
    expected = (
        f"{type(model).__name__} subtracts the mean of its word vectors, so that the gradients of a word add up to 0 "
        "and the scores of sa_raw are rounding noise: choose another method"
    )
    assert [str(warning.message) for warning in caught] == [expected] * vanishes
