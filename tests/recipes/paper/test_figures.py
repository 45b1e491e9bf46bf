"""The figures show the numbers that they are given."""

import numpy as np
import pandas as pd
import pytest

from hf_gradexplain.viz.canvas import figure_bytes
from recipes.paper import figures
from recipes.paper.constants import MODELS, SETTINGS
from tests.recipes.paper.made_up import GOOD, as_in_the_paper, review


def test_curves_are_means_over_trainings_with_their_outermost_ends():
    results = as_in_the_paper()
    for trainings in results.values():
        trainings[1].aopc[["aopc", "ci_low", "ci_high"]] += 0.1
    figure = figures.curves_figure(results)
    assert [axes.get_title("left") for axes in figure.axes] == [setting.title for setting in SETTINGS]
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    assert lines["SignedGI"].get_ydata().tolist() == pytest.approx([GOOD["signed_gi"] + 0.05] * 2)
    assert lines["LOO"].get_xdata().tolist() == [10, 60]
    band = figure.axes[0].collections[1].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == pytest.approx((GOOD["loo"] - 0.005, GOOD["loo"] + 0.105))


def test_trainings_whose_longest_texts_differ_are_drawn_as_far_as_all_go():
    results = as_in_the_paper()
    longer = results[SETTINGS[0]][1].aopc
    object.__setattr__(results[SETTINGS[0]][1], "aopc", pd.concat([longer, longer.assign(k=longer["k"] + 100)]))
    lines = {line.get_label(): line for line in figures.curves_figure(results).axes[0].lines}
    assert lines["LOO"].get_xdata().tolist() == [10, 60]


def test_correlations_are_shares_of_texts():
    r = {"signed_gi": np.array([0.9, 0.91, 0.2, -0.5]), "sa_l1": np.array([])}
    r["sa_l1"] = np.array([0.1, 0.1, 0.1, 0.1])
    figure = figures.correlations_figure(dict.fromkeys(SETTINGS, r))
    heights = [patch.get_height() for patch in figure.axes[3].patches]
    assert sum(heights) == pytest.approx(2)
    assert max(heights) == pytest.approx(1)
    assert [line.get_xdata()[0] for line in figure.axes[3].lines[:2]] == pytest.approx([0.55, 0.1])


def test_a_method_without_any_r_has_no_median():
    r = {"signed_gi": np.array([0.9, 0.91]), "sa_l1": np.array([])}
    figure = figures.correlations_figure(dict.fromkeys(SETTINGS, r))
    assert len(figure.axes[0].lines) == 2, "one median, and the line at 0"


def test_boxes_stand_at_the_number_of_occurrences():
    words = pd.DataFrame({"times": [1, 1, 2, 2, 3], "relative": [1.0, 1.0, 2.0, 2.0, 3.0]})
    figure = figures.frequency_figure(dict.fromkeys(MODELS, words))
    medians = [line for line in figure.axes[0].lines if line.get_color() == figures.AGAINST]
    assert [(line.get_xdata().mean(), line.get_ydata()[0]) for line in medians] == [(1, 1), (2, 2), (3, 3)]


def test_a_review_is_drawn_in_shares_of_each_rows_largest_score():
    figure = figures.review_figure(dict.fromkeys(MODELS, review({"great": 1.0, "film": 0.0, "bad": -4.0})))
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()][::3] == ["FastText, LOO", "FastText, SignedGI"]
    assert axes.images[0].get_array().tolist() == [[0.25, 0.0, -1.0]] * 6
    assert [text.get_text() for text in axes.texts[:3]] == ["+0.2", "+0.0", "-1.0"]
    bold = [label.get_text() for label in axes.get_xticklabels() if label.get_fontweight() == "bold"]
    assert bold == ["great", "bad"]


def test_decay_has_a_line_per_pooling_at_the_stretches_that_texts_reach():
    columns = {"from": [0, 10, 100], "to": [10, 25, 200]}
    for name in ("gradient", "loo", "signed_gi"):
        columns |= {name: [2.0, 1.0, 0.5], f"{name}_ci_low": [1.9, 0.9, 0.4], f"{name}_ci_high": [2.1, 1.1, 0.6]}
    tables = dict.fromkeys(("last", "mean", "max"), pd.DataFrame(columns))
    figure = figures.decay_figure({name: table.iloc[:1] for name, table in tables.items()}, tables)
    (line,) = (line for line in figure.axes[3].lines if line.get_label() == "pooling last")
    assert line.get_xydata().tolist() == [[0, 2.0], [1, 1.0], [4, 0.5]]
    assert figure_bytes(figure, "png").startswith(b"\x89PNG")
