"""What has to be done for the page: trainings, evaluations, and three looks at single words."""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

from hf_gradexplain.attribution.methods import METHODS
from hf_gradexplain.commands.evaluate import run_evaluation
from hf_gradexplain.commands.parsing import parse_arguments
from hf_gradexplain.commands.recipe_arguments import (
    NOT_REPLAYED,
    PAPER_METHODS,
    EvaluateRecipeArguments,
    TrainRecipeArguments,
)
from hf_gradexplain.commands.train import run_training
from hf_gradexplain.corpus import load_texts
from hf_gradexplain.run.fingerprints import texts_fingerprint
from recipes.paper.arguments import ReproduceArguments
from recipes.paper.constants import DATASETS, ENCODER, HUB_DATASETS, POOLINGS, SETTINGS, Setting
from recipes.paper.decay import measure_decay
from recipes.paper.encoder import NAME, copy_encoder, encoder_folder
from recipes.paper.example_review import explain_review
from recipes.paper.frequency import measure_gradients
from recipes.paper.task_ledger import Step

CONFIGS = Path(__file__).parents[1] / "configs"

ABLATIONS: dict[str, dict[str, str]] = {
    "chosen": {},
    "word": {"unit": "word"},
    "position": {"ties": "position"},
    "predicted": {"target": "predicted"},
    "logit": {"objective": "logit"},
    "prob": {"objective": "prob"},
}
"""The settings on which the paper is silent: what was chosen, and what each table has instead."""

FLOAT32_SETTING = Setting("minilm", "ag_news")
"""What is evaluated in both precisions, where the encoder is not evaluated in float32."""

_OF_THIS_MACHINE = ("output_dir", "dataset_name", "model_name_or_path", *NOT_REPLAYED)
"""Arguments that name places; what lies there is compared instead."""


@dataclass(frozen=True, eq=False)
class Plan:
    """All steps, by what they are of.

    Attributes:
        trainings: By model, data set and seed.
        evaluations: The evaluations, by model, data set, seed and name: `main`, one of `ABLATIONS`, or `float32`.
        decays: What follows the gradient, by model.
        reviews: What explains the example, by model and seed.
        gradients: What compares words of different frequency, by model, data set and seed.
        encoder: What copies the encoder, or None.
    """

    trainings: Mapping[tuple[Setting, int], Step]
    evaluations: Mapping[tuple[Setting, int, str], Step]
    decays: Mapping[str, Step]
    reviews: Mapping[tuple[str, int], Step]
    gradients: Mapping[tuple[Setting, int], Step]
    encoder: Step | None

    def steps(self, only: list[str] | None = None) -> list[Step]:
        """Every step, trainings first; or those whose names hold one of `only`, and what they need."""
        parts = (self.trainings, self.reviews, self.decays, self.gradients, self.evaluations)
        found = [*([self.encoder] if self.encoder else []), *(step for part in parts for step in part.values())]
        if not only:
            return found
        wanted = [step for step in found if any(part in step.name for part in only)]
        names = {need.name for step in wanted for need in (*step.needs, *(n for s in step.needs for n in s.needs))}
        return [step for step in found if step in wanted or step.name in names]


def make_plan(arguments: ReproduceArguments) -> Plan:
    """The steps of a reproduction; nothing is done yet, but the data sets are read.

    Raises:
        GradexplainError: The data sets or the encoder cannot be had.
    """
    planner = _Planner(arguments)
    first = arguments.seeds[0]
    encoder = planner.encoder() if arguments.encoder else None
    trainings = {(setting, seed): planner.training(setting, seed) for setting in SETTINGS for seed in arguments.seeds}
    others = [Setting(model, "imdb") for model in POOLINGS if model != "bilstm"]
    trainings |= {(setting, first): planner.training(setting, first) for setting in others}
    if encoder is not None:
        own = [Setting(model, data) for model in ENCODER for data in DATASETS]
        trainings |= {(setting, first): planner.training(setting, first, encoder) for setting in own}
    wanted = [(setting, seed, "main") for setting in SETTINGS for seed in arguments.seeds]
    wanted += [(setting, first, name) for setting in SETTINGS for name in ABLATIONS]
    wanted += [(setting, first, "chosen") for setting, _ in trainings if setting not in SETTINGS]
    if encoder is not None and arguments.encoder_precision != "no":
        wanted.append((FLOAT32_SETTING, first, "float32"))
    followed = [(setting, seed) for setting, seed in trainings if setting.model == "fasttext"]
    followed += [(setting, first) for setting in SETTINGS if setting.model != "fasttext" and setting.dataset == "imdb"]
    reviewed = [(setting, seed) for setting, seed in trainings if setting.dataset == "imdb"]
    return Plan(
        trainings=trainings,
        evaluations={key: planner.evaluation(*key, trainings[key[:2]]) for key in wanted},
        decays={model: planner.decay(trainings[Setting(model, "imdb"), first]) for model in POOLINGS},
        reviews={(setting.model, seed): planner.review(trainings[setting, seed]) for setting, seed in reviewed},
        gradients={key: planner.gradients(key[0], trainings[key]) for key in followed},
        encoder=encoder,
    )


class _Planner:
    """Makes steps from the arguments."""

    def __init__(self, arguments: ReproduceArguments) -> None:
        self.arguments, self.output_dir = arguments, Path(arguments.output_dir)
        self.sources = {name: f"{arguments.data}/{name}" if arguments.data else HUB_DATASETS[name] for name in DATASETS}
        self.rows = {
            name: {split: texts_fingerprint(load_texts(source, split=split)) for split in ("train", "test")}
            for name, source in self.sources.items()
        }

    def encoder(self) -> Step:
        """The step that copies the encoder."""
        source, target = encoder_folder(), self.output_dir / NAME
        asked = {"weights": _sha256(source / "model.safetensors")}
        return Step("encoder", target, asked, partial(copy_encoder, source, target))

    def training(self, setting: Setting, seed: int, encoder: Step | None = None) -> Step:
        """The step that trains a model, with its card; explanations are measured for the card of the first seed."""
        folder = self.output_dir / f"seed{seed}" / setting.name
        carded = seed == self.arguments.seeds[0] and self.arguments.cards is not None
        flags = {
            "dataset_name": self.sources[setting.dataset],
            "dataset_source": HUB_DATASETS[setting.dataset],
            "output_dir": folder,
            "license": "apache-2.0",
            "seed": seed,
            "max_train_samples": self.arguments.encoder_rows if encoder else self.arguments.train_rows,
            "max_eval_samples": self.arguments.encoder_rows if encoder else self.arguments.eval_rows,
            "model_name_or_path": encoder.output if encoder else None,
            "faithfulness_samples": None if carded else 0,
        }
        given = [f"--{name}={value}" for name, value in flags.items() if value is not None]
        arguments = parse_arguments(TrainRecipeArguments, [str(_config(setting)), *given])
        asked = {**_asked(arguments), "rows": self.rows[setting.dataset]}
        needs = (encoder,) if encoder else ()
        return Step(f"train/seed{seed}/{setting.name}", folder, asked, partial(_train, arguments), needs)

    def evaluation(self, setting: Setting, seed: int, name: str, training: Step) -> Step:
        """The step that evaluates a model on texts of its own data set."""
        folder = self.output_dir / f"seed{seed}" / f"{setting.name}-{name}"
        grid = self.arguments.encoder_k_grid if setting == Setting("minilm", "imdb") else []
        arguments = EvaluateRecipeArguments(
            model_name_or_path=str(training.output),
            dataset_name=self.sources[setting.dataset],
            output_dir=str(folder),
            max_samples=self._texts(setting, name),
            methods=tuple(METHODS) if name == "chosen" else PAPER_METHODS,
            random_orders=0,
            both_ends=name == "chosen" and setting in SETTINGS,
            k_grid=tuple(grid),
            mixed_precision=self.arguments.encoder_precision if setting.model in ENCODER and name != "float32" else "no",
            **ABLATIONS.get(name, {}),  # type: ignore[arg-type]
        )
        asked = {**_asked(arguments), "rows": self.rows[setting.dataset]["test"]}
        return Step(
            f"evaluate/seed{seed}/{setting.name}-{name}", folder, asked, partial(_evaluate, arguments), (training,)
        )

    def decay(self, training: Step) -> Step:
        """The step that follows the gradient through reviews."""
        path = training.output.with_name(f"{training.output.name}-decay.parquet")
        texts, source = self.arguments.decay_texts, self.sources["imdb"]
        asked = {"texts": texts, "rows": self.rows["imdb"]["test"]}
        work = partial(measure_decay, str(training.output), source, texts, path)
        return Step(training.name.replace("train", "decay", 1), path, asked, work, (training,))

    def gradients(self, setting: Setting, training: Step) -> Step:
        """The step that follows the loss back to single words: of all texts with FastText, else of some."""
        path = training.output.with_name(f"{training.output.name}-gradients.parquet")
        texts = self.arguments.texts if setting.model == "fasttext" else self.arguments.decay_texts
        asked = {"texts": texts, "rows": self.rows[setting.dataset]["test"]}
        work = partial(measure_gradients, str(training.output), self.sources[setting.dataset], texts, path)
        return Step(training.name.replace("train", "gradients", 1), path, asked, work, (training,))

    def review(self, training: Step) -> Step:
        """The step that explains the example."""
        path = training.output.with_name(f"{training.output.name}-review.json")
        work = partial(explain_review, str(training.output), path)
        return Step(training.name.replace("train", "review", 1), path, {}, work, (training,))

    def _texts(self, setting: Setting, name: str) -> int | None:
        """On how many texts a model is evaluated; fewer are some of those of more."""
        arguments = self.arguments
        if setting.model in ENCODER:
            some = arguments.encoder_imdb_texts if setting.dataset == "imdb" else arguments.encoder_texts
            return min(arguments.encoder_float32_texts, some) if name == "float32" else some
        if name != "main":
            return (setting.dataset == "imdb" and arguments.imdb_sample) or arguments.sample
        return arguments.bilstm_imdb_texts if setting == Setting("bilstm", "imdb") else arguments.texts


def _config(setting: Setting) -> Path:
    return CONFIGS / f"train_{setting.dataset}_{setting.model}.yaml"


def _asked(arguments: Any) -> dict[str, Any]:
    return {name: value for name, value in asdict(arguments).items() if name not in _OF_THIS_MACHINE}


def _train(arguments: TrainRecipeArguments) -> dict[str, Any]:
    _quietly(partial(run_training, arguments))
    return {"weights": _sha256(Path(arguments.output_dir, "model.safetensors"))}


def _evaluate(arguments: EvaluateRecipeArguments) -> None:
    _quietly(partial(run_evaluation, arguments))


def _quietly(work: Callable[[], Any]) -> None:
    """Do without what is printed for a reader who runs nothing else; progress and warnings still show."""
    with redirect_stdout(StringIO()):
        work()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
