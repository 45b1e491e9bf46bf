"""What is said of the methods that run masked copies, on made-up measurements."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hf_gradexplain.explanation.records import SAMPLING
from hf_gradexplain.viz.canvas import figure_bytes
from recipes.leaderboard.certainty import Certainty, read_certainty
from recipes.leaderboard.figure import LIGHT, leaderboard_figure
from recipes.leaderboard.tables import bought, masking_numbers, masking_table
from recipes.leaderboard.verdicts import best_with_copies
from tests.recipes.leaderboard.made_up import measured, with_masking

LEVELS = {"random": 0.0, "loo": 0.2, "attn_lrp": 0.25, "occlusion": 0.21, "shapley_200": 0.28, "shapley_1000": 0.3}
SURE = {"shapley_200": Certainty(180, 0.4, 0.1), "shapley_1000": Certainty(900, 0.15, 0.75)}


@pytest.fixture
def entry():
    """A transformer with masked copies on texts on which leave-one-out is not what it is on all texts."""
    return with_masking(measured("minilm-ag_news", {"random": 0.0, "loo": 0.4, "attn_lrp": 0.5}), LEVELS, SURE)


def test_the_sentence_names_the_best_method_and_its_lead(entry):
    choice = best_with_copies([entry], "transformers", "attn_lrp")
    assert choice.method == "shapley_1000"
    assert choice.gaps["attn_lrp"].value == pytest.approx(0.05, abs=0.01)
    assert choice.gaps["loo"].value == pytest.approx(0.1, abs=0.01)
    words = "methods that run masked copies find a better order of the words than the best method of one pass"
    start = f"For transformers, {words}. The best of them, shapley_1000, is above attn_lrp (+0.0"
    assert bought(choice).startswith(start)
    assert " and above leave-one-out (+0." in bought(choice)


@pytest.mark.parametrize(
    ("level", "words"), [(0.25, "find an order of the words that is not clearly"), (0.1, "find no better")]
)
def test_the_sentence_says_that_nothing_is_bought(level, words):
    levels = {**LEVELS, "shapley_200": level, "shapley_1000": level}
    entry = with_masking(measured("minilm-ag_news", LEVELS), levels, SURE, n=40)
    assert words in bought(best_with_copies([entry], "transformers", "attn_lrp"))


def test_nothing_is_said_of_a_kind_that_was_not_measured(entry):
    assert best_with_copies([measured("minilm-ag_news", LEVELS)], "transformers", "attn_lrp") is None
    assert best_with_copies([entry], "recurrent networks", "attn_lrp") is None


def test_the_table_has_the_copies_that_ran_and_how_sure_the_scores_are(entry):
    table = masking_table(entry.masking, "attn_lrp").set_index("method")
    assert list(table.index) == ["shapley_1000", "shapley_200", "attn_lrp", "occlusion", "loo", "random"]
    assert dict(table["passes"]) | {"loo": "30", "shapley_200": "180", "attn_lrp": "1"} == dict(table["passes"])
    assert list(table["margin"]) == ["15%", "40%", "–", "–", "–", "–"]
    assert list(table["top 5 told apart"]) == ["75%", "10%", "–", "–", "–", "–"]
    assert (table.loc["attn_lrp", "minus attn_lrp"], table.loc["loo", "minus loo"]) == ("–", "–")
    assert table.loc["shapley_1000", "minus attn_lrp"].startswith("0.05")


def test_the_numbers_are_those_of_the_table(entry):
    rows = {row["method"]: row for row in masking_numbers([entry.masking])}
    assert (rows["shapley_200"]["passes"], rows["shapley_200"]["told_apart"]) == (180, 0.1)
    assert "margin" not in rows["loo"]
    areas = entry.masking.areas[0].aopc
    gap = (areas["shapley_200"] - areas["loo"]).mean()
    assert rows["shapley_200"]["minus_loo"][0] == pytest.approx(gap, abs=1e-5)


def test_the_figure_has_these_methods_relative_to_the_same_texts(entry):
    figure = leaderboard_figure([entry], LIGHT)
    (axes,) = (axes for axes in figure.axes if axes.get_visible())
    shown = {}
    for bars in axes.containers:
        shown.setdefault(bars.get_label(), []).append(bars.lines[0].get_xydata()[0].tolist())
    assert [x for x, _ in shown["shapley"]] == [200, 1000]
    assert [y for _, y in shown["shapley"]] == pytest.approx([1.4, 1.5], abs=0.06), "not 0.7 and 0.75"
    assert shown["attn_lrp"][0][1] == pytest.approx(1.25, abs=0.03)
    assert len(shown["attn_lrp"]) == 1, "once, from all texts"
    assert figure_bytes(figure, "png")


def test_how_sure_scores_are_is_read_from_the_documents(tmp_path):
    """Margins by hand: 8 draws, so 2.3646 standard errors; the top 5 of the second text are not told apart."""
    scores = [[6.0, 5.0, 4.0, 3.0, 2.0, 0.0, -8.0], [6.0, 5.0, 4.0, 3.0, 2.0, 1.9, -1.0], [0.0] * 7]
    errors = [[0.1] * 7, [0.1] * 7, [0.0] * 7]
    records = [
        {"errors": e, "draws": 8 if any(e) else 0, "copies": c, "seed": 0}
        for e, c in zip(errors, (9, 6, 3), strict=True)
    ]
    table = pa.table(
        {
            "scores": [{"lime_200": x, "loo": x} for x in scores],
            "sampling": pa.array([{"lime_200": x} for x in records], pa.struct([("lime_200", SAMPLING)])),
        }
    )
    pq.write_table(table, tmp_path / "0.parquet")
    pq.write_table(pa.table({"scores": [{"loo": [1.0]}]}), tmp_path / "1.parquet")
    found = read_certainty([tmp_path / "0.parquet", tmp_path / "1.parquet"])
    assert list(found) == ["lime_200"]
    assert found["lime_200"].passes == 6
    assert found["lime_200"].margin == pytest.approx(np.mean([0.23646 / 8, 0.23646 / 6]), rel=1e-4)
    assert found["lime_200"].told_apart == pytest.approx(1 / 3)
