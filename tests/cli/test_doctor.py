"""What `hf-gradexplain doctor` runs, prints and returns, with results that are made up."""

import json
from types import SimpleNamespace

import pandas as pd
import pytest

from hf_gradexplain.cli import main
from hf_gradexplain.commands.recommend import Recommendation
from hf_gradexplain.probing.report import Check, Report

GOOD, BAD = Check("head", "3 labels", "ok", "nothing"), Check("padding", "changes scores", "problem", "fix it")
TABLE = pd.DataFrame({"method": ["loo"], "aopc": [0.5], "ci_low": [0.4], "ci_high": [0.6], "vs_random": ["above"]})


@pytest.fixture
def doctor(monkeypatch, capsys):
    """Run the command on made-up results; return its exit code, its output and what it ran."""

    def run(*flags, checks=(GOOD,), method="loo"):
        ran = []
        sanity = SimpleNamespace(report=lambda: (BAD,), to_dict=lambda: {"passed": 1})

        def recommend(engine, texts, seed, problem_type, *, progress):
            ran.append(("recommend", texts, seed, progress))
            return Recommendation(TABLE.assign(vs_loo=""), method, "use loo")

        def check(engine, texts, seed, problem_type, *, progress):
            ran.append(("check", texts, seed, progress))
            return sanity

        def load(dataset, seed):
            ran.append(("load", dataset.max_samples, seed))
            return None if dataset.dataset_name is None else "texts"

        monkeypatch.setattr("hf_gradexplain.commands.doctor.diagnose", lambda *a, **b: (Report("m", checks), "engine"))
        monkeypatch.setattr("hf_gradexplain.commands.recommend.load_sample", load)
        monkeypatch.setattr("hf_gradexplain.commands.recommend.recommend_method", recommend)
        monkeypatch.setattr("hf_gradexplain.commands.sanity.check_methods", check)
        return main(["doctor", "org/model", *flags]), capsys.readouterr().out, ran

    return run


def test_without_texts_only_the_checks_are_run(doctor):
    code, shown, ran = doctor("--seed", "3")
    assert (code, ran) == (0, [("load", 50, 3)])
    assert "3 labels" in shown
    assert doctor("--format", "quiet") == (0, "", [("load", 50, 0)])
    assert json.loads(doctor("--format", "json")[1]).keys() == {"model", "ok", "checks"}


def test_a_problem_is_printed_and_ends_with_one(doctor):
    for form in ("human", "json", "quiet"):
        code, shown, ran = doctor("--dataset_name", "d", "--full", "--format", form, checks=(GOOD, BAD))
        assert (code, len(ran)) == (1, 1)
        assert "padding" in shown
        assert ("head" in shown) == (form != "quiet")


def test_with_texts_a_method_is_recommended(doctor):
    asked = ("--dataset_name", "d", "--max_samples", "7")
    code, shown, ran = doctor(*asked)
    assert (code, ran) == (0, [("load", 7, 0), ("recommend", "texts", 0, True)])
    assert "use loo" in shown
    assert "How faithful each method is on this model" in shown
    code, shown, ran = doctor(*asked, "--format", "quiet")
    assert (code, shown, ran[1]) == (0, "loo\n", ("recommend", "texts", 0, False))
    assert doctor(*asked, "--format", "quiet", method=None)[1] == "\n"
    assert json.loads(doctor(*asked, "--format", "json")[1])["recommendation"]["method"] == "loo"


def test_full_checks_run_by_request_with_texts_or_without(doctor):
    code, shown, ran = doctor("--full")
    assert (code, ran[1:]) == (0, [("check", None, 0, True)])
    assert "changes scores" in shown
    code, shown, ran = doctor("--full", "--dataset_name", "d", "--format", "quiet")
    assert (code, shown) == (0, "padding\nloo\n")
    assert ran[1:] == [("recommend", "texts", 0, False), ("check", "texts", 0, False)]
    record = json.loads(doctor("--full", "--format", "json")[1])
    assert (record["sanity"], "recommendation" in record) == ({"passed": 1}, False)
