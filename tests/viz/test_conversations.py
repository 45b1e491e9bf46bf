"""Explained conversations: the roles stand before the messages, and what was not read is grey."""

import io
import re
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from hf_gradexplain.viz.heading import Heading
from hf_gradexplain.viz.highlight import to_html
from hf_gradexplain.viz.highlight_terminal import to_rich
from hf_gradexplain.viz.pieces import split_text
from hf_gradexplain.viz.segments import Row, Segment, Shade, shades
from hf_gradexplain.viz.text_figure import text_figure

TEXT = "Be kind.\ngood film\n"
SEGMENTS = [Segment("Be kind.\n"), Segment("good", 1.0), Segment(" "), Segment("film", -0.5), Segment("\n")]
ROW = Row(SEGMENTS, method="loo")
HEADING = Heading(
    "positive",
    length=len(TEXT),
    not_read=((0, 8), (16, 18)),
    speakers=((0, "system"), (9, "<b>\x1b[31muser"), (19, "assistant")),
)
HOSTILE = "<b>␛[31muser"


def test_the_pieces_are_cut_where_messages_begin_and_reading_stops():
    pieces = list(shades(ROW, HEADING))
    assert pieces == [
        Shade("system", "speaker"),
        Shade("Be kind.", "unread"),
        Shade("\n"),
        Shade(HOSTILE, "speaker"),
        Shade("good", "for", 1.0, "+1.00"),
        Shade(" "),
        Shade("fi", "against", 0.5, "−0.500"),
        Shade("lm", "unread"),
        Shade("\n"),
        Shade("assistant", "speaker"),
    ]
    assert "".join(shade.text for shade in pieces if shade.role != "speaker") == TEXT


def test_html_shows_the_roles_escaped_and_apart_from_the_direction_of_the_text():
    page = str(to_html([ROW], HEADING))
    assert '<bdi class="speaker">system</bdi><span class="unread">Be kind.</span>\n' in page
    assert '<bdi class="speaker">&lt;b&gt;␛[31muser</bdi><span class="u for"' in page
    assert "the model did not read the grey text, 10 of 19 characters: the chat template" in page
    several = str(to_html([ROW, ROW], HEADING))
    assert (several.count('class="speaker"'), several.count('class="unread"')) == (6, 2)
    assert 'class="speaker"' not in to_html([ROW])


@pytest.mark.parametrize(
    ("truncated_at", "reason"),
    [
        (None, "the chat template drops it"),
        (0, "it is truncated"),
        (16, "the chat template drops it, or it is truncated"),
    ],
)
def test_the_heading_says_why_it_was_not_read(truncated_at, reason):
    assert replace(HEADING, truncated_at=truncated_at).unread.endswith(f"10 of 19 characters: {reason}")


def test_the_terminal_shows_them_dimmed():
    console = Console(width=100, record=True, force_terminal=True, color_system="truecolor", file=io.StringIO())
    console.print(to_rich([ROW], HEADING))
    styled = console.export_text(styles=True)
    assert re.search(r"\x1b\[2msystem: (\x1b\[0m\x1b\[2m)?Be kind\.\x1b\[0m", styled)
    assert f"\x1b[2m{HOSTILE}: \x1b[0m" in styled
    assert "assistant: " in styled


def test_the_figure_shows_them_small_and_grey():
    heading = replace(HEADING, speakers=((0, "system"), (9, "user"), (19, "assistant")))
    (axes,) = text_figure([ROW], heading).axes
    look = {text.get_text(): (text.get_size(), text.get_color()) for text in axes.texts}
    assert look["system:"] == look["assistant:"]
    assert look["system:"][0] < look["Be"][0]
    assert look["system:"][1] == look["Be"][1] == look["lm"][1] != look["good"][1]


@pytest.mark.parametrize(
    ("unread", "numbers"),
    [
        ([], [("Be kind.\n", -1), ("good", 0), (" ", -1), ("film", 1), ("\n", -1)]),
        (
            [(0, 8), (16, 18)],
            [("Be kind.", -2), ("\n", -1), ("good", 0), (" ", -1), ("fi", 1), ("lm", -2), ("\n", -1)],
        ),
        ([(11, 19)], [("Be kind.\n", -1), ("go", 0), ("od film\n", -2)]),
        ([(0, 19)], [(TEXT, -2)]),
    ],
)
def test_the_report_cuts_a_text_in_the_same_way(unread, numbers):
    assert list(split_text(TEXT, np.array([[9, 13], [14, 18]]), np.array([0, 1]), unread)) == numbers


def test_a_heading_says_what_was_not_read():
    assert Heading(length=9, not_read=((0, 2),)).unread_spans == ((0, 2),)
    ((start, end),) = Heading(truncated_at=3, length=9).unread_spans
    assert (start, min(end, 9)) == (3, 9)
    assert Heading().unread_spans == ()
    assert re.match("no scores", Heading(not_read=((0, 2),), without_units=True).unread)
