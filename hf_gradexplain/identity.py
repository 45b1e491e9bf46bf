"""What a result was made from, so that two results can be told apart or known to be the same."""

import hashlib
import json
import platform
from importlib.metadata import version

import torch
from torch import nn
from transformers import PreTrainedTokenizerBase

PACKAGES = ("hf_gradexplain", "torch", "transformers", "datasets", "accelerate", "evaluate", "pandas")


def versions() -> dict[str, str]:
    """The versions that a result may depend on."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def model_fingerprint(model: nn.Module) -> str:
    """SHA-256 over the names, types, shapes and bytes of all weights and buffers; the same on every device."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def tokenizer_fingerprint(tokenizer: PreTrainedTokenizerBase) -> str:
    """SHA-256 over everything that decides how the tokenizer reads."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    vocabulary = backend.to_str() if backend is not None else json.dumps(sorted(tokenizer.get_vocab().items()))
    reads = [vocabulary, tokenizer.model_max_length, tokenizer.padding_side, tokenizer.truncation_side]
    return hashlib.sha256(json.dumps(reads).encode()).hexdigest()
