"""Train a model on the true labels and another on permuted labels, and compare their explanations of the same texts.

python recipes/label_randomisation.py recipes/configs/train_ag_news_textcnn.yaml --output_dir outputs/labels
python recipes/label_randomisation.py --model_name_or_path distilbert-base-uncased --dataset_name fancyzhx/ag_news \
    --output_dir outputs/labels

If a method explains what a model has learnt, its scores should change when there was nothing to learn (Adebayo et al.
2018, "Sanity checks for saliency maps", section 4). A third model is trained on the true labels, to show how far two
models that have learnt the same task agree. The second and third models have another seed than the first, because
models with the same initial weights stay similar. The arguments are those of recipes/train.py and a few more.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from datasets import Dataset
from rich.console import Console
from transformers import set_seed

from hf_gradexplain import Explainer
from hf_gradexplain.attribution.methods import check_names
from hf_gradexplain.audit.sanity.rank_agreement import spearman_by_text, summarise
from hf_gradexplain.commands.parsing import exit_on_error, parse_arguments
from hf_gradexplain.commands.recipe_arguments import TrainRecipeArguments
from hf_gradexplain.errors import GradexplainError, translate_write_errors
from hf_gradexplain.files import atomic_write, check_folder
from hf_gradexplain.options.fields import option
from hf_gradexplain.run.processes import flush_denormals
from hf_gradexplain.text.texts import texts_of
from hf_gradexplain.training.start import new_model, pretrained_model
from hf_gradexplain.training.train import Trained, fit, train
from hf_gradexplain.viz.terminal import say, summary_table


@dataclass(frozen=True, kw_only=True)
class LabelRandomisationArguments(TrainRecipeArguments):
    """Train on the true labels and on permuted labels, and compare the explanations of both models."""

    methods: tuple[str, ...] = option(
        ("loo", "sa_l2", "signed_gi", "integrated_gradients"), "Attribution methods to compare.", metavar="NAME"
    )
    explained_samples: int = option(200, "Explain this many evaluation texts, from the first one on.")

    def __post_init__(self) -> None:
        TrainRecipeArguments.__post_init__(self)
        check_names(self.methods)
        if self.explained_samples < 1:
            raise GradexplainError(
                f"explained_samples must be a number of texts, 1 or larger, but is {self.explained_samples}"
            )
        if self.task != "classifier":
            raise GradexplainError(f"permuted labels need a classifier, not a {self.task}: leave out --task")
        if self.push_to_hub or self.remote_code:
            raise GradexplainError("the models are not saved: leave out --push_to_hub and --remote_code")


def train_again(arguments: TrainRecipeArguments, trained: Trained, rows: Dataset) -> Explainer:
    """Train a new model on other rows with the same columns, and print its metrics."""
    set_seed(arguments.seed)
    if arguments.model_type:
        model, tokenizer = new_model(arguments, trained.task, rows)
    else:
        model, tokenizer, _ = pretrained_model(arguments, trained.task)
    say(f"on the evaluation labels: {fit(model, tokenizer, trained.task, rows, trained.eval_rows, arguments)}")
    return Explainer(model, tokenizer)


def permuted_labels(rows: Dataset, seed: int) -> Dataset:
    """Return rows with their labels in random order."""
    order = np.random.default_rng(seed).permutation(len(rows))
    labels = [rows["label"][int(i)] for i in order]
    return rows.remove_columns("label").add_column("label", labels, feature=rows.features["label"])


def accuracy(explainer: Explainer, rows: Dataset) -> float:
    """Return the share of rows whose label is predicted."""
    predictions = [each.prediction for each in explainer(texts_of(rows.to_dict()), "random")]
    return float(np.mean(np.array(predictions) == np.array(rows["label"])))


def compare_labels(arguments: LabelRandomisationArguments) -> pd.DataFrame:
    """Return Spearman's correlation with the first model's scores, a row per method and other model.

    The columns are

    - `method`; and `model`, trained on `permuted labels` or on the `same labels`;
    - `median` over texts, with its 95 % interval `ci_low`, `ci_high`;
    - `n` and `n_undefined`, the numbers of texts with and without a correlation;
    - `low` and `high`, the 10th and 90th percentile of the correlation over the texts.
    """
    trained = train(arguments)
    rows, seed, n = trained.train_rows, arguments.seed, arguments.explained_samples
    first, reseeded = Explainer(trained.model, trained.tokenizer), replace(arguments, seed=seed + 1)
    others = {
        "permuted labels": train_again(reseeded, trained, permuted_labels(rows, seed)),
        "same labels": train_again(reseeded, trained, rows),
    }
    some = rows.select(range(min(1000, len(rows))))
    fits = accuracy(others["permuted labels"], permuted_labels(rows, seed).select(range(len(some))))
    say(f"accuracy on training labels: {accuracy(first, some):.3f}, on permuted ones {fits:.3f}")
    texts = texts_of(trained.eval_rows.select(range(min(n, len(trained.eval_rows)))).to_dict())
    explained = first(texts, arguments.methods)
    classes, table = [each.target for each in explained], []
    for name, explainer in others.items():
        again = explainer(texts, arguments.methods, labels=classes)
        for method in arguments.methods:
            r = spearman_by_text([each.scores[method] for each in again], [each.scores[method] for each in explained])
            low, high = np.nanpercentile(r, (10, 90)) if not np.isnan(r).all() else (np.nan, np.nan)
            table.append({"method": method, "model": name, **summarise(r), "low": low, "high": high})
    return pd.DataFrame(table)


if __name__ == "__main__":
    flush_denormals()
    arguments = parse_arguments(LabelRandomisationArguments)
    with exit_on_error(), translate_write_errors(arguments.output_dir, instead="--output_dir"):
        check_folder(Path(arguments.output_dir))
        table = compare_labels(arguments)
        Console().print(summary_table(table, title="Spearman with the model that was trained on the labels"))
        with atomic_write(Path(arguments.output_dir, "label_randomisation.parquet")) as path:
            table.to_parquet(path, index=False)
