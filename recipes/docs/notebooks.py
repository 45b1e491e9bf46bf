"""Run the notebooks of docs/ from top to bottom, each in a new process, and remove times and paths from outputs."""

from pathlib import Path

import nbformat
from nbconvert.preprocessors import ExecutePreprocessor
from nbformat import NotebookNode

MINUTES = 5


def execute_notebooks(folder: Path) -> list[Path]:
    """Run the notebooks of a folder, store their outputs in them, and return their files."""
    paths = sorted(folder.glob("*.ipynb"))
    for path in paths:
        nbformat.write(execute(path), path)
    return paths


def execute(path: Path) -> NotebookNode:
    """Return a notebook with new outputs, without warnings, progress bars and values that differ from run to run.

    Raises:
        CellExecutionError: A cell raised an error.
    """
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(path.parent)}}
    notebook, _ = ExecutePreprocessor(timeout=60 * MINUTES, kernel_name="python3").preprocess(notebook, resources)
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _is_progress(output)]
    return notebook


def _is_progress(output: NotebookNode) -> bool:
    """Return whether an output is a warning or a progress bar, as text or as an element of a page."""
    return output.get("name") == "stderr" or "<progress" in str(output.get("data", {}).get("text/html", ""))
