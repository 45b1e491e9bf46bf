"""`hf-gradexplain explain` with candidate labels, against `ZeroShotExplainer`."""

import json

import numpy as np
import pytest

from hf_gradexplain.cli import main
from hf_gradexplain.explainer.zero_shot import ZeroShotExplainer
from tests.helpers.nli import make_nli

TEXT = "the film is good , the music is bad"
LABELS = ["good", "a bad film", "about music"]


@pytest.fixture(scope="module")
def nli(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("nli"))
    model, tokenizer = make_nli("bart")
    model.float().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_the_precision_of_the_model_is_chosen(nli, capsys):
    record = explained(capsys, nli, TEXT, "--candidate_labels", "good", "--dtype", "bfloat16", "--device", "cpu")
    assert record["dtype"] == "bfloat16"


def explained(capsys, *arguments):
    assert main(["explain", *arguments, "--methods", "loo", "signed_gi", "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("flags", "given"),
    [
        (LABELS, {"candidate_labels": LABELS}),
        ([",".join(LABELS)], {"candidate_labels": LABELS}),
        (["good, "], {"candidate_labels": ["good"]}),
        ([*LABELS, "--multi_label"], {"candidate_labels": LABELS, "multi_label": True}),
        (
            ["good", "--hypothesis_template", "the film is {}."],
            {"candidate_labels": ["good"], "hypothesis_template": "the film is {}."},
        ),
        (
            [*LABELS, "--target", "good", "--against", "about music"],
            {"candidate_labels": LABELS, "target": "good", "against": "about music"},
        ),
    ],
)
def test_labels_template_and_probabilities_are_those_of_the_call(nli, capsys, flags, given):
    record = explained(capsys, nli, TEXT, "--candidate_labels", *flags)
    expected = ZeroShotExplainer.from_pretrained(nli)(TEXT, methods=("loo", "signed_gi"), **given)
    assert tuple(record["class_names"]) == tuple(expected.class_names) == tuple(given["candidate_labels"])
    np.testing.assert_allclose(record["probabilities"], expected.probabilities, rtol=1e-6)
    assert record["target_label"] == expected.target_label
    for method in ("loo", "signed_gi"):
        np.testing.assert_allclose(record["scores"][method], expected[method], rtol=1e-4, atol=1e-6)


def test_texts_of_a_file_are_explained(nli, tmp_path, capsys):
    (tmp_path / "x.csv").write_text("text,label\nthe film is bad,7\nthe music is good,8\n", encoding="utf-8")
    records = explained(capsys, nli, "--file", str(tmp_path / "x.csv"), "--candidate_labels", "good", "bad")
    assert [record["class_names"] for record in records] == [["good", "bad"]] * 2
    assert [record["text"].splitlines()[0] for record in records] == ["the film is bad", "the music is good"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--multi_label"], "multi_label is for zero-shot classification: give candidate_labels as well"),
        (["--hypothesis_template", "{}"], "hypothesis_template is for zero-shot classification: give candidate_labels"),
        (["--candidate_labels", "a", "--pair", "b"], "leave out --pair"),
        (["--candidate_labels", "a", "--interactions"], "leave out --interactions"),
        (["--candidate_labels", "a", "--label", "a"], "name the candidate label to explain with --target"),
        (["--candidate_labels", "a", "--label", "0"], "name the candidate label to explain with --target"),
        (
            ["--candidate_labels", "a,", "b"],
            "the label 'a,' ends with a comma: give labels one after the other without",
        ),
        (["--candidate_labels", "b", "a, "], "the label 'a, ' ends with a comma"),
        (["--hypothesis_template", ""], "hypothesis_template is for zero-shot classification: give candidate_labels"),
        (["--candidate_labels", "a", "--stride", "4"], "stride does not fit zero-shot classification"),
        (["--candidate_labels", "a", "a"], "candidate_labels must differ, but 'a' is given twice"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(nli, capsys, flags, message):
    assert main(["explain", nli, TEXT, *flags]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_model_without_entailment_is_refused(model, capsys):
    assert main(["explain", model, TEXT, "--candidate_labels", "good", "bad"]) == 1
    assert capsys.readouterr().err == (
        "hf-gradexplain: --candidate_labels needs a model of natural language inference, with a class whose name "
        f"begins with 'entail', but the classes of {model} are LABEL_0, LABEL_1 and LABEL_2: leave out "
        "--candidate_labels, or, if it is such a model, name its classes in id2label and label2id of its config.json\n"
    )


@pytest.mark.parametrize("flag", ["--candidate_labels=good", "--hypothesis_template={}", "--multi_label"])
def test_an_evaluation_says_what_to_do_instead(flag, capsys, tmp_path):
    said = "is a flag of `hf-gradexplain explain`: an evaluation takes no candidate labels, so explain the texts with"
    with pytest.raises(SystemExit):
        main(["evaluate", "--output_dir", str(tmp_path / "out"), flag])
    assert f"{flag.partition('=')[0]} {said}" in capsys.readouterr().err
    (tmp_path / "recipe.yaml").write_text("candidate_labels: [good]\n")
    with pytest.raises(SystemExit):
        main(["evaluate", str(tmp_path / "recipe.yaml")])
    assert f"candidate_labels {said}" in capsys.readouterr().err
