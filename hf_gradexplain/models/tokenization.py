"""A word-level fast tokenizer trained from texts, and pretrained word vectors for its vocabulary."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from torch import Tensor
from transformers import PreTrainedTokenizerFast

PAD, UNK = "[PAD]", "[UNK]"

# A word is letters and digits (with their combining marks), with apostrophes inside; every other visible
# character stands alone. Scripts written without spaces give one word per ideograph.
WORD = r"[\p{Han}\p{Hiragana}\p{Katakana}]|[\p{L}\p{M}\p{N}_]+(?:['’][\p{L}\p{M}\p{N}]+)*|[^\s\p{L}\p{M}\p{N}_]"


def train_word_tokenizer(
    texts: Iterable[str],
    *,
    vocab_size: int,
    min_count: int = 1,
    lowercase: bool = True,
    max_length: int | None = None,
) -> PreTrainedTokenizerFast:
    """Build a tokenizer whose tokens are the most frequent words of the texts.

    Texts are brought to Unicode NFC (and lower case), then split into words and single punctuation marks; offsets
    point into the text as it was. The vocabulary is `[PAD]` (id 0), `[UNK]` (id 1), then the words by falling
    count, ties in alphabetical order: the same texts give the same bytes. No token is added around a text, and a
    text that contains the letters "[PAD]" or "[UNK]" is read as words and punctuation like any other.

    Args:
        texts: Read once, one after the other; may be a generator.
        vocab_size: Upper limit of the vocabulary, the two special tokens included.
        min_count: Words seen less often become `[UNK]`.
        lowercase: Whether "The" and "the" are one word.
        max_length: `model_max_length` of the tokenizer; `None` for no limit.

    Returns:
        A tokenizer that gives `input_ids` and `attention_mask`.

    Raises:
        ValueError: If `vocab_size` leaves no room for a word, or no word is seen `min_count` times.
    """
    if vocab_size < 3:
        raise ValueError(f"vocab_size must be 3 or more ({PAD}, {UNK} and one word); got {vocab_size}.")
    tokenizer = Tokenizer(models.WordLevel(unk_token=UNK))
    lower = [normalizers.Lowercase()] if lowercase else []
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), *lower])
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(WORD), behavior="removed", invert=True)
    trainer = trainers.WordLevelTrainer(
        vocab_size=vocab_size, min_frequency=min_count, special_tokens=[PAD, UNK], show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    if tokenizer.get_vocab_size() < 3:
        raise ValueError(f"No word occurs {min_count} times in the texts: give more texts or a lower min_count.")
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        unk_token=UNK,
        model_max_length=max_length,
        model_input_names=["input_ids", "attention_mask"],
        split_special_tokens=True,
    )


def load_word_vectors(path: str | Path, tokenizer: PreTrainedTokenizerFast) -> tuple[Tensor, Tensor]:
    """TODO."""
    raise NotImplementedError
