"""Pushing to the hub: a destination that is checked before the work begins, and files that arrive in one commit.

A commit is all or nothing, so whatever happens on the way, the repository holds either its old files or all of the new
ones, and the same push again completes what was left undone.
"""

import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Literal, TypeVar

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, constants, get_token
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, HTTPError, RepositoryNotFoundError
from huggingface_hub.utils import validate_repo_id

from hf_gradexplain.errors import GradexplainError

T = TypeVar("T")
RepoType = Literal["model", "dataset", "space"]

WAITS = (1.0, 2.0, 4.0, 8.0)
"""Seconds before each further attempt, where the hub answers with 429 or 5xx or the connection drops."""

_LOG_IN = "log in with `hf auth login`, or set HF_TOKEN to a token that may write (hf.co/settings/tokens)"


@dataclass(frozen=True)
class Destination:
    """A repository of the hub that may be written to; `check_destination` makes it.

    Attributes:
        repo_id: `owner/name`.
        repo_type: `model`, `dataset` or `space`.
        private: Whether it is made private if it is not there yet.
    """

    repo_id: str
    repo_type: RepoType
    private: bool

    @property
    def url(self) -> str:
        """Its page."""
        kind = "" if self.repo_type == "model" else f"{self.repo_type}s/"
        return f"{constants.ENDPOINT}/{kind}{self.repo_id}"


@dataclass(frozen=True)
class Pushed:
    """What came of a push: the commit that holds the files, and the page of the repository at that commit."""

    sha: str
    url: str


@contextmanager
def use_token(token: str | None) -> Iterator[None]:
    """Let every client of the hub in this process use a token within the block, by way of `HF_TOKEN`.

    None leaves things as they are: a token of the environment, or that of `hf auth login`. Afterwards the environment
    is as it was.
    """
    before = os.environ.get("HF_TOKEN")
    if token is not None:
        os.environ["HF_TOKEN"] = token
    try:
        yield
    finally:
        if before is not None:
            os.environ["HF_TOKEN"] = before
        elif token is not None:
            os.environ.pop("HF_TOKEN", None)


def check_destination(repo_id: str, repo_type: RepoType, *, private: bool = True) -> Destination:
    """See that a repository can be pushed to, before any work is done for it. Nothing is made or changed.

    Args:
        repo_id: `owner/name`, or a name in the user's own namespace.
        repo_type: `model`, `dataset` or `space`.
        private: Whether it has to be private. If so, one that is there and public is refused; if not, one that is there
            and private stays so.

    Raises:
        GradexplainError: The name cannot be one, this process is offline, there is no token or one that may not write
            there, the repository is public, or the hub cannot be reached.
    """
    try:
        validate_repo_id(repo_id)
    except HFValidationError as error:
        raise GradexplainError(
            f"{repo_id!r} is no name of a repository, which is owner/name, of letters, digits, '-', '_' and '.': "
            "give one like me/my-model"
        ) from error
    if constants.is_offline_mode():
        raise GradexplainError(f"cannot push to {repo_id!r} while offline: unset HF_HUB_OFFLINE, or do not push")
    token = get_token()
    if token is None:
        raise GradexplainError(f"pushing to {repo_id!r} needs a token: {_LOG_IN}")
    if not (token.isascii() and token.isprintable()):  # clients would show it in their error
        raise GradexplainError(f"the token holds characters that no token has: {_LOG_IN}")
    api = HfApi(token=token)
    with _translate_errors(f"cannot push to {repo_id!r}"):
        account = _retry(api.whoami)
        repo_id = repo_id if "/" in repo_id else f"{account['name']}/{repo_id}"
        _check_rights(account, repo_id)
        try:
            found = _retry(lambda: api.repo_info(repo_id, repo_type=repo_type))
        except RepositoryNotFoundError:
            return Destination(repo_id, repo_type, private)
    _check_private(repo_id, wanted=private, found=found.private)
    return Destination(repo_id, repo_type, private)


def push(
    destination: Destination,
    files: Mapping[str, Path | bytes],
    *,
    message: str,
    replaces: Collection[str] = (),
) -> Pushed:
    """Push files as one commit; the repository is made if it is not there.

    Files that are there already with the same content are not sent again; if that is so for all, nothing is committed.
    Failing connections and servers are tried again a few times.

    Args:
        destination: Where to, from `check_destination`.
        files: What stands at each path of the repository: a file of this machine, or its content.
        message: The first line of the commit.
        replaces: Patterns of paths, as in `data/*`: what the repository has of them beside `files` is removed.

    Raises:
        GradexplainError: Somebody else has committed or made the repository public meanwhile, the hub refuses the
            files, or it cannot be reached. The repository is as it was, and the same push can be made again.
    """
    api, name, kind = HfApi(token=get_token()), destination.repo_id, destination.repo_type

    def commit() -> str:
        # Listed anew each time: an attempt whose answer was lost may have arrived.
        there = api.list_repo_files(name, repo_type=kind)
        stale = [path for path in there if path not in files and any(fnmatch(path, mask) for mask in replaces)]
        adds = [CommitOperationAdd(path, content) for path, content in files.items()]
        operations: list[CommitOperationAdd | CommitOperationDelete] = [*adds, *map(CommitOperationDelete, stale)]
        return api.create_commit(name, operations, repo_type=kind, commit_message=message, parent_commit=head).oid

    with _translate_errors(f"cannot push to {name!r}"):
        sdk = "gradio" if kind == "space" else None
        _retry(lambda: api.create_repo(name, repo_type=kind, private=destination.private, exist_ok=True, space_sdk=sdk))
        found = _retry(lambda: api.repo_info(name, repo_type=kind))
        _check_private(name, wanted=destination.private, found=found.private)
        head = found.sha
        sha = _retry(commit)
    return Pushed(sha, f"{destination.url}/tree/{sha}")


def folder_files(folder: Path) -> dict[str, Path | bytes]:
    """The files of a folder and of those in it by their paths, as `push` takes them; hidden ones are left out."""
    paths = {path.relative_to(folder): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {path.as_posix(): file for path, file in paths.items() if not any(part[0] == "." for part in path.parts)}


def _check_rights(account: Mapping[str, Any], repo_id: str) -> None:
    """Refuse a token that only reads, or an owner that is neither the user nor one of the user's organisations."""
    owner = repo_id.split("/")[0]
    writable = [org["name"] for org in account.get("orgs", []) if org.get("roleInOrg") != "read"]
    if owner not in (account["name"], *writable):
        owners = ", ".join(map(repr, (account["name"], *writable)))
        raise GradexplainError(f"the token may not write to {repo_id!r}: the owner can be {owners}")
    token = account.get("auth", {}).get("accessToken", {})
    scopes = token.get("fineGrained", {}).get("scoped", [])
    writing = (scope["entity"] for scope in scopes if "repo.write" in scope["permissions"])
    granted = {entity.get("name") for entity in writing}
    role = token.get("role")
    if role == "read" or (role == "fineGrained" and not granted & {owner, repo_id}):
        raise GradexplainError(f"the token may read, but not write to {repo_id!r}: {_LOG_IN}")


def _check_private(repo_id: str, *, wanted: bool, found: bool | None) -> None:
    if wanted and not found:
        raise GradexplainError(
            f"{repo_id!r} is there and public, so what is pushed would be public: say so with private=False "
            "(--hub_private_repo false), or give another name"
        )


def _retry(call: Callable[[], T]) -> T:
    """Call until it works, or the waits are used up, or the hub says what no waiting mends."""
    for wait in WAITS:
        try:
            return call()
        except HTTPError as error:
            if not _is_transient(error):
                raise
        time.sleep(wait)
    return call()


def _is_transient(error: Exception) -> bool:
    """Whether it may be otherwise in a moment: a broken connection has no status."""
    status = _status(error)
    return isinstance(error, HTTPError) and (status is None or status == 429 or status >= 500)


def _status(error: Exception) -> int | None:
    return error.response.status_code if isinstance(error, HfHubHTTPError) and error.response is not None else None


@contextmanager
def _translate_errors(what: str) -> Iterator[None]:
    """Say in one sentence what the hub did not do, and the mend."""
    try:
        yield
    except GradexplainError:
        raise
    except (HTTPError, ConnectionError, ValueError) as error:
        said, status = " ".join(str(error).split())[:300].rstrip("."), _status(error)
        if status == 412:
            mend = "somebody else has committed meanwhile; run the same command again, which adds to what is there now"
        elif status in (401, 403):
            mend = _LOG_IN
        elif isinstance(error, ConnectionError) or _is_transient(error):
            mend = "the hub cannot be reached or is busy; run the same command again later, which goes on from here"
        else:
            mend = "mend what it names, and run the same command again"
        raise GradexplainError(f"{what} ({said}): {mend}") from error
