"""Repositories, with the parts of git that clients of the hub can see."""

import hashlib
import json
import re
import time
from dataclasses import dataclass, field

import yaml

from tests.hub.messages import HubError

LFS_SUFFIXES = (
    *(".arrow", ".bin", ".ckpt", ".gz", ".h5", ".jpg", ".model", ".msgpack", ".npy", ".npz", ".onnx", ".parquet"),
    *(".pkl", ".png", ".pt", ".pth", ".safetensors", ".zip"),
)
LFS_SIZE = 10 * 1024 * 1024


class File:
    """Content as git sees it: stored whole, or as a pointer to a large file."""

    def __init__(self, data, lfs=False, xet=None):
        self.data = data
        self.size = len(data)
        self.xet = xet
        self.sha256 = hashlib.sha256(data).hexdigest() if lfs else None
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {self.size}\n"
        blob = pointer.encode() if lfs else data
        self.pointer_size = len(blob)
        self.oid = hashlib.sha1(b"blob %d\0" % len(blob) + blob).hexdigest()

    @property
    def etag(self):
        return f'"{self.sha256 or self.oid}"'

    def entry(self, path):
        """Describe the file as a listing of a folder does."""
        entry = {"type": "file", "path": path, "size": self.size, "oid": self.oid}
        if self.sha256:
            entry["lfs"] = {"oid": self.sha256, "size": self.size, "pointerSize": self.pointer_size}
        return entry | ({"xetHash": self.xet} if self.xet else {})

    def sibling(self, path):
        """Describe the file as the page of its repository does."""
        sibling = {"rfilename": path, "size": self.size, "blobId": self.oid}
        if self.sha256:
            sibling["lfs"] = {"sha256": self.sha256, "size": self.size, "pointerSize": self.pointer_size}
        return sibling


@dataclass
class Commit:
    oid: str
    parent: str | None
    files: dict[str, File]
    title: str
    body: str
    author: str
    date: float = field(default_factory=time.time)

    def folders(self):
        return {path[: slash.start()] for path in self.files for slash in re.finditer("/", path)}


class Repo:
    """Immutable commits, and branches (pull requests among them) and tags that point to them."""

    def __init__(self, kind, name, private=False):
        self.kind = kind
        self.name = name
        self.path = {"model": "", "dataset": "datasets/", "space": "spaces/"}[kind] + name
        self.private = private
        self.readers = None  # whom it is gated for, if it is
        self.created = time.time()
        self.commits = {}
        self.branches = {}
        self.tags = {}
        attributes = "".join(f"*{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in LFS_SUFFIXES)
        self.commit("main", None, {".gitattributes": File(attributes.encode())}, "initial commit")

    def commit(self, branch, parent, files, title, body="", author="system"):
        """Add a commit whose id holds no clock: the same history gives the same ids."""
        tree = sorted((path, file.oid) for path, file in files.items())
        history = json.dumps([self.kind, self.name, parent, title, body, tree])
        oid = hashlib.sha1(history.encode()).hexdigest()
        self.commits[oid] = Commit(oid, parent, files, title, body, author)
        self.branches[branch] = oid
        return oid

    def at(self, revision):
        oid = self.branches.get(revision) or self.tags.get(revision) or revision
        if oid not in self.commits:
            raise HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return self.commits[oid]


def front_matter(text):
    """Return the metadata of a card, or None where it has none."""
    match = re.match(r"\s*---\r?\n(.*?)\r?\n---", text, re.DOTALL)
    return match and (yaml.safe_load(match[1]) or {})
