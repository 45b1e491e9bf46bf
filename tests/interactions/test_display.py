"""What is shown of interactions whose values are made up."""

from dataclasses import replace

import numpy as np
import pytest

from hf_gradexplain.interactions import display
from hf_gradexplain.interactions.display import _ADDITIVE, _FAINT, _ROUNDING
from tests.helpers.tiny import explainer

ARCS = ("solid arcs", "dashed arcs")


def made_up(values, rises=(1.0, -2.0, 0.5, 0.25), **changes):
    """Return the interactions of four words, with these values of the six pairs."""
    found = explainer("fasttext").interactions("good film bad end", "loo", top=4)
    assert [unit.text for unit in found.explanation.units] == ["good", "film", "bad", "end"]
    n = len(values)
    arrays = {"pairs": found.pairs[:n], "values": np.array(values, float), "errors": np.arange(n) / 8}
    return replace(found, **arrays, rises=np.array(rises, float), **changes)


@pytest.mark.parametrize(
    ("value", "rises", "expected"),
    [
        (0, [np.nan] * 4, True),
        (_ROUNDING, [0, 0, 0, 0], True),
        (1.01 * _ROUNDING, [0, 0, 0, 0], False),
        (8 * _ADDITIVE, [1, -8, np.nan, 0], True),
        (-8 * _ADDITIVE, [1, -8, np.nan, 0], True),
        (8.1 * _ADDITIVE, [1, -8, np.nan, 0], False),
        (0.02, [1, -8, np.nan, 0], False),  # as limits go, those are small
    ],
)
def test_values_that_are_small_beside_the_largest_effect_of_a_word_are_none(value, rises, expected):
    found = made_up([0, value, 0], rises)
    assert found.is_additive is expected
    assert bool(found._diagram().arcs) is not expected
    assert (found._sentences(ARCS) == ["no pair interacts: the effects of removing its two units add up"]) is expected


@pytest.mark.parametrize(("regression", "expected"), [(False, True), (True, False)])
def test_small_outputs_of_a_regression_have_small_interactions(regression, expected):
    found = made_up([0, 0.1 * _ROUNDING, 0], np.full(4, 0.2 * _ROUNDING))
    output = np.array([0.0, -0.09])
    explanation = replace(found.explanation, regression=regression, probabilities=output, target=1)
    assert replace(found, explanation=explanation).is_additive is expected
    rounded = replace(explanation, probabilities=np.array([0.0, -0.11]))
    assert replace(found, explanation=rounded).is_additive


def test_faint_pairs_are_not_drawn():
    found = made_up([-2, 2 * _FAINT, -1.99 * _FAINT, 1, 0, 0])
    assert [arc.value for arc in found._diagram().arcs] == [-2, 1, 2 * _FAINT]
    assert 0.01 < _FAINT < 0.2
    small = made_up([-0.2, 0.2 * _FAINT, -0.19 * _FAINT])
    assert [arc.value for arc in small._diagram().arcs] == [-0.2, 0.2 * _FAINT]


def test_only_the_strongest_pairs_are_shown(monkeypatch):
    monkeypatch.setattr(display, "SHOWN", 2)
    found = made_up([0.5, -3, 2, 2, 0, 0])
    assert found.order.tolist() == [1, 2, 3, 0, 4, 5]
    assert [arc.value for arc in found._diagram().arcs] == [-3, 2]
    assert found._table()[0]["interaction"].tolist() == [-3, 2]
    assert found._sentences(ARCS)[-1] == "the 2 strongest of 6 pairs"


def test_the_table_of_second_differences():
    """The pairs are (0, 1), (0, 2), (0, 3), (1, 2), (1, 3) and (2, 3)."""
    frame, formats = made_up([0.5, -3, 2])._table()
    assert frame.to_dict("list") == {
        "first": ["good", "good", "good"],
        "second": ["bad", "end", "film"],
        "interaction": [-3, 2, 0.5],
        "without first": [1, 1, 1],
        "without second": [0.5, 0.25, -2],
        "without both": [1 + 0.5 - 3, 1 + 0.25 + 2, 1 - 2 + 0.5],
    }
    assert formats == dict.fromkeys(("interaction", "without first", "without second", "without both"), "+z#.3g")


def test_the_table_of_a_sampled_index_has_errors():
    frame, formats = made_up([0.5, -3, 2], index="shapley_taylor", draws=1200)._table()
    assert list(frame) == ["first", "second", "interaction", "error", "without first", "without second"]
    assert frame["error"].tolist() == [1 / 8, 2 / 8, 0]
    assert formats["error"] == "z#.2g"


def test_the_sentences_say_what_is_averaged_and_drawn():
    plain, taylor = made_up([0.5, -3, 2]), made_up([0.5, -3, 2], index="shapley_taylor", draws=1200)
    assert "on average" not in plain._sentences(ARCS)[0]
    assert plain._sentences(ARCS)[0].startswith("solid arcs: ")
    assert plain._sentences(ARCS)[-1] == "the 3 strongest of 3 pairs"
    assert taylor._sentences(ARCS)[0] == plain._sentences(ARCS)[0] + ", on average over what else is removed"
    assert taylor._sentences(ARCS)[-1] == ("the 3 strongest of 3 pairs; from 1,200 random orders, with standard errors")
    assert made_up([1], draws=5)._sentences(ARCS)[-1] == "the only pair; from 5 random orders, with standard errors"
    assert made_up([])._sentences(ARCS) == ["the text has fewer than two units: there are no pairs"]
    assert made_up([])._table()[0].empty


def test_the_title_counts_the_pairs_and_names_the_index():
    assert made_up([1, 2, 3])._title.startswith("second differences of 3 pairs of words, for ")
    assert made_up([1], index="shapley_interaction")._title.startswith(
        "Shapley interaction indices of 1 pair of words, for "
    )
    assert repr(made_up([1])).startswith("Interactions(1 pair, index='second_difference', strongest: 'good' 'film' +1")
    assert repr(made_up([1, -2.5])) == "Interactions(2 pairs, index='second_difference', strongest: 'good' 'bad' -2.5)"
    assert repr(made_up([])) == "Interactions(0 pairs, index='second_difference', strongest: none)"
    tokens = explainer("fasttext").interactions("good film", "loo", unit="token")
    assert "of 1 pair of tokens, for " in tokens._title


def test_a_notebook_shows_the_page_that_is_returned():
    found = made_up([0.5, -3, 2])
    assert found._repr_html_() == found.to_html()
    assert "<svg" in found.to_html()
