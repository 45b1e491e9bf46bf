"""`Explainer.interactions`, against the model run on each masked text by itself, and what its result shows."""

import json
from functools import partial
from io import StringIO
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure
from rich.console import Console

from hf_gradexplain import Explainer, GradexplainError, Interactions, plots
from tests.explainer.test_conversations import explainer as of_conversations
from tests.helpers.hostile import HTML
from tests.helpers.naive import NaiveReader, loss_of
from tests.helpers.tiny import explainer, make
from tests.interactions.with_shapiq import TEXT

SHAPIQ = json.loads(Path(__file__).with_name("shapiq.json").read_text(encoding="utf-8"))
LONG = "the good film is not bad , the actor is good and the music of this film is bad"


def reader_of(explain, text, loss, unit="word"):
    """The loss without some units, by the model itself."""
    reader = NaiveReader(explain.model, explain.tokenizer, text)
    words = reader.units(unit)
    return lambda *removed: loss(reader.logits_without([t for u in removed for t in words[u]])).item()


@pytest.mark.parametrize("kind", ["textcnn", "bert", "gpt2", "bart"])
@pytest.mark.parametrize("unit", ["word", "word_type"])
def test_values_are_second_differences_of_the_loss_by_hand(kind, unit):
    explain = explainer(kind)
    found = explain.interactions(LONG, "signed_gi", unit, labels=2, top=5)
    v = reader_of(explain, LONG, loss_of("loss", "single_label_classification", 2), unit)
    scores = explain(LONG, "signed_gi", unit, labels=2)["signed_gi"]
    chosen = sorted(np.argsort(-np.abs(scores), kind="stable")[:5])
    assert found.pairs.tolist() == [list(pair) for pair in combinations(chosen, 2)]
    expected = [v(i, j) - v(i) - v(j) + v() for i, j in found.pairs]
    np.testing.assert_allclose(found.values, expected, rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(found.rises[chosen], [v(i) - v() for i in chosen], rtol=1e-7, atol=1e-12)
    assert np.isnan(np.delete(found.rises, chosen)).all()
    assert (found.copies, found.draws, found.errors.any()) == (15, 0, False)
    assert found.explanation.target == 2
    assert found.explanation.self_check


@pytest.mark.parametrize("name", ["shapley_taylor", "shapley_interaction"])
def test_indices_of_a_text_are_those_of_shapiq(name):
    found = explainer("bert").interactions(TEXT, "loo", objective="logit", index=name)
    assert found.pairs.tolist() == [list(pair) for pair in combinations(range(6), 2)]
    np.testing.assert_allclose(found.values, SHAPIQ["text"][name], rtol=1e-6, atol=1e-9)
    sign = {"shapley_taylor": 0, "shapley_interaction": -1}[name]
    if sign:  # it is the same from both ends; the Shapley-Taylor index is not
        np.testing.assert_allclose(found.values, np.multiply(sign, SHAPIQ["present"][name]), rtol=1e-6, atol=1e-9)
    rise = np.diff(found.game()(np.array([[False] * 6, [True] * 6])))
    assert sum(SHAPIQ["shapley"]) == pytest.approx(rise[0], rel=1e-6)


def test_the_shapley_taylor_index_and_leave_one_out_add_up_to_the_rise_of_the_loss():
    found = explainer("gpt2").interactions("good film , bad music", "loo", index="shapley_taylor")
    (rise,) = np.diff(found.game()(np.array([[False] * 5, [True] * 5])))
    np.testing.assert_allclose(found.rises, found.explanation["loo"], rtol=1e-9)
    assert found.values.sum() + found.rises.sum() == pytest.approx(rise, rel=1e-9)


@pytest.mark.parametrize(
    ("index", "max_evals"),
    [("second_difference", 60), ("shapley_taylor", 60), ("shapley_taylor", 2000), ("shapley_interaction", 2000)],
)
def test_top_is_the_number_of_words_that_have_pairs_with_every_index(index, max_evals):
    """With 2,000 copies all sets of the 7 words are computed; with 60, Shapley-Taylor is sampled."""
    text, how = "the good film is not bad ,", {"max_evals": max_evals, "index": index, "self_check": False}
    found = explainer("bert").interactions(text, "loo", top=3, **how)
    chosen = sorted(np.argsort(-np.abs(explainer("bert")(text, "loo")["loo"]), kind="stable")[:3])
    assert found.pairs.tolist() == [list(pair) for pair in combinations(chosen, 2)]
    assert len(found.values) == len(found.errors) == 3
    np.testing.assert_array_equal(np.flatnonzero(~np.isnan(found.rises)), chosen)
    np.testing.assert_allclose(found.rises[chosen], found.explanation["loo"][chosen], rtol=1e-9)
    assert (found.draws == 0) == (index != "shapley_taylor" or max_evals == 2000)
    if not found.draws:
        every = explainer("bert").interactions(text, "loo", top=None, **how)
        kept = [p for p, pair in enumerate(every.pairs.tolist()) if set(pair) <= set(chosen)]
        np.testing.assert_allclose(found.values, every.values[kept], rtol=1e-12)
        assert len(every) == 21


def test_nothing_interacts_where_effects_add_up():
    explain = explainer("fasttext")
    for index in ("second_difference", "shapley_taylor", "shapley_interaction"):
        found = explain.interactions("good film , bad music", objective="logit", index=index)
        np.testing.assert_allclose(found.values, 0, atol=1e-12)
        assert found.is_additive
        assert "no pair interacts: the effects of removing its two units add up" in found.to_html()
        assert "<path" not in found.to_html()
    assert not explain.interactions("good film , bad music", index=index).is_additive


def test_equal_words_of_a_bag_of_words_interact_alike_and_unknown_effects_do_not():
    model, tokenizer = make("fasttext")
    ignored = tokenizer("music", add_special_tokens=False)["input_ids"][0]
    model.get_input_embeddings().weight.data[ignored] = 0
    text = "good film good music"
    for index in ("second_difference", "shapley_taylor", "shapley_interaction"):
        found = Explainer(model, tokenizer).interactions(text, "loo", index=index, self_check=False)
        values = {tuple(pair): x for pair, x in zip(found.pairs.tolist(), found.values, strict=True)}
        assert values[0, 1] == pytest.approx(values[1, 2], rel=1e-9)
        assert values[0, 1] != pytest.approx(values[0, 2], rel=1e-3)
        assert [values[0, 3], values[1, 3], values[2, 3]] == pytest.approx([0, 0, 0], abs=1e-9)


def test_long_texts_get_random_orders_with_errors_that_depend_on_the_seed_alone():
    explain = explainer("bert")
    found, again, other = (
        explain.interactions(LONG, "loo", top=3, index="shapley_taylor", self_check=False, max_evals=60, seed=seed)
        for seed in (0, 0, 1)
    )
    assert (found.draws, len(found)) == (5, 3)
    assert found.copies <= 60
    assert (found.errors > 0).all()
    assert found == again
    assert not np.allclose(found.values, other.values)
    np.testing.assert_array_equal(found.pairs, other.pairs)
    assert "from 5 random orders, with standard errors" in found.to_html()
    assert ">error<" in found.to_html()


def test_a_budget_that_is_too_small_names_the_one_that_is_needed():
    explain = explainer("bert")
    expected = {
        "second_difference": "the second differences of 8 words take 36 masked copies, more than 30: give a smaller "
        "top, or max_evals=36",
        "shapley_taylor": "two random orders for 8 words take 148 masked copies, more than 30: give a smaller top, or "
        "max_evals=148",
        "shapley_interaction": "the index shapley_interaction of 19 units takes 524,287 masked copies, more than 30: "
        "give index='shapley_taylor' (which draws random orders), a larger unit or a larger max_evals",
    }
    for index, message in expected.items():
        with pytest.raises(GradexplainError) as error:
            explain.interactions(LONG, index=index, max_evals=30)
        assert str(error.value) == message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"text": ["a", "b"]},
            "interactions takes one text, pair or conversation, not list: call it for each text",
        ),
        (
            {"method": ("loo", "random")},
            "interactions takes one method, which chooses the words, but got 2: give one of them",
        ),
        ({"target": "all"}, "interactions explain one class: give target=..., the name or id of a class"),
        ({"top": 1}, "top must be a number of words, 2 or larger, or None for all of them, but is 1"),
        ({"top": True}, "top must be a whole number, but is True"),
        ({"top": 2.5}, "top must be a whole number, but is 2.5"),
        ({"top": "3"}, "top must be a whole number, but is '3'"),
        (
            {"index": "shapley"},
            "unknown index 'shapley': did you mean 'shapley_taylor'? Choices: second_difference, shapley_taylor, "
            "shapley_interaction",
        ),
    ],
)
def test_wrong_arguments_are_explained(arguments, message):
    with pytest.raises(GradexplainError) as error:
        explainer("bert").interactions(**{"text": "good film", **arguments})
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("index", "longest", "enough", "said"),
    [
        ("second_difference", 20, 6, "the second differences of 3 words take 6 masked copies, more than 5:"),
        ("shapley_interaction", 20, 7, "of 3 units takes 7 masked copies, more than 6:"),
        ("shapley_interaction", 3, 7, "of 3 units takes 7 masked copies, more than 6:"),
        ("shapley_interaction", 2, None, "of 3 units takes 2^3 - 1 masked copies, more than 6:"),
    ],
)
def test_the_smallest_number_of_copies_is_enough(index, longest, enough, said, monkeypatch):
    monkeypatch.setattr("hf_gradexplain.interactions.find._LONGEST", longest)
    ask = partial(explainer("fasttext").interactions, "good film end", "loo", index=index)
    if enough is not None:
        found = ask(max_evals=enough)
        assert (found.copies, found.draws, len(found)) == (enough, 0, 3)
    with pytest.raises(GradexplainError) as error:
        ask(max_evals=(enough or 7) - 1)
    assert said in str(error.value)


def test_two_words_are_enough():
    assert len(explainer("fasttext").interactions("good film end", "loo", top=2)) == 1
    assert len(explainer("fasttext").interactions("good film", "loo")) == 1


@pytest.mark.parametrize("index", ["second_difference", "shapley_taylor", "shapley_interaction"])
@pytest.mark.parametrize("text", ["", "bad"])
def test_a_text_with_fewer_than_two_words_has_no_pairs(text, index):
    found = explainer("bert").interactions(text, index=index)
    assert len(found) == len(found.to_frame()) == len(found.strongest()) == found.copies == found.draws == 0
    assert (found.pairs.shape, found.values.shape, found.errors.shape) == ((0, 2), (0,), (0,))
    assert found.pairs.dtype == Interactions.from_dict(found.to_dict()).pairs.dtype == int
    assert Interactions.from_dict(found.to_dict()).pairs.shape == (0, 2)
    assert (len(found.rises), np.isnan(found.rises).all()) == (len(found.explanation), True)
    assert "the text has fewer than two units: there are no pairs" in found.to_html()
    found.to_svg()
    assert Interactions.from_dict(found.to_dict()) == found


def test_a_contrast_a_pair_and_own_units_have_interactions():
    explain = explainer("bert")
    found = explain.interactions(("good film", "bad music"), "loo", target=0, against=1)
    v = [explain(("good film", "bad music"), "loo", target=0, against=1)["loo"]]
    np.testing.assert_allclose(found.rises, v[0], rtol=1e-9)
    assert found.explanation.question in found.to_html()
    spans = explain.interactions("the good film is bad", "loo", units=[(0, 8), (9, 13), (14, 20)], top=None)
    assert [unit.text for unit in spans.explanation] == ["the good", "film", "is bad"]
    assert len(spans) == 3
    assert "3 pairs of units" in spans.to_html()


def test_long_documents_and_conversations_have_interactions():
    windows = explainer("gpt2").interactions(" ".join([LONG] * 4), "random", top=2, stride=4, self_check=False)
    assert windows.explanation.windows
    scores = explainer("gpt2")(" ".join([LONG] * 4), "loo", stride=4, self_check=False)["loo"]
    chosen = windows.pairs[0]
    np.testing.assert_allclose(windows.rises[chosen], scores[chosen], rtol=1e-9, atol=1e-12)
    chat = [{"role": "user", "content": "a good film ?"}, {"role": "assistant", "content": "yes , good"}]
    explain = of_conversations("llama", "single_label_classification")
    found = explain.interactions(chat, "loo", top=3, explain_roles="assistant")
    assert {unit.role for unit in found.explanation} == {"assistant"}
    assert len(found) == 3


def test_the_table_has_a_row_per_pair_the_strongest_first():
    found = explainer("bert").interactions(LONG, "loo", top=4)
    frame = found.to_frame()
    assert frame["interaction"].abs().is_monotonic_decreasing
    assert frame.columns.tolist() == [
        "first", "second", "interaction", "error", "loo_first", "loo_second", "start_first", "start_second"
    ]  # fmt: skip
    loo = {unit.spans[0][0]: x for unit, x in zip(found.explanation, found.explanation["loo"], strict=True)}
    for row in frame.itertuples():
        assert row.start_first < row.start_second
        assert LONG[row.start_first :].startswith(row.first)
        assert LONG[row.start_second :].startswith(row.second)
        assert row.loo_first == pytest.approx(loo[row.start_first], rel=1e-9)
        assert row.loo_second == pytest.approx(loo[row.start_second], rel=1e-9)
    strongest = frame[["first", "second", "interaction"]].head(2)
    assert found.strongest(2) == list(strongest.itertuples(index=False, name=None))
    assert (len(found.strongest()), found.strongest(6)[:3]) == (3, found.strongest())
    assert repr(found).startswith(f"Interactions(6 pairs, index='second_difference', strongest: {frame['first'][0]!r}")


def test_interactions_are_kept_without_the_model(tmp_path):
    found = explainer("bert").interactions(LONG, "loo", top=3)
    found.save(tmp_path / "pairs.json")
    loaded = Interactions.load(tmp_path / "pairs.json")
    assert loaded == found
    assert hash(loaded) == hash(found)
    pd.testing.assert_frame_equal(loaded.to_frame(), found.to_frame())
    assert loaded.to_html() == found.to_html()
    for call in (loaded.game, loaded.to_shapiq):
        with pytest.raises(GradexplainError) as error:
            call()
        assert str(error.value) == (
            "interactions that were loaded from a file have no model: call explainer.interactions(text) again"
        )
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(GradexplainError, match=r"it holds something else\): give a file that Interactions.save wrote"):
        Interactions.load(tmp_path / "other.json")
    assert found != "something else"


def test_pictures_are_files_and_axes(tmp_path):
    found = explainer("bert").interactions("good film , bad music", "loo")
    found.save(tmp_path / "pairs.svg")
    found.save(tmp_path / "pairs.png")
    assert found.to_svg(width=8) != (tmp_path / "pairs.svg").read_text(encoding="utf-8")
    assert (tmp_path / "pairs.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(GradexplainError, match=r"^cannot save to .*pdf: give a name that ends in .json, .svg or .png$"):
        found.save(tmp_path / "pairs.pdf")
    words = {text.get_text() for text in plots.arcs(found, ax=Figure().add_subplot()).texts}
    assert {*found.strongest(1)[0][:2]} <= words


def test_the_terminal_shows_the_text_and_the_strongest_pairs():
    found = explainer("bert").interactions(LONG, "loo", top=4)
    console = Console(width=120, file=StringIO(), force_terminal=False)
    with console.capture() as capture:
        console.print(found.to_rich())
    shown = capture.get()
    assert LONG in shown
    assert "second differences of 6 pairs of words" in shown
    assert "positive values: if one of the two is removed" in shown
    first, second, value = found.strongest(1)[0]
    line = next(line for line in shown.splitlines() if line.split()[:2] == [first, second])
    assert f"{value:+#.3g}".replace("-", "−") in line


def test_words_of_others_stay_text():
    text = " ".join(HTML)
    found = explainer("bert").interactions(text, "loo", top=6)
    html = found.to_html()
    for tag in ("<script", "<img", "<iframe", "<b>alert", "onmouseover='"):
        assert tag not in html
    assert json.loads(json.dumps(found.to_dict()))["pairs"] == found.pairs.tolist()


def test_top_takes_whole_numbers_of_every_kind():
    expected = explainer("fasttext").interactions(LONG, "loo", top=3)
    assert len(expected) == 3
    for top in (np.int64(3), torch.tensor(3)):
        assert explainer("fasttext").interactions(LONG, "loo", top=top).to_frame().equals(expected.to_frame())
