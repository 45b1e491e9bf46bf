"""Mutants that change nothing that anyone could observe: they are listed in `equivalent.yaml`."""

from pathlib import Path

import yaml

_GROUPS = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))

EQUIVALENT: dict[tuple[str, str, str], str] = {
    (f"hf_gradexplain/{mutant['path']}", mutant["line"], mutant["mutant"]): group["reason"]
    for group in _GROUPS
    for mutant in group["mutants"]
}
"""By path below the repository, the line without its indentation, and the mutated line: the reason."""
