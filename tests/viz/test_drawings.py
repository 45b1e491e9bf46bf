"""The drawings are those that people looked at: where each line, bar and word is, how large, and in which colour.

After a change of a drawing, look at the new one, and write the new numbers to `drawings.txt`:

    python -m tests.viz.test_drawings
"""

import re
from itertools import groupby
from pathlib import Path

import matplotlib.style
import numpy as np
import pandas as pd
import pytest
from matplotlib.artist import Artist
from matplotlib.collections import Collection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.legend import Legend
from matplotlib.lines import TICKDOWN, TICKLEFT, Line2D
from matplotlib.patches import Patch
from matplotlib.text import Annotation, Text

from hf_gradexplain import plots
from hf_gradexplain.viz import arcs, typesetting
from hf_gradexplain.viz.arcs import Diagram
from hf_gradexplain.viz.arcs_figure import arcs_figure, draw_arcs
from hf_gradexplain.viz.canvas import STYLE
from hf_gradexplain.viz.comparison import default_looks, draw_by_cost, draw_two_runs, runs_size
from hf_gradexplain.viz.curves import aopc_figure, ends_figure
from hf_gradexplain.viz.figures import bars_figure, correlation_figure
from hf_gradexplain.viz.heading import Heading
from hf_gradexplain.viz.heatmap import draw_heatmap, draw_interactions, heatmap_size, interactions_size
from hf_gradexplain.viz.palette import METHOD_STYLES
from hf_gradexplain.viz.sanity import randomisation_figure
from hf_gradexplain.viz.segments import Row, Segment
from hf_gradexplain.viz.text_figure import draw_text, text_figure
from hf_gradexplain.viz.words import words_figure
from tests.helpers.full_row import full_row
from tests.viz.conftest import width_of_half_as_wide

FILE = Path(__file__).with_name("drawings.txt")
METHODS = ("loo", "random", "integrated_gradients", "lime")
LONG = "".join(map(str, range(100)))


def aopc(longest, methods=METHODS):
    rows = [
        (method, k, *((x - 0.1 * i) * k / (k + 5) for x in (0.5, 0.4, 0.6)), 1200 + (k < 3))
        for i, method in enumerate(methods)
        for k in range(longest + 1)
    ]
    return pd.DataFrame(rows, columns=["method", "k", "aopc", "ci_low", "ci_high", "n"])


def chance(longest):
    return pd.DataFrame([(k, k / 100, k / 50) for k in range(longest + 1)], columns=["k", "low", "high"])


def ends():
    names = ("removal", "negative_first", "sufficiency")
    return pd.concat([aopc(4, METHODS[:2]).assign(curve=name) for name in names])


def correlations():
    ends = ["median", "median_ci_low", "median_ci_high", "fraction_significant", "fraction_significant_fdr"]
    columns = ["method", "coefficient", *ends, "n", "n_undefined"]
    rows = [("loo", "pearson", 0.5, 0.4, 0.6, 0.75, 0.5, 30, 10), ("lime", "pearson", *5 * [np.nan], 0, 1200)]
    bins = [("loo", "pearson", -1.0, 0.0, 10), ("loo", "pearson", 0.0, 1.0, 20), ("lime", "pearson", 0.0, 1.0, 0)]
    return (
        pd.DataFrame([*rows, ("loo", "kendall", *rows[0][2:])], columns=columns),
        pd.DataFrame(bins, columns=["method", "coefficient", "low", "high", "n"]),
    )


def bars(**chart):
    return {"units": ["a", "long" * 8, "c", "d"], "scores": [0.5, -1.0, 0.0, 0.25], "title": "t " * 70, **chart}


def words():
    rows = [
        (group, f"{word}{i}", 0.3 - 0.2 * i, 0.2 - 0.2 * i, 0.5 - 0.2 * i, 0.05, 1000 * i)
        for group, n in (("a", 3), ("b", 1), ("c", 2))
        for word in ("word", "x" * 30)
        for i in range(n)
    ]
    names = ["group", "word", "share", "share_ci_low", "share_ci_high", "others", "n"]
    return pd.DataFrame(rows, columns=names)


def layers(n):
    rows = [
        (
            method,
            "cascading",
            step,
            f"layer {step}" if step > 1 else "x" * 29,
            "the model",
            "scores",
            1 / step - 0.2 * i,
            -0.5,
            0.9,
            1200,
        )
        for i, method in enumerate(METHODS[:2])
        for step in range(1, n + 1)
    ]
    rows += [("loo", "cascading", n, f"layer {n}", "a random model", "scores", 0.125, 0.0, 0.2, 1200)]
    names = ["method", "order", "step", "layer", "against", "values", "median", "ci_low", "ci_high", "n"]
    return pd.DataFrame(rows, columns=names)


def on_axes(size, draw):
    with matplotlib.style.context(STYLE):
        figure = Figure(figsize=size)
        draw(figure.add_subplot())
    return figure


def table(rows, columns):
    values = np.arange(rows * columns, dtype=float).reshape(rows, columns) - 3
    return pd.DataFrame(values, [f"row {i}" for i in range(rows)], [f"column {i}" for i in range(columns)])


UNITS = [Segment("good", 2.0), Segment(" "), Segment("bad", -1.0), Segment(" of", 0.0), Segment(" it all\n", 0.5)]
ROWS = [
    full_row(UNITS),
    Row([Segment(s.text, s.score and abs(s.score)) for s in UNITS], "sa_l2", signed=False),
]
HEADING = Heading("pos", 0.75, unit="word", reading="in windows", truncated_at=13, length=18)
DIAGRAM = Diagram.of(
    ["not", "bad", "", "w" * 30, "at", "all", "end"], [(0, 1), (1, 4), (0, 6), (3, 6)], [-2.0, 0.5, 1.0, -0.01]
)


def of_words(draw):
    """Draw words that are all half as wide as they are high."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typesetting, "text_width", width_of_half_as_wide)
        patch.setattr(arcs, "text_width", width_of_half_as_wide)
        return draw()


def constrained(draw):
    with matplotlib.style.context(STYLE):
        figure = Figure(figsize=(4, 3), layout="constrained")
        draw(figure.add_subplot())
    return figure


def in_a_part_of_a_figure(draw):
    with matplotlib.style.context(STYLE):
        figure = Figure(figsize=(6, 4), layout="constrained")
        draw(figure.subfigures(1, 2)[1].add_subplot())
    return figure


COSTS = aopc(10).query("k == 10").assign(low=-0.1, high=0.6, cost=[1, 1, 40, 1]).rename(columns={"aopc": "value"})
DRAWN = {
    "text": lambda: of_words(lambda: text_figure(ROWS[:1], HEADING, width=3)),
    "text of two methods": lambda: of_words(lambda: text_figure(ROWS, HEADING)),
    "text in a layout": lambda: of_words(lambda: constrained(lambda axes: draw_text(axes, ROWS[1:], Heading()))),
    "arcs": lambda: of_words(lambda: arcs_figure(ROWS[:1], HEADING, DIAGRAM, sentences=["a b " * 30, "two"], width=7)),
    "small arcs in a layout": lambda: of_words(
        lambda: constrained(lambda axes: draw_arcs(axes, DIAGRAM, sentences=["a sentence"]))
    ),
    "text and arcs in a part of a figure": lambda: of_words(
        lambda: in_a_part_of_a_figure(
            lambda axes: (draw_text(axes, ROWS[1:], Heading()), draw_arcs(axes, DIAGRAM, sentences=["a sentence"]))
        )
    ),
    "no arcs": lambda: of_words(lambda: arcs_figure(ROWS[:1], HEADING, Diagram.of([], [], []))),
    "aopc": lambda: aopc_figure(aopc(40), chance(40), title="title"),
    "aopc of short texts": lambda: aopc_figure(aopc(29, ["loo"])),
    "ends": lambda: ends_figure(ends(), title="title"),
    "correlation": lambda: correlation_figure(*correlations(), title="title"),
    "bars": lambda: bars_figure(
        [bars(margins=[0.1, 0, 0, 0.05], note="n " * 60), bars(signed=False, scores=[1, 2, 3, 4])], max_units=3
    ),
    "bar": lambda: bars_figure([bars()], max_units=9),
    "words": lambda: words_figure(words(), title="title"),
    "words of one group": lambda: words_figure(words().query("group == 'a'"), x="x"),
    "randomisation": lambda: randomisation_figure(layers(9), title="title"),
    "randomisation of one layer": lambda: randomisation_figure(layers(1)),
    "heatmap": lambda: on_axes(heatmap_size(4), lambda axes: draw_heatmap(axes, table(5, 3), max_units=4)),
    "interactions": lambda: on_axes(interactions_size(2, 3), lambda axes: draw_interactions(axes, table(2, 3))),
    "two runs": lambda: on_axes(
        runs_size(3),
        lambda axes: draw_two_runs(
            axes, aopc(3, METHODS[:3]), aopc(3, METHODS[::-1]), names=("first", "second"), k=3, title="title"
        ),
    ),
    "by cost": lambda: on_axes(
        (6, 4), lambda axes: draw_by_cost(axes, COSTS.set_index("method"), default_looks(list(METHODS)))
    ),
    "faithfulness by cost": lambda: on_axes(
        (6, 4), lambda axes: plots.faithfulness_by_cost(aopc(12), {"loo": 40, "lime": 1}, ax=axes, title="title")
    ),
    "two runs of different length": lambda: on_axes(
        runs_size(4), lambda axes: plots.two_runs(aopc(12), aopc(5), ax=axes)
    ),
    "styles": lambda: aopc_figure(aopc(2, [*METHOD_STYLES, *map(str, range(9))])),
    "aopc with long names": lambda: aopc_figure(aopc(2, [LONG]), title=LONG),
    "ends with long names": lambda: ends_figure(ends(), title=LONG),
    "correlation with long names": lambda: correlation_figure(
        *(frame.replace({"method": {"lime": LONG}}) for frame in correlations()), title=LONG
    ),
    "words with long names": lambda: words_figure(words().replace({"group": {"b": LONG}}), title=LONG),
    "randomisation with long names": lambda: randomisation_figure(layers(2).replace({"loo": LONG}), title=LONG),
    "heatmap with long names": lambda: on_axes(
        (6, 4), lambda axes: draw_heatmap(axes, table(2, 2).rename({"row 0": LONG}), max_units=2, title=LONG)
    ),
    "interactions with long names": lambda: on_axes(
        (6, 4),
        lambda axes: draw_interactions(
            axes, table(2, 2).set_axis([LONG, "a"]).set_axis([LONG, "b"], axis=1), title=LONG
        ),
    ),
    "two runs with long names": lambda: on_axes(
        runs_size(1), lambda axes: draw_two_runs(axes, *[aopc(3, [LONG])] * 2, names=(LONG, "b"), k=3, title=LONG)
    ),
    "by cost with long names": lambda: on_axes(
        (6, 4),
        lambda axes: draw_by_cost(
            axes, COSTS.replace({"lime": LONG}).set_index("method"), default_looks([*METHODS[:3], LONG])
        ),
    ),
}


def number(x):
    return f"{float(x) + 0:.4g}"


def numbers(xs):
    return " ".join(number(x) for x in np.ravel(np.ma.filled(np.asanyarray(xs, dtype=float), np.nan)))


def box(artist):
    """The place of an artist on the page before any layout, in points: its left, lower, right and upper end."""
    return numbers(artist.get_window_extent().extents * 72 / artist.get_figure(root=True).dpi)


def outside(artist):
    """What is drawn beyond the axes, and is no part of the layout."""
    return [f"clip {artist.get_clip_on()}"] if artist.axes is not None and not artist.get_in_layout() else []


def describe(artist: Artist) -> str:
    match artist:
        case Annotation():
            return f"note {artist.get_text()!r} {artist.xy} {artist.xyann} {to_hex(artist.get_color())}"
        case Text():
            place = artist.get_transform().transform(artist.get_position()) * 72 / artist.get_figure(root=True).dpi
            look = (artist.get_ha(), artist.get_va(), number(artist.get_size()), to_hex(artist.get_color()))
            more = ["bold"] if artist.get_weight() == "bold" else []
            more += [f"{effect._gc}" for effect in artist.get_path_effects()] + outside(artist)
            look = (*look, number(artist.get_rotation()), *more)
            return f"text {artist.get_text()!r} {numbers(place)} {' '.join(look)}"
        case Legend():
            anchor = artist.get_bbox_to_anchor().bounds
            place = numbers(np.array(anchor) * 72 / artist.get_figure(root=True).dpi)
            pads = numbers([artist.borderaxespad, artist.handletextpad])
            return f"legend {place} {artist._loc} {pads} {artist._ncols} columns, frame {artist.get_frame_on()}"
        case Line2D() if artist.get_marker() in (TICKLEFT, TICKDOWN):
            return f"tick {number(artist.get_markersize())} {to_hex(artist.get_color())}"
        case Line2D():
            data = artist.get_transform().transform(artist.get_xydata()) * 72 / artist.get_figure(root=True).dpi
            ends = f"{len(data)} points {numbers(data[[0, -1]]) if len(data) else ''}"
            look = (artist.get_linewidth(), artist.get_markersize(), artist.get_zorder(), artist.get_markeredgewidth())
            names = f"{artist.get_marker()} {artist.get_markevery()} {numbers(artist._dash_pattern[1] or ())}"
            inside = to_hex(artist.get_markerfacecolor())
            return f"line {ends} {numbers(look)} {names} {to_hex(artist.get_color())} {inside} {artist.get_clip_on()}"
        case Patch():
            colors = to_hex(artist.get_facecolor(), True), to_hex(artist.get_edgecolor(), True)
            more = [numbers(artist._dash_pattern[1])] if artist._dash_pattern[1] else []
            look = (*colors, number(artist.get_linewidth()), str(artist.get_hatch()), *more, *outside(artist))
            return f"patch {box(artist)} {' '.join(look)}"
        case Collection() if artist.get_paths():
            places = artist.get_transform().transform(np.concatenate([path.vertices for path in artist.get_paths()]))
            places = np.concatenate([places.min(0), places.max(0)]) * 72 / artist.get_figure(root=True).dpi
            colors = [to_hex(c, True) for c in (*artist.get_facecolor(), *artist.get_edgecolor())]
            return f"area {numbers(places)} {' '.join(colors)} {numbers(artist.get_linewidth())} {artist.get_hatch()}"
        case AxesImage():
            return f"image {numbers(artist.get_array())} from {numbers(artist.get_clim())} in {artist.get_cmap().name}"
    return ""


def ticks_of(axis):
    places, labels = numbers(axis.get_ticklocs()), [label.get_text() for label in axis.get_ticklabels()]
    return f"ticks at {places}: {labels} on a {axis.get_scale()} scale from {numbers(axis.get_view_interval())}"


def described(figure: Figure) -> list[str]:
    """Describe all visible parts of a figure, in the order in which they are drawn."""
    for axes in figure.axes:
        axes.apply_aspect()
    bare = [axes for axes in figure.axes if not axes.axison]
    frames = [part for axes in bare for part in (axes.xaxis, axes.yaxis, axes.patch, *axes.spines.values())]
    hidden = {id(artist) for part in frames for artist in part.findobj()}
    ticks = [ticks_of(axis) for axes in figure.axes if axes.axison for axis in (axes.xaxis, axes.yaxis)]
    lines = [f"figure {numbers(figure.get_size_inches())}", *ticks]
    for artist in figure.findobj(lambda x: x.get_visible() and not (isinstance(x, Text) and not x.get_text().strip())):
        if id(artist) not in hidden and (line := describe(artist)):
            lines.append(line)
    return [f"{line} ({n} times)" if (n := len([*equal])) > 1 else line for line, equal in groupby(lines)]


@pytest.mark.parametrize("name", DRAWN)
def test_a_drawing_is_as_before(name):
    parts = re.split(r"^# (.*)\n", FILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    expected = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert list(expected) == list(DRAWN)
    assert described(DRAWN[name]()) == expected[name].splitlines()


if __name__ == "__main__":
    text = "".join(f"# {name}\n" + "\n".join(described(draw())) + "\n" for name, draw in DRAWN.items())
    FILE.write_text(text, encoding="utf-8")
