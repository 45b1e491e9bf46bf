"""Compare the evidence in a file with the evidence of the same run, or of a run that repeats it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from hf_gradexplain.audit.evidence.evidence import FORMAT
from hf_gradexplain.errors import one_line, translate_errors
from hf_gradexplain.run.evaluation import Evaluation
from hf_gradexplain.run.evidence import evidence

Verdict = Literal["agrees", "differs", "may differ"]

MAY_DIFFER = ("software", "this_run")
"""The parts that differ if the run was repeated elsewhere, or at another time."""

GROUPS = ("hashes", *MAY_DIFFER)
"""The parts whose entries are compared one by one."""

_MISSING = object()
"""Stands for the value of a key that a record does not have; the value of a key that it has may be None."""


@dataclass(frozen=True)
class Agreement:
    """How a part of the evidence in a file compares with the run.

    Attributes:
        part: The part: a key of the JSON, or `hashes: text`.
        verdict: `agrees`, `differs`, or `may differ` for a difference that is expected if the run was repeated.
        detail: The difference in words; empty if there is no difference.
    """

    part: str
    verdict: Verdict
    detail: str = ""


def verify_evidence(file: str | PathLike[str], run: str | PathLike[str] | Evaluation) -> list[Agreement]:
    """Make the evidence of a file again from a run, and return which parts agree.

    Hashes, numbers and sentences are compared. Only the contact is not: it is taken from the file.

    Args:
        file: A JSON file that `hf-gradexplain evidence` wrote.
        run: The run, or a run that repeats it with its `run.yaml`.

    Raises:
        GradexplainError: The file has no evidence, or the run has no such text or method.
    """

    def explain(error: Exception) -> str:
        return f"cannot read {file} ({one_line(error, 200)}): give a JSON file that `hf-gradexplain evidence` wrote"

    with translate_errors(explain, OSError, ValueError, RecursionError):
        stored = json.loads(Path(file).read_text(encoding="utf-8"))
        if not isinstance(stored, dict) or stored.get("format") != FORMAT:
            raise ValueError(f"its format is not {FORMAT!r}")
        number, method, contact = (stored.get(name) for name in ("id", "method", "contact"))
        if not (isinstance(number, int) and isinstance(method, str) and isinstance(contact, str)):
            raise ValueError("it lacks id, method or contact")
    made = json.loads(evidence(run, number, method, contact=contact).to_json())
    return [_compare(part, before, now) for part, before, now in _parts(stored, made)]


def _parts(stored: Mapping[str, Any], made: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield each part with its value in both records: the hashes one by one, and every other key."""
    for key in {**made, **stored}:
        before, now = stored.get(key, _MISSING), made.get(key, _MISSING)
        if key in GROUPS and isinstance(before, dict) and isinstance(now, dict):
            for name in {**now, **before}:
                yield f"{key}: {name}", before.get(name, _MISSING), now.get(name, _MISSING)
        else:
            yield key, before, now


def _compare(part: str, before: Any, now: Any) -> Agreement:
    if before == now:
        return Agreement(part, "agrees")
    verdict: Verdict = "may differ" if part.partition(":")[0] in MAY_DIFFER else "differs"
    return Agreement(part, verdict, _detail(before, now))


def _detail(before: Any, now: Any) -> str:
    """Return a difference in words: both values if they are short, otherwise the place of the first difference."""
    if before is _MISSING or now is _MISSING:
        return f"only in the {'run' if before is _MISSING else 'file'}"
    if isinstance(before, dict) and isinstance(now, dict):
        pairs = {key: (before.get(key, _MISSING), now.get(key, _MISSING)) for key in {**now, **before}}
        key, pair = next((key, pair) for key, pair in pairs.items() if pair[0] != pair[1])
        return f"{key}: {_detail(*pair)}"
    if isinstance(before, list) and isinstance(now, list):
        if len(before) != len(now):
            entries = "entry" if len(before) == 1 else "entries"
            return f"{len(before)} {entries} in the file, {len(now)} in the run"
        number = next(n for n, pair in enumerate(zip(before, now, strict=True)) if pair[0] != pair[1])
        return f"entry {number + 1}: {_detail(before[number], now[number])}"
    return f"{_short(before)} in the file, {_short(now)} in the run"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 24 else f"{text[:16]}..."
