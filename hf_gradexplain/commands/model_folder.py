"""The folder of a trained model: model, tokenizer and card. Files of the user and of earlier models are told apart."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from hf_gradexplain.cards import FIGURE, Card, write_card
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.hub.provenance import Provenance, UnavailableError, read_json
from hf_gradexplain.loading.card_results import CARD_DATA, weights_sha256
from hf_gradexplain.models import MODELS
from hf_gradexplain.models.remote_code import PARTS, add_remote_code
from hf_gradexplain.training.train import Trained

NOT_ALWAYS_WRITTEN = (
    "model.safetensors",
    "model-?????-of-?????.safetensors",
    "model.safetensors.index.json",
    *(f"{part}_{config.model_type}.py" for config in MODELS for part in PARTS),
    "tokenizer.json",
    "added_tokens.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "additional_chat_templates/*.jinja",
    FIGURE,
)
"""Patterns of files that one model has and another has not: those of an earlier model would be taken for this one's."""

ALWAYS_WRITTEN = ("README.md", CARD_DATA, "config.json", "tokenizer_config.json")


def check_no_foreign_files(folder: Path) -> None:
    """Check that a model would replace no file of the user: those of a trained model are next to its `card.json`.

    Raises:
        GradexplainError: The folder has a file with a name that a model needs, and no card of this package.
    """
    if _holds_card(folder):
        return
    for pattern in (*ALWAYS_WRITTEN, *NOT_ALWAYS_WRITTEN):
        for path in sorted(folder.glob(pattern)):
            raise GradexplainError(
                f"{path} is not from an earlier training and would be overwritten: give another --output_dir"
            )


def _holds_card(folder: Path) -> bool:
    """Return whether a folder has a card that this package wrote: it names the version of the package."""
    try:
        record = read_json(Provenance(str(folder)), CARD_DATA)
    except UnavailableError:
        return False
    versions = None if record is None else record.get("versions")
    return isinstance(versions, Mapping) and "hf_gradexplain" in versions


def save_model(trained: Trained, card: Card, folder: Path, *, remote_code: bool) -> tuple[Card, list[str]]:
    """Save model, tokenizer and card to a temporary folder, then move each file into place.

    Files of an earlier model that this model does not have are removed.

    Returns:
        The card with the SHA-256 of the weights, and the names of the files, relative to the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder, prefix=".") as name:
        partial = Path(name)
        trained.model.save_pretrained(partial)
        trained.tokenizer.save_pretrained(partial)
        if remote_code:
            add_remote_code(partial, type(trained.model.config), type(trained.model))
        card = replace(card, weights_sha256=weights_sha256(Provenance(name)))
        write_card(card, partial)
        files = sorted(path.relative_to(partial).as_posix() for path in partial.rglob("*") if path.is_file())
        for file in files:
            (folder / file).parent.mkdir(exist_ok=True)
            os.replace(partial / file, folder / file)
    for pattern in NOT_ALWAYS_WRITTEN:
        for path in folder.glob(pattern):
            if path.relative_to(folder).as_posix() not in files:
                path.unlink()
    return card, files
