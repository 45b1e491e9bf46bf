"""The demo as it runs: through its HTTP API, and in Chromium."""

import json
from html import escape

import numpy as np
import pytest

from hf_gradexplain import Explainer
from tests.helpers.browser import find_browser

pytestmark = pytest.mark.slow

TEXT = "the good film is not bad , the actor is good"


def test_a_program_gets_the_explanation_of_the_package(demo):
    bert, fasttext = demo.models
    calls = [(TEXT, bert, ["loo", "signed_gi"], "predicted class"), (TEXT, fasttext, ["auto"], "LABEL_1")]
    answers = json.loads(demo.run("call.py", json.dumps(calls)))
    for (html, prediction, top, code), model, methods, label in zip(
        answers, demo.models, (["loo", "signed_gi"], ["auto"]), (None, "LABEL_1"), strict=True
    ):
        explainer = Explainer.from_pretrained(model)
        expected = explainer(TEXT, methods, labels=label)
        assert html == expected.to_html()
        shown = {each["label"]: each["confidence"] for each in prediction["confidences"]}
        np.testing.assert_allclose([shown[name] for name in explainer.class_names], expected.probabilities, rtol=1e-5)
        assert top["headers"] == ["word", *expected.scores]
        assert top["data"][0][0] == expected.units[np.abs(next(iter(expected.scores.values()))).argmax()].text
        assert f"Explainer.from_pretrained({model!r})" in code


def test_a_program_gets_each_error_in_one_sentence(demo):
    bert, _ = demo.models
    hostile = "<script>alert(1)</script>\x1b[2J"
    calls = [
        ("", bert, ["loo"], ""),
        ("x" * 1001, bert, ["loo"], ""),
        ("a film", bert, [], ""),
        ("a film", "/etc", ["loo"], ""),
        ("a film", hostile, ["loo"], ""),
        ("a film", "me/unknown", ["loo"], ""),
        ("a film", bert, ["loo"], hostile),
    ]
    answers = json.loads(demo.run("call.py", json.dumps(calls)))
    for answer, begin in zip(
        answers,
        (
            "there is no text to explain: type one",
            "the text has 1,001 characters",
            "choose 1 to 4 methods instead of 0",
            "expected the name of a model on the hub, such as org/model, but got '/etc'",
            f"expected the name of a model on the hub, such as org/model, but got '{escape(hostile[:25])}",
            "offline, and the model 'me/unknown' is not in the cache",
            f"unknown class '{escape(hostile[:25])}",
        ),
        strict=True,
    ):
        assert answer.startswith(begin)
        assert "\x1b" not in answer
    assert "Traceback" not in demo.log.read_text()


def test_a_reader_uses_the_page_in_chromium(demo, tmp_path):
    shown = json.loads(demo.run("browse.py", find_browser(), tmp_path))
    for width, page in shown.items():
        assert "self-check" in page["example"]
        assert page["hostile"].startswith("the film is bad <img src=x onerror=")  # as text
        assert page["images"] == 0
        assert page["title"] == "Which words drove the prediction?"
        assert "signed_gi" in page["top words"]
        assert page["error"].count("unknown class '<img src=x onerror=") == 1
        assert "choices: LABEL_0, LABEL_1, LABEL_2" in page["error"]
        assert page["elsewhere"] == []
        assert page["width"] <= int(width)
