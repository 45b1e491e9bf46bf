"""Fingerprints that identify the inputs of a result: code, model, tokenizer, texts."""

import hashlib
import json
import platform
from importlib.metadata import version
from itertools import chain
from pathlib import Path

import torch
from accelerate.utils import align_module_device
from datasets import Dataset
from torch.nn import Module
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from hf_gradexplain.text.texts import is_conversation, messages_of
from hf_gradexplain.threads import lock_of

PACKAGES = ("hf_gradexplain", "torch", "transformers", "datasets", "accelerate", "evaluate", "pandas")
"""Packages whose versions may change a result."""

_IGNORED_SETTINGS = ("_name_or_path", "transformers_version", "architectures")
"""Settings of a configuration that do not change what the model computes."""


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that a result may depend on."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def code_fingerprint() -> str:
    """Return the SHA-256 of the source code of this package, because changed code may give another result."""
    digest = hashlib.sha256()
    root = Path(__file__).parents[1]
    for path in sorted(root.rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return digest.hexdigest()


def configuration_fingerprint(model: Module) -> str:
    """Return the SHA-256 of the model's configuration, if any; the place it was loaded from is not hashed."""
    config = model.config.to_dict() if isinstance(model, PreTrainedModel) else {}
    settings = {key: value for key, value in config.items() if key not in _IGNORED_SETTINGS}
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()


def weights_fingerprint(model: Module) -> str:
    """Return the SHA-256 of the name, dtype, shape and bytes of all weights; it does not depend on the device.

    Offloaded weights are loaded layer by layer.
    """
    digest, saved = hashlib.sha256(), model.state_dict().keys()
    for prefix, module in model.named_modules():
        with align_module_device(module):
            tensors = chain(module.named_parameters(recurse=False), module.named_buffers(recurse=False))
            for local_name, tensor in tensors:
                if (name := f"{prefix}.{local_name}".removeprefix(".")) in saved:
                    digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
                    digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def tokenizer_fingerprint(tokenizer: PreTrainedTokenizerBase) -> str:
    """Return the SHA-256 of everything that decides how the tokenizer encodes a text."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    with lock_of(tokenizer):  # another thread may have changed settings for its own texts
        vocabulary = backend.to_str() if backend is not None else json.dumps(sorted(tokenizer.get_vocab().items()))
        settings = [vocabulary, tokenizer.model_max_length, tokenizer.padding_side, tokenizer.truncation_side]
    if template := getattr(tokenizer, "chat_template", None):
        settings.append(template)
    return hashlib.sha256(json.dumps(settings).encode()).hexdigest()


def texts_fingerprint(dataset: Dataset) -> str:
    """Return the SHA-256 of the texts and labels of a dataset.

    The digest depends on the values of the columns `text`, `text_pair`, `spans`, `label` and `rationale` and on the
    order of the rows. It does not depend on ids, label names, files, caches or the machine.
    """
    columns = [name for name in ("text", "text_pair", "spans", "label", "rationale") if name in dataset.column_names]
    digest = hashlib.sha256(json.dumps(columns).encode())
    for batch in dataset.select_columns(columns).iter(batch_size=1000):
        for row in zip(*(batch[name] for name in columns), strict=True):
            values = [messages_of(value) if is_conversation(value) else value for value in row]
            digest.update(json.dumps(values, sort_keys=True).encode() + b"\n")
    return digest.hexdigest()
