import itertools
import re
import xml.etree.ElementTree as ElementTree

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from hf_gradexplain.viz.canvas import figure_bytes
from hf_gradexplain.viz.comparison import at_k
from hf_gradexplain.viz.curves import _spread, aopc_figure, ends_figure
from hf_gradexplain.viz.figures import bars_figure, correlation_figure
from hf_gradexplain.viz.heatmap import draw_heatmap, draw_interactions
from hf_gradexplain.viz.palette import AGAINST, AMOUNT, FOR, METHOD_STYLES
from hf_gradexplain.viz.sanity import randomisation_figure
from hf_gradexplain.viz.words import words_figure

HOSTILE = "$\\frac{1}{$ <svg onload=x> \x1b[31m\x00 \u202e" + 60 * "long "
TWELVE = [*METHOD_STYLES, "lime", "kernel_shap", "integrated_gradients", "smoothgrad", "deeplift"]


def explanation_figure(units, scores, max_units=24, **chart):
    return bars_figure([{"units": units, "scores": scores, **chart}], max_units=max_units)


def aopc_table(methods, longest=60, n=1000):
    k = np.arange(longest + 1)
    frames = []
    for i, method in enumerate(methods):
        curve = (0.3 + 0.001 * i) * (1 - np.exp(-k / 8))
        frames.append(
            pd.DataFrame({"method": method, "k": k, "aopc": curve, "ci_low": curve - 0.01, "ci_high": curve + 0.01})
        )
    return pd.concat(frames, ignore_index=True).assign(n=n)


def correlation_tables(methods, median=0.5, n=36, n_undefined=4):
    """Return the summary and the histograms: all documents of a method are in the bins left and right of 0.5."""
    frame = pd.DataFrame({"method": methods, "coefficient": "pearson", "median": median, "n": n})
    frame = frame.assign(median_ci_low=frame["median"] - 0.1, median_ci_high=frame["median"] + 0.1)
    frame = frame.assign(fraction_significant=0.75, fraction_significant_fdr=0.5, n_undefined=n_undefined)
    edges = np.linspace(-1, 1, 21)
    counts = np.where(np.isin(np.arange(20), [14, 15]), n // 2, 0)
    bins = pd.DataFrame({"coefficient": "pearson", "low": edges[:-1], "high": edges[1:], "n": counts})
    parts = [bins.assign(method=method) for method in methods]
    return frame, pd.concat(parts, ignore_index=True) if parts else bins.assign(method="").iloc[:0]


def curve_table(methods, longest=60):
    return pd.concat(
        [aopc_table(methods, longest).assign(curve=c) for c in ("removal", "negative_first", "sufficiency")]
    )


def visible_texts(figure):
    """Draw the figure and return its visible texts."""
    FigureCanvasAgg(figure).draw()
    return [text for text in figure.findobj(matplotlib.text.Text) if text.get_visible() and text.get_text()]


def overlapping(texts):
    boxes = [text.get_window_extent() for text in texts]
    return [pair for pair in itertools.combinations(boxes, 2) if pair[0].overlaps(pair[1])]


EMPTY = pd.DataFrame({"other": [1]})


@pytest.mark.parametrize(
    ("draw", "columns"),
    [
        (lambda: aopc_figure(EMPTY), ["method", "k", "aopc", "ci_low", "ci_high", "n"]),
        (lambda: aopc_figure(aopc_table(["loo"]), EMPTY), ["k", "low", "high"]),
        (lambda: ends_figure(EMPTY), ["curve", "n"]),
        (lambda: at_k(EMPTY, 1), ["method", "k", "aopc", "ci_low", "ci_high"]),
        (
            lambda: correlation_figure(EMPTY, correlation_tables(["loo"])[1]),
            ["method", "coefficient", "median", "median_ci_low", "median_ci_high", "fraction_significant",
             "fraction_significant_fdr", "n", "n_undefined"],
        ),
        (
            lambda: correlation_figure(correlation_tables(["loo"])[0], EMPTY),
            ["method", "coefficient", "low", "high", "n"],
        ),
        (
            lambda: words_figure(EMPTY),
            ["group", "word", "share", "share_ci_low", "share_ci_high", "others", "n"],
        ),
        (
            lambda: randomisation_figure(EMPTY),
            ["method", "order", "step", "layer", "against", "values", "median", "ci_low", "ci_high", "n"],
        ),
    ],
)  # fmt: skip
def test_all_columns_that_a_table_lacks_are_named(draw, columns):
    with pytest.raises(ValueError, match=f"{re.escape(str(columns))}, got .'other'.*; add {re.escape(str(columns))}"):
        draw()


def test_names_of_curves_have_the_decimals_of_the_highest_value():
    ends = aopc_table(["loo", "signed_gi"]).groupby("method").tail(1).assign(aopc=[0.002, -0.0004])
    (axes,) = aopc_figure(ends).axes
    assert {text.get_text() for text in axes.texts} >= {"loo  0.0020", "signed_gi  −0.0004"}


def test_each_method_has_one_curve_and_one_band_with_the_given_numbers():
    table = aopc_table(["loo", "signed_gi"])
    (axes,) = aopc_figure(table.sample(frac=1, random_state=0)).axes
    curves = {line.get_label(): line.get_ydata() for line in axes.lines if line.get_label() in METHOD_STYLES}
    assert set(curves) == {"loo", "signed_gi"}
    assert len(axes.collections) == 2
    np.testing.assert_array_equal(curves["loo"], table.loc[table["method"] == "loo", "aopc"])


def test_beside_its_name_a_curve_has_its_own_colour_line_and_marker():
    (axes,) = aopc_figure(aopc_table(TWELVE)).axes
    curves = [line for line in axes.lines if line.get_label() in TWELVE]
    samples = [line for line in axes.lines if line.get_label() not in TWELVE]
    shown = {(line.get_color(), line.get_linestyle()) for line in samples}
    assert {(curve.get_color(), curve.get_linestyle()) for curve in curves} <= shown
    marks = {(line.get_color(), line.get_marker(), line.get_markersize()) for line in samples}
    assert {(curve.get_color(), curve.get_marker(), curve.get_markersize()) for curve in curves} <= marks
    assert len(curves) == len(TWELVE)


def test_twelve_nearly_equal_curves_are_named_in_order_without_overlap():
    figure = aopc_figure(aopc_table(TWELVE, longest=400))
    names = [text for text in visible_texts(figure) if text.get_text().split()[0] in TWELVE]
    assert [text.get_text().split()[0] for text in names] == TWELVE
    assert not overlapping(names)
    assert all(figure.bbox.contains(*text.get_window_extent().max) for text in names)


@pytest.mark.parametrize(("longest", "scale"), [(1, "linear"), (29, "linear"), (30, "symlog"), (400, "symlog")])
def test_long_curves_have_a_logarithmic_axis_that_begins_at_zero(longest, scale):
    figure = aopc_figure(aopc_table(["loo"], longest))
    (axes,) = figure.axes
    assert axes.get_xscale() == scale
    assert axes.get_xlim() == (0, longest)
    texts = visible_texts(figure)
    ticks = [label for label in axes.get_xticklabels() if label in texts]
    assert ticks[0].get_text() == "0"
    assert not overlapping(ticks)


def test_the_last_k_has_a_tick_if_it_is_a_round_number():
    (axes,) = aopc_figure(aopc_table(["loo"], 50)).axes
    assert axes.get_xticks().tolist() == [0, 1, 2, 5, 10, 20, 50]


@pytest.mark.parametrize(("n", "note"), [([5, 5], "n = 5;"), ([1000, 1200], "n = 1,000 to 1,200;")])
def test_the_note_has_the_sample_size(n, note):
    figure = aopc_figure(aopc_table(["loo"], longest=1).assign(n=n))
    assert any(note in text.get_text() for text in visible_texts(figure))


def test_colours_of_zeros_reach_to_one():
    zeros = pd.DataFrame(np.zeros((2, 2)))
    for draw in (lambda axes: draw_heatmap(axes, zeros, max_units=2), lambda axes: draw_interactions(axes, zeros)):
        axes = Figure().add_subplot()
        draw(axes)
        assert axes.images[0].get_clim() == (-1, 1)


def test_a_table_without_rows_has_no_k():
    with pytest.raises(ValueError, match=r"rows with k = 1, but the largest k is 0; give a smaller k"):
        at_k(aopc_table(["loo"]).iloc[:0], 1)


def test_missing_column_is_named():
    with pytest.raises(ValueError, match=r"got \['method', 'k', 'aopc', 'ci_low', 'ci_high'\]; add \['n'\]"):
        aopc_figure(aopc_table(["loo"]).drop(columns="n"))
    with pytest.raises(ValueError, match=r"add \['median'\]"):
        correlation_figure(correlation_tables(["loo"])[0].drop(columns="median"), correlation_tables(["loo"])[1])
    with pytest.raises(ValueError, match=r"add \['curve'\]"):
        ends_figure(aopc_table(["loo"]))


def test_a_curve_with_undefined_intervals_is_drawn():
    figure = aopc_figure(aopc_table(["loo"]).assign(ci_low=np.nan, ci_high=np.nan, n=1))
    assert figure_bytes(figure, "png")


def test_spread_moves_labels_apart_and_not_further():
    np.testing.assert_allclose(_spread(np.array([0.1, 0.5, 0.9]), gap=0.1), [0.1, 0.5, 0.9])
    np.testing.assert_allclose(_spread(np.array([0.5, 0.5, 0.9]), gap=0.1), [0.45, 0.55, 0.9])
    np.testing.assert_allclose(_spread(np.array([0.99, 1.0]), gap=0.1), [0.9, 1.0])
    assert _spread(np.array([]), gap=0.1).size == 0


def test_each_method_has_a_histogram_with_the_number_of_undefined_documents():
    summary, histograms = correlation_tables(["sa_l1", "sa_l2"])
    summary.loc[0, ["n", "n_undefined"]] = [0, 40]
    summary.loc[0, ["median", "median_ci_low", "median_ci_high", "fraction_significant"]] = np.nan
    (axes,) = correlation_figure(summary, histograms).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["sa_l2", "sa_l1"]  # from bottom to top
    assert [text.get_text() for text in axes.texts] == [
        "undefined for 40 of 40",
        "median 0.50 [0.40, 0.60]\np ≤ .05 for 75%; by FDR 50%\nundefined for 4 of 40",
    ]
    bars = [bar for bar in axes.patches if bar.get_height()]
    assert [bar.get_x() for bar in bars] == pytest.approx([0.4, 0.5])
    assert [(bar.get_y(), bar.get_height()) for bar in bars] == [(0, pytest.approx(0.86))] * 2
    assert axes.get_xlabel() == "Pearson correlation with leave-one-out; highest bar: 45% of the documents"


def test_histograms_have_the_same_scale():
    summary, histograms = correlation_tables(["sa_l1", "sa_l2"])
    histograms.loc[histograms["method"] == "sa_l1", "n"] //= 2
    (axes,) = correlation_figure(summary, histograms).axes
    heights = [bar.get_height() for bar in axes.patches if bar.get_height()]
    assert heights == pytest.approx([0.43, 0.43, 0.86, 0.86])


@pytest.mark.parametrize("count", [1, 7, 12])
def test_the_texts_of_histograms_do_not_overlap(count):
    figure = correlation_figure(*correlation_tables(TWELVE[:count]), title="AG's News")
    texts = visible_texts(figure)
    assert not overlapping([text for text in texts if text.get_text() in TWELVE or "median" in text.get_text()])
    assert all(figure.bbox.contains(*text.get_window_extent().max) for text in texts)


def test_other_coefficients_are_drawn_by_name():
    tables = [table.assign(coefficient="kendall") for table in correlation_tables(["loo"])]
    figure = correlation_figure(*tables, coefficient="kendall")
    assert any("Kendall correlation" in text.get_text() for text in visible_texts(figure))
    (axes,) = correlation_figure(*tables).axes
    assert len(axes.patches) == 0


def test_the_band_of_random_orders_is_drawn_and_named():
    chance = pd.DataFrame({"k": [0, 30, 60], "low": [0, 0.1, 0.2], "high": [0, 0.2, 0.3]})
    figure = aopc_figure(aopc_table(["loo"]), chance)
    (axes,) = figure.axes
    assert len(axes.collections) == 2
    assert axes.collections[0].get_hatch()
    top = axes.collections[0].get_paths()[0].vertices
    assert {(30, 0.1), (30, 0.2), (60, 0.3)} <= {tuple(point) for point in top.tolist()}
    assert any("hatched: 95 % of all random orders" in text.get_text() for text in visible_texts(figure))
    without = aopc_figure(aopc_table(["loo"]), chance.iloc[:0])
    assert not any("hatched" in text.get_text() for text in visible_texts(without))


def test_both_ends_have_a_panel_that_says_which_direction_is_better():
    table = curve_table(["loo", "signed_gi"])
    table.loc[table["curve"] == "sufficiency", "aopc"] += 1
    figure = ends_figure(table)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "Lowest-scored units removed first: lower is better",
        "Highest-scored units kept alone: lower is better",
    ]
    lows = [min(line.get_ydata().min() for line in axes.lines if line.get_label() == "loo") for axes in figure.axes]
    assert lows == pytest.approx([0, 1])
    assert not overlapping(
        [text for text in visible_texts(figure) if text.get_text().split()[0] in ("loo", "signed_gi")]
    )


def test_bars_are_in_the_order_of_the_text_and_show_the_sign_without_colours():
    (axes,) = explanation_figure(["good", "not", "so"], [2.0, -1.0, 0.0]).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["good", "not", "so"]
    assert [bar.get_width() for bar in axes.patches] == [2.0, -1.0, 0.0]
    assert [bar.get_hatch() for bar in axes.patches] == [None, "////", None]
    assert [to_hex(bar.get_facecolor()) for bar in axes.patches] == [FOR, AGAINST, FOR]
    assert axes.yaxis_inverted()


def test_bars_of_estimates_have_error_bars():
    chart = {"margins": [0.5, 0.0, 0.25, 0.125]}
    (axes,) = explanation_figure(["good", "not", "so", "all"], [2.0, -1.0, 0.5, 0.25], max_units=3, **chart).axes
    (lines,) = axes.collections
    assert [part.tolist() for part in lines.get_segments()] == [
        [[1.5, 0.0], [2.5, 0.0]], [[-1.0, 1.0], [-1.0, 1.0]], [[0.25, 2.0], [0.75, 2.0]],
    ]  # fmt: skip
    assert {"+2.00±0.50", "−1.00", "+0.500±0.25"} <= {text.get_text() for text in axes.texts}
    assert not explanation_figure(["good"], [2.0]).axes[0].collections


def test_only_the_strongest_bars_of_a_long_document_are_drawn():
    figure = explanation_figure(["a", "b", "c", "d", "e"], [1.0, 3.0, 0.5, 4.0, 2.0], signed=False, max_units=3)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b", "d", "e"]
    assert {to_hex(bar.get_facecolor()) for bar in axes.patches} == {AMOUNT}
    assert axes.get_xlabel() == "the 3 strongest of 5 units"


@pytest.mark.parametrize("scores", [[1.0], [1.0, np.nan], [[1.0, 2.0]]])
def test_scores_that_do_not_match_their_units_are_refused(scores):
    with pytest.raises(ValueError, match="Expected 2 finite scores, one per unit, got shape"):
        explanation_figure(["a", "b"], scores)


@pytest.mark.parametrize(
    "figure",
    [
        lambda: aopc_figure(aopc_table(["loo"]).iloc[:0]),
        lambda: correlation_figure(*correlation_tables([])),
        lambda: ends_figure(curve_table(["loo"]).iloc[:0]),
        lambda: explanation_figure([], []),
        lambda: explanation_figure(["a", "b"], [0.0, 0.0]),
        lambda: explanation_figure(["a", "b"], [1e300, 1e-300]),
        lambda: aopc_figure(aopc_table([HOSTILE, "loo"]), title=HOSTILE),
        lambda: correlation_figure(*correlation_tables([HOSTILE, "loo"]), title=HOSTILE),
        lambda: ends_figure(curve_table([HOSTILE, "loo"]), title=HOSTILE),
        lambda: explanation_figure([HOSTILE, "<b>"], [1.0, -1.0], title=HOSTILE),
    ],
    ids=["no curves", "no panels", "no ends", "no bars", "all zero", "huge"]
    + [f"hostile {name}" for name in ("curves", "panels", "ends", "bars")],
)
def test_figures_of_empty_extreme_and_hostile_inputs_are_drawn_and_deterministic(figure):
    svg = figure_bytes(figure(), "svg")
    assert {element.tag.split("}")[1] for element in ElementTree.fromstring(svg).iter()} <= {
        *("svg", "metadata", "RDF", "Work", "type", "format", "title", "defs", "style", "g", "path", "use"),
        *("clipPath", "rect", "pattern", "text", "image"),
    }
    assert svg == figure_bytes(figure(), "svg")


def test_user_settings_are_neither_used_nor_changed():
    with matplotlib.rc_context({"text.color": "red", "lines.linewidth": 9}):
        before = dict(matplotlib.rcParams)
        svg = figure_bytes(aopc_figure(aopc_table(["loo"])), "svg")
        assert dict(matplotlib.rcParams) == before
    assert svg == figure_bytes(aopc_figure(aopc_table(["loo"])), "svg")
