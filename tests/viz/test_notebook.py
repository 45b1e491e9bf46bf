"""A result in a notebook: which shells are notebooks, and how the fragment looks in the page of JupyterLab."""

import json
import re
import subprocess
import sys
from types import ModuleType, SimpleNamespace

import pytest
from rich.text import Text

from hf_gradexplain.viz import notebook
from hf_gradexplain.viz.heading import Heading
from hf_gradexplain.viz.highlight import to_html
from hf_gradexplain.viz.notebook import live_display, runs_in_kernel, show
from hf_gradexplain.viz.segments import Row, Segment
from tests.helpers.browser import find_browser

JUPYTERLAB = """
.jp-OutputArea-output dl, .jp-OutputArea-output dt, .jp-OutputArea-output dd { display: block; }
.jp-OutputArea-output dl { width: 100%; overflow: hidden; padding: 0; margin: 0; }
.jp-OutputArea-output dt { font-weight: bold; float: left; width: 20%; padding: 0; margin: 0; }
.jp-OutputArea-output dd { float: left; width: 80%; padding: 0; margin: 0; }
.jp-RenderedHTMLCommon { font: 14px/1.6 system-ui, sans-serif; padding-right: 20px; }
.jp-RenderedHTMLCommon p { text-align: left; margin: 0; margin-bottom: 1em; }
.jp-RenderedHTMLCommon table { table-layout: fixed; margin: 0 0 1em; border-collapse: collapse; }
.jp-RenderedHTMLCommon td, .jp-RenderedHTMLCommon tr { padding: .5em; text-align: right; vertical-align: middle; }
.jp-RenderedHTMLCommon ul:not(.list-inline) { padding-left: 2em; list-style: disc; margin-bottom: 1em; }
"""
"""What JupyterLab, and a page that nbconvert makes of an executed notebook, do to the elements of an output."""

PAGE = """<!DOCTYPE html><meta charset="utf-8"><style>{style}</style>
<div class="jp-OutputArea-child" style="width: {width}px">
<div class="jp-RenderedHTMLCommon jp-RenderedHTML jp-OutputArea-output" data-mime-type="text/html">{html}</div></div>
<pre id="boxes"></pre>
<script>
const box = node => {{ const r = node.getBoundingClientRect(), lines = node.getClientRects().length;
  return {{left: r.left, right: r.right, top: r.top, bottom: r.bottom, lines}} }};
document.querySelector("#boxes").textContent = JSON.stringify({{
  labels: [...document.querySelectorAll(".legend .u")].map(box),
  listed: [...document.querySelectorAll(".legend .listed")].map(box),
  scale: document.querySelector(".scale") && box(document.querySelector(".scale")),
  names: [...document.querySelectorAll(".who")].map(box),
  texts: [...document.querySelectorAll(".what")].map(box),
  figure: box(document.querySelector("figure")),
}});
</script>
"""


def boxes(folder, html, width):
    """Return where Chromium puts the parts of the legend in the page of a notebook."""
    page = folder / "notebook.html"
    page.write_text(PAGE.format(style=JUPYTERLAB, html=html, width=width), encoding="utf-8")
    command = [find_browser(), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    shown = subprocess.run([*command, "--dump-dom", page.as_uri()], capture_output=True, timeout=120, check=True)
    return json.loads(re.search(r'<pre id="boxes">(.*?)</pre>', shown.stdout.decode())[1])


@pytest.mark.parametrize("width", [900, 360])
def test_the_lines_of_the_legend_stay_together_in_jupyterlab(tmp_path, width):
    words = {"wonderful": 2.5, "thoughtful": 1.25, "gripping": 0.75, "dull": -1.5, "never": -0.5}
    segments = [Segment(word, score) for word, score in words.items()]
    found = boxes(tmp_path, to_html([Row(segments, method="loo")], Heading("positive")), width)
    assert [label["lines"] for label in found["labels"]] == [1, 1]
    supports, opposes = found["labels"]
    for label, unit in ((supports, found["listed"][0]), (opposes, found["listed"][3])):
        assert label["right"] < unit["left"]  # the label stands before its words
        assert unit["top"] < (label["top"] + label["bottom"]) / 2 < unit["bottom"]  # on the same line
    assert supports["bottom"] <= opposes["top"]
    assert opposes["bottom"] <= found["scale"]["top"]
    assert supports["left"] == opposes["left"]
    if width == 900:
        assert len({unit["top"] for unit in found["listed"][:3]}) == 1  # there is room for one line
    assert max(unit["right"] for unit in [*found["listed"], found["scale"]]) <= found["figure"]["right"]


def test_a_label_of_two_words_stays_on_one_line_in_jupyterlab(tmp_path):
    """In a definition list, JupyterLab makes it a fifth as wide as its column."""
    found = boxes(tmp_path, to_html([Row([Segment("good", 2.0)], signed=False)]), 900)
    assert [label["lines"] for label in found["labels"]] == [1]


@pytest.mark.parametrize("width", [900, 360])
def test_the_names_of_methods_are_beside_their_rows_or_above_them_in_jupyterlab(tmp_path, width):
    words = [Segment(word, score) for word, score in {"wonderful": 2.5, "film": -1.25}.items()]
    names = ("integrated_gradients", "loo", "sa_l2")
    found = boxes(tmp_path, to_html([Row(words, method=name, correlation=0.5) for name in names]), width)
    assert len(found["names"]) == len(found["texts"]) == 3
    for name, text in zip(found["names"], found["texts"], strict=True):
        assert name["right"] <= text["left"] if width == 900 else name["bottom"] <= text["top"]
        assert text["right"] <= found["figure"]["right"]
    assert found["texts"][0]["bottom"] <= found["texts"][1]["top"]


class Shell(SimpleNamespace):
    """The class name in Colab."""


class DatabricksShell(SimpleNamespace):
    """The class name in Databricks."""


class ZMQInteractiveShell(SimpleNamespace):
    """The class name in Jupyter."""


class TerminalInteractiveShell(SimpleNamespace):
    """The class name in a terminal."""


@pytest.mark.parametrize(
    ("shell", "expected"),
    [
        (Shell(kernel=object()), True),
        (DatabricksShell(kernel=object()), True),
        (ZMQInteractiveShell(kernel=object()), True),
        (TerminalInteractiveShell(), False),
        (ZMQInteractiveShell(kernel=None), False),
        (None, False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_notebook_is_known_by_its_kernel(monkeypatch, shell, expected):
    package = ModuleType("IPython")
    package.get_ipython = lambda: shell
    monkeypatch.setitem(sys.modules, "IPython", package)
    assert runs_in_kernel() is expected


def test_without_ipython_there_is_no_notebook(monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert not runs_in_kernel()


def test_a_live_display_replaces_what_it_showed(monkeypatch):
    shown, module = [], ModuleType("IPython.display")

    def display(bundle, *, raw, display_id):
        shown.append((bundle, raw, display_id))
        return SimpleNamespace(update=lambda bundle, raw: shown.append((bundle, raw)))

    module.display = display
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    update = live_display()
    update("<b>1</b>", "1")
    assert shown == [
        ({"text/plain": ""}, True, True),
        ({"text/html": "<b>1</b>", "text/plain": "1"}, True),
    ]


def test_a_kernel_gets_html_and_text_of_a_hundred_columns(monkeypatch, capsys):
    shown, module = [], ModuleType("IPython.display")
    module.display = lambda bundle, *, raw: shown.append((bundle, raw))
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    monkeypatch.setattr(notebook, "runs_in_kernel", lambda: True)
    show("<b>html</b>", "x" * 130)
    assert shown == [({"text/html": "<b>html</b>", "text/plain": "x" * 100 + "\n" + "x" * 30 + "\n"}, True)]
    assert capsys.readouterr().out == ""
    show("<b>html</b>", Text("bold", style="bold red"))
    assert shown.pop()[0]["text/plain"] == "bold\n", "no escapes"
    monkeypatch.setattr(notebook, "runs_in_kernel", lambda: False)
    show("<b>html</b>", "text")
    assert capsys.readouterr().out == "text\n"
    assert len(shown) == 1
