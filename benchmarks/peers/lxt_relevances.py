"""Relevances of LXT (LRP eXplains Transformers) on tiny random models, for the tests of this package.

    python -m benchmarks.peers.lxt_relevances

Run from the root of the repository in the environment of LXT, see README.md. Writes lxt_relevances.json. This file
imports neither this package nor, at its top, LXT: the tests make the same models with it.
"""

import importlib
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest import mock
from zlib import crc32

import torch
from torch.overrides import TorchFunctionMode
from transformers import CONFIG_MAPPING, AutoModelForSequenceClassification, PreTrainedModel
from transformers.utils import logging

RESULTS = Path(__file__).parent / "lxt_relevances.json"

_SIZES: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "max_position_embeddings": 32,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
}
_DECODER = {**_SIZES, "head_dim": 8, "num_key_value_heads": 2}

CONFIGS: dict[str, dict[str, Any]] = {
    "bert": _SIZES,
    "gemma3_text": {**_DECODER, "query_pre_attn_scalar": 8},
    "gpt2": {"n_embd": 32, "n_head": 4, "n_inner": 48, "n_layer": 2, "n_positions": 32},
    "llama": _DECODER,
    "qwen2": _DECODER,
    "qwen3": _DECODER,
}
"""The models that both tools know, and their sizes."""

_SPECIAL = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}

MAPS = {"attn_lrp": "attnLRP", "cp_lrp": "cp_LRP"}
"""The rule sets of this package, and LXT's names of them."""

RUNS = (*((model_type, "attn_lrp") for model_type in CONFIGS), ("gpt2", "cp_lrp"))
"""The models and the rules. Where a model has gated layers, `cp_LRP` of LXT has another rule for them than ours."""

IDS = (5, 9, 17, 5, 30, 41, 22, 8, 13)
"""The tokens of the text."""


class InFloat64(TorchFunctionMode):
    """Within the block, operations that a model or LXT runs in float32 run in float64."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run `func` with every float32 among its arguments replaced."""
        func = torch.Tensor.double if func is torch.Tensor.float else func
        args = tuple(torch.float64 if x is torch.float32 else x for x in args)
        return func(*args, **{k: torch.float64 if x is torch.float32 else x for k, x in (kwargs or {}).items()})


def tiny_model(model_type: str) -> PreTrainedModel:
    """Return a model in float64 whose weights depend on the names of its parameters alone."""
    config = CONFIG_MAPPING[model_type](**CONFIGS[model_type], vocab_size=64, num_labels=3, **_SPECIAL)
    model = AutoModelForSequenceClassification.from_config(config).double().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            random = torch.Generator().manual_seed(crc32(name.encode()))
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=random, dtype=torch.float64))
            if parameter.ndim == 1 and name.endswith("weight"):
                parameter += 1  # the weights of a norm
    return model


def measure(model_type: str, rules: str) -> dict[str, object]:
    """Return the first logit of the text and the relevance of each token, by LXT.

    LXT changes the classes of a model, and layers of PyTorch, for good: every call needs a process of its own.
    """
    family = model_type.removesuffix("_text")
    vision = mock.MagicMock()  # LXT imports torchvision, for its vision model
    sys.modules.update({"torchvision": vision, "torchvision.models": vision.models})
    lxt, maps = map(importlib.import_module, ("lxt.efficient", f"lxt.efficient.models.{family}"))
    module = importlib.import_module(f"transformers.models.{family}.modeling_{family}")
    lxt.monkey_patch(module, getattr(maps, MAPS[rules]))
    with InFloat64():
        model = tiny_model(model_type)
        vectors = model.get_input_embeddings()(torch.tensor([IDS])).detach().requires_grad_()
        logit = model(inputs_embeds=vectors, attention_mask=torch.ones(1, len(IDS))).logits[0, 0]
    logit.backward()
    return {"logit": logit.item(), "relevances": (vectors.grad * vectors).sum(-1)[0].tolist()}


def main() -> None:
    """Measure all models, each in a process of its own."""
    context = get_context("spawn")
    with ProcessPoolExecutor(1, context, initializer=logging.set_verbosity_error, max_tasks_per_child=1) as pool:
        measured = [pool.submit(measure, *run) for run in RUNS]
        runs = [{"model": m, "rules": r, **x.result()} for (m, r), x in zip(RUNS, measured, strict=True)]
    versions = {package: version(package).partition("+")[0] for package in ("lxt", "transformers", "torch")}
    rows = ",\n".join("  " + json.dumps(run) for run in runs)
    RESULTS.write_text(f'{{\n "versions": {json.dumps(versions)},\n "runs": [\n{rows}\n ]\n}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
