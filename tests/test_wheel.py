"""What an installed wheel offers: every command, in an empty folder outside the repository."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import nbformat
import pytest

from hf_gradexplain import __version__
from tests.helpers.browser import browser

ROOT = Path(__file__).parents[1]
CELLS = (
    "import hf_gradexplain\nprint(hf_gradexplain.__file__)",
    "explainer = hf_gradexplain.Explainer.from_pretrained('out/model')",
    "explainer.evaluate(['a good film', 'a bad film', 'a film'], labels=[1, 0, 1])",
)
TRAIN = "text,label\n" + "a good film,1\na bad film,0\n" * 8

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder of programs of an environment with the wheel; it sees the other packages of this environment."""
    folder = tmp_path_factory.mktemp("installed")
    shutil.copytree(ROOT / "hf_gradexplain", folder / "source" / "hf_gradexplain")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "source")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, folder / "source"]
    subprocess.run(build, check=True, timeout=300)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "env"], check=True, timeout=300)
    (site,) = folder.glob("env/lib/python*/site-packages")
    (site / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (wheel,) = folder.glob("*.whl")
    install = [*pip, "--python", folder / "env" / "bin" / "python", "install", "--no-deps", wheel]
    subprocess.run(install, check=True, timeout=300)
    return folder / "env" / "bin"


@pytest.fixture(scope="module")
def run(installed, tmp_path_factory):
    """Run a program of that environment in an empty folder; return what it prints."""
    folder = tmp_path_factory.mktemp("elsewhere")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(program, *arguments, stdin=""):
        command = [installed / program, *map(str, arguments)]
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, cwd=folder, env=environment, timeout=600
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    (folder / "texts.csv").write_text(TRAIN)
    run("hf-gradexplain", "evaluate", "--output_dir", "out")
    run.folder = folder
    return run


def test_the_package_is_the_installed_one(run, installed):
    where = run("python", "-c", "import hf_gradexplain; print(hf_gradexplain.__file__)")
    assert Path(where.strip()).is_relative_to(installed.parent)
    assert run("hf-gradexplain", "--version") == f"hf-gradexplain {__version__}\n"


def test_commands_that_need_no_model(run):
    assert "explain" in run("hf-gradexplain")
    assert "attn_lrp" in run("hf-gradexplain", "methods")
    assert json.loads(run("hf-gradexplain", "env", "--format", "json"))["torch"]
    assert "hf-gradexplain" in run("hf-gradexplain", "completion", "bash")


def test_a_model_is_explained_and_checked(run):
    explain = ("hf-gradexplain", "explain", "out/model")
    assert json.loads(run(*explain, "a text", "--format", "json"))["text"] == "a text"
    assert run(*explain, "-", "--format", "html", stdin="a text").startswith("<!DOCTYPE html>")
    lines = run(*explain, "--file", "texts.csv", "--format", "jsonl").splitlines()
    assert len(lines) == len(TRAIN.splitlines()) - 1
    assert "word lookups" in run("hf-gradexplain", "doctor", "out/model")


def test_a_notebook_shows_an_evaluation(run, installed):
    notebook = nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, CELLS)))
    nbformat.write(notebook, run.folder / "notebook.ipynb")
    run("python", "-m", "nbconvert", "--to", "notebook", "--execute", "--output", "executed", "notebook.ipynb")
    where, _, evaluated = nbformat.read(run.folder / "executed.ipynb", as_version=4).cells
    assert Path(where.outputs[0].text.strip()).is_relative_to(installed.parent)
    (shown,) = [output.data for output in evaluated.outputs if output.output_type == "execute_result"]
    assert shown["text/plain"].startswith("Evaluation of")
    assert all(part in shown["text/html"] for part in ("<table", '<img src="data:image/svg', "AOPC(3)"))


def test_a_model_is_trained(run):
    data = ("--dataset_name", "texts.csv", "--train_split", "train[:75%]", "--eval_split", "train[75%:]")
    metrics = run("hf-gradexplain", "train", "--model_type", "fasttext", *data, "--output_dir", "trained")
    assert "accuracy" in json.loads(metrics)
    assert json.loads(run("hf-gradexplain", "explain", "trained", "a good film", "--format", "json"))["scores"]


def test_a_report_is_written_again(run):
    report = run.folder / "out" / "report.html"
    before = report.read_bytes()
    report.unlink()
    assert run("hf-gradexplain", "report", "out") == "out/report.html\n"
    assert report.read_bytes() == before


def test_two_processes_and_the_recipe_leave_the_same_bytes(run):
    launch = ("--num_processes=2", "--multi_gpu", "--num_machines=1", "--mixed_precision=no", "--dynamo_backend=no")
    door = ("-m", "hf_gradexplain", "evaluate", "--output_dir", "two")
    run("python", "-m", "accelerate.commands.launch", *launch, "--main_process_port=0", *door)
    shutil.copy(ROOT / "recipes" / "evaluate.py", run.folder)
    run("python", "evaluate.py", "--output_dir", "recipe")
    tables = [path.relative_to(run.folder / "out") for path in (run.folder / "out").rglob("*.parquet")]
    assert len(tables) > 5
    for other in ("two", "recipe"):
        for table in tables:
            assert (run.folder / other / table).read_bytes() == (run.folder / "out" / table).read_bytes()


def test_the_report_shows_its_documents_in_a_browser(run, tmp_path):
    """Its scripts and its style are in the wheel."""
    with browser(tmp_path) as chromium:
        chromium.open(run.folder / "out" / "report.html")
        assert chromium.texts(".status") == ["200 documents. Open a document to see all methods."]
        assert [event for event in chromium.events if event.get("method") == "Log.entryAdded"] == []
