"""`hf-gradexplain compare`: what is printed and written, exit codes, and models that are evaluated first."""

import json
import shutil
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import torch
from transformers.utils import logging

from hf_gradexplain import Explainer, compare_runs
from hf_gradexplain.audit.compare.summary import summary_tables
from hf_gradexplain.audit.compare.thresholds import LIMITS, check
from hf_gradexplain.cli import main
from hf_gradexplain.commands import compare
from hf_gradexplain.commands.compare import split_revision
from hf_gradexplain.errors import GradexplainError
from tests.helpers.tiny import CORPUS, make

METHODS = ("loo", "signed_gi")


def another_model(seed):
    """A tiny TextCNN with other weights, and its tokenizer."""
    model, tokenizer = make("textcnn")
    torch.manual_seed(seed)
    for parameter in model.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    return model.float(), tokenizer


@pytest.fixture(scope="module")
def texts():
    words, rng = " ".join(CORPUS).split(), np.random.default_rng(0)
    return [" ".join(rng.choice(words, 8)) for _ in range(12)], rng.integers(0, 3, 12).tolist()


def evaluate(seed, texts, output_dir=None, **options):
    model, tokenizer = another_model(seed)
    explainer = Explainer(model, tokenizer)
    texts, labels = texts
    return explainer.evaluate(texts, METHODS, "word_type", labels, output_dir=output_dir, progress=False, **options)


@pytest.fixture(scope="module")
def folders(texts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for seed in range(2):
        evaluate(seed, texts, folder / f"run{seed}")
    return [str(folder / f"run{seed}") for seed in range(2)]


def test_it_prints_what_compare_runs_says(folders, capsys):
    expected = compare_runs(*folders)
    assert main(["compare", *folders]) == 0
    out = " ".join(capsys.readouterr().out.split())
    for sentence in expected.sentences:
        assert " ".join(sentence.split()) in out
    for caption, table in summary_tables(expected).items():
        assert caption in out
        assert str(table.iloc[0, 0]) in out
    assert main(["compare", *folders, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["a"], found["b"], found["checks"]) == ("run0", "run1", [])
    assert found["drift"][0]["drift"] == pytest.approx(expected.drift.loc[0, "drift"])
    assert main(["compare", *folders, "--format", "quiet"]) == 0
    assert capsys.readouterr().out == "pass\n"


def test_evaluations_in_memory_are_compared_as_their_folders(texts, folders):
    in_memory, on_disk = compare_runs(*(evaluate(seed, texts) for seed in range(2))), compare_runs(*folders)
    assert np.allclose(*(c.to_frame().select_dtypes(float) for c in (in_memory, on_disk)), equal_nan=True)
    assert in_memory.a.endswith("(1)")  # both have one title


def test_limits_decide_the_exit_code_and_the_junit_file(folders, tmp_path, capsys):
    drift = compare_runs(*folders).drift.set_index("method")["drift"]
    limits = [f"drift={drift['loo'] - 0.01}", "aopc=5", "predictions=1"]
    files = [tmp_path / "junit.xml", tmp_path / "summary.md"]
    arguments = ["compare", *folders, "--method", "loo", "--junit", str(files[0]), "--markdown", str(files[1])]
    assert main([*arguments, "--fail_on", *limits]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert f"FAIL: drift of the explanations: {drift['loo']:.4f}, more than" in out
    root = ElementTree.parse(files[0]).getroot()
    assert [root.get(name) for name in ("tests", "failures", "errors")] == ["3", "1", "0"]
    cases = {case.get("name"): case for case in root.iter("testcase")}
    assert list(cases) == ["drift", "aopc", "predictions"]
    assert [name for name, case in cases.items() if case.find("failure") is not None] == ["drift"]
    assert "more than" in cases["drift"].find("failure").get("message")
    assert "| drift | FAIL |" in files[1].read_text()
    assert main([*arguments, "--fail_on", *limits[1:]]) == 0
    assert ElementTree.parse(files[0]).getroot().get("failures") == "0"
    assert main([*arguments, "--fail_on", limits[0], "--format", "quiet"]) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("FAIL drift")


def test_every_limit_has_the_value_of_the_comparison(texts):
    a, *references, b = (evaluate(seed, texts) for seed in range(4))
    comparison = compare_runs(a, b, references)
    given = {name: 1.0 for name in LIMITS if name != "naopc"}
    checks = {each.name: each for each in check(comparison, given)}
    means = comparison.means.set_index(["measure", "method"])["difference"]
    assert checks["accuracy"].value == -means["accuracy", ""]
    assert checks["aopc"].value == -means["AOPC(10)", comparison.method]
    assert checks["words"].value == len(comparison.moved) == comparison.words["moved"].sum()
    assert checks["predictions"].value == 1 - comparison.counts["equal_predictions"] / 12
    for each in checks.values():
        limit = {each.name: each.value}
        assert check(comparison, limit)[0].ok
        assert not check(comparison, {each.name: each.value - 1e-6})[0].ok
    with pytest.raises(
        GradexplainError, match=r"^the limit 'naopc' needs runs with --naopc true: add this, or leave out"
    ):
        check(comparison, {"naopc": 0})


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("drift=a", "expected a limit such as drift=0.1, got 'drift=a': give a number"),
        ("drit=0.1", "unknown limit 'drit': did you mean 'drift'?"),
        ("words=0", "the limit 'words' needs --reference"),
    ],
)
def test_limits_that_cannot_be_used(folders, capsys, limit, said):
    assert main(["compare", *folders, "--fail_on", limit]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--fail_on", "words=0"], "the limit 'words' needs --reference"),
        (["--fail_on", "naopc=0"], "the limit 'naopc' needs runs with --naopc true"),
        (["--reference", "org/seed1"], "one reference cannot show"),
    ],
)
def test_nothing_is_evaluated_for_a_comparison_that_will_be_refused(folders, monkeypatch, capsys, flags, said):
    monkeypatch.setattr(compare, "run_evaluation", lambda arguments: pytest.fail("evaluated"))
    assert main(["compare", folders[0], "org/model", "--dataset_name", "data", *flags]) == 1
    assert said in capsys.readouterr().err


def test_names_of_strangers_do_not_control_the_terminal(folders, tmp_path, capsys):
    hostile = str(tmp_path / "a\x1b[31m")
    shutil.copytree(folders[0], hostile)
    assert main(["compare", hostile, folders[1]]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "a␛[31m" in out


def test_references_give_a_verdict(folders, capsys):
    assert main(["compare", *folders, "--reference", *folders]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "Against 3 seeds (3 pairs" in out
    assert "No verdict" not in out


def test_runs_that_cannot_be_compared(texts, folders, tmp_path, capsys):
    options = {"target": "predicted", "baseline": "mean", "k_grid": (1, 5), "ties": "position"}
    for name, value in options.items():
        other = evaluate(1, texts, tmp_path / name, **{name: value})
        with pytest.raises(GradexplainError, match=rf"^run0 and .* differ in {name}, .*: evaluate both with the same"):
            compare_runs(folders[0], other)
    shutil.copytree(folders[1], tmp_path / "other")
    (tmp_path / "other" / "results.json").unlink()
    assert main(["compare", folders[0], str(tmp_path / "other")]) == 1
    assert "is not finished: run the same command again to resume it" in capsys.readouterr().err
    assert main(["compare", folders[0], "org/model"]) == 1
    assert "org/model is not the output folder of a run: give one, or evaluate models with" in capsys.readouterr().err


def test_models_are_evaluated_with_the_flags_of_evaluate(folders, tmp_path, capsys, monkeypatch):
    given = []

    def run_evaluation(arguments):
        given.append(arguments)
        print("the summary of an evaluation")
        shutil.copytree(folders[1], arguments.output_dir)

    monkeypatch.setattr(compare, "run_evaluation", run_evaluation)
    texts = tmp_path / "texts.csv"
    texts.touch()
    flags = [
        "--file",
        str(texts),
        "--methods",
        "loo",
        "--unit",
        "word",
        "--max_samples",
        "7",
        "--output_dir",
        str(tmp_path),
    ]
    assert main(["compare", folders[0], "org/model@v1", *flags, "--format", "json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["b"] == "b"
    assert "the summary of an evaluation" in captured.err
    (arguments,) = given
    assert (arguments.model_name_or_path, arguments.model_revision) == ("org/model", "v1")
    assert (arguments.dataset_name, arguments.output_dir) == (str(texts), str(tmp_path / "b"))
    assert (arguments.methods, arguments.unit, arguments.target, arguments.max_samples) == (
        ("loo",),
        "word",
        "label",
        7,
    )


@pytest.mark.usefixtures("_loud")
@pytest.mark.parametrize(("form", "shown"), [("json", True), ("quiet", False)])
def test_quiet_hides_the_progress_of_other_libraries(folders, tmp_path, monkeypatch, form, shown):
    bars = []

    def run_evaluation(arguments):
        bars.append(logging.is_progress_bar_enabled())
        shutil.copytree(folders[1], arguments.output_dir)

    monkeypatch.setattr(compare, "run_evaluation", run_evaluation)
    (tmp_path / "texts.csv").touch()
    flags = ["--file", str(tmp_path / "texts.csv"), "--output_dir", str(tmp_path)]
    assert main(["compare", folders[0], "org/model", *flags, "--format", form]) == 0
    assert bars == [shown]


@pytest.mark.slow
def test_models_are_evaluated_first_and_resumed(texts, folders, tmp_path, capsys, monkeypatch):
    for seed in (0, 1):
        for part in another_model(seed):
            part.save_pretrained(tmp_path / f"model{seed}")
    names = list(another_model(0)[0].config.id2label.values())
    rows = {"text": texts[0], "label": [names[label] for label in texts[1]]}
    pd.DataFrame(rows).to_csv(tmp_path / "texts.csv", index=False)
    monkeypatch.chdir(tmp_path)
    command = ["compare", "model0", "model1", "--file", "texts.csv", "--methods", *METHODS, "--format", "json"]
    assert main(command) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert found["drift"][0]["drift"] == pytest.approx(compare_runs(*folders).drift.loc[0, "drift"], rel=1e-4)
    assert "Evaluating model0 in outputs/compare/a" in captured.err
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out)["drift"] == found["drift"]


def test_names_with_a_revision(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a@b").mkdir()
    assert split_revision("org/model@v1.0") == ("org/model", "v1.0")
    assert split_revision("org/model") == ("org/model", None)
    assert split_revision("a@b") == ("a@b", None)
