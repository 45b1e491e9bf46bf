"""Make the content of a card from a finished training."""

from dataclasses import fields
from pathlib import Path

from hf_gradexplain.cards.card import Card, Corpus
from hf_gradexplain.hub.provenance import public_name
from hf_gradexplain.models import MODELS
from hf_gradexplain.run.fingerprints import texts_fingerprint, versions
from hf_gradexplain.training.arguments import FitArguments, TrainArguments
from hf_gradexplain.training.masked import FULLY_MASKED
from hf_gradexplain.training.pairs import Reward
from hf_gradexplain.training.task import Task
from hf_gradexplain.training.train import Trained

PACKAGES = ("hf_gradexplain", "torch", "transformers")
DECIMALS = 6


def describe(
    trained: Trained,
    arguments: TrainArguments,
    *,
    repo_id: str | None = None,
    remote_code: bool = False,
    license: str | None = None,
    dataset_source: str | None = None,
) -> Card:
    """Return the card of a trained model, without measurements of its explanations.

    The card contains only the last part of local paths.

    Args:
        trained: The result of the training.
        arguments: The arguments of the training.
        repo_id: The future name of the model on the hub; None if it is not pushed.
        remote_code: Whether the code of its architecture is saved with the weights.
        license: The identifier of its licence.
        dataset_source: If the local files are a copy or a part of a dataset on the hub, the name of this dataset.
    """
    model, software, base = trained.model, versions(), trained.provenances.get("base model")
    return Card(
        kind=trained.task.kind,
        title=Path(arguments.output_dir).resolve().name if repo_id is None else repo_id.rpartition("/")[2],
        repo_id=repo_id,
        model_type=model.config.model_type,
        ours=type(model.config) in MODELS,
        remote_code=remote_code,
        parameters=model.num_parameters(),
        base=None if base is None else public_name(base.name),
        base_on_hub=base is not None and base.commit is not None,
        base_commit=None if base is None else base.commit,
        license=license,
        corpus=_corpus(trained, arguments, dataset_source),
        classes=list(trained.task.names),
        metrics={name: round(trained.metrics[name], DECIMALS) for name in trained.task.metric_names},
        settings=settings_of(arguments) | _masking(trained, arguments),
        limits=_limits(trained, arguments),
        versions={name: software[name] for name in PACKAGES},
    )


def _corpus(trained: Trained, arguments: TrainArguments, source: str | None) -> Corpus:
    data = trained.provenances["dataset"]
    return Corpus(
        name=source or public_name(data.name),
        on_hub=source is not None or data.commit is not None,
        commit=data.commit,
        config=arguments.dataset_config_name,
        text_column=arguments.text_column,
        label_column=arguments.label_column if "label" in trained.train_rows.column_names else None,
        train_split=arguments.train_split,
        train_rows=len(trained.train_rows),
        train_sha256=texts_fingerprint(trained.train_rows),
        eval_split=arguments.eval_split,
        eval_rows=len(trained.eval_rows),
        eval_sha256=texts_fingerprint(trained.eval_rows),
    )


def settings_of(arguments: TrainArguments) -> dict[str, str]:
    """Return the settings that, with the data, reproduce a training, by name."""
    settings = {}
    if arguments.model_type:
        lowercase = ", lower-cased" if arguments.lowercase else ""
        vocabulary = f"words seen at least {arguments.min_count} times, at most {arguments.vocab_size:,}"
        settings["vocabulary"] = vocabulary + lowercase
        settings["configuration"] = arguments.config_overrides or "the defaults"
        settings["word vectors"] = public_name(arguments.word_vectors) if arguments.word_vectors else "none"
    fitting = {part.name: getattr(arguments, part.name) for part in fields(FitArguments)}
    return settings | {name: str(value) for name, value in fitting.items() if value is not None and value is not False}


def _masking(trained: Trained, arguments: TrainArguments) -> dict[str, str]:
    """Return how words were masked in the training, and how good the model is on texts with all words masked."""
    if not arguments.masked_fine_tuning:
        return {}
    name = trained.task.metric_names[0]
    without_words = trained.metrics[f"{FULLY_MASKED}{name}"]
    return {
        "masked_fine_tuning": "in each batch, half of the texts had 0 to 100 % of their words masked by the baseline "
        f"{arguments.masking_baseline or 'zero'} (Madsen et al. 2024). So the model was also trained on texts with "
        f"masked words, on which explanations are measured. With all words masked, its {name.replace('_', ' ')} is "
        f"{without_words:.4f}"
    }


def _limits(trained: Trained, arguments: TrainArguments) -> list[str]:
    limits = [
        f"It was trained on {len(trained.train_rows):,} rows. On texts of another kind, expect more errors than the "
        "results above show, even in predictions with a high probability.",
        _about_probabilities(trained.task),
    ]
    if arguments.model_type:
        limits.append("It cannot tell apart words that are not in its vocabulary.")
    if trained.model.config.model_type == "fasttext":
        limits.append("It ignores the order of the words.")
    if arguments.max_length:
        limits.append(f"It reads only the first {arguments.max_length:,} tokens of a text.")
    return limits


def _about_probabilities(task: Task) -> str:
    if isinstance(task, Reward):
        return "Its output is a reward: only the difference between the rewards of two texts has a meaning."
    if task.problem_type == "regression":
        return "Its output is a number without an interval: the size of the error is unknown."
    return (
        "Its probabilities were not calibrated: 0.9 does not mean that 90 % of the predictions with this probability "
        "are right."
    )
