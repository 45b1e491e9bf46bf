"""The requests of a push, and its errors, with a hub that is an object in this process."""

from types import SimpleNamespace

import pytest
from huggingface_hub import CommitOperationAdd, constants
from huggingface_hub.errors import HfHubHTTPError, HTTPError, RepositoryNotFoundError

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.hub import push as module
from hf_gradexplain.hub.push import Destination, check_destination, push

WRITE = {"name": "me", "auth": {"accessToken": {"role": "write"}}}


def http_error(status, kind=HfHubHTTPError):
    return kind("no\n  way.", response=SimpleNamespace(status_code=status, headers={}, request=None))


class Hub:
    """Answers with what it is given, or raises it; writes down what it is asked."""

    def __init__(self, **answers):
        self.answers, self.asked, self.slept = answers, [], []

    def __getattr__(self, name):
        def answer(*arguments, **more):
            self.asked.append((name, arguments, more))
            given = self.answers[name]
            given = given.pop(0) if isinstance(given, list) and name != "list_repo_files" else given
            if isinstance(given, Exception):
                raise given
            return given

        return answer


@pytest.fixture
def use(monkeypatch):
    def use(token="hf_token", offline=False, **answers):
        hub = Hub(**answers)
        monkeypatch.setattr(module, "HfApi", lambda token: hub)
        monkeypatch.setattr(module, "get_token", lambda: token)
        monkeypatch.setattr(module.constants, "is_offline_mode", lambda: offline)
        monkeypatch.setattr(module.time, "sleep", hub.slept.append)
        return hub

    return use


@pytest.mark.parametrize(
    ("repo_id", "repo_type", "url"),
    [("me/m", "model", "me/m"), ("me/d", "dataset", "datasets/me/d"), ("me/s", "space", "spaces/me/s")],
)
def test_a_name_without_an_owner_is_the_users(use, repo_id, repo_type, url):
    for name in (repo_id, repo_id.partition("/")[2]):
        hub = use(whoami=WRITE, repo_info=http_error(404, RepositoryNotFoundError))
        found = check_destination(name, repo_type)
        assert found == Destination(repo_id, repo_type, private=True)
        assert hub.asked[1] == ("repo_info", (repo_id,), {"repo_type": repo_type})
        assert found.url == f"{constants.ENDPOINT}/{url}"


@pytest.mark.parametrize(
    ("private", "existing", "message"),
    [
        (True, True, None),
        (False, True, None),
        (False, False, None),
        (True, False, "'me/m' exists and is public, so everybody could read what is pushed"),
        (True, None, "'me/m' exists and is public, so everybody could read what is pushed"),
    ],
)
def test_a_repository_that_must_be_private_is(use, private, existing, message):
    use(whoami=WRITE, repo_info=SimpleNamespace(private=existing))
    if message is None:
        assert check_destination("m", "model", private=private) == Destination("me/m", "model", private)
    else:
        with pytest.raises(GradexplainError, match=f"^{message}"):
            check_destination("m", "model")


def scoped(*scopes):
    token = {"role": "fineGrained", "fineGrained": {"scoped": list(scopes)}}
    return {"name": "me", "orgs": [], "auth": {"accessToken": token}}


def scope(name, *permissions):
    return {"entity": {"name": name}, "permissions": list(permissions)}


CANNOT_WRITE = "the token can read, but not write to 'me/m'"

ORGS = [{"name": "work", "roleInOrg": "admin"}, {"name": "club", "roleInOrg": "read"}, {"name": "old"}]


@pytest.mark.parametrize(
    ("account", "name", "message"),
    [
        (WRITE | {"orgs": ORGS}, "work/m", None),
        (WRITE | {"orgs": ORGS}, "old/m", None),
        (WRITE | {"orgs": ORGS}, "club/m", "the token cannot write to 'club/m': .* owners 'me', 'work', 'old'$"),
        (WRITE, "you/m", "the token cannot write to 'you/m': choose one of the owners 'me'$"),
        ({"name": "me"}, "me/m", None),
        (
            {"name": "me", "auth": {"accessToken": {"role": "read"}}},
            "me/m",
            CANNOT_WRITE,
        ),
        (scoped(scope("me", "repo.write")), "me/m", None),
        (scoped(scope("me/m", "repo.content.read", "repo.write")), "me/m", None),
        (scoped(scope("me", "repo.content.read")), "me/m", CANNOT_WRITE),
        (scoped(scope("me/other", "repo.write")), "me/m", CANNOT_WRITE),
        (scoped(), "me/m", CANNOT_WRITE),
    ],
)
def test_the_token_has_to_be_able_to_write(use, account, name, message):
    use(whoami=account, repo_info=http_error(404, RepositoryNotFoundError))
    if message is None:
        assert check_destination(name, "model").repo_id == name
    else:
        with pytest.raises(GradexplainError, match=f"^{message}"):
            check_destination(name, "model")


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("a b", {}, "'a b' is not a repository name"),
        ("me/m", {"offline": True}, "cannot push to 'me/m' while offline: unset HF_HUB_OFFLINE"),
        ("me/m", {"token": None}, "pushing to 'me/m' needs a token: log in with `hf auth login`"),
        ("me/m", {"token": "hf_ö"}, "the token contains characters that no token has: log in"),
        ("me/m", {"token": "hf_\n"}, "the token contains characters that no token has: log in"),
    ],
)
def test_nothing_is_asked_without_a_name_a_network_and_a_token(use, name, given, message):
    hub = use(**given)
    with pytest.raises(GradexplainError, match=f"^{message}"):
        check_destination(name, "model")
    assert hub.asked == []


@pytest.mark.parametrize(
    ("status", "fix", "attempts"),
    [
        (400, "correct what the message names, and run the same command again", 1),
        (401, "log in with `hf auth login`, or set HF_TOKEN", 1),
        (403, "log in with `hf auth login`, or set HF_TOKEN", 1),
        (412, "another commit was made in the meantime; run the same command again", 1),
        (429, "the hub cannot be reached or is busy; run the same command again later to continue", 5),
        (499, "correct what the message names, and run the same command again", 1),
        (500, "the hub cannot be reached or is busy; run the same command again later to continue", 5),
        (503, "the hub cannot be reached or is busy; run the same command again later to continue", 5),
    ],
)
def test_errors_say_how_to_fix_them_and_transient_ones_are_retried(use, status, fix, attempts):
    hub = use(whoami=http_error(status))
    with pytest.raises(GradexplainError) as caught:
        check_destination("me/m", "model")
    assert str(caught.value).startswith(f"cannot push to 'me/m' (no way): {fix}")
    assert len(hub.asked) == attempts
    assert hub.slept == [1.0, 2.0, 4.0, 8.0][: attempts - 1]


def test_a_dropped_connection_is_retried_until_it_works(use):
    gone = HTTPError("gone")
    hub = use(whoami=[gone, gone, WRITE], repo_info=SimpleNamespace(private=True))
    assert check_destination("me/m", "model").repo_id == "me/m"
    assert hub.slept == [1.0, 2.0]
    hub = use(whoami=gone)
    with pytest.raises(GradexplainError, match=r"\(gone\): the hub cannot be reached or is busy"):
        check_destination("me/m", "model")
    hub = use(whoami=ConnectionError("down"))
    with pytest.raises(GradexplainError, match=r"\(down\): the hub cannot be reached or is busy"):
        check_destination("me/m", "model")
    assert len(hub.asked) == 1


@pytest.mark.parametrize(("repo_type", "sdk"), [("model", None), ("dataset", None), ("space", "gradio")])
def test_one_commit_adds_the_files_and_deletes_what_they_replace(use, repo_type, sdk):
    head = SimpleNamespace(private=True, sha="head")
    listed = ["data/old.parquet", "data/new.parquet", "README.md", "other"]
    hub = use(create_repo=None, repo_info=head, list_repo_files=listed, create_commit=SimpleNamespace(oid="new"))
    destination = Destination("me/x", repo_type, private=True)
    files = {"data/new.parquet": b"1", "README.md": b"2"}
    pushed = push(destination, files, message="said", replaces=["data/*", "no*"])
    assert (pushed.sha, pushed.url) == ("new", f"{destination.url}/tree/new")
    create, info, listing, commit = hub.asked
    assert create == (
        "create_repo", ("me/x",), {"repo_type": repo_type, "private": True, "exist_ok": True, "space_sdk": sdk},
    )  # fmt: skip
    assert info[1:] == (("me/x",), {"repo_type": repo_type})
    assert listing[1:] == (("me/x",), {"repo_type": repo_type})
    name, (repo, operations), more = commit
    assert (name, repo) == ("create_commit", "me/x")
    assert more == {"repo_type": repo_type, "commit_message": "said", "parent_commit": "head"}
    adds = [operation for operation in operations if isinstance(operation, CommitOperationAdd)]
    assert [add.path_in_repo for add in adds] == list(files)
    assert [operation.path_in_repo for operation in operations if operation not in adds] == ["data/old.parquet"]


def test_files_are_listed_again_if_a_commit_is_tried_again(use):
    head, done = SimpleNamespace(private=True, sha="head"), SimpleNamespace(oid="new")
    hub = use(create_repo=None, repo_info=head, list_repo_files=[], create_commit=[http_error(500), done])
    assert push(Destination("me/x", "model", private=True), {"a": b"1"}, message="m").sha == "new"
    assert [name for name, *_ in hub.asked].count("list_repo_files") == 2


def test_a_repository_that_became_public_is_not_pushed_to(use):
    hub = use(create_repo=None, repo_info=SimpleNamespace(private=False, sha="head"))
    with pytest.raises(GradexplainError, match="'me/x' exists and is public"):
        push(Destination("me/x", "model", private=True), {"a": b"1"}, message="m")
    assert [name for name, *_ in hub.asked] == ["create_repo", "repo_info"]
