"""`recipes/evaluate.py` and `recipes/explain.py` as a user runs them."""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
import yaml
from datasets import load_dataset

from hf_gradexplain.explanation import Explanation
from tests.helpers import forked
from tests.helpers.tiny import CORPUS, make

ROOT = Path(__file__).parents[2]


PYTHON = (sys.executable,)
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
ACCELERATE = (sys.executable, "-m", "accelerate.commands.launch", "--num_processes", "2")
SEVERAL = ("--multi_gpu", "--num_machines=1", "--mixed_precision=no", "--dynamo_backend=no", "--main_process_port=0")


def run(recipe, *arguments, cwd=ROOT, launcher=None, module=False):
    """Run a recipe by its launcher; without one in a fork, which takes a third of the time."""
    program = ["-m", "hf_gradexplain", recipe] if module else [str(ROOT / "recipes" / f"{recipe}.py")]
    command = [*program, *map(str, arguments)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "COLUMNS": "120"}
    if launcher is None:
        return forked.run(*command, cwd=cwd, env=environment)
    return subprocess.run([*launcher, *command], capture_output=True, text=True, cwd=cwd, env=environment, timeout=300)


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("embedded")
    done = run("evaluate", "--output_dir", folder / "out", launcher=PYTHON)
    assert done.returncode == 0, done.stderr
    return done, folder / "out"


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A folder with a model and a folder with a dataset."""
    folder = tmp_path_factory.mktemp("inputs")
    model, tokenizer = make("bert")
    model.float().save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    (folder / "data").mkdir()
    frame = pd.DataFrame({"sentence": [*CORPUS, ""], "label": [0, 1, 0, 1, 0, 1]})
    frame.to_parquet(folder / "data" / "test.parquet")
    return folder


def test_without_arguments_it_needs_nothing_and_leaves_everything(embedded):
    _, folder = embedded
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    figures = {f"figures/{name}.{form}" for name in ("aopc", "ends", "correlation") for form in ("svg", "png")}
    tables = {f"{name}.parquet" for name in ("aopc", "correlation", "curves", "comparisons", "normalised")}
    pages = tables | {"results.json", "report.html", "README.md", "run.yaml"}
    assert figures | pages <= names
    assert len(load_dataset("parquet", data_files=str(folder / "documents" / "*.parquet"), split="train")) == 200


def test_it_prints_how_often_the_top_words_are_the_planted_ones(embedded):
    done, folder = embedded
    assert "Planted words among the top units" in done.stdout
    record = json.loads((folder / "results.json").read_text())
    planted = {row["method"]: row for row in record["planted"]}
    assert planted["signed_gi"]["top_1"] > 0.95
    assert planted["loo"]["precision"] > 0.75 > 3 * planted["random"]["precision"]


def test_the_papers_picture_holds_on_it(embedded):
    _, folder = embedded
    record = json.loads((folder / "results.json").read_text())
    score = {row["method"]: row["AOPC(10)"] for row in record["summary"]}
    others = [score[method] for method in ("random", "sa_raw", "sa_l1", "sa_l2", "sa_linf")]
    assert min(score["signed_gi"], score["loo"]) > 2 * max(others)
    assert score["sa_l1"] == pytest.approx(score["sa_l2"], abs=0.01) == pytest.approx(score["sa_linf"], abs=0.01)


def test_it_says_how_good_an_order_could_be_and_what_chance_does(embedded):
    _, folder = embedded
    record = json.loads((folder / "results.json").read_text())
    naopc = {row["method"]: row["naopc"] for row in record["normalised"]}
    assert 1 >= naopc["signed_gi"] > 0.95 > 0.5 > naopc["random"]
    assert record["signs"][0]["agreement"] > 0.95
    curves = pd.read_parquet(folder / "curves.parquet").set_index(["curve", "method", "k"])["aopc"]
    assert curves["sufficiency", "signed_gi", 10] < 0.2 * curves["sufficiency", "random", 10]
    assert curves["negative_first", "signed_gi", 3] < 0 < curves["negative_first", "random", 3]
    chance = pd.read_parquet(folder / "chance.parquet").set_index("k")
    assert chance.loc[10, "low"] < curves["negative_first", "random", 10] < curves["removal", "signed_gi", 10] / 2


def test_run_yaml_replays_it_from_the_finished_shards(embedded):
    _, folder = embedded
    before = (folder / "aopc.parquet").read_bytes()
    again = run("evaluate", folder / "run.yaml")
    assert again.returncode == 0, again.stderr
    assert "reused 2 of 2 shards" in again.stderr
    assert (folder / "aopc.parquet").read_bytes() == before


@pytest.mark.parametrize(
    ("launcher", "module"),
    [
        pytest.param(TORCHRUN, False, id="torchrun recipe", marks=pytest.mark.slow),
        pytest.param(ACCELERATE + SEVERAL, False, id="accelerate recipe", marks=pytest.mark.slow),
        pytest.param(ACCELERATE + SEVERAL, True, id="accelerate -m hf_gradexplain", marks=pytest.mark.slow),
    ],
)
def test_several_processes_and_the_command_leave_the_same_bytes_as_the_recipe(embedded, launcher, module, tmp_path):
    _, alone = embedded
    done = run("evaluate", "--output_dir", tmp_path, launcher=launcher, module=module)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("FastText on the generated corpus") == 1, "the main process alone speaks"
    for path in (*alone.glob("*.parquet"), *(alone / "documents").iterdir(), alone / "README.md"):
        assert (tmp_path / path.relative_to(alone)).read_bytes() == path.read_bytes()


@pytest.mark.slow
def test_one_process_where_two_were_asked_for_is_refused(tmp_path):
    done = run("evaluate", "--output_dir", tmp_path / "out", launcher=(*ACCELERATE, "--cpu"))
    assert done.returncode == 1
    assert "on a CPU it starts one: start N processes with `torchrun --standalone --nproc_per_node N " in done.stderr
    done = run("evaluate", "--output_dir", tmp_path / "out", launcher=(*ACCELERATE, "--cpu"), module=True)
    assert f"torchrun --standalone --nproc_per_node N -m hf_gradexplain evaluate --output_dir {tmp_path}" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_dry_run_says_what_it_would_take_and_leaves_nothing(tmp_path):
    done = run("evaluate", "--dry_run", "--output_dir", tmp_path / "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert (said["rows"], said["shards"].partition(",")[0], said["processes"]) == ("200", "2", "1")
    assert said["leave-one-out"].endswith("(saved by the shortcut of FastTextForSequenceClassification)")
    assert said["time"].startswith("about ")
    assert list(tmp_path.iterdir()) == []


def test_a_model_and_a_data_set_by_name(inputs, tmp_path):
    chosen = ["--model_name_or_path", inputs / "model", "--dataset_name", inputs / "data", "--text_column", "sentence"]
    done = run("evaluate", *chosen, "--output_dir", tmp_path, "--methods", "loo", "signed_gi", "--unit", "token")
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "results.json").read_text())
    assert record["facts"]["Without any unit"] == "1 of 6"
    rows = pd.concat(map(pd.read_parquet, (tmp_path / "documents").glob("*.parquet")))
    assert record["facts"]["Accuracy on them"] == f"{sum(rows['label'] == rows['prediction']) / 6:.4f}"
    assert str(inputs) not in (tmp_path / "report.html").read_text() + (tmp_path / "README.md").read_text()
    assert yaml.safe_load((tmp_path / "run.yaml").read_text())["unit"] == "token"


@pytest.mark.slow
def test_methods_are_ranked_under_other_baselines_and_costly_measures_on_demand(inputs, tmp_path):
    chosen = ["--model_name_or_path", inputs / "model", "--dataset_name", inputs / "data", "--text_column", "sentence"]
    chosen += ["--output_dir", tmp_path, "--methods", "loo", "signed_gi", "--naopc", "true", "--both_ends", "true"]
    done = run(
        "evaluate",
        *chosen,
        "--compare_baselines",
        "zero",
        "mean",
        "deletion",
        "--random_orders",
        "3",
        "--beam_size",
        "2",
    )
    assert done.returncode == 0, done.stderr
    table = pd.read_parquet(tmp_path / "baselines.parquet")
    assert list(table["baseline"].unique()) == ["zero", "mean", "deletion"]
    assert table.groupby("baseline")["rank"].apply(sorted).tolist() == [[1, 2]] * 3
    own = pd.read_parquet(tmp_path / "aopc.parquet").set_index(["method", "k"])["aopc"]
    for row in table[table["baseline"] == "zero"].itertuples():
        assert row.aopc == own[row.method, row.k]
    assert "Ranks by masking baseline" in done.stdout
    notes = json.loads((tmp_path / "results.json").read_text())["notes"]
    assert any("between the baselines zero, mean and deletion" in n or "depends on the baseline" in n for n in notes)
    documents = load_dataset("parquet", data_files=str(tmp_path / "documents" / "*.parquet"), split="train")
    assert {"negative_first", "random_orders", "bounds"} <= set(documents.column_names)


slow = partial(pytest.param, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--methods", "signed-gi"], 1, "unknown method 'signed-gi': did you mean 'signed_gi'?"),
        slow(["--unit", "words"], 2, "unknown unit 'words': did you mean 'word'?"),
        slow(["--dataset_name", "x"], 1, "--dataset_name or --file needs a --model_name_or_path"),
        slow(["--model_name_or_path", "x"], 1, "--model_name_or_path needs a --dataset_name"),
        slow(["--random_orders", "1"], 1, "random_orders is 1, but a spread needs two orders"),
        slow(["--compare_baselines", "mask"], 1, "compare_baselines='mask': the tokenizer has no mask token"),
        slow(["--batch_token", "8"], 2, "--batch_tokens"),
        slow(["--seed", "x"], 2, "--seed"),
    ],
)
def test_a_wrong_argument_is_answered_in_one_line(arguments, code, message, tmp_path):
    done = run("evaluate", *arguments, cwd=tmp_path)
    assert done.returncode == code
    assert message in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_wrong_data_are_answered_in_one_line(inputs, tmp_path):
    chosen = ["--model_name_or_path", inputs / "model", "--dataset_name", inputs / "data", "--output_dir", tmp_path]
    done = run("evaluate", *chosen)
    assert done.returncode == 1
    assert "'text'" in done.stderr.splitlines()[-1]
    assert "sentence" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_explain_leaves_lines_and_a_page(inputs, tmp_path):
    texts = ["the film is good", "", "<b>bad</b>"]
    done = run("explain", "--model_name_or_path", inputs / "model", "--texts", *texts, "--output_dir", tmp_path)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (tmp_path / "explanations.jsonl").read_text().splitlines()]
    assert [Explanation.from_dict(row).text for row in rows] == texts
    assert list(rows[0]["scores"]) == ["attn_lrp", "loo"]
    assert "<b>bad" not in (tmp_path / "explanations.html").read_text()


@pytest.mark.slow
def test_explain_replays_a_text_that_begins_with_a_dash(inputs, tmp_path):
    done = run("explain", "--model_name_or_path", inputs / "model", "--texts=-x", "--output_dir", tmp_path)
    assert done.returncode == 0, done.stderr
    before = (tmp_path / "explanations.jsonl").read_bytes()
    again = run("explain", tmp_path / "run.yaml")
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "explanations.jsonl").read_bytes() == before


@pytest.mark.slow
def test_explain_takes_texts_of_a_data_set(inputs, tmp_path):
    data = ["--dataset_name", inputs / "data", "--text_column", "sentence", "--max_samples", "2"]
    done = run("explain", "--model_name_or_path", inputs / "model", *data, "--output_dir", tmp_path)
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "explanations.jsonl").read_text().splitlines()) == 2


@pytest.mark.slow
def test_explain_needs_texts_from_one_place(inputs, tmp_path):
    done = run("explain", "--model_name_or_path", inputs / "model", cwd=tmp_path)
    assert done.returncode == 2
    assert "give either --texts, --file or --dataset_name" in done.stderr
