"""Measure the effect of masked fine-tuning: train models with and without it, and compare them.

python -m recipes.masked_fine_tuning --data FOLDER_OF_DATASETS
python -m recipes.masked_fine_tuning --data FOLDER_OF_DATASETS --models minilm --seeds 0

Every training and every measurement is a step, see `recipes.common.task_ledger`, so the same command resumes a stopped
run, and refuses steps that were made with other arguments or other texts. All models of a dataset are measured on the
same test texts. The table has the mean of each number over texts and seeds, and the difference between the second and
the first training with its 95 % interval over texts, see `compare`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from hf_gradexplain import Explainer
from hf_gradexplain.audit.in_distribution import LEVEL, in_distribution
from hf_gradexplain.audit.sanity.rank_agreement import mean_of_defined, spearman_by_text
from hf_gradexplain.commands.parsing import exit_on_error, parse_arguments
from hf_gradexplain.commands.recipe_arguments import TrainRecipeArguments
from hf_gradexplain.corpus import load_texts
from hf_gradexplain.errors import GradexplainError, choose
from hf_gradexplain.evaluation.aopc import document_aopc
from hf_gradexplain.evaluation.documents import iterate_documents
from hf_gradexplain.evaluation.random_band import with_mean_random
from hf_gradexplain.options.fields import option
from hf_gradexplain.run.evaluation import Evaluation
from hf_gradexplain.run.processes import flush_denormals
from recipes.common.encoder import encoder_folder
from recipes.common.paired import Values, compare, mcnemar
from recipes.common.running import inputs_of, quietly, row_fingerprints, run_train_step, sha256_of
from recipes.common.task_ledger import Ledger, Step

CONFIGS = Path(__file__).parent / "configs"
TRAININGS: dict[str, dict[str, Any]] = {
    "plain": {"word_dropout": 0},
    "masked": {"word_dropout": 0, "masked_fine_tuning": True},
    "word_dropout": {},
}
"""For each training, by name: its changes to the shipped configuration of the model."""

SHARES = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)
"""The shares of masked words at which it is tested whether texts are in distribution."""

K_GRID = (0, 1, 2, 3, 5, 7, 10, 15, 25, 40, 60, 100, 200, 400)
"""Numbers of removed words at which curves are computed, linear in between; with a shortcut, exact everywhere."""


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
    epochs: float | None = option(None, "Passes over the training texts; by default as configured.")
    max_length: int | None = option(None, "Number of tokens after which a text is cut; by default as configured.")
    eval_rows: int | None = option(
        None, "Use a random sample of this many test texts, for accuracies and for explanations; by default all."
    )
    methods: tuple[str, ...] = option(
        ("signed_gi", "integrated_gradients"), "Attribution methods to compare, in addition to loo and random."
    )
    texts: int = option(300, "Measure explanations on this many texts of the test split; 0 for accuracies only.")
    reference: int = option(300, "Compare masked texts with this many other texts of the test split.")
    encoder: str | None = option(
        None, "Folder of the pretrained encoder for minilm; by default that of the installed package.", metavar="FOLDER"
    )

    def __post_init__(self) -> None:
        needed = self.texts + self.reference
        if self.texts and self.eval_rows is not None and self.eval_rows < needed:
            raise GradexplainError(
                f"eval_rows must be at least {needed}, for {self.texts} texts and {self.reference} reference texts, "
                f"but is {self.eval_rows}"
            )


@dataclass(frozen=True)
class Case:
    """One training.

    Attributes:
        model: The name of the model's configuration.
        dataset: The dataset.
        training: The name of the training.
        seed: The seed of the training.
    """

    model: str
    dataset: str
    training: str
    seed: int

    def __str__(self) -> str:
        return f"{self.model}-{self.dataset}/{self.training}-{self.seed}"


def cases(arguments: Arguments) -> Iterator[Case]:
    """Yield the trainings of one seed after the other."""
    for seed in arguments.seeds:
        for model in arguments.models:
            for dataset in arguments.datasets:
                for training in arguments.trainings:
                    choose("training", training, TRAININGS)
                    yield Case(model, dataset, training, seed)


def training_arguments(case: Case, arguments: Arguments) -> TrainRecipeArguments:
    """Return the arguments of a training: those of the shipped configuration, with the changes."""
    changes = dict(TRAININGS[case.training])
    config = str(CONFIGS / f"train_{case.dataset}_{case.model}.yaml")
    overrides, dropout = (
        parse_arguments(TrainRecipeArguments, [config]).config_overrides,
        changes.pop("word_dropout", None),
    )
    if overrides and dropout is not None:
        kept = [each for each in overrides.split(",") if not each.startswith("word_dropout=")]
        changes["config_overrides"] = ",".join([*kept, f"word_dropout={dropout}"])
    if case.model == "minilm":
        changes["model_name_or_path"] = arguments.encoder or encoder_folder(without="--models fasttext textcnn")
    given = {
        "dataset_name": Path(arguments.data, case.dataset),
        "output_dir": Path(arguments.output_dir, str(case)),
        "seed": case.seed,
        "max_train_samples": arguments.train_rows,
        "max_eval_samples": 64,  # `predict` computes the accuracy
        "num_train_epochs": arguments.epochs,
        "max_length": arguments.max_length,
        "faithfulness_samples": 0,
        **changes,
    }
    flags = [part for name, value in given.items() if value is not None for part in (f"--{name}", str(value))]
    return parse_arguments(TrainRecipeArguments, [config, *flags])


def load(case: Case, arguments: Arguments) -> tuple[Explainer, list[str], np.ndarray]:
    """Return a trained model and the test texts with their labels."""
    folder = str(Path(arguments.output_dir, str(case)))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    path = str(Path(arguments.data, case.dataset))
    rows = load_texts(path, split="test", max_samples=arguments.eval_rows, seed=0)
    order = np.random.default_rng(0).permutation(len(rows))
    texts, labels = rows["text"][:], np.array(rows["label"])
    return Explainer(model, tokenizer), [texts[i] for i in order], labels[order]


def predict(case: Case, arguments: Arguments) -> Values:
    """Return whether each test text is classified correctly."""
    explainer, texts, labels = load(case, arguments)
    predictions = [each.prediction for each in explainer(texts, "random")]
    return {"accuracy": (np.array(predictions) == labels).astype(float).tolist()}


def measure(case: Case, arguments: Arguments) -> Values:
    """Return the measurements of a trained model's explanations and of masked texts, by name."""
    explainer, texts, labels = load(case, arguments)
    n, methods = arguments.texts, ["random", "loo", *arguments.methods]
    result = explainer.evaluate(texts[:n], methods, "word", target="predicted", steps=20, k_grid=K_GRID)
    reference = texts[n : n + arguments.reference]
    masked = case.training == "masked"
    return {**faithfulness(result), **distribution(explainer, texts[:n], labels[:n], reference, masked=masked)}


def faithfulness(result: Evaluation) -> Values:
    """Return for each text the AOPC of each method minus that of random orders, and how far the methods agree."""
    documents = list(iterate_documents(result.documents))
    figures: dict[str, list[float]] = {}
    for document in documents:
        curves = with_mean_random(document.curves, document.random_orders)
        for name, k in {"AOPC(10)": 10, "AOPC(all)": len(curves["loo"]) - 1}.items():
            aopc = {method: float(document_aopc(curve, k)[-1]) for method, curve in curves.items()}
            for method in set(aopc) - {"random"}:
                figures.setdefault(f"{name} of {method} less random", []).append(aopc[method] - aopc["random"])
    scores = [document.explanation.scores for document in documents]
    pairs = {
        f"Spearman of {a} and {b}": spearman_by_text([each[a] for each in scores], [each[b] for each in scores])
        for a, b in combinations([method for method in scores[0] if method != "random"], 2)
    }
    pairs["Spearman of all pairs of methods"] = mean_of_defined(list(pairs.values()))
    return {**dict(sorted(figures.items())), **{name: rho.tolist() for name, rho in pairs.items()}}


def distribution(
    explainer: Explainer, texts: Sequence[str], labels: np.ndarray, reference: Sequence[str], *, masked: bool
) -> Values:
    """Test each text with shares of its words masked: is it out of distribution, is the class right, how sure is it?

    Args:
        explainer: The model.
        texts: The `N` texts that are masked.
        labels: Their labels `(N,)`.
        reference: The reference texts.
        masked: Whether to mask words of half of the reference texts, which suits a model that was trained on such
            texts.
    """
    result = in_distribution(explainer, texts, reference, reference_masked=masked, shares=SHARES)
    figures = {}
    for i, share in enumerate(SHARES):
        figures |= {
            f"out of distribution, {share:.0%} masked": result.p[:, i] <= LEVEL,
            f"accuracy, {share:.0%} masked": result.prediction[:, i] == labels,
            f"confidence, {share:.0%} masked": result.confidence[:, i],
        }
    return {name: values.astype(float).tolist() for name, values in figures.items()}


class Steps(NamedTuple):
    """The steps of a training: training, accuracy and, unless `Arguments.texts` is 0, measurements of explanations."""

    train: Step
    predict: Step
    measure: Step | None


def steps_of(case: Case, arguments: Arguments, rows: Mapping[str, str]) -> Steps:
    """Return the steps of a training.

    Args:
        case: The training.
        arguments: The arguments of the recipe.
        rows: A hash of the texts of each split of the dataset, by the name of the split.
    """
    given = training_arguments(case, arguments)
    folder, encoder = Path(arguments.output_dir, str(case)), given.model_name_or_path
    if encoder and (weights := Path(encoder, "model.safetensors")).is_file():
        encoder = sha256_of(weights)
    inputs = {**inputs_of(given), "rows": rows["train"], "encoder": encoder}
    train = Step(f"train/{case}", folder, inputs, partial(run_train_step, given))
    tested = {"rows": rows["test"], "eval_rows": arguments.eval_rows}
    predicted = Step(f"predict/{case}", folder, tested, partial(predict, case, arguments), (train,))
    if not arguments.texts:
        return Steps(train, predicted, None)
    inputs = {**tested, **{name: getattr(arguments, name) for name in ("texts", "reference", "methods")}}
    work = partial(quietly, partial(measure, case, arguments))
    return Steps(train, predicted, Step(f"measure/{case}", folder, inputs, work, (train,)))


def main(arguments: Arguments) -> None:
    """Run the unfinished steps and print the tables."""
    hashes = row_fingerprints({name: str(Path(arguments.data, name)) for name in arguments.datasets})
    ledger = Ledger(Path(arguments.output_dir, "steps"))
    steps = {case: steps_of(case, arguments, hashes[case.dataset]) for case in cases(arguments)}
    ledger.run_all([step for each in steps.values() for step in each if step is not None])
    values: dict[tuple[str, str], dict[str, list[Values]]] = {}
    for case, each in steps.items():
        results = [ledger.result(step) for step in (each.predict, each.measure) if step is not None]
        figures: Values = {"seconds": [ledger.seconds(each.train)], **dict(chain(*(made.items() for made in results)))}
        values.setdefault((case.model, case.dataset), {}).setdefault(case.training, []).append(figures)
    for (model, dataset), by_training in values.items():
        (a, first), *others = by_training.items()
        for b, second in others or [(a, first)]:
            print(f"\n{model} on {dataset}: {a} (first), {b} (second)")
            print(compare(first, second).to_string(float_format="{:.4f}".format))
            p = [mcnemar(x["accuracy"], y["accuracy"]) for x, y in zip(first, second, strict=True)]
            print("McNemar's p of the accuracy, by seed:", *(f"{each:.3f}" for each in p))


if __name__ == "__main__":
    flush_denormals()
    torch.set_num_threads(1)
    with exit_on_error():
        main(parse_arguments(Arguments))
