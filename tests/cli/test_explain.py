"""`hf-gradexplain explain`: texts from anywhere, explanations in every format."""

import io
import json

import pytest
from transformers.utils import logging

from hf_gradexplain.cli import main
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.interactions import Interactions
from tests.helpers.tiny import make


@pytest.mark.parametrize("label", ["1", "LABEL_1", "label_1"])
def test_a_class_is_given_by_id_or_name(model, capsys, label):
    assert main(["explain", model, "the film", "--label", label, "--methods", "signed_gi", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["target"] == 1


@pytest.mark.parametrize(("asked", "target"), [("2", 1), ("3", 2), ("0", 0)])
def test_digits_are_the_name_of_a_class_before_they_are_an_id(tmp_path, capsys, asked, target):
    """As of models that give one to three stars: no class is called 0, so 0 is an id."""
    classifier, tokenizer = make("textcnn")
    classifier.config.id2label = {0: "1", 1: "2", 2: "3"}
    classifier.float().save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    for flag in ("--label", "--target"):
        flags = [flag, asked, "--methods", "signed_gi", "--format", "json"]
        assert main(["explain", str(tmp_path), "the film", *flags]) == 0
        assert json.loads(capsys.readouterr().out)["target"] == target


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


def test_a_method_is_checked_before_a_model_is_loaded(capsys):
    assert main(["explain", "no/such/model", "the film", "--methods", "loo", "lo"]) == 1
    assert "unknown method 'lo': did you mean 'loo'?" in capsys.readouterr().err


@pytest.mark.parametrize("flags", [[], ["the film", "--file", __file__], ["--file", __file__, "--pair", "is good"]])
def test_a_text_or_a_file_is_explained(model, capsys, flags):
    assert main(["explain", model, *flags]) == 1
    assert "give exactly one of TEXT (with or without --pair), --file and --dataset_name" in capsys.readouterr().err


def test_texts_without_labels_and_a_folder_are_answered_with_the_flag(model, tmp_path, capsys):
    (tmp_path / "x.csv").write_text("text\nbad\n")
    assert main(["explain", model, "--file", str(tmp_path / "x.csv"), "--target", "label"]) == 1
    assert "; without labels, explain the predicted classes with --target predicted\n" in capsys.readouterr().err
    assert main(["explain", model, "--file", str(tmp_path)]) == 1
    assert f"{tmp_path} is a folder: give it as --dataset_name; --file takes one file" in capsys.readouterr().err


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


def test_scores_are_checked_where_the_output_says_so(model, capsys, monkeypatch, tmp_path):
    asked, explain = [], Explainer.__call__
    monkeypatch.setattr(
        Explainer, "__call__", lambda *texts, **how: asked.append(how.get("self_check")) or explain(*texts, **how)
    )
    flags = ["explain", model, "the film is good", "--methods", "signed_gi"]
    assert main([*flags, "--format", "json"]) == 0
    assert list(json.loads(capsys.readouterr().out)["self_check"]) == ["signed_gi"]
    assert main([*flags, "--format", "quiet", "--html", str(tmp_path / "page.html")]) == 0
    assert "self-check" in (tmp_path / "page.html").read_text()
    assert main([*flags, "--format", "quiet"]) == 0
    assert asked == [None, None, False]
    assert main(flags) == 0
    assert "self-check" in capsys.readouterr().out


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
        (["--label", "9"], "label '9' is not a class of the model; choices: 0 (LABEL_0), 1 (LABEL_1), 2 (LABEL_2)"),
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


def test_a_class_and_what_it_is_compared_with_are_named_by_name_or_id(model, capsys):
    flags = ["--target", "LABEL_1", "--against", "2", "--format", "json"]
    assert main(["explain", model, "the film", *flags]) == 0
    explanation = Explanation.from_dict(json.loads(capsys.readouterr().out))
    assert explanation.question == "LABEL_1 rather than LABEL_2"
    assert main(["explain", model, "the film", "--label", "1", "--target", "2"]) == 1
    assert "--label and --target both name the class to explain: give one of them" in capsys.readouterr().err
    assert main(["explain", model, "the film", "--against", "rest", "--objective", "loss"]) == 1
    assert "against='rest' explains a contrast, not the loss: leave out objective" in capsys.readouterr().err


def test_all_classes_are_explained_together(model, capsys):
    flags = ["--target", "all", "--classes", "LABEL_1", "2", "--format", "jsonl"]
    assert main(["explain", model, "the film", *flags]) == 0
    explanation = Explanation.from_dict(json.loads(capsys.readouterr().out))
    assert {"LABEL_1", "LABEL_2", explanation.prediction_label} == explanation.by_class().keys()
    assert explanation.label is None
    assert main(["explain", model, "the film", "--label", "LABEL_1", *flags]) == 0
    labelled = Explanation.from_dict(json.loads(capsys.readouterr().out))
    assert labelled.label == 1
    assert labelled.by_class().keys() == explanation.by_class().keys()
    with pytest.raises(SystemExit):
        main(["explain", model, "the film", "--target", "all", "--top_classes", "two"])
    assert "--top_classes: invalid int value: 'two'" in capsys.readouterr().err


def test_a_model_that_is_not_there(capsys):
    assert main(["explain", "no/such-model", "text"]) == 1
    assert "cannot load a sequence classifier from 'no/such-model'" in capsys.readouterr().err


def test_lines_of_standard_input_are_texts(model, capsys, monkeypatch):
    flags = ["--file", "-", "--methods", "signed_gi", "--format", "jsonl"]
    monkeypatch.setattr("sys.stdin", io.StringIO("the film is good\n\nbad\n"))
    assert main(["explain", model, *flags]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["text"] for line in lines] == ["the film is good", "bad"]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    assert main(["explain", model, *flags]) == 1
    assert "there is no text on standard input: write one text per line" in capsys.readouterr().err


def test_texts_of_a_dataset_are_explained_twenty_by_default(model, tmp_path, capsys):
    path = tmp_path / "validation.csv"
    path.write_text("review\n" + "the film is good\n" * 30)
    flags = ["--dataset_name", str(tmp_path), "--text_column", "review", "--methods", "signed_gi", "--format", "jsonl"]
    assert main(["explain", model, *flags, "--split", "validation"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 20
    assert main(["explain", model, *flags, "--split", "validation[:25]", "--max_samples", "25"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 25
    assert main(["explain", model, *flags, "--split", "validatio"]) == 1
    assert "unknown split 'validatio': did you mean 'validation'?" in capsys.readouterr().err
    assert main(["explain", model, *flags, "--split", "validation", "--text_column", "reviews"]) == 1
    assert "unknown text_column 'reviews': did you mean 'review'?" in capsys.readouterr().err


def test_a_page_on_standard_output(model, capsys, tmp_path):
    page = tmp_path / "page.html"
    assert main(["explain", model, "the <b>film", "--format", "html", "--html", str(page)]) == 0
    printed = capsys.readouterr().out
    assert printed == page.read_text()
    assert printed.startswith("<!DOCTYPE html>")
    assert "<b>film" not in printed


@pytest.mark.usefixtures("_loud")
@pytest.mark.parametrize("command", [("explain", "the film"), ("doctor",)])
def test_quiet_hides_the_progress_of_other_libraries(model, capsys, command):
    name, *texts = command
    assert main([name, model, *texts, "--format", "json"]) == 0
    printed = capsys.readouterr()
    assert "Loading weights" in printed.err
    assert json.loads(printed.out)
    assert main([name, model, *texts, "--format", "quiet"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("_loud")
def test_the_bar_of_the_weights_obeys_the_verbosity(model, capsys):
    logging.set_verbosity_error()
    assert main(["explain", model, "the film", "--format", "json"]) == 0
    assert capsys.readouterr().err == ""
    assert logging.is_progress_bar_enabled()


def test_interactions_of_a_text_in_every_format(model, capsys):
    flags = ["explain", model, "the film is not bad", "--interactions", "--methods", "loo"]
    assert main([*flags, "--format", "quiet"]) == 0
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert main([*flags, "--format", "json"]) == 0
    found = Interactions.from_dict(json.loads(capsys.readouterr().out))
    assert [(a, b, float(x)) for a, b, x, *_ in rows] == found.strongest(len(found))
    assert len(rows) == 10
    assert main([*flags, "--format", "html"]) == 0
    assert "hfgx-arcs" in capsys.readouterr().out
    assert main(flags) == 0
    assert "second differences of 10 pairs of words" in capsys.readouterr().out


def test_interactions_are_those_of_one_text(model, tmp_path, capsys):
    (tmp_path / "texts.txt").write_text("a film")
    assert main(["explain", model, "--file", str(tmp_path / "texts.txt"), "--interactions"]) == 1
    assert "--interactions explains a single text: give TEXT" in capsys.readouterr().err


def test_the_device_and_the_precision_are_chosen(model, capsys):
    flags = ["the film", "--methods", "signed_gi", "--format", "json"]
    assert main(["explain", model, *flags, "--device", "cpu", "--dtype", "bfloat16"]) == 0
    assert json.loads(capsys.readouterr().out)["dtype"] == "bfloat16"
    assert main(["explain", model, *flags]) == 0
    assert json.loads(capsys.readouterr().out)["dtype"] == "float32"
    assert main(["explain", model, *flags, "--device", "gpu"]) == 1
    assert "unknown device 'gpu': give cpu, cuda" in capsys.readouterr().err
    assert main(["doctor", model, "--device", "gpu"]) == 1
    assert "unknown device 'gpu'" in " ".join(capsys.readouterr().out.split())
