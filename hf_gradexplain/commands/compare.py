"""Evaluate the models that are compared, each in its own folder."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from hf_gradexplain.commands.evaluate import run_evaluation
from hf_gradexplain.commands.recipe_arguments import EvaluateRecipeArguments
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.run.folder import document_paths
from hf_gradexplain.viz.terminal import say


def run_folders(
    a: str, b: str, references: Sequence[str], output_dir: Path, arguments: Mapping[str, Any]
) -> list[Path]:
    """Return the folders of the runs; models are evaluated first, and stopped evaluations are resumed.

    Args:
        a: A run folder, or a model: a hub name or a folder, with `@revision` for a revision other than the main branch.
        b: Another run folder or model.
        references: Further run folders or models.
        output_dir: The folder for the runs of models: `a`, `b`, `reference_1`, ...
        arguments: The arguments of `EvaluateRecipeArguments` apart from the model and the folder.

    Raises:
        GradexplainError: A name is not a run folder, and there is no dataset to evaluate a model on; or a model cannot
            be evaluated.
    """
    names = ["a", "b", *(f"reference_{number}" for number in range(1, len(references) + 1))]
    given = zip(names, [a, b, *references], strict=True)
    return [_folder(text, output_dir / name, arguments) for name, text in given]


def is_run(name: str) -> bool:
    """Return whether a name is the name of a run folder; any other name is the name of a model."""
    return bool(document_paths(Path(name)))


def _folder(given: str, folder: Path, arguments: Mapping[str, Any]) -> Path:
    if is_run(given):
        return Path(given)
    if arguments.get("dataset_name") is None and arguments.get("file") is None:
        raise GradexplainError(
            f"{given} is not the output folder of a run: give one, or evaluate models with --dataset_name or --file"
        )
    model, revision = split_revision(given)
    say(f"Evaluating {given} in {folder}")
    with redirect_stdout(sys.stderr):
        run_evaluation(
            EvaluateRecipeArguments(
                model_name_or_path=model, model_revision=revision, output_dir=str(folder), **arguments
            )
        )
    return folder


def split_revision(name: str) -> tuple[str, str | None]:
    """Split `model@revision`; a folder whose name contains `@` is a folder.

    >>> split_revision("org/model@v2"), split_revision("org/model")
    (('org/model', 'v2'), ('org/model', None))
    """
    model, at, revision = name.rpartition("@")
    return (name, None) if not at or Path(name).exists() else (model, revision or None)
