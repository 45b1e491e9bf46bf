"""Tiny random models of every architecture of `AutoModelForSequenceClassification`, and tokenizers for them."""

import inspect
import re
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any
from unittest import mock

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import nn
from torch.overrides import TorchFunctionMode
from transformers import (
    CONFIG_MAPPING,
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES

import hf_gradexplain.models  # noqa: F401  (registers the three models of the package)
from tests.helpers.tiny import OURS

VOCAB_SIZE = 64

MODEL_TYPES = sorted({*MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES, *OURS})

SIZES = {
    r"(.*_)?vocab_size": VOCAB_SIZE,
    r"rotary_dim|mamba_headdim": 8,
    r"linear_num_(key|value)_heads": 2,
    r"qk_head_dim|intra_bottleneck_size": 32,
    r"head_dim|.*_head_dim|d_head|d_kv|kv_channels|attention_head_size|query_pre_attn_scalar": 16,
    r"(.*_)?(hidden_size|d_model|emb_dim|n_embd|embedding_size|dim|word_embed_proj_dim|d_latents|emb_size)": 32,
    r"(.*_)?(n_layers?|num_layers|num_hidden_layers|encoder_layers|num_decoder_layers|decoder_layers)": 2,
    r"(.*_)?(n_heads?|num_heads|num_attention_heads|attention_heads|num_kv_heads|num_key_value_heads)": 2,
    r"(.*_)?(intermediate_size|ffn_dim|ffn_hidden_size|d_ff|dff|d_inner|hidden_dim|feed_forward_size)": 48,
    r"(.*_)?(num_experts|num_local_experts|n_routed_experts)": 4,
    r"(moe_)?topk|num_experts_per_tok|n_group|num_blocks|depth|num_latents": 2,
    r"topk_group|num_self_attends_per_block": 1,
    r"(.*_)?lora_rank": 16,
    r"chunk_size|attention_window": 8,
    r"image_size|input_size": 32,
    r"patch_size|spatial_size": 16,
}
"""Sizes of a tiny model, by patterns of their names in configurations; the first pattern that matches counts."""

REQUIRED = ("vocab_size", "head_dim", "num_key_value_heads", "num_experts_per_tok")
"""Sizes that are None in some default configurations and need a value."""

_HYBRID = {
    "num_hidden_layers": 4,
    "layers_block_type": ["linear_attention", "hybrid"] * 2,
    "attention_hidden_size": 64,
    "attention_head_dim": 32,
}
_BOXES = {"coordinate_size": 4, "shape_size": 8}

OVERRIDES: dict[str, dict[str, Any]] = {
    "cohere_compass_text": {"rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 1e4}}},
    "esm": {"pad_token_id": 1, "mask_token_id": 32},
    "funnel": {"block_sizes": [1, 1]},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1},
    "layoutlmv2": {"image_feature_pool_shape": [2, 2, 32], **_BOXES},
    "layoutlmv3": _BOXES,
    "lilt": {"hidden_size": 48},
    "mistral4": {"qk_rope_head_dim": 16, "qk_nope_head_dim": 16, "head_dim": 32},
    "reformer": {"axial_pos_embds_dim": [16, 16]},
    "t5": {"decoder_start_token_id": 0},
    "xmod": {"languages": ["en_XX"], "default_language": "en_XX"},
    "zamba": _HYBRID,
    "zamba2": _HYBRID,
}
"""Settings that single architectures need in addition to `SIZES`."""


def tiny_config(model_type: str) -> PretrainedConfig:
    """Return the default configuration of a model type with small sizes."""
    config_class = CONFIG_MAPPING[model_type]
    torch.manual_seed(0)
    return config_class(**{**_shrunk(config_class().to_dict()), "num_labels": 3, **OVERRIDES.get(model_type, {})})


def _shrunk(config: Mapping[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in config.items():
        size = next((size for pattern, size in SIZES.items() if re.fullmatch(pattern, name)), None)
        if isinstance(value, dict) and "model_type" in value:
            out[name] = {"model_type": value["model_type"], **_shrunk(value)}
        elif name in ("num_hidden_layers", "n_layer") and (kinds := config.get("layer_types")):
            out[name] = max(kinds.index(kind) for kind in kinds) + 1
        elif type(value) is int and re.search("token_(id|index)$|_index$", name) and value >= VOCAB_SIZE:
            out[name] = 4 + value % 16
        elif size is not None and ((value is None and name in REQUIRED) or (type(value) is int and value > size)):
            out[name] = size
    return out


class _NoImage(nn.Module):
    """Replaces an image backbone that needs another library; returns the same features for every image."""

    def __init__(self, config: PretrainedConfig) -> None:
        super().__init__()
        pixels = SimpleNamespace(PIXEL_MEAN=[0.0], PIXEL_STD=[1.0])
        self.cfg = SimpleNamespace(MODEL=pixels)
        self.register_buffer("features", torch.randn(4, 32))
        self.register_buffer("pixel_mean", torch.zeros(1, 1, 1))
        self.register_buffer("pixel_std", torch.ones(1, 1, 1))

    def forward(self, image: None) -> torch.Tensor:
        return self.features.unsqueeze(0)


_LAYOUTLMV2 = "transformers.models.layoutlmv2.modeling_layoutlmv2"
_WITHOUT_DETECTRON2 = {
    "requires_backends": lambda *_: None,
    "LayoutLMv2VisualBackbone": _NoImage,
    "detectron2": SimpleNamespace(layers=SimpleNamespace(FrozenBatchNorm2d=_NoImage)),
}


def _with_boxes(model: nn.Module, args: tuple[()], kwargs: dict[str, Any]) -> tuple[tuple[()], dict[str, Any]]:
    """Add boxes of size zero to the inputs of a model that requires boxes around the words."""
    words = kwargs["inputs_embeds"] if kwargs.get("input_ids") is None else kwargs["input_ids"]
    return args, {"bbox": torch.zeros(*words.shape[:2], 4, dtype=torch.long), **kwargs}


def tiny_model(model_type: str) -> PreTrainedModel:
    """Return a random model in float64, with weights large enough for every part of it to matter."""
    config = tiny_config(model_type)
    with mock.patch.multiple(_LAYOUTLMV2, create=True, **_WITHOUT_DETECTRON2):
        model = MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING[type(config)](config).double().eval()
    model.set_experts_implementation("eager")
    if model_type == "layoutlmv2":
        model.register_forward_pre_hook(_with_boxes, with_kwargs=True)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model


class InFloat64(TorchFunctionMode):
    """Within the block, operations that a model runs in float32 for precision run in float64."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run `func` with every float32 among its arguments replaced."""
        func = torch.Tensor.double if func is torch.Tensor.float else func
        args = [torch.float64 if x is torch.float32 else x for x in args]
        kwargs = {k: torch.float64 if x is torch.float32 else x for k, x in kwargs.items()} if kwargs else {}
        return func(*args, **kwargs)


def tiny_tokenizer(model: PreTrainedModel, **settings: str) -> PreTrainedTokenizerFast:
    """Return a word-level tokenizer with the special tokens, and their ids, of the model's configuration."""
    config = model.config.get_text_config()
    ids = {name: getattr(config, f"{name}_token_id", None) for name in ("pad", "bos", "eos", "cls", "sep", "mask")}
    ids = {name: i[0] % VOCAB_SIZE if isinstance(i, list) else i for name, i in ids.items() if i is not None}
    ids["unk"] = next(i for i in range(VOCAB_SIZE) if i not in ids.values())
    special = {name: f"<{i}>" for name, i in ids.items()}
    images = {i for name, i in model.config.to_dict().items() if re.fullmatch("(boi|eoi|image)_token_index", name)}
    vocabulary = {f"<{i}>" if i in {*ids.values(), *images} else f"w{i}": i for i in range(VOCAB_SIZE)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=special["unk"]))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    start, end = special.get("cls") or special.get("bos"), special.get("sep") or special.get("eos")
    around = [(token, vocabulary[token]) for token in (start, end) if token]
    template = " ".join(filter(None, [start, "$A", end]))
    tokenizer.post_processor = processors.TemplateProcessing(template, special_tokens=around)
    known = inspect.signature(model.forward).parameters
    names = [name for name in ("input_ids", "attention_mask", "token_type_ids") if name in known]
    if hasattr(config, "type_vocab_sizes"):
        names.remove("token_type_ids")
    tokens = {f"{name}_token": token for name, token in special.items()}
    made = PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_input_names=names, **tokens, **settings)
    made.add_special_tokens({"additional_special_tokens": [f"<{i}>" for i in sorted(images - {*ids.values()})]})
    return made


Rows = Sequence[tuple[nn.Parameter, int]]


def word_rows(model: PreTrainedModel, token: int) -> Rows:
    """Return every parameter that holds the vector of a token, with the number of its row."""
    match model.config.model_type:
        case "canine":
            embeddings = model.canine.char_embeddings
            tables = [getattr(embeddings, f"HashBucketCodepointEmbedder_{i}").weight for i in range(len(_PRIMES))]
            return [(w, (token + 1) * prime % len(w)) for w, prime in zip(tables, _PRIMES, strict=True)]
        case "perceiver":
            return [(model.perceiver.input_preprocessor.embeddings.weight, token)]
        case "t5gemma":
            return [(model.model.encoder.embed_tokens.weight, token), (model.model.decoder.embed_tokens.weight, token)]
        case _:
            return [(model.get_input_embeddings().weight, token)]


_PRIMES = (31, 43, 59, 61, 73, 97, 103, 113)
"""The multipliers of CANINE's hash functions."""
