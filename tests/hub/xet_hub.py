"""The loopback hub with Xet storage, as the real hub has it.

The address it hands out is a local folder, which `hf_xet` writes and reads by itself; so the chunks, xorbs and
shards are those of the client. The folder serves one client process at a time.
"""

import shutil
import struct
import tempfile
from pathlib import Path

from hf_xet import XetFileInfo, XetSession

from tests.hub.loopback_hub import LoopbackHub

END_OF_FILES = b"\xff" * 32
HEADER_SIZE = ENTRY_SIZE = 48
HAS_VERIFICATION, HAS_SHA256 = 1 << 31, 1 << 30


class XetHub(LoopbackHub):
    def __init__(self, storage):
        super().__init__()
        self.storage = Path(storage)
        self.xet_address = f"local://{storage}"
        self.xet_hashes = {}

    def env(self, home):
        return {name: value for name, value in super().env(home).items() if name != "HF_HUB_DISABLE_XET"}

    def large_file(self, oid):
        if oid not in self.lfs:
            for shard in self.storage.glob("**/shards/*.mdb"):
                for sha256, xet, size in files_of(shard.read_bytes()):
                    if sha256 == oid:
                        self.lfs[oid], self.xet_hashes[oid] = self.read(xet, size), xet
        return self.lfs.get(oid), self.xet_hashes.get(oid)

    def read(self, xet, size):
        with tempfile.TemporaryDirectory() as folder:
            copy, target = f"{folder}/storage", f"{folder}/file"
            shutil.copytree(self.storage, copy)  # the client still holds the lock of the original
            session = XetSession()
            with session.new_file_download_group(
                endpoint=f"local://{copy}", token="x", token_expiry_unix_secs=2**40
            ) as group:
                group.start_download_file(XetFileInfo(xet, size), target)
            return Path(target).read_bytes()


def files_of(shard):
    """Yield SHA-256, Xet hash and size of the files of a shard.

    A file is a header (hash, flags, number of segments), as many segments, as many verifications if so flagged, and
    an entry with the SHA-256 if so flagged.
    """
    start = HEADER_SIZE
    while shard[start : start + 32] != END_OF_FILES:
        flags, n_segments = struct.unpack_from("<II", shard, start + 32)
        segments = [start + ENTRY_SIZE * i for i in range(1, n_segments + 1)]
        size = sum(struct.unpack_from("<I", shard, segment + 36)[0] for segment in segments)
        end = start + ENTRY_SIZE * (1 + n_segments * (2 if flags & HAS_VERIFICATION else 1))
        if flags & HAS_SHA256:
            yield read_hash(shard, end), read_hash(shard, start), size
            end += ENTRY_SIZE
        start = end


def read_hash(shard, start):
    return "".join(f"{word:016x}" for word in struct.unpack_from("<4Q", shard, start))
