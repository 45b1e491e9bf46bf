"""The draws of an explanation are continued from where they stopped, also from a file."""

from contextlib import nullcontext
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from hf_gradexplain.attribution.masking.budget import Budget, Means
from hf_gradexplain.attribution.masking.game import Earlier
from hf_gradexplain.attribution.masking.shapley import sampled_values
from hf_gradexplain.attribution.methods import METHODS
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.explainer.refining import _check_same, _check_single
from hf_gradexplain.explanation import Explanation, Explanations
from hf_gradexplain.explanation.classes import SIDES
from tests.helpers.games import Table, random_game
from tests.helpers.nli import nli_explainer
from tests.helpers.tiny import CORPUS, explainer

SHAPLEY = "shapley"
TEXT = CORPUS[0]
"""Of 10 units."""

ALL = {"max_error": 0.0}
"""Use all of `max_evals`."""


def assert_same(found, expected):
    assert list(found.scores) == list(expected.scores)
    for name in expected.sampling:
        assert found[name] == pytest.approx(expected[name], rel=1e-9, abs=1e-12)
        assert found.sampling[name].errors == pytest.approx(expected.sampling[name].errors, rel=1e-6, abs=1e-12)
        assert found.sampling[name].draws == expected.sampling[name].draws
        assert found.sampling[name].copies == expected.sampling[name].copies + 1


@pytest.mark.parametrize(
    ("few", "many", "suffix", "asked"),
    [
        (300, 700, "json", {}),  # draws of four orders
        (100, 280, "json", {}),  # draws of two orders
        (300, 700, "parquet", {"target": "all"}),
        (300, 700, "json", {"target": 1, "against": "rest", "seed": 5}),
        (300, 700, "jsonl", {"target": "all", "against": "runner_up"}),
    ],
    ids=["four orders", "two orders", "all classes", "contrast", "contrasts"],
)
def test_further_draws_are_those_of_a_larger_budget(few, many, suffix, asked, tmp_path):
    explain = explainer("textcnn")
    first = explain(TEXT, SHAPLEY, max_evals=few, **ALL, **asked)
    assert first.sampling[SHAPLEY].draws in (5, 8)
    path = tmp_path / f"first.{suffix}"
    if suffix == "json":
        first.save(path)
        first = Explanation.load(path)
    else:
        Explanations([first]).save(path)
        (first,) = Explanations.load(path)
    found, expected = explain.refine(first, many), explain(TEXT, SHAPLEY, max_evals=many, **ALL, **asked)
    assert expected.sampling[SHAPLEY].draws > first.sampling[SHAPLEY].draws
    assert len(found.classes) == len(expected.classes)
    for one, other in zip(found.by_class().values(), expected.by_class().values(), strict=True):
        assert_same(one, other)
    assert found.self_check[SHAPLEY].top == expected.self_check[SHAPLEY].top


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ((TEXT, "a bad film"), {"unit": "token"}),
        (TEXT, {"units": [(0, 8), (9, 11), (12, 16), (17, 24), (25, 28), (29, 31), (32, 38)]}),
    ],
    ids=["pair", "given units"],
)
def test_pairs_and_given_units_are_read_as_before(text, asked):
    explain = explainer("textcnn")
    first = explain(text, SHAPLEY, max_evals=60, **ALL, **asked)
    assert_same(explain.refine(first, 110), explain(text, SHAPLEY, max_evals=110, **ALL, **asked))


def test_four_times_the_copies_are_drawn_by_default():
    explain = explainer("textcnn")
    first = explain(TEXT, SHAPLEY, max_evals=100, **ALL)
    ran = first.sampling[SHAPLEY].copies
    found, expected, more = explain.refine(first), explain.refine(first, 4 * ran), explain.refine(first, 5 * ran)
    assert (found.scores[SHAPLEY] == expected.scores[SHAPLEY]).all()
    assert found.sampling[SHAPLEY].copies == expected.sampling[SHAPLEY].copies < more.sampling[SHAPLEY].copies


def test_it_stops_where_a_call_would_have_stopped():
    explain, stop = explainer("textcnn"), {"max_error": 0.08}
    first = explain(TEXT, SHAPLEY, max_evals=300, **stop)
    expected = explain(TEXT, SHAPLEY, max_evals=1000, **stop)
    assert 8 == first.sampling[SHAPLEY].draws < expected.sampling[SHAPLEY].draws < 27
    assert_same(explain.refine(first, 1000, **stop), expected)
    sure = explain.refine(first, 1000, max_error=0.9)
    assert sure.sampling[SHAPLEY] == first.sampling[SHAPLEY]
    told = explain.refine(first, 1000, tell_apart=1)
    assert told.told_apart(most=1) == 1 or told.sampling[SHAPLEY].draws == 27


def test_parts_with_control_variates_are_joined():
    """A BERT has no shortcut: each part of the draws is corrected by itself."""
    bert = explainer("bert")
    first = bert(TEXT, (SHAPLEY, "loo"), max_evals=300, self_check=False, **ALL)
    found = bert.refine(first, 900)
    exact = bert(TEXT, SHAPLEY, max_evals=1023)
    assert exact.sampling[SHAPLEY].draws == 0
    assert found.sampling[SHAPLEY].draws == bert(TEXT, SHAPLEY, max_evals=900, **ALL).sampling[SHAPLEY].draws
    assert found[SHAPLEY].sum() == pytest.approx(exact[SHAPLEY].sum(), rel=1e-9)
    before, after = first.sampling[SHAPLEY].errors, found.sampling[SHAPLEY].errors
    assert np.square(after).sum() < 0.6 * np.square(before).sum()
    assert (np.abs(found[SHAPLEY] - exact[SHAPLEY]) < 5 * after).all()
    assert found["loo"].tolist() == first["loo"].tolist()
    assert not found.self_check
    most = first.sampling[SHAPLEY].copies + 1023
    assert bert.refine(first, most)[SHAPLEY] == pytest.approx(exact[SHAPLEY], rel=1e-9)  # all sets of units
    assert bert.refine(first, most - 1).sampling[SHAPLEY].draws > 0
    assert bert.refine(exact) is exact


def test_the_means_behind_an_estimate_are_those_that_gave_it():
    draws = np.random.default_rng(0).normal(size=(9, 2, 4))
    means = Means.of(draws)
    back = Means.behind(means.estimate)
    assert (back.count, back.mean.tolist()) == (9, means.mean.tolist())
    assert back.squares == pytest.approx(means.squares)
    one = Means.behind(Means.of(draws[:1]).estimate)
    joined = one + Means.of(draws[1:])
    assert joined.errors == pytest.approx(draws.std(0, ddof=1) / 3)


def orders_of(numbers):
    """The first orders of draws, which come in pairs."""
    orders = [np.random.default_rng([0, *f"shapley {n - n % 2}".encode()]).permutation(10) for n in numbers]
    return [np.roll(order, 5 * (n % 2)) for n, order in zip(numbers, orders, strict=True)]


def test_classes_of_different_draws_go_on_with_the_same_further_draws():
    table = np.stack([random_game(10, seed=k, effects=4) for k in (0, 1)])
    found = {}
    for k, draws in ((0, 4), (1, 7)):
        budget = Budget(1 + 18 * draws, max_error=0)
        found[k] = sampled_values(Table(table[k]), budget)
        assert found[k].draws == draws

    class Both(Table):
        classes = property(lambda self: [0, 1])

    game = Both(table)
    joined = sampled_values(game, Budget(18 * 10 + 2, max_error=0), Earlier(found, 1 + 18 * 7))
    assert joined.draws.tolist() == [7, 10]
    assert game.copies == 1 + 18 * 3
    for k, numbers in ((0, [0, 1, 2, 3, 7, 8, 9]), (1, range(10))):
        draws = []
        for order in orders_of(numbers):
            scores = np.zeros((2, 10))
            for way, units in enumerate((order, order[::-1])):
                removed = np.cumsum([0, *(1 << units)])
                scores[way, units] = np.diff(table[k][removed])
            draws.append(scores.mean(0))
        assert joined.scores[k] == pytest.approx(np.mean(draws, 0))
        assert joined.errors[k] == pytest.approx(np.std(draws, 0, ddof=1) / np.sqrt(len(draws)))


def test_what_cannot_be_refined_is_refused():
    explain = explainer("textcnn")
    first = explain(TEXT, SHAPLEY, max_evals=300, **ALL)
    ran = first.sampling[SHAPLEY].copies
    for refused, arguments, message in (
        (first, {"max_evals": ran}, f"max_evals must be larger than the {ran} copies of the text that ran already"),
        (explain(TEXT, ("loo", "random")), {}, r"no method of this explanation can continue its draws \(loo"),
        (replace(first, text=TEXT.replace("good", "fine")), {}, r"another model, text or options \(different units"),
    ):
        with pytest.raises(GradexplainError, match=message):
            explain.refine(refused, **arguments)
    with pytest.raises(GradexplainError, match=r"another model, text or options \(different .*probabilities"):
        explainer("bert").refine(first)
    long = explainer("bert")("the film is bad " * 20, SHAPLEY, stride=8, max_evals=300, max_error=0.0, self_check=False)
    assert len(long.windows) == 3
    with pytest.raises(GradexplainError, match=r"\(different units, truncated_at, windows, unread, probabilities\)"):
        explainer("bert").refine(long)


def test_a_method_that_another_process_registered_is_named_unless_another_one_can_be_refined(monkeypatch):
    explain = explainer("textcnn")
    monkeypatch.setitem(METHODS, "my_own", METHODS[SHAPLEY])
    alone, both = (explain(TEXT, methods, max_evals=300, **ALL) for methods in ("my_own", ("my_own", SHAPLEY)))
    monkeypatch.delitem(METHODS, "my_own")
    message = r"^the method 'my_own' of this explanation is not registered in this process: call register first$"
    with pytest.raises(GradexplainError, match=message):
        explain.refine(alone)
    refined = explain.refine(both, 600)
    assert (refined["my_own"] == both["my_own"]).all()
    assert (refined[SHAPLEY] != both[SHAPLEY]).any()


def test_draws_keep_the_number_of_their_orders():
    """A larger budget alone would have had draws of four orders."""
    explain = explainer("textcnn")
    first = explain(TEXT, SHAPLEY, max_evals=100, **ALL)
    found = explain.refine(first, 700)
    assert (first.sampling[SHAPLEY].draws, found.sampling[SHAPLEY].draws) == (99 // (2 * 9), 699 // (2 * 9))
    assert found.sampling[SHAPLEY].copies == 38 * 2 * 9 + 2
    again = explain.refine(found, 1020)
    assert again.sampling[SHAPLEY].draws == (1020 - 3) // (2 * 9)


@pytest.mark.parametrize("share", [None, 0.5])
def test_the_self_check_removes_as_many_units_as_before(share):
    explain = explainer("textcnn")
    first = explain(TEXT, SHAPLEY, max_evals=100, self_check_share=share, **ALL)
    found = explain.refine(first, 300)
    assert len(found.self_check[SHAPLEY].top) == len(first.self_check[SHAPLEY].top)
    assert len(found.self_check[SHAPLEY].top) == (3 if share is None else round(10 * share))


@pytest.mark.parametrize(
    ("dtype", "near", "far"), [("float64", 0.0005, 0.01), ("float32", 0.0005, 0.01), ("bfloat16", 0.03, 0.2)]
)
def test_probabilities_may_differ_by_rounding_only(dtype, near, far):
    before = replace(explainer("fasttext")(TEXT, ("loo",)), dtype=dtype, probabilities=np.array([0.5, 0.25, 0.25]))
    for shift, refused in ((near, False), (-near, False), (far, True), (-far, True)):
        now = replace(before, probabilities=before.probabilities + np.array([shift, -shift, 0]))
        with pytest.raises(GradexplainError, match="probabilities") if refused else nullcontext():
            _check_same(before, now)


def of_ranking():
    explain = explainer("bert", "regression")
    return explain, explain.rank("good film", [TEXT, "bad"], SHAPLEY, max_evals=60).why()


def of_preference(side):
    explain = explainer("bert", "regression")
    return explain, getattr(explain.prefer(TEXT, "bad film", SHAPLEY, max_evals=60), side)


def of_zero_shot(labels):
    explain = nli_explainer("bart")
    return Explainer(explain.model, explain.tokenizer), explain(TEXT, labels, methods=SHAPLEY, max_evals=60)


@pytest.mark.parametrize(
    ("make", "what", "call"),
    [
        (of_ranking, "one by Ranking.why", "rank"),
        (partial(of_preference, "chosen"), "that of a side of a Preference", "prefer"),
        (partial(of_preference, "rejected"), "that of a side of a Preference", "prefer"),
        (partial(of_zero_shot, ["good", "a bad film", "music"]), "one by a ZeroShotExplainer", "that explainer"),
        (partial(of_zero_shot, "good"), "one by a ZeroShotExplainer", "that explainer"),
    ],
    ids=["ranking", "chosen", "rejected", "zero-shot", "one label"],
)
def test_what_is_not_of_a_single_text_is_refused(make, what, call, tmp_path):
    explain, found = make()
    found.save(tmp_path / "found.json")
    for explanation in (found, Explanation.load(tmp_path / "found.json")):
        with pytest.raises(GradexplainError) as caught:
            explain.refine(explanation)
        assert str(caught.value) == (
            f"refine takes the explanation of a single text, not {what}: for smaller standard errors, call {call} "
            "with a larger max_evals"
        )


def test_classes_may_be_called_as_the_sides_of_a_preference():
    explain = explainer("textcnn")
    given = Explainer(explain.model, explain.tokenizer, class_names=["chosen", "rejected", "x"])
    first = given(TEXT, SHAPLEY, target="chosen", against="rejected", max_evals=300, **ALL)
    two = replace(first, class_names=SIDES)
    assert two.is_side
    _check_single(two, 3)
    assert not first.is_side
    assert given.refine(first, 700).sampling[SHAPLEY].draws > first.sampling[SHAPLEY].draws


def test_the_second_text_of_a_pair_may_hold_a_name_of_a_class():
    first = explainer("textcnn")((TEXT, "LABEL_0"), SHAPLEY, max_evals=300, **ALL)
    _check_single(first, 3)
    with pytest.raises(GradexplainError, match="ZeroShotExplainer"):
        _check_single(replace(first, class_names=("LABEL_0",)), 3)


def test_an_empty_second_text_is_no_list_of_labels():
    first = explainer("textcnn")((TEXT, ""), SHAPLEY, max_evals=300, **ALL)
    _check_single(replace(first, class_names=()), 3)
