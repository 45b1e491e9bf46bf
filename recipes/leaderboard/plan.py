"""The steps behind the leaderboard: trainings, evaluations and time measurements, each resumable."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from hf_gradexplain.attribution.methods import affordable
from hf_gradexplain.commands.parsing import parse_arguments
from hf_gradexplain.commands.recipe_arguments import EvaluateRecipeArguments, TrainRecipeArguments
from hf_gradexplain.corpus import load_texts
from hf_gradexplain.files import atomic_write_text
from recipes.common.encoder import NAME, copy_encoder, encoder_folder
from recipes.common.running import inputs_of, row_fingerprints, run_evaluate_step, run_train_step, sha256_of
from recipes.common.task_ledger import Step
from recipes.leaderboard.arguments import LeaderboardArguments
from recipes.leaderboard.candidates import FOR_THE_CANDIDATES, IG_STEPS, MASKING, register_candidates
from recipes.leaderboard.entries import ENTRIES, SMALL, Entry
from recipes.leaderboard.small_models import save_untrained
from recipes.leaderboard.times import measure_times
from recipes.paper.constants import HUB_DATASETS

CONFIGS = Path(__file__).parents[1] / "configs"

MAX_K = 10
"""The largest number of removed words in a curve."""

PIECES = 256
"""Tokens after which MiniLM cuts a text: the length that it was pretrained for."""

OF_ZERO = ("zero", "ends", "masking")
"""The evaluations under the baseline zero."""

NO_ENDS = ("minilm-imdb", "bilstm-imdb")
"""Entries without sufficiency, because its curve needs all numbers of removed words, about 130 per text."""

NAOPC = ("fasttext-ag_news", *(f"{model}-ag_news" for model in SMALL))
"""Entries whose NAOPC is measured, with thousands of masked copies per text."""


@dataclass(frozen=True, eq=False)
class Plan:
    """All steps.

    Attributes:
        trainings: By entry and seed.
        evaluations: By entry, seed and name: `zero`, another masking baseline, `ends` (sufficiency and NAOPC), or
            `masking` (methods that run many masked copies).
        times: Time measurements, by entry.
        others: Untrained models and the copy of the encoder.
    """

    trainings: dict[tuple[Entry, int], Step] = field(default_factory=dict)
    evaluations: dict[tuple[Entry, int, str], Step] = field(default_factory=dict)
    times: dict[Entry, Step] = field(default_factory=dict)
    others: dict[str, Step] = field(default_factory=dict)

    def steps(self, only: Sequence[str] = ()) -> list[Step]:
        """Return all steps: the main evaluations of the first seed, then the time measurements, then other evaluations.

        Each step follows the steps that it needs. If `only` is given, return only the steps whose names contain one of
        its strings, and the steps that they need.
        """
        seeds = [seed for _, seed in self.trainings]
        early = [step for (_, seed, name), step in self.evaluations.items() if (seed, name) == (seeds[0], "zero")]
        wanted = [*early, *self.times.values(), *self.evaluations.values()]
        with_needed = [needed for step in wanted for needed in (*_needed(step), step)]
        if only:
            chosen = [step for step in with_needed if any(part in step.name for part in only)]
            with_needed = [needed for step in chosen for needed in (*_needed(step), step)]
        return list(dict.fromkeys(with_needed))


def _needed(step: Step) -> list[Step]:
    return [earlier for need in step.needs for earlier in (*_needed(need), need)]


def make_plan(arguments: LeaderboardArguments) -> Plan:
    """Return the steps of a leaderboard. This reads the datasets, but runs no step.

    Raises:
        GradexplainError: A dataset or the encoder cannot be loaded.
    """
    register_candidates()
    planner, plan, first = _Planner(arguments), Plan(), arguments.seeds[0]
    entries = [next(entry for entry in ENTRIES if entry.name == name) for name in arguments.entries]
    for seed in arguments.seeds:
        for entry in entries:
            training = plan.trainings[entry, seed] = planner.training(entry, seed, plan.others)
            plan.evaluations[entry, seed, "zero"] = planner.evaluation(entry, seed, "zero", training)
    for entry in entries:
        training = plan.trainings[entry, first]
        plan.times[entry] = planner.time(entry, training)
        names = entry.baselines if arguments.baseline_texts else ()
        names += ("ends",) if arguments.ends_texts and entry.name not in NO_ENDS else ()
        names += ("masking",) if arguments.masking_texts else ()
        for name in names:
            plan.evaluations[entry, first, name] = planner.evaluation(entry, first, name, training)
    return plan


class _Planner:
    """Creates the steps from the arguments."""

    def __init__(self, arguments: LeaderboardArguments) -> None:
        self.arguments, self.output_dir = arguments, Path(arguments.output_dir)
        names = {name.rpartition("-")[2] for name in arguments.entries}
        self.sources = {
            name: f"{arguments.data}/{name}" if arguments.data else source
            for name, source in HUB_DATASETS.items()
            if name in names
        }
        self.rows = row_fingerprints(self.sources)
        self.methods = arguments.methods or affordable()

    def training(self, entry: Entry, seed: int, others: dict[str, Step]) -> Step:
        """Return the step that trains a model; add the steps that it needs to `others`."""
        folder = self.output_dir / f"seed{seed}" / entry.name
        start = self._start(entry, seed)
        if start is not None:
            start = others.setdefault(start.name, start)
        flags = {
            "dataset_name": self.sources[entry.dataset],
            "output_dir": folder,
            "seed": seed,
            "max_train_samples": self.arguments.train_rows,
            "max_eval_samples": self.arguments.eval_rows,
            "model_name_or_path": start.output if start else None,
            "faithfulness_samples": 0,
        }
        options = [f"--{name}={value}" for name, value in flags.items() if value is not None]
        model = "small_transformer" if entry.model in SMALL else entry.model
        config = CONFIGS / f"train_{entry.dataset}_{model}.yaml"
        arguments = parse_arguments(TrainRecipeArguments, [str(config), *options])
        inputs = {**inputs_of(arguments), "rows": self.rows[entry.dataset]}
        needs = (start,) if start else ()
        return Step(f"train/seed{seed}/{entry.name}", folder, inputs, partial(run_train_step, arguments), needs)

    def _start(self, entry: Entry, seed: int) -> Step | None:
        """Return the step that writes the initial model of a training; None for the package's own models."""
        if entry.model == "minilm":
            source, target = encoder_folder("--entries without minilm"), self.output_dir / NAME
            inputs: dict[str, Any] = {"weights": sha256_of(source / "model.safetensors"), "pieces": PIECES}
            return Step("encoder", target, inputs, partial(_copy_encoder, source, target))
        if entry.model not in SMALL:
            return None
        folder, texts = self.output_dir / f"seed{seed}" / f"untrained-{entry.model}", self.sources[entry.dataset]
        inputs = {"rows": self.rows[entry.dataset]["train"], "vocabulary": self.arguments.vocabulary, "seed": seed}
        work = partial(_save_untrained, entry.model, texts, seed, folder, self.arguments.vocabulary)
        return Step(f"untrained/seed{seed}/{entry.model}", folder, inputs, work)

    def evaluation(self, entry: Entry, seed: int, name: str, training: Step) -> Step:
        """Return the step that evaluates a model on test texts of its dataset."""
        folder, ends = self.output_dir / f"seed{seed}" / f"{entry.name}-{name}", name == "ends"
        baseline = "zero" if name in OF_ZERO else name
        arguments = EvaluateRecipeArguments(
            model_name_or_path=str(training.output),
            dataset_name=self.sources[entry.dataset],
            output_dir=str(folder),
            max_samples=self._texts(entry, name),
            methods=self._methods(entry, name),
            baseline=baseline,  # type: ignore[arg-type]
            steps=IG_STEPS,
            random_orders=0,
            both_ends=ends,
            naopc=ends and entry.name in NAOPC,
            k_grid=() if ends else tuple(range(1, MAX_K + 1)),
            max_k=MAX_K,
            mixed_precision=self.arguments.imdb_precision if entry.name == "minilm-imdb" else "no",
        )
        inputs = {**inputs_of(arguments), "rows": self.rows[entry.dataset]["test"]}
        work = partial(run_evaluate_step, arguments)
        return Step(f"evaluate/seed{seed}/{entry.name}-{name}", folder, inputs, work, (training,))

    def time(self, entry: Entry, training: Step) -> Step:
        """Return the step that measures how long each method takes."""
        path = training.output.with_name(f"{entry.name}-times.json")
        texts, rounds, source = self.arguments.time_texts, self.arguments.time_rounds, self.sources[entry.dataset]
        methods = tuple(name for name in self.methods if name != "random")
        inputs = {"methods": methods, "texts": texts, "rounds": rounds, "rows": self.rows[entry.dataset]["test"]}
        work = partial(measure_times, str(training.output), source, methods, texts, rounds, path)
        return Step(f"time/{entry.name}", path, inputs, work, (training,))

    def _methods(self, entry: Entry, name: str) -> tuple[str, ...]:
        """Return the methods of an evaluation: all in main evaluations, except in the slow one of MiniLM on IMDB."""
        if name == "masking":
            return MASKING
        if name == "zero" and entry.name != "minilm-imdb":
            return self.methods
        return tuple(m for m in self.methods if m in FOR_THE_CANDIDATES or m.startswith("ig_"))

    def _texts(self, entry: Entry, name: str) -> int:
        texts = self.arguments.imdb_texts if entry.dataset == "imdb" else self.arguments.texts
        fewer = {"zero": None, "ends": self.arguments.ends_texts, "masking": self.arguments.masking_texts}
        return min(texts, fewer.get(name, self.arguments.baseline_texts) or texts)


def _copy_encoder(source: Path, target: Path) -> None:
    """Copy the encoder and let its tokenizer cut texts after `PIECES` tokens."""
    copy_encoder(source, target)
    path = target / "tokenizer_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    atomic_write_text(path, json.dumps({**settings, "model_max_length": PIECES}, indent=2) + "\n")


def _save_untrained(model: str, source: str, seed: int, folder: Path, vocabulary: int) -> dict[str, str]:
    save_untrained(model, load_texts(source, split="train")["text"], seed, folder, vocabulary)
    return {"untrained": sha256_of(folder / "model.safetensors")}
