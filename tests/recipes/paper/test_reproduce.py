"""The whole reproduction as a user starts it, on two datasets of a few texts."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from matplotlib.image import imread

from tests.recipes.paper.made_up import write_data

ROOT = Path(__file__).parents[3]
SCALE = ("--texts=6", "--sample=4", "--decay_texts=4", "--encoder=false", "--seeds", "0", "1")


def command(folder, *more):
    places = {"data": "data", "output_dir": "out", "cards": "cards"}
    given = [*(f"--{name}={folder / place}" for name, place in places.items()), *SCALE, *more]
    return [sys.executable, "-m", "recipes.paper", *given]


def run(folder, *more):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "COLUMNS": "120"}
    return subprocess.run(command(folder, *more), capture_output=True, text=True, cwd=ROOT, env=environment)


def stamps(folder):
    return {path: path.stat().st_mtime_ns for path in (folder / "out" / "steps").rglob("*.json")}


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory):
    """A reproduction that was killed on its way and started again, as two processes."""
    folder = tmp_path_factory.mktemp("reproduced")
    write_data(folder / "data")
    with (folder / "log").open("w") as log:
        first = subprocess.Popen(command(folder), stdout=log, stderr=log, cwd=ROOT)
        while len(stamps(folder)) < 3 and first.poll() is None:
            time.sleep(0.2)
        first.kill()
        first.wait()
    finished = stamps(folder)
    assert 3 <= len(finished) < 20
    done = run(folder, "--processes=2")
    assert done.returncode == 0, done.stderr[-2000:]
    assert {path: stamps(folder)[path] for path in finished} == finished, "what was finished is not done again"
    return folder, done


@pytest.mark.slow
def test_the_page_answers_every_claim(reproduced):
    folder, done = reproduced
    page = (folder / "out" / "reproduction.md").read_text(encoding="utf-8")
    lines = [
        line for line in page.splitlines() if re.search(r"\| \d+ of \d+ \| (holds|holds in part|does not|cannot)", line)
    ]
    assert len(lines) == len(done.stdout.splitlines()) == 7 * 6 + 2 * 6 + 1 + 4 + 6
    assert sum("have the same gradient" in line and "| holds |" in line for line in lines) == 2
    assert sum("has twice the gradient" in line and "| 1 of 1 | holds |" in line for line in lines) == 2


@pytest.mark.slow
def test_the_page_is_markdown_with_its_figures_and_says_nothing_of_the_machine(reproduced):
    folder, _ = reproduced
    page = (folder / "out" / "reproduction.md").read_text(encoding="utf-8")
    html = MarkdownIt().enable("table").render(page)
    assert html.count("<table>") > 20
    assert html.count("<img") == 5
    for name in re.findall(r"\]\((reproduction/\w+\.png)\)", page):
        assert imread(folder / "out" / name).std() > 0.05, f"{name} shows something"
    assert str(folder) not in page
    assert "nan" not in page.lower().split()


@pytest.mark.slow
def test_what_is_finished_is_not_done_again_and_the_page_is_the_same(reproduced):
    folder, _ = reproduced
    page, before = folder / "out" / "reproduction.md", stamps(folder)
    text = page.read_bytes()
    page.unlink()
    assert run(folder).returncode == 0
    assert page.read_bytes() == text
    assert stamps(folder) == before


@pytest.mark.slow
def test_another_scale_in_the_same_folder_is_refused(reproduced):
    folder, _ = reproduced
    done = run(folder, "--texts=5")
    assert done.returncode == 1
    assert "was made with texts 6, but now texts is 5" in done.stderr.splitlines()[-1]


@pytest.mark.slow
def test_the_models_have_their_cards(reproduced):
    folder, _ = reproduced
    models = [f"{model}-{data}" for model in ("bilstm", "fasttext", "textcnn") for data in ("ag_news", "imdb")]
    models += ["bilstm_last-imdb", "bilstm_mean-imdb"]
    assert sorted(path.name for path in (folder / "cards").iterdir()) == sorted(models)
    for name in models:
        for file in ("README.md", "card.json", "aopc.png"):
            assert (folder / "cards" / name / file).read_bytes() == (
                folder / "out" / "seed0" / name / file
            ).read_bytes()
    assert "it was not requested" in (folder / "out" / "seed1" / models[0] / "README.md").read_text(encoding="utf-8")
