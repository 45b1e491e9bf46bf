"""The tables in docs/architectures.md; `python -m tests.architectures.table` writes them anew."""

import json
import os
import sys
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path

import torch
from transformers.utils import logging

from hf_gradexplain.models import MODELS
from tests.architectures.measure import TOLERANCE, ArchitectureCase
from tests.architectures.zoo import MODEL_TYPES

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architectures.md"
PEERS = json.loads((ROOT / "benchmarks" / "peers" / "results.json").read_text(encoding="utf-8"))
"""What other tools said of the same models, by the names of their distributions; see benchmarks/peers."""

OURS = [config.model_type for config in MODELS]
"""The architectures that transformers does not have; the summary leaves them out."""

HEAD = """# Every architecture behind `AutoModelForSequenceClassification`

A tiny random model of every architecture, in float64, explained by this package and by other tools.

## In short

{summary}

**Right on one text**: every token's score equals the true value to 1e-8 relative. **Same in a batch**: four texts, of
three lengths, get in one batch what each gets alone, right or not; a dash where a tool takes one text at a time. Models
without a pad token of their own are given one. interpreto goes back to a text at a time with `batch_size=1`, and this
package puts texts of equal length together where padding changes the answer. The three architectures of this package
are not counted here.

The true value is this package's, which is held against the model itself, without hooks; so every tool is asked for
what it computes:

{calls}

Right with the tokenizer's segment ids counts, and so does right without them. **Other input**: right, but of segment
or position ids other than those that the model gets from its tokenizer. inseq is made for models that generate text;
that it refuses classifiers is no fault. Each tool was measured with torch {torch} in an environment of its own;
`benchmarks/peers/README.md` holds the commands.

## Every one

- **gradient**: the gradient behind every method equals the differences of the embedding table, along four directions;
- **leave-one-out**: equals the model with the word's rows of the table set to zero, wherever it reads them;
- **batch**: every text gets in a batch of mixed lengths what it gets alone.

"Yes" means a relative error of at most 1e-8. Texts come with segment ids where the model takes any. The other tools
have two columns, **alone** and **batch**, or the first only; where a tool raised an error, that is named.

"""

FOOT = """
**Read twice**: the decoder reads the words once more, shifted by the number of tokens given. **Equal lengths**: padding
was seen to change the answers, or cannot be tried for want of a pad token, so that only texts of one length share a
batch. **Length ignored**: the model normalises its word vectors before anything else, so that `signed_gi` from zero is
rounding noise; choose `baseline="mean"`. **Forward pass of ...**: that function's own backward pass is not trusted, and
its forward pass is differentiated.

Made with {versions} by `python -m tests.architectures.table` from a new measurement of this package and the stored ones
of the others; a slow test holds this package's columns against a new measurement.
"""


def remarks(case: ArchitectureCase) -> Iterator[str]:
    """What is unusual about an architecture, as the package found it."""
    profile = case.explainer.profile
    lookups = profile.lookups
    later = [lookup for lookup in lookups if lookup.table in {x.table for x in lookups[: lookups.index(lookup)]}]
    shifts = sorted({lookup.shift for lookup in lookups if lookup.shift})
    if later or shifts:
        yield "read twice" + "".join(f", {shift:+d}" for shift in shifts)
    if (tables := len({lookup.table for lookup in lookups})) > 1:
        yield f"{tables} tables"
    if any(lookup.time_major for lookup in lookups):
        yield "time-major"
    if profile.follow:
        yield "forward pass of " + ", ".join(f"`{cls.__name__}`" for cls in sorted(profile.follow, key=str))
    if not profile.padding_safe:
        yield "equal lengths"
    if not profile.zero_baseline_works:
        yield "length ignored"
    if profile.gradient_embedding_cosine != profile.gradient_embedding_cosine:
        yield "no word reaches the class without its CUDA kernel"


def row(model_type: str) -> str:
    """One line of the table."""
    case = ArchitectureCase.of(model_type)
    errors = case.errors()
    found = (errors.gradient, errors.leave_one_out, errors.batch)
    own = ["yes" if error <= TOLERANCE else "**no**" for error in found]
    return _line([f"`{model_type}`", *own, *peer_cells(model_type), "; ".join(remarks(case))])


def shown() -> dict[str, list[int]]:
    """The tools that have columns, those that were ever right, and which of their verdicts: alone, in a batch."""
    columns = {name: [i for i in (0, 1) if any(x[i] for x in part["rows"].values())] for name, part in PEERS.items()}
    return {name: found for name, found in columns.items() if _counts(name, 0)["yes"]}


def peer_cells(model_type: str) -> list[str]:
    """What the other tools said of an architecture; a dash where that was not measured."""
    return [
        _cell(PEERS[name]["rows"].get(model_type, ("-", "-"))[i]) for name, columns in shown().items() for i in columns
    ]


def summary(own: Sequence[Sequence[str]]) -> Iterator[str]:
    """The first table, from this package's columns of the second: gradient, leave-one-out, batch."""
    yield from _header(
        ["tool", "version", "transformers", "right on one text", "other input", "wrong", "error", "same in a batch"]
    )
    n = len(MODEL_TYPES) - len(OURS)
    right, same = sum(x[0] == x[1] == "yes" for x in own), sum(x[2] == "yes" for x in own)
    ours = [f"{right} of {n}", "0", str(n - right), "0", f"{same} of {n}"]
    yield _line(["**hf_gradexplain**", version("hf_gradexplain"), version("transformers"), *ours])
    for name, part in PEERS.items():
        alone, batch = _counts(name, 0), _counts(name, 1)
        errors = alone.total() - alone["yes"] - alone["other input"] - alone["no"]
        same_in_batch = f"{batch['yes']} of {n}" if batch.total() else "-"
        counts = [f"{alone['yes']} of {n}", *(str(alone[x]) for x in ("other input", "no")), str(errors)]
        yield _line([name, *(part["versions"][x] for x in (name, "transformers")), *counts, same_in_batch])


def _counts(name: str, i: int) -> Counter[str]:
    """How often a tool got which verdict, alone (0) or in a batch (1)."""
    return Counter(x[i] for model_type, x in PEERS[name]["rows"].items() if model_type not in OURS and x[i])


def _cell(verdict: str) -> str:
    return f"`{verdict}`" if verdict.endswith(("Error", "Exception")) else verdict


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _header(columns: Sequence[str]) -> list[str]:
    return [_line(columns), f"|{'---|' * len(columns)}"]


def page() -> str:
    """The whole page."""
    with ProcessPoolExecutor(os.cpu_count(), initializer=_quiet) as pool:
        return render(list(pool.map(row, MODEL_TYPES)))


def render(rows: Sequence[str]) -> str:
    """The page around the lines of its second table."""
    names = [f"{name}{', batch' if i else ', alone'}" for name, columns in shown().items() for i in columns]
    columns = ["architecture", "gradient", "leave-one-out", "batch", *names, "remarks"]
    own = [cells(line)[1:4] for line in rows if cells(line)[0].strip("`") not in OURS]
    head = HEAD.format(
        summary="\n".join(summary(own)),
        calls="\n".join(f"- {name}: {part['scores']}, by {part['call']}" for name, part in PEERS.items()),
        torch=", ".join(sorted({part["versions"]["torch"] for part in PEERS.values()})),
    )
    versions = ", ".join(f"{name} {version(name).partition('+')[0]}" for name in ("transformers", "torch"))
    return head + "\n".join([*_header(columns), *rows]) + "\n" + FOOT.format(versions=versions)


def cells(line: str) -> list[str]:
    """What stands in a line of a table."""
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _quiet() -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.set_verbosity_error()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
