"""Encode texts as documents."""

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, starmap
from typing import Any, get_args

import numpy as np
from transformers import BatchEncoding, PreTrainedTokenizerBase

from hf_gradexplain.errors import GradexplainError, choose
from hf_gradexplain.options import UnitName
from hf_gradexplain.text.alignment import Tokens, flat, from_encodings, from_places
from hf_gradexplain.text.beginning import CHARACTERS, beginning, divides_at_spaces
from hf_gradexplain.text.characters import Characters
from hf_gradexplain.text.data import NO_UNIT, Document, Occurrences
from hf_gradexplain.text.python_tokenizers import from_alignment, segmenter_of
from hf_gradexplain.text.scripts import is_spaceless
from hf_gradexplain.text.tokenize import tokenize
from hf_gradexplain.text.words import group
from hf_gradexplain.values import as_list

Text = str | tuple[str, str]

_PAIR_SEPARATOR = "\n"

_CHUNK = 1024
"""The number of texts that are tokenized together."""


@dataclass(frozen=True, eq=False)
class Encoder:
    """Encodes texts as documents.

    Args:
        tokenizer: The model's tokenizer.
        max_length: Largest number of tokens, special tokens included; longer texts are truncated. None for no limit.
        unit: What gets one score: `token`, `word` (one occurrence) or `word_type` (all occurrences in the text).
        filler: Token id used for a text without any token, because a model needs at least one.
        kwargs: Arguments of the tokenizer, see `hf_gradexplain.tokenizer_kwargs`.

    Raises:
        GradexplainError: The unit is unknown, or `kwargs` ask for more tokens than `max_length` or have no length to
            pad to.
    """

    tokenizer: PreTrainedTokenizerBase
    max_length: int | None
    unit: UnitName
    filler: int = 0
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        choose("unit", self.unit, get_args(UnitName))
        asked = self.kwargs.get("max_length")
        if asked and self.max_length is not None and asked > self.max_length:
            raise GradexplainError(
                f"tokenizer_kwargs: max_length is {asked}, but the model reads at most {self.max_length} tokens"
            )
        if "padding" in self.kwargs and not (asked or self.max_length):
            raise GradexplainError("tokenizer_kwargs: padding=max_length needs a max_length: give one, such as 512")

    @property
    def _limit(self) -> int | None:
        """The largest number of tokens, for the model and by the arguments."""
        return self.kwargs.get("max_length", self.max_length)

    def __call__(self, texts: Sequence[Text]) -> list[Document]:
        """Encode texts and text pairs.

        Lone surrogates, which tokenizers refuse, become U+FFFD.

        Raises:
            GradexplainError: A text is neither a str nor a tuple of two, or the tokenizer fails.
        """
        parts = list(map(text_parts, texts))
        chunks = (parts[start : start + _CHUNK] for start in range(0, len(parts), _CHUNK))
        documents = [document for chunk in chunks for document in self._documents(chunk, self._beginnings(chunk))]
        if self.kwargs.get("add_special_tokens", True):
            _warn_of_second_start(self.tokenizer, documents)
        return documents

    def _beginnings(self, parts: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
        """Return the texts and pairs, and of a long text only the beginning if its tokens are those of the whole."""
        limit, side = self._limit, self.kwargs.get("truncation_side", self.tokenizer.truncation_side)
        if limit is None or side != "right" or max(len(first) for first, *_ in parts) <= CHARACTERS * limit:
            return list(parts)
        if not divides_at_spaces(self.tokenizer):
            return list(parts)
        return [each if len(each) > 1 else (beginning(each[0], limit),) for each in parts]

    def _documents(self, whole: Sequence[tuple[str, ...]], parts: Sequence[tuple[str, ...]]) -> Iterator[Document]:
        """Encode texts together.

        Args:
            whole: The texts and pairs.
            parts: What is read of them. If the model turns out to read more of a text, it is encoded again.
        """
        encoded = tokenize(self.tokenizer, parts, self._limit, self.kwargs)
        texts = list(map(_PAIR_SEPARATOR.join, parts))
        seconds = [len(first) + len(_PAIR_SEPARATOR) if more else 0 for first, *more in parts]
        tokens = self._tokens(encoded, parts, Characters.of(texts), np.array(seconds))
        units = group(tokens, self.unit, self.tokenizer.unk_token_id)
        inputs = {name: flat(encoded[name]) for name in encoded if name in self.tokenizer.model_input_names}
        empty = {name: np.array([self.filler if name == "input_ids" else 0]) for name in inputs}
        no_unit, n_units = np.array([NO_UNIT]), units.n_units.tolist()
        of_text = map(_slices, (tokens.text_of, units.text_of_word, units.text_of_row), [len(texts)] * 3)
        for i, (t, w, r) in enumerate(zip(*of_text, strict=True)):
            if parts[i] != whole[i]:
                if tokens.truncated_at[i] is None:
                    yield from self._documents(whole[i : i + 1], whole[i : i + 1])
                    continue
                (texts[i],) = whole[i]
            is_empty = t.start == t.stop
            yield Document(
                texts[i],
                Occurrences(texts[i], units.unit_of_word[w], units.spans[w], units.surfaces.get(i, {}), n_units[i]),
                empty if is_empty else {name: values[t] for name, values in inputs.items()},
                no_unit if is_empty else units.unit_of[t],
                no_unit if is_empty else units.row_of[t],
                units.unit_of_row[r],
                tokens.truncated_at[i],
                seconds[i] or None,
            )

    def _tokens(
        self, encoded: BatchEncoding, parts: Sequence[tuple[str, ...]], characters: Characters, seconds: np.ndarray
    ) -> Tokens:
        """Return the places of the tokens of texts and pairs, whose second texts begin at `seconds`."""
        ids, special = encoded["input_ids"], encoded["special_tokens_mask"]
        if encoded.encodings:
            return from_encodings(encoded.encodings, characters, flat(ids), flat(special), seconds)
        longest = float("inf") if self._limit is None else self._limit
        places = [
            from_alignment(self.tokenizer, row, mask, texts, (0, second)[: len(texts)], truncated=len(row) >= longest)
            for row, mask, texts, second in zip(ids, special, parts, seconds.tolist(), strict=True)
        ]
        segmented = segmenter_of(self.tokenizer) is not None
        return from_places(
            places, characters, flat(ids), lambda i: self.tokenizer.convert_ids_to_tokens(ids[i]), segmented=segmented
        )


def _warn_of_second_start(tokenizer: PreTrainedTokenizerBase, documents: Sequence[Document]) -> None:
    """Warn of a text that begins with the token that the tokenizer puts before it as well."""
    start, mark = tokenizer.bos_token_id, tokenizer.bos_token
    for i, document in enumerate(documents):
        if mark and document.text.startswith(mark) and document.inputs["input_ids"][:2].tolist() == [start, start]:
            warnings.warn(
                f"text {i} begins with {mark!r}, which the tokenizer adds as well: if texts have their special tokens "
                "already, give tokenizer_kwargs={'add_special_tokens': False}",
                stacklevel=6,
            )
            return


def text_parts(text: Text) -> tuple[str, ...]:
    """Return the text, or both texts of a pair, without lone surrogates."""
    parts = text if isinstance(text, tuple) else (text,)
    wrong = [type(part).__name__ for part in parts if not isinstance(part, str)]
    if isinstance(text, tuple) and len(text) != 2:
        wrong.append(f"a tuple of {len(text)}")
    if wrong:
        raise GradexplainError(f"each text must be a str, or a tuple of two str for a pair, not {wrong[0]}")
    return tuple(without_surrogates(part) for part in parts)


def listed(texts: Text | Iterable[Text]) -> list[Text]:
    """Return the texts as a list; a single text, or a single pair (a tuple), becomes a list of one.

    Raises:
        GradexplainError: The argument is neither a text, nor a pair, nor an iterable of them, or it is a table.
    """
    if isinstance(texts, str | tuple):
        return [texts]
    return as_list(texts, "texts must be a str, a tuple of two str for a pair, or a list of these", "text", str)


def without_surrogates(text: str) -> str:
    """Replace lone surrogates, which neither tokenizers nor UTF-8 files accept, by U+FFFD."""
    return text if text.isascii() else re.sub("[\ud800-\udfff]", "\ufffd", text)


def is_undivided(document: Document) -> bool:
    """Return whether a text of many letters, over 40, or over 8 of a script without spaces, is one unit."""
    if document.n_units != 1 or len(document.units[0].spans) != 1:
        return False
    return sum(5 if is_spaceless(character) else 1 for character in document.units[0].text if character.isalpha()) > 40


def whole_text(text: Text) -> str:
    """Return the text as `Document.text` has it: a pair joined by a newline, without lone surrogates."""
    return _PAIR_SEPARATOR.join(text_parts(text))


def _slices(text_of: np.ndarray, texts: int) -> list[slice]:
    """Return where the numbers of each text are, which are ascending."""
    return list(starmap(slice, pairwise(text_of.searchsorted(np.arange(texts + 1)).tolist())))
