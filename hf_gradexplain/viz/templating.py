"""The two template environments. Nothing reaches a page or a card unescaped, so no template has to remember to."""

import re
from collections.abc import Callable
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from hf_gradexplain.viz.sanitize import one_line, visible

_INLINE = re.compile(r"[\\`*\[\]|~$#]|(?<![^\W_])_|_(?![^\W_])")
_BLOCK = re.compile(r"^(?=[-+=]+(?:\s|$))|^(\d+)(?=[.)](?:\s|$))")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def escape_markdown(text: str) -> Markup:
    r"""Write `text` as one line of Markdown that renders as itself: no emphasis, link, table cell, HTML or math.

    Underscores inside a word stay as they are: CommonMark does not read them as emphasis. A bare address may
    still be shown as a link to itself, which hides nothing.

    >>> print(escape_markdown("a|b <i>_x_ sa_l1"))
    a\|b &lt;i&gt;\_x\_ sa_l1
    """
    escaped = _INLINE.sub(r"\\\g<0>", one_line(text).translate(_ENTITIES))
    return Markup(_BLOCK.sub(r"\1\\", escaped))


def _finalize_html(value: Any) -> Any:
    return visible(value) if isinstance(value, str) else value


def _finalize_markdown(value: Any) -> Any:
    return value if isinstance(value, Markup) else escape_markdown(str(value))


def _environment(finalize: Callable[[Any], Any]) -> Environment:
    return Environment(
        loader=PackageLoader("hf_gradexplain.viz"),
        autoescape=True,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


HTML = _environment(_finalize_html)
"""Escapes every value for HTML and shows its control characters; only `Markup` passes as it is."""
MARKDOWN = _environment(_finalize_markdown)
"""Escapes every value for Markdown; only `Markup` passes as it is."""
