"""The loopback hub does what clients expect of a hub. Functions without `test_` run in the client's process."""

import json

from tests.hub.client import call


def upload(name, content, token=None):
    """Upload a file to a new repository; return the id of the commit, or the status of the refusal."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    try:
        HfApi().create_repo(name, exist_ok=True)
        commit = HfApi(token=token).upload_file(path_or_fileobj=content.encode(), path_in_repo="a.bin", repo_id=name)
    except HfHubHTTPError as error:
        return error.response.status_code
    return commit.oid


def download(name, revision=None):
    from pathlib import Path

    from huggingface_hub import hf_hub_download

    return Path(hf_hub_download(name, "a.bin", revision=revision)).read_text()


def walk_through_repository():
    """Use branches, tags, pull requests, folders, deletions and listings; return what was seen."""
    from huggingface_hub import HfApi, HfFileSystem

    api, name = HfApi(), "my-org/x"
    api.create_repo(name, private=True)
    first = api.upload_file(path_or_fileobj=b"1", path_in_repo="folder/a.txt", repo_id=name)
    api.create_branch(name, branch="draft")
    api.upload_file(path_or_fileobj=b"2", path_in_repo="b.txt", repo_id=name, revision="draft")
    pull = api.upload_file(path_or_fileobj=b"3", path_in_repo="c.txt", repo_id=name, create_pr=True)
    api.delete_folder("folder", repo_id=name)
    api.create_tag(name, tag="v1", revision=first.oid)
    refs = api.list_repo_refs(name, include_pull_requests=True)
    seen = {
        "files": {rev: api.list_repo_files(name, revision=rev) for rev in ("main", "v1", "draft", "refs/pr/1")},
        "refs": [[ref.name for ref in table] for table in (refs.branches, refs.tags, refs.pull_requests)],
        "titles": [commit.title for commit in api.list_repo_commits(name)],
        "tag": refs.tags[0].target_commit == first.oid,
        "pull": pull.pr_num,
        "info": [sibling.size for sibling in api.model_info(name, files_metadata=True, revision="v1").siblings[1:]],
        "glob": HfFileSystem().glob(f"{name}@v1/**/*.txt"),
        "models": [model.id for model in api.list_models(author="my-org")],
    }
    api.delete_tag(name, tag="v1")
    api.delete_branch(name, branch="draft")
    refs = api.list_repo_refs(name)
    seen["left"] = [ref.name for ref in [*refs.branches, *refs.tags]]
    api.delete_repo(name)
    return seen | {"exists": api.repo_exists(name)}


def push_card(text):
    from huggingface_hub import HfApi, ModelCard

    HfApi().create_repo("me/x", exist_ok=True)
    ModelCard(text).push_to_hub("me/x")
    return HfApi().model_info("me/x").tags


def leave():
    """Try to leave the machine by name and by address; return what stood in the way."""
    import socket

    import httpx2

    obstacles = []
    for forward_backward in (
        lambda: httpx2.get("https://example.org"),
        lambda: socket.socket().connect(("192.0.2.1", 80)),
    ):
        try:
            forward_backward()
        except (OSError, httpx2.HTTPError) as error:
            obstacles.append(str(error))
    return obstacles


def test_upload_and_download(hub, client):
    oid = client(upload, "me/x", "1")
    assert client(download, "me/x", oid) == "1"
    assert ("POST", "/api/models/me/x/commit/main", 200, "me") in hub.log


def test_same_history_gives_the_same_commit(hub, client):
    first = client(upload, "me/x", "1")
    hub.repos.clear()
    assert client(upload, "me/x", "1") == first
    assert client(upload, "me/x", "2") != first


def test_repository(client):
    seen = client(walk_through_repository)
    assert seen == {
        "files": {
            "main": [".gitattributes"],
            "v1": [".gitattributes", "folder/a.txt"],
            "draft": [".gitattributes", "b.txt", "folder/a.txt"],
            "refs/pr/1": [".gitattributes", "c.txt", "folder/a.txt"],
        },
        "refs": [["main", "draft"], ["v1"], ["refs/pr/1"]],
        "titles": [
            "Delete folder folder with huggingface_hub",
            "Upload folder/a.txt with huggingface_hub",
            "initial commit",
        ],
        "tag": True,
        "pull": 1,
        "info": [1],
        "glob": ["my-org/x@v1/folder/a.txt"],
        "models": ["my-org/x"],
        "left": ["main"],
        "exists": False,
    }


def test_card(client):
    assert client(push_card, "---\ntags: [one]\nlibrary_name: mine\n---\nText") == ["one", "mine"]


def test_server_error_is_retried(hub, client):
    client(upload, "me/x", "1")
    hub.faults.append(["HEAD .*/resolve/", 503, 1])
    assert client(download, "me/x") == "1"
    assert [status for method, *_, status, _ in hub.log if method == "HEAD"].count(503) == 1


def test_failed_upload_surfaces(hub, client):
    hub.faults.append(["POST .*/commit/", 500, 1])
    assert client(upload, "me/x", "1") == 500


def test_rights(hub, client):
    hub.users["hf_other"] = {"name": "other", "orgs": []}
    assert client(upload, "me/x", "1", "hf_other") == 403
    assert client(upload, "me/x", "1", "hf_unknown") == 401


def test_client_cannot_leave(client):
    assert client(leave) == [
        "a test tried to resolve example.org",
        "a test tried to reach ('192.0.2.1', 80)",
    ]


def test_xet_storage(xet_hub, tmp_path):
    content = json.dumps(list(range(20_000)))
    oid = call(xet_hub, tmp_path / "home", upload, "me/x", content)
    assert call(xet_hub, tmp_path / "home", download, "me/x", oid) == content
    assert len(xet_hub.xet_hashes) == 1
    assert not [path for method, path, *_ in xet_hub.log if method == "PUT" or "/large/" in path]
