"""Train a classifier, write it with its card to a folder, and push it to the hub."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from accelerate import PartialState

from hf_gradexplain.cards import (
    Card,
    describe,
    example_method,
    explain_examples,
    measure_faithfulness,
    write_card,
)
from hf_gradexplain.commands.model_folder import NOT_ALWAYS_WRITTEN, check_no_foreign_files, save_model
from hf_gradexplain.commands.recipe_arguments import TrainRecipeArguments
from hf_gradexplain.corpus import holds_conversations
from hf_gradexplain.errors import GradexplainError, translate_write_errors
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.files import check_folder
from hf_gradexplain.hub.push import Destination, check_destination, push
from hf_gradexplain.training.train import Trained, train
from hf_gradexplain.viz.terminal import say

STALE = (*NOT_ALWAYS_WRITTEN, "model*.safetensors*", "*.bin", "configuration_*.py", "modeling_*.py")
"""Files of an earlier push that would be mistaken for part of this model."""


def run_training(arguments: TrainRecipeArguments) -> Mapping[str, float]:
    """Train or fine-tune, write model, tokenizer and card to `output_dir`, and push them with `push_to_hub`.

    The folder and the destination of a push are checked before the training. The model is saved before its
    explanations are measured.

    Returns:
        The metrics on the evaluation split, see `Task.metrics`.

    Raises:
        GradexplainError: The folder has files of the user that would be overwritten, the data, the model or its
            configuration cannot be loaded, or the model cannot be pushed.
    """
    destination = _destination(arguments)
    with translate_write_errors(arguments.output_dir, instead="--output_dir"):
        check_folder(Path(arguments.output_dir))
        check_no_foreign_files(Path(arguments.output_dir))
    trained = train(arguments)
    if PartialState().is_main_process:
        _publish(trained, arguments, destination)
    return trained.metrics


def _destination(arguments: TrainRecipeArguments) -> Destination | None:
    if not arguments.push_to_hub:
        return None
    name = arguments.hub_model_id or Path(arguments.output_dir).resolve().name
    return check_destination(name, "model", private=arguments.hub_private_repo)


def _publish(trained: Trained, arguments: TrainRecipeArguments, destination: Destination | None) -> None:
    folder, repo_id = Path(arguments.output_dir), None if destination is None else destination.repo_id
    card = describe(
        trained,
        arguments,
        repo_id=repo_id,
        remote_code=arguments.remote_code,
        license=arguments.license,
        dataset_source=arguments.dataset_source,
    )
    with translate_write_errors(folder, instead="--output_dir"):
        card, files = save_model(trained, card, folder, remote_code=arguments.remote_code)
    card = _add_faithfulness(card, trained, arguments)
    with translate_write_errors(folder, instead="--output_dir"):
        files = sorted({*files, *write_card(card, folder)})
    if destination is not None:
        _push(card, folder, files, destination)


def _push(card: Card, folder: Path, files: Sequence[str], destination: Destination) -> None:
    message = f"{card.title}, trained on {card.corpus.name}"
    try:
        pushed = push(destination, {file: folder / file for file in files}, message=message, replaces=STALE)
    except GradexplainError as error:
        command = f"hf upload {destination.repo_id} {folder}{' --private' if destination.private else ''}"
        raise GradexplainError(
            f"{error}. Nothing is lost: the model is in {folder}, and `{command}` pushes it without training again"
        ) from error
    say(f"Pushed: {pushed.url}")


def _add_faithfulness(card: Card, trained: Trained, arguments: TrainRecipeArguments) -> Card:
    """Return the card with the faithfulness of the model's explanations, or with the reason why there are none."""
    n, rows = arguments.faithfulness_samples, trained.task.single_inputs(trained.eval_rows)
    if holds_conversations(rows, "text"):
        return replace(card, not_measured="the texts are conversations")
    are_pairs = "text_pair" in rows.column_names
    texts = [arguments.example_text] if arguments.example_text and not are_pairs else []
    widget = [] if are_pairs else rows[: arguments.data_examples]["text"]
    try:
        explainer, faithfulness = Explainer(trained.model, trained.tokenizer), None
        if n:
            say(f"Measuring explanations on {min(n, len(rows)):,} texts; --faithfulness_samples 0 skips this")
            labelled = trained.task.problem_type == "single_label_classification"
            faithfulness = measure_faithfulness(explainer, rows, n, labelled=labelled, seed=arguments.seed)
        method = example_method(faithfulness, explainer.automatic.method)
        examples = explain_examples(explainer, [*texts, *widget], method)
    except GradexplainError as error:
        return replace(card, not_measured=f"the model cannot be explained ({error})")
    card = replace(card, examples=examples, widget=widget)
    return replace(card, faithfulness=faithfulness, not_measured="") if n else card
