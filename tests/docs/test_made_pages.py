"""What a program makes of the documentation is up to date, and numbers that are copied are those of their source."""

import re

import nbformat
import pytest

from hf_gradexplain.attribution.methods import METHODS
from recipes.docs.notebooks import execute
from recipes.docs.options import options_page
from tests.docs.pages import ROOT, read

NOTEBOOKS = sorted(ROOT.glob("docs/*.ipynb"))


def test_the_page_of_options_is_up_to_date():
    assert read("docs/options.md") == options_page(), "run `python -m recipes.docs options`"


def leaderboard():
    """AOPC(10) on the texts for verdicts, by model and method."""
    sections = re.split(r"^## ", read("docs/leaderboard.md"), flags=re.M)
    row = re.compile(r"^\| (\w+) \| \d+ \| [^|]+ \| ([\d.−]+) ±", flags=re.M)
    return {
        section.partition(",")[0]: dict(row.findall(section.partition("| sufficiency |")[0]))
        for section in sections
        if section.partition("\n")[0].endswith(", AG's News")
    }


def test_the_table_of_choices_has_the_figures_of_the_leaderboard():
    row = re.compile(r"^\| (?:[^|(]*\()?([\w-]+?)(?:,[^|]*|\))? \| `(\w+)` \| ([\d. |]+) \| 1 pass", flags=re.M)
    rows = row.findall(read("docs/choose-a-method.md"))
    measured = leaderboard()
    assert {model for model, *_ in rows} == measured.keys()
    for model, best, numbers in rows:
        expected = [measured[model][method] for method in (best, "random", "loo", "signed_gi")]
        assert numbers.split(" | ") == expected, model


def test_the_table_of_methods_has_the_figures_of_the_leaderboard():
    rows = re.findall(r"^\| (`.*?) \| .* \| (\S+(?: to \S+)?) \| (\S+(?: to \S+)?) \|$", read("README.md"), flags=re.M)
    measured, listed = leaderboard(), []
    for cell, *figures in rows:
        names = re.findall(r"`(\w+)`", cell)
        for model, figure in zip(("MiniLM", "TextCNN"), figures, strict=True):
            of_names = [measured[model].get(name, "–") for name in names]
            assert figure == " to ".join(sorted(set(of_names) if len(of_names) < 2 else {min(of_names), max(of_names)}))
        listed += names
    assert sorted(listed) == sorted(METHODS)


def test_the_table_of_transformers_has_the_figures_of_the_leaderboard():
    table = re.search(r"^\| method \| passes \| MiniLM .*?\n\n", read("docs/compare.md"), flags=re.M | re.S)
    head, _, *rows = table[0].strip().split("\n")
    measured, models = leaderboard(), head.strip("| ").split(" | ")[2:]
    assert len(models) == 5
    for row in rows:
        method, _, *figures = row.strip("| ").split(" | ")
        assert figures == [measured[model][method.split("`")[1]] for model in models], method
    assert len(rows) == 7


def shape(notebook):
    """The kinds of output of each cell with code."""
    return [
        [(output.output_type, *sorted(output.get("data", {}))) for output in cell.outputs]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_was_run_from_top_to_bottom(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert outputs
    assert {output.output_type for output in outputs} <= {"execute_result", "display_data", "stream"}
    assert "/tmp/" not in path.read_text(encoding="utf-8")
    assert not any("<progress" in output.get("data", {}).get("text/html", "") for output in outputs)


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_has_the_same_kinds_of_output(path):
    assert shape(execute(path)) == shape(nbformat.read(path, as_version=4)), "run `python -m recipes.docs notebooks`"
