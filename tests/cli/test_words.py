"""`hf-gradexplain words`: the words of a finished run, grouped by a column of its dataset."""

import json
import sys
from dataclasses import asdict
from io import StringIO
from types import SimpleNamespace

import pandas as pd
import pytest
import yaml
from datasets import Dataset

from hf_gradexplain.audit.words.words import find_words
from hf_gradexplain.cli import main
from hf_gradexplain.cli.words import _print_rows, _print_tables
from hf_gradexplain.commands import words as words_of_runs
from hf_gradexplain.commands.evaluate import run_evaluation
from hf_gradexplain.commands.recipe_arguments import EvaluateRecipeArguments
from hf_gradexplain.commands.words import column_of
from hf_gradexplain.corpus import load_texts
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.documents import schema, write_documents
from hf_gradexplain.options import Options
from hf_gradexplain.run.finished_run import FinishedRun, open_run
from hf_gradexplain.run.folder import document_paths
from hf_gradexplain.run.runner import evaluate_texts
from tests.explainer.test_conversations import explainer as of_conversations
from tests.helpers.tiny import CORPUS, make

SOURCES = ["radio", None, "press", "press", "radio"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a model, a dataset and a finished run of three of its five rows."""
    folder = tmp_path_factory.mktemp("words")
    for part in make("fasttext"):
        part.save_pretrained(folder / "model")
    pd.DataFrame({"text": CORPUS, "label": [0, 1, 0, 1, 2], "source": SOURCES}).to_parquet(folder / "data.parquet")
    run_evaluation(
        EvaluateRecipeArguments(
            model_name_or_path=str(folder / "model"),
            dataset_name=str(folder / "data.parquet"),
            methods=("signed_gi", "loo"),
            unit="word_type",
            max_samples=4,
            output_dir=str(folder / "run"),
        )
    )
    return folder


@pytest.fixture
def words(folder, capsys):
    """Run the command, and return what it printed."""

    def run(*flags):
        assert main(["words", str(folder / "run"), "--min_documents", "1", *flags]) == 0
        return capsys.readouterr()

    return run


def test_the_table_of_all_words_is_that_of_python(folder, words):
    expected = find_words(document_paths(folder / "run"), min_documents=1).to_frame()
    missing = {name: [""] for name in expected.select_dtypes("number")}
    rows = StringIO(words("--top", "0", "--format", "csv").out)
    printed = pd.read_csv(rows, keep_default_na=False, na_values=missing)
    pd.testing.assert_frame_equal(printed, expected)
    records = json.loads(words("--top", "0", "--format", "json").out)
    assert [row["word"] for row in records] == expected["word"].tolist()
    assert records[0].keys() == set(expected.columns)


@pytest.mark.parametrize("is_terminal", [True, False])
def test_csv_controls_no_terminal_and_is_exact_in_a_file(is_terminal, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)
    rows = pd.DataFrame({"group": ["a\x9b", "b"], "word": ["\x1b[31mred", "x"], "n": [1, 2], "share": [0.5, None]})
    _print_rows(rows, "group", "csv")
    a, red = ("a\ufffd", "␛[31mred") if is_terminal else ("a\x9b", "\x1b[31mred")
    assert capsys.readouterr().out == f"group,word,n,share\n{a},{red},1,0.5\nb,x,2,\n"


def test_it_prints_a_table_per_class(folder, words, monkeypatch, tmp_path):
    monkeypatch.setattr("hf_gradexplain.audit.words.words.FALSE_DISCOVERY_RATE", 1.0)
    monkeypatch.setenv("COLUMNS", "120")
    printed = words(
        "--top", "2", "--by", "prediction", "--key", "lower", "--method", "loo", "--output", str(tmp_path / "x.svg")
    )
    expected = find_words(document_paths(folder / "run"), "loo", "prediction", str.lower, 1)
    top = expected.top(2)
    assert "share (%)" in printed.out
    assert all(word in printed.out for word in top["word"])
    assert expected.summary in printed.err.replace("\n", " ")
    assert (tmp_path / "x.svg").read_bytes().startswith(b"<?xml")
    lines = words("--top", "2", "--by", "prediction", "--method", "loo", "--key", "lower", "--format", "quiet").out
    assert lines == "".join(f"{group}\t{word}\n" for group, word in zip(top["group"], top["word"], strict=True))


def test_texts_are_grouped_by_a_column_of_the_dataset(folder, words):
    table = pd.read_csv(StringIO(words("--by", "source", "--top", "0", "--format", "csv").out))
    ids = sorted(pd.concat(map(pd.read_parquet, document_paths(folder / "run")))["id"])
    expected = find_words(document_paths(folder / "run"), by=dict(enumerate(SOURCES)), min_documents=1).to_frame()
    assert set(table["group"]) == {SOURCES[i] for i in ids} - {None}
    assert table["n"].tolist() == expected["n"].tolist()


def test_tables_are_in_the_order_of_the_rows(folder, capsys):
    rows = find_words(document_paths(folder / "run"), min_documents=1).to_frame()
    names = dict(zip(dict.fromkeys(rows["group"]), ("second", "first", "a third"), strict=False))
    _print_tables(rows.assign(group=rows["group"].map(names)))
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert [line for line in lines if line in names.values()] == list(names.values())
    assert len(names) > 1


def test_conversations_are_grouped_by_a_column_of_the_dataset(tmp_path):
    chats = [[{"role": "user", "content": "a good film ?"}, {"role": "assistant", "content": word}] for word in "ab"]
    texts = Dataset.from_dict({"id": range(2), "text": chats})
    documents = evaluate_texts(of_conversations("llama", "single_label_classification"), texts, Options(("loo",)))
    write_documents(documents, tmp_path / "0.parquet", schema(("loo",), more=("messages", "unread")))
    Dataset.from_dict({"text": chats, "source": ["radio", "press"]}).to_parquet(str(tmp_path / "data.parquet"))
    arguments = asdict(EvaluateRecipeArguments(model_name_or_path="m", dataset_name=str(tmp_path / "data.parquet")))
    run = SimpleNamespace(arguments=arguments, commit=lambda part: None, documents=[tmp_path / "0.parquet"])
    assert column_of(run, "source") == {0: "radio", 1: "press"}


def test_the_dataset_is_that_of_the_recorded_commit(folder, monkeypatch):
    run, asked = open_run(folder / "run"), []

    def load(dataset_name, *, revision, **source):
        asked.append(revision)
        return load_texts(dataset_name, **source)

    monkeypatch.setattr(words_of_runs, "load_texts", load)
    monkeypatch.setattr(words_of_runs, "load_column", lambda revision, **source: asked.append(revision) or SOURCES)
    column_of(run, "source")
    run.record["inputs"]["commits"] = {"model": "me/m@aa", "dataset": "me/data@0a1b"}
    column_of(run, "source")
    assert asked == [None, None, "0a1b", "0a1b"]


def test_rows_that_are_missing_now_are_a_changed_dataset(folder, tmp_path, monkeypatch):
    less, arguments = tmp_path / "less.parquet", open_run(folder / "run").arguments
    pd.DataFrame({"text": CORPUS[:2], "source": SOURCES[:2]}).to_parquet(less)
    monkeypatch.setattr(FinishedRun, "arguments", {**arguments, "dataset_name": str(less)})
    with pytest.raises(GradexplainError, match=r"^row [2-4] of .* is not the text that was explained"):
        column_of(open_run(folder / "run"), "source")


def refused(folder, capsys, *flags):
    assert main(["words", str(folder), *flags]) == 1
    return capsys.readouterr().err.removeprefix("hf-gradexplain: ").strip()


def test_what_cannot_be_used_is_refused_in_a_sentence(folder, capsys, tmp_path):
    run = folder / "run"
    assert refused(run, capsys, "--method", "shapley") == (
        "the run has no scores of 'shapley': choose among signed_gi, loo"
    )
    assert refused(run, capsys, "--by", "sources").endswith(
        "unknown column 'sources': did you mean 'source'? Choices: text, label, source"
    )
    assert refused(run, capsys, "--output", "x.pdf") == (
        "unknown figure format '.pdf': did you mean '.png'? Choices: .svg, .png"
    )
    assert "there is no word to draw: " in refused(run, capsys, "--output", "X.PNG")
    assert "is not the output folder of a run" in refused(tmp_path, capsys)


def test_a_changed_dataset_and_a_run_without_one_are_refused(folder, capsys, monkeypatch):
    run, other = folder / "run", folder / "other.parquet"
    pd.DataFrame({"text": CORPUS[::-1], "label": 0, "source": SOURCES, "list": [[1]] * 5}).to_parquet(other)
    arguments = yaml.safe_load((run / "run.yaml").read_text())
    monkeypatch.setattr(FinishedRun, "arguments", {**arguments, "dataset_name": str(other)})
    assert refused(run, capsys, "--by", "source").endswith(
        "is not the text that was explained: the dataset has changed since the run; evaluate it again"
    )
    assert refused(run, capsys, "--by", "list").endswith("holds lists or records; choose one with a value per row")
    monkeypatch.setattr(FinishedRun, "arguments", {})
    assert refused(run, capsys, "--by", "source") == (
        f"cannot group by 'source': the run in {run} does not name the dataset of its texts; group by target, label, "
        f"prediction, or in Python by a value per text: Evaluation.load({str(run)!r}).words(by=[...])"
    )
