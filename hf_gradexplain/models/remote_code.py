"""Copy the code of a model next to its weights, so that it loads without this package."""

import json
from pathlib import Path

from transformers import PreTrainedConfig, PreTrainedModel

from hf_gradexplain.files import atomic_write_text

PARTS = ("configuration", "modeling")


def add_remote_code(
    folder: Path, config_class: type[PreTrainedConfig], model_class: type[PreTrainedModel]
) -> tuple[str, ...]:
    """Copy the two files of an architecture of this package into a saved model's folder, and name them in its config.

    The files import only torch, transformers and each other. `from_pretrained(..., trust_remote_code=True)` finds them
    by the `auto_map` of the config. If this package is imported, its own classes are used instead.

    Args:
        folder: The folder that contains `config.json`.
        config_class: The class of the configuration.
        model_class: The class of the model.

    Returns:
        The names of the copied files.
    """
    name = config_class.model_type
    files = tuple(f"{part}_{name}.py" for part in PARTS)
    for file in files:
        atomic_write_text(folder / file, (Path(__file__).parent / name / file).read_text(encoding="utf-8"))
    classes = zip(("AutoConfig", "AutoModelForSequenceClassification"), files, (config_class, model_class), strict=True)
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["auto_map"] = {auto: f"{file.removesuffix('.py')}.{cls.__name__}" for auto, file, cls in classes}
    atomic_write_text(path, json.dumps(config, indent=2, sort_keys=True) + "\n")
    return files
