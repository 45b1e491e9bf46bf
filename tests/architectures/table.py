"""Write docs/architectures.md: `python -m tests.architectures.table` measures this package and renders the page."""

import json
import os
import sys
import tomllib
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path

import torch
from transformers.utils import logging

from hf_gradexplain.models import MODELS
from tests.architectures.measure import TOLERANCE, ArchitectureCase, Nodes
from tests.architectures.zoo import MODEL_TYPES

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architectures.md"
PEERS = json.loads((ROOT / "benchmarks" / "peers" / "results.json").read_text(encoding="utf-8"))
"""Stored results of other tools on the same models, by the names of their distributions; see benchmarks/peers."""

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

BOUNDS = (1e-14, 1e-12, 1e-9)
"""Bounds of the error of conservation."""

OURS = [config.model_type for config in MODELS]
"""The architectures of this package, which the summary does not count."""

HEAD = """# Every architecture of `AutoModelForSequenceClassification`

This package's scores are checked against the plain model (finite differences, changed rows of the embedding table), on
a tiny random model of every architecture, in float64. The verified scores are then the reference for the other tools.

## Summary

{summary}

- **Right on one text**: the score of every token equals the true value, with a relative error of at most 1e-8. The true
  value may be that of the text with or without the tokenizer's segment ids. For transformers-interpret, which divides
  its scores by their norm, right means a cosine of at least 1 - 1e-8 with the true values.
- **Other input**: the scores are right only for other segment or position ids, which the tool itself gave to the model.
- **Same in a batch**: four texts of three lengths get the same scores in one batch as alone; whether these are right
  does not count here. A dash means that the tool takes one text at a time. For all tools except this package, a model
  without a pad token, or with its end token as pad token, gets another pad token. This package puts only texts of
  equal length in a batch if there is no pad token or padding changes the model's results. interpreto ran with four
  texts a batch; with `batch_size=1` the scores are the same as for each text alone.

The three architectures of this package are not counted here.

The plain model has no hooks: gradients are checked by finite differences in the embedding table, leave-one-out by
changed rows of it. The verified scores of this package are the true values for the other tools. Each tool is compared
with the true value of the quantity that it computes:

{calls}

inseq is made for models that generate text, so it is no defect that it refuses classifiers. Each tool was measured with
torch {torch} in its own environment; `benchmarks/peers/README.md` has the commands.

## All architectures

- **gradient**: the gradient, which all gradient methods use, equals finite differences in the embedding table, along
  four directions.
- **leave-one-out**: the score equals the effect of setting the word's rows of the embedding table to zero, in every
  lookup of the model.
- **batch**: every text gets the same scores alone and in a batch with texts of other lengths, by gradients,
  leave-one-out, `attn_lrp` and `cp_lrp`.
- **conserved**, **recomputed**: relevance propagation, see below.

"Yes" means a relative error of at most 1e-8. Texts have segment ids if the model takes them. The other tools, except
inseq, which refuses every architecture, have two columns, **alone** and **batch**, or only the first. If a tool raised
an error, its class is shown. The remarks are explained below the table.

"""

FOOT = """
- **Looked up twice**: the decoder looks the words up again, shifted by the given number of tokens.
- **2 tables**, **8 tables**: the model has several embedding tables.
- **Time-major**: the embedding output is `(T, B, D)` instead of `(B, T, D)`.
- **Equal lengths**: padding changes the model's results, or there is no pad token, so only texts of equal length share
  a batch.
- **Normalised embeddings**: the model normalises its word vectors first, so `signed_gi` with the zero baseline is
  rounding noise; the default baseline of this method is the mean word vector.
- **Forward pass of ...**: the backward pass of this custom autograd function is not trusted; its forward pass is
  differentiated instead.
- **No influence of words without its CUDA kernel**: without the kernel, the results do not depend on the words.
- **Shared prefixes**: the model is causal, and leave-one-out computes what stands before a word once for all masked
  copies of a long text, see [shortcuts](write-a-shortcut.md#causal-models). The logits are those of full copies, up to
  a relative error of 1e-12.

## Relevance propagation

{propagation} What `attn_lrp`, `cp_lrp` and
`gi_detached` should return is defined by their rules. `tests/propagation` compares each rule with its equation, and the
relevances of small transformers with those of code written by hand. On every architecture, two columns check that the
rules are applied to the operations that they are made for:

- **conserved**: under `cp_lrp`, the relevances of the words and of all constants that the model adds, such as biases
  and positions, sum to the logit. The column has a bound of the error, relative to the sum of the absolute
  relevances. If an operation loses relevance, alone or inside a fused operation, the sum is wrong. Relevance is not
  conserved under `attn_lrp`, because of the softmax, nor under `gi_detached`.
- **recomputed**: rules that compute the ordinary derivative, from what each node saved in the forward pass, give the
  ordinary gradient, up to a relative error of 1e-12. Without rules, the gradient is the ordinary one bit for bit, also
  after passes with rules through the same graph.

The models use the kind of attention that transformers chooses by default. Their graphs have the following operations.
An operation that is in no table of `hf_gradexplain/propagation/nodes.py` is refused by name.

{nodes}

Made with {versions} by `python -m tests.architectures.table`, which measures
this package again and takes the stored results of the other tools. A slow test compares this package's columns with a
new measurement.
"""


def remarks(case: ArchitectureCase) -> Iterator[str]:
    """Yield what is unusual about an architecture, from the profile of its model."""
    profile = case.explainer.profile
    lookups = profile.lookups
    later = [lookup for lookup in lookups if lookup.table in {x.table for x in lookups[: lookups.index(lookup)]}]
    shifts = sorted({lookup.shift for lookup in lookups if lookup.shift})
    if later or shifts:
        yield "looked up twice" + "".join(f", {shift:+d}" for shift in shifts)
    if (tables := len({lookup.table for lookup in lookups})) > 1:
        yield f"{tables} tables"
    if any(lookup.time_major for lookup in lookups):
        yield "time-major"
    if profile.followed_functions:
        yield "forward pass of " + ", ".join(f"`{cls.__name__}`" for cls in sorted(profile.followed_functions, key=str))
    if not profile.padding_safe:
        yield "equal lengths"
    if not profile.zero_baseline_works:
        yield "normalised embeddings"
    if profile.gradient_embedding_cosine != profile.gradient_embedding_cosine:
        yield "no influence of words without its CUDA kernel"
    if profile.shares_prefixes:
        yield "shared prefixes"


def measured(model_type: str) -> tuple[str, Nodes]:
    """Measure an architecture; return its row of the second table, and its nodes."""
    case = ArchitectureCase.of(model_type)
    return row(model_type, case), case.nodes()


def row(model_type: str, case: ArchitectureCase) -> str:
    """Measure an architecture and return its row of the second table."""
    errors = case.errors()
    verdicts = [_yes(error, TOLERANCE) for error in (errors.gradient, errors.leave_one_out, errors.batch)]
    propagation = [_conserved(case, errors.conservation), _yes(errors.recomputed, 1e-12)]
    return _line([f"`{model_type}`", *verdicts, *propagation, *peer_cells(model_type), "; ".join(remarks(case))])


def _yes(error: float, tolerance: float) -> str:
    return "yes" if error <= tolerance else "**no**"


def _conserved(case: ArchitectureCase, error: float) -> str:
    """Return a bound of the error, or why propagation is refused."""
    profile = case.explainer.profile
    if profile.propagation is None or profile.propagation.refusal:
        return (profile.no_gradient_reason or profile.propagation.refusal).partition(":")[0]
    return next((f"{bound:.0e}" for bound in BOUNDS if error <= bound), "**no**")


def peer_columns() -> dict[str, list[int]]:
    """Return the tools that were right at least once, and their columns: 0 for alone, 1 for in a batch."""
    columns = {name: [i for i in (0, 1) if any(x[i] for x in part["rows"].values())] for name, part in PEERS.items()}
    return {name: numbers for name, numbers in columns.items() if _counts(name, 0)["yes"]}


def peer_cells(model_type: str) -> list[str]:
    """Return the other tools' verdicts on an architecture; a dash if it was not measured."""
    return [
        _cell(PEERS[name]["rows"].get(model_type, ("-", "-"))[i])
        for name, columns in peer_columns().items()
        for i in columns
    ]


def summary(verdicts: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the first table, from this package's columns of the second: gradient, leave-one-out, batch."""
    yield from _header(
        ["tool", "version", "transformers", "right on one text", "other input", "wrong", "error", "same in a batch"]
    )
    n = len(MODEL_TYPES) - len(OURS)
    right, same = sum(x[0] == x[1] == "yes" for x in verdicts), sum(x[2] == "yes" for x in verdicts)
    ours = [f"{right} of {n}", "0", str(n - right), "0", f"{same} of {n}"]
    yield _line(["**hf_gradexplain**", VERSION, version("transformers"), *ours])
    for name, part in PEERS.items():
        alone, batch = _counts(name, 0), _counts(name, 1)
        errors = alone.total() - alone["yes"] - alone["other input"] - alone["no"]
        same_in_batch = f"{batch['yes']} of {n}" if batch.total() else "-"
        counts = [f"{alone['yes']} of {n}", *(str(alone[x]) for x in ("other input", "no")), str(errors)]
        yield _line([name, *(part["versions"][x] for x in (name, "transformers")), *counts, same_in_batch])


def _counts(name: str, i: int) -> Counter[str]:
    """Count the verdicts of a tool, alone (0) or in a batch (1)."""
    return Counter(x[i] for model_type, x in PEERS[name]["rows"].items() if model_type not in OURS and x[i])


def _cell(verdict: str) -> str:
    return f"`{verdict}`" if verdict.endswith(("Error", "Exception")) else verdict


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _header(columns: Sequence[str]) -> list[str]:
    return [_line(columns), f"|{'---|' * len(columns)}"]


def page() -> str:
    """Measure every architecture and return the page."""
    with ProcessPoolExecutor(os.cpu_count(), initializer=_quiet) as pool:
        rows, nodes = zip(*pool.map(measured, MODEL_TYPES), strict=True)
        return render(rows, node_rows(nodes))


def node_rows(nodes: Iterable[Nodes]) -> list[str]:
    """Return the rows of the table of operations, from the nodes of each architecture."""
    counts = Counter(node for of_one in nodes for node in of_one)
    return [_line([f"`{name}`", kind, str(counts[name, kind])]) for name, kind in sorted(counts)]


def render(rows: Sequence[str], node_lines: Sequence[str]) -> str:
    """Return the page with these rows of its second and third table."""
    names = [f"{name}{', batch' if i else ', alone'}" for name, columns in peer_columns().items() for i in columns]
    columns = ["architecture", "gradient", "leave-one-out", "batch", "conserved", "recomputed", *names, "remarks"]
    verdicts = [cells(line)[1:4] for line in rows if cells(line)[0].strip("`") not in OURS]
    head = HEAD.format(
        summary="\n".join(summary(verdicts)),
        calls="\n".join(f"- {name}: {part['scores']}, by {part['call']}" for name, part in PEERS.items()),
        torch=", ".join(sorted({part["versions"]["torch"] for part in PEERS.values()})),
    )
    versions = ", ".join(f"{name} {version(name).partition('+')[0]}" for name in ("transformers", "torch"))
    foot = FOOT.format(
        propagation=_propagation(rows),
        nodes="\n".join([*_header(["node", "kind", "architectures"]), *node_lines]),
        versions=versions,
    )
    return head + "\n".join([*_header(columns), *rows]) + "\n" + foot


def _propagation(rows: Sequence[str]) -> str:
    """Return a sentence that counts the architectures on which relevance propagation runs and is conserved."""
    conserved = [cells(line)[4] for line in rows]
    runs = [cell for cell in conserved if cell == "**no**" or cell in [f"{bound:.0e}" for bound in BOUNDS]]
    n = len(runs) - runs.count("**no**")
    return f"It runs on {len(runs)} of {len(rows)} architectures; under `cp_lrp`, {n} of them conserve relevance."


def cells(line: str) -> list[str]:
    """Return the cells of a row of a table."""
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _quiet() -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.set_verbosity_error()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
