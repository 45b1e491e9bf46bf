"""The estimated cost of a run, as numbers and in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from hf_gradexplain.explanation.correlation import REFERENCE
from hf_gradexplain.viz.cell import cell_html
from hf_gradexplain.viz.sanitize import visible
from hf_gradexplain.viz.tables import join_words, text_table

TEN_MINUTES = 600

_STREAM_DOCUMENTS = 1000
"""The number of documents for which the cost of a stream is given, since its length is unknown."""


@dataclass(frozen=True)
class Estimate:
    """The estimated cost of a run; print it to read it in words.

    Attributes:
        documents: The number of documents; None for a stream.
        shards: The number of shards; None for a stream.
        forward: Forward passes per document over the whole text, including a pass for each copy whose gradient a method
            computes.
        backward: Backward passes, per document.
        masked: Masked copies per document, for each method that runs them, such as `loo`.
        sampled: The methods in `masked` that draw their copies at random. They run fewer copies if their scores are
            precise enough.
        curves: Forward passes per document for one removal curve.
        orders: The number of removal curves, each with another order of the document's units.
        bounds: Forward passes per document to search for the best and the worst order.
        saved: The names of the methods in `masked` whose passes a shortcut of the model class replaces. The name
            "curves" is added if a shortcut replaces the passes of removal curves.
        seconds: Seconds per document, in one process and for one masking baseline.
        cheaper: For each option `(name, value)` that makes the run cheaper, the share of the seconds that remains.
        measured: The number of documents on which the seconds were measured.
        memory: Bytes of memory that one process uses after these documents; on a GPU, its peak GPU memory.
        model: The name of the model's class.
        processes: The number of processes of the run.
        parts: What the run does in addition to evaluating its texts once.
    """

    documents: int | None
    shards: int | None
    forward: float
    backward: float
    masked: Mapping[str, float]
    sampled: frozenset[str]
    curves: float
    orders: int
    bounds: float
    saved: frozenset[str]
    seconds: float
    cheaper: Mapping[tuple[str, Any], float]
    measured: int
    memory: int
    model: str
    processes: int = 1
    parts: "tuple[Part, ...]" = ()

    @property
    def total_seconds(self) -> float:
        """Seconds of the whole run; for a stream, seconds of 1,000 documents."""
        return self._n * self._seconds_per_document / self.processes + self._fixed_seconds

    @property
    def copies(self) -> float:
        """Masked copies per document that no shortcut saves.

        The copy with all units removed, which all removal curves share, is not counted.
        """
        masked = sum(number for name, number in self.masked.items() if name not in self.saved)
        return masked + self.bounds + ("curves" not in self.saved) * self.orders * self.curves

    @property
    def _seconds_per_document(self) -> float:
        """Seconds per document, including the parts of the run that process all documents again."""
        return self.seconds + self._seconds_of_parts

    @property
    def _seconds_of_parts(self) -> float:
        """Seconds per document of the parts that process all documents again; no option in `cheaper` shortens them."""
        return sum(part.estimate.seconds for part in self.parts if part.of_all)

    @property
    def _fixed_seconds(self) -> float:
        """Seconds of the parts that do not depend on the number of documents."""
        return sum(part.seconds(self.processes) for part in self.parts if not part.of_all)

    @property
    def loo(self) -> float:
        """Forward passes for leave-one-out, per document; 0 if no method needs them."""
        return self.masked.get(REFERENCE, 0)

    @property
    def _n(self) -> int:
        return self.documents or _STREAM_DOCUMENTS

    def __repr__(self) -> str:
        return "\n".join(self.lines())

    def lines(self, *, flags: bool = False) -> list[str]:
        """Return the estimate as lines of text; see `in_words`."""
        words = self.in_words(flags=flags)
        width = max(15, *map(len, words)) + 1
        return [visible(f"{label:<{width}}{text}") for label, text in words.items()]

    def _repr_html_(self) -> str:
        words = self.in_words()
        table = text_table(pd.DataFrame({"what": [*words], "estimate": [*words.values()]}))
        return cell_html(title=f"What the evaluation of {self.model} would take", table=table)

    def in_words(self, *, flags: bool = False) -> dict[str, str]:
        """Return the estimate in words; for a stream, whose length is unknown, the cost of 1,000 documents.

        Args:
            flags: Whether to name options as flags of a command instead of arguments in Python.
        """
        n, saved = self._n, f" (saved by the shortcut of {self.model})"
        curves = f"{n * self.curves:,.0f} for each of {self.orders} orders"
        copies = {
            name: f"{'up to ' * (name in self.sampled)}{n * number:,.0f}" + (saved if name in self.saved else "")
            for name, number in self.masked.items()
        }
        return {
            "rows": f"{n:,}" if self.documents else f"unknown for a stream; the other numbers are for {n:,}",
            "shards": f"{self.shards:,}, about {_duration(n * self.seconds / self.shards)} each"
            if self.shards
            else "unknown for a stream",
            "processes": f"{self.processes}",
            "forward passes": f"{n * self.forward:,.0f} plain"
            + (f", and {n * self.backward:,.0f} backward" if self.backward else ""),
            "  leave-one-out": copies.pop(REFERENCE, "none"),
            **{f"  {name}": number for name, number in copies.items()},
            "  curves": curves + (saved if "curves" in self.saved else ""),
            "  bounds": f"about {n * self.bounds:,.0f}" if self.bounds else "none",
            **{part.name: part.in_words(self.processes) for part in self.parts},
            "time": f"about {_duration(self.total_seconds)}, at {_significant(self._seconds_per_document)} s per "
            "document" + (f" and {_duration(self._fixed_seconds)} for the other parts" if self._fixed_seconds else ""),
            "ten minutes": self._fitting(flags),
            "memory": f"about {self.memory / 2**20:,.0f} MiB per process",
            "measured on": f"{self.measured} document{'s' * (self.measured != 1)}",
        }

    def _fitting(self, flags: bool) -> str:
        """Return which options make the run fit into ten minutes.

        One choice is a sample of the documents. The others are a cheaper option, or leaving out the costliest method,
        with a sample if it is still needed. They are named if they allow for at least half as many documents again.
        """
        if self.total_seconds <= TEN_MINUTES:
            return "enough for the run"
        left = TEN_MINUTES - self._fixed_seconds
        if left <= 0:
            return f"not enough for {join_words([part.name for part in self.parts if not part.of_all])} alone"
        costliest = min(
            (option for option in self.cheaper if option[0] == "methods"), key=self.cheaper.__getitem__, default=None
        )
        choices = []
        for option, share in [(None, 1.0), *self.cheaper.items()]:
            sample = left * self.processes / (self.seconds * share + self._seconds_of_parts)
            large_enough = option is None or (share < 2 / 3 and (option[0] != "methods" or option == costliest))
            if sample >= 1 and large_enough:
                changed = () if option is None else (_spelt(*option, flags=flags),)
                size = () if sample >= self._n else (_sample_size(_round_down(sample), flags=flags),)
                choices.append((" " if flags else " and ").join((*changed, *size)))
        return f"enough with {', or '.join(choices)}" if choices else "not enough for one document"


@dataclass(frozen=True)
class Part:
    """A part of a run that comes in addition to evaluating its texts once.

    Attributes:
        name: The name of the part, such as `hybrid documents`, or `under deletion` for the texts with this mask.
        estimate: The estimated cost of one round of the part.
        rounds: The number of rounds.
        of_all: Whether the part processes all documents of the run again, so that a smaller sample makes it cheaper.
        shared: Whether the processes of the run share the work; otherwise one process does it.
    """

    name: str
    estimate: Estimate
    rounds: int = 1
    of_all: bool = False
    shared: bool = True

    def seconds(self, processes: int) -> float:
        """Return the seconds that the part takes."""
        return self.rounds * self.estimate.total_seconds / (processes if self.shared else 1)

    def in_words(self, processes: int) -> str:
        """Return the passes and the time that the part adds to the run."""
        n, cost = self.rounds * self.estimate._n, self.estimate
        often = f"{self.estimate._n:,} texts, {self.rounds} times: " if self.rounds > 1 else ""
        passes = {"plain": cost.forward, "backward": cost.backward, "masked copies": cost.copies}
        counted = [f"{n * number:,.0f} {kind}" for kind, number in passes.items() if number]
        return f"{often}{', '.join(counted)} more, about {_duration(self.seconds(processes))}"


def _spelt(name: str, value: Any, *, flags: bool) -> str:
    """Return an option in the form in which it is given on the command line, or in Python.

    >>> _spelt("k_grid", (1, 2), flags=True), _spelt("k_grid", (1, 2), flags=False)
    ('--k_grid 1 2', 'k_grid=(1, 2)')
    """
    if not flags:
        return f"{name}={value!r}"
    return f"--{name} {' '.join(map(str, value)) if isinstance(value, tuple) else str(value).lower()}"


def _sample_size(number: int, *, flags: bool) -> str:
    return f"--max_samples {number}" if flags else f"{number:,} text{'s' * (number != 1)}"


def _round_down(number: float) -> int:
    """Round a number down to two significant digits."""
    unit = 10 ** max(len(str(int(number))) - 2, 0)
    return int(number) // unit * unit


def _significant(number: float) -> str:
    """Return a number with two significant digits, never as a power of ten."""
    return np.format_float_positional(number, precision=2, fractional=False, trim="-")


def _duration(seconds: float) -> str:
    for size, name in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:,.1f} {name}"
    return f"{seconds:,.0f} s" if seconds >= 1 else "a second"
