import xml.etree.ElementTree as ElementTree

import matplotlib
import pytest
from matplotlib import font_manager
from matplotlib.figure import Figure

from hf_gradexplain.viz.canvas import FONTS, figure_bytes


def small_figure(title="a figure"):
    figure = Figure(figsize=(2, 1))
    figure.add_subplot().set(title=title)
    return figure


@pytest.mark.parametrize("file_format", ["svg", "png"])
def test_equal_figures_give_equal_bytes_with_any_user_settings(file_format):
    expected = figure_bytes(small_figure(), file_format)
    with matplotlib.rc_context({"svg.hashsalt": "other", "savefig.facecolor": "red"}):
        assert figure_bytes(small_figure(), file_format) == expected
    assert figure_bytes(small_figure("another"), file_format) != expected


def test_files_hold_neither_a_date_nor_the_name_of_matplotlib():
    svg = figure_bytes(small_figure(), "svg")
    assert b"date>" not in svg
    assert b"Matplotlib" not in svg
    assert b"Matplotlib" not in figure_bytes(small_figure(), "png")


def test_fonts_are_those_that_are_installed():
    installed = set(font_manager.get_font_names())
    assert FONTS[0] == "DejaVu Sans"
    assert set(FONTS) <= installed
    assert all(font in FONTS for font in installed & {"Noto Sans CJK SC", "Noto Sans CJK JP"})


def test_characters_without_a_glyph_are_drawn():
    ElementTree.fromstring(figure_bytes(small_figure("𒀀 素晴 👩‍👩‍👧"), "svg"))
