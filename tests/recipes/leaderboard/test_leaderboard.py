"""The whole leaderboard as a user starts it, on two models and a few texts."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from markdown_it import MarkdownIt
from matplotlib.image import imread

from tests.helpers.curves import naive_aopc, read_curves
from tests.recipes.paper.made_up import write_data

ROOT = Path(__file__).parents[3]
SCALE = (
    "--entries", "llama-ag_news", "fasttext-ag_news", "--seeds", "0", "1", "--texts=12", "--baseline_texts=6",
    "--ends_texts=3", "--masking_texts=2", "--time_texts=2", "--time_rounds=2", "--vocabulary=200",
    "--methods", "random", "loo", "signed_gi", "attn_lrp", "integrated_gradients", "ig_cp_3",
)  # fmt: skip
STEPS = 2 + 4 + 4 + 2 + 2 + 3 + 2


def command(folder, *more):
    given = [f"--data={folder / 'data'}", f"--output_dir={folder / 'out'}", *SCALE, *more]
    return [sys.executable, "-m", "recipes.leaderboard", *given]


def run(folder, *more):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "COLUMNS": "120"}
    return subprocess.run(command(folder, *more), capture_output=True, text=True, cwd=ROOT, env=environment)


def stamps(folder):
    return {path: path.stat().st_mtime_ns for path in (folder / "out" / "steps").rglob("*.json")}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A leaderboard that was killed on its way and started again."""
    folder = tmp_path_factory.mktemp("leaderboard")
    write_data(folder / "data")
    early = run(folder, "--page_only=true")
    assert early.returncode == 1
    assert "no evaluation has finished a shard yet" in early.stderr
    with (folder / "log").open("w") as log:
        first = subprocess.Popen(command(folder), stdout=log, stderr=log, cwd=ROOT)
        while len(stamps(folder)) < 3 and first.poll() is None:
            time.sleep(0.2)
        first.kill()
        first.wait()
    before = stamps(folder)
    assert 3 <= len(before) < STEPS
    partial = run(folder, "--page_only=true")
    assert partial.returncode == 0, partial.stderr[-2000:]
    assert "not measured yet: fasttext-ag_news" in (folder / "out" / "leaderboard.md").read_text(encoding="utf-8")
    done = run(folder, "--processes=2")
    assert done.returncode == 0, done.stderr[-2000:]
    assert {path: stamps(folder)[path] for path in before} == before, "what was finished is not done again"
    assert len(stamps(folder)) == STEPS
    return folder


@pytest.mark.slow
def test_the_page_is_markdown_with_its_figure_and_says_nothing_of_the_machine(finished):
    out = finished / "out"
    page = (out / "leaderboard.md").read_text(encoding="utf-8")
    html = MarkdownIt().enable("table").render(page)
    assert html.count("<table>") == 4 + 3 * 2 + 2
    for name in ("light", "dark"):
        assert f"leaderboard/{name}.png" in page
        assert imread(out / "leaderboard" / f"{name}.png").std() > 0.05, f"{name} shows something"
    assert str(finished) not in page
    assert "nan" not in page.lower().split()
    assert page.splitlines()[0] == "# The leaderboard"
    assert re.search(r"For transformers, \w+ is the best method that needs one pass", page)


@pytest.mark.slow
def test_the_numbers_are_those_of_the_documents(finished):
    """AOPC of one training by its definition, from the curves of the document files."""
    numbers = json.loads((finished / "out" / "leaderboard" / "results.json").read_text(encoding="utf-8"))
    for name in ("llama-ag_news", "fasttext-ag_news"):
        parts = {"choice": {}, "verdict": {}, "all": {}}
        for seed in (0, 1):
            (path,) = (finished / "out" / f"seed{seed}" / f"{name}-zero" / "documents").glob("*.parquet")
            ids, curves = read_curves(path)
            assert ids == pq.read_table(path)["id"].to_pylist()
            for method, rows in curves.items():
                for i, curve in zip(ids, rows, strict=True):
                    part = "choice" if seed == 0 and i % 2 == 0 else "verdict"
                    for x in (part, "all"):
                        parts[x].setdefault(method, []).append(curve)
        rows = {row["method"]: row for row in numbers if row["entry"] == name}
        assert set(rows) == set(parts["all"])
        for method, row in rows.items():
            for part, curves in parts.items():
                expected = naive_aopc(curves[method], 10)[10]
                assert row[f"aopc_{part}"][0] == pytest.approx(expected, abs=1e-5), (name, method, part)
            gap = naive_aopc(parts["verdict"][method], 10)[10] - naive_aopc(parts["verdict"]["loo"], 10)[10]
            assert row["minus_loo"][0] == pytest.approx(gap, abs=1e-5)
            low, high = row["minus_loo"][1:]
            assert low <= row["minus_loo"][0] <= high


@pytest.mark.slow
def test_pages_beside_the_figure_become_sections_with_a_link(finished):
    section = finished / "out" / "leaderboard" / "why.md"
    section.write_text("# Why\n\nBecause of `this` & *that*.\n\nThe rest.\n", encoding="utf-8")
    before = stamps(finished)
    assert run(finished, "--page_only=true").returncode == 0
    page = (finished / "out" / "leaderboard.md").read_text(encoding="utf-8")
    assert "## Why\n\nBecause of `this` & *that*. [Read more](leaderboard/why.md).\n" in page
    assert "The rest." not in page
    assert stamps(finished) == before
