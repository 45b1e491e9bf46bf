"""`recipes/evaluate.py --push_to_hub`, and the dataset that it pushes. `do_` functions run in the client's process."""

import io
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from markdown_it import MarkdownIt

from tests.helpers import forked
from tests.hub.client import ROOT, Client, environment, left
from tests.hub.loopback_hub import LOST, TOKEN, LoopbackHub
from tests.hub.repository import front_matter

TEXTS = ["zanzibar fog over the pier", "two crates of wine", "", "fog , fog and wine over zanzibar", "a pier", "wine"]
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
NAMES = ("--model_name_or_path", "me/m", "--dataset_name", "me/d")
METHODS = ("--methods", "random", "loo", "signed_gi")


def to(name):
    """The flags that push to a dataset."""
    return "--push_to_hub", "--hub_dataset_id", name


def do_prepare():
    """Push a model and a dataset of two splits."""
    import torch
    from datasets import Dataset

    from hf_gradexplain.models import FastTextConfig, FastTextForSequenceClassification, train_word_tokenizer

    torch.manual_seed(0)
    tokenizer = train_word_tokenizer(TEXTS, vocab_size=50)
    model = FastTextForSequenceClassification(FastTextConfig(vocab_size=len(tokenizer), hidden_size=8))
    model.push_to_hub("me/m", private=True)
    tokenizer.push_to_hub("me/m")
    rows = {"text": TEXTS, "label": [0, 1, 0, 1, 0, 1]}
    Dataset.from_dict({**rows, "text": ["train"] * 6}).push_to_hub("me/d", split="train", private=True)
    Dataset.from_dict(rows).push_to_hub("me/d", split="test")


def do_change_data():
    """Commit other texts to the dataset."""
    from datasets import Dataset

    Dataset.from_dict({"text": ["other"] * 6, "label": [0] * 6}).push_to_hub("me/d", split="test")


def do_evaluate(*arguments):
    """Evaluate in this process; return the error message, and whether a model was loaded."""
    from unittest.mock import patch

    from hf_gradexplain.commands import evaluate
    from hf_gradexplain.commands.parsing import parse_arguments
    from hf_gradexplain.commands.recipe_arguments import EvaluateRecipeArguments
    from hf_gradexplain.errors import GradexplainError
    from hf_gradexplain.hub import push as hub

    hub.WAITS = (0.01,) * 4
    with patch.object(evaluate, "load_inputs", wraps=evaluate.load_inputs) as loads:
        try:
            evaluate.run_evaluation(parse_arguments(EvaluateRecipeArguments, list(arguments)))
        except GradexplainError as error:
            return [str(error), loads.called]
    return [None, loads.called]


def do_use_a_token(where, token, folder):
    """Evaluate, publish and explain with a token from the environment or the cache; return all output."""
    import contextlib
    import io
    import logging
    import os
    from unittest.mock import patch

    from huggingface_hub import constants

    from hf_gradexplain.commands.explain import run_explanation
    from hf_gradexplain.commands.recipe_arguments import ExplainRecipeArguments

    environment = {name: value for name, value in os.environ.items() if name != "HF_TOKEN"}
    if where == "environment":
        environment["HF_TOKEN"] = token
    if where == "cache":
        Path(constants.HF_TOKEN_PATH).write_text(token)
    output = io.StringIO()
    handler = logging.StreamHandler(output)
    logging.getLogger().addHandler(handler)
    try:
        redirected = contextlib.redirect_stdout(output), contextlib.redirect_stderr(output)
        with redirected[0], redirected[1], patch.dict(os.environ, environment):
            if where != "environment":
                del os.environ["HF_TOKEN"]
            arguments = (*NAMES, "--methods", "loo", "--both_ends", "false", "--output_dir", f"{folder}/out")
            failed, _ = do_evaluate(*arguments, *to(f"me/{where}"), "--publish_text", "true")
            assert failed is None, failed
            names = {"model_name_or_path": "me/m", "texts": ("fog",), "output_dir": f"{folder}/explain"}
            run_explanation(ExplainRecipeArguments(**names))
    finally:
        logging.getLogger().removeHandler(handler)
        Path(constants.HF_TOKEN_PATH).unlink(missing_ok=True)
    return output.getvalue()


def do_load(name, run, cache, revision=None):
    """Load explanations by name; return whether they equal those of a run's folder bit by bit, and their texts."""
    from unittest.mock import patch

    from hf_gradexplain import GradexplainError, load_explanations
    from tests.sharing.test_sharing import exact

    try:
        with (
            patch("huggingface_hub.constants.HF_HUB_CACHE", f"{cache}/hub"),
            patch("datasets.config.HF_DATASETS_CACHE", f"{cache}/datasets"),
        ):
            loaded = load_explanations(name, revision)
    except GradexplainError as error:
        return str(error)
    return [[exact(e) for e in loaded] == [exact(e) for e in load_explanations(run)], [e.text for e in loaded]]


def do_load_rows(name, cache):
    """Load a dataset with `datasets`; return its splits with their columns and ids."""
    from datasets import config, load_dataset

    config.USE_PARQUET_EXPORT = False  # which `datasets` asks another server for
    loaded = load_dataset(name, cache_dir=cache)
    return {split: [rows.column_names, rows["id"][:]] for split, rows in loaded.items()}


def do_follow_the_page():
    """Run the Python blocks of the page; return what they print."""
    import contextlib
    import io
    import re

    from datasets import config

    config.USE_PARQUET_EXPORT = False  # which `datasets` asks another server for
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for block in re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "hub.md").read_text(), flags=re.S):
            exec(block, {})
    return printed.getvalue()


def recipe(hub, home, *arguments, launcher=()):
    command = [*launcher, ROOT / "recipes" / "evaluate.py", *arguments]
    return forked.run(*command, env=environment(hub, home), cwd=home)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    with LoopbackHub() as hub, Client(hub, home) as client:
        client(do_prepare)
        yield hub, client, home
    assert not hub.bugs
    assert left(home) == []


@pytest.fixture(scope="module")
def published(running):
    """A run that was published without its texts: its folder, its process, and the repository."""
    hub, _, home = running
    done = recipe(hub, home, *NAMES, *METHODS, "--output_dir", home / "out", *to("me/explanations"))
    assert done.returncode == 0, done.stderr
    return home / "out", done, hub.repos["dataset", "me/explanations"]


@pytest.fixture
def client(running):
    return running[1]


@pytest.fixture
def hub(running):
    hub = running[0]
    yield hub
    hub.faults.clear()


def everything(repo):
    return b"\n".join(file.data for commit in repo.commits.values() for file in commit.files.values())


def rows_of(repo):
    files = repo.at("main").files
    parts = [pq.read_table(io.BytesIO(files[path].data)) for path in sorted(files) if path.startswith("data/")]
    return pa.concat_tables(parts)


def test_a_push_is_one_private_commit_of_files_without_code(published):
    _, done, repo = published
    assert repo.private
    assert len(repo.commits) == 2
    names = set(repo.at("main").files) - {".gitattributes"}
    assert {"README.md", "run.yaml", "data/test-00000-of-00001.parquet", "figures/aopc.png"} <= names
    assert {Path(name).suffix for name in names} == {".md", ".yaml", ".parquet", ".png"}
    assert done.stderr.splitlines()[-1] == f"Published: {repo_url(done)}/tree/{repo.at('main').oid}"


def repo_url(done):
    return done.stderr.splitlines()[-1].split()[1].partition("/tree/")[0]


def test_loading_by_name_gives_the_same_explanations(published, client, tmp_path):
    folder, _, _ = published
    same, texts = client(do_load, "me/explanations", str(folder), str(tmp_path))
    assert same
    assert texts == TEXTS


def test_datasets_loads_the_documents_and_only_those(published, client, tmp_path):
    splits = client(do_load_rows, "me/explanations", str(tmp_path))
    assert list(splits) == ["test"]
    columns, ids = splits["test"]
    assert ids == list(range(6))
    assert {"id", "units", "scores", "curves", "target_label"} <= set(columns)
    assert "text" not in columns


def test_no_word_of_the_texts_is_published(published):
    _, _, repo = published
    assert b"zanzibar" not in everything(repo)
    rows = rows_of(repo).to_pylist()
    assert {unit["text"] for row in rows for unit in row["units"]} == {None}


def test_the_card_names_its_sources_and_how_to_load_it(published, hub):
    _, _, repo = published
    card = repo.at("main").files["README.md"].data.decode()
    metadata = front_matter(card)
    assert metadata["configs"] == [
        {"config_name": "default", "data_files": [{"split": "test", "path": "data/test-*.parquet"}]}
    ]
    assert metadata["source_datasets"] == ["me/d"]
    assert metadata["size_categories"] == ["n<1K"]
    assert "license" not in metadata
    model, data = (hub.repos[kind, name].at("main").oid for kind, name in (("model", "me/m"), ("dataset", "me/d")))
    assert model in card
    assert f"fetches them from me/d at the commit {data}" in card
    code = [token.content for token in MarkdownIt().parse(card) if token.type == "code_block"]
    loaded = "explanations = hf_gradexplain.load_explanations('me/explanations')\nexplanations[0].show()\n"
    assert code == [
        f"import hf_gradexplain\n\n{loaded}",
        "import datasets\n\nrows = datasets.load_dataset('me/explanations', split='test')\n",
        "hf-gradexplain evaluate run.yaml\n",
    ]
    assert "The texts are not part of this dataset" in card
    methods = "leave-one-out: rise of the loss without the unit"
    for part in (methods, "| scores.METHOD |", "no significant difference", "AOPC(K)"):
        assert part in card
    assert "Over 6 texts" in card


def test_others_can_reproduce_the_run_at_the_same_commits(published, hub):
    _, _, repo = published
    replay = yaml.safe_load(repo.at("main").files["run.yaml"].data)
    assert replay["model_revision"] == hub.repos["model", "me/m"].at("main").oid
    assert replay["dataset_revision"] == hub.repos["dataset", "me/d"].at("main").oid
    assert not {"push_to_hub", "hub_dataset_id", "publish_text", "hub_private_repo", "output_dir"} & replay.keys()


def test_no_local_path_and_no_token_is_published(published, running):
    folder, done, repo = published
    _, _, home = running
    assert str(home).encode() not in everything(repo)
    assert TOKEN.encode() not in everything(repo)
    assert TOKEN not in done.stdout + done.stderr
    assert not [path for path in folder.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]


def test_a_finished_run_only_pushes(published, hub, client):
    folder, _, repo = published
    before = {path: path.stat().st_mtime_ns for path in (folder / "documents").glob("*.parquet")}
    arguments = (*NAMES, *METHODS, "--output_dir", str(folder))
    hub.faults.append(["/commit/", LOST, 1000])
    message, _ = client(do_evaluate, *arguments, *to("my-org/again"))
    assert "cannot push to 'my-org/again'" in message
    assert set(hub.repos["dataset", "my-org/again"].at("main").files) == {".gitattributes"}
    hub.faults.clear()
    assert client(do_evaluate, *arguments, *to("my-org/again")) == [None, True]
    again = hub.repos["dataset", "my-org/again"].at("main").files
    assert {name: file.oid for name, file in again.items() if name != "README.md"} == {
        name: file.oid for name, file in repo.at("main").files.items() if name != "README.md"
    }
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_public_and_with_texts_if_requested(published, hub, client, tmp_path):
    folder, _, _ = published
    arguments = (*NAMES, *METHODS, "--output_dir", str(folder), *to("me/public"))
    asked = ("--publish_text", "true", "--hub_private_repo", "false")
    assert client(do_evaluate, *arguments, *asked) == [None, True]
    repo = hub.repos["dataset", "me/public"]
    assert not repo.private
    assert rows_of(repo)["text"].to_pylist() == TEXTS
    assert "The texts are part of this dataset" in repo.at("main").files["README.md"].data.decode()
    hub.log.clear()
    assert client(do_load, "me/public", str(folder), str(tmp_path)) == [True, TEXTS]
    assert not [path for _, path, *_ in hub.log if "me/d" in path]
    assert not [path for path in folder.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]


@pytest.mark.parametrize("where", ["environment", "cache"])
def test_a_token_is_used_and_never_written(running, where, tmp_path):
    hub, client, home = running
    token = f"hf_secretof{where}"
    hub.users[token] = hub.users[TOKEN]
    del hub.users[TOKEN]
    try:
        output = client(do_use_a_token, where, token, str(tmp_path))
    finally:
        hub.users[TOKEN] = hub.users[token]
    assert "Published: " in output
    assert token not in output
    assert token.encode() not in everything(hub.repos["dataset", f"me/{where}"])
    assert {path.name for path in tmp_path.iterdir()} == {"out", "explain"}
    for folder in (tmp_path, home):
        assert not [path for path in folder.rglob("*") if path.is_file() and token.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (to("me/a/b"), "'me/a/b' is not a repository name"),
        (to("you/e"), "the token cannot write to 'you/e': choose one of the owners 'me', 'my-org'"),
        (to("me/d"), None),
    ],
)
def test_the_destination_is_checked_before_anything_is_loaded(hub, client, arguments, message, tmp_path):
    hub.repos["dataset", "me/d"].private = message is not None
    error, loaded = client(do_evaluate, *NAMES, "--output_dir", str(tmp_path / "out"), *arguments)
    assert (message or "'me/d' exists and is public, so everybody could read what is pushed") in error
    assert not loaded
    assert not (tmp_path / "out").exists()
    hub.repos["dataset", "me/d"].private = True


def test_texts_come_from_the_commit_that_was_explained(published, hub, client, tmp_path):
    folder, _, _ = published
    data = hub.repos["dataset", "me/d"]
    head = data.at("main").oid
    client(do_change_data)
    assert data.at("main").oid != head
    assert client(do_load, "me/explanations", str(folder), str(tmp_path)) == [True, TEXTS]
    data.branches["main"] = head


@pytest.mark.slow
def test_the_main_process_of_several_pushes(running, published):
    hub, _, home = running
    arguments = (*NAMES, *METHODS, "--output_dir", home / "two", *to("me/two"))
    done = recipe(hub, home, *arguments, launcher=TORCHRUN)
    assert done.returncode == 0, done.stderr
    repo = hub.repos["dataset", "me/two"]
    assert len(repo.commits) == 2
    assert done.stderr.count("Published: ") == 1
    alone = published[2].at("main").files
    for name, file in repo.at("main").files.items():
        assert name == "README.md" or file.oid == alone[name].oid, name


@pytest.mark.slow
@pytest.mark.parametrize("stream", [(), ("--streaming",)])
def test_the_embedded_default_and_streams_can_be_published(running, stream, tmp_path):
    hub, client, home = running
    names = (*NAMES, *stream) if stream else ()
    out = home / f"out{len(stream)}"
    done = recipe(hub, home, *names, "--output_dir", out, *to(f"me/x{len(stream)}"))
    assert done.returncode == 0, done.stderr
    answer = client(do_load, f"me/x{len(stream)}", str(out), str(tmp_path))
    assert answer == [True, TEXTS] if stream else "were not published, and their dataset is not on the hub" in answer


def test_a_missing_revision_is_an_error(published, client, tmp_path):
    assert "no revision 'v9'" in client(do_load, "me/explanations", str(published[0]), str(tmp_path), "v9")
    assert "no dataset 'me/nothing'" in client(do_load, "me/nothing", str(published[0]), str(tmp_path))


def test_the_code_of_the_page_runs(published, hub, client):
    printed = client(do_follow_the_page)
    assert "zanzibar" in printed
    assert "fraction_significant" in printed
    assert "aopc.py" in hub.repos["space", "me/aopc"].at("main").files


@pytest.mark.slow
@pytest.mark.parametrize("acted_upon", [False, True])
def test_a_run_killed_while_it_pushes_is_completed_by_the_same_command(running, acted_upon):
    hub, _, home = running
    name = f"me/killed{acted_upon}"
    command = [sys.executable, str(ROOT / "recipes" / "evaluate.py"), *NAMES, *METHODS, *to(name)]
    command += ["--output_dir", str(home / f"killed{acted_upon}")]

    def kill(request, done):
        if f"{name}/commit/" in request and done == acted_upon:
            victim.kill()
            victim.wait()

    hub.watch = kill
    victim = subprocess.Popen(command, env=environment(hub, home), cwd=home, stderr=subprocess.PIPE, text=True)
    output = victim.communicate(timeout=300)[1]
    hub.watch = lambda request, done: None
    assert victim.returncode == -signal.SIGKILL
    assert "Published" not in output
    repo = hub.repos["dataset", name]
    files = set(repo.at("main").files)
    assert files == {".gitattributes"} or "data/test-00000-of-00001.parquet" in files
    again = subprocess.run(command, env=environment(hub, home), cwd=home, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert "reused 1 of 1 shards" in again.stderr
    assert len(repo.commits) == 2
    assert rows_of(repo)["id"].to_pylist() == list(range(6))
