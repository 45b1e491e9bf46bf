"""Train a word-level fast tokenizer on texts, and load pretrained word vectors for its vocabulary."""

from collections.abc import Iterable, Iterator
from math import isfinite
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from hf_gradexplain.errors import GradexplainError, one_line, translate_errors

PAD, UNK = "[PAD]", "[UNK]"

# A word is letters and digits, with apostrophes inside. Each other visible character is a token of its own, and so is
# each ideograph and kana, because their scripts have no blanks. Combining marks stay with their character.
WORD = r"""
    [\p{Han}\p{Hiragana}\p{Katakana}]\p{M}*
  | [\p{L}\p{M}\p{N}_]+ (?: ['’] [\p{L}\p{M}\p{N}]+ )*
  | [^\s\p{L}\p{M}\p{N}_]\p{M}*
"""


def train_word_tokenizer(
    texts: Iterable[str],
    *,
    vocab_size: int,
    min_count: int = 1,
    lowercase: bool = True,
    max_length: int | None = None,
) -> PreTrainedTokenizerFast:
    """Train a tokenizer whose tokens are the most frequent words of the texts.

    Texts are normalised to Unicode NFD and, if `lowercase`, to lower case. Then they are split into words and single
    punctuation marks. Offsets refer to the original text. NFD preserves them; NFC would lose some, because it joins
    characters.

    The vocabulary is `[PAD]` (id 0), `[UNK]` (id 1), then the words by decreasing count, with ties in alphabetical
    order, so that the same texts give the same files. No special tokens are added to a text. The strings "[PAD]" and
    "[UNK]" in a text are split into words and punctuation like any other text.

    Args:
        texts: The texts, also as a generator; they are iterated once.
        vocab_size: The largest size of the vocabulary, including the two special tokens.
        min_count: Words with a lower count become `[UNK]`.
        lowercase: Whether "The" and "the" are the same word.
        max_length: `model_max_length` of the tokenizer; `None` for no limit.

    Returns:
        A tokenizer that gives `input_ids` and `attention_mask`.

    Raises:
        GradexplainError: `vocab_size` is below 3, or no word occurs `min_count` times.
    """
    if vocab_size < 3:
        raise GradexplainError(
            f"vocab_size must be 3 or more ({PAD}, {UNK} and one word), got {vocab_size}: increase it"
        )
    tokenizer = Tokenizer(models.WordLevel(unk_token=UNK))
    lower = [normalizers.Lowercase()] if lowercase else []
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFD(), *lower])
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("".join(WORD.split())), behavior="removed", invert=True)
    trainer = trainers.WordLevelTrainer(
        vocab_size=vocab_size, min_frequency=min_count, special_tokens=[PAD, UNK], show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    if tokenizer.get_vocab_size() < 3:
        raise GradexplainError(f"no word occurs {min_count} times in the texts: give more texts or a lower min_count")
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        unk_token=UNK,
        model_max_length=max_length,
        model_input_names=["input_ids", "attention_mask"],
        split_special_tokens=True,
    )


def load_word_vectors(path: str | Path, tokenizer: PreTrainedTokenizerFast) -> tuple[Tensor, Tensor]:
    """Read the vectors of the tokenizer's words from a text file, one `word n_1 ... n_D` per line.

    This is the format of GloVe and, with a first line `count D`, of word2vec and fastText. Words are compared after
    normalisation by the tokenizer. If several lines have the same word, the first is used. Words that contain blanks
    are skipped, because no token contains any. Only the vectors of words in the vocabulary are kept in memory.

    Args:
        path: The file, in UTF-8.
        tokenizer: The tokenizer, with a vocabulary of `V` words.

    Returns:
        The vectors `(V, D)` in float32, zero for words that are not in the file; and an array `(V,)` of bool, True for
        words that are in the file.

    Raises:
        GradexplainError: The file cannot be read or is not in UTF-8; a line does not have as many numbers as the first
            line, or a number is not finite (the message names the line); or no word of the vocabulary is in the file.
    """
    ids = {word: token for word, token in tokenizer.get_vocab().items() if token not in tokenizer.all_special_ids}
    normalizer = tokenizer.backend_tokenizer.normalizer
    vectors: dict[int, Tensor] = {}
    with translate_errors(lambda error: _explain(error, path), OSError, UnicodeDecodeError):
        for where, word, numbers in _read_lines(Path(path)):
            token = ids.get(normalizer.normalize_str(word) if normalizer else word)
            if token is not None and token not in vectors:
                vectors[token] = _to_vector(numbers, where)
    if not vectors:
        raise GradexplainError(f"{path} has no vector for any word of the vocabulary: choose another file")
    rows = torch.tensor(list(vectors))
    table = torch.zeros(len(tokenizer), len(vectors[int(rows[0])]))
    has_vector = torch.zeros(len(tokenizer), dtype=torch.bool)
    table[rows], has_vector[rows] = torch.stack(list(vectors.values())), True
    return table, has_vector


def _explain(error: Exception, path: str | Path) -> str:
    if isinstance(error, OSError):
        return (
            f"cannot read the word vectors {path} ({error.strerror}): give a text file, a word and its vector per line"
        )
    return f"the word vectors {path} are not text in UTF-8 ({one_line(error)}): save the file as UTF-8"


def _read_lines(path: Path) -> Iterator[tuple[str, str, list[str]]]:
    """Yield the place in the file, the word and the numbers of each line, as many as in the first line."""
    dims = 0
    with path.open(encoding="utf-8", newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            word, *numbers = line.rstrip("\r\n ").split(" ")
            if number == 1 and word.isdecimal() and len(numbers) == 1 and numbers[0].isdecimal():
                dims = int(numbers[0])  # the header of word2vec
                continue
            dims = dims or len(numbers)
            if len(numbers) > dims and not _is_number(numbers[0]):
                continue  # a word with blanks inside
            if dims == 0 or len(numbers) != dims:
                expected = f"{dims} numbers" if dims else "numbers"
                raise GradexplainError(
                    f"line {number} of {path}: expected a word and {expected}, got {len(numbers)} numbers: "
                    "repair or remove the line"
                )
            yield f"line {number} of {path}", word, numbers


def _to_vector(numbers: list[str], where: str) -> Tensor:
    if not all(map(_is_number, numbers)):
        wrong = next(number for number in numbers if not _is_number(number))
        raise GradexplainError(f"{where}: expected finite numbers, got {wrong!r}: repair or remove the line")
    return torch.tensor([float(number) for number in numbers])


def _is_number(text: str) -> bool:
    try:
        return isfinite(float(text))
    except ValueError:
        return False
