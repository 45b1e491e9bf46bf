"""Train a classifier on labelled texts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any, cast

import numpy as np
import torch
from datasets import Dataset
from transformers import (
    DataCollatorWithPadding,
    EvalPrediction,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Trainer,
    TrainingArguments,
    set_seed,
)

from hf_gradexplain.corpus import has_splits, holds_conversations, load_texts, split_name
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.hub.provenance import Provenance, resolve
from hf_gradexplain.loading.weights import name_of_non_finite
from hf_gradexplain.training.arguments import FitArguments, TaskName, TrainArguments
from hf_gradexplain.training.masked import FULLY_MASKED, MaskingTrainer, WordMasks
from hf_gradexplain.training.pairs import reranking, reward
from hf_gradexplain.training.start import new_model, pretrained_model, read_limit
from hf_gradexplain.training.task import Task, infer_task

TASKS: dict[TaskName, Callable[..., Task]] = {"classifier": infer_task, "reward": reward, "reranker": reranking}


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained classifier, with its data and its results.

    Attributes:
        model: The classifier, in eval mode.
        tokenizer: Its tokenizer.
        task: The task that it was trained for.
        metrics: Its metrics on the evaluation split, see `Task.metrics`.
        train_rows: The training data.
        eval_rows: The evaluation data.
        provenances: The hub repositories and commits of the `dataset` and, for a fine-tuned model, of the `base model`.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    task: Task
    metrics: Mapping[str, float]
    train_rows: Dataset
    eval_rows: Dataset
    provenances: Mapping[str, Provenance]


def train(arguments: TrainArguments) -> Trained:
    """Train or fine-tune a classifier and evaluate it, without writing files.

    Raises:
        GradexplainError: The data or the model cannot be loaded, or the configuration is invalid.
    """
    data = resolve(arguments.dataset_name, arguments.dataset_revision, "dataset")
    train_rows = _load_rows(arguments, data, arguments.train_split, arguments.max_train_samples)
    eval_rows = _load_rows(arguments, data, arguments.eval_split, arguments.max_eval_samples)
    _check_unseen(arguments, train_rows, eval_rows)
    task, provenances = TASKS[arguments.task](train_rows, eval_rows), {"dataset": data}
    if arguments.label_smoothing_factor and not task.smooths_labels:
        raise GradexplainError(
            "label_smoothing_factor is for classifiers with one class per text, and for reward models; leave it out "
            "for regressions, for texts with several classes, and for rerankers"
        )
    set_seed(arguments.seed)
    if arguments.model_type:
        model, tokenizer = new_model(arguments, task, train_rows)
    else:
        model, tokenizer, base = pretrained_model(arguments, task)
        provenances |= base
    metrics = fit(model, tokenizer, task, train_rows, eval_rows, arguments)
    return Trained(model, tokenizer, task, metrics, train_rows, eval_rows, provenances)


def fit(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    task: Task,
    train_rows: Dataset,
    eval_rows: Dataset,
    arguments: FitArguments,
) -> dict[str, float]:
    """Fit the weights of a model in place and leave it in eval mode.

    Texts of similar length share a batch, padded to the longest. Files are written to a temporary folder only.

    Args:
        model: A model whose configuration holds `task.config()`.
        tokenizer: A tokenizer with a padding token.
        task: The task that the labels define.
        train_rows: The training data: the columns that `Task.encode` takes.
        eval_rows: The evaluation data, with the same columns.
        arguments: Options of the optimisation.

    Returns:
        The metrics on `eval_rows`, see `Task.metrics`. After masked fine-tuning also the metrics on the same texts with
        all words masked, whose names have the prefix `FULLY_MASKED`.

    Raises:
        GradexplainError: The training diverged: weights or outputs of the model are not finite.
    """
    max_length = arguments.max_length or read_limit(tokenizer, model)
    masks = _masks(model, tokenizer, max_length, arguments)
    tokenized = [_tokenize(rows, tokenizer, task, max_length, masks) for rows in (train_rows, eval_rows)]
    with TemporaryDirectory() as folder:
        trainer = (MaskingTrainer if masks else Trainer)(
            model=model,
            args=_training_arguments(arguments, folder),
            train_dataset=tokenized[0],
            eval_dataset=tokenized[1],
            processing_class=tokenizer,
            data_collator=task.collator(masks.pad if masks else DataCollatorWithPadding(tokenizer)),
            compute_loss_func=task.loss(arguments.label_smoothing_factor),
            compute_metrics=partial(_metrics, task),
            # Encoder-decoders return more than logits.
            preprocess_logits_for_metrics=lambda out, labels: task.outputs(out[0] if isinstance(out, tuple) else out),
        )
        if masks and isinstance(trainer, MaskingTrainer):
            trainer.mask_words(masks)
        trainer.train()
        if (weight := name_of_non_finite(model)) is not None:
            raise _diverged(f"weight {weight!r} is")
        metrics = trainer.evaluate()
    names = [f"{prefix}{name}" for prefix in ("", FULLY_MASKED) for name in task.metric_names]
    return {name: metrics[f"eval_{name}"] for name in names if f"eval_{name}" in metrics}


def _metrics(task: Task, outcome: EvalPrediction) -> dict[str, float]:
    outputs = np.asarray(outcome.predictions)
    if not np.isfinite(outputs).all():
        raise _diverged("the outputs on the evaluation split are")
    return task.metrics(outputs, np.asarray(outcome.label_ids))


def _diverged(what: str) -> GradexplainError:
    return GradexplainError(f"the training diverged ({what} not finite): give a smaller learning_rate")


def _masks(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, max_length: int | None, arguments: FitArguments
) -> WordMasks | None:
    """Return the object that masks words of the training texts; None without masked fine-tuning."""
    if not arguments.masked_fine_tuning:
        return None
    baseline = arguments.masking_baseline or "zero"
    return WordMasks(model, tokenizer, max_length=max_length, baseline=baseline, seed=arguments.seed)


def _check_unseen(arguments: TrainArguments, train_rows: Dataset, eval_rows: Dataset) -> None:
    """Check that no row is used for both training and evaluation: two slices of a split can overlap."""
    split, splits = split_name(arguments.train_split), has_splits(arguments.dataset_name)
    if splits and split_name(arguments.eval_split) != split:
        return
    shared = len(set(train_rows["id"]) & set(eval_rows["id"]))
    if shared:
        name = arguments.dataset_name
        source = f"split {split!r} of {name} is" if splits else f"{name} has no splits: it is"
        raise GradexplainError(
            f"{source} used for training and evaluation, and {shared:,} of its rows for both: give slices that do not "
            f"overlap, such as --train_split '{split}[:90%]' --eval_split '{split}[90%:]'"
        )


def _load_rows(arguments: TrainArguments, data: Provenance, split: str, max_samples: int | None) -> Dataset:
    return load_texts(
        arguments.dataset_name,
        config=arguments.dataset_config_name,
        split=split,
        text_column=arguments.text_column,
        label_column=arguments.label_column if arguments.task != "reward" else None,
        conversations=arguments.task == "reward",
        revision=data.commit,
        max_samples=max_samples,
        seed=arguments.seed,
    )


def _tokenize(
    rows: Dataset, tokenizer: PreTrainedTokenizerBase, task: Task, max_length: int | None, masks: WordMasks | None
) -> Dataset:
    conversations = holds_conversations(rows, "text")
    if conversations and not tokenizer.chat_template:
        raise GradexplainError(
            "the model's tokenizer has no chat template, which conversations need: name a model that has one, or a "
            "dataset of texts"
        )

    read: Any = partial(tokenizer.apply_chat_template, return_dict=True) if conversations else tokenizer
    plain = partial(read, truncation=max_length is not None, max_length=max_length)
    encode = partial(task.encode, tokenize=masks.tokenize if masks else plain)
    return rows.map(encode, batched=True, remove_columns=rows.column_names, desc="Tokenizing")


def _training_arguments(arguments: FitArguments, folder: str) -> TrainingArguments:
    return TrainingArguments(
        output_dir=folder,
        seed=arguments.seed,
        learning_rate=cast(float, arguments.learning_rate),
        num_train_epochs=arguments.num_train_epochs,
        per_device_train_batch_size=arguments.per_device_train_batch_size,
        per_device_eval_batch_size=arguments.per_device_eval_batch_size,
        weight_decay=arguments.weight_decay,
        label_smoothing_factor=arguments.label_smoothing_factor,
        train_sampling_strategy="group_by_length",
        logging_strategy="epoch",
        save_strategy="no",
        report_to="none",
        dataloader_pin_memory=torch.cuda.is_available(),
    )
