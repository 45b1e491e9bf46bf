"""Provenance of models and datasets: a hub repository at one commit, or a local path."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from huggingface_hub import HfApi, constants, hf_hub_download
from huggingface_hub.constants import is_offline_mode
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HFValidationError,
    HTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    RevisionResolutionError,
)

from hf_gradexplain.errors import GradexplainError, nearest, one_line, translate_errors

Kind = Literal["model", "dataset"]

_HUB_ERRORS = (HTTPError, HFValidationError, RevisionResolutionError, LocalEntryNotFoundError)


class UnavailableError(GradexplainError):
    """A hub repository cannot be found, accessed or reached; the message says how to fix it."""


@dataclass(frozen=True)
class Provenance:
    """Where a model or dataset was loaded from.

    Attributes:
        name: The repository's name, or a local folder or file.
        commit: The hub commit that was read; None for a local folder or file.
    """

    name: str
    commit: str | None = None


def commits(provenances: Mapping[str, Provenance]) -> dict[str, str]:
    """Return `owner/name@commit` for each model or dataset that came from the hub, without local folders and files.

    >>> commits({"model": Provenance("me/m", "0a1b"), "dataset": Provenance("data")})
    {'model': 'me/m@0a1b'}
    """
    return {
        part: f"{provenance.name}@{provenance.commit}"
        for part, provenance in provenances.items()
        if provenance.commit is not None
    }


def public_name(name: str) -> str:
    """Return a name that can be published: the full name of a repository, but only the last part of a local path."""
    return Path(name).resolve().name if os.path.exists(name) else name


def resolve(name: str, revision: str | None = None, kind: Kind = "model") -> Provenance:
    """Resolve a name to a local path or to one commit of the hub, from which all files are then read.

    A local folder or file takes precedence over a hub name. Offline, the commit is the one in the cache.

    Args:
        name: Hub name, folder or file.
        revision: Branch, tag or commit of the hub; None for the main branch.
        kind: Whether the name is that of a model or of a dataset.

    Raises:
        UnavailableError: There is no such repository or revision, the user has no access to it, the hub cannot be
            reached and the cache does not have it, or a revision was given for a local path.
    """
    if os.path.exists(name):  # accepts any string, unlike Path
        if revision is not None:
            raise UnavailableError(
                f"revision {revision!r} does not apply to the local folder or file {name!r}: leave it out"
            )
        return Provenance(name)

    def explain(error: Exception) -> str:
        return _explain(error, name, revision, kind) + _similar(name, kind)

    with translate_errors(explain, *_HUB_ERRORS, raises=UnavailableError):
        return Provenance(name, HfApi().resolve_revision(name, repo_type=kind, revision=revision).resolved)


def fetch(provenance: Provenance, file: str, kind: Kind = "model") -> Path | None:
    """Return the path of a file, or None if there is no such file; offline, also None if it is not in the cache.

    Raises:
        UnavailableError: The file cannot be fetched.
    """
    if provenance.commit is None:
        path = Path(provenance.name, file)
        return path if path.is_file() else None
    try:
        return Path(hf_hub_download(provenance.name, file, repo_type=kind, revision=provenance.commit))
    except (*_HUB_ERRORS, EntryNotFoundError) as error:
        unreached = isinstance(error, LocalEntryNotFoundError) and not is_offline_mode()
        if isinstance(error, EntryNotFoundError) and not unreached:
            return None
        raise UnavailableError(_explain(error, provenance.name, provenance.commit, kind)) from error


def read_json(provenance: Provenance, file: str) -> dict[str, Any] | None:
    """Return the content of a JSON file of a model, or None if there is no such file.

    Raises:
        UnavailableError: The file cannot be fetched, or does not hold a JSON object.
    """
    path = fetch(provenance, file)
    if path is None:
        return None
    what = f"{file} of {provenance.name!r}"
    with translate_errors(
        lambda error: f"{what} is not JSON ({error}): repair it", ValueError, RecursionError, raises=UnavailableError
    ):
        content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise UnavailableError(f"{what} must hold a JSON object, not {type(content).__name__}")
    return content


def _similar(name: str, kind: Kind) -> str:
    """Return a question that names a similar repository in the cache, or a similar path; empty if there is none."""
    cached = (path.name.split("--", 1)[1] for path in Path(constants.HF_HUB_CACHE).glob(f"{kind}s--*"))
    names = [name.replace("--", "/") for name in cached]
    with suppress(OSError, ValueError):  # not a path
        names += map(str, Path(name).parent.iterdir())
    similar = nearest(name, names).strip()
    return f"; {similar}" if similar else ""


def _explain(error: Exception, name: str, revision: str | None, kind: Kind) -> str:
    """Return one sentence that says why the hub did not provide a repository, and how to fix it."""
    if isinstance(error, HFValidationError):
        return f"{name!r} is neither a local folder or file nor a hub name such as owner/name: correct the name or path"
    if isinstance(error, GatedRepoError):
        return (
            f"the {kind} {name!r} is gated: ask for access on its hub page, then log in with an account that has "
            "access (hf auth login, or HF_TOKEN)"
        )
    if isinstance(error, RepositoryNotFoundError):
        return (
            f"there is no {kind} {name!r} on the hub that you can access: correct the name or path or, if it is "
            "private, log in (hf auth login, or HF_TOKEN)"
        )
    if isinstance(error, RevisionNotFoundError):
        return f"the {kind} {name!r} has no revision {revision!r}: give a branch, tag or commit that it has"
    if is_offline_mode():
        return (
            f"offline, and the {kind} {name!r}{f' at {revision!r}' if revision else ''} is not in the cache: go online "
            "once (unset HF_HUB_OFFLINE), or give a local folder"
        )
    return (
        f"the hub did not provide the {kind} {name!r} ({one_line(error, 300)}): try again later, or give a local folder"
    )
