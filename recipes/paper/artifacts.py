"""Everything that finished steps left, read when it is asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hf_gradexplain.attribution.methods import PAPER_METHODS
from hf_gradexplain.cards.card import Card
from hf_gradexplain.cards.write import DATA, write_card
from hf_gradexplain.evaluation.read_documents import read_correlations
from hf_gradexplain.run.folder import document_paths
from recipes.paper import decay_conclusion
from recipes.paper.ablations import SHORT_TEXT_KS, Areas, read_areas
from recipes.paper.arguments import ReproduceArguments
from recipes.paper.claims import Answer, all_answers
from recipes.paper.constants import MODELS, POOLINGS, SETTINGS, Setting
from recipes.paper.decay import by_distance
from recipes.paper.example_review import read_review
from recipes.paper.frequency import FrequencySummary, summarize_frequencies, relative_gradients
from recipes.paper.plan import ABLATIONS, FLOAT32_SETTING, Plan
from recipes.paper.results import Result, read_result
from recipes.paper.rules import Cutoffs
from recipes.paper.tables import read_card
from recipes.paper.task_ledger import Ledger


@dataclass(frozen=True, eq=False)
class Artifacts:
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

    def result(self, setting: Setting, seed: int, name: str) -> Result:
        """The tables of one evaluation."""
        return read_result(self.plan.evaluations[setting, seed, name].output, setting, seed)

    def documents(self, setting: Setting, seed: int, name: str) -> list[Path]:
        """The documents of one evaluation."""
        return document_paths(self.plan.evaluations[setting, seed, name].output)

    @cached_property
    def main(self) -> dict[Setting, list[Result]]:
        """The paper's evaluation of its six models, by training."""
        return {setting: [self.result(setting, seed, "main") for seed in self.arguments.seeds] for setting in SETTINGS}

    @cached_property
    def chosen(self) -> dict[Setting, Result]:
        """The evaluations with all methods, on a sample."""
        keys = [(setting, seed) for setting, seed, name in self.plan.evaluations if name == "chosen"]
        return {setting: self.result(setting, seed, "chosen") for setting, seed in keys}

    @cached_property
    def frequencies(self) -> dict[Setting, list[FrequencySummary]]:
        """FastText's gradients, by training."""
        cells = [setting for setting in SETTINGS if setting.model == "fasttext"]
        return {setting: [frequencies(self._gradients(setting, seed)) for seed in self.arguments.seeds] for setting in cells}

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
        return {name: by_distance(words, nearer_end=False) for name, words in self._followed.items()}

    @cached_property
    def _followed(self) -> dict[str, pd.DataFrame]:
        found = {POOLINGS[model]: pd.read_parquet(step.output) for model, step in self.plan.decays.items()}
        return {name: found[name] for name in ("last", "mean", "max")}

    @cached_property
    def poolings(self) -> dict[str, decay_conclusion.PoolingSummary]:
        """The same in few numbers, beside how far SignedGI is behind."""
        models = {pooling: Setting(model, "imdb") for model, pooling in POOLINGS.items()}
        return {
            name: decay_conclusion.summarize_pooling(
                name, self.cards[models[name], self.first_seed]["metrics"]["accuracy"], words, self.sample_results[models[name]]
            )
            for name, words in self._followed.items()
        }

    @cached_property
    def cards(self) -> dict[tuple[Setting, int], dict[str, Any]]:
        """What every training's card is made of."""
        return {key: read_card(step.output) for key, step in self.plan.trainings.items()}

    @cached_property
    def settings(self) -> dict[Setting, dict[str, Result]]:
        """The evaluations under each choice, of the paper's six models."""
        return {setting: {name: self.result(setting, self.first_seed, name) for name in ABLATIONS} for setting in SETTINGS}

    def areas(self, setting: Setting, name: str, methods: Sequence[str] = PAPER_METHODS, ks: Sequence[int] = SHORT_TEXT_KS) -> Areas:
        """AOPC of every text of an evaluation of the first training."""
        return read_areas(self.documents(setting, self.first_seed, name), methods, ks)

    @cached_property
    def precisions(self) -> dict[str, dict[str, tuple[float, float]]]:
        """The encoder's AOPC and median r by precision and method, on the texts evaluated in both; else empty."""
        if (FLOAT32_SETTING, self.first_seed, "float32") not in self.plan.evaluations:
            return {}
        names = {self.arguments.encoder_precision: "chosen", "float32": "float32"}
        found = {said: self.areas(FLOAT32_SETTING, name) for said, name in names.items()}
        return {said: self._on(found["float32"].ids, name, found[said]) for said, name in names.items()}

    def _on(self, ids: np.ndarray, name: str, found: Areas) -> dict[str, tuple[float, float]]:
        """By method, the encoder's mean AOPC and median r on some of the texts."""
        rows = np.isin(found.ids, ids)
        r = {method: self._r(FLOAT32_SETTING, name, method)[rows] for method in PAPER_METHODS if method != "loo"}
        medians = {method: float(np.median(x[~np.isnan(x)])) for method, x in r.items()} | {"loo": float("nan")}
        return {method: (float(found.aopc[method][rows, 0].mean()), medians[method]) for method in PAPER_METHODS}

    @cached_property
    def answers(self) -> list[Answer]:
        """Every claim."""
        return all_answers(self.main_results, self.frequencies, self.reviews)

    def answers_at(self, factor: float) -> list[Answer]:
        """The same with other views of what is clear and what is level."""
        return all_answers(self.main_results, self.frequencies, self.reviews, Cutoffs().times(factor))

    @cached_property
    def correlations(self) -> dict[Setting, dict[str, np.ndarray]]:
        """Pearson's r of every text, of all trainings together."""
        return {setting: {method: self._all_r(setting, method) for method in SHOWN} for setting in SETTINGS}

    @cached_property
    def words(self) -> dict[str, pd.DataFrame]:
        """Gradients by frequency, of the first training, over reviews."""
        return {model: relative_gradients(self._gradients(Setting(model, "imdb"), self.first_seed)) for model in MODELS}

    def seconds(self, steps: Mapping[Any, Any]) -> dict[Any, float]:
        """How long each of these steps took."""
        return {key: self.ledger.seconds(step) for key, step in steps.items()}

    def _gradients(self, setting: Setting, seed: int) -> pd.DataFrame:
        return pd.read_parquet(self.plan.gradients[setting, seed].output)

    def _all_r(self, setting: Setting, method: str) -> np.ndarray:
        paths = [path for seed in self.arguments.seeds for path in self.documents(setting, seed, "main")]
        r = read_correlations(paths, method)["pearson"]
        return r[~np.isnan(r)]

    def _r(self, setting: Setting, name: str, method: str) -> np.ndarray:
        return read_correlations(self.documents(setting, self.first_seed, name), method)["pearson"]


SHOWN = ("signed_gi", "sa_l1")
"""The methods of figure 2."""


def write_cards(artifacts: Artifacts, folder: Path) -> None:
    """Write the cards of the first seed's models, with what they are made of and their figures, to a folder each."""
    for (setting, seed), step in artifacts.plan.trainings.items():
        if seed == artifacts.first_seed:
            text = Path(step.output, DATA).read_text(encoding="utf-8")
            write_card(Card.from_json(text), folder / setting.name)
