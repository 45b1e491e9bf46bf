"""The figure of words: its bars, intervals and labels have the given numbers."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.text import Text

from hf_gradexplain.viz.palette import AGAINST, FOR
from hf_gradexplain.viz.words import words_figure
from tests.helpers.hostile import strings
from tests.viz.test_figures import visible_texts

COLUMNS = ["group", "word", "share", "share_ci_low", "share_ci_high", "others", "n"]


def rows(groups=("World",), words=("war", "peace")):
    """Rows of words, of which each second one has a negative share."""
    return pd.DataFrame(
        [(g, w, (-1) ** i * 0.5, (-1) ** i * 0.5 - 0.1, (-1) ** i * 0.5 + 0.2, 0.05, 1000 + i) for g in groups
         for i, w in enumerate(words)], columns=COLUMNS
    )  # fmt: skip


def test_bars_have_the_shares_and_lines_their_intervals():
    figure = words_figure(rows(), title="Words of a model", x="share")
    (ax,) = figure.axes
    assert [bar.get_width() for bar in ax.patches] == [0.5, -0.5]
    assert [to_rgb(bar.get_facecolor()) for bar in ax.patches] == [to_rgb(FOR), to_rgb(AGAINST)]
    (segments,) = (lines.get_segments() for lines in ax.collections)
    np.testing.assert_allclose([segment[:, 0] for segment in segments], [[0.4, 0.7], [-0.6, -0.3]])
    assert {tuple(line.get_xdata()) for line in ax.lines} >= {(0.05, 0.05)}
    assert [label.get_text() for label in ax.get_yticklabels()] == ["war (1,000)", "peace (1,001)"]
    assert ax.yaxis_inverted()
    shown = {text.get_text() for text in visible_texts(figure)}
    assert {"World", "Words of a model", "share; ticks: mean of all words of the same texts"} <= shown


@pytest.mark.parametrize(("n", "charts"), [(1, 1), (2, 2), (3, 3), (14, 12)])
def test_there_is_a_chart_per_group_up_to_twelve(n, charts):
    figure = words_figure(rows([f"group {i}" for i in range(n)]))
    assert [ax.get_title(loc="left") for ax in figure.axes] == [f"group {i}" for i in range(charts)]
    columns = {round(ax.get_position().x0, 1) for ax in figure.axes}
    assert len(columns) == min(n, 2)


def test_a_long_title_a_long_group_and_a_long_word_are_cut():
    figure = words_figure(rows(["g" * 200], ["w" * 200]), title="t" * 200)
    lengths = {text.get_text()[0]: len(text.get_text()) for text in visible_texts(figure) if "…" in text.get_text()}
    assert lengths == {"t": 90, "g": 44, "w": 22 + len(" (1,000)")}


def test_hostile_names_are_drawn_on_one_line():
    for name in strings(60):
        name = name.encode(errors="ignore").decode()  # a table cannot hold lone surrogates
        for text in words_figure(rows([name], [name]), title=name).findobj(Text):
            assert len(text.get_text().splitlines()) <= 1


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="Expected words, got a table without rows"):
        words_figure(rows(words=()))
    with pytest.raises(ValueError, match="others"):
        words_figure(rows().drop(columns="others"))
