"""Show a result in a notebook or a terminal, whichever the code runs in."""

import sys
from collections.abc import Callable
from importlib import import_module
from io import StringIO

from rich.console import Console, RenderableType

WIDTH = 100
"""The width, in columns, of text for front ends of a kernel that show no HTML, such as Spyder's console."""


def show(html: str, text: RenderableType) -> None:
    """Display HTML in a notebook, with the text for front ends without HTML; print the text elsewhere."""
    if not runs_in_kernel():
        Console().print(text)
        return
    console = Console(file=StringIO(), width=WIDTH, force_terminal=False, force_jupyter=False)
    with console.capture() as capture:
        console.print(text)
    bundle = {"text/html": html, "text/plain": capture.get()}
    import_module("IPython.display").display(bundle, raw=True)


def live_display() -> Callable[[str, str], None]:
    """Return a function that shows HTML, or text in front ends without HTML, and replaces what it showed before.

    It works only in a kernel, see `runs_in_kernel`.
    """
    handle = import_module("IPython.display").display({"text/plain": ""}, raw=True, display_id=True)
    return lambda html, text: handle.update({"text/html": html, "text/plain": text}, raw=True)


def runs_in_kernel() -> bool:
    """Return whether this code runs in a Jupyter kernel, whatever the class of its shell is called.

    The shells of Jupyter, Colab (`Shell`), Databricks (`DatabricksShell`) and other notebooks have different class
    names; each of them has a `kernel`, and the shell of a terminal has none.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None
