"""The command `hf-gradexplain`: data on standard output, the rest on standard error, stable exit codes."""

import json
from importlib.metadata import version

import pytest

from hf_gradexplain.attribution.methods import METHODS
from hf_gradexplain.cli import main
from hf_gradexplain.explanation import Explanation
from tests.helpers.tiny import make


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("model"))
    classifier, tokenizer = make("textcnn")
    classifier.float().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("label", ["1", "LABEL_1", "label_1"])
def test_a_class_is_given_by_id_or_name(model, capsys, label):
    assert main(["explain", model, "the film", "--label", label, "--methods", "signed_gi", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["target"] == 1


def test_a_file_is_explained_text_by_text(model, tmp_path, capsys):
    path = tmp_path / "x.tsv"
    path.write_text("review\tstars\nthe film is good\tone \nbad\ttwo\n", encoding="utf-8")
    flags = ["--file", str(path), "--text_column", "review", "--methods", "signed_gi"]
    labels = ["--target", "label", "--label_column", "stars", "--label_map", "one=LABEL_1,two=2"]
    assert main(["explain", model, *flags, *labels, "--format", "json"]) == 0
    printed = capsys.readouterr()
    records = json.loads(printed.out)
    assert [(record["text"], record["target"]) for record in records] == [("the film is good", 1), ("bad", 2)]
    assert "one = LABEL_1, two = LABEL_2" in printed.err
    assert main(["explain", model, *flags, "--label", "LABEL_0", "--format", "quiet"]) == 0
    assert [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()] == [
        "the", "film", "is", "good", "", "bad",
    ]  # fmt: skip
    page = tmp_path / "x.html"
    assert main(["explain", model, *flags, "--html", str(page)]) == 0
    assert capsys.readouterr().out.count("signed_gi →") == page.read_text().count('<figure class="hfgx"') == 2


@pytest.mark.parametrize("flags", [[], ["the film", "--file", __file__], ["--file", __file__, "--pair", "is good"]])
def test_a_text_or_a_file_is_explained(model, capsys, flags):
    assert main(["explain", model, *flags]) == 1
    assert "give either a TEXT, with or without a --pair, or a --file" in capsys.readouterr().err


def test_a_text_that_names_a_file_gets_a_hint(model, tmp_path, capsys):
    path = tmp_path / "x.csv"
    path.write_text("text\nbad\n")
    assert main(["explain", model, str(path), "--methods", "signed_gi", "--format", "json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["text"] == str(path)
    assert f"to explain the texts in this file, give --file {path}" in printed.err


def test_explain_for_people(model, capsys):
    assert main(["explain", model, "the film is good", "--methods", "signed_gi", "loo"]) == 0
    shown = capsys.readouterr().out
    assert "signed_gi" in shown
    assert "loo" in shown
    assert "film" in shown


def test_explain_for_machines(model, capsys):
    assert main(["explain", model, "the film", "--pair", "is good", "--label", "1", "--format", "json"]) == 0
    explanation = Explanation.from_dict(json.loads(capsys.readouterr().out))
    assert (explanation.text, explanation.target) == ("the film\nis good", 1)


def test_explain_quietly(model, capsys):
    assert main(["explain", model, "the film", "--unit", "word_type", "--format", "quiet"]) == 0
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [row[0] for row in rows] == ["the", "film"]
    assert all(float(row[1]) == float(row[1]) for row in rows)


def test_explain_from_standard_input_and_to_a_page(model, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("sys.stdin.read", lambda: "a <i>bad</i> film", raising=False)
    assert main(["explain", model, "-", "--html", str(tmp_path / "page.html"), "--format", "quiet"]) == 0
    page = (tmp_path / "page.html").read_text()
    assert "<i>bad" not in page
    assert "film" in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--methods", "lo"], "unknown method 'lo': did you mean 'loo'?"),
        (["--label", "9"], "label 9 is not a class of the model; choices: 0 (LABEL_0), 1 (LABEL_1), 2 (LABEL_2)"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(model, arguments, message, capsys):
    assert main(["explain", model, "the film", *arguments]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--unit", "words"], "argument --unit: unknown unit 'words': did you mean 'word'?"),
        (["--objectiv", "logit"], "unknown argument '--objectiv': did you mean '--objective'?"),
        (["--revision", "v1"], "--revision is now --model_revision"),
    ],
)
def test_a_wrong_flag_is_answered_with_the_nearest(arguments, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["explain", "any/model", "the film", *arguments])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_every_option_reaches_the_explanation(model, capsys):
    flags = [
        "--objective",
        "logit",
        "--baseline",
        "mean",
        "--batch_tokens",
        "64",
        "--seed",
        "3",
        "--mixed_precision",
        "no",
    ]
    assert main(["explain", model, "the film", "--unit", "token", "--format", "json", *flags]) == 0
    explanation = Explanation.from_dict(json.loads(capsys.readouterr().out))
    assert (explanation.objective, explanation.unit) == ("logit", "token")


def test_a_model_that_is_not_there(capsys):
    assert main(["explain", "no/such-model", "text"]) == 1
    assert "cannot load a sequence classifier from 'no/such-model'" in capsys.readouterr().err


def test_a_wrong_command_line_has_its_own_code(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["explan"])
    assert stopped.value.code == 2
    assert "choose from" in capsys.readouterr().err


def test_the_doctor_looks_a_model_over(model, capsys):
    assert main(["doctor", model]) == 0
    assert "word lookups" in capsys.readouterr().out
    assert main(["doctor", model, "--format", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert {check["name"] for check in report["checks"]} >= {"word lookups"}
    assert main(["doctor", model, "--format", "quiet"]) == 0
    assert capsys.readouterr().out.strip() == ""


def test_methods(capsys):
    assert main(["methods", "--format", "quiet"]) == 0
    assert capsys.readouterr().out.split() == list(METHODS)
    assert main(["methods", "--format", "json"]) == 0
    found = {row["method"]: (row["signed"], row["summary"]) for row in json.loads(capsys.readouterr().out)}
    assert found == {name: (method.signed, method.summary) for name, method in METHODS.items()}
    assert main(["methods"]) == 0
    assert "leave-one-out" in capsys.readouterr().out


def test_version(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert (stopped.value.code, capsys.readouterr().out) == (0, f"hf-gradexplain {version('hf_gradexplain')}\n")


def test_env(capsys):
    assert main(["env", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"python", "torch", "transformers", "device"} <= found.keys()
