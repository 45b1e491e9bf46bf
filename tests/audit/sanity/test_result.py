"""What sanity checks say, from tables written by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from hf_gradexplain.audit.sanity.input_shift import _choices
from hf_gradexplain.audit.sanity.rank_agreement import (
    mean_of_defined,
    relative_difference,
    spearman_by_text,
    summarise,
)
from hf_gradexplain.audit.sanity.result import AGREES, CHANGES, UNCHANGED, UNCLEAR, SanityChecks, finding

NAN = np.nan


@pytest.mark.parametrize(
    ("low", "absolute", "two_random", "expected"),
    [
        (0.8, NAN, 0.0, AGREES),
        (0.801, NAN, 0.0, UNCHANGED),
        (0.1, 0.801, 0.0, UNCHANGED),
        (0.5, NAN, NAN, CHANGES),
        (0.501, NAN, NAN, AGREES),
        (0.1, 0.2, 0.5, CHANGES),
        (0.1, 0.2, 0.501, AGREES),
        (NAN, 0.9, 0.9, UNCLEAR),
    ],
)
def test_the_finding_at_its_borders(low, absolute, two_random, expected):
    assert finding("loo", low, absolute, two_random) == expected
    assert finding("random", low, absolute, two_random) == "baseline"


def made(rows, shifted="positions"):
    columns = ["method", "randomised", "finding", "shift_difference", "other_seed"]
    checks = pd.DataFrame(rows, columns=columns).assign(
        ci_low=0.0, ci_high=1.0, two_random=0.25, absolute=NAN, shifted=0.5, n=5, n_undefined=1
    )
    layers = [("loo", "cascading", 1, "head", "the model", "scores", 0.5, 0.25, 0.75, 1200)]
    names = ["method", "order", "step", "layer", "against", "values", "median", "ci_low", "ci_high", "n"]
    return SanityChecks("Bert", "word", pd.DataFrame(layers, columns=names), checks, shifted, 1200, 5)


FINE = [("random", 0.0, "baseline", 2.0, 0.1), ("loo", 0.125, CHANGES, 0.01, NAN), ("ig", -0.004, CHANGES, NAN, NAN)]


def test_methods_that_pass():
    checks = made(FINE)
    first, second, third = checks.report()
    assert (first.name, first.verdict) == ("parameter randomisation", "ok")
    assert first.found == "median Spearman with the scores of random models, 1,200 texts: loo 0.12, ig 0.00"
    assert (second.name, second.verdict) == ("input invariance", "ok")
    assert "(positions)" in second.found
    assert (third.name, third.found, third.verdict) == ("seeds", "no method draws random numbers", "ok")
    assert (checks.unchanged, checks.variant) == ((), ())
    assert checks.sentences[0] == f"parameter randomisation: {first.found}"


def test_methods_that_do_not_pass_are_named():
    rows = [*FINE, ("a", 0.9, UNCHANGED, 0.0101, 0.9), ("b", 0.95, UNCHANGED, 0.5, 0.8999)]
    checks = made(rows)
    assert (checks.unchanged, checks.variant) == (("a", "b"), ("a", "b"))
    first, second, third = checks.report()
    assert first.verdict == "problem"
    assert "texts: b 0.95, a 0.90, loo 0.12, ig 0.00" in first.found
    assert first.action == "do not explain this model with a and b: the scores ignore its parameters"
    assert second.verdict == "note"
    assert second.found.endswith("but the scores of a and b change")
    assert (third.verdict, third.found) == ("note", "median Spearman between two seeds: a 0.90, b 0.90")
    assert "raise max_evals" in third.action
    stable = made(rows[:-1]).report()[2]
    assert (stable.verdict, stable.action) == ("ok", "nothing to do")


@pytest.mark.parametrize(
    ("kind", "found", "action"),
    [
        (AGREES, "; random models agree on the scores of c", "take c with care"),
        (UNCLEAR, "c –, ig 0.00", "give more texts to check c"),
    ],
)
def test_methods_that_are_not_clear_get_a_note(kind, found, action):
    check = made([*FINE, ("c", NAN if kind == UNCLEAR else -0.5, kind, 0.0, NAN)]).report()[0]
    assert check.verdict == "note"
    assert found in check.found or (kind == UNCLEAR and "c –" in check.found)
    assert action in check.action


def test_a_model_without_positions_is_not_checked_for_invariance():
    check = made(FINE, shifted="").report()[1]
    assert (check.verdict, check.action) == ("note", "nothing to do")
    assert check.found.startswith("not checked")


def test_what_is_shown():
    checks = made(FINE)
    assert repr(checks).startswith("Sanity checks of Bert on 1,200 texts\n")
    one = replace(checks, texts=1)
    assert repr(one).startswith("Sanity checks of Bert on 1 text\n")
    assert "random models, 1 text: " in one.report()[0].found
    assert "0.12 [0.00, 1.00]" in repr(checks)
    assert "<svg" in checks._repr_html_() or "image/svg" in checks._repr_html_()
    record = checks.to_dict()
    assert (record["texts"], record["rounds"], record["shifted"]) == (1200, 5, "positions")
    assert [row["method"] for row in record["methods"]] == ["random", "loo", "ig"]
    assert record["methods"][1]["other_seed"] is None
    assert record["randomisation"][0]["layer"] == "head"
    assert [check["verdict"] for check in record["checks"]] == ["ok", "ok", "ok"]
    assert checks.to_frame() is checks.checks


def test_rank_correlations_of_each_text():
    scores = [np.array([1.0, 2, 3, 4]), np.array([1.0, 2]), np.array([-1.0, -2, 3])]
    reference = [np.array([2.0, 1, 3, 4]), np.array([1.0, 2]), np.array([1.0, 2, 3])]
    assert spearman_by_text(scores, reference) == pytest.approx([0.8, NAN, 0.5], nan_ok=True)
    assert spearman_by_text(scores, reference, absolute=True) == pytest.approx([0.8, NAN, 1.0], nan_ok=True)
    assert spearman_by_text([], []).shape == (0,)
    unknown = [np.full(3, NAN), np.array([1.0, 2, 3])], [np.array([1.0, 2, 3]), np.array([1.0, NAN, 3])]
    for absolute in (False, True):
        assert np.isnan(spearman_by_text(*unknown, absolute=absolute)).tolist() == [True, True]
    close = [np.array([1.0, 1.001, 2.0])], [np.array([2.0, 1.0, 3.0])]
    assert spearman_by_text(*close) == pytest.approx([0.5])
    assert spearman_by_text(*close, "float32") == pytest.approx([0.5])
    assert spearman_by_text(*close, "bfloat16") == pytest.approx([np.sqrt(3) / 2])


def test_means_and_relative_differences():
    assert mean_of_defined([np.array([1.0, NAN]), np.array([3.0, 4.0])]) == pytest.approx([2.0, NAN], nan_ok=True)
    pairs = [np.array([3.0, 4.0]), np.ones(2)], [np.array([0.0, 4.0]), np.zeros(2)]
    assert relative_difference(*pairs).tolist() == [0.75]
    unknown = [np.array([NAN, 4.0]), np.ones(2), np.ones(2)], [np.ones(2), np.array([NAN, 1.0]), 2 * np.ones(2)]
    assert relative_difference(*unknown).tolist() == [0.5]


@pytest.mark.parametrize("n", [0, 1, 5, 6])
def test_a_median_needs_six_texts_for_an_interval(n):
    found = summarise(np.array([NAN, *np.arange(n)], dtype=float))
    assert (found["n"], found["n_undefined"]) == (n, 1)
    assert found["median"] == pytest.approx((n - 1) / 2 if n else NAN, nan_ok=True)
    assert np.isnan(found["ci_low"]) == (n < 6)
    if n == 6:
        assert (found["ci_low"], found["ci_high"]) == (0, 5)


def test_four_tables_are_tried_alone_and_together():
    names = list("abcde")
    assert list(_choices(names, 1)) == [("a",), ("b",), ("c",), ("d",)]
    assert len(list(_choices(names, 2))) == 4 + 6
    assert list(_choices(["a"], 3)) == [("a",)]
    assert list(_choices([], 3)) == []
