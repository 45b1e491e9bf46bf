"""Measure what masked fine-tuning does: train each model with and without it, and compare.

python recipes/masked_fine_tuning.py --data FOLDER_OF_DATASETS
python recipes/masked_fine_tuning.py --data FOLDER_OF_DATASETS --models minilm --datasets ag_news --train_rows 2500

Every step leaves a file in output_dir; the same command goes on where it was stopped.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from sys import stderr
from typing import Any

import torch

from hf_gradexplain.commands.parsing import exit_on_error, parse_arguments
from hf_gradexplain.commands.recipe_arguments import TrainRecipeArguments
from hf_gradexplain.commands.train import run_training
from hf_gradexplain.files import atomic_write_text
from hf_gradexplain.option_fields import option
from hf_gradexplain.run.processes import flush_denormals
from hf_gradexplain.viz.terminal import say

CONFIGS = Path(__file__).parent / "configs"
TRAININGS: dict[str, dict[str, Any]] = {
    "plain": {"word_dropout": 0},
    "masked": {"word_dropout": 0, "masked_fine_tuning": True},
    "word_dropout": {},
}
"""The settings of a training that differ from the shipped configuration of its model, by name."""


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Compare models that were trained with and without masked fine-tuning."""

    data: str = option("/", "Folder with the datasets ag_news/ and imdb/.", metavar="FOLDER")
    output_dir: str = option("outputs/masked_fine_tuning", "Folder for models and results.", metavar="FOLDER")
    models: tuple[str, ...] = option(("fasttext", "textcnn"), "Models, by the names of their configurations.")
    datasets: tuple[str, ...] = option(("ag_news", "imdb"), "Datasets.")
    trainings: tuple[str, ...] = option(("plain", "masked"), f"Trainings to compare: {', '.join(TRAININGS)}.")
    seeds: tuple[int, ...] = option((0, 1, 2), "Every model is trained once per seed.")
    train_rows: int | None = option(None, "Train on a random sample of this many texts; by default as configured.")
    eval_rows: int | None = option(None, "Compute accuracies on a random sample of this many texts; by default all.")
    max_length: int | None = option(None, "Tokens after which a text is cut; by default as configured.")
    texts: int = option(300, "Measure explanations on this many texts.")
    encoder: str | None = option(None, "Folder of the pretrained encoder of minilm.", metavar="FOLDER")


@dataclass(frozen=True)
class Case:
    """One training."""

    model: str
    dataset: str
    training: str
    seed: int

    def folder(self, output_dir: str) -> Path:
        return Path(output_dir, f"{self.model}-{self.dataset}", f"{self.training}-{self.seed}")


def cases(arguments: Arguments) -> Iterator[Case]:
    """Yield the trainings, those of a seed together."""
    for seed in arguments.seeds:
        for model in arguments.models:
            for dataset in arguments.datasets:
                for training in arguments.trainings:
                    yield Case(model, dataset, training, seed)


def train(case: Case, arguments: Arguments, folder: Path) -> dict[str, float]:
    """Train a model and return its metrics."""
    settings = dict(TRAININGS[case.training])
    given = {
        "dataset_name": Path(arguments.data, case.dataset),
        "output_dir": folder,
        "seed": case.seed,
        "faithfulness_samples": 0,
        "max_train_samples": arguments.train_rows,
        "max_eval_samples": arguments.eval_rows,
        "max_length": arguments.max_length,
        "model_name_or_path": arguments.encoder if case.model == "minilm" else None,
    }
    config = CONFIGS / f"train_{case.dataset}_{case.model}.yaml"
    overrides = parse_arguments(TrainRecipeArguments, [str(config)]).config_overrides
    if overrides and "word_dropout" in settings:
        kept = [each for each in overrides.split(",") if not each.startswith("word_dropout")]
        given["config_overrides"] = ",".join([*kept, f"word_dropout={settings['word_dropout']}"])
    given |= {name: value for name, value in settings.items() if name != "word_dropout"}
    flags = [part for name, value in given.items() if value is not None for part in (f"--{name}", str(value))]
    return dict(run_training(parse_arguments(TrainRecipeArguments, [str(config), *flags])))


def once(path: Path, work: Callable[[], Any]) -> Any:
    """Return the content of a JSON file, which is made first if it is not there."""
    if not path.exists():
        say(f"Working on {path}")
        with redirect_stdout(stderr):
            result = work()
        atomic_write_text(path, json.dumps(result, indent=1))
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    flush_denormals()
    torch.set_num_threads(1)
    with exit_on_error():
        arguments = parse_arguments(Arguments)
        for case in cases(arguments):
            folder = case.folder(arguments.output_dir)
            metrics = once(folder / "metrics.json", lambda: train(case, arguments, folder))
            print(case, metrics)
