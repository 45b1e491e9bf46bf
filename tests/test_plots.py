import io
from types import SimpleNamespace

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

import hf_gradexplain
from hf_gradexplain import Interactions, plots
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.text.unit import Unit
from hf_gradexplain.viz.canvas import INK
from hf_gradexplain.viz.comparison import runs_size
from hf_gradexplain.viz.palette import AGAINST, FOR
from tests.explanation.test_explanation import explanation_of
from tests.helpers.tiny import explainer
from tests.viz.test_figures import TWELVE, aopc_table, correlation_tables, visible_texts

MATH = "$\\frac{1}{$"


def several():
    scores = {"loo": np.array([0.5, -0.25]), "sa_l2": np.array([2.0, 1.0])}
    return explanation_of(scores=scores, target_label=MATH, class_names=("pos", MATH))


def pair():
    values, errors, rises = np.array([-0.5]), np.zeros(1), np.array([0.5, 0.25])
    return Interactions(several(), "second_difference", np.array([[0, 1]]), values, errors, 0, rises, 3)


def result(methods=("loo", "signed_gi"), longest=12, scale=1.0):
    """Return what has the tables of an evaluation."""
    aopc = aopc_table(methods, longest)
    aopc[["aopc", "ci_low", "ci_high"]] *= scale
    correlation, histograms = correlation_tables(list(methods))
    chance = pd.DataFrame({"k": [0, 12], "low": [0, 0.1], "high": [0, 0.2]})
    return SimpleNamespace(aopc=aopc, correlation=correlation, correlation_histograms=histograms, chance=chance)


COSTS = {"loo": 40, "signed_gi": 1.0}
PLOTS = {
    "text": lambda ax: plots.text(several(), ax=ax),
    "bar": lambda ax: plots.bar(several(), ax=ax),
    "arcs": lambda ax: plots.arcs(pair(), ax=ax),
    "heatmap": lambda ax: plots.heatmap(pd.DataFrame([[0.5, -1.0]], index=[MATH]), ax=ax, title=MATH),
    "interactions": lambda ax: plots.interactions(pd.DataFrame([[0.5, -1.0]], [MATH], [MATH, "b"]), ax=ax, title=MATH),
    "aopc": lambda ax: plots.aopc(result((MATH, "loo")), ax=ax, title=MATH),
    "correlation": lambda ax: plots.correlation(result((MATH, "loo")), ax=ax, title=MATH),
    "two_runs": lambda ax: plots.two_runs(result(), result(scale=0.5), names=(MATH, "b"), ax=ax, title=MATH),
    "faithfulness_by_cost": lambda ax: plots.faithfulness_by_cost(result(), COSTS, ax=ax, title=MATH, cost_label=MATH),
}


@pytest.fixture
def pyplot():
    from matplotlib import pyplot

    before = pyplot.get_backend()
    pyplot.switch_backend("agg")
    pyplot.close("all")  # those of other tests
    yield pyplot
    pyplot.close("all")
    pyplot.switch_backend(before)


def luminance(color):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_public_function_is_tested_here():
    assert set(PLOTS) == set(plots.__all__)
    assert hf_gradexplain.plots is plots


@pytest.mark.parametrize("name", PLOTS)
def test_given_axes_are_drawn_on_and_pyplot_is_not_touched(name, pyplot):
    with matplotlib.rc_context({"text.color": "red"}):
        before = dict(matplotlib.rcParams)
        figure = Figure(figsize=(8, 5))
        ax = figure.add_subplot()
        assert PLOTS[name](ax) is ax
        assert dict(matplotlib.rcParams) == before
        figure.savefig(io.BytesIO(), format="png")  # text with mathematics in it is drawn as it is
    assert ax.has_data() or ax.texts
    assert pyplot.get_fignums() == []


@pytest.mark.parametrize("name", PLOTS)
def test_without_axes_there_is_a_new_figure_that_a_notebook_shows(name, pyplot):
    ax = PLOTS[name](None)
    assert pyplot.get_fignums() == [ax.get_figure().number]
    ax.get_figure().savefig(io.BytesIO(), format="svg")


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("bar", (6.4, 1.58)),
        ("heatmap", (6.4, 1.54)),
        ("interactions", (3.2, 2.1)),
        ("aopc", (8.0, 4.6)),
        ("correlation", (7.2, 2.44)),
        ("two_runs", (6.4, 2.22)),
        ("faithfulness_by_cost", (6.4, 3.8)),
    ],
)
def test_a_new_figure_has_the_size_of_its_content(name, size, pyplot):
    assert tuple(PLOTS[name](None).get_figure().get_size_inches()) == pytest.approx(size)


@pytest.mark.parametrize("name", ["arcs", "text"])
def test_new_axes_with_words_are_as_large_as_their_figure_or_its_margin(name, pyplot):
    ax = PLOTS[name](None)
    figure, margin = ax.get_figure(), {"arcs": 0, "text": 10 / 72}[name]
    across, up = margin / figure.get_figwidth(), margin / figure.get_figheight()
    assert ax.get_position().bounds == pytest.approx((across, up, 1 - 2 * across, 1 - 2 * up))


@pytest.mark.parametrize("name", PLOTS)
def test_all_text_has_a_contrast_of_at_least_4_5_on_white(name, pyplot):
    for text in visible_texts(PLOTS[name](None).get_figure()):
        assert 1.05 / (luminance(text.get_color()) + 0.05) >= 4.5, text.get_text()


def test_all_methods_of_a_figure_look_different(pyplot):
    ax = plots.aopc(result(TWELVE))
    lines = [line for line in ax.lines if line.get_label() in TWELVE]
    assert len({(line.get_color(), line.get_linestyle(), line.get_marker()) for line in lines}) == len(TWELVE)


def test_the_text_wraps_within_the_picture(pyplot):
    words = " ".join(f"word{number}" for number in range(60))
    ax = plots.text(explanation_of(words + "x" * 200), width=4)
    figure = ax.get_figure()
    for text in visible_texts(figure):
        box = text.get_window_extent()
        assert figure.bbox.x0 <= box.x0 <= box.x1 <= figure.bbox.x1 + 1
        assert figure.bbox.y0 <= box.y0 <= box.y1 <= figure.bbox.y1
    assert figure.get_figwidth() == 4
    assert "".join(text.get_text() for text in ax.texts).count("x") >= 2 * 200


@pytest.mark.parametrize("name", ["bar", "heatmap", "interactions"])
def test_words_beside_a_figure_have_the_colour_of_text_and_no_ticks(name, pyplot):
    ax = PLOTS[name](None)
    assert {label.get_color() for label in ax.get_yticklabels()} == {INK}
    assert {tick.get_markersize() for tick in ax.yaxis.get_ticklines()} == {0}


@pytest.mark.parametrize("name", ["text", "arcs"])
def test_text_is_readable_in_a_picture_that_is_shown_390_pixels_wide(name, pyplot):
    figure = PLOTS[name](None).get_figure()
    pixels_per_point = 390 / (72 * figure.get_figwidth())
    assert min(text.get_fontsize() for text in visible_texts(figure)) * pixels_per_point > 8


def test_the_text_has_a_box_for_every_scored_piece_whose_opacity_is_its_strength(pyplot):
    ax = plots.text(explanation_of("bad film, bad"), "signed_gi")
    boxes = [(to_rgb(box.get_facecolor()[:3]), round(box.get_alpha(), 3)) for box in ax.patches]
    assert boxes[:3] == [(to_rgb(FOR), 0.65), (to_rgb(AGAINST), 0.325), (to_rgb(FOR), 0.65)]
    with pytest.raises(GradexplainError, match="unknown method 'sa_l3'"):
        plots.text(explanation_of(), "sa_l3")


def test_a_picture_of_a_right_to_left_text_says_how_its_words_are_ordered(pyplot):
    said = "words of right-to-left scripts are drawn from left to right"
    for text, expected in (("הסרט טוב", True), ("a فيلم", True), ("a naïve film: фильм", False)):
        axes = plots.text(explainer("fasttext")(text, "loo", self_check=False))
        line = " ".join(drawn.get_text() for drawn in axes.texts if drawn.get_text().strip())
        assert (said in line) == expected, text


def test_two_runs_are_paired_by_method_at_one_k(pyplot):
    ax = plots.two_runs(result(("loo", "signed_gi", "sa_l1")), result(("signed_gi", "loo"), scale=0.5))
    assert tuple(ax.get_figure().get_size_inches()) == pytest.approx(runs_size(3))
    at_ten, swapped = (
        aopc_table(methods, 12).query("k == 10").set_index("method")["aopc"]
        for methods in (["loo", "signed_gi"], ["signed_gi", "loo"])
    )
    assert ax.get_xlabel() == "AOPC(10), with 95 % intervals"
    names = [label.get_text() for label in ax.get_yticklabels()]
    first, second = (container.lines[0].get_xdata() for container in ax.containers)
    assert first == pytest.approx(at_ten[names].to_numpy())
    assert second == pytest.approx(0.5 * swapped[names].to_numpy())
    assert set(names) == {"loo", "signed_gi"}
    with pytest.raises(ValueError, match=r"share a method, got \['loo'\] and \['signed_gi'\]"):
        plots.two_runs(result(("loo",)), result(("signed_gi",)))
    with pytest.raises(ValueError, match="rows with k = 99, but the largest k is 12; give a smaller k"):
        plots.two_runs(result(), result(), k=99)


def test_methods_of_the_same_cost_stand_next_to_each_other(pyplot):
    ax = plots.faithfulness_by_cost(result(("loo", "signed_gi", "sa_l1")), {"loo": 40, "signed_gi": 1, "sa_l1": 1})
    places = {c.get_label(): c.lines[0].get_xdata()[0] for c in ax.containers}
    assert places["loo"] == 40
    assert places["signed_gi"] * places["sa_l1"] == pytest.approx(1)
    assert places["signed_gi"] < places["sa_l1"]
    for costs in ({}, {"loo": 0}):
        with pytest.raises(ValueError, match="Expected costs above 0 for some of"):
            plots.faithfulness_by_cost(result(), costs)


def test_the_folder_of_a_run_and_tables_are_drawn_as_the_evaluation(tmp_path, pyplot):
    tables = result()
    for name in ("aopc", "correlation", "correlation_histograms"):
        getattr(tables, name).to_parquet(tmp_path / f"{name}.parquet")

    def shown(source):
        return [line.get_ydata().tolist() for line in plots.aopc(source).lines if line.get_label() == "loo"]

    evaluation = SimpleNamespace(run=SimpleNamespace(tables=tables))
    expected = tables.aopc.loc[tables.aopc["method"] == "loo", "aopc"].tolist()
    assert all(shown(source) == [expected] for source in (tables, evaluation, tmp_path, str(tmp_path), tables.aopc))
    assert len(plots.correlation(tmp_path).patches) == len(plots.correlation(evaluation).patches) > 0
    with pytest.raises(ValueError, match=r"with a table 'aopc', got .*nowhere"):
        plots.aopc(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="with a table 'correlation', got 'DataFrame'"):
        plots.correlation(tables.aopc)


def test_correlations_that_are_not_there_are_not_drawn(pyplot):
    tables = result()
    with pytest.raises(ValueError, match="unknown coefficient 'spearmen': did you mean 'spearman'"):
        plots.correlation(tables, coefficient="spearmen")
    for coefficient in ("pearson", "spearman", "kendall"):
        plots.correlation(tables, coefficient=coefficient)
    tables.correlation = tables.correlation.iloc[:0]
    with pytest.raises(ValueError, match=r"got none; evaluate loo and another method\."):
        plots.correlation(tables)


@pytest.mark.parametrize("unit", ["token", "word", "word_type"])
@pytest.mark.parametrize("kind", ["bert", "textcnn"])
def test_the_rows_of_the_heatmap_add_up_to_signed_gi(kind, unit, pyplot):
    text = "the film is bad and the film is so bad"
    explanation = explainer(kind)(text, "signed_gi", unit, label := 1)
    values = explainer(kind).gradient_times_input(text, unit, label)
    assert values.index.tolist() == [u.text for u in explanation.units]
    np.testing.assert_allclose(values.sum(axis=1), explanation.scores["signed_gi"], rtol=1e-6, atol=1e-9)
    drawn = plots.heatmap(values).images[0].get_array()
    np.testing.assert_array_equal(drawn, values)


def test_interactions_are_drawn_as_a_row_per_word_of_the_query(pyplot):
    table = pd.DataFrame([[0.5, -2.0, 0.0], [0.0, 1.0, 0.0]], ["good", "film"], ["the", "bad", "end"])
    ax = plots.interactions(table, title="rank 1")
    (image,) = ax.images
    np.testing.assert_array_equal(image.get_array(), table)
    assert image.get_clim() == (-2.0, 2.0)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["good", "film"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["the", "bad", "end"]
    assert not plots.interactions(table.iloc[:, :0]).images


def test_the_heatmap_of_a_long_text_has_the_strongest_units(pyplot):
    values = pd.DataFrame([[1.0, 1.0], [5.0, -5.0], [-2.0, -1.0]], index=["a", "b", "c"])
    ax = plots.heatmap(values, max_units=2)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a  +2.00", "c  −3.00"]
    assert ax.get_xlabel().endswith("the 2 strongest of 3 units")
    assert not plots.heatmap(values.iloc[:0]).images
    many = pd.DataFrame(np.arange(80).reshape(40, 2), index=[f"word{u}" for u in range(40)])
    assert plots.heatmap(many).get_xlabel().endswith("the 30 strongest of 40 units")


def test_the_bars_of_a_long_text_are_those_of_the_strongest_units(pyplot):
    units = tuple(Unit(f"word{u}", ((u, u + 1),)) for u in range(40))
    explanation = explanation_of("x" * 40, units=units, scores={"sa_l2": np.arange(40.0)})
    (ax,) = explanation.to_figure().axes
    for axes in (ax, plots.bar(explanation)):
        assert [label.get_text() for label in axes.get_yticklabels()] == [f"word{u}" for u in range(16, 40)]
        assert axes.get_xlabel().startswith("the 24 strongest of 40 units")
