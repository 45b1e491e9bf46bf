"""Everything that finished steps left, read when it is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hf_gradexplain.cards.card import Card
from hf_gradexplain.cards.write import DATA, write_card
from hf_gradexplain.evaluation.reading import read_correlations
from hf_gradexplain.running.folder import document_paths
from recipes.paper import answer
from recipes.paper.arguments import ReproduceArguments
from recipes.paper.claims import Answer, all_answers
from recipes.paper.decay import by_distance
from recipes.paper.frequency import Frequencies, frequencies, relative_gradients
from recipes.paper.names import CELLS, MODELS, POOLINGS, Cell
from recipes.paper.plan import Plan
from recipes.paper.results import Result, read_result
from recipes.paper.review import read_review
from recipes.paper.steps import Ledger


@dataclass(frozen=True, eq=False)
class Material:
    """Everything that finished steps left, read when it is asked for.

    Attributes:
        arguments: The scale.
        plan: The steps.
        ledger: Their stamps.
    """

    arguments: ReproduceArguments
    plan: Plan
    ledger: Ledger

    @property
    def first(self) -> int:
        """The seed that everything beside the main evaluation is of."""
        return self.arguments.seeds[0]

    def result(self, cell: Cell, seed: int, name: str) -> Result:
        """The tables of one evaluation."""
        return read_result(self.plan.runs[cell, seed, name].output, cell, seed)

    def documents(self, cell: Cell, seed: int, name: str) -> list[Path]:
        """The documents of one evaluation."""
        return document_paths(self.plan.runs[cell, seed, name].output)

    @cached_property
    def main(self) -> dict[Cell, list[Result]]:
        """The paper's evaluation of its six models, by training."""
        return {cell: [self.result(cell, seed, "main") for seed in self.arguments.seeds] for cell in CELLS}

    @cached_property
    def chosen(self) -> dict[Cell, Result]:
        """The evaluations with all ten methods, on a sample."""
        keys = [(cell, seed) for cell, seed, name in self.plan.runs if name == "chosen"]
        return {cell: self.result(cell, seed, "chosen") for cell, seed in keys}

    @cached_property
    def frequencies(self) -> dict[Cell, list[Frequencies]]:
        """FastText's gradients, by training."""
        cells = [cell for cell in CELLS if cell.model == "fasttext"]
        return {cell: [frequencies(self._gradients(cell, seed)) for seed in self.arguments.seeds] for cell in cells}

    @cached_property
    def reviews(self) -> dict[str, list[dict[str, Any]]]:
        """The example, by model and training."""
        seeds = self.arguments.seeds
        return {model: [read_review(self.plan.reviews[model, seed].output) for seed in seeds] for model in MODELS}

    @cached_property
    def decay(self) -> dict[str, pd.DataFrame]:
        """How far gradients reach, by pooling."""
        return {name: by_distance(words) for name, words in self._followed.items()}

    @cached_property
    def decay_to_end(self) -> dict[str, pd.DataFrame]:
        """The same by the distance from the end of the text, whichever end is nearer."""
        return {name: by_distance(words, nearer=False) for name, words in self._followed.items()}

    @cached_property
    def _followed(self) -> dict[str, pd.DataFrame]:
        found = {POOLINGS[model]: pd.read_parquet(step.output) for model, step in self.plan.decays.items()}
        return {name: found[name] for name in ("last", "mean", "max")}

    @cached_property
    def poolings(self) -> dict[str, answer.Pooling]:
        """The same in few numbers, beside how far SignedGI is behind."""
        models = {pooling: model for model, pooling in POOLINGS.items()}
        return {
            name: answer.pooling(name, table, self.chosen[Cell(models[name], "imdb")])
            for name, table in self.decay.items()
        }

    @cached_property
    def answers(self) -> list[Answer]:
        """Every claim."""
        return all_answers(self.main, self.frequencies, self.reviews)

    @cached_property
    def correlations(self) -> dict[Cell, dict[str, np.ndarray]]:
        """Pearson's r of every text, of all trainings together."""
        return {
            cell: {method: np.concatenate([self._r(cell, s, method) for s in self.arguments.seeds]) for method in SHOWN}
            for cell in CELLS
        }

    @cached_property
    def words(self) -> dict[str, pd.DataFrame]:
        """Gradients by frequency, of the first training, over reviews."""
        return {model: relative_gradients(self._gradients(Cell(model, "imdb"), self.first)) for model in MODELS}

    def seconds(self, steps: Mapping[Any, Any]) -> dict[Any, float]:
        """How long each of these steps took."""
        return {key: (self.ledger.stamp(step) or {})["seconds"] for key, step in steps.items()}

    def _gradients(self, cell: Cell, seed: int) -> pd.DataFrame:
        return pd.read_parquet(self.plan.gradients[cell, seed].output)

    def _r(self, cell: Cell, seed: int, method: str) -> np.ndarray:
        r = read_correlations(self.documents(cell, seed, "main"), method)["pearson"]
        return r[~np.isnan(r)]


SHOWN = ("signed_gi", "sa_l1")
"""The methods of figure 2."""


def write_cards(material: Material, folder: Path) -> None:
    """Write the cards of the first seed's models, with what they are made of and their figures, to a folder each."""
    for (cell, seed), step in material.plan.trainings.items():
        if seed == material.first:
            text = Path(step.output, DATA).read_text(encoding="utf-8")
            write_card(Card.from_json(text), folder / cell.name)
