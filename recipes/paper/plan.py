"""The steps behind the page: trainings, evaluations and three measurements on single words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hf_gradexplain.attribution.descriptions import PAPER_METHODS
from hf_gradexplain.attribution.methods import affordable
from hf_gradexplain.commands.parsing import parse_arguments
from hf_gradexplain.commands.recipe_arguments import EvaluateRecipeArguments, TrainRecipeArguments
from recipes.common.encoder import NAME, copy_encoder, encoder_folder
from recipes.common.running import inputs_of, row_fingerprints, run_evaluate_step, run_train_step, sha256_of
from recipes.common.task_ledger import Step
from recipes.paper.arguments import ReproduceArguments
from recipes.paper.constants import DATASETS, ENCODER, HUB_DATASETS, POOLINGS, SETTINGS, Setting
from recipes.paper.decay import measure_decay
from recipes.paper.example_review import explain_review
from recipes.paper.frequency import measure_gradients

CONFIGS = Path(__file__).parents[1] / "configs"

ABLATIONS: dict[str, dict[str, str]] = {
    "chosen": {},
    "word": {"unit": "word"},
    "position": {"ties": "position"},
    "predicted": {"target": "predicted"},
    "logit": {"objective": "logit"},
    "prob": {"objective": "prob"},
}
"""Our choices where the paper is silent (`chosen`), and ablations that each change one of these choices."""

FLOAT32_SETTING = Setting("minilm", "ag_news")
"""The setting that is also evaluated in float32 if the encoder is evaluated in bfloat16."""


@dataclass(frozen=True, eq=False)
class Plan:
    """All steps.

    Attributes:
        trainings: By setting and seed.
        evaluations: By setting, seed and name: `main`, one of `ABLATIONS`, or `float32`.
        decays: Measurements of gradient decay, by model.
        reviews: Explanations of the example review, by model and seed.
        gradients: Gradients by word frequency, by setting and seed.
        encoder: The copy of the encoder, or None without it.
    """

    trainings: Mapping[tuple[Setting, int], Step]
    evaluations: Mapping[tuple[Setting, int, str], Step]
    decays: Mapping[str, Step]
    reviews: Mapping[tuple[str, int], Step]
    gradients: Mapping[tuple[Setting, int], Step]
    encoder: Step | None

    def steps(self, only: Sequence[str] = ()) -> list[Step]:
        """Return all steps, trainings first; or only steps with one of `only` in their names, and those they need."""
        parts = (self.trainings, self.reviews, self.decays, self.gradients, self.evaluations)
        steps = [*([self.encoder] if self.encoder else []), *(step for part in parts for step in part.values())]
        if not only:
            return steps
        selected = [step for step in steps if any(part in step.name for part in only)]
        names = {need.name for step in selected for need in (*step.needs, *(n for s in step.needs for n in s.needs))}
        return [step for step in steps if step in selected or step.name in names]


def make_plan(arguments: ReproduceArguments) -> Plan:
    """Return the steps of a reproduction. This reads the datasets, but runs no step.

    Raises:
        GradexplainError: A dataset or the encoder cannot be loaded.
    """
    planner = _Planner(arguments)
    first = arguments.seeds[0]
    encoder = planner.encoder() if arguments.encoder else None
    trainings = {(setting, seed): planner.training(setting, seed) for setting in SETTINGS for seed in arguments.seeds}
    others = [Setting(model, "imdb") for model in POOLINGS if model != "bilstm"]
    trainings |= {(setting, first): planner.training(setting, first) for setting in others}
    if encoder is not None:
        fine_tuned = [Setting(model, dataset) for model in ENCODER for dataset in DATASETS]
        trainings |= {(setting, first): planner.training(setting, first, encoder) for setting in fine_tuned}
    evaluated = [(setting, seed, "main") for setting in SETTINGS for seed in arguments.seeds]
    evaluated += [(setting, first, name) for setting in SETTINGS for name in ABLATIONS]
    evaluated += [(setting, first, "chosen") for setting, _ in trainings if setting not in SETTINGS]
    if encoder is not None and arguments.encoder_precision != "no":
        evaluated.append((FLOAT32_SETTING, first, "float32"))
    measured = [(setting, seed) for setting, seed in trainings if setting.model == "fasttext"]
    measured += [(setting, first) for setting in SETTINGS if setting.model != "fasttext" and setting.dataset == "imdb"]
    reviewed = [(setting, seed) for setting, seed in trainings if setting.dataset == "imdb"]
    return Plan(
        trainings=trainings,
        evaluations={key: planner.evaluation(*key, trainings[key[:2]]) for key in evaluated},
        decays={model: planner.decay(trainings[Setting(model, "imdb"), first]) for model in POOLINGS},
        reviews={(setting.model, seed): planner.review(trainings[setting, seed]) for setting, seed in reviewed},
        gradients={key: planner.gradients(key[0], trainings[key]) for key in measured},
        encoder=encoder,
    )


class _Planner:
    """Creates the steps from the arguments."""

    def __init__(self, arguments: ReproduceArguments) -> None:
        self.arguments, self.output_dir = arguments, Path(arguments.output_dir)
        self.sources = {name: f"{arguments.data}/{name}" if arguments.data else HUB_DATASETS[name] for name in DATASETS}
        self.rows = row_fingerprints(self.sources)

    def encoder(self) -> Step:
        """Return the step that copies the encoder."""
        source, target = encoder_folder(), self.output_dir / NAME
        inputs = {"weights": sha256_of(source / "model.safetensors")}
        return Step("encoder", target, inputs, partial(copy_encoder, source, target))

    def training(self, setting: Setting, seed: int, encoder: Step | None = None) -> Step:
        """Return the step that trains a model and writes its card, for the first seed with faithfulness."""
        folder = self.output_dir / f"seed{seed}" / setting.name
        measures_faithfulness = seed == self.arguments.seeds[0] and self.arguments.cards is not None
        flags = {
            "dataset_name": self.sources[setting.dataset],
            "dataset_source": HUB_DATASETS[setting.dataset],
            "output_dir": folder,
            "license": "apache-2.0",
            "seed": seed,
            "max_train_samples": self.arguments.encoder_rows if encoder else self.arguments.train_rows,
            "max_eval_samples": self.arguments.encoder_rows if encoder else self.arguments.eval_rows,
            "model_name_or_path": encoder.output if encoder else None,
            "faithfulness_samples": None if measures_faithfulness else 0,
        }
        options = [f"--{name}={value}" for name, value in flags.items() if value is not None]
        arguments = parse_arguments(TrainRecipeArguments, [str(_config(setting)), *options])
        inputs = {**inputs_of(arguments), "rows": self.rows[setting.dataset]}
        needs = (encoder,) if encoder else ()
        return Step(f"train/seed{seed}/{setting.name}", folder, inputs, partial(run_train_step, arguments), needs)

    def evaluation(self, setting: Setting, seed: int, name: str, training: Step) -> Step:
        """Return the step that evaluates a model on the test texts of its dataset."""
        folder = self.output_dir / f"seed{seed}" / f"{setting.name}-{name}"
        grid = self.arguments.encoder_k_grid if setting == Setting("minilm", "imdb") else ()
        arguments = EvaluateRecipeArguments(
            model_name_or_path=str(training.output),
            dataset_name=self.sources[setting.dataset],
            output_dir=str(folder),
            max_samples=self._texts(setting, name),
            methods=affordable() if name == "chosen" else PAPER_METHODS,
            baseline="zero",
            steps=20,
            random_orders=0,
            both_ends=name == "chosen" and setting in SETTINGS,
            k_grid=grid,
            mixed_precision=self.arguments.encoder_precision
            if setting.model in ENCODER and name != "float32"
            else "no",
            **ABLATIONS.get(name, {}),  # type: ignore[arg-type]
        )
        inputs = {**inputs_of(arguments), "rows": self.rows[setting.dataset]["test"]}
        return Step(
            f"evaluate/seed{seed}/{setting.name}-{name}",
            folder,
            inputs,
            partial(run_evaluate_step, arguments),
            (training,),
        )

    def decay(self, training: Step) -> Step:
        """Return the step that measures gradient decay on reviews."""
        path = training.output.with_name(f"{training.output.name}-decay.parquet")
        texts, source = self.arguments.decay_texts, self.sources["imdb"]
        inputs = {"texts": texts, "rows": self.rows["imdb"]["test"]}
        work = partial(measure_decay, str(training.output), source, texts, path)
        return Step(training.name.replace("train", "decay", 1), path, inputs, work, (training,))

    def gradients(self, setting: Setting, training: Step) -> Step:
        """Return the step that measures gradients by word frequency: on all texts with FastText, else on a sample."""
        path = training.output.with_name(f"{training.output.name}-gradients.parquet")
        texts = self.arguments.texts if setting.model == "fasttext" else self.arguments.decay_texts
        inputs = {"texts": texts, "rows": self.rows[setting.dataset]["test"]}
        work = partial(measure_gradients, str(training.output), self.sources[setting.dataset], texts, path)
        return Step(training.name.replace("train", "gradients", 1), path, inputs, work, (training,))

    def review(self, training: Step) -> Step:
        """Return the step that explains the example review."""
        path = training.output.with_name(f"{training.output.name}-review.json")
        work = partial(explain_review, str(training.output), path)
        return Step(training.name.replace("train", "review", 1), path, {}, work, (training,))

    def _texts(self, setting: Setting, name: str) -> int | None:
        """Return the number of texts on which a model is evaluated; smaller samples are parts of larger samples."""
        arguments = self.arguments
        if setting.model in ENCODER:
            texts = arguments.encoder_imdb_texts if setting.dataset == "imdb" else arguments.encoder_texts
            return min(arguments.encoder_float32_texts, texts) if name == "float32" else texts
        if name != "main":
            return (setting.dataset == "imdb" and arguments.imdb_sample) or arguments.sample
        return arguments.bilstm_imdb_texts if setting == Setting("bilstm", "imdb") else arguments.texts


def _config(setting: Setting) -> Path:
    return CONFIGS / f"train_{setting.dataset}_{setting.model}.yaml"
