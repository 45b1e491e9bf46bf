"""The table in docs/architectures.md; `python -m tests.architectures.table` writes it anew."""

import os
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path

import torch
from transformers.utils import logging

from tests.architectures.measure import TOLERANCE, Subject
from tests.architectures.zoo import MODEL_TYPES

PAGE = Path(__file__).parents[2] / "docs" / "architectures.md"

HEAD = """# Every architecture behind `AutoModelForSequenceClassification`

A tiny random model of every architecture, the three of this package among them, is held against the model itself, in
float64 and without hooks:

- **gradient**: the gradient behind every method equals the differences of the embedding table, along four directions;
- **leave-one-out**: equals the model with the word's rows of the table set to zero, wherever it reads them;
- **batch**: every text gets in a batch of mixed lengths what it gets alone.

"Yes" means a relative error of at most 1e-8. Texts come with segment ids where the model takes any. The column
**captum** says the same of the gradient times input of every token by captum's `LayerGradientXActivation` on
`model.get_input_embeddings()`, for one text alone, without segment ids; where it raised an error, that is named.

"""

FOOT = """
**Read twice**: the decoder reads the words once more, shifted by the number of tokens given. **Equal lengths**: padding
was seen to change the answers, or cannot be tried for want of a pad token, so that only texts of one length share a
batch. **Length ignored**: the model normalises its word vectors before anything else, so that `signed_gi` from zero is
rounding noise; choose `baseline="mean"`. **Forward pass of ...**: that function's own backward pass is not trusted, and
its forward pass is differentiated.

Made with {versions} by `python -m tests.architectures.table`; a slow test holds every row against a new measurement.
"""


def remarks(subject: Subject) -> Iterator[str]:
    """What is unusual about an architecture, as the package found it."""
    profile = subject.explainer.profile
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
    if not profile.pads:
        yield "equal lengths"
    if not profile.zero_baseline:
        yield "length ignored"
    if profile.alignment != profile.alignment:
        yield "no word reaches the class without its CUDA kernel"


def row(model_type: str) -> str:
    """One line of the table."""
    subject = Subject.of(model_type)
    errors = subject.errors()
    cells = [
        f"`{model_type}`",
        *("yes" if error <= TOLERANCE else "**no**" for error in (errors.gradient, errors.leave_one_out, errors.batch)),
        subject.captum(),
        "; ".join(remarks(subject)),
    ]
    return f"| {' | '.join(cells)} |"


def page() -> str:
    """The whole page."""
    with ProcessPoolExecutor(os.cpu_count(), initializer=_quiet) as pool:
        rows = list(pool.map(row, MODEL_TYPES))
    columns = ["architecture", "gradient", "leave-one-out", "batch", "captum", "remarks"]
    header = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    versions = ", ".join(f"{name} {version(name)}" for name in ("transformers", "torch", "captum"))
    return HEAD + "\n".join([*header, *rows]) + "\n" + FOOT.format(versions=versions)


def _quiet() -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.set_verbosity_error()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
