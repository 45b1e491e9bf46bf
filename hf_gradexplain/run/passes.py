"""How many passes over the model a document takes, and how many tokens they run."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy.stats import hypergeom

from hf_gradexplain.attribution.methods import select
from hf_gradexplain.attribution.sources import Source
from hf_gradexplain.evaluation.extra_measures import Measures
from hf_gradexplain.evaluation.naopc import search_size
from hf_gradexplain.evaluation.tables import SHORT_K
from hf_gradexplain.options import Options
from hf_gradexplain.perturb import Shortcut
from hf_gradexplain.text.data import NO_UNIT, Document

K_GRID = (1, 2, 3, 5, SHORT_K)
"""Numbers of removed words where the removal curves are exact in a cheaper run."""

FEW = 500
"""The largest number of masked copies of a text in a cheaper run, for methods that draw them at random."""

_COMPUTED = 100
"""The tokens of a copy are computed for at most this many numbers of removed units, since they vary smoothly."""


@dataclass(frozen=True)
class TextSize:
    """The size of a document.

    Attributes:
        units: The number of its units.
        tokens: The number of its tokens; for a document in windows, the sum over all windows.
        windows: The numbers of tokens and of units of each window; empty if the document is read as one sequence.
    """

    units: int
    tokens: int
    windows: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, document: Document) -> "TextSize":
        """Return the size of a document."""
        parts = [document.unit_of[part] for part in document.sequences] if document.sequence_of is not None else []
        windows = tuple((len(part), len(np.setdiff1d(part, [NO_UNIT]))) for part in parts)
        return cls(document.n_units, len(document), windows)

    def copy_tokens(self, removed: Sequence[int]) -> float:
        """Return how many tokens masked copies run, one copy for each of these numbers of removed units.

        For a copy of a document in windows, the model runs only on the windows that contain a removed unit. If `k` of
        `U` units are drawn at random, a window with `u` units contains one of them with the probability `1 - C(U - u,
        k) / C(U, k)`. For `k = 1`, the result is the mean over all units.
        """
        if not self.windows:
            return self.tokens * len(removed)
        if not len(removed):
            return 0.0
        some = np.array(removed)[np.unique(np.linspace(0, len(removed) - 1, _COMPUTED).astype(int))]
        untouched = [tokens * hypergeom.pmf(0, self.units, units, some).mean() for tokens, units in self.windows]
        return float(len(removed) * (self.tokens - sum(untouched)))

    @property
    def mean_copy(self) -> float:
        """The mean number of tokens of a copy without random units; their number is random, from 1 to `units - 1`."""
        return self.copy_tokens(range(1, self.units)) / (self.units - 1) if self.units > 1 else self.tokens


@dataclass(frozen=True)
class Passes:
    """The passes that a document takes.

    Attributes:
        options: How to explain.
        measures: What to measure.
        shortcut: The shortcut of the model class, which may save passes.
    """

    options: Options
    measures: Measures
    shortcut: Shortcut

    @cached_property
    def _sources(self) -> dict[Source, str]:
        """The sources of the methods, each with the name of the first method that uses it."""
        methods = select(self.options.methods, self.options)
        return {method.source: name for name, method in reversed(methods.items())}

    @property
    def _gradient_sources(self) -> list[Source]:
        return [source for source in self._sources if source.takes_gradients]

    @property
    def masking(self) -> dict[str, Source]:
        """The sources that run masked copies, by method."""
        named = {name: source for source, name in self._sources.items() if source.masks}
        return {name: named[name] for name in self.options.methods if name in named}

    def forward(self, units: int) -> float:
        """Return the forward passes over the whole text."""
        return 1 + sum(source.passes(units) for source in self._gradient_sources if not source.graph)

    def backward(self, units: int) -> float:
        """Return the backward passes."""
        return sum(source.passes(units) for source in self._gradient_sources)

    @property
    def orders(self) -> int:
        """The number of removal curves, each with another order of the units."""
        return self.measures.orders(len(self.options.methods))

    def bounds(self, units: int) -> int:
        """Return the passes of the search for the best and the worst order."""
        return search_size(units, self.measures.beam_size) if self.measures.bounds else 0

    def work(self, sizes: Sequence[TextSize]) -> list[float]:
        """Return the work per document of these sizes: the tokens of all passes; a backward pass counts twice."""
        return [
            size.tokens * (self.forward(size.units) + 2 * self.backward(size.units))
            + self._masked_tokens(size)
            + self._curve_tokens(size)
            + self.bounds(size.units) * size.mean_copy
            for size in sizes
        ]

    def _masked_tokens(self, size: TextSize) -> float:
        """Return the tokens of the masked copies that no shortcut saves."""
        unsaved = [each for each in self.masking.values() if not each.saved_by(self.shortcut, size.units)]
        return sum(
            each.masked_copies(size.units) * (size.copy_tokens([1]) if each.neighbours else size.mean_copy)
            for each in unsaved
        )

    def _curve_tokens(self, size: TextSize) -> float:
        """Return the tokens of the copies of all removal curves; all curves share the copy without any unit."""
        orders = 0 if self.shortcut.has_curves else self.orders
        return orders * size.copy_tokens(self.measures.inside(size.units)) + (orders > 0) * size.tokens

    def cheaper(self) -> dict[tuple[str, Any], "Passes"]:
        """Return cheaper runs, by the name and value of the option that makes them cheaper."""
        measures, others = self.measures, dict[tuple[str, Any], Passes]()
        if measures.bounds:
            others["naopc", False] = replace(self, measures=replace(measures, bounds=False))
        if not measures.k_grid and not measures.bounds:
            others["k_grid", K_GRID] = replace(self, measures=replace(measures, k_grid=K_GRID))
        if any(source.sampled for source in self.masking.values()) and self.options.max_evals > FEW:
            others["max_evals", FEW] = replace(self, options=replace(self.options, max_evals=FEW))
        for method in self.options.methods if len(self.options.methods) > 1 else ():
            kept = tuple(name for name in self.options.methods if name != method)
            others["methods", kept] = replace(self, options=replace(self.options, methods=kept))
        return others
