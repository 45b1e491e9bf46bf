"""Small transformers with random weights, and a tokenizer trained on their training texts."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    AutoModelForSequenceClassification,
    BartConfig,
    GPT2Config,
    LlamaConfig,
    ModernBertConfig,
    PreTrainedConfig,
    PreTrainedTokenizerFast,
    set_seed,
)

VOCABULARY = 8000
LENGTH = 128
"""Tokens after which a text is cut, unless the training cuts it earlier."""

_SPECIAL = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}


def train_tokenizer(texts: Iterable[str], vocabulary: int = VOCABULARY) -> PreTrainedTokenizerFast:
    """Train a tokenizer like BERT's: lower-cased word pieces, `[CLS]` before a text and `[SEP]` after it."""
    backend = Tokenizer(models.WordPiece(unk_token=_SPECIAL["unk_token"]))
    backend.normalizer = normalizers.BertNormalizer()
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=vocabulary, special_tokens=[*_SPECIAL.values()], show_progress=False)
    backend.train_from_iterator(texts, trainer)
    end, start = (_SPECIAL[name] for name in ("sep_token", "cls_token"))
    backend.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}",
        pair=f"{start} $A {end} $B:1 {end}:1",
        special_tokens=[(name, backend.token_to_id(name)) for name in (start, end)],
    )
    return PreTrainedTokenizerFast(tokenizer_object=backend, model_max_length=LENGTH, **_SPECIAL)


def _llama(ids: dict[str, Any]) -> PreTrainedConfig:
    """RMSNorm, SwiGLU, rotary positions, two key and value heads for four query heads."""
    return LlamaConfig(
        hidden_size=128, intermediate_size=256, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2,
        max_position_embeddings=LENGTH, **ids,
    )  # fmt: skip


def _modernbert(ids: dict[str, Any]) -> PreTrainedConfig:
    """Norms without bias, gated GELU, rotary positions, attention to 64 neighbours in every second layer."""
    return ModernBertConfig(
        hidden_size=128, intermediate_size=192, num_hidden_layers=4, num_attention_heads=4, local_attention=64,
        layer_types=["full_attention", "sliding_attention"] * 2, max_position_embeddings=LENGTH,
        classifier_pooling="mean", cls_token_id=ids["bos_token_id"], sep_token_id=ids["eos_token_id"], **ids,
    )  # fmt: skip


def _gpt2(ids: dict[str, Any]) -> PreTrainedConfig:
    return GPT2Config(n_embd=128, n_layer=4, n_head=4, n_positions=LENGTH, **ids)


def _bart(ids: dict[str, Any]) -> PreTrainedConfig:
    """Two layers in the encoder and two in the decoder."""
    return BartConfig(
        d_model=128, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4,
        encoder_ffn_dim=384, decoder_ffn_dim=384, max_position_embeddings=LENGTH,
        decoder_start_token_id=ids["eos_token_id"], forced_eos_token_id=None, **ids,
    )  # fmt: skip


_CONFIGS: dict[str, Callable[[dict[str, Any]], PreTrainedConfig]] = {
    "llama": _llama,
    "modernbert": _modernbert,
    "gpt2": _gpt2,
    "bart": _bart,
}


def save_untrained(model: str, texts: Iterable[str], seed: int, folder: Path, vocabulary: int = VOCABULARY) -> None:
    """Write an untrained model and its tokenizer to a folder.

    Args:
        model: One of `recipes.leaderboard.entries.SMALL`.
        texts: The texts to train the tokenizer on.
        seed: Seed of the weights.
        folder: The folder.
        vocabulary: Number of tokens.
    """
    tokenizer = train_tokenizer(texts, vocabulary)
    special: dict[str, Any] = {
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.cls_token_id,
        "eos_token_id": tokenizer.sep_token_id,
    }
    config = _CONFIGS[model]({**special, "vocab_size": len(tokenizer)})
    set_seed(seed)
    AutoModelForSequenceClassification.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
