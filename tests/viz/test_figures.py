import itertools
import xml.etree.ElementTree as ElementTree

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex

from hf_gradexplain.viz.canvas import figure_bytes
from hf_gradexplain.viz.figures import _spread, aopc_figure, correlation_figure, explanation_figure
from hf_gradexplain.viz.palette import AGAINST, AMOUNT, FOR, METHOD_STYLES

HOSTILE = "$\\frac{1}{$ <svg onload=x> \x1b[31m\x00 \u202e" + 60 * "long "
TWELVE = [*METHOD_STYLES, "lime", "kernel_shap", "integrated_gradients", "smoothgrad", "deeplift"]


def aopc_table(methods, longest=60, n=1000):
    k = np.arange(longest + 1)
    frames = []
    for place, method in enumerate(methods):
        curve = (0.3 + 0.001 * place) * (1 - np.exp(-k / 8))
        frames.append(
            pd.DataFrame({"method": method, "k": k, "aopc": curve, "ci_low": curve - 0.01, "ci_high": curve + 0.01})
        )
    return pd.concat(frames, ignore_index=True).assign(n=n)


def correlation_table(methods, documents=40):
    generator = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "method": np.repeat(methods, documents),
            "document": np.tile(np.arange(documents), len(methods)),
            "pearson": generator.uniform(-1, 1, len(methods) * documents),
            "p_value": generator.uniform(0, 1, len(methods) * documents),
        }
    )


def written(figure):
    """Every piece of text that is seen on the figure once drawn."""
    FigureCanvasAgg(figure).draw()
    return [text for text in figure.findobj(matplotlib.text.Text) if text.get_visible() and text.get_text()]


def overlapping(texts):
    boxes = [text.get_window_extent() for text in texts]
    return [pair for pair in itertools.combinations(boxes, 2) if pair[0].overlaps(pair[1])]


def test_one_curve_and_one_band_per_method_with_the_numbers_given():
    table = aopc_table(["loo", "signed_gi"])
    (axes,) = aopc_figure(table.sample(frac=1, random_state=0)).axes
    curves = {line.get_label(): line.get_ydata() for line in axes.lines if line.get_label() in METHOD_STYLES}
    assert set(curves) == {"loo", "signed_gi"}
    assert len(axes.collections) == 2
    np.testing.assert_array_equal(curves["loo"], table.loc[table["method"] == "loo", "aopc"])


def test_twelve_nearly_equal_curves_are_named_in_order_without_overlap():
    figure = aopc_figure(aopc_table(TWELVE, longest=400))
    names = [text for text in written(figure) if text.get_text().split()[0] in TWELVE]
    assert [text.get_text().split()[0] for text in names] == TWELVE
    assert not overlapping(names)
    assert all(figure.bbox.contains(*text.get_window_extent().max) for text in names)


@pytest.mark.parametrize(("longest", "scale"), [(1, "linear"), (29, "linear"), (30, "symlog"), (400, "symlog")])
def test_long_curves_have_a_logarithmic_axis_that_begins_at_zero(longest, scale):
    figure = aopc_figure(aopc_table(["loo"], longest))
    (axes,) = figure.axes
    assert axes.get_xscale() == scale
    assert axes.get_xlim() == (0, longest)
    texts = written(figure)
    ticks = [label for label in axes.get_xticklabels() if label in texts]
    assert ticks[0].get_text() == "0"
    assert not overlapping(ticks)


@pytest.mark.parametrize(("n", "said"), [([5, 5], "n = 5;"), ([1000, 1200], "n = 1,000 to 1,200;")])
def test_sample_size_is_written(n, said):
    figure = aopc_figure(aopc_table(["loo"], longest=1).assign(n=n))
    assert any(said in text.get_text() for text in written(figure))


def test_missing_column_is_named():
    with pytest.raises(ValueError, match=r"got \['method', 'k', 'aopc', 'ci_low', 'ci_high'\]; add \['n'\]"):
        aopc_figure(aopc_table(["loo"]).drop(columns="n"))
    with pytest.raises(ValueError, match=r"add \['kendall'\]"):
        correlation_figure(correlation_table(["loo"]), coefficient="kendall")


def test_undefined_confidence_limits_leave_the_curve():
    figure = aopc_figure(aopc_table(["loo"]).assign(ci_low=np.nan, ci_high=np.nan, n=1))
    assert figure_bytes(figure, "png")


def test_spread_moves_labels_apart_and_no_further():
    np.testing.assert_allclose(_spread(np.array([0.1, 0.5, 0.9]), gap=0.1), [0.1, 0.5, 0.9])
    np.testing.assert_allclose(_spread(np.array([0.5, 0.5, 0.9]), gap=0.1), [0.45, 0.55, 0.9])
    np.testing.assert_allclose(_spread(np.array([0.99, 1.0]), gap=0.1), [0.9, 1.0])
    assert _spread(np.array([]), gap=0.1).size == 0


def test_each_method_has_a_histogram_that_says_what_is_undefined():
    table = correlation_table(["sa_l1", "sa_l2", "random"])
    table.loc[table["method"] == "sa_l1", ["pearson", "p_value"]] = np.nan
    table.loc[table["method"] == "sa_l2", ["pearson", "p_value"]] = [0.5, 0.01]
    table.loc[table.index[40:44], ["pearson", "p_value"]] = np.nan
    table.loc[table.index[44:53], "p_value"] = 0.5
    figure = correlation_figure(table)
    first, second, third = figure.axes
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["sa_l1", "sa_l2", "random"]
    assert [text.get_text() for text in first.texts] == ["undefined for 40 of 40"]
    assert [text.get_text() for text in second.texts] == ["median 0.50; 75% with p ≤ 0.05\nundefined for 4 of 40"]
    assert sum(bar.get_height() for bar in first.patches) == 0
    assert sum(bar.get_height() for bar in second.patches) == pytest.approx(0.9)
    assert sum(bar.get_height() for bar in third.patches) == pytest.approx(1.0)


def test_rounding_beyond_one_stays_in_the_histogram():
    table = correlation_table(["loo"]).assign(pearson=1 + 1e-12)
    (axes,) = correlation_figure(table).axes
    assert axes.patches[-1].get_height() == pytest.approx(1.0)


@pytest.mark.parametrize("count", [1, 7, 12])
def test_panels_share_their_axes_and_their_texts_do_not_overlap(count):
    figure = correlation_figure(correlation_table(TWELVE[:count]), title="AG's News")
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert len(shown) == count
    assert len({(axes.get_xlim(), axes.get_ylim()) for axes in shown}) == 1
    texts = written(figure)
    assert not overlapping([text for text in texts if text.get_text() in TWELVE or "median" in text.get_text()])


def test_other_coefficients_are_drawn_by_name():
    figure = correlation_figure(
        correlation_table(["loo"]).rename(columns={"pearson": "kendall"}), coefficient="kendall"
    )
    assert any("Kendall correlation" in text.get_text() for text in written(figure))


def test_bars_keep_the_order_of_the_text_and_show_the_sign_without_colour():
    (axes,) = explanation_figure(["good", "not", "so"], [2.0, -1.0, 0.0]).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["good", "not", "so"]
    assert [bar.get_width() for bar in axes.patches] == [2.0, -1.0, 0.0]
    assert [bar.get_hatch() for bar in axes.patches] == [None, "////", None]
    assert [to_hex(bar.get_facecolor()) for bar in axes.patches] == [FOR, AGAINST, FOR]
    assert axes.yaxis_inverted()


def test_only_the_strongest_bars_of_a_long_document_are_drawn():
    figure = explanation_figure(["a", "b", "c", "d", "e"], [1.0, 3.0, 0.5, 4.0, 2.0], signed=False, max_units=3)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b", "d", "e"]
    assert {to_hex(bar.get_facecolor()) for bar in axes.patches} == {AMOUNT}
    assert axes.get_xlabel() == "the 3 strongest of 5 units"


@pytest.mark.parametrize("scores", [[1.0], [1.0, np.nan], [[1.0, 2.0]]])
def test_scores_that_do_not_fit_their_units_are_refused(scores):
    with pytest.raises(ValueError, match="Expected 2 finite scores, one per unit, got shape"):
        explanation_figure(["a", "b"], scores)


@pytest.mark.parametrize(
    "figure",
    [
        lambda: aopc_figure(aopc_table(["loo"]).iloc[:0]),
        lambda: correlation_figure(correlation_table(["loo"]).iloc[:0]),
        lambda: explanation_figure([], []),
        lambda: explanation_figure(["a", "b"], [0.0, 0.0]),
        lambda: explanation_figure(["a", "b"], [1e300, 1e-300]),
        lambda: aopc_figure(aopc_table([HOSTILE, "loo"]), title=HOSTILE),
        lambda: correlation_figure(correlation_table([HOSTILE, "loo"]), title=HOSTILE),
        lambda: explanation_figure([HOSTILE, "<b>"], [1.0, -1.0], title=HOSTILE),
    ],
    ids=["no curves", "no panels", "no bars", "all zero", "huge", "hostile curves", "hostile panels", "hostile bars"],
)
def test_figures_of_nothing_extremes_and_hostile_names_are_drawn_alike_each_time(figure):
    svg = figure_bytes(figure(), "svg")
    assert {element.tag.split("}")[1] for element in ElementTree.fromstring(svg).iter()} <= {
        *("svg", "metadata", "RDF", "Work", "type", "format", "title", "defs", "style", "g", "path", "use"),
        *("clipPath", "rect", "pattern", "text", "image"),
    }
    assert svg == figure_bytes(figure(), "svg")


def test_users_settings_are_neither_used_nor_changed():
    with matplotlib.rc_context({"text.color": "red", "lines.linewidth": 9}):
        before = dict(matplotlib.rcParams)
        svg = figure_bytes(aopc_figure(aopc_table(["loo"])), "svg")
        assert dict(matplotlib.rcParams) == before
    assert svg == figure_bytes(aopc_figure(aopc_table(["loo"])), "svg")
