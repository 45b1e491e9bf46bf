"""The results of the finished steps, read from their files on first use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hf_gradexplain.attribution.descriptions import PAPER_METHODS
from hf_gradexplain.cards.card import Card
from hf_gradexplain.cards.write import DATA, write_card
from hf_gradexplain.evaluation.read_documents import read_correlations
from hf_gradexplain.run.folder import document_paths
from recipes.common.task_ledger import Ledger
from recipes.paper import decay_conclusion
from recipes.paper.ablations import SHORT_TEXT_KS, Areas, read_areas
from recipes.paper.arguments import ReproduceArguments
from recipes.paper.claim_checks import Evidence
from recipes.paper.claims import Verdict, judge
from recipes.paper.constants import MODELS, POOLINGS, SETTINGS, Setting
from recipes.paper.decay import by_distance
from recipes.paper.example_review import read_review
from recipes.paper.frequency import FrequencySummary, relative_gradients, summarize_frequencies
from recipes.paper.plan import ABLATIONS, FLOAT32_SETTING, Plan
from recipes.paper.results import Result, read_result
from recipes.paper.rules import Cutoffs
from recipes.paper.tables import read_card


@dataclass(frozen=True, eq=False)
class Artifacts:
    """The results of the finished steps, read from their files on first use.

    Attributes:
        arguments: The arguments of the reproduction.
        plan: The steps.
        ledger: The stamps of the steps.
    """

    arguments: ReproduceArguments
    plan: Plan
    ledger: Ledger

    @property
    def first_seed(self) -> int:
        """The seed of everything other than the main evaluations."""
        return self.arguments.seeds[0]

    def result(self, setting: Setting, seed: int, name: str) -> Result:
        """Read the tables of one evaluation."""
        return read_result(self.plan.evaluations[setting, seed, name].output, setting, seed)

    def document_files(self, setting: Setting, seed: int, name: str) -> list[Path]:
        """Return the paths of the document files of one evaluation."""
        return document_paths(self.plan.evaluations[setting, seed, name].output)

    @cached_property
    def main_results(self) -> dict[Setting, list[Result]]:
        """The main evaluations of the paper's six settings, by training."""
        return {setting: [self.result(setting, seed, "main") for seed in self.arguments.seeds] for setting in SETTINGS}

    @cached_property
    def sample_results(self) -> dict[Setting, Result]:
        """The evaluations of all methods on a sample, with our choices where the paper is silent."""
        keys = [(setting, seed) for setting, seed, name in self.plan.evaluations if name == "chosen"]
        return {setting: self.result(setting, seed, "chosen") for setting, seed in keys}

    @cached_property
    def frequencies(self) -> dict[Setting, list[FrequencySummary]]:
        """FastText's gradients by word frequency, by training."""
        settings = [setting for setting in SETTINGS if setting.model == "fasttext"]
        return {
            setting: [summarize_frequencies(self._gradients(setting, seed)) for seed in self.arguments.seeds]
            for setting in settings
        }

    @cached_property
    def reviews(self) -> dict[str, list[dict[str, Any]]]:
        """The explained example review, by model and training."""
        seeds = self.arguments.seeds
        return {model: [read_review(self.plan.reviews[model, seed].output) for seed in seeds] for model in MODELS}

    @cached_property
    def decay(self) -> dict[str, pd.DataFrame]:
        """The size of scores by distance from the nearer end, by pooling."""
        return {name: by_distance(words) for name, words in self._decay_words.items()}

    @cached_property
    def decay_to_end(self) -> dict[str, pd.DataFrame]:
        """The size of scores by distance from the end of the text, by pooling."""
        return {name: by_distance(words, nearer_end=False) for name, words in self._decay_words.items()}

    @cached_property
    def _decay_words(self) -> dict[str, pd.DataFrame]:
        tables = {POOLINGS[model]: pd.read_parquet(step.output) for model, step in self.plan.decays.items()}
        return {name: tables[name] for name in ("last", "mean", "max")}

    @cached_property
    def poolings(self) -> dict[str, decay_conclusion.PoolingSummary]:
        """Summaries of the decay, and of how far SignedGI is behind LOO."""
        models = {pooling: Setting(model, "imdb") for model, pooling in POOLINGS.items()}
        return {
            name: decay_conclusion.summarize_pooling(
                name,
                self.cards[models[name], self.first_seed]["metrics"]["accuracy"],
                words,
                self.sample_results[models[name]],
            )
            for name, words in self._decay_words.items()
        }

    @cached_property
    def cards(self) -> dict[tuple[Setting, int], dict[str, Any]]:
        """The data of every model's card."""
        return {key: read_card(step.output) for key, step in self.plan.trainings.items()}

    @cached_property
    def ablation_results(self) -> dict[Setting, dict[str, Result]]:
        """The evaluations of every ablation in the paper's six settings."""
        return {
            setting: {name: self.result(setting, self.first_seed, name) for name in ABLATIONS} for setting in SETTINGS
        }

    def areas(
        self, setting: Setting, name: str, methods: Sequence[str] = PAPER_METHODS, ks: Sequence[int] = SHORT_TEXT_KS
    ) -> Areas:
        """Read AOPC of every text of an evaluation of the first training."""
        return read_areas(self.document_files(setting, self.first_seed, name), methods, ks)

    @cached_property
    def precisions(self) -> dict[str, dict[str, tuple[float, float]]]:
        """The encoder's AOPC and median r by precision and method, on texts evaluated in both precisions, if any."""
        if (FLOAT32_SETTING, self.first_seed, "float32") not in self.plan.evaluations:
            return {}
        names = {self.arguments.encoder_precision: "chosen", "float32": "float32"}
        areas = {precision: self.areas(FLOAT32_SETTING, name) for precision, name in names.items()}
        ids = areas["float32"].ids
        return {precision: self._on(ids, name, areas[precision]) for precision, name in names.items()}

    def _on(self, ids: np.ndarray, name: str, areas: Areas) -> dict[str, tuple[float, float]]:
        """Return the encoder's mean AOPC and median r on the texts with these ids, by method."""
        rows = np.isin(areas.ids, ids)
        r = {method: self._r(FLOAT32_SETTING, name, method)[rows] for method in PAPER_METHODS if method != "loo"}
        medians = {method: float(np.median(x[~np.isnan(x)])) for method, x in r.items()} | {"loo": float("nan")}
        return {method: (float(areas.aopc[method][rows, 0].mean()), medians[method]) for method in PAPER_METHODS}

    @cached_property
    def verdicts(self) -> list[Verdict]:
        """The verdicts on all claims."""
        return self.verdicts_at(1)

    def verdicts_at(self, factor: float) -> list[Verdict]:
        """Return the verdicts with the cut-offs of clear and level multiplied by a factor."""
        return judge(Evidence(self.main_results, self.frequencies, self.reviews), Cutoffs().scaled(factor))

    @cached_property
    def correlations(self) -> dict[Setting, dict[str, np.ndarray]]:
        """Pearson's r of every text, over all trainings."""
        return {
            setting: {method: self._all_r(setting, method) for method in CORRELATED_METHODS} for setting in SETTINGS
        }

    @cached_property
    def word_gradients(self) -> dict[str, pd.DataFrame]:
        """Relative gradients by word frequency on IMDB, of the first training."""
        return {model: relative_gradients(self._gradients(Setting(model, "imdb"), self.first_seed)) for model in MODELS}

    def seconds(self, steps: Mapping[Any, Any]) -> dict[Any, float]:
        """Return how long each of these steps took."""
        return {key: self.ledger.seconds(step) for key, step in steps.items()}

    def _gradients(self, setting: Setting, seed: int) -> pd.DataFrame:
        return pd.read_parquet(self.plan.gradients[setting, seed].output)

    def _all_r(self, setting: Setting, method: str) -> np.ndarray:
        paths = [path for seed in self.arguments.seeds for path in self.document_files(setting, seed, "main")]
        r = read_correlations(paths, method)["pearson"]
        return r[~np.isnan(r)]

    def _r(self, setting: Setting, name: str, method: str) -> np.ndarray:
        return read_correlations(self.document_files(setting, self.first_seed, name), method)["pearson"]


CORRELATED_METHODS = ("signed_gi", "sa_l1")
"""The methods of figure 2."""


def write_cards(artifacts: Artifacts, folder: Path) -> None:
    """Write the cards of the first seed's models, with their data and figures, to a folder each."""
    for (setting, seed), step in artifacts.plan.trainings.items():
        if seed == artifacts.first_seed:
            text = Path(step.output, DATA).read_text(encoding="utf-8")
            write_card(Card.from_json(text), folder / setting.name)
