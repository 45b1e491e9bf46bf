import copy
import dataclasses
import json
import pickle
import sys
import xml.etree.ElementTree as ElementTree
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from markupsafe import escape
from scipy.stats import spearmanr

from hf_gradexplain.attribution.methods import METHODS
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.explanation.explanation import places_of
from hf_gradexplain.text.unit import Occurrences, Unit
from tests.helpers.tiny import KINDS, PROBLEM_TYPES, TEXTS, explainer, make

UNITS = ("token", "word", "word_type")


def explanation_of(text: str = "bad film, bad", **changes) -> Explanation:
    """Return an explanation of two units, one of which occurs twice, with signed and unsigned scores."""
    units = (Unit("bad", ((0, 3), (10, 13))), Unit("film", ((4, 8),)))
    scores = {"signed_gi": np.array([0.5, -0.25]), "sa_l2": np.array([2.0, 1.0])}
    classes = {"target": 1, "target_label": "neg", "prediction": 0, "prediction_label": "pos"}
    explanation = Explanation(
        text, units, scores, **classes, probabilities=np.array([0.75, 0.25]), objective="loss", unit="word_type"
    )
    return dataclasses.replace(explanation, **changes)


@pytest.mark.parametrize("problem_type", PROBLEM_TYPES)
@pytest.mark.parametrize("kind", KINDS)
def test_an_explanation_survives_json(kind, problem_type):
    explain = explainer(kind, problem_type)
    for text, methods in ((TEXTS[2], METHODS), ("", METHODS), (("the film", "is bad " * 40), ("loo", "signed_gi"))):
        explanation = explain(text, tuple(methods), "word_type", max_evals=30)
        back = Explanation.from_dict(json.loads(json.dumps(explanation.to_dict())))
        for field in dataclasses.fields(Explanation):
            actual, expected = getattr(back, field.name), getattr(explanation, field.name)
            if field.name == "scores":
                assert list(actual) == list(expected)
                assert all(np.array_equal(actual[name], expected[name]) for name in expected)
            else:
                assert np.array_equal(actual, expected), field.name
            assert type(actual) is type(expected)


def test_fields_of_a_later_version_are_ignored():
    record = {**explanation_of().to_dict(), "mood": "good"}
    assert Explanation.from_dict(record).to_dict() == explanation_of().to_dict()


def test_an_explanation_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        explanation_of().text = "good"


def test_the_frame_has_one_row_per_unit_and_one_column_per_method():
    frame = explanation_of().to_frame()
    assert frame.columns.tolist() == ["unit", "start", "end", "signed_gi", "sa_l2"]
    assert frame.values.tolist() == [["bad", 0, 3, 0.5, 2.0], ["film", 4, 8, -0.25, 1.0]]


def test_the_frame_of_an_empty_text_has_the_same_columns_and_no_row():
    frame = explainer("fasttext")("", ("loo", "random")).to_frame()
    assert frame.columns.tolist() == ["unit", "start", "end", "loo", "random"]
    assert len(frame) == 0


def test_the_page_of_an_empty_text_says_that_it_has_no_words():
    assert "read no words" in explainer("bert")("").to_html()
    assert "read no words" not in explainer("bert")(TEXTS[0]).to_html()


def test_each_occurrence_of_a_unit_has_its_score():
    segments = [(segment.text, segment.score) for segment in explanation_of().segments("sa_l2")]
    assert segments == [("bad", 2.0), (" ", None), ("film", 1.0), (", ", None), ("bad", 2.0)]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("kind", KINDS)
def test_segments_join_to_the_text(kind, unit):
    for text in (*TEXTS, "  the film \n\n is\tbad  ", ("the film", "is bad"), "bad " * 100):
        explanation = explainer(kind)(text, unit=unit)
        assert "".join(segment.text for segment in explanation.segments()) == explanation.text


def test_a_character_of_several_tokens_shows_the_sum_of_their_scores():
    """Each byte is a token of the tiny GPT-2; the text has 1 + 1 + 3 + 1 + 4 bytes."""
    explanation = explainer("gpt2")("a 電 \U0001f44d", "signed_gi", unit="token", self_check=False)
    scores = explanation.scores["signed_gi"]
    assert len(scores) == 10
    assert [segment.text for segment in explanation.segments()] == ["a", " ", "電", " ", "\U0001f44d"]
    expected = [scores[0], scores[1], scores[2:5].sum(), scores[5], scores[6:].sum()]
    assert [segment.score for segment in explanation.segments()] == pytest.approx(expected, rel=1e-9)
    assert explanation.to_frame()["signed_gi"].tolist() == scores.tolist()


def test_the_first_method_is_shown_unless_another_is_named():
    assert explanation_of().segments() == explanation_of().segments("signed_gi")
    with pytest.raises(GradexplainError, match=r"unknown method 'sa_l3': did you mean 'sa_l2'\? Choices: signed_gi"):
        explanation_of().segments("sa_l3")


def test_the_repr_fits_a_line():
    assert repr(explanation_of()) == (
        "Explanation('bad film, bad', target='neg', p=0.250, units=2, methods=['signed_gi', 'sa_l2'])"
    )
    assert "output=0.250" in repr(explanation_of(regression=True))
    assert len(repr(explanation_of("bad film, bad" * 1000))) < 150
    assert repr(explanation_of("x" * 40)).startswith(f"Explanation('{'x' * 40}', ")
    assert repr(explanation_of("x" * 41)).startswith(f"Explanation('{'x' * 39}…', ")


def test_html_says_what_was_explained_and_how():
    html = explanation_of(truncated_at=9).to_html()
    for part in (
        "signed_gi",
        "neg",
        "p = 0.250",
        "predicted: pos",
        "word_type",
        "NOT READ: characters 9 to ",
        "+0.5",
        "−0.25",
    ):
        assert part in html
    assert "high score" in explanation_of().to_html("sa_l2")
    assert explanation_of()._repr_html_() == explanation_of().to_html()


def test_a_regression_shows_no_probability():
    assert "p = " not in explanation_of(regression=True).to_html()


def test_sensitivities_below_zero_are_shown_with_their_sign():
    html = explanation_of(scores={"sa_raw": np.array([0.5, -0.25])}).to_html()
    assert "−0.25" in html
    assert "+0.5" in html
    assert "+0.5" not in explanation_of(scores={"sa_raw": np.array([0.5, 0.0])}).to_html()


def test_an_explanation_by_an_unknown_method_is_shown_with_signs():
    explanation = explanation_of(scores={"mine": np.array([0.5, 0.25])})
    assert "+0.25" in explanation.to_html()


@pytest.mark.parametrize(
    "hostile", ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '"><b onclick="x">', "</figure></style>"]
)
def test_hostile_texts_and_labels_are_escaped(hostile):
    unit = Unit(hostile, ((0, len(hostile)),))
    scores = {"signed_gi": np.array([1.0])}
    names = {"target_label": hostile, "prediction_label": hostile}
    html = explanation_of(hostile, units=(unit,), scores=scores, **names).to_html()
    assert hostile not in html
    assert "<script" not in html
    assert "<img" not in html
    assert "<b " not in html
    assert html.count("</figure>") == html.count("</style>") == 1


@pytest.mark.parametrize(
    ("method", "title", "sides"),
    [
        (None, "signed_gi → neg (p = 0.250, predicted: pos 0.750)", ["← opposes", "supports →"]),
        ("sa_l2", "sa_l2 → neg (p = 0.250, predicted: pos 0.750)", []),
    ],
)
def test_the_figure_has_one_bar_per_unit(method, title, sides):
    explanation = explanation_of()
    (axes,) = explanation.to_figure(method).axes
    assert axes.get_title(loc="left") == title
    assert [label.get_text() for label in axes.get_yticklabels()] == ["bad", "film"]
    assert [bar.get_width() for bar in axes.patches] == explanation.scores[method or "signed_gi"].tolist()
    labels = [text.get_text().strip() for text in axes.texts]
    assert [label for label in labels if not any(map(str.isdigit, label))] == sides


def test_the_figure_of_a_long_text_has_the_strongest_units():
    (axes,) = explanation_of().to_figure(max_units=1).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["bad"]
    assert axes.get_xlabel() == "the 1 strongest of 2 units"


def test_the_figure_of_sensitivities_below_zero_names_their_signs():
    (axes,) = explanation_of(scores={"sa_raw": np.array([0.5, -0.25])}).to_figure().axes
    assert {"← negative", "positive →"} <= {text.get_text().strip() for text in axes.texts}


def test_the_figure_of_an_unknown_method_is_refused():
    with pytest.raises(GradexplainError, match="unknown method 'sa_l3'"):
        explanation_of().to_figure("sa_l3")


def test_the_figure_of_an_empty_text_has_no_bars():
    (axes,) = explainer("bert")("").to_figure().axes
    assert len(axes.patches) == 0


def test_the_figure_of_a_regression_has_the_output_in_its_title():
    (axes,) = explanation_of(regression=True, prediction_label="").to_figure().axes
    assert axes.get_title(loc="left") == "signed_gi → neg (output = 0.250)"


def test_all_methods_are_shown_unless_some_are_named(capsys):
    explanation = explanation_of(scores={"loo": np.array([1.0, 2.0]), "sa_l2": np.array([2.0, 1.0])})
    assert all(name in explanation.to_html() for name in ("loo", "sa_l2"))
    assert "sa_l2" not in explanation.to_html("loo")
    assert explanation.to_html(["sa_l2", "loo"]).index("sa_l2") < explanation.to_html(["sa_l2", "loo"]).index(">loo<")
    explanation.show()
    shown = capsys.readouterr().out
    assert shown.count("bad film, bad") == 2
    with pytest.raises(GradexplainError, match="unknown method 'sa_l3'"):
        explanation.show(["loo", "sa_l3"])


def test_rows_have_their_rank_correlation_with_leave_one_out():
    units = tuple(Unit(word, ((at, at + 1),)) for word, at in (("a", 0), ("b", 2), ("c", 4), ("d", 6)))
    loo, sa, flat = np.array([0.3, -0.2, 0.9, 0.1]), np.array([4.0, 0.5, 1.0, 1.0]), np.ones(4)
    explanation = explanation_of("a b c d", units=units, scores={"loo": loo, "sa_l2": sa, "sa_l1": flat})
    html = explanation.to_html()
    assert f"ρ = {spearmanr(sa, loo).statistic:.2f}" in html
    assert html.count("ρ = ") == html.count("ρ undefined") == 1
    assert "ρ" not in dataclasses.replace(explanation, scores={"sa_l2": sa, "sa_l1": flat}).to_html()


def test_a_model_with_one_output_has_no_true_label():
    """Neither 0 nor 1 names a class of it: 0 is the number of its only output, but may mean that the text lacks it."""
    only = {"target": 0, "target_label": "a", "prediction": 0, "prediction_label": "a", "class_names": ("a",)}
    explanation = explanation_of(probabilities=np.array([0.2]), label=0, **only)
    assert "p = 0.200" in explanation.to_html()
    assert "true label" not in explanation.to_html()


@pytest.mark.parametrize(
    ("probabilities", "regression", "several"),
    [([0.2, 0.8], False, True), ([0.2], False, False), ([0.2, 0.8], True, False), ([0.2], True, False)],
)
def test_a_model_with_two_outputs_that_are_no_numbers_has_classes(probabilities, regression, several):
    changes = {"target": 0, "probabilities": np.array(probabilities), "regression": regression}
    assert explanation_of(**changes).has_classes is several


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"target": 2, "target_label": "c"}, "p = 0.500, runner-up: b 0.300"),
        ({"target": 0, "target_label": "a"}, "p = 0.200, predicted: c 0.500"),
        ({"target": 2, "target_label": "c", "label": 2}, "p = 0.500, runner-up: b 0.300, true label: c, as predicted"),
        ({"target": 2, "target_label": "c", "label": 0}, "true label: a, wrongly predicted"),
        ({"target": 2, "target_label": "c", "class_names": ()}, "p = 0.500"),
        ({"target": 2, "target_label": "c", "regression": True, "label": 2}, "output = 0.500"),
    ],
)
def test_the_heading_names_the_runner_up_and_the_true_label(changes, said):
    classes = {"prediction": 2, "prediction_label": "c", "class_names": ("a", "b", "c")}
    explanation = explanation_of(probabilities=np.array([0.2, 0.3, 0.5]), **{**classes, **changes})
    assert said in explanation.to_html()
    assert ("runner-up" in explanation.to_html()) == ("runner-up" in said or "true label: a" in said)


def test_pictures_of_the_text_are_files_of_their_kind():
    explanation = explanation_of()
    assert explanation.to_png("signed_gi").startswith(b"\x89PNG")
    assert ElementTree.fromstring(explanation.to_svg()).tag.endswith("svg")
    assert explanation.to_svg() == explanation.to_svg()


def test_a_name_that_ends_like_a_picture_saves_one(tmp_path):
    explanation_of().save(tmp_path / "a.PNG")
    explanation_of().save(tmp_path / "a.svg")
    explanation_of().save(tmp_path / "a.json")
    assert (tmp_path / "a.PNG").read_bytes() == explanation_of().to_png()
    assert (tmp_path / "a.svg").read_text(encoding="utf-8") == explanation_of().to_svg()
    assert Explanation.load(tmp_path / "a.json") == explanation_of()


def test_show_prints_to_the_terminal(capsys):
    explanation_of().show("sa_l2")
    shown = capsys.readouterr().out
    assert "bad film, bad" in shown
    assert "sa_l2 → neg" in shown
    assert "signed_gi" not in shown


@pytest.mark.parametrize("shell", ["ZMQInteractiveShell", "Shell", "DatabricksShell"])
def test_show_displays_html_in_a_notebook(monkeypatch, capsys, shell):
    """In Jupyter, Colab and Databricks."""
    displayed = []
    package, module = ModuleType("IPython"), ModuleType("IPython.display")
    package.get_ipython = lambda: type(shell, (SimpleNamespace,), {})(kernel=object())
    module.display = lambda bundle, raw: displayed.append((bundle, raw))
    monkeypatch.setitem(sys.modules, "IPython", package)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    explanation_of().show()
    (bundle, raw), *more = displayed
    assert raw
    assert not more
    assert bundle["text/html"] == explanation_of().to_html()
    assert "bad film, bad" in bundle["text/plain"]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "shell", [None, SimpleNamespace(), SimpleNamespace(kernel=None)], ids=["none", "of a terminal", "without a kernel"]
)
def test_show_prints_to_the_terminal_where_there_is_no_kernel(monkeypatch, capsys, shell):
    package = ModuleType("IPython")
    package.get_ipython = lambda: shell
    monkeypatch.setitem(sys.modules, "IPython", package)
    explanation_of().show()
    assert "bad film, bad" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("scores", "probability", "objective", "said"),
    [
        ([0.5, 0.5], 0.5, "loss", "all words score +0.500: this method says nothing here"),
        ([0.0, 0.0], 0.5, "loss", "all words score 0: this method says nothing here"),
        (
            [0.0, 0.0],
            1.0,
            "loss",
            "all words score 0: this method says nothing here; p = 1 is saturated, try objective='logit'",
        ),
        (
            [2e-8, -1e-8],
            1 - 1e-8,
            "loss",
            "the scores are close to 0: the largest is 2.00e−08; p = 0.99999999 is saturated, try objective='logit'",
        ),
        (
            [2e-8, -1e-8],
            2e-7,
            "prob",
            "the scores are close to 0: the largest is 2.00e−08; p = 2e−07 is saturated, try objective='logit'",
        ),
        ([2e-8, -1e-8], 0.5, "loss", "the scores are close to 0: the largest is 2.00e−08"),
        ([2e-8, -1e-8], 1 - 1e-8, "logit", ""),
        ([0.5, 0.4], 1 - 1e-8, "loss", ""),
    ],
)
def test_flat_and_tiny_scores_are_told_wherever_they_are_shown(scores, probability, objective, said, capsys):
    explanation = explanation_of(
        scores={"signed_gi": np.array(scores)}, probabilities=np.array([1 - probability, probability, 0]),
        target=1, objective=objective,
    )  # fmt: skip
    assert explanation.remark() == said
    explanation.show()
    assert said in " ".join(capsys.readouterr().out.split())
    assert str(escape(said)) in explanation.to_html()
    assert explanation.to_dict()["remarks"] == ({"signed_gi": said} if said else {})
    assert Explanation.from_dict(explanation.to_dict()).remark() == said
    (axes,) = explanation.to_figure().axes
    assert " ".join(axes.get_xlabel().split()) == said


def test_small_slopes_are_close_to_zero_only_where_the_prediction_is_saturated():
    """Their size depends on the length of the word vectors."""
    slopes = {"scores": {"sa_l2": np.array([2e-8, 1e-8])}, "target": 1, "prediction": 1}
    assert explanation_of(**slopes, probabilities=np.array([0.5, 0.5])).remark() == ""
    saturated = explanation_of(**slopes, probabilities=np.array([0.0, 1.0])).remark()
    assert saturated == "the scores are close to 0: the largest is 2.00e−08; p = 1 is saturated, try objective='logit'"


def test_a_saturated_model_is_told_from_its_prediction():
    model, tokenizer = make("fasttext", dtype=torch.float32)
    model.classifier.bias.data[1] += 100
    explainer = Explainer(model, tokenizer)
    assert explainer("a good film", "signed_gi").remark().endswith("p = 1 is saturated, try objective='logit'")
    assert explainer("a good film", "signed_gi", objective="logit").remark() == ""
    assert explainer("good", "signed_gi").remark().endswith("p = 1 is saturated, try objective='logit'")


def test_it_is_indexed_by_method_and_iterated_by_unit():
    explanation = explanation_of()
    assert explanation["sa_l2"] is explanation.scores["sa_l2"]
    assert "sa_l2" in explanation
    assert "loo" not in explanation
    assert len(explanation) == 2
    assert [unit.text for unit in explanation] == ["bad", "film"]
    with pytest.raises(GradexplainError, match=r"unknown method 'sa_l3': did you mean 'sa_l2'\? Choices: signed_gi"):
        explanation["sa_l3"]


def test_the_top_units_are_the_highest_first_and_equal_ones_in_the_order_of_the_text():
    explanation = explanation_of()
    assert explanation.top() == [("bad", 0.5), ("film", -0.25)]
    assert explanation.top(1, "sa_l2") == [("bad", 2.0)]
    assert explanation_of(scores={"loo": np.array([-1.0, 0.5])}).top(1) == [("film", 0.5)]
    assert explanation_of(scores={"loo": np.array([1.0, 1.0])}).top(1) == [("bad", 1.0)]
    assert explanation_of("", units=(), scores={"loo": np.zeros(0)}).top() == []
    with pytest.raises(GradexplainError, match="unknown method 'loo'"):
        explanation.top(method="loo")


def test_explanations_are_equal_if_all_of_their_fields_are():
    assert explanation_of() == explanation_of()
    assert hash(explanation_of()) == hash(explanation_of())
    assert explanation_of() != "bad film, bad"
    changes = {
        "truncated_at": 4,
        "why": "auto",
        "completeness": {"signed_gi": 0.1},
        "probabilities": np.array([0.7, 0.3]),
    }
    for name, value in changes.items():
        assert explanation_of(**{name: value}) != explanation_of(), name


@pytest.mark.parametrize("name", ["a.parquet", "a.JSONL"])
def test_a_name_for_several_explanations_is_refused(name, tmp_path):
    with pytest.raises(GradexplainError, match=rf"{name} is a name for several explanations: give one that ends in"):
        explanation_of().save(tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a.html", "a.csv", "a.json.gz", "a"])
def test_names_of_other_files_are_refused(name, tmp_path):
    with pytest.raises(GradexplainError) as error:
        explanation_of().save(str(tmp_path / name))
    assert str(error.value) == f"cannot save to {tmp_path / name}: give a name that ends in .json, .svg or .png"
    assert not list(tmp_path.iterdir())


def test_a_saved_explanation_is_loaded_as_it_was(tmp_path):
    path = tmp_path / "new folder" / "explanation.json"
    explanation = explainer("bert")(
        ("the film", "is bad \x1b[31m\ud800 " * 40), ("integrated_gradients", "loo"), "token"
    )
    assert explanation.self_check
    assert explanation.completeness
    explanation.save(path)
    assert Explanation.load(str(path)) == explanation
    assert "\x1b" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file or directory"),
        (b"\xff", "invalid start byte"),
        (b"{", "Expecting property name"),
        (b"[" * 100_000, "maximum recursion depth|Expecting value|too deeply"),
        (b"[1]", "it holds something else"),
        (b'{"text": "bad"}', "it holds something else"),
    ],
)
def test_a_file_that_holds_no_explanation_is_refused_in_one_sentence(content, reason, tmp_path):
    path = tmp_path / "explanation.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(
        GradexplainError,
        match=rf"^cannot load .*explanation.json \(.*({reason}).*\): give a file that Explanation.save wrote$",
    ):
        Explanation.load(path)


def test_a_folder_cannot_be_written_to_as_a_file(tmp_path):
    folder = tmp_path / "folder.json"
    folder.mkdir()
    with pytest.raises(GradexplainError, match=r"^cannot write to .* \(Is a directory\): give another path$"):
        explanation_of().save(folder)


@pytest.mark.parametrize("read_first", [False, True])
@pytest.mark.parametrize("form", ["units", "occurrences", "places"])
def test_units_are_made_of_their_places_when_they_are_first_read(form, read_first):
    expected = explanation_of()
    spans = np.array([[0, 3], [4, 8], [10, 13]])
    occurrences = Occurrences(expected.text, np.array([0, 1, 0]), spans, {}, 2)
    places = {"units": expected.units, "occurrences": occurrences, "places": occurrences.places()}[form]
    others = {name: getattr(expected, name) for name in Explanation.__dataclass_fields__ if name != "units"}
    explanation = Explanation(units=places, **others)
    if read_first:
        assert explanation.units is explanation.units
    assert places_of(explanation).units() == expected.units
    assert isinstance(vars(explanation)["_units"], tuple) == (read_first or form == "units")
    copies = (pickle.loads(pickle.dumps(explanation)), copy.copy(explanation), dataclasses.replace(explanation))
    for each in (*copies, explanation):
        assert each == expected
        assert each.units == expected.units
    assert not hasattr(Explanation, "units"), "a dataclass that inherits from it would take it for a default"
