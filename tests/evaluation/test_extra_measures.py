"""What is measured by default, by what it costs."""

import pytest
from datasets import Dataset

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation import evaluate
from hf_gradexplain.evaluation.extra_measures import Measures, default_measures
from hf_gradexplain.options import Options
from hf_gradexplain.perturb import SHORTCUTS, Shortcut, fasttext
from hf_gradexplain.run.runner import evaluate_texts
from tests.helpers.tiny import explainer, make


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("fasttext", Measures(20, both_ends=True, bounds=False)),
        ("textcnn", Measures(20, both_ends=True, bounds=False)),
        ("bert", Measures(2, both_ends=False, bounds=False)),
    ],
)
def test_what_costs_little_is_measured(kind, expected):
    assert default_measures(make(kind)[0]) == expected


def test_half_a_short_cut_does_not_make_curves_cheap(monkeypatch):
    model = make("fasttext")[0]
    monkeypatch.setitem(SHORTCUTS, type(model), Shortcut(fasttext.leave_one_out))
    assert default_measures(model) == Measures(random_orders=2)


def test_what_is_asked_for_is_measured_whatever_it_costs():
    asked = {"random_orders": 5, "both_ends": True, "bounds": True, "beam_size": 3}
    assert default_measures(make("bert")[0], **asked) == Measures(**asked)
    none = {"random_orders": 0, "both_ends": False, "bounds": False}
    assert default_measures(make("fasttext")[0], **none) == Measures()


@pytest.mark.parametrize("n", [-1, 1])
def test_a_spread_needs_two_orders(n):
    with pytest.raises(GradexplainError, match=f"random_orders is 0, or 2 or more to have a spread, not {n}"):
        Measures(random_orders=n)


def test_a_grid_holds_no_negative_numbers():
    with pytest.raises(GradexplainError, match="k_grid holds numbers of removed units, 0 or more, not -2"):
        Measures(k_grid=(3, -2))


@pytest.mark.parametrize(("grid", "expected"), [((), [0, 0, 4, 9]), ((0, 1, 3, 3, 9), [0, 0, 2, 3])])
def test_steps_are_those_inside_of_a_curve(grid, expected):
    assert [Measures(k_grid=grid).steps(n) for n in (0, 1, 5, 10)] == expected


def test_a_beam_keeps_at_least_one_set():
    with pytest.raises(GradexplainError, match="beam_size is the number of sets that a search keeps, 1 or more, not 0"):
        Measures(beam_size=0)


def test_orders_are_those_of_the_methods_of_their_other_ends_and_of_chance(monkeypatch):
    seen = []
    run = evaluate.removal_curves

    def counted(forward, ranks, steps):
        seen.append(len(ranks))
        return run(forward, ranks, steps)

    monkeypatch.setattr(evaluate, "removal_curves", counted)
    texts = Dataset.from_dict({"id": [0], "text": ["a good film"]})
    for measures in (Measures(), Measures(3), Measures(2, both_ends=True)):
        seen.clear()
        evaluate_texts(explainer("textcnn"), texts, Options(methods=("loo", "signed_gi")), measures)
        assert seen == [measures.orders(2)]
    assert Measures(2, both_ends=True).orders(7) == 16
