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

This page compares the scores of this package and of five other tools with true values. Each architecture is tested with
a tiny model in float64 with random weights. The true values are computed by running the plain model, without hooks:
gradients by finite differences in the embedding table, leave-one-out by setting rows of this table to zero. On an
architecture on which this package's scores equal the true values, the scores of the other tools are compared with those
of this package.

## Summary

{summary}

- **Right on one text**: the score of every token equals the true value, with a relative error of at most 1e-8. Scores
  for the input with the tokenizer's segment ids and scores for the input without them both count as right.
  transformers-interpret divides its scores by their norm. Its scores are right if their cosine with the true values is
  at least 1 - 1e-8.
- **Other input**: the tool gave the model segment or position ids of its own, and its scores are right only for this
  input.
- **Wrong**: the tool returned scores that are not right.
- **Error**: the tool raised an exception.
- **Same in a batch**: four texts of three lengths get the same scores in one batch as alone, even if these scores are
  wrong. A dash means that the tool takes one text at a time. interpreto ran with four texts per batch; with
  `batch_size=1` its scores are those of each text alone.

For the other tools, a model got a new pad token if it had none, or if its pad token was its end token. This package
does not need a new pad token. If there is no pad token, or padding changes the model's results, this package puts only
texts of equal length in a batch.

The table counts the architectures of transformers. FastText, TextCNN and BiLSTM, which this package adds, are only in
the table of all architectures. Each tool is compared with the true value of the quantity that it computes:

{calls}

inseq explains models that generate text, so it is no defect that it refuses classifiers. Each tool was measured in its
own environment with torch {torch}; [benchmarks/peers](../benchmarks/peers/README.md) has the commands.

## All architectures

- **gradient**: the gradient that all gradient methods use equals finite differences in the embedding table, along four
  directions.
- **leave-one-out**: the score equals the fall of the logit when the word's rows of the embedding table are set to zero
  in every lookup of the model.
- **batch**: every text gets the same scores alone and in a batch with texts of other lengths. This is checked for
  gradients, leave-one-out, `attn_lrp` and `cp_lrp`.
- **conserved**, **recomputed**: two checks of [relevance propagation](#relevance-propagation).
- **alone**, **batch** of another tool: whether its scores are right on one text, and the same in a batch. inseq has no
  column, because it refuses every architecture. A name such as `KeyError` is the exception that the tool raised.

"Yes" means a relative error of at most 1e-8 (1e-12 for *recomputed*). Texts have segment ids if the model takes them.
The remarks are explained below the table.

"""

FOOT = """
- **Looked up twice**: encoder and decoder both look up the words. In the decoder, the words are shifted by the given
  number of tokens.
- **2 tables**, **8 tables**: the model has several embedding tables.
- **Time-major**: the embedding output is `(T, B, D)` instead of `(B, T, D)`.
- **Equal lengths**: padding changes the model's results, or there is no pad token, so only texts of equal length share
  a batch.
- **Normalised embeddings**: the model first normalises its word vectors. With the zero baseline, the scores of
  `signed_gi` would be rounding noise, so the default baseline of `signed_gi` on these models is the mean word vector.
- **Forward pass of ...**: the model uses this custom autograd function, whose own backward pass may differ from the
  gradient of its forward pass. This package computes the gradient of the forward pass instead.
- **No influence of words without its CUDA kernel**: without the kernel, the results do not depend on the words.
- **Shared prefixes**: the model is causal, so masking a word does not change what the model computes for earlier words.
  On long texts, leave-one-out therefore computes the common beginning of the masked copies only once
  ([shortcuts](write-a-shortcut.md#causal-models)). The logits equal those of complete runs of the masked copies, up to
  a relative error of 1e-12.

## Relevance propagation

{propagation}

The methods `attn_lrp`, `cp_lrp` and `gi_detached` are defined by a rule for each kind of operation. `tests/propagation`
compares each rule with its equation, and the scores of small transformers with those of separate NumPy code. Two
columns of the table above check, on every architecture, that each operation gets the rule that is meant for it:

- **conserved**: with the rules of `cp_lrp`, the relevances of the words and of all constants that the model adds, such
  as biases and positions, sum to the logit. The column has an upper bound of the error, relative to the sum of the
  absolute relevances. If an operation lost relevance, alone or inside a fused operation, the sum would be wrong.
  `attn_lrp` and `gi_detached` are not checked, because they do not conserve relevance.
- **recomputed**: this check replaces the rule of every node by one that computes the ordinary derivative from the
  values that the node saved in the forward pass. The result equals the ordinary gradient up to a relative error of
  1e-12. A backward pass without rules gives the ordinary gradient bit for bit, even after passes with rules through the
  same graph.

The models use the attention implementation that transformers chooses by default. The table lists the operations in
their autograd graphs, and the number of architectures with each operation. Relevance propagation refuses a model with
an operation that is in no table of `hf_gradexplain/propagation/nodes.py`, and the error names the operation.

{nodes}

Made with {versions} by `python -m tests.architectures.table`. The command
measures this package again, and reads the results of the other tools from `benchmarks/peers/results.json`. A slow test
compares this package's columns with a new measurement.
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
    return (
        f"Relevance propagation runs on {len(runs)} of {len(rows)} architectures, those of this package included. "
        f"With the rules of `cp_lrp`, {n}\nof them conserve relevance."
    )


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
