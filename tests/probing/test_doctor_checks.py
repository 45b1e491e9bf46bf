"""Each check of the doctor for made-up results of a probe."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from hf_gradexplain.classifier.lookups import Lookup
from hf_gradexplain.probing import doctor
from hf_gradexplain.probing.propagation_check import PropagationCheck
from tests.helpers.tiny import explainer, make

UNKNOWN = float("inf")


def profile(**changes):
    errors = {"tolerance": 0.25, "padding_error": 0.0, "batch_error": 0.0, "prefix_error": 0.0, "n_outputs": 3}
    return replace(explainer("bert").profile, **{**errors, **changes})


def check(found, name, verdict, *facts):
    """Compare a check: its name, its verdict, and what has to be in its finding and its advice."""
    assert (found.name, found.verdict) == (name, verdict)
    assert [fact for fact in facts if fact not in f"{found.found} -> {found.action}"] == []


@pytest.mark.parametrize(
    ("dtypes", "verdict", "facts"),
    [
        (["float32"], "ok", ["6 parameters in float32 on cpu", "-> uses this dtype"]),
        (["float64", "float32"], "ok", ["12 parameters in float32, float64 on cpu"]),
        (["float16"], "note", ["6 parameters in float16 on cpu", "dtype=torch.float32 gives more accurate gradients"]),
        (["float64", "bfloat16"], "note", ["bfloat16, float64"]),
    ],
)
def test_weights(dtypes, verdict, facts):
    model = nn.ModuleList(nn.Linear(2, 2, dtype=getattr(torch, dtype)) for dtype in dtypes)
    check(doctor._weights(model), "weights", verdict, *facts)


def test_weights_of_whole_numbers_are_no_narrow_dtype():
    model = nn.Linear(1000, 2)
    model.codes = nn.Parameter(torch.ones(1, dtype=torch.uint8), requires_grad=False)
    check(doctor._weights(model), "weights", "ok", "2,003 parameters in float32, uint8 on cpu")


@pytest.mark.parametrize(
    ("config", "outputs", "problem_type", "verdict", "facts"),
    [
        ({"num_labels": 3}, 3, None, "ok", ["3 labels, softmax head", "explains the predicted label or a given one"]),
        ({"num_labels": 3}, 2, None, "problem", ["2 outputs for 3 labels", "the num_labels that it was trained with"]),
        ({"num_labels": 3}, 3, "multi_label_classification", "ok", ["3 labels, sigmoid head"]),
        ({}, 3, None, "ok", ["3 labels, softmax head"]),
    ],
)
def test_heads(config, outputs, problem_type, verdict, facts):
    model = SimpleNamespace(config=SimpleNamespace(**config))
    check(doctor._head(model, profile(n_outputs=outputs), problem_type), "head", verdict, *facts)


def test_a_head_whose_configuration_suggests_sigmoids():
    model, _ = make("bert")
    model.config.problem_type = None
    model.config.function_to_apply = "sigmoid"
    facts = (
        "3 labels, softmax head, although the configuration says function_to_apply='sigmoid'",
        "problem_type='multi_",
    )
    check(doctor._head(model, profile(), None), "head", "note", *facts)
    check(doctor._head(model, profile(), "single_label_classification"), "head", "ok", "softmax head")


@pytest.mark.parametrize(("more", "verdict"), [(-1, "ok"), (0, "ok"), (1, "problem")])
def test_vocabularies(more, verdict):
    """The tiny model has 48 vectors."""
    model, _ = make("bert")
    tokenizer = type("Tokenizer", (), {"__len__": lambda self: 48 + more})()
    check(
        doctor._vocabulary(model, tokenizer), "vocabulary", verdict, f"{48 + more} tokens in the tokenizer, 48 vectors"
    )


def test_a_model_that_does_not_say_how_many_vectors_it_has():
    tokenizer = type("Tokenizer", (), {"__len__": lambda self: 30_000})()
    found = doctor._vocabulary(nn.Linear(1, 1), tokenizer)
    check(found, "vocabulary", "ok", "30,000 tokens in the tokenizer -> explains every token")


def test_lookups_are_listed_with_their_shifts():
    lookup = explainer("bert").profile.lookups[0]
    several = [replace(lookup, module="a", call=0, shift=0), replace(lookup, module="b", call=2, shift=-1)]
    assert isinstance(lookup, Lookup)
    found = doctor._lookups(profile(lookups=tuple(several)))
    check(found, "word lookups", "ok", "a (call 0); b (call 2, shifted by -1) -> takes gradients and masks words")


def test_no_known_limit():
    found = doctor._length(None, None, profile(max_length=None))
    check(found, "length", "note", "no known limit -> does not truncate; set tokenizer.model_max_length")


@pytest.mark.parametrize(("length", "tried"), [(doctor._LONGEST, True), (doctor._LONGEST + 1, False)])
def test_very_long_texts_are_not_tried(length, tried, monkeypatch):
    asked = []
    monkeypatch.setattr(doctor, "_reads_long_texts_like_short_ones", lambda *args: asked.append(args) or True)
    found = doctor._length(SimpleNamespace(places={}), None, profile(max_length=length))
    check(found, "length", "ok", f"{length:,} tokens -> truncates longer texts and reports where")
    assert bool(asked) is tried


@pytest.mark.parametrize(("error", "verdict", "fact"), [
    (0.25, "ok", "relative error 2e-01 in a batch of texts of equal length -> puts texts of equal length in one batch"),
    (0.5, "note", "relative error 5e-01 in a batch of texts of equal length -> runs every text alone"),
])  # fmt: skip
def test_batches(error, verdict, fact):
    check(doctor._batches(profile(batch_error=error)), "batches", verdict, fact)


@pytest.mark.parametrize(
    ("token", "pad_id", "error", "verdict", "fact"),
    [
        (0, 0, 0.0, "ok", "relative error 0e+00 in a padded batch -> puts texts of different lengths in one batch"),
        (0, 0, 1.0, "note", "relative error 1e+00 in a padded batch -> puts only texts of equal length in one batch"),
        (0, 0, UNKNOWN, "note", "the model fails on padded batches"),
        (None, None, UNKNOWN, "note", "the tokenizer has no pad token"),
        (0, None, UNKNOWN, "note", "the model has no vector for the pad token"),
    ],
)
def test_padding(token, pad_id, error, verdict, fact):
    found = doctor._padding(profile(pad_id=pad_id, padding_error=error), SimpleNamespace(pad_token_id=token))
    check(found, "padding", verdict, fact)


@pytest.mark.parametrize(
    ("cosine", "verdict", "facts"),
    [
        (None, "note", ["not checked, because there are no usable gradients -> nothing to do"]),
        (0.0, "note", [" 0; about 1 for unrelated", "-> takes the mean word vector as the baseline"]),
        (1.234, "ok", [" 1.2; about 1 for unrelated", "-> uses it for signed_gi by default"]),
    ],
)
def test_zero_baselines(cosine, verdict, facts):
    check(doctor._zero_baseline(profile(gradient_embedding_cosine=cosine)), "zero baseline", verdict, *facts)


@pytest.mark.parametrize(
    ("cosine", "verdict", "facts"),
    [
        (None, "note", ["not checked, because there are no usable gradients -> nothing to do"]),
        (0.0, "note", [" 0; about 1 for unrelated", "-> warns of sa_raw"]),
        (1.234, "ok", [" 1.2; about 1 for unrelated", "-> nothing to do"]),
    ],
)
def test_gradient_sums(cosine, verdict, facts):
    check(doctor._gradient_sums(profile(gradient_sum_cosine=cosine)), "gradient sums", verdict, *facts)


@pytest.mark.parametrize(
    ("propagation", "padding_error", "verdict", "fact"),
    [
        (None, 0, "note", "not checked, because there are no usable gradients -> nothing to do"),
        (PropagationCheck("no rule"), 0, "note", "no rule -> refuses attn_lrp, cp_lrp and gi_detached"),
        (
            PropagationCheck(None, 0.5),
            0,
            "note",
            "error of 5e-01 under cp_lrp -> uses it; compare it with methods='loo'",
        ),
        (PropagationCheck(None, 0.25), 0, "ok", "error of 2e-01 under cp_lrp -> uses it"),
        (
            PropagationCheck(None, 0, padding_error=1),
            0,
            "note",
            "but changed by padding -> puts only texts of equal length",
        ),
        (PropagationCheck(None, 0, padding_error=1), 1, "ok", "error of 0e+00 under cp_lrp -> uses it"),
    ],
)
def test_propagation(propagation, padding_error, verdict, fact):
    found = doctor._propagation(profile(propagation=propagation, padding_error=padding_error))
    check(found, "propagation", verdict, fact)


@pytest.mark.parametrize(
    ("kind", "prefix_error", "fact"),
    [
        ("fasttext", 0.0, "a shortcut for this model class -> computes all units from one forward pass"),
        (
            "bert",
            0.0,
            "no word changes what stands before it (relative error 0e+00) -> computes the text before a word",
        ),
        ("bert", 1.0, "no shortcut for this model class -> runs one masked copy of the text per unit"),
    ],
)
def test_leave_one_out(kind, prefix_error, fact):
    found = doctor._leave_one_out(explainer(kind).model, profile(prefix_error=prefix_error))
    check(found, "leave-one-out", "ok", fact)


@pytest.mark.parametrize(
    ("dtype", "wider"),
    [
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float64),
        (torch.float64, None),
    ],
)
def test_a_wider_dtype(dtype, wider):
    assert doctor._wider_dtype(nn.Linear(1, 1, dtype=dtype)) == wider
