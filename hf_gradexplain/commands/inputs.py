"""Load the model and the texts that the arguments name, or make the generated corpus and its model."""

import json
import shutil
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import set_seed
from datasets import Dataset, IterableDataset

from hf_gradexplain.commands.class_labels import PREDICTED, NoClassError, hint_at_predicted_classes, to_classes
from hf_gradexplain.commands.rationales import to_rationales
from hf_gradexplain.commands.recipe_arguments import EvaluateRecipeArguments
from hf_gradexplain.corpus import CorpusError, load_texts, stream_texts
from hf_gradexplain.corpus.columns import NoLabelsError
from hf_gradexplain.corpus.load import count_rows
from hf_gradexplain.corpus.synthetic import SyntheticCorpus, make_corpus
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.errors import GradexplainError, one_line, translate_errors
from hf_gradexplain.hub.provenance import public_name, resolve
from hf_gradexplain.models import FastTextConfig, FastTextForSequenceClassification, train_word_tokenizer
from hf_gradexplain.options.arguments import LoadOptions, load_options
from hf_gradexplain.run.evaluation_inputs import EvaluationInputs
from hf_gradexplain.run.folder import document_paths
from hf_gradexplain.run.processes import device_of_process, process_state
from hf_gradexplain.training.task import infer_task
from hf_gradexplain.viz.terminal import say

STEPS = 40
"""Training steps of the model of the generated corpus."""

TRAINED_FROM = "trained_from.json"
"""The file next to the weights of this model that records how they were trained."""


def load_inputs(arguments: EvaluateRecipeArguments, output_dir: Path, *, one_process: bool = False) -> EvaluationInputs:
    """Load the model and the texts that the arguments name, or make the generated corpus and its model.

    Args:
        arguments: The recipe's arguments.
        output_dir: The folder of the run; the model of the generated corpus is saved there.
        one_process: Whether only this process calls the function, so that it does not wait for other processes.
    """
    if arguments.model_name_or_path is not None:
        return _named(arguments)
    return _embedded(arguments, output_dir, one_process=one_process)


def _named(arguments: EvaluateRecipeArguments) -> EvaluationInputs:
    """Return the classifier and the dataset that the arguments name."""
    if arguments.dataset_name is None:
        raise GradexplainError("--model_name_or_path needs a --dataset_name or a --file to evaluate on")
    how_to_load: LoadOptions = {**load_options(arguments), "device": device_of_process(arguments.device)}
    data = resolve(arguments.dataset_name, arguments.dataset_revision, "dataset")
    texts, without_labels = _texts(arguments, data.commit)
    texts = to_rationales(texts)
    engine = AttributionEngine.from_pretrained(str(arguments.model_name_or_path), **how_to_load)
    texts, note = _with_classes(texts, engine.class_names, arguments)
    notes = tuple(filter(None, (without_labels, note)))
    for each in notes if process_state().is_main_process else ():
        say(each)
    return EvaluationInputs(
        engine,
        texts,
        public_name(str(arguments.model_name_or_path)),
        f"{public_name(arguments.dataset_name)} ({arguments.split})",
        sample=_sample(arguments, texts, data.commit),
        source=_source(arguments) if arguments.streaming else {},
        notes=notes,
        provenances={**engine.provenances, "dataset": data},
    )


def _sample(arguments: EvaluateRecipeArguments, texts: Dataset | IterableDataset, revision: str | None) -> str:
    """Return which part of the split is evaluated; empty for all of it."""
    if not arguments.max_samples:
        return ""
    if isinstance(texts, IterableDataset):
        return "the first ones"
    if len(texts) < arguments.max_samples:
        return ""
    name, config = str(arguments.dataset_name), arguments.dataset_config_name
    return "a sample" if len(texts) < count_rows(name, config, arguments.split, revision) else ""


def _source(arguments: EvaluateRecipeArguments) -> dict[str, Any]:
    """Return what identifies the texts of a stream."""
    names = (
        "dataset_name",
        "dataset_config_name",
        "dataset_revision",
        "split",
        "text_column",
        "label_column",
        "label_map",
        "rationale_column",
        "rationale_mask_column",
        "max_samples",
    )
    source = {name: getattr(arguments, name) for name in names}
    return {"texts": "streamed", **source, "dataset_name": public_name(str(arguments.dataset_name))}


def _needs_labels(arguments: EvaluateRecipeArguments) -> bool:
    """Return whether labels are explained, or mapped to classes; otherwise they only serve for a comparison."""
    return arguments.target == "label" or arguments.label_map is not None


def _with_classes(
    texts: Dataset | IterableDataset, class_names: Sequence[str], arguments: EvaluateRecipeArguments
) -> tuple[Dataset | IterableDataset, str]:
    """Replace labels by ids of classes; drop labels that are no classes, unless they are needed. Return a note, too."""
    if len(class_names) == 1 and arguments.target != "label" and "label" in texts.features:
        return texts.remove_columns("label"), "Labels are left out: the model has one output and no classes."
    try:
        otherwise = PREDICTED if arguments.target == "label" else "leave out --label_map"
        return to_classes(texts, class_names, arguments.label_map, otherwise)
    except NoClassError as error:
        if _needs_labels(arguments):
            raise
        mapping = f"; to compare them, {error.mapping}" if error.mapping else ""
        return texts.remove_columns("label"), f"{_NOT_COMPARED}{error.problem}{mapping}."


_NOT_COMPARED = "Predictions are not compared with labels: "


def _texts(arguments: EvaluateRecipeArguments, revision: str | None) -> tuple[Dataset | IterableDataset, str]:
    """Load the texts with their labels. If labels are not needed and cannot be used, return a note that says why."""
    if _needs_labels(arguments):
        with hint_at_predicted_classes() if arguments.target == "label" else nullcontext():
            return _load(arguments, revision, arguments.label_column), ""
    try:
        labelled, problem = _load(arguments, revision, arguments.label_column), "those of a stream are not read"
    except NoLabelsError:
        return _load(arguments, revision, None), ""
    except CorpusError as error:
        labelled, problem = None, str(error)
    if isinstance(labelled, Dataset):
        return labelled, ""
    return _load(arguments, revision, None), f"{_NOT_COMPARED}{problem}."


def _load(
    arguments: EvaluateRecipeArguments, revision: str | None, label_column: str | None
) -> Dataset | IterableDataset:
    name = str(arguments.dataset_name)
    if arguments.streaming:
        return stream_texts(
            name,
            config=arguments.dataset_config_name,
            split=arguments.split,
            text_column=arguments.text_column,
            label_column=label_column,
            rationale_column=arguments.rationale_column,
            rationale_mask_column=arguments.rationale_mask_column,
            conversations=True,
            revision=revision,
            max_samples=arguments.max_samples,
        )
    return load_texts(
        name,
        config=arguments.dataset_config_name,
        split=arguments.split,
        text_column=arguments.text_column,
        label_column=label_column,
        rationale_column=arguments.rationale_column,
        rationale_mask_column=arguments.rationale_mask_column,
        conversations=True,
        revision=revision,
        max_samples=arguments.max_samples,
        seed=arguments.seed,
    )


def _embedded(arguments: EvaluateRecipeArguments, output_dir: Path, *, one_process: bool) -> EvaluationInputs:
    """Return the generated corpus and a FastText model trained on it."""
    if arguments.dataset_name is not None:
        raise GradexplainError("--dataset_name or --file needs a --model_name_or_path to evaluate")
    device = device_of_process(arguments.device)
    corpus, folder, state = make_corpus(arguments.seed), output_dir / "model", process_state()
    if state.is_main_process and not _is_trained(folder, arguments.seed):
        _train_fasttext(corpus, arguments.seed, folder)
    if not one_process:
        state.wait_for_everyone()
    texts = corpus.test
    if arguments.max_samples is not None:
        texts = texts.select(range(min(arguments.max_samples, len(texts))))
    return EvaluationInputs(
        AttributionEngine.from_pretrained(str(folder), device=device, dtype=arguments.dtype),
        texts,
        "FastText",
        "the generated corpus",
        sample="a sample" if len(texts) < len(corpus.test) else "",
        weight=corpus.weight,
        notes=("The corpus is generated, so the class that each word supports is known.",),
    )


def _is_trained(folder: Path, seed: int) -> bool:
    """Return whether the folder has the model of this seed, or the model that finished shards were made with.

    Raises:
        GradexplainError: The folder has other files.
    """
    if not folder.exists():
        return False
    record = folder / TRAINED_FROM
    if not record.exists():
        raise GradexplainError(
            f"{folder} holds something other than the model of the generated corpus and would be overwritten: "
            "give another --output_dir, or delete it"
        )
    with translate_errors(
        lambda error: f"cannot read {record} ({one_line(error, 200)}): delete {folder} to train the model again",
        *(OSError, ValueError, RecursionError),
    ):
        recipe = json.loads(record.read_text(encoding="utf-8"))
    return recipe == _recipe(seed) or bool(document_paths(folder.parent))


def _recipe(seed: int) -> dict[str, int]:
    return {"seed": seed, "steps": STEPS}


def _train_fasttext(corpus: SyntheticCorpus, seed: int, folder: Path) -> None:
    """Train with all texts in one batch, which takes a second, and save atomically to `folder`."""
    set_seed(seed)
    tokenizer = train_word_tokenizer(corpus.train["text"], vocab_size=5000)
    config = FastTextConfig(vocab_size=len(tokenizer), hidden_size=50, **infer_task(corpus.train).config())
    model = FastTextForSequenceClassification(config).train()
    batch = tokenizer(corpus.train["text"][:], padding=True, return_tensors="pt")
    labels, optimizer = torch.tensor(corpus.train["label"][:]), torch.optim.AdamW(model.parameters(), lr=0.03)
    for _ in range(STEPS):
        optimizer.zero_grad()
        model(**batch, labels=labels).loss.backward()
        optimizer.step()
    unfinished = folder.with_name(f".{folder.name}.part")
    model.save_pretrained(unfinished)
    tokenizer.save_pretrained(unfinished)
    (unfinished / TRAINED_FROM).write_text(json.dumps(_recipe(seed)), encoding="utf-8")
    if folder.exists():
        shutil.rmtree(folder)
    unfinished.rename(folder)
