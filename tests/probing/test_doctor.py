"""Tests of the doctor: it reports every problem, and no problem of a sound model."""

import json
import re

import pytest
import torch
from tokenizers import Tokenizer, models
from torch import nn
from transformers import PreTrainedTokenizerFast

from hf_gradexplain.explainer import Explainer
from hf_gradexplain.probing.doctor import _words
from hf_gradexplain.probing.report import Check, Report
from tests.helpers.rearranging import Rearranging, chunks_as_rows, head_and_tail, without_a_hook, words_elsewhere
from tests.helpers.snapshot import snapshot
from tests.helpers.tiny import KINDS, explainer, make
from tests.helpers.toys import TOKENIZER, StraightThrough, Toy, TwiceTheGradient, square_written_out_from


def check_of(explain, name):
    return next(check for check in explain.check().checks if check.name == name)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sound_model_has_no_problem(kind):
    report = explainer(kind).check()
    assert report.ok
    assert report.model == type(explainer(kind).model).__name__
    notes = {check.name for check in report.checks if check.verdict == "note"}
    expected = {
        **{name: {"length"} for name in ("fasttext", "textcnn", "bilstm")},
        "bert": {"gradient sums"},
        "gpt2": {"padding", "gradient sums"},
        "bart": {"gradient sums"},
    }
    assert notes == expected[kind]


def test_sentences_that_the_tokenizer_does_not_divide_are_a_note():
    backend = Tokenizer(models.WordLevel({"[UNK]": 0, "the": 1, "这部电影很好，我很喜欢。": 2}, unk_token="[UNK]"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]", pad_token="[UNK]")
    check = _words(tokenizer)
    assert (check.verdict, check.found) == ("note", "a sentence is one unit in Chinese")
    assert check_of(explainer("gpt2"), "words").found == (
        "knows the letters of English, Chinese, Japanese, Thai, Lao, Khmer, Burmese, and divides sentences"
    )


def test_the_report_survives_json():
    report = explainer("bert").check()
    record = json.loads(json.dumps(report.to_dict()))
    assert record == report.to_dict()
    assert record["ok"] is True
    assert list(record["checks"][0]) == ["name", "found", "verdict", "action"]


def test_the_model_is_restored():
    model, tokenizer = make("bert")
    model.train()
    explain = Explainer(model, tokenizer)
    before = snapshot(model, tokenizer)
    explain.check()
    assert snapshot(model, tokenizer) == before


def test_both_lookups_of_an_encoder_decoder_are_named():
    finding = check_of(explainer("bart"), "word lookups").found
    assert finding == "model.encoder.embed_tokens (call 0); model.decoder.embed_tokens (call 0, shifted by +1)"


def test_a_pad_token_without_a_vector_is_named():
    model, tokenizer = make("gpt2")
    assert check_of(Explainer(model, tokenizer), "padding").found == "the tokenizer has no pad token"
    tokenizer.add_special_tokens({"pad_token": "<|padding|>"})
    assert check_of(Explainer(model, tokenizer), "padding").found == "the model has no vector for the pad token"


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_wrong_gradient_is_a_problem(dtype):
    class Detached(Toy):
        """Half of its influence is hidden from autograd."""

        def forward(self, input_ids, attention_mask, token_type_ids=None):
            output = super().forward(input_ids, attention_mask)
            output.logits = output.logits + output.logits.detach()
            return output

    check = check_of(Explainer(Detached().to(dtype), TOKENIZER), "gradients")
    assert (check.verdict, check.action) == ("problem", "choose methods='loo': the backward pass is not the gradient")
    assert check.found in [f"relative error {error}, compared with finite differences" for error in ("5e-01", "1e+00")]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("length", [1e-2, 1e-3, 1e-5])
def test_finite_differences_that_are_noise_are_no_problem(length, dtype):
    """The model normalises word vectors, of which some are short: any step is too long for those."""
    model = Toy(lambda model, ids, mask: nn.functional.normalize(model.words(ids), dim=-1))
    model.words.weight.data[::5] *= length
    check = check_of(Explainer(model.to(dtype), TOKENIZER), "gradients")
    assert (check.verdict, check.action) == ("ok", "uses them")
    assert re.fullmatch(r"relative error \de-\d\d, compared with the gradients in float64", check.found)


class Cancelling(Toy):
    """A small difference of large numbers, which narrow dtypes round away."""

    def forward(self, input_ids, attention_mask, token_type_ids=None):
        output = super().forward(input_ids, attention_mask)
        output.logits = ((output.logits + self.offset) ** 2 - self.offset**2 - 2 * self.offset * output.logits).log1p()
        return output


@pytest.mark.parametrize(
    ("dtype", "offset", "wider"), [(torch.float32, 1e3, "torch.float64"), (torch.bfloat16, 10, "torch.float32")]
)
def test_rounded_gradients_are_a_problem_and_a_wider_dtype_is_advised(dtype, offset, wider):
    model = Cancelling()
    model.offset = offset
    assert check_of(Explainer(model, TOKENIZER), "gradients").verdict == "ok"
    check = check_of(Explainer(model.to(dtype), TOKENIZER), "gradients")
    assert (check.verdict, check.action) == ("problem", f"load the model with dtype={wider}")
    assert check.found.startswith("relative error ")
    assert check.found.endswith(" compared with the gradients in float64")


def test_a_gradient_that_is_zero_is_a_problem():
    check = check_of(Explainer(Toy(mix=lambda x: x.round()), TOKENIZER), "gradients")
    assert (check.found, check.verdict) == ("zero for every word", "problem")


@pytest.mark.parametrize(
    ("dtype", "action"),
    [
        (torch.float64, "choose methods='loo', or another model"),
        (torch.float32, "load the model with dtype=torch.float64"),
    ],
)
def test_a_gradient_that_is_not_finite_is_a_problem(dtype, action):
    model = Toy(mix=lambda x: x + torch.linalg.vector_norm(0 * x, dim=-1, keepdim=True).sqrt())
    check = check_of(Explainer(model.to(dtype), TOKENIZER), "gradients")
    assert (check.found, check.verdict, check.action) == ("not finite", "problem", action)


def test_refused_gradients_are_a_problem_and_followed_ones_are_named():
    steps = Explainer(Toy(mix=lambda x: StraightThrough.apply(x)), TOKENIZER)
    assert not steps.check().ok
    assert check_of(steps, "gradients").action == "refuses gradient methods: choose methods='loo'"
    followed = check_of(Explainer(Toy(mix=lambda x: TwiceTheGradient.apply(x)), TOKENIZER), "gradients")
    assert (followed.verdict, followed.action) == ("ok", "differentiates the forward pass of TwiceTheGradient")


def test_normalised_word_vectors_are_noted():
    explain = Explainer(Toy(lambda model, ids, mask: nn.functional.normalize(model.words(ids), dim=-1)), TOKENIZER)
    check = check_of(explain, "zero baseline")
    assert check.verdict == "note"
    assert check.action == "takes the mean word vector as the baseline of gradient methods"


@pytest.mark.parametrize("centred", [True, False])
def test_gradients_that_add_up_to_zero_are_noted(centred):
    """The model subtracts the mean of each word vector, as a layer norm does, and does not divide by its length."""
    offset = 1.0 if centred else 0.0
    explain = Explainer(
        Toy(lambda model, ids, mask: (words := model.words(ids)) - offset * words.mean(-1, keepdim=True)), TOKENIZER
    )
    check = check_of(explain, "gradient sums")
    if centred:
        assert (check.verdict, check.action) == (
            "note",
            "warns of sa_raw, whose scores are rounding noise on this model",
        )
        assert check_of(explain, "zero baseline").verdict == "ok"
    else:
        assert (check.verdict, check.action) == ("ok", "nothing to do")
    assert re.fullmatch(r"scaled sum of the gradients of a word \S+; about 1 for unrelated numbers", check.found)


def test_conserved_relevance_is_reported():
    check = check_of(explainer("bert"), "propagation")
    error = explainer("bert").profile.propagation.conservation_error
    assert check.found == f"relevance is conserved up to a relative error of {error:.0e} under cp_lrp"
    assert (check.verdict, check.action) == ("ok", "uses it")


def test_lost_relevance_is_noted():
    """The softmax counts as a constant, and here it is no factor of anything."""
    check = check_of(Explainer(Toy(mix=lambda x: x + torch.softmax(10 * x, -1)), TOKENIZER), "propagation")
    assert re.fullmatch(r"relevance is conserved up to a relative error of \de-02 under cp_lrp", check.found)
    assert (check.verdict, check.action) == ("note", "uses it; compare it with methods='loo' on your texts")


def test_relevance_that_padding_changes_is_noted():
    check = check_of(Explainer(Toy(mix=square_written_out_from(20)), TOKENIZER), "propagation")
    assert check.found.endswith(" under cp_lrp, but changed by padding")
    assert (check.verdict, check.action) == ("note", "puts only texts of equal length in one batch, which is slower")


def test_a_refused_propagation_is_noted_with_the_reason():
    check = check_of(Explainer(Toy(mix=torch.cos), TOKENIZER), "propagation")
    assert check.found == (
        "no propagation rule is known for the operation CosBackward0 of this model: choose "
        "methods='integrated_gradients' or 'loo', or add its node to a table, see docs/write-a-rule.md"
    )
    assert (check.verdict, check.action) == ("note", "refuses attn_lrp, cp_lrp and gi_detached")


def test_without_gradients_propagation_is_not_checked():
    check = check_of(Explainer(Toy(mix=lambda x: StraightThrough.apply(x)), TOKENIZER), "propagation")
    assert check.found == "not checked, because there are no usable gradients"
    assert (check.verdict, check.action) == ("note", "nothing to do")


def test_a_head_of_another_size_is_a_problem():
    model = Toy()
    model.config.num_labels = 5
    assert check_of(Explainer(model, TOKENIZER), "head").found == "3 outputs for 5 labels"


def test_a_tokenizer_with_more_tokens_than_vectors_is_a_problem():
    model, tokenizer = make("bert")
    tokenizer.add_tokens(["more", "words"])
    check = check_of(Explainer(model, tokenizer), "vocabulary")
    assert (check.found, check.verdict) == ("50 tokens in the tokenizer, 48 vectors in the model", "problem")


def test_a_length_limit_at_which_the_model_fails_is_a_problem():
    model = Toy()
    model.positions.data = model.positions.data[:60]
    check = check_of(Explainer(model, TOKENIZER), "length")
    assert (check.found, check.verdict) == ("64 tokens, but the model fails at this length", "problem")


@pytest.mark.parametrize(
    ("arrange", "found", "verdict"),
    [
        (head_and_tail, "64 tokens, but the model rearranges the tokens of long texts", "ok"),
        (chunks_as_rows, "64 tokens, but the model rearranges the tokens of long texts", "ok"),
        (words_elsewhere, "64 tokens, but the model reads such texts in other layers", "problem"),
        (
            without_a_hook,
            "64 tokens, but Rearranging reads texts of 64 tokens differently from short ones, and the places of "
            "their words cannot be found",
            "problem",
        ),
    ],
)
def test_a_model_that_reads_long_texts_otherwise_is_reported(arrange, found, verdict):
    check = check_of(Explainer(Rearranging(arrange), TOKENIZER), "length")
    assert (check.found, check.verdict) == (found, verdict)


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")], ids=repr)
def test_running_out_of_memory_is_not_reported_as_the_models_limit(error):
    class Large(Toy):
        def forward(self, input_ids=None, **inputs):
            if input_ids.shape[1] > 60:
                raise error
            return super().forward(input_ids=input_ids, **inputs)

    check = check_of(Explainer(Large(), TOKENIZER), "length")
    assert (check.found, check.verdict) == ("64 tokens, but memory runs out at this length", "problem")
    assert "memory" in check.action


def test_random_numbers_in_eval_mode_are_noted():
    model = Toy(mix=lambda x: x.tanh() + torch.rand(1, dtype=torch.float64))
    assert check_of(Explainer(model, TOKENIZER), "randomness").verdict == "note"


def test_only_generators_that_are_restored_are_seeded(monkeypatch):
    """`torch.manual_seed` seeds those of all devices."""
    explain = Explainer(Toy(mix=lambda x: x.tanh() + torch.rand(1, dtype=torch.float64)), TOKENIZER)
    before = torch.get_rng_state()
    monkeypatch.setattr(torch, "manual_seed", lambda seed: pytest.fail("all devices were seeded"))
    assert check_of(explain, "randomness").verdict == "note"
    assert torch.equal(torch.get_rng_state(), before)


def test_half_precision_is_noted():
    check = check_of(Explainer(*make("bert", dtype=torch.float16)), "weights")
    assert check.verdict == "note"
    assert "float16" in check.found


def test_a_report_shows_itself_as_a_table():
    checks = (Check("words", "<i>none", "note", "uses tokens"), Check("head", "none", "problem", "load"))
    report = Report("Bert<b>", checks)
    assert repr(report).splitlines() == [
        "Report on Bert<b>: 1 problem and 1 note",
        "",
        "name   found    verdict  action",
        "words  <i>none  note     uses tokens",
        "head   none     problem  load",
    ]
    html = report._repr_html_()
    assert "&lt;i&gt;none" in html
    assert "<i>" not in html
    assert repr(Report("Bert", (Check("head", "3", "ok", "uses it"),))).startswith("Report on Bert: no problems\n")
