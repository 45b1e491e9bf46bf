"""Run the package's recipes as steps, on one process or several."""

import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

from hf_gradexplain.commands.evaluate import run_evaluation
from hf_gradexplain.commands.recipe_arguments import NOT_REPLAYED, EvaluateRecipeArguments, TrainRecipeArguments
from hf_gradexplain.commands.train import run_training
from hf_gradexplain.corpus import load_texts
from hf_gradexplain.run.fingerprints import texts_fingerprint

_PATH_ARGUMENTS = ("output_dir", "dataset_name", "model_name_or_path", *NOT_REPLAYED)
"""Arguments that are paths, or do not change the result; the content of files is compared instead of paths."""


def inputs_of(arguments: Any) -> dict[str, Any]:
    """Return the arguments of a recipe that a result depends on."""
    return {name: value for name, value in asdict(arguments).items() if name not in _PATH_ARGUMENTS}


def row_fingerprints(sources: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return a hash of the rows of each split `train` and `test`, by the name of the dataset.

    Args:
        sources: A folder or hub name per dataset.

    Raises:
        GradexplainError: A dataset cannot be loaded.
    """
    return {
        name: {split: texts_fingerprint(load_texts(source, split=split)) for split in ("train", "test")}
        for name, source in sources.items()
    }


def run_train_step(arguments: TrainRecipeArguments) -> dict[str, Any]:
    """Train a model; return a hash of its weights, an input of the steps that need it."""
    quietly(partial(run_training, arguments))
    return {"weights": sha256_of(Path(arguments.output_dir, "model.safetensors"))}


def run_evaluate_step(arguments: EvaluateRecipeArguments) -> None:
    """Evaluate a model; a stopped evaluation resumes with its unfinished shards."""
    quietly(partial(run_evaluation, arguments))


def quietly(work: Callable[[], Any]) -> Any:
    """Return the result of a function without output on stdout; progress and warnings on stderr are still shown."""
    with redirect_stdout(StringIO()):
        return work()


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def helper_processes(module: str, copies: int, flags: Sequence[str]) -> Iterator[None]:
    """In the block, run copies of a program that share its steps; end them after the block.

    Args:
        module: The program, as in `python -m module`.
        copies: The number of copies.
        flags: The command line of the program; each copy is started with `--processes 1` in addition.
    """
    command = [sys.executable, "-m", module, *flags, "--processes", "1"]
    helpers = [subprocess.Popen(command) for _ in range(copies)]
    try:
        yield
    finally:
        for helper in helpers:
            helper.terminate()
            helper.wait()
