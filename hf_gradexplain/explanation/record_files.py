"""Write an explanation to a JSON file, and load it again."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from os import PathLike, fspath
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from hf_gradexplain.errors import GradexplainError, one_line, translate_errors, translate_write_errors
from hf_gradexplain.explanation.records import NotAnExplanationError
from hf_gradexplain.files import atomic_write_bytes
from hf_gradexplain.viz.sanitize import json_text
from hf_gradexplain.viz.tables import join_words

Loaded = TypeVar("Loaded")


def save_record(
    path: str | PathLike[str],
    record: Callable[[], Mapping[str, Any]],
    pictures: Mapping[str, Callable[[], bytes]] | None = None,
) -> None:
    """Write a record to a JSON file, or draw a picture if the name of the file ends in a key of `pictures`.

    Args:
        path: The file, which is replaced if it exists. Its name ends in `.json` or a key of `pictures`, in any case.
        record: A function that returns the record.
        pictures: For each end of a file name, such as `.svg`, a function that draws the picture.

    Raises:
        GradexplainError: The file cannot be written, or its name ends in something else.
    """
    pictures = pictures or {}
    draw = pictures.get(check_suffix(path, (".json", *pictures)))
    content = draw() if draw else f"{json_text(record(), indent=2)}\n".encode()
    with translate_write_errors(path, instead="path"):
        atomic_write_bytes(Path(path), content)


def check_suffix(path: str | PathLike[str], suffixes: Collection[str]) -> str:
    """Return the suffix of a file in lower case, which must be one of `suffixes`.

    Raises:
        GradexplainError: The name of the file ends in something else.

    >>> check_suffix("a.PNG", (".json", ".svg", ".png"))
    '.png'
    >>> check_suffix("a.txt", (".json", ".svg", ".png"))
    Traceback (most recent call last):
        ...
    hf_gradexplain.errors.GradexplainError: cannot save to a.txt: give a name that ends in .json, .svg or .png
    """
    suffix = Path(path).suffix.lower()
    if suffix not in suffixes:
        raise GradexplainError(f"cannot save to {fspath(path)}: give a name that ends in {join_words(suffixes, 'or')}")
    return suffix


def load_record(path: str | PathLike[str], read: Callable[[Mapping[str, Any]], Loaded], writer: str) -> Loaded:
    """Load what `save_record` wrote.

    Args:
        path: The file.
        read: A function that makes the object from the record, such as `Explanation.from_dict`.
        writer: The name of the function that writes such files, for the message.

    Raises:
        GradexplainError: The file cannot be read, or holds something else.
    """
    with reading_file(path, writer):
        return read(json.loads(Path(path).read_text(encoding="utf-8")))


@contextmanager
def reading_file(path: str | PathLike[str], writer: str) -> Iterator[None]:
    """Turn the errors of reading a file into one sentence that names the file and the function that writes such files.

    Raises:
        GradexplainError: Reading the file fails in the block, or the file holds no explanation.
    """

    def explain(error: Exception) -> str:
        reason = "it holds something else" if isinstance(error, NotAnExplanationError) else one_line(error, 200)
        return f"cannot load {fspath(path)} ({reason}): give a file that {writer} wrote"

    with translate_errors(explain, OSError, ValueError, RecursionError, pa.ArrowException, NotAnExplanationError):
        yield
