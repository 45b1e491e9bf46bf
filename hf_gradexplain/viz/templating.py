"""The template environments for HTML and for Markdown, which escape every value without help from the template."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from hf_gradexplain.viz.sanitize import one_line, visible

_INLINE = re.compile(r"[\\`*\[\]|~$#]|(?<![^\W_])_|_(?![^\W_])")
_BLOCK = re.compile(r"^(?=[-+=]+(?:\s|$))|^(\d+)(?=[.)](?:\s|$))")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def escape_markdown(text: str) -> Markup:
    r"""Write `text` as one line of Markdown that renders as itself: no emphasis, link, table cell, HTML or math.

    Underscores inside a word stay as they are, because CommonMark does not read them as emphasis. A plain URL may still
    be shown as a link; this is safe, because its text is its target.

    >>> print(escape_markdown("a|b <i>_x_ sa_l1"))
    a\|b &lt;i&gt;\_x\_ sa_l1
    """
    escaped = _INLINE.sub(r"\\\g<0>", one_line(text).translate(_ENTITIES))
    return Markup(_BLOCK.sub(r"\1\\", escaped))


def front_matter(metadata: Mapping[str, Any]) -> Markup:
    r"""Write metadata of plain types as the YAML front matter of a card, which loads as the same values.

    A `<` that could begin an HTML tag is written as a YAML escape: a program that reads the front matter as Markdown
    finds no HTML in it.

    >>> print(front_matter({"pretty_name": "<b>", "size_categories": ["n<1K"]}), end="")
    pretty_name: "\x3Cb>"
    size_categories:
    - n<1K

    Raises:
        yaml.YAMLError: A value is not of a plain type.
    """
    return Markup(_TAG.sub(r"\\x3C", yaml.dump(dict(metadata), Dumper=_Quoting, sort_keys=False)))


_TAG = re.compile(r"<(?=[A-Za-z/!?])")


class _Quoting(yaml.SafeDumper):
    """Quotes strings in which an HTML tag could begin, since only quoted strings can hold escapes."""


_Quoting.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style='"' if _TAG.search(text) else None
    ),
)


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
"""Escapes every value for HTML and makes control characters visible; only `Markup` is inserted unchanged."""
MARKDOWN = _environment(_finalize_markdown)
"""Escapes every value for Markdown; only `Markup` is inserted unchanged."""
