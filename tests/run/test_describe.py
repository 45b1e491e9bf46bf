"""Facts and cautions about a run, for readers."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from hf_gradexplain.evaluation.extra_measures import Measures
from hf_gradexplain.hub.provenance import Provenance
from hf_gradexplain.options import Options
from hf_gradexplain.perturb import Shortcut
from hf_gradexplain.run import describe
from hf_gradexplain.run.describe import _baseline, _copies, _grid, cautions, run_facts, run_settings

COUNTS = {
    "documents": 1200,
    "labelled": 900,
    "predicted_right": 600,
    "truncated": 3,
    "without_units": 2,
    "saturated": 1,
}

ENGINE = SimpleNamespace(profile=SimpleNamespace(raw_sums_work=True), model=None)


@pytest.fixture(autouse=True)
def one_file(monkeypatch):
    documents = [(0, SimpleNamespace(dtype="float32"))]
    monkeypatch.setattr(describe, "read_explanations", lambda path, limit: documents)
    monkeypatch.setattr(describe, "baselines_of", lambda profile, options: {"loo": "zero", "sa": "mean", "x": "mean"})


def facts(options=None, measures=None, counts=COUNTS, **more):
    engine = SimpleNamespace(profile=None, shortcut=lambda options: Shortcut())
    given = {"model": "m", "data": "d", "provenances": {}} | more
    return run_facts(engine, options or Options(("loo",)), measures or Measures(), counts, [Path("a")], **given)


def test_the_facts_of_a_plain_run():
    assert facts() == {
        "Model": "m",
        "Data": "d",
        "Texts": "1,200",
        "Accuracy on them": "0.6667",
        "Truncated": "3 of 1,200",
        "Without any unit": "2 of 1,200",
        "Saturated": "1 of 1,200",
        "Unit": "word",
        "Objective": "loss",
        "Target": "predicted",
        "Baseline": "zero; mean for sa and x",
        "Ties": "random",
        "Computed in": "float32",
        "Curves": "exact at every k",
        "Seed": "0",
    }


def test_the_facts_that_only_some_runs_have():
    options = Options(
        ("shapley",), against="b", mask="deletion", tokenizer_kwargs="max_length=7", stride=5, pool="max", seed=3
    )
    origins = {"model": Provenance("m", "aa"), "dataset": Provenance("/d")}
    found = facts(options, sample="a sample", provenances=origins, counts=COUNTS | {"labelled": 0})
    expected = {
        "Commit of the model": "aa", "Texts": "1,200 (a sample)", "Accuracy on them": "–", "Against": "b",
        "Objective": "contrast", "Mask": "deletion", "Tokenizer": "max_length=7", "Seed": "3",
        "Windows": "stride 5, max of their logits",
        "Masked copies drawn": "up to 2,000 per text, or until a standard error of 5% of the largest score",
    }  # fmt: skip
    assert found.items() >= expected.items()
    assert "Commit of the dataset" not in found


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (Options(("loo", "signed_gi")), None),
        (
            Options(("loo", "shapley"), max_evals=1234, max_error=0.1),
            "up to 1,234 per text, or until a standard error of 10%",
        ),
        (Options(("shapley",), tell_apart=4), "up to 2,000 per text, or until the top 4 units are told apart"),
    ],
)
def test_copies_that_are_drawn(options, said):
    found = _copies(options)
    assert list(found) == ([] if said is None else ["Masked copies drawn"])
    assert said is None or found["Masked copies drawn"].startswith(said)


@pytest.mark.parametrize(
    ("shortcut", "grid", "said"),
    [
        (Shortcut(), (), "exact at every k"),
        (Shortcut(removal_curves=print), (1, 5), "exact at every k"),
        (Shortcut(), (5, 1, 5), "exact at k = 1, 5; straight lines between; AOPC(K) up to K = 5"),
    ],
)
def test_where_curves_are_exact(shortcut, grid, said):
    assert _grid(shortcut, Measures(k_grid=grid)) == said


def test_baselines_of_methods_that_use_another_one():
    assert _baseline("zero", {"loo": "zero", "lime": "deletion"}) == "zero"
    assert _baseline("zero", {"a": "mean", "b": "pad", "c": "mean"}) == "zero; mean for a and c; pad for b"


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ([], None),
        ([3], "1 text was left out, so no number counts it. Row 3: nan."),
        (range(2), "2 texts were left out, so no number counts them. Rows 0, 1: nan."),
        (range(10), "10 texts were left out, so no number counts them. Rows 0, 1, 2, 3, 4, 5, 6, 7, 8, 9: nan."),
        (range(11), "11 texts were left out, so no number counts them. Rows 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ...: nan."),
    ],
)
def test_rows_that_were_left_out(monkeypatch, numbers, said):
    monkeypatch.setattr(describe, "read_left_out", lambda path: dict.fromkeys(reversed(numbers), "nan"))
    assert list(cautions(ENGINE, Options(("loo",)), [Path("a")])) == ([] if said is None else [said])


@pytest.mark.parametrize(("n", "more"), [(3, ""), (4, " 1 other reason."), (5, " 2 other reasons.")])
def test_texts_are_left_out_for_their_own_reasons(monkeypatch, n, more):
    """Of two files, in the order of the rows; a long reason is cut, and stays on one line."""
    reasons = {1: "the text has\n9 tokens", 2: "x" * 300, 3: "scores are not finite", 4: "b", 5: "c"}
    files = {"a": {3: reasons[3], 13: reasons[1]}, "b": {i: reasons[i] for i in range(1, n + 1) if i != 3}}
    monkeypatch.setattr(describe, "read_left_out", lambda path: files[path.name])
    (said,) = cautions(ENGINE, Options(("loo",)), [Path("a"), Path("b")])
    first, _, rest = said.partition(" Row 2: ")
    assert first == f"{n + 1} texts were left out, so no number counts them. Rows 1, 13: the text has 9 tokens."
    assert rest == f"{'x' * 199}…. Row 3: scores are not finite.{more}"


@pytest.mark.parametrize(("method", "work", "n"), [("sa_raw", False, 1), ("sa_raw", True, 0), ("loo", False, 0)])
def test_raw_sums_that_do_not_work_are_warned_of(monkeypatch, method, work, n):
    monkeypatch.setattr(describe, "read_left_out", lambda path: {})
    monkeypatch.setattr(describe, "raw_sum_warning", lambda model: "warning")
    engine = SimpleNamespace(profile=SimpleNamespace(raw_sums_work=work), model=None)
    assert list(cautions(engine, Options((method,)), [])) == ["warning."] * n


def test_the_settings_are_the_options_and_the_measures():
    engine = SimpleNamespace(head=lambda options: ("head", options.seed))
    settings = run_settings(engine, Options(seed=3), Measures(k_grid=(1, 2)))
    assert settings["head"] == ("head", 3)
    assert (settings["seed"], settings["k_grid"], settings["beam_size"], settings["unit"]) == (3, (1, 2), 5, "word")
