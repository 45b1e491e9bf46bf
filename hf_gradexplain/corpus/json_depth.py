"""The depth of JSON files: if a file is nested very deeply, the reader of `datasets` crashes the process."""

import bz2
import gzip
import lzma
import re
from pathlib import Path
from typing import Any

import numpy as np

from hf_gradexplain.corpus.columns import DatasetUnavailableError

DEEPEST = 1000
"""The deepest nesting that is passed on to the reader of `datasets`. It already refuses files that are far less deep,
but with an error, not with a crash."""

UNPACK: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
"""The function that opens a compressed file, for each suffix; `datasets` unpacks files with the same suffixes."""

_ESCAPE, _STRING = re.compile(rb"\\."), re.compile(rb'"[^"\n]*"?')
_NO_STRUCTURE = bytes(set(range(256)) - set(b'[]{}"\n'))
_CHUNK = 2**24


def check_depth(path: Path) -> None:
    """Check that the lists and objects of a JSON or JSON lines file are not nested too deeply.

    Raises:
        DatasetUnavailableError: They are nested more than `DEEPEST` deep.
    """
    depth = 0
    with UNPACK.get(path.suffix.lower(), open)(path, "rb") as file:
        while lines := file.readlines(_CHUNK):
            structure = _ESCAPE.sub(b"", b"".join(lines)).translate(None, _NO_STRUCTURE)
            brackets = np.frombuffer(_STRING.sub(b"", structure).replace(b"\n", b""), dtype=np.uint8)
            steps = np.where(np.isin(brackets, (ord("["), ord("{"))), 1, -1)
            if len(steps) and depth + np.cumsum(steps).max() > DEEPEST:
                raise DatasetUnavailableError(
                    f"{str(path)!r} nests lists or objects more than {DEEPEST} deep: give a file with one row per line"
                )
            depth += int(steps.sum())
