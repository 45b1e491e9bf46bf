"""What follows from the results of a probe, at the borders of what counts as rounding."""

from dataclasses import replace

import numpy as np
import pytest

from hf_gradexplain.classifier.objective import Objective
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.probing.probe import _NOISE
from hf_gradexplain.probing.propagation_check import PropagationCheck
from hf_gradexplain.probing.report import Check, Report
from tests.helpers.tiny import explainer

CHECK = PropagationCheck(None, 0.25)
INFINITE = float("inf")


def profile(**changes):
    errors = {"tolerance": 0.25, "padding_error": 0.0, "batch_error": 0.0, "prefix_error": 0.0, "propagation": CHECK}
    return replace(explainer("bert").profile, **{**errors, **changes})


@pytest.mark.parametrize(
    ("error", "safe"), [(0, True), (0.25, True), (0.2500001, False), (INFINITE, False), (np.nan, False)]
)
def test_errors_up_to_the_tolerance_are_rounding(error, safe):
    assert profile(padding_error=error).padding_safe is safe
    assert profile(padding_error=error).propagation_padding_safe is safe
    assert profile(propagation=PropagationCheck(None, padding_error=error)).propagation_padding_safe is safe
    assert profile(propagation=PropagationCheck(None, padding_error=error)).padding_safe
    assert profile(batch_error=error).batching_safe is safe
    assert profile(prefix_error=error).shares_prefixes is safe
    assert PropagationCheck(None, error).conserves(0.25) is safe
    assert not profile(propagation=None).propagation_padding_safe


@pytest.mark.parametrize("kind", ["fasttext", "bert"])
def test_an_ordinary_model_has_no_custom_functions(kind):
    assert explainer(kind).profile.followed_functions == frozenset()
    assert explainer(kind).profile.no_gradient_reason is None


def test_a_check_that_says_nothing():
    check = PropagationCheck("reason")
    assert (check.conservation_error, check.changes_gradient, check.records_inputs, check.padding_error) == (
        None, False, False, 0,
    )  # fmt: skip
    assert not check.conserves(1)


@pytest.mark.parametrize(
    ("cosine", "works"), [(None, True), (0, False), (_NOISE, False), (1.01 * _NOISE, True), (1, True)]
)
def test_products_have_to_be_larger_than_noise(cosine, works):
    assert profile(gradient_embedding_cosine=cosine).zero_baseline_works is works
    assert profile(gradient_sum_cosine=cosine).raw_sums_work is works


@pytest.mark.parametrize(("error", "tokens"), [(0.25, 99), (0.3, 1)])
def test_texts_run_alone_if_a_batch_changes_them(error, tokens):
    objective = Objective("loss", "softmax")
    made = profile(batch_error=error).classifier(None, objective, 99)
    assert made.batch_tokens == tokens
    assert (made.mixed_precision, made.for_propagation, made.records_inputs) == (False, False, False)
    assert (made.shares_prefixes, made.objective) == (True, objective)
    recording = profile(propagation=replace(CHECK, records_inputs=True))
    assert recording.classifier(None, objective, 9, for_propagation=True).records_inputs
    assert not recording.classifier(None, objective, 9).records_inputs
    assert not profile().classifier(None, objective, 9, for_propagation=True).records_inputs
    assert profile().classifier(None, objective, 9, mixed_precision=True).mixed_precision


def test_what_cannot_be_propagated_is_refused_if_it_is_asked_for():
    refused = profile(propagation=PropagationCheck("no such rule"))
    refused.classifier(None, Objective("loss", "softmax"), 9)
    with pytest.raises(GradexplainError, match=r"^no such rule$"):
        refused.classifier(None, Objective("loss", "softmax"), 9, for_propagation=True)
    none = profile(propagation=None).classifier(None, Objective("loss", "softmax"), 9, for_propagation=True)
    assert (none.for_propagation, none.records_inputs) == (True, False)


@pytest.mark.parametrize(
    ("changes", "subject", "said"),
    [
        ({"max_length": None}, "length", "no known limit"),
        ({"max_length": 1024}, "length", "up to 1,024 tokens of a text"),
        ({}, "batches", "texts of different lengths share a batch"),
        ({"padding_error": 1.0}, "batches", "texts of equal length share one"),
        ({"batch_error": 1.0}, "batches", "each text runs alone"),
        ({"no_gradient_reason": None}, "gradients", "usable"),
        ({"no_gradient_reason": "no gradient"}, "gradients", "no gradient"),
        ({"gradient_embedding_cosine": 1.0}, "baseline", "zero"),
        ({"gradient_embedding_cosine": 0.0}, "baseline", "mean, because the length of word vectors is ignored"),
    ],
)
def test_in_words(changes, subject, said):
    assert profile(**changes).in_words[subject] == said


@pytest.mark.parametrize(
    ("verdicts", "title", "ok"),
    [
        ((), "no problems", True),
        (("ok", "ok"), "no problems", True),
        (("ok", "note"), "1 note", True),
        (("note", "note"), "2 notes", True),
        (("problem", "ok"), "1 problem", False),
        (("problem", "note", "problem"), "2 problems and 1 note", False),
    ],
)
def test_problems_and_notes_are_counted(verdicts, title, ok):
    report = Report("Bert", tuple(Check(f"check {i}", "found", verdict, "do") for i, verdict in enumerate(verdicts)))
    assert repr(report).splitlines()[0] == f"Report on Bert: {title}"
    assert f"Report on Bert: {title}" in report._repr_html_()
    assert report.ok is ok
    checks = [{"name": f"check {i}", "found": "found", "verdict": v, "action": "do"} for i, v in enumerate(verdicts)]
    assert report.to_dict() == {"model": "Bert", "ok": ok, "checks": checks}
    assert all(f"check {i}" in repr(report) for i in range(len(verdicts)))
