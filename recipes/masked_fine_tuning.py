"""Measure the effect of masked fine-tuning: train models with and without it, and compare them.

python recipes/masked_fine_tuning.py --data FOLDER_OF_DATASETS
python recipes/masked_fine_tuning.py --data FOLDER_OF_DATASETS --models minilm --encoder FOLDER --seeds 0

Every training and every measurement leaves a file in output_dir, so the same command resumes a stopped run. The table
has the mean over the seeds for each kind of training, and the mean difference with its 95 % t-interval over seeds.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy import stats

from hf_gradexplain import Explainer
from hf_gradexplain.audit.in_distribution import in_distribution
from hf_gradexplain.commands.parsing import exit_on_error, parse_arguments
from hf_gradexplain.commands.recipe_arguments import TrainRecipeArguments
from hf_gradexplain.commands.train import run_training
from hf_gradexplain.corpus import load_texts
from hf_gradexplain.errors import choose
from hf_gradexplain.files import atomic_write_text
from hf_gradexplain.options.fields import option
from hf_gradexplain.run.evaluation import Evaluation
from hf_gradexplain.run.processes import flush_denormals
from hf_gradexplain.viz.terminal import say

CONFIGS = Path(__file__).parent / "configs"
TRAININGS: dict[str, dict[str, Any]] = {
    "plain": {"word_dropout": 0},
    "masked": {"word_dropout": 0, "masked_fine_tuning": True},
    "word_dropout": {},
}
"""By name of a training, what differs from the shipped configuration of the model."""

SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
"""The shares of masked words at which texts are tested for being in distribution."""


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Compare models that were trained with and without masked fine-tuning."""

    data: str = option("data", "Folder with the datasets ag_news/ and imdb/.", metavar="FOLDER")
    output_dir: str = option("outputs/masked_fine_tuning", "Folder for models and results.", metavar="FOLDER")
    models: tuple[str, ...] = option(("fasttext", "textcnn"), "Models, by the names of their configurations.")
    datasets: tuple[str, ...] = option(("ag_news", "imdb"), "Datasets.")
    trainings: tuple[str, ...] = option(("plain", "masked"), f"Trainings to compare, of {', '.join(TRAININGS)}.")
    seeds: tuple[int, ...] = option((0, 1, 2), "Every model is trained once per seed.")
    train_rows: int | None = option(None, "Train on a random sample of this many texts; by default as configured.")
    eval_rows: int | None = option(None, "Compute accuracies on a random sample of this many texts; by default all.")
    max_length: int | None = option(None, "Number of tokens after which a text is cut; by default as configured.")
    methods: tuple[str, ...] = option(
        ("signed_gi", "integrated_gradients"), "Attribution methods to compare, beside loo and random."
    )
    texts: int = option(300, "Measure explanations on this many texts of the test split.")
    reference: int = option(300, "Compare masked texts with this many other texts of the test split.")
    train_only: bool = option(False, "Train the models, and measure nothing.")
    encoder: str | None = option(None, "Folder of the pretrained encoder for minilm.", metavar="FOLDER")


@dataclass(frozen=True)
class Case:
    """One training.

    Attributes:
        model: The name of the model's configuration.
        dataset: The dataset.
        training: The name of the training.
        seed: Its seed.
    """

    model: str
    dataset: str
    training: str
    seed: int

    def __str__(self) -> str:
        return f"{self.model}-{self.dataset}/{self.training}-{self.seed}"


def cases(arguments: Arguments) -> Iterator[Case]:
    """Yield the trainings, those of a seed together."""
    for seed in arguments.seeds:
        for model in arguments.models:
            for dataset in arguments.datasets:
                for training in arguments.trainings:
                    choose("training", training, TRAININGS)
                    yield Case(model, dataset, training, seed)


def train(case: Case, arguments: Arguments) -> dict[str, float]:
    """Train a model and return its metrics."""
    changes = dict(TRAININGS[case.training])
    config = str(CONFIGS / f"train_{case.dataset}_{case.model}.yaml")
    overrides, dropout = (
        parse_arguments(TrainRecipeArguments, [config]).config_overrides,
        changes.pop("word_dropout", None),
    )
    if overrides and dropout is not None:
        kept = [each for each in overrides.split(",") if not each.startswith("word_dropout=")]
        changes["config_overrides"] = ",".join([*kept, f"word_dropout={dropout}"])
    given = {
        "dataset_name": Path(arguments.data, case.dataset),
        "output_dir": Path(arguments.output_dir, str(case)),
        "seed": case.seed,
        "max_train_samples": arguments.train_rows,
        "max_eval_samples": arguments.eval_rows,
        "max_length": arguments.max_length,
        "model_name_or_path": arguments.encoder if case.model == "minilm" else None,
        "faithfulness_samples": 0,
        **changes,
    }
    flags = [part for name, value in given.items() if value is not None for part in (f"--{name}", str(value))]
    return dict(run_training(parse_arguments(TrainRecipeArguments, [config, *flags])))


def measure(case: Case, arguments: Arguments) -> dict[str, float]:
    """Return figures of a trained model's explanations and masked texts, by name."""
    torch.manual_seed(0)
    explainer = Explainer.from_pretrained(str(Path(arguments.output_dir, str(case))))
    n = arguments.texts + arguments.reference
    rows = load_texts(str(Path(arguments.data, case.dataset)), split="test", max_samples=n, seed=0)
    texts, labels = rows["text"][:], rows["label"][: arguments.texts]
    methods = ["random", "loo", *arguments.methods]
    result = explainer.evaluate(texts[: arguments.texts], None, methods, "word", target="predicted", steps=20)
    return faithfulness(result) | distribution(explainer, texts, labels, masked=case.training == "masked")


def faithfulness(result: Evaluation) -> dict[str, float]:
    """Return the AOPC of each method less that of random orders, and how far the methods agree."""
    aopc = result.aopc.pivot(index="k", columns="method", values="aopc")
    figures = {}
    for name, at in {"AOPC(10)": aopc.loc[10], "AOPC(all)": aopc.iloc[-1]}.items():
        figures |= {f"{name} of {method}": value for method, value in at.items()}
        figures |= {f"{name} of {method} less random": value for method, value in (at - at["random"]).items()}
    agreement: dict[str, list[float]] = {}
    for explanation in result.explanations:
        for a, b in combinations([method for method in explanation.scores if method != "random"], 2):
            ranks = [stats.rankdata(explanation.scores[method]) for method in (a, b)]
            if all(len(set(each)) > 1 for each in ranks):
                agreement.setdefault(f"Spearman of {a} and {b}", []).append(np.corrcoef(*ranks)[0, 1])
    return figures | {name: float(np.median(rho)) for name, rho in agreement.items()}


def distribution(
    explainer: Explainer, texts: Sequence[str], labels: Sequence[int], *, masked: bool
) -> dict[str, float]:
    """Return the share of texts out of distribution, the accuracy and the confidence, by share of masked words.

    Args:
        explainer: The model.
        texts: The texts that are masked, and after them the reference texts.
        labels: The labels of the former.
        masked: Whether the model was trained with masked words.
    """
    figures, tested, reference = {}, texts[: len(labels)], texts[len(labels) :]
    results = {
        also: in_distribution(explainer, tested, reference, reference_masked=also, shares=SHARES)
        for also in {False, masked}
    }
    for name, result in {"whole texts": results[False], "its training": results[masked]}.items():
        right = (result.prediction == np.array(labels)[:, None]).mean(0)
        for row, accuracy in zip(result.to_frame().itertuples(), right, strict=True):
            figures[f"out of the distribution of {name}, {row.share:.0%} masked"] = row.out_of_distribution
            figures[f"accuracy, {row.share:.0%} masked"] = accuracy
            figures[f"confidence, {row.share:.0%} masked"] = row.confidence
    return figures


def once(path: Path, work: Callable[[], dict[str, float]]) -> dict[str, float]:
    """Return the content of a JSON file, which is made first if it is not there."""
    if not path.exists():
        say(f"Making {path}")
        with redirect_stdout(sys.stderr):
            result = work()
        atomic_write_text(path, json.dumps(result, indent=1))
    content: dict[str, float] = json.loads(path.read_text(encoding="utf-8"))
    return content


def compare(figures: pd.DataFrame) -> pd.DataFrame:
    """Return the mean of each figure per training, and the difference of the second training from the first.

    Args:
        figures: One row per training and seed, indexed by both.
    """
    means = figures.groupby("training", sort=False).mean().T
    if len(means.columns) > 1:
        first, second = (figures.xs(name, level="training") for name in means.columns[:2])
        difference = (second - first).dropna(how="all")
        means["difference"] = difference.mean()
        if len(difference) > 1:
            interval = stats.ttest_1samp(difference, 0).confidence_interval()
            means["low"], means["high"] = interval.low, interval.high
    return means


def main(arguments: Arguments) -> None:
    """Run the unfinished steps and print the tables."""
    rows = {}
    for case in cases(arguments):
        folder = Path(arguments.output_dir, str(case))
        figures = once(folder / "metrics.json", partial(train, case, arguments))
        if not arguments.train_only:
            figures |= once(folder / "measures.json", partial(measure, case, arguments))
        rows[case.model, case.dataset, case.training, case.seed] = figures
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis(index=["model", "dataset", "training", "seed"])
    for (model, dataset), part in table.groupby(["model", "dataset"], sort=False):
        figures = part.droplevel(["model", "dataset"]).dropna(axis=1, how="all")
        print(f"\n{model} on {dataset}\n{compare(figures).to_string(float_format='{:.4f}'.format)}")


if __name__ == "__main__":
    flush_denormals()
    torch.set_num_threads(1)
    with exit_on_error():
        main(parse_arguments(Arguments))
