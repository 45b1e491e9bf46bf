"""What a unit is called: in self-checks, remarks, headings and the command line."""

import json
from dataclasses import replace

import numpy as np
import pytest

from hf_gradexplain.cli import main
from hf_gradexplain.explanation import Explanation
from tests.helpers.tiny import explainer, make

TEXT = "the film is good. and the end is bad. a good word"
NOUNS = {
    "token": "token",
    "word": "word",
    "word_type": "word",
    "sentence": "sentence",
    "clause": "clause",
    "custom": "unit",
}


def explained(unit, methods="loo", **options):
    given = {"units": [(0, 17), (18, 37), (38, 49)]} if unit == "custom" else {"unit": unit}
    return explainer("bert")(TEXT, methods, **given, **options)


@pytest.mark.parametrize(("unit", "noun"), NOUNS.items())
def test_the_self_check_names_the_unit(unit, noun):
    one = explained(unit, self_check_share=0.01).self_check["loo"]
    assert f"without a random {noun}: " in one.sentence()
    assert one.sentence().split("; ")[-1].startswith(f"with this {noun} alone: ")
    two = replace(one, top=("a", "b"))
    assert f"without 2 random {noun}s: " in two.sentence()
    assert f"with these {noun}s alone: " in two.sentence()
    failed = replace(two, full=0.9, without=0.9, random=(0.1,) * 5)
    assert failed.warning().startswith(f"removing these {noun}s lowers p no more than")


@pytest.mark.parametrize(("unit", "noun"), NOUNS.items())
def test_remarks_and_headings_name_the_unit(unit, noun, capsys):
    explanation = explained(unit)
    flat = replace(explanation, scores={"loo": np.zeros(len(explanation))})
    assert flat.remark().startswith(f"all {noun}s score 0: ")
    assert f"unit {unit}" in explanation.to_html()
    explanation.show()
    assert f"unit {unit}" in capsys.readouterr().out
    empty = replace(explanation, units=(), scores={"loo": np.zeros(0)})
    assert f"no scores: the model read no {noun}s of this text" in empty.to_html()


@pytest.mark.parametrize("unit", NOUNS)
def test_an_explanation_of_each_unit_is_saved_and_loaded(unit, tmp_path):
    explanation = explained(unit)
    explanation.save(tmp_path / "x.json")
    assert Explanation.load(tmp_path / "x.json") == explanation
    assert explanation.to_frame()["unit"].tolist() == [unit.text for unit in explanation.units]
    assert len(explanation.to_figure().axes) == 1


def test_the_command_line_takes_the_larger_units_but_not_given_ones(tmp_path, capsys):
    for part in make("bert"):
        part.save_pretrained(tmp_path)
    arguments = ["explain", str(tmp_path), TEXT, "--format", "json", "--methods", "signed_gi"]
    assert main([*arguments, "--unit", "clause"]) in (0, None)
    record = json.loads(capsys.readouterr().out)
    assert [unit["text"] for unit in record["units"]] == ["the film is good.", "and the end is bad.", "a good word"]
    with pytest.raises(SystemExit):
        main([*arguments, "--unit", "custom"])
    assert "Choices: token, word, word_type, sentence, clause\n" in capsys.readouterr().err
