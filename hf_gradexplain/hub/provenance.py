"""Where a model or a data set comes from: a repository of the hub at one commit, or this machine."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from huggingface_hub import HfApi, hf_hub_download
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

from hf_gradexplain.errors import GradexplainError

Kind = Literal["model", "dataset"]

_FAULTS = (HTTPError, HFValidationError, RevisionResolutionError, LocalEntryNotFoundError)


class UnavailableError(GradexplainError):
    """A repository of the hub could not be found, seen or reached; the message names the mend."""


@dataclass(frozen=True)
class Provenance:
    """Where something was loaded from.

    Attributes:
        name: The repository's name, or a folder or file of this machine.
        commit: The commit of the hub that was read, or None for what lies on this machine.
    """

    name: str
    commit: str | None = None


def commits(provenances: Mapping[str, Provenance]) -> dict[str, str]:
    """What came from the hub, by its part, as `owner/name@commit`; what lies on this machine has no commit.

    >>> commits({"model": Origin("me/m", "0a1b"), "data set": Origin("data")})
    {'model': 'me/m@0a1b'}
    """
    return {
        part: f"{provenance.name}@{provenance.commit}"
        for part, provenance in provenances.items()
        if provenance.commit is not None
    }


def public_name(name: str) -> str:
    """A name to show: a repository's in full, but of a folder or file of this machine the last part only."""
    return Path(name).resolve().name if os.path.exists(name) else name


def resolve(name: str, revision: str | None = None, kind: Kind = "model") -> Provenance:
    """Find what a name means, and pin it to one commit, so that all of its files belong together.

    A folder or file of this machine comes first. Offline, the commit is the one that was fetched last.

    Args:
        name: Hub name, folder or file.
        revision: Branch, tag or commit of the hub; None for the main branch.
        kind: What it is.

    Raises:
        UnavailableError: There is no such repository or revision, it is closed to the user, or the hub cannot be
            reached and nothing was fetched before; or a revision was given for what lies on this machine.
    """
    if os.path.exists(name):  # which takes any name, as Path does not
        if revision is not None:
            raise UnavailableError(
                f"revision {revision!r} does not apply to {name!r}, which lies on this machine; leave it out"
            )
        return Provenance(name)
    try:
        return Provenance(name, HfApi().resolve_revision(name, repo_type=kind, revision=revision).resolved)
    except _FAULTS as error:
        raise UnavailableError(_why(error, name, revision, kind)) from error


def fetch(provenance: Provenance, file: str, kind: Kind = "model") -> Path | None:
    """The path of a file, or None where there is no such file; offline, None also where it was not fetched before.

    Raises:
        UnavailableError: The file cannot be fetched.
    """
    if provenance.commit is None:
        path = Path(provenance.name, file)
        return path if path.is_file() else None
    try:
        return Path(hf_hub_download(provenance.name, file, repo_type=kind, revision=provenance.commit))
    except (*_FAULTS, EntryNotFoundError) as error:
        unreached = isinstance(error, LocalEntryNotFoundError) and not is_offline_mode()
        if isinstance(error, EntryNotFoundError) and not unreached:
            return None
        raise UnavailableError(_why(error, provenance.name, provenance.commit, kind)) from error


def read_json(provenance: Provenance, file: str) -> dict[str, Any] | None:
    """The content of a JSON file of a model, or None where there is no such file.

    Raises:
        UnavailableError: The file cannot be fetched, or holds no JSON object.
    """
    path = fetch(provenance, file)
    if path is None:
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UnavailableError(f"{file} of {provenance.name!r} holds no JSON ({error}): repair it") from error
    if not isinstance(content, dict):
        raise UnavailableError(f"{file} of {provenance.name!r} must hold a JSON object, not {type(content).__name__}")
    return content


def _why(error: Exception, name: str, revision: str | None, kind: Kind) -> str:
    """Say in one sentence why the hub did not give what was asked for, and what to do."""
    what = "data set" if kind == "dataset" else "model"
    if isinstance(error, HFValidationError):
        return f"{name!r} is neither a folder or file of this machine nor a name of the hub, which reads owner/name"
    if isinstance(error, GatedRepoError):
        return (
            f"the {what} {name!r} is gated: ask for access on its page of the hub, then sign in as who has it "
            "(hf auth login, or HF_TOKEN)"
        )
    if isinstance(error, RepositoryNotFoundError):
        return (
            f"there is no {what} {name!r} on the hub that you may see: correct the name or path, or, if it is private, "
            "sign in (hf auth login, or HF_TOKEN)"
        )
    if isinstance(error, RevisionNotFoundError):
        return f"the {what} {name!r} has no revision {revision!r}: name a branch, tag or commit that it has"
    if is_offline_mode():
        return (
            f"offline, and the {what} {name!r}{f' at {revision!r}' if revision else ''} was not fetched before: go "
            "online once (unset HF_HUB_OFFLINE), or give a folder of this machine"
        )
    reason = " ".join(str(error).split())[:300]
    return f"the hub did not give the {what} {name!r} ({reason}): try again later, or give a folder of this machine"
