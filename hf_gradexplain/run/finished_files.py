"""Write and check `SHA256SUMS`, with the SHA-256 of the tables, pages, figures and the model of a finished run.

Document files are not in it: each has a file with its SHA-256 next to it, see `hf_gradexplain.files.atomic_write`.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.files import atomic_write_text, checksum_line
from hf_gradexplain.viz.terminal import say

SUMS = "SHA256SUMS"
"""The file of all checksums, in the format of `sha256sum --check`."""

_FINISHED = (
    *("*.parquet", "README.md", "report.html", "report_pages/*", "results.json", "run.yaml"),
    *("figures/*", "model/*"),
)


def record_finished_files(output_dir: Path) -> None:
    """Write the SHA-256 of all files of a finished run, except its documents."""
    names = sorted({path.relative_to(output_dir).as_posix() for path in _finished(output_dir)})
    lines = "".join(checksum_line(output_dir / name, name) for name in names)
    atomic_write_text(output_dir / SUMS, _header(len(names)) + lines)


def changed_files(output_dir: Path) -> list[Path]:
    """Return the files that were changed or deleted after the run wrote them; none if no run has finished.

    If `SHA256SUMS` itself is damaged, it is one of the returned files.
    """
    record = output_dir / SUMS
    if not record.exists():
        return []
    header, *lines = record.read_text(encoding="utf-8", errors="replace").split("\n")
    entries = [re.fullmatch(r"[0-9a-f]{64}  (.+)", line) for line in lines[:-1]]
    whole = all(entries) and header + "\n" == _header(len(entries)) and lines[-1:] == [""]
    changed = [] if whole else [record]
    for line, entry in zip(lines, entries, strict=False):
        if entry is not None:
            path = output_dir / entry[1]
            if not path.is_file() or checksum_line(path, entry[1]) != line + "\n":
                changed.append(path)
    return changed


def check_finished_files(output_dir: Path) -> None:
    """Compare the files of an earlier run with `SHA256SUMS`, and print which of them will be written again.

    Raises:
        GradexplainError: A file of the model that the run trained has changed.
    """
    for path in changed_files(output_dir):
        if path.parent == output_dir / "model":
            raise GradexplainError(
                f"{path} is damaged, since its bytes do not have the SHA-256 in {SUMS}: delete {path.parent} and run "
                "the same command again, which trains the model again"
            )
        say(f"{path} was damaged or changed after the run: it will be written again")


def forget_finished_files(output_dir: Path) -> None:
    """Remove `SHA256SUMS` before files are written again, so that a killed run does not leave wrong checksums."""
    (output_dir / SUMS).unlink(missing_ok=True)


def _finished(output_dir: Path) -> Iterator[Path]:
    return (path for pattern in _FINISHED for path in output_dir.glob(pattern) if path.is_file())


def _header(n_files: int) -> str:
    return f"# {n_files} files of a finished run, without those of its documents\n"
