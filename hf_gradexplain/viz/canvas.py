"""The style of all figures, and their conversion to SVG and PNG."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any, Literal

import matplotlib.style
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.text import Text

_FALLBACK_FONTS = ("Noto Sans CJK SC", "Noto Sans CJK JP", "PingFang SC", "Hiragino Sans", "Microsoft YaHei")
_INSTALLED = {font.name for font in fontManager.ttflist}
INK = "#262626"
"""The colour of text."""
MUTED = "#6b6b6b"
"""The colour of axes and notes."""
FONTS = ["DejaVu Sans", *(name for name in _FALLBACK_FONTS if name in _INSTALLED)]
"""The fonts of all text: each character is drawn in the first font that has it."""
WIDTH = 5.6
"""The usual width of a picture with a text, in inches."""
STYLE: list[str | dict[str, Any]] = [
    "default",
    {
        "text.parse_math": False,
        "font.family": FONTS,
        "font.size": 9,
        "axes.titlesize": 10,
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.edgecolor": MUTED,
        "axes.labelcolor": INK,
        "text.color": INK,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "grid.color": "#e6e6e6",
        "grid.linewidth": 0.7,
        "hatch.linewidth": 0.6,
        "svg.fonttype": "path",
        "svg.hashsalt": "hf_gradexplain",
    },
]
"""The style: matplotlib's defaults with changes, not the user's settings. Text is never parsed as mathematics."""


def figure_bytes(figure: Figure, file_format: Literal["svg", "png"]) -> bytes:
    """Return the figure as an SVG or PNG file; equal figures give equal bytes.

    SVG text is drawn as outlines and looks the same where the font is not installed. A character that no installed
    font has is drawn as a box.
    """
    metadata = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}[file_format]
    buffer = BytesIO()
    with matplotlib.style.context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(buffer, format=file_format, dpi=200, metadata=metadata)
    return buffer.getvalue()


@contextmanager
def drawing_on(ax: Axes | None, size: tuple[float, float]) -> Iterator[Axes]:
    """Draw in the style of all figures, on the given axes or on the axes of a new figure.

    A new figure is registered with pyplot, so that a notebook shows it; with `ax`, pyplot is not used. Text on the axes
    is never parsed as mathematics, whatever the user's settings are.

    Args:
        ax: The axes to draw on; None for new ones.
        size: Width and height of a new figure, in inches.
    """
    with matplotlib.style.context(STYLE):
        if ax is None:
            ax = new_figure(size, layout="constrained").add_subplot()
        yield ax
        for text in ax.findobj(Text):
            text.set_parse_math(False)


@matplotlib.style.context(STYLE)
def new_figure(size: tuple[float, float], layout: Literal["constrained"] | None = None) -> Figure:
    """Return a new figure, registered with pyplot; `size` is its width and height in inches."""
    from matplotlib import pyplot  # only here: it chooses a backend

    return pyplot.figure(figsize=size, layout=layout)


def require_columns(frame: pd.DataFrame, *columns: str) -> None:
    """Check that a table has these columns.

    Raises:
        ValueError: A column is missing.
    """
    if missing := [column for column in columns if column not in frame.columns]:
        raise ValueError(f"Expected the columns {list(columns)}, got {list(frame.columns)}; add {missing}.")


def add_note(axes: Axes, text: str) -> None:
    """Write a small note between the title and the axes."""
    axes.annotate(text, (0, 1), (0, 5), "axes fraction", "offset points", size="small", color=MUTED)
