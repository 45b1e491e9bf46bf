"""A push is complete or changes nothing, and the next one completes it. `do_` functions run in the client's process."""

import hashlib
import os
import re
import signal

import pytest

from tests.hub.client import Client, call, left
from tests.hub.loopback_hub import LOST, TOKEN, UNANSWERED, LoopbackHub
from tests.hub.repository import File, Repo

OTHER = "hf_othertoken"


def do_check(repo_id, repo_type="dataset", private=True, token=TOKEN, offline=False):
    """Check a destination; return it, or the error message."""
    from unittest.mock import patch

    from hf_gradexplain.errors import GradexplainError
    from hf_gradexplain.hub import push as hub

    hub.WAITS = (0.01,) * 4
    with patch.dict(os.environ, HF_TOKEN=token), patch("huggingface_hub.constants.HF_HUB_OFFLINE", offline):
        try:
            destination = hub.check_destination(repo_id, repo_type, private=private)
        except GradexplainError as error:
            return str(error)
    return [destination.repo_id, destination.repo_type, destination.private, destination.url]


def do_push(files, replaces=(), repo_id="me/x", private=True, repo_type="dataset"):
    """Check a destination and push texts to it; return the commit, or the error message."""
    from hf_gradexplain.errors import GradexplainError
    from hf_gradexplain.hub import push as hub

    hub.WAITS = (0.01,) * 4
    try:
        destination = hub.check_destination(repo_id, repo_type, private=private)
        contents = {path: text.encode() for path, text in files.items()}
        pushed = hub.push(destination, contents, message="Push", replaces=replaces)
    except GradexplainError as error:
        return str(error)
    return [pushed.sha, pushed.url]


def do_push_in_a_process(pid_file, files, replaces):
    """Push in a process of its own, which writes its number to a file; return how it ended."""
    import multiprocessing
    from pathlib import Path

    def push():
        Path(pid_file).write_text(str(os.getpid()))
        do_push(files, replaces)

    process = multiprocessing.get_context("fork").Process(target=push)  # a fork has the libraries already
    process.start()
    process.join()
    return process.exitcode


def do_push_and_load_metrics():
    """Push both metrics, load them by name, and compute."""
    import evaluate

    from hf_gradexplain.hub.push import check_destination, push
    from hf_gradexplain.metrics import metric_files

    results = {}
    for name, data in (
        ("aopc", {"curves": [[0.9, 0.5]]}),
        ("loo_correlation", {"scores": [[1, 2, 4]], "loo": [[1, 2, 4]]}),
    ):
        push(check_destination(f"me/{name}", "space", private=False), metric_files(name), message="Metric")
        results[name] = evaluate.load(f"me/{name}").compute(**data)
    return results


def do_walk(folder):
    from pathlib import Path

    from hf_gradexplain.hub.push import folder_files

    return {name: path.read_text() for name, path in folder_files(Path(folder)).items()}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    with LoopbackHub() as hub, Client(hub, home) as client:
        yield hub, client
    assert not hub.bugs
    assert left(home) == []


@pytest.fixture
def hub(running):
    hub, _ = running
    hub.repos.clear()
    hub.lfs.clear()
    hub.log.clear()
    yield hub
    hub.faults.clear()
    hub.watch = lambda request, acted_upon: None
    hub.users = {TOKEN: {"name": "me", "orgs": ["my-org"]}}


@pytest.fixture
def client(running):
    return running[1]


def texts(hub, name="me/x", kind="dataset"):
    """Return the files of the main branch, without the one that every repository starts with."""
    files = hub.repos[kind, name].at("main").files
    return {path: file.data.decode() for path, file in files.items() if path != ".gitattributes"}


def commits(hub, name="me/x", kind="dataset"):
    return len(hub.repos[kind, name].commits) - 1


FIRST = {"README.md": "# One", "data/a.parquet": "aaa", "data/b.parquet": "bbb"}
SECOND = {"README.md": "# Two", "data/a.parquet": "AAA"}


def test_checking_a_destination_changes_nothing(hub, client):
    assert client(do_check, "me/x") == ["me/x", "dataset", True, f"{hub.url}/datasets/me/x"]
    assert client(do_check, "x", "model", False) == ["me/x", "model", False, f"{hub.url}/me/x"]
    assert client(do_check, "my-org/x")[0] == "my-org/x"
    assert hub.repos == {}
    assert {method for method, *_ in hub.log} == {"GET"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("me/x/y",), "'me/x/y' is not a repository name (owner/name"),
        (("../x",), "give one like me/my-model"),
        (("me/x", "dataset", True, TOKEN, True), "cannot push to 'me/x' while offline: unset HF_HUB_OFFLINE"),
        (
            ("me/x", "dataset", True, ""),
            "pushing to 'me/x' needs a token: log in with `hf auth login`, or set HF_TOKEN",
        ),
        (("me/x", "dataset", True, "hf_wrong"), "Invalid user token"),
        (("me/x", "dataset", True, "hf_\x01secret"), "the token contains characters that no token has: log in"),
        (("you/x",), "the token cannot write to 'you/x': choose one of the owners 'me', 'my-org'"),
    ],
)
def test_an_invalid_destination_is_an_error_that_says_how_to_fix_it(hub, client, arguments, message):
    error = client(do_check, *arguments)
    assert message in error
    assert "hf_" not in error.replace("hf auth", "")
    assert hub.repos == {}


@pytest.mark.parametrize(
    ("rights", "allowed"),
    [
        ({"role": "read"}, False),
        ({"role": "write"}, True),
        ({"role": "fineGrained", "scoped": [("me", ["repo.content.read"])]}, False),
        ({"role": "fineGrained", "scoped": [("you", ["repo.write"])]}, False),
        ({"role": "fineGrained", "scoped": [("me", ["repo.write"])]}, True),
        ({"role": "fineGrained", "scoped": [("me/x", ["repo.content.read", "repo.write"])]}, True),
    ],
)
def test_a_token_must_have_write_access(hub, client, rights, allowed):
    hub.users[TOKEN] = {"name": "me", "orgs": []} | rights
    assert ("the token can read, but not write to 'me/x'" not in client(do_check, "me/x")) == allowed


def test_nothing_private_is_pushed_to_a_public_repository(hub, client):
    client(do_push, FIRST, (), "me/x", False)
    assert "'me/x' exists and is public" in client(do_push, SECOND)
    assert texts(hub) == FIRST
    client(do_push, SECOND, ("data/*",), "me/x", False)
    assert texts(hub) == SECOND


def test_nothing_is_pushed_if_the_repository_was_created_public_in_the_meantime(hub, client):
    def appear(request, acted_upon):
        if "repos/create" in request and not acted_upon:
            hub.repos["dataset", "me/x"] = Repo("dataset", "me/x", private=False)

    hub.watch = appear
    assert "'me/x' exists and is public" in client(do_push, FIRST)
    assert texts(hub) == {}


def test_a_push_is_one_private_commit_with_large_files_in_lfs(hub, client):
    sha, url = client(do_push, FIRST)
    repo = hub.repos["dataset", "me/x"]
    assert repo.private
    assert texts(hub) == FIRST
    assert (sha, commits(hub)) == (repo.at("main").oid, 1)
    assert url == f"{hub.url}/datasets/me/x/tree/{sha}"
    assert [path for path, file in repo.at("main").files.items() if file.sha256] == ["data/a.parquet", "data/b.parquet"]


def test_a_second_push_replaces_the_given_patterns_and_keeps_the_rest(hub, client):
    client(do_push, FIRST | {"notes.txt": "mine"})
    client(do_push, SECOND, ("data/*",))
    assert texts(hub) == SECOND | {"notes.txt": "mine"}
    assert commits(hub) == 2


def test_repeating_a_push_does_nothing(hub, client):
    first = client(do_push, FIRST)
    assert client(do_push, FIRST, ("data/*",)) == first
    assert commits(hub) == 1


def test_models_and_metrics_are_pushed_to_repositories_of_their_type(hub, client):
    for kind in ("model", "space"):
        client(do_push, {"a.txt": "1"}, (), "me/x", True, kind)
        assert texts(hub, kind=kind) == {"a.txt": "1"}


@pytest.mark.slow
def test_metrics_are_loaded_by_name_from_the_spaces_they_were_pushed_to(hub, client):
    results = client(do_push_and_load_metrics)
    assert results["aopc"] == {"aopc": 0.2, "aopc_by_k": [0.0, 0.2], "n": 1}
    assert results["loo_correlation"]["median"] == pytest.approx(1)
    for name in ("aopc", "loo_correlation"):
        assert set(texts(hub, f"me/{name}", "space")) == {f"{name}.py", "README.md", "requirements.txt", "app.py"}


EVERY = ["whoami", "repos/create", "GET /api/datasets/me/x", "tree/main", "preupload", "lfs/objects", "PUT", "commit/"]


@pytest.mark.parametrize(
    "what", [500, 429, *(pytest.param(x, marks=pytest.mark.slow) for x in (503, LOST, UNANSWERED))]
)
def test_a_transient_failure_is_retried(hub, client, what):
    client(do_push, FIRST)
    for request in EVERY:
        hub.faults[:] = [[request, what, 1]]
        new = SECOND | {"data/new.parquet": f"{request} {what}"}
        pushed = client(do_push, new, ("data/*",))
        assert hub.faults[0][2] == 0, f"no request like {request!r}"
        assert texts(hub) == new, pushed
    assert commits(hub) == 1 + len(EVERY)


@pytest.mark.parametrize("what", [500, LOST])
def test_a_lasting_failure_is_an_error_and_keeps_the_old_revision(hub, client, what):
    client(do_push, FIRST)
    hub.faults.append(["/commit/", what, 1000])
    message = client(do_push, SECOND, ("data/*",))
    assert re.search(
        r"cannot push to 'me/x' \(.+\): the hub cannot be reached or is busy; run the same command", message
    )
    assert texts(hub) == FIRST
    assert 1000 - hub.faults[0][2] == 5
    hub.faults.clear()
    client(do_push, SECOND, ("data/*",))
    assert texts(hub) == SECOND
    assert commits(hub) == 2


@pytest.mark.parametrize("lost_answers", [0, 1])
def test_a_commit_made_in_the_meantime_is_not_overwritten(hub, client, lost_answers):
    client(do_push, FIRST)
    repo = hub.repos["dataset", "me/x"]

    def interfere(request, acted_upon):
        if not acted_upon and "/commit/" in request:
            hub.watch = lambda request, acted_upon: None
            head = repo.at("main")
            repo.commit("main", head.oid, head.files | {"theirs.txt": File(b"theirs")}, "Theirs")

    hub.watch = interfere
    hub.faults.append(["/commit/", LOST, lost_answers])
    message = client(do_push, SECOND, ("data/*",))
    assert "another commit was made in the meantime; run the same command again" in message
    assert texts(hub) == FIRST | {"theirs.txt": "theirs"}
    client(do_push, SECOND, ("data/*",))
    assert texts(hub) == SECOND | {"theirs.txt": "theirs"}


def test_an_invalid_card_is_an_error_before_anything_is_sent(hub, client):
    message = client(do_push, {"README.md": "---\na: [\n---\n", "a.parquet": "a"})
    assert "correct what the message names" in message
    assert texts(hub) == {}


@pytest.mark.parametrize("path", ["../a", "a/../../b", ".git/config"])
def test_a_path_outside_the_repository_is_an_error(hub, client, path):
    assert "cannot push to 'me/x'" in client(do_push, {path: "a"})
    assert texts(hub) == {}


def test_files_of_a_folder_without_hidden_ones(client, tmp_path):
    for name in ("a.txt", "b/c.txt", ".hidden", ".git/config", "b/.part"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    assert client(do_walk, str(tmp_path)) == {"a.txt": "a.txt", "b/c.txt": "b/c.txt"}


def test_a_client_killed_at_any_request_keeps_the_old_or_the_new_revision(hub, client, tmp_path):
    client(do_push, FIRST)
    repo, states, killed = hub.repos["dataset", "me/x"], [], True
    first = repo.at("main").oid
    while killed:
        left = len(states)

        def kill(request, acted_upon):
            nonlocal left
            if left == 0:
                os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
            left -= 1

        hub.watch = kill
        killed = client(do_push_in_a_process, str(tmp_path / "pid"), SECOND, ("data/*",)) == -signal.SIGKILL
        hub.watch = lambda request, acted_upon: None
        states.append(texts(hub))
        client(do_push, SECOND, ("data/*",))
        assert texts(hub) == SECOND
        repo.branches["main"] = first
        hub.lfs.pop(hashlib.sha256(b"AAA").hexdigest(), None)
    before, after = (sum(state == expected for state in states) for expected in (FIRST, SECOND))
    assert states == [FIRST] * before + [SECOND] * after
    assert before > 10
    assert after == 3, "killed after the commit was sent, after it was made, and not at all"


@pytest.mark.slow
def test_large_files_go_through_xet_where_the_hub_has_it(xet_hub, tmp_path):
    files = {"data/a.parquet": "a" * 100_000, "README.md": "# One"}
    sha, _ = call(xet_hub, tmp_path / "home", do_push, files)
    assert texts(xet_hub) == files
    assert list(xet_hub.xet_hashes) == [hashlib.sha256(b"a" * 100_000).hexdigest()]
    assert call(xet_hub, tmp_path / "home", do_push, files)[0] == sha
