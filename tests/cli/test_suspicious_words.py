"""`hf-gradexplain words --suspicious`: the model of a finished run is loaded, and words are tried on it."""

import json
from dataclasses import fields, replace
from inspect import signature
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest

from hf_gradexplain import Explainer
from hf_gradexplain.audit.words.words import find_words
from hf_gradexplain.cli import main
from hf_gradexplain.commands.evaluate import run_evaluation
from hf_gradexplain.commands.recipe_arguments import EvaluateRecipeArguments
from hf_gradexplain.commands.suspicious_words import suspicious_words_of
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.options.words import InsertionTest
from hf_gradexplain.run.finished_run import FinishedRun, open_run
from hf_gradexplain.run.folder import document_paths
from tests.helpers.moving_words import moving_explainer, texts_with_signs


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a model, and of a finished run of it."""
    folder = tmp_path_factory.mktemp("suspicious")
    explainer = moving_explainer()
    explainer.model.save_pretrained(folder / "model")
    explainer.tokenizer.save_pretrained(folder / "model")
    pd.DataFrame({"text": texts_with_signs()}).to_parquet(folder / "data.parquet")
    run_evaluation(
        EvaluateRecipeArguments(
            model_name_or_path=str(folder / "model"),
            dataset_name=str(folder / "data.parquet"),
            methods=("signed_gi",),
            target="predicted",
            random_orders=0,
            seed=5,
            output_dir=str(folder / "run"),
        )
    )
    return folder


@pytest.fixture
def suspicious(folder, capsys):
    """Run the command, and return what it printed."""

    def run(*flags):
        assert main(["words", str(folder / "run"), "--suspicious", "--n_texts", "20", *flags]) == 0
        return capsys.readouterr()

    return run


def test_the_table_is_that_of_python_with_the_seed_of_the_run(folder, suspicious):
    paths = document_paths(folder / "run")
    expected = moving_explainer().suspicious_words(paths, n_texts=20, seed=5)
    names = {"LABEL_0": "no", "LABEL_1": "yes"}
    printed = pd.read_csv(StringIO(suspicious("--top", "0", "--format", "csv").out)).replace({"class": names})
    pd.testing.assert_frame_equal(printed, expected.to_frame(), check_dtype=False)
    other = moving_explainer().suspicious_words(paths, n_texts=20, seed=6).to_frame()
    assert not other["rise"].equals(expected.to_frame()["rise"])
    records = json.loads(suspicious("--format", "json", "--top", "1").out)
    assert [row["word"] for row in records] == ["flag"]


def test_it_prints_a_table_and_says_what_it_means(suspicious, monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")
    printed = suspicious("--min_documents", "5", "--most", "3")
    assert "flag" in printed.out
    assert "100% [84%, 100%]" in printed.out
    assert "Judge yourself which of these words should change a prediction." in printed.err
    assert "1 of 3 words that were tried, of 4 candidates, flip texts" in printed.err
    assert suspicious("--format", "quiet").out == "LABEL_1\tflag\nLABEL_0\ttrap\n"


def refused(folder: Path, capsys, *flags):
    assert main(["words", str(folder), "--suspicious", *flags]) == 1
    return capsys.readouterr().err.removeprefix("hf-gradexplain: ").strip()


@pytest.mark.parametrize("flag", ["--margin=0.1", "--n_texts=9", "--most=9"])
def test_what_is_about_suspicious_words_needs_them(folder, capsys, flag):
    assert main(["words", str(folder / "run"), flag]) == 1
    name = flag.partition("=")[0]
    assert capsys.readouterr().err.endswith(f"{name} is about suspicious words: give --suspicious as well\n")


def test_the_help_tells_the_defaults_of_the_test(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")
    with pytest.raises(SystemExit):
        main(["words", "--help"])
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.strip()}
    for name in ("n_texts", "margin", "most"):
        assert lines[f"--{name}"].endswith(f"(default: {getattr(InsertionTest(), name)})")
    of_words, of_suspicious = signature(find_words).parameters, signature(Explainer.suspicious_words).parameters
    least = of_words["min_documents"].default, InsertionTest().min_documents
    assert lines["--min_documents"].endswith("(default: {}, or {} with --suspicious)".format(*least))
    for part in fields(InsertionTest):
        assert of_suspicious[part.name].default == part.default


def test_what_cannot_be_used_is_refused_in_a_sentence(folder, capsys, monkeypatch):
    run = folder / "run"
    assert refused(run, capsys, "--by", "label") == ("--by cannot be used with --suspicious: leave it out")
    assert refused(run, capsys, "--n_texts", "0") == "n_texts must be 1 or more, but is 0"
    monkeypatch.setattr(FinishedRun, "arguments", {})
    assert refused(run, capsys) == (
        f"the run in {run} does not name its model: in Python, "
        f"Explainer(model, tokenizer).suspicious_words({str(run)!r}) tries words on a model of your own"
    )


@pytest.mark.parametrize(("commits", "revision"), [({"model": "me/model@0a1b"}, "0a1b"), ({}, "main")])
@pytest.mark.parametrize(("noted", "dtype"), [({"dtype": "bfloat16"}, "bfloat16"), ({}, "float32")])
def test_the_model_is_loaded_at_the_commit_and_in_the_precision_of_the_run(
    folder, monkeypatch, commits, revision, noted, dtype
):
    """Runs of earlier versions do not note the precision."""
    run = open_run(folder / "run")
    run.arguments["model_revision"] = "main"
    assert run.arguments.pop("dtype") == "float32"
    run.arguments.update(noted)
    pinned = replace(run, record={**run.record, "inputs": {**run.record["inputs"], "commits": commits}})
    pinned.__dict__["arguments"] = run.arguments
    asked = []

    def load(name, revision, dtype):
        asked.append((revision, dtype))
        return moving_explainer()

    monkeypatch.setattr(AttributionEngine, "from_pretrained", load)
    suspicious_words_of(pinned, None, InsertionTest(n_texts=5, n_controls=10, most=1))
    assert asked == [(revision, dtype)]
