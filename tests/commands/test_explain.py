"""Texts given on the command line or in a file, their labels by name, and what is written of them."""

import json
import re

import pytest
import yaml

from hf_gradexplain.commands.explain import run_explanation
from hf_gradexplain.commands.inputs import load_inputs
from hf_gradexplain.commands.parsing import parse_arguments
from hf_gradexplain.commands.recipe_arguments import EvaluateRecipeArguments, ExplainRecipeArguments
from hf_gradexplain.corpus import CorpusError
from tests.helpers.tiny import make

NAMES = ("World", "Business", "Sports")
MAP = ["--label_map", "biz=Business,games=2"]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A folder with a model whose classes have names, and files of texts."""
    folder = tmp_path_factory.mktemp("inputs")
    model, tokenizer = make("fasttext")
    model.config.id2label = dict(enumerate(NAMES))
    model.float().save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    (folder / "news.tsv").write_text("text\tlabel\na good film\tbiz \na bad film\tGames\nthe end\tworld\n")
    (folder / "texts.txt").write_text("a good film\n\nthe end\n")
    return folder


def explained(inputs, folder, *flags):
    flags = ["--model_name_or_path", inputs / "model", *flags, "--methods", "signed_gi", "--output_dir", folder]
    return run_explanation(parse_arguments(ExplainRecipeArguments, [str(flag) for flag in flags]))


def test_the_labels_of_a_file_are_explained_by_the_classes_of_their_names(inputs, tmp_path, capsys):
    explanations = explained(inputs, tmp_path, "--file", inputs / "news.tsv", "--target", "label", *MAP)
    assert [(each.text, each.target_label) for each in explanations] == [
        ("a good film", "Business"),
        ("a bad film", "Sports"),
        ("the end", "World"),
    ]
    assert "biz = Business, world = World" in capsys.readouterr().err.replace("Games = Sports, ", "")
    rows = [json.loads(line) for line in (tmp_path / "explanations.jsonl").read_text().splitlines()]
    assert [row["target"] for row in rows] == [1, 2, 0]
    assert yaml.safe_load((tmp_path / "run.yaml").read_text())["label_map"] == MAP[1]


def test_names_that_are_no_classes_are_refused_with_the_flag(inputs, tmp_path):
    with pytest.raises(CorpusError, match=r"no classes of the model, .* --label_map 'Games=CLASS,biz=CLASS'"):
        explained(inputs, tmp_path, "--file", inputs / "news.tsv", "--target", "label")


def test_an_evaluation_reads_the_same_file_and_labels(inputs, tmp_path, capsys):
    flags = ["--model_name_or_path", str(inputs / "model"), "--file", str(inputs / "news.tsv"), *MAP]
    evaluated = load_inputs(parse_arguments(EvaluateRecipeArguments, flags), tmp_path)
    assert evaluated.texts["label"][:] == [1, 2, 0]
    (note,) = evaluated.notes
    assert note in " ".join(capsys.readouterr().err.split())
    streamed = load_inputs(parse_arguments(EvaluateRecipeArguments, [*flags, "--streaming"]), tmp_path)
    assert [row["label"] for row in streamed.texts] == [1, 2, 0]


def test_the_page_says_how_the_texts_were_explained(inputs, tmp_path, capsys):
    explained(inputs, tmp_path, "--texts", "a good film", "--target", "Sports", "--against", "World")
    page = (tmp_path / "explanations.html").read_text()
    facts = dict(re.findall("<dt>(.*?)</dt><dd><bdi>(.*?)</bdi></dd>", re.sub(r">\s+<", "><", page)))
    assert facts == {"Methods": "signed_gi", "Unit": "word", "Objective": "contrast", "Against": "World"}
    assert "model: 1 text explained" in page
    assert f"1 text explained: {tmp_path / 'explanations.html'}" in capsys.readouterr().err
    assert len(explained(inputs, tmp_path, "--texts", "a good film", "the end")) == 2
    assert "Against" not in (tmp_path / "explanations.html").read_text()


def test_a_single_text_is_checked_and_several_are_by_request(inputs, tmp_path):
    (alone,) = explained(inputs, tmp_path, "--texts", "a good film")
    assert list(alone.self_check) == ["signed_gi"]
    assert not any(each.self_check for each in explained(inputs, tmp_path, "--texts", "a good film", "the end"))
    several = explained(inputs, tmp_path, "--texts", "a good film", "the end", "--self_check", "true")
    assert all(each.self_check for each in several)
    assert not explained(inputs, tmp_path, "--texts", "a good film", "--self_check", "false")[0].self_check


def test_a_text_file_has_a_text_per_line(inputs, tmp_path):
    assert [each.text for each in explained(inputs, tmp_path, "--file", inputs / "texts.txt")] == [
        "a good film",
        "the end",
    ]


def test_a_text_that_names_a_file_gets_a_hint(inputs, tmp_path, capsys):
    (explanation,) = explained(inputs, tmp_path, "--texts", inputs / "texts.txt")
    assert explanation.text == str(inputs / "texts.txt")
    assert f"to explain the texts in this file, give --file {inputs / 'texts.txt'}" in capsys.readouterr().err
