"""Default measures by their cost, and the validation of measures."""

import pytest
from datasets import Dataset

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation import evaluate
from hf_gradexplain.evaluation.extra_measures import Measures, default_measures
from hf_gradexplain.options import Options
from hf_gradexplain.perturb import GENERIC, SHORTCUTS, Shortcut, fasttext, shortcut_of
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
def test_cheap_measures_are_on_by_default(kind, expected):
    assert default_measures(shortcut_of(make(kind)[0])) == expected


def test_a_shortcut_without_curves_does_not_make_curves_cheap(monkeypatch):
    model = make("fasttext")[0]
    monkeypatch.setitem(SHORTCUTS, type(model), Shortcut(fasttext.leave_one_out))
    assert default_measures(shortcut_of(model)) == Measures(random_orders=2)


def test_given_choices_are_kept():
    given = {"random_orders": 5, "both_ends": True, "bounds": True, "beam_size": 3, "ties": "position"}
    assert default_measures(GENERIC, **given) == Measures(**given)
    none = {"random_orders": 0, "both_ends": False, "bounds": False}
    assert default_measures(shortcut_of(make("fasttext")[0]), **none) == Measures()


@pytest.mark.parametrize("n", [-1, 1])
def test_a_spread_needs_two_orders(n):
    with pytest.raises(
        GradexplainError, match=f"random_orders is {n}, but a spread needs two orders: choose 2 or more, or 0"
    ):
        Measures(random_orders=n)


def test_a_grid_holds_no_negative_numbers():
    with pytest.raises(
        GradexplainError, match="k_grid contains -2, but it lists numbers of removed units: choose 0 or more"
    ):
        Measures(k_grid=(3, -2))


@pytest.mark.parametrize(("grid", "expected"), [((), [0, 0, 4, 9]), ((0, 1, 3, 3, 9), [0, 0, 2, 3])])
def test_steps_are_those_inside_of_a_curve(grid, expected):
    assert [Measures(k_grid=grid).steps(n) for n in (0, 1, 5, 10)] == expected


def test_normalised_aopc_needs_whole_curves():
    with pytest.raises(GradexplainError, match=r"^naopc needs the curves at every number of removed units: leave out"):
        default_measures(GENERIC, bounds=True, k_grid=(1, 2))
    assert default_measures(shortcut_of(make("textcnn")[0]), bounds=True, k_grid=(1, 2)).bounds


def test_ties_are_random_or_by_position():
    assert Measures().ties == "random"
    with pytest.raises(GradexplainError, match=r"unknown ties 'first'; choices: random, position"):
        Measures(ties="first")


def test_a_beam_keeps_at_least_one_set():
    with pytest.raises(GradexplainError, match="beam_size is 0, but a search keeps at least one set: choose 1 or more"):
        Measures(beam_size=0)
    assert Measures(beam_size=1).beam_size == 1


def test_orders_count_methods_both_ends_and_random_orders(monkeypatch):
    n_orders = []
    run = evaluate.removal_curves

    def counted(forward, ranks, steps):
        n_orders.append(len(ranks))
        return run(forward, ranks, steps)

    monkeypatch.setattr(evaluate, "removal_curves", counted)
    texts = Dataset.from_dict({"id": [0], "text": ["a good film"]})
    for measures in (Measures(), Measures(3), Measures(2, both_ends=True)):
        n_orders.clear()
        evaluate_texts(explainer("textcnn"), texts, Options(methods=("loo", "signed_gi")), measures)
        assert n_orders == [measures.orders(2)]
    assert Measures(2, both_ends=True).orders(7) == 16
