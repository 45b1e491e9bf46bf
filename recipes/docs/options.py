"""docs/options.md: every option with its default and its help text, from `hf_gradexplain.options`."""

from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

from hf_gradexplain.files import atomic_write_text
from hf_gradexplain.options import Options
from hf_gradexplain.options.arguments import HubArguments, MeasureArguments, ModelArguments, SplitArguments
from hf_gradexplain.options.fields import choices_of

GROUPS = {
    "How to explain": Options,
    "Model": ModelArguments,
    "Dataset": SplitArguments,
    "What to measure": MeasureArguments,
    "Hub": HubArguments,
}
"""The dataclasses by the headings of the page; an option stands under the first one that has it."""

HEAD = """\
# Options

Every option is a flag of the command line (`--unit token`) and a key of YAML files (`unit: token`). Those of the table
"How to explain" are also arguments in Python (`explainer(text, unit="token")`), and those of "What to measure", except
`compare_baselines`, are arguments of `explainer.evaluate`. `--help` of a command lists the flags that it takes.
`hf-gradexplain evaluate` has other defaults for three: the seven methods of Du & Xu, `unit=word_type` and
`target=label`. The default methods of `explainer.evaluate` are `auto`, `loo` and `random`; those of
`recipes/explain.py` are `auto` and `loo`, on 20 texts.
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
    """The value as it is written on the command line."""
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
