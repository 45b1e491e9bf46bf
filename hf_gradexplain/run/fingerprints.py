"""What a result was made from, so that two results can be told apart or known to be the same."""

import hashlib
import json
import platform
from importlib.metadata import version
from itertools import chain
from pathlib import Path

import torch
from accelerate.utils import align_module_device
from transformers import PreTrainedModel, PreTrainedTokenizerBase

PACKAGES = ("hf_gradexplain", "torch", "transformers", "datasets", "accelerate", "evaluate", "pandas")


_NOT_OF_THE_MODEL = ("_name_or_path", "transformers_version", "architectures")


def versions() -> dict[str, str]:
    """The versions that a result may depend on."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def code_fingerprint() -> str:
    """SHA-256 over the source of this package: a changed formula makes another result."""
    digest = hashlib.sha256()
    root = Path(__file__).parents[1]
    for path in sorted(root.rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return digest.hexdigest()


def configuration_fingerprint(model: PreTrainedModel) -> str:
    """SHA-256 over the configuration, without where it was loaded from."""
    settings = model.config.to_dict()
    settings = {key: value for key, value in settings.items() if key not in _NOT_OF_THE_MODEL}
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()


def weights_fingerprint(model: PreTrainedModel) -> str:
    """SHA-256 over every weight's name, type, shape and bytes; the same on every device.

    Weights that are offloaded are fetched layer by layer.
    """
    digest, saved = hashlib.sha256(), model.state_dict().keys()
    for part, module in model.named_modules():
        with align_module_device(module):
            for own, tensor in chain(module.named_parameters(recurse=False), module.named_buffers(recurse=False)):
                if (name := f"{part}.{own}".removeprefix(".")) in saved:
                    digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
                    digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def tokenizer_fingerprint(tokenizer: PreTrainedTokenizerBase) -> str:
    """SHA-256 over everything that decides how the tokenizer reads."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    vocabulary = backend.to_str() if backend is not None else json.dumps(sorted(tokenizer.get_vocab().items()))
    reads = [vocabulary, tokenizer.model_max_length, tokenizer.padding_side, tokenizer.truncation_side]
    return hashlib.sha256(json.dumps(reads).encode()).hexdigest()
