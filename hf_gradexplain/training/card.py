"""The card of a trained model: what it learnt from, how well, how to use it, what it cannot do."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import EvalResult, ModelCardData
from markupsafe import Markup
from transformers import PreTrainedModel

from hf_gradexplain.models import MODELS
from hf_gradexplain.training.arguments import FitArguments, TrainArguments
from hf_gradexplain.training.task import Task
from hf_gradexplain.viz.templating import MARKDOWN

_HUB_METRICS = {
    "accuracy": ("accuracy", "Accuracy", None),
    "macro_f1": ("f1", "Macro F1", {"average": "macro"}),
    "mse": ("mse", "Mean squared error", None),
}
"""Of each metric the identifier and the arguments that the hub knows it by, and its name for readers."""


def model_card(
    arguments: TrainArguments,
    model: PreTrainedModel,
    task: Task,
    metrics: Mapping[str, float],
    *,
    n_train: int,
    n_eval: int,
) -> str:
    """Render the card: YAML metadata with the results as `model-index`, then Markdown.

    Folders of this machine are named by their last part only. Every string from outside is escaped.

    Args:
        arguments: What was trained on what.
        model: The trained model.
        task: What the labels mean.
        metrics: The results on the evaluation split, by the names of `Task.metrics`.
        n_train: Texts that the model was trained on.
        n_eval: Texts that it was evaluated on.
    """
    title = Path(arguments.output_dir).resolve().name
    dataset, model_type = public_name(arguments.dataset_name), model.config.model_type
    base = arguments.model_name_or_path
    origin = f"fine-tuned from {public_name(base)}" if base else "trained from scratch"
    return MARKDOWN.get_template("model_card.md.jinja").render(
        metadata=Markup(yaml.safe_dump(_metadata(arguments, model_type, title, metrics), sort_keys=False)),
        title=title,
        summary=f"A text classifier ({model_type}, {model.num_parameters():,} weights), {origin} on {n_train:,} rows "
        f"of the split {arguments.train_split} of {dataset}.",
        dataset=dataset,
        eval_split=arguments.eval_split,
        n_eval=f"{n_eval:,}",
        metrics={_HUB_METRICS[name][1]: f"{value:.4f}" for name, value in metrics.items()},
        registers=type(model.config) in MODELS,
        model_type=model_type,
        facts=_facts(arguments, task, n_train),
        limits=_limits(arguments, model, n_train),
    )


def public_name(name: str) -> str:
    """Name a hub repository in full, but a folder or file of this machine by its last part only."""
    path = Path(name)
    return (path.resolve().stem if path.is_file() else path.resolve().name) if path.exists() else name


def _metadata(arguments: TrainArguments, model_type: str, title: str, metrics: Mapping[str, float]) -> dict[str, Any]:
    results = [
        EvalResult(
            task_type="text-classification",
            task_name="Text Classification",
            dataset_type=public_name(arguments.dataset_name),
            dataset_name=public_name(arguments.dataset_name),
            dataset_config=arguments.dataset_config_name,
            dataset_split=arguments.eval_split,
            dataset_revision=arguments.dataset_revision,
            metric_type=_HUB_METRICS[name][0],
            metric_name=_HUB_METRICS[name][1],
            metric_args=_HUB_METRICS[name][2],
            metric_value=round(value, 6),
        )
        for name, value in metrics.items()
    ]
    data = ModelCardData(
        library_name="transformers",
        pipeline_tag="text-classification",
        base_model=_hub_name(arguments.model_name_or_path),
        datasets=_hub_name(arguments.dataset_name),
        metrics=[_HUB_METRICS[name][0] for name in metrics],
        tags=["hf_gradexplain", model_type],
        model_name=title,
        eval_results=results,
    )
    return data.to_dict()


def _hub_name(name: str | None) -> str | None:
    return None if name is None or Path(name).exists() else name


def _facts(arguments: TrainArguments, task: Task, n_train: int) -> dict[str, str]:
    """List what it takes to train the model again."""
    facts = {
        "Data": f"{public_name(arguments.dataset_name)}, split {arguments.train_split}, {n_train:,} rows",
        "Columns": f"{arguments.text_column} → {arguments.label_column}",
        "Classes": ", ".join(task.names),
    }
    if arguments.model_type:
        facts["Vocabulary"] = f"words seen at least {arguments.min_count} times, at most {arguments.vocab_size:,}" + (
            ", lower-cased" if arguments.lowercase else ""
        )
        facts["Configuration"] = arguments.config_overrides or "the defaults"
    fitting = {f.name: getattr(arguments, f.name) for f in fields(FitArguments)}
    return facts | {name: str(value) for name, value in fitting.items() if value is not None}


def _limits(arguments: TrainArguments, model: PreTrainedModel, n_train: int) -> list[str]:
    limits = [
        f"It was trained on {n_train:,} rows; on texts of another kind than these expect it to be wrong more often "
        "than the results above say, and no less sure of itself."
    ]
    if arguments.model_type:
        limits.append("Words that are not in its vocabulary look all the same to it.")
    if model.config.model_type == "fasttext":
        limits.append("It does not know the order of the words.")
    if arguments.max_length:
        limits.append(f"It reads the first {arguments.max_length:,} tokens of a text and no more.")
    return limits
