"""From a finished training to what its card says."""

from dataclasses import fields
from pathlib import Path

from hf_gradexplain.cards.card import Card, Corpus
from hf_gradexplain.hub.provenance import public_name
from hf_gradexplain.models import MODELS
from hf_gradexplain.run.fingerprints import texts_fingerprint, versions
from hf_gradexplain.training import FitArguments, Task, TrainArguments, Trained

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
    """What is known of a model once it is trained; its explanations are not measured yet.

    Folders of this machine are named by their last part only.

    Args:
        trained: What came of the training.
        arguments: How it was trained.
        repo_id: Where on the hub it will be.
        remote_code: Whether the code of its architecture will lie beside its weights.
        license: Identifier of its licence.
        dataset_source: The hub name of the data set, where what was read is a copy of it, or of a part of it.
    """
    model, software, base = trained.model, versions(), trained.provenances.get("base model")
    return Card(
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
        metrics={name: round(value, DECIMALS) for name, value in trained.metrics.items()},
        settings=settings_of(arguments),
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
        label_column=arguments.label_column,
        train_split=arguments.train_split,
        train_rows=len(trained.train_rows),
        train_sha256=texts_fingerprint(trained.train_rows),
        eval_split=arguments.eval_split,
        eval_rows=len(trained.eval_rows),
        eval_sha256=texts_fingerprint(trained.eval_rows),
    )


def settings_of(arguments: TrainArguments) -> dict[str, str]:
    """What it takes to train a model again, beside its data, by name."""
    found = {}
    if arguments.model_type:
        found["vocabulary"] = f"words seen at least {arguments.min_count} times, at most {arguments.vocab_size:,}" + (
            ", lower-cased" if arguments.lowercase else ""
        )
        found["configuration"] = arguments.config_overrides or "the defaults"
        found["word vectors"] = public_name(arguments.word_vectors) if arguments.word_vectors else "none"
    fitting = {part.name: getattr(arguments, part.name) for part in fields(FitArguments)}
    return found | {name: str(value) for name, value in fitting.items() if value is not None}


def _limits(trained: Trained, arguments: TrainArguments) -> list[str]:
    limits = [
        f"It was trained on {len(trained.train_rows):,} rows; on texts of another kind expect it to be wrong more "
        "often than the results above say, and no less sure of itself.",
        _about_probabilities(trained.task),
    ]
    if arguments.model_type:
        limits.append("Words that are not in its vocabulary look all the same to it.")
    if trained.model.config.model_type == "fasttext":
        limits.append("It does not know the order of the words.")
    if arguments.max_length:
        limits.append(f"It reads the first {arguments.max_length:,} tokens of a text and no more.")
    return limits


def _about_probabilities(task: Task) -> str:
    if task.problem_type == "regression":
        return "Its answer is a number without an interval: it does not say how far it may be off."
    return "Its probabilities were not calibrated: 0.9 does not mean that nine of ten such answers are right."
