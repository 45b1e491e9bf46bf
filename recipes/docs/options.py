"""Write docs/options.md: the options with their defaults and help texts, from `hf_gradexplain.options`."""

from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

from hf_gradexplain.files import atomic_write_text
from hf_gradexplain.options import Options
from hf_gradexplain.options.arguments import (
    AuditArguments,
    HubArguments,
    LoadArguments,
    MeasureArguments,
    SplitArguments,
    ZeroShotArguments,
)
from hf_gradexplain.options.fields import choices_of

GROUPS = {
    "How to explain": Options,
    "Model": LoadArguments,
    "Dataset": SplitArguments,
    "Zero-shot classification": ZeroShotArguments,
    "What to measure": MeasureArguments,
    "What to audit": AuditArguments,
    "Hub": HubArguments,
}
"""The dataclasses by the headings of the page; an option is listed under the first dataclass that has it."""

HEAD = """\
# Options

Options are flags of the command line (`--unit token`) and keys of YAML files (`unit: token`). `--help` of a command
lists the flags that it takes. In Python, the options of "How to explain" are arguments of an explainer, as in
`explainer(text, unit="token")`. `explainer.evaluate` takes them as well, except those of the self-check and of
`target="all"`. It also takes the options of "What to measure" and "What to audit", except the names of columns.

Some defaults differ:

- `hf-gradexplain evaluate`: the seven methods of Du & Xu, `unit=word_type` and `target=label`
- `explainer` and `explainer.evaluate`, if `labels` are given: `target=label`
- `explainer.evaluate`: the methods `auto`, `loo` and `random`
- `recipes/explain.py`: the methods `auto` and `loo`, and 20 texts
"""


def write_options(folder: Path) -> list[Path]:
    """Write the page into a folder, and return its file."""
    path = folder / "options.md"
    atomic_write_text(path, options_page())
    return [path]


def options_page() -> str:
    """Return the page as Markdown."""
    parts, listed = [HEAD], set[str]()
    for heading, group in GROUPS.items():
        rows = [part for part in fields(group) if part.name not in listed]
        listed |= {part.name for part in rows}
        parts.append(f"## {heading}\n\n| option | default | meaning |\n|---|---|---|\n" + "".join(map(_row, rows)))
    return "\n".join(parts)


def _row(part: Field[Any]) -> str:
    default = "" if part.default in (MISSING, None, ()) else f"`{_plain(part.default)}`"
    choices = ", ".join(f"`{choice}`" for choice in choices_of(part))
    meaning = part.metadata["help"] + (f" One of {choices}." if choices else "")
    return f"| `{part.name}` | {default} | {meaning} |\n"


def _plain(value: Any) -> str:
    """Return the value as it is written on the command line."""
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
