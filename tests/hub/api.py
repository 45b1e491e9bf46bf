"""The routes of the hub: accounts, cards, large files and the files of a revision."""

import hashlib
import os
import re
from urllib.parse import quote, unquote

import yaml

from tests.hub.messages import HubError, Reply
from tests.hub.repo_api import VERBS, WRITE_VERBS, describe
from tests.hub.repository import Repo, front_matter

KIND = "(model|dataset|space)s"
NAME = "([^/]+(?:/[^/]+)??)"


def answer(request):
    for pattern, route in ROUTES:
        if match := re.fullmatch(pattern, request.path):
            return route(request, *match.groups())
    request.hub.bugs.append(f"no route: {request.method} {request.path}")
    raise HubError(404, f"no route {request.method} {request.path}")


def whoami(request):
    user = _signed_in(request)
    orgs = [{"name": org, "type": "org"} for org in user["orgs"]]
    scopes = [{"entity": {"name": name}, "permissions": granted} for name, granted in user.get("scoped", [])]
    rights = {"displayName": "loopback", "role": user.get("role", "write"), "fineGrained": {"scoped": scopes}}
    token = {"type": "access_token", "accessToken": rights}
    return Reply(
        {"type": "user", "id": "0", "name": user["name"], "fullname": user["name"], "orgs": orgs, "auth": token}
    )


def create_repo(request):
    user, wanted = _signed_in(request), request.json()
    owner = wanted.get("organization") or user["name"]
    kind, name = wanted.get("type") or "model", f"{owner}/{wanted['name']}"
    private = wanted.get("private") or wanted.get("visibility") == "private"
    repo = Repo(kind, name, private)
    url = f"{request.hub.url}/{repo.path}"
    if owner not in [user["name"], *user["orgs"]]:
        raise HubError(403, f"You don't have the rights to create a {kind} under the namespace {owner}")
    if (kind, name) in request.hub.repos:
        return Reply({"error": "You already created this repo", "url": url}, 409)
    request.hub.repos[kind, name] = repo
    return Reply({"url": url, "name": name, "id": name})


def delete_repo(request):
    user, wanted = _signed_in(request), request.json()
    kind, name = wanted.get("type") or "model", f"{wanted.get('organization') or user['name']}/{wanted['name']}"
    request.hub.find(kind, name, user, write=True)
    del request.hub.repos[kind, name]
    return Reply({"deleted": name})


def validate_card(request):
    errors, warnings = [], []
    try:
        metadata = front_matter(request.json()["content"])
    except yaml.YAMLError as error:
        errors = [f"YAML metadata is invalid: {error}"]
    else:
        errors = [] if metadata is None or isinstance(metadata, dict) else ["metadata is not a mapping"]
        warnings = ["empty or missing yaml metadata in repo card"] if metadata is None else []
    lists = {"errors": errors, "warnings": warnings}
    verdict = {kind: [{"message": message} for message in messages] for kind, messages in lists.items()}
    return Reply(verdict, 400 if errors else 200)


def accept_telemetry(request):
    return Reply({})


def list_repos(request, kind):
    author, search = request.query.get("author"), request.query.get("search", "").lower()
    repos = [
        repo
        for repo in request.hub.repos.values()
        if repo.kind == kind and (request.user or not repo.private) and search in repo.name.lower()
    ]
    return Reply([describe(repo, repo.at("main")) for repo in repos if author in (None, repo.name.split("/")[0])])


def negotiate_upload(request, kind, name):
    request.hub.find(kind, unquote(name), request.user, write=True)
    objects = [{"oid": wanted["oid"], "size": wanted["size"]} for wanted in request.json()["objects"]]
    for wanted in objects:
        if wanted["oid"] not in request.hub.lfs:
            wanted["actions"] = {"upload": {"href": f"{request.hub.url}/large/{wanted['oid']}"}}
    return Reply({"transfer": "basic", "objects": objects})


def large_file(request, oid):
    if request.method == "PUT":
        assert hashlib.sha256(request.body).hexdigest() == oid, "sha256 mismatch"
        request.hub.lfs[oid] = request.body
        return Reply()
    assert "Authorization" not in request.headers, "the token leaked to another origin"
    return _content(request, request.hub.lfs[oid], {"ETag": f'"{oid}"'})


def file(request, kind, name, revision, path):
    repo, path = request.hub.find(kind, unquote(name), request.user), unquote(path)
    if repo.readers is not None and (request.user or {}).get("name") not in repo.readers:
        raise HubError(403, f"Access to {repo.name} is restricted and you are not in the authorized list.", "GatedRepo")
    commit = repo.at(unquote(revision))
    headers = {"X-Repo-Commit": commit.oid}
    if path not in commit.files:
        raise HubError(404, "Entry not found", "EntryNotFound", headers)
    entry = commit.files[path]
    headers["ETag"] = entry.etag
    headers["Content-Disposition"] = f'inline; filename="{quote(os.path.basename(path))}";'
    if entry.xet:
        headers["X-Xet-Hash"] = entry.xet
        headers["X-Xet-Refresh-Route"] = f"{request.hub.url}/api/{repo.kind}s/{repo.name}/xet-read-token/{commit.oid}"
    if not entry.sha256:
        return _content(request, entry.data, headers)
    link = {
        "Location": f"{request.hub.cdn}/large/{entry.sha256}",
        "X-Linked-Size": entry.size,
        "X-Linked-Etag": entry.etag,
    }
    return Reply(b"", 302, headers | link)


def repo_route(request, kind, name, verb, rest):
    repo = request.hub.find(kind, unquote(name), request.user, write=verb in WRITE_VERBS)
    return VERBS[verb](request, repo, rest or "main")


def _signed_in(request):
    if request.user is None:
        raise HubError(401, "Invalid username or password.")
    return request.user


def _content(request, data, headers):
    wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
    if not (wanted and data):
        return Reply(data, 200, headers | {"Accept-Ranges": "bytes"})
    start, stop = int(wanted[1]), min(int(wanted[2] or len(data)) + 1, len(data))
    return Reply(data[start:stop], 206, headers | {"Content-Range": f"bytes {start}-{stop - 1}/{len(data)}"})


ROUTES = [
    (r"/api/whoami-v2", whoami),
    (r"/api/repos/create", create_repo),
    (r"/api/repos/delete", delete_repo),
    (r"/api/validate-yaml", validate_card),
    (r"/api/telemetry/.*|/api/agent-harnesses", accept_telemetry),
    (rf"/api/{KIND}", list_repos),
    (rf"/api/{KIND}/{NAME}(?:/({'|'.join(filter(None, VERBS))})(?:/(.*))?)?", repo_route),
    (r"/large/([0-9a-f]{64})", large_file),
    (rf"/(?:{KIND}/)?(.+?)\.git/info/lfs/objects/batch", negotiate_upload),
    (rf"/(?:{KIND}/)?{NAME}/(?:resolve|raw)/([^/]+)/(.+)", file),
]
