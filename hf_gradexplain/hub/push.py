"""Pushes to the hub: the destination is checked before the work begins, and all files arrive in one commit.

A commit is atomic: after a failure the repository holds either its old files or all of the new ones, and repeating the
push completes it.
"""

import time
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Literal, TypeVar

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, constants, get_token
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, HTTPError, RepositoryNotFoundError
from huggingface_hub.utils import validate_repo_id

from hf_gradexplain.errors import GradexplainError, one_line, translate_errors

T = TypeVar("T")
RepoType = Literal["model", "dataset", "space"]

WAITS = (1.0, 2.0, 4.0, 8.0)
"""Seconds to wait before each retry, after status 429 or 5xx or a dropped connection."""

_LOG_IN = "log in with `hf auth login`, or set HF_TOKEN to a token with write access (hf.co/settings/tokens)"


@dataclass(frozen=True)
class Destination:
    """A hub repository that can be pushed to; returned by `check_destination`.

    Attributes:
        repo_id: `owner/name`.
        repo_type: `model`, `dataset` or `space`.
        private: Whether a repository that does not exist yet is created private.
    """

    repo_id: str
    repo_type: RepoType
    private: bool

    @property
    def url(self) -> str:
        """The address of its page."""
        kind = "" if self.repo_type == "model" else f"{self.repo_type}s/"
        return f"{constants.ENDPOINT}/{kind}{self.repo_id}"


@dataclass(frozen=True)
class Pushed:
    """A finished push: the commit that holds the files, and the address of the repository's page at that commit."""

    sha: str
    url: str


def check_destination(repo_id: str, repo_type: RepoType, *, private: bool = True) -> Destination:
    """Check that a repository can be pushed to, before any work is done. Nothing is created or changed.

    Args:
        repo_id: `owner/name`, or a name in the user's own namespace.
        repo_type: `model`, `dataset` or `space`.
        private: Whether the repository must be private: an existing public one is then an error. If False, an existing
            private one stays private.

    Raises:
        GradexplainError: The name is invalid, this process is offline, there is no token or it has no write access, the
            repository must be private but is public, or the hub cannot be reached.
    """
    with translate_errors(
        lambda _: (
            f"{repo_id!r} is not a repository name (owner/name, with letters, digits, '-', '_' and '.'): give one like "
            "me/my-model"
        ),
        HFValidationError,
    ):
        validate_repo_id(repo_id)
    if constants.is_offline_mode():
        raise GradexplainError(f"cannot push to {repo_id!r} while offline: unset HF_HUB_OFFLINE, or do not push")
    token = get_token()
    if token is None:
        raise GradexplainError(f"pushing to {repo_id!r} needs a token: {_LOG_IN}")
    if not (token.isascii() and token.isprintable()):  # clients would show it in their error message
        raise GradexplainError(f"the token contains characters that no token has: {_LOG_IN}")
    api = HfApi(token=token)
    with _translate_errors(repo_id):
        account = _retry(api.whoami)
        repo_id = repo_id if "/" in repo_id else f"{account['name']}/{repo_id}"
        _check_rights(account, repo_id)
        try:
            existing = _retry(lambda: api.repo_info(repo_id, repo_type=repo_type))
        except RepositoryNotFoundError:
            return Destination(repo_id, repo_type, private)
    _check_private(repo_id, required=private, private=existing.private)
    return Destination(repo_id, repo_type, private)


def push(
    destination: Destination,
    files: Mapping[str, Path | bytes],
    *,
    message: str,
    replaces: Collection[str] = (),
) -> Pushed:
    """Push files as one commit. A repository that does not exist is created.

    Files that the repository already has with the same content are not sent again; if it has all of them, nothing is
    committed. Requests that fail for a transient reason are retried a few times.

    Args:
        destination: The repository, from `check_destination`.
        files: A local file, or the content of one, for each path in the repository.
        message: The first line of the commit message.
        replaces: Patterns of paths such as `data/*`: files of the repository that match one and are not in `files` are
            deleted.

    Raises:
        GradexplainError: Another commit was made or the repository became public in the meantime, the hub rejects the
            files, or it cannot be reached. The repository is unchanged, and the same push can be repeated.
    """
    api, name, kind = HfApi(token=get_token()), destination.repo_id, destination.repo_type

    def commit() -> str:
        # Listed again on each attempt: an attempt whose response was lost may have succeeded.
        existing = api.list_repo_files(name, repo_type=kind)
        stale = [path for path in existing if path not in files and any(fnmatch(path, mask) for mask in replaces)]
        adds = [CommitOperationAdd(path, content) for path, content in files.items()]
        operations: list[CommitOperationAdd | CommitOperationDelete] = [*adds, *map(CommitOperationDelete, stale)]
        return api.create_commit(name, operations, repo_type=kind, commit_message=message, parent_commit=head).oid

    with _translate_errors(name):
        sdk = "gradio" if kind == "space" else None
        _retry(lambda: api.create_repo(name, repo_type=kind, private=destination.private, exist_ok=True, space_sdk=sdk))
        info = _retry(lambda: api.repo_info(name, repo_type=kind))
        _check_private(name, required=destination.private, private=info.private)
        head = info.sha
        sha = _retry(commit)
    return Pushed(sha, f"{destination.url}/tree/{sha}")


def folder_files(folder: Path) -> dict[str, Path | bytes]:
    """Return the files of a folder and its subfolders by relative path, as `push` takes them, without hidden ones."""
    paths = {path.relative_to(folder): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {path.as_posix(): file for path, file in paths.items() if not any(part[0] == "." for part in path.parts)}


def _check_rights(account: Mapping[str, Any], repo_id: str) -> None:
    """Check that the token can write, and that the owner is the user or one of the user's organisations."""
    owner = repo_id.split("/")[0]
    writable = [org["name"] for org in account.get("orgs", []) if org.get("roleInOrg") != "read"]
    if owner not in (account["name"], *writable):
        owners = ", ".join(map(repr, (account["name"], *writable)))
        raise GradexplainError(f"the token cannot write to {repo_id!r}: choose one of the owners {owners}")
    token = account.get("auth", {}).get("accessToken", {})
    scopes = token.get("fineGrained", {}).get("scoped", [])
    writing = (scope["entity"] for scope in scopes if "repo.write" in scope["permissions"])
    granted = {entity.get("name") for entity in writing}
    role = token.get("role")
    if role == "read" or (role == "fineGrained" and not granted & {owner, repo_id}):
        raise GradexplainError(f"the token can read, but not write to {repo_id!r}: {_LOG_IN}")


def _check_private(repo_id: str, *, required: bool, private: bool | None) -> None:
    if required and not private:
        raise GradexplainError(
            f"{repo_id!r} exists and is public, so everybody could read what is pushed: allow that with "
            "private=False (--hub_private_repo false), or give another name"
        )


def _retry(call: Callable[[], T]) -> T:
    """Call a function until it succeeds, the retries are used up, or a non-transient error is raised."""
    for wait in WAITS:
        try:
            return call()
        except HTTPError as error:
            if not _is_transient(error):
                raise
        time.sleep(wait)
    return call()


def _is_transient(error: Exception) -> bool:
    """Return whether an error may disappear by itself: status 429 or 5xx, or no status, as for a dropped connection."""
    status = _status(error)
    return isinstance(error, HTTPError) and (status is None or status == 429 or status >= 500)


def _status(error: Exception) -> int | None:
    return error.response.status_code if isinstance(error, HfHubHTTPError) and error.response is not None else None


def _translate_errors(repo_id: str) -> AbstractContextManager[None]:
    """Turn the errors of a push into one sentence that says how to fix them."""

    def explain(error: Exception) -> str:
        return f"cannot push to {repo_id!r} ({one_line(error, 300).rstrip('.')}): {_fix(error)}"

    return translate_errors(explain, HTTPError, ConnectionError, ValueError)


def _fix(error: Exception) -> str:
    status = _status(error)
    if status == 412:
        return "another commit was made in the meantime; run the same command again to push on top of it"
    if status in (401, 403):
        return _LOG_IN
    if isinstance(error, ConnectionError) or _is_transient(error):
        return "the hub cannot be reached or is busy; run the same command again later to continue"
    return "correct what the message names, and run the same command again"
