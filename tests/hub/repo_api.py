"""What the hub answers about one repository: one function per verb."""

import base64
import hashlib
import json
import time
from urllib.parse import parse_qs, unquote

import yaml

from tests.hub.messages import HubError, Reply
from tests.hub.repository import LFS_SIZE, LFS_SUFFIXES, File, front_matter


def show(request, repo, revision):
    return Reply(describe(repo, repo.at(unquote(revision)), with_blobs=request.asks("blobs")))


def describe(repo, commit, with_blobs=False):
    card = _card(commit)
    siblings = [
        file.sibling(path) if with_blobs else {"rfilename": path} for path, file in sorted(commit.files.items())
    ]
    page = {
        "_id": repo.name,
        "id": repo.name,
        "author": repo.name.split("/")[0],
        "sha": commit.oid,
        "lastModified": _iso(commit.date),
        "createdAt": _iso(repo.created),
        "private": repo.private,
        "gated": False,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "tags": list(card.get("tags") or []),
        "cardData": card,
        "siblings": siblings,
        "usedStorage": sum(file.size for file in commit.files.values()),
    }
    return page | _describe_model(repo, commit, page) if repo.kind == "model" else page


def _describe_model(repo, commit, page):
    config = json.loads(commit.files["config.json"].data) if "config.json" in commit.files else {}
    card, [architecture, *_] = page["cardData"], config.get("architectures") or [""]
    derived = "text-classification" if architecture.endswith("ForSequenceClassification") else None
    facts = {
        "library_name": card.get("library_name") or ("transformers" if config.get("model_type") else None),
        "pipeline_tag": card.get("pipeline_tag") or derived,
        "model-index": card.get("model-index"),
    }
    known = {key: value for key, value in facts.items() if value}
    tags = page["tags"] + [known[key] for key in ("library_name", "pipeline_tag") if key in known]
    shown = {key: config[key] for key in ("architectures", "model_type", "auto_map") if key in config}
    return {"modelId": repo.name, "spaces": [], "config": shown, "tags": tags} | known


def _card(commit):
    if "README.md" not in commit.files:
        return {}
    try:
        return front_matter(commit.files["README.md"].data.decode("utf8", "replace")) or {}
    except yaml.YAMLError:
        return {}


def list_refs(request, repo, _):
    pulls = {name: oid for name, oid in repo.branches.items() if name.startswith("refs/pr/")}
    branches = {name: oid for name, oid in repo.branches.items() if name not in pulls}

    def refs(prefix, table):
        return [{"name": name, "ref": prefix + name, "targetCommit": oid} for name, oid in table.items()]

    return Reply(
        {
            "branches": refs("refs/heads/", branches),
            "tags": refs("refs/tags/", repo.tags),
            "pullRequests": refs("", pulls),
            "converts": [],
        }
    )


def list_discussions(request, repo, _):
    return Reply({"discussions": [], "count": 0, "start": 0})  # pull requests are refs, and no more


def list_commits(request, repo, revision):
    history, commit = [], repo.at(unquote(revision))
    while commit:
        entry = {"id": commit.oid, "title": commit.title, "message": commit.body, "date": _iso(commit.date)}
        history.append(entry | {"authors": [{"user": commit.author}]})
        commit = repo.commits.get(commit.parent)
    return Reply(history)


def change_branch(request, repo, name):
    return _change_ref(request, repo, repo.branches, unquote(name), request.json().get("startingPoint", "main"))


def change_tag(request, repo, rest):
    target = unquote(rest)  # or the tag, if it is to be deleted
    return _change_ref(request, repo, repo.tags, request.json().get("tag", target), target)


def _change_ref(request, repo, table, name, target):
    if request.method == "DELETE":
        return Reply({"deleted": table.pop(name, None)})
    if name in table:
        raise HubError(409, f"Reference already exists: {name}")
    table[name] = repo.at(target).oid
    return Reply({})


def list_tree(request, repo, rest):
    commit, folder = _at_path(repo, rest)
    if folder and folder not in commit.folders():
        raise HubError(404, f"{folder} does not exist", "EntryNotFound")
    start = f"{folder}/" if folder else ""
    paths = [path for path in sorted({*commit.files, *commit.folders()}) if path.startswith(start)]
    if not request.asks("recursive"):
        paths = [path for path in paths if "/" not in path.removeprefix(start)]
    last = _last_commit(commit) if request.asks("expand") else {}
    return Reply([_entry(commit, path) | last for path in paths])


def list_paths(request, repo, rest):
    commit, _ = _at_path(repo, rest)
    is_json = "json" in request.headers.get("Content-Type", "")
    form = request.json() if is_json else parse_qs(request.body.decode())
    paths = [path.strip("/") for path in form.get("paths", [])]
    known = [path for path in paths if path in commit.files or path in commit.folders()]
    return Reply([_entry(commit, path) | _last_commit(commit) for path in known])


def _at_path(repo, rest):
    revision, _, path = rest.partition("/")
    return repo.at(unquote(revision)), unquote(path)


def _entry(commit, path):
    if path in commit.files:
        return commit.files[path].entry(path)
    return {"type": "directory", "path": path, "size": 0, "oid": hashlib.sha1(path.encode()).hexdigest()}


def _last_commit(commit):
    return {"lastCommit": {"id": commit.oid, "title": commit.title, "date": _iso(commit.date)}}


def plan_upload(request, repo, revision):
    commit, plan = repo.at(unquote(revision)), []
    for file in request.json()["files"]:
        binary = b"\0" in base64.b64decode(file.get("sample", ""))
        large = file["path"].endswith(tuple(LFS_SUFFIXES)) or file["size"] > LFS_SIZE or binary
        old = commit.files.get(file["path"])
        mode = {"uploadMode": "lfs" if large else "regular", "shouldIgnore": False}
        plan.append({"path": file["path"], "oid": old and (old.sha256 or old.oid)} | mode)
    return Reply({"files": plan})


def commit(request, repo, branch):
    lines = [json.loads(line) for line in request.body.split(b"\n") if line]
    branch = unquote(branch)
    header, parent = lines[0]["value"], repo.at(branch)
    if header.get("parentCommit") and not parent.oid.startswith(header["parentCommit"]):
        raise HubError(412, "A commit has happened since. Please refresh and try again.")
    files = dict(parent.files)
    for line in lines[1:]:
        _apply(request.hub, files, line["key"], line["value"])
    page, pull = f"{request.hub.url}/{repo.path}", {}
    if request.asks("create_pr"):
        number = 1 + sum(name.startswith("refs/pr/") for name in repo.branches)
        branch, pull = f"refs/pr/{number}", {"pullRequestUrl": f"{page}/discussions/{number}"}
    elif branch not in repo.branches:
        raise HubError(404, f"cannot commit on {branch}: not a branch", "RevisionNotFound")
    description, author = header.get("description", ""), request.user["name"]
    oid = repo.commit(branch, parent.oid, files, header["summary"], description, author)
    return Reply({"success": True, "commitOid": oid, "commitUrl": f"{page}/commit/{oid}", "hookOutput": ""} | pull)


def _apply(hub, files, operation, value):
    path = value["path"]
    if operation == "file":
        encoded = value.get("encoding") == "base64"
        files[path] = File(base64.b64decode(value["content"]) if encoded else value["content"].encode())
    elif operation == "lfsFile":
        content, xet = hub.large_file(value["oid"])
        if content is None:
            raise HubError(400, f"LFS object {value['oid']} was not uploaded")
        files[path] = File(content, lfs=True, xet=xet)
    elif operation == "deletedFile" and files.pop(path, None) is None:
        raise HubError(404, "A file with this name doesn't exist", "EntryNotFound")
    elif operation == "deletedFolder":
        for name in [name for name in files if name.startswith(path.rstrip("/") + "/")]:
            del files[name]


def xet_token(request, repo, _):
    address, expiry = request.hub.xet_address, int(time.time()) + 3600
    if address is None:
        raise HubError(404, "this hub has no Xet storage")
    headers = {"X-Xet-Cas-Url": address, "X-Xet-Access-Token": "x", "X-Xet-Token-Expiration": expiry}
    return Reply({"casUrl": address, "exp": expiry, "accessToken": "x"}, 200, headers)


def _iso(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))


VERBS = {
    None: show,
    "revision": show,
    "tree": list_tree,
    "paths-info": list_paths,
    "refs": list_refs,
    "commits": list_commits,
    "discussions": list_discussions,
    "preupload": plan_upload,
    "commit": commit,
    "branch": change_branch,
    "tag": change_tag,
    "xet-write-token": xet_token,
    "xet-read-token": xet_token,
}
WRITE_VERBS = {"preupload", "commit", "branch", "tag", "xet-write-token"}
