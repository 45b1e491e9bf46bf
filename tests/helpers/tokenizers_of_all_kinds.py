"""Small tokenizers of every kind, trained when they are first used."""

import json
from collections.abc import Callable
from copy import deepcopy
from functools import cache

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    ByT5Tokenizer,
    CanineTokenizer,
    PerceiverTokenizer,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

CORPUS = (
    "a thoughtful, gripping film: the actor plays it well",
    "the worst film of all; it isn't worth the money",
    "wörld and wonder, naïve café, the film is thoughtful",
)


def word_piece() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    return trained(tokenizer, trainers.WordPieceTrainer)


def byte_level(*, add_prefix_space: bool, trim_offsets: bool) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
    tokenizer = trained(tokenizer, trainers.BpeTrainer, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=trim_offsets)
    return tokenizer


def unigram() -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.NFKC(), pre_tokenizers.Metaspace()
    return trained(tokenizer, trainers.UnigramTrainer, unk_token="[UNK]")


def byte_fallback() -> Tokenizer:
    """Return a tokenizer like Llama's: white space is part of the normalised text, and there is no pre-tokenizer."""
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]", byte_fallback=True, fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer = trained(tokenizer, trainers.BpeTrainer, more=[f"<0x{byte:02X}>" for byte in range(256)])
    record = json.loads(tokenizer.to_str()) | {"pre_tokenizer": None}
    tokenizer = Tokenizer.from_str(json.dumps(record))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    return tokenizer


def word_level() -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return trained(tokenizer, trainers.WordLevelTrainer)


def character_level() -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    return trained(tokenizer, trainers.WordLevelTrainer)


def trained(tokenizer: Tokenizer, trainer: type, more: list[str] = [], **options: object) -> Tokenizer:  # noqa: B006
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(
        CORPUS, trainer(vocab_size=420, special_tokens=special + more, show_progress=False, **options)
    )
    return tokenizer


FAST: dict[str, Callable[[], Tokenizer]] = {
    "word_piece": word_piece,
    "byte_level": lambda: byte_level(add_prefix_space=False, trim_offsets=True),
    "byte_level_with_prefix": lambda: byte_level(add_prefix_space=True, trim_offsets=True),
    "byte_level_untrimmed": lambda: byte_level(add_prefix_space=False, trim_offsets=False),
    "byte_level_untrimmed_with_prefix": lambda: byte_level(add_prefix_space=True, trim_offsets=False),
    "unigram": unigram,
    "byte_fallback": byte_fallback,
    "word_level": word_level,
    "character_level": character_level,
}
SLOW: dict[str, type[PreTrainedTokenizerBase]] = {
    "canine": CanineTokenizer,
    "perceiver": PerceiverTokenizer,
    "byt5": ByT5Tokenizer,
}
KINDS = (*FAST, *SLOW)


@cache
def backend(kind: str) -> str:
    return FAST[kind]().to_str()


@cache
def without_backend(kind: str, **options: object) -> PreTrainedTokenizerBase:
    return SLOW[kind](**options)


def tokenizer_of(kind: str, **options: object) -> PreTrainedTokenizerBase:
    """Return a new tokenizer of this kind, with a special token on either side of a text."""
    if kind in SLOW:
        return deepcopy(without_backend(kind, **options))  # CANINE takes a second to list all characters
    tokenizer = Tokenizer.from_str(backend(kind))
    around = processors.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B [SEP]", [("[CLS]", 2), ("[SEP]", 3)])
    steps = [tokenizer.post_processor, around] if tokenizer.post_processor else [around]
    tokenizer.post_processor = processors.Sequence(steps)
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names, mask_token="[MASK]", **options)
