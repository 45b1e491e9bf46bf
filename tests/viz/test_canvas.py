import os
import xml.etree.ElementTree as ElementTree

import matplotlib
import pytest
from matplotlib.figure import Figure

from hf_gradexplain.viz.canvas import figure_bytes, save_figure


def small_figure(title="a figure"):
    figure = Figure(figsize=(2, 1))
    figure.add_subplot().set(title=title)
    return figure


@pytest.mark.parametrize("file_format", ["svg", "png"])
def test_equal_figures_give_equal_bytes_whatever_the_users_settings(file_format):
    expected = figure_bytes(small_figure(), file_format)
    with matplotlib.rc_context({"svg.hashsalt": "other", "savefig.facecolor": "red"}):
        assert figure_bytes(small_figure(), file_format) == expected
    assert figure_bytes(small_figure("another"), file_format) != expected


def test_svg_names_no_date_and_no_maker():
    svg = figure_bytes(small_figure(), "svg")
    assert b"date>" not in svg
    assert b"Matplotlib" not in svg
    assert b"Matplotlib" not in figure_bytes(small_figure(), "png")


def test_characters_without_a_glyph_are_drawn_all_the_same():
    ElementTree.fromstring(figure_bytes(small_figure("𒀀 素晴 👩‍👩‍👧"), "svg"))


def test_both_files_are_written_with_ordinary_permissions(tmp_path):
    svg, png = save_figure(small_figure(), tmp_path / "aopc.v1")
    assert sorted(tmp_path.iterdir()) == [png, svg]
    assert (svg.name, png.name) == ("aopc.v1.svg", "aopc.v1.png")
    assert png.read_bytes().startswith(b"\x89PNG")
    ElementTree.fromstring(svg.read_bytes())
    plain = tmp_path / "plain"
    plain.touch()
    assert svg.stat().st_mode == plain.stat().st_mode


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    svg, png = save_figure(small_figure(), tmp_path / "figure")
    before = svg.read_bytes()

    def refuse(source, target):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="disk full"):
        save_figure(small_figure("new"), tmp_path / "figure")
    assert sorted(tmp_path.iterdir()) == [png, svg]
    assert svg.read_bytes() == before
