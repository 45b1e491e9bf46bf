"""What the demo explains and refuses."""

import re

import numpy as np
import pytest
import torch
import yaml

from hf_gradexplain import Explainer, GradexplainError
from spaces import explaining
from spaces.explaining import PREDICTED, Models, explain_text, python_code, top_words
from tests.helpers.tiny import TEXTS, explainer, make
from tests.hub.client import ROOT


def test_a_text_is_explained_for_the_predicted_class_or_a_named_one():
    warned = []
    explanation = explain_text(explainer("bert"), TEXTS[0], ["loo", "signed_gi"], PREDICTED, warned.append)
    assert explanation.target == explanation.prediction
    assert list(explanation.scores) == list(explanation.self_check) == ["loo", "signed_gi"]
    named = explain_text(explainer("bert"), TEXTS[0], ["loo"], "LABEL_1", warned.append)
    assert named.target_label == "LABEL_1"
    assert warned == []


def test_warnings_reach_the_page():
    warned = []
    explain_text(explainer("bert"), TEXTS[0], ["sa_raw"], PREDICTED, warned.append)
    assert len(warned) == 1
    assert "the scores of sa_raw are rounding noise" in warned[0]


@pytest.mark.parametrize(
    ("text", "methods", "target", "message"),
    [
        (" \n", ["loo"], PREDICTED, "there is no text to explain: type one"),
        (
            "x" * 1001,
            ["loo"],
            PREDICTED,
            "the text has 1,001 characters, but this demo explains up to 1,000: shorten it",
        ),
        ("x", [], PREDICTED, "choose 1 to 4 methods instead of 0"),
        ("x", ["loo", "random", "sa_l1", "sa_l2", "signed_gi"], "", "choose 1 to 4 methods instead of 5"),
        ("x", ["lo"], None, "unknown method 'lo': did you mean 'loo'?"),
        (
            "x",
            ["loo"],
            "LABEL_9",
            "unknown class 'LABEL_9': did you mean 'LABEL_2'? Choices: LABEL_0, LABEL_1, LABEL_2",
        ),
    ],
)
def test_what_cannot_be_explained_is_told_in_one_sentence(text, methods, target, message):
    with pytest.raises(GradexplainError, match=re.escape(message)):
        explain_text(explainer("bert"), text, methods, target, pytest.fail)


def test_the_top_words_are_those_of_the_first_method():
    explanation = explain_text(explainer("bert"), TEXTS[2], ["signed_gi", "loo"], PREDICTED, pytest.fail)
    header, rows = top_words(explanation)
    assert header == ["word", "signed_gi", "loo"]
    strongest = sorted(range(len(explanation.units)), key=lambda u: -abs(explanation.scores["signed_gi"][u]))[:10]
    assert [row[0] for row in rows] == [explanation.units[u].text for u in strongest]
    for row, u in zip(rows, strongest, strict=True):
        shown = [float(number.replace("−", "-")) for number in row[1:]]
        np.testing.assert_allclose(shown, [scores[u] for scores in explanation.scores.values()], rtol=0.005)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    for part in make("bert", dtype=torch.float32):
        part.save_pretrained(folder)
    return str(folder)


def test_the_code_of_the_page_gives_the_explanation_of_the_page(folder, capsys):
    text = 'the "good" film \\ is not bad'
    names = {}
    exec(python_code(folder, text, ["loo"], "LABEL_2"), names)
    shown = explain_text(Models([folder])(folder), text, ["loo"], "LABEL_2", pytest.fail)
    assert names["explanation"].text == shown.text == text
    np.testing.assert_array_equal(names["explanation"].scores["loo"], shown.scores["loo"])
    assert "LABEL_2" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["/etc", "tests", "../x", "file:///etc/passwd", "a/b/c", "", "https://x.org/m", "<b>"])
def test_only_listed_folders_are_read(name):
    with pytest.raises(GradexplainError, match="expected the name of a model on the hub, such as org/model, but got "):
        Models(["org/listed"])(name)


def test_the_models_used_last_stay_in_memory(monkeypatch):
    loaded = []
    monkeypatch.setattr(Explainer, "from_pretrained", lambda name, revision: loaded.append(name) or explainer("bert"))
    monkeypatch.setattr(Models, "_forget", lambda self, name, _: loaded.append(f"-{name}"))
    models = Models(list("abcd"), size=2)
    for name in "abacabd":
        models(name)
    assert loaded == ["a", "b", "-b", "c", "-c", "b", "-a", "d"]


def test_the_files_of_the_space_agree():
    space = ROOT / "spaces"
    _, head, _ = (space / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    settings = yaml.safe_load(head)
    assert settings["sdk"] == "gradio"
    assert (space / settings["app_file"]).is_file()
    assert f"gradio=={settings['sdk_version']}" in (space / "requirements.txt").read_text().splitlines()
    app = (space / "app.py").read_text(encoding="utf-8")
    assert all(model in app for model in settings["models"])
    assert set(settings["preload_from_hub"]) <= set(settings["models"])
    assert len(settings["short_description"]) <= 60
    readme = (space / "README.md").read_text(encoding="utf-8")
    for limit in (
        f"{explaining.MAX_CHARACTERS:,} characters",
        f"{explaining.MAX_METHODS} at once",
        f"up to {explaining.MAX_BYTES / 1e9:.0f} GB",
        f"the last {explaining.KEPT_MODELS} that were used |",
    ):
        assert limit in readme
