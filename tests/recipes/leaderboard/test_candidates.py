"""The candidates, and how many passes methods take."""

from itertools import combinations

import numpy as np
import pytest

from hf_gradexplain.attribution.methods import METHODS, is_complete
from recipes.leaderboard.candidates import CANDIDATES, EXTRA, WITH_COPIES, passes, register_candidates
from tests.helpers.tiny import TEXTS, explainer


@pytest.fixture
def _registered(monkeypatch):
    for name in EXTRA:
        monkeypatch.setitem(METHODS, name, METHODS["random"])
        monkeypatch.delitem(METHODS, name)
    register_candidates()


@pytest.mark.usefixtures("_registered")
def test_passes_are_those_that_the_model_makes():
    """The rows that go through the classification head, without the plain and the fully masked text.

    Those of partition_shapley depend on the clauses of the text.
    """
    explain, rows = explainer("bert"), []
    handle = explain.model.classifier.register_forward_hook(lambda module, inputs, output: rows.append(len(output)))
    try:
        for name in METHODS.keys() - WITH_COPIES.keys() - {"partition_shapley"}:
            rows.clear()
            (explanation,) = explain([TEXTS[0]], name, "word_type")
            source, most = METHODS[name].source, passes(name, len(explanation.units))
            made = sum(rows) - (0 if source.graph else 1) - is_complete(METHODS[name])
            assert 0 < made <= most + 1 if source.sampled else made == most, name
    finally:
        handle.remove()


@pytest.mark.usefixtures("_registered")
def test_candidates_differ_from_each_other_and_from_the_methods_whose_rules_they_follow():
    scores = explainer("bert")([TEXTS[0]], (*CANDIDATES, "attn_lrp", "cp_lrp"), "word_type")[0].scores
    vectors = np.stack([x / np.abs(x).max() for x in scores.values()])
    for i, j in combinations(range(len(vectors)), 2):
        assert np.abs(vectors[i] - vectors[j]).max() > 1e-3, (list(scores)[i], list(scores)[j])


@pytest.mark.usefixtures("_registered")
def test_methods_with_a_number_of_copies_use_them_all():
    """As many as fit, and perhaps the one without any unit: shapley runs whole walks, and what is exact fewer."""
    names = [name for name in WITH_COPIES if name.endswith("_200")]
    (explanation,) = explainer("bert")(
        ["a fine film and a dull one , not good , bad or long"], names, "word", max_error=0.9
    )
    assert len(explanation.units) > 8
    for name in names:
        sampling = explanation.sampling[name]
        assert sampling.copies <= 200
        assert sampling.exact or sampling.copies > 200 - 4 * len(explanation.units), name


def test_a_candidate_that_has_become_a_method_is_left_alone(monkeypatch):
    monkeypatch.setitem(METHODS, "ig_cp_3", METHODS["loo"])
    for name in EXTRA:
        if name != "ig_cp_3":
            monkeypatch.setitem(METHODS, name, METHODS["random"])
    register_candidates()
    assert METHODS["ig_cp_3"] is METHODS["loo"]
