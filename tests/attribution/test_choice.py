"""Tests of `methods="auto"`: which method it stands for, and why."""

from dataclasses import replace

import pytest

from hf_gradexplain.attribution.choice import choose_method
from hf_gradexplain.attribution.methods import METHODS
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.loading.card_results import Measured
from hf_gradexplain.options import AUTO
from hf_gradexplain.probing.propagation_check import PropagationCheck
from tests.helpers.tiny import KINDS, TEXTS, explainer


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_one_pass_method_for_this_kind_of_model(kind):
    explanation = explainer(kind)(TEXTS[0])
    expected = "signed_gi" if kind in ("fasttext", "textcnn") else "attn_lrp"
    assert explanation.method == expected
    assert list(explanation.scores) == [expected]
    assert explanation.why == f"auto chose {expected}: {choose_method(explainer(kind).profile, {}).why}"
    assert explanation.why in explanation.to_html().unescape()
    asked = explainer(kind)(TEXTS[0], expected)
    assert asked.scores[expected].tolist() == explanation.scores[expected].tolist()
    assert asked.why == ""


def test_it_is_no_method_and_stands_beside_others():
    assert AUTO not in METHODS
    explanation = explainer("bert")(TEXTS[0], ("loo", "auto", "attn_lrp"))
    assert list(explanation.scores) == ["loo", "attn_lrp"]
    assert explanation.why.startswith("auto chose attn_lrp: ")
    assert explanation.why in explanation.to_html("attn_lrp")
    assert explanation.why not in explanation.to_html("loo")
    with pytest.raises(GradexplainError, match=r"unknown method 'atuo': did you mean 'auto'\?"):
        explainer("bert")(TEXTS[0], "atuo")


def profile(**changes):
    base = explainer("bert").profile
    return replace(base, **changes)


def test_without_gradients_it_is_leave_one_out():
    choice = choose_method(
        profile(no_gradient_reason="no gradient reaches the word vectors of X", propagation=None), {}
    )
    assert choice.method == "loo"
    assert choice.why == "no gradient reaches the word vectors of X; leave-one-out needs no gradient"


def test_where_propagation_is_refused_or_wrong_it_is_integrated_gradients():
    refused = choose_method(profile(propagation=PropagationCheck("the operation X is not known")), {})
    assert (refused.method, refused.why) == ("integrated_gradients", "the operation X is not known")
    check = PropagationCheck(None, 0.3, changes_gradient=True)
    wrong = choose_method(profile(propagation=check), {})
    assert wrong.method == "integrated_gradients"
    assert "0.3" in wrong.why or "3e-01" in wrong.why


@pytest.mark.parametrize(
    ("measured", "expected"),
    [
        ({"attn_lrp": (0.2, 0.1, 0.3), "cp_lrp": (0.4, 0.31, 0.5)}, "cp_lrp"),
        ({"attn_lrp": (0.2, 0.1, 0.3), "cp_lrp": (0.4, 0.29, 0.5)}, "attn_lrp"),
        ({"attn_lrp": (0.2, 0.1, 0.3), "cp_lrp": (0.4, 0.3, 0.5)}, "attn_lrp"),
        ({"cp_lrp": (0.4, 0.31, 0.5)}, "attn_lrp"),
        ({"attn_lrp": (0.2, 0.1, 0.3), "loo": (0.9, 0.8, 1.0)}, "attn_lrp"),
        ({"attn_lrp": (0.2, 0.1, 0.3), "sa_l2": (0.9, 0.8, 1.0)}, "attn_lrp"),
        ({"attn_lrp": (0.2, 0.1, 0.3), "no method": (0.9, 0.8, 1.0)}, "attn_lrp"),
        ({"attn_lrp": (0.2, 0.1, 0.3), "signed_gi": (0.5, 0.4, 0.6), "cp_lrp": (0.6, 0.5, 0.7)}, "cp_lrp"),
    ],
)
def test_the_card_decides_if_another_one_pass_method_is_clearly_better(measured, expected):
    results = {name: Measured(*values) for name, values in measured.items()}
    choice = choose_method(explainer("bert").profile, results)
    assert choice.method == expected
    assert ("card" in choice.why) == (expected != "attn_lrp")
