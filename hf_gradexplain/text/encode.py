"""Encode texts as documents."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise, starmap
from typing import Any, get_args

import numpy as np
from tokenizers import Encoding
from transformers import BatchEncoding, PreTrainedTokenizerBase

from hf_gradexplain.errors import GradexplainError, choose, warn
from hf_gradexplain.options import CUSTOM, UnitName
from hf_gradexplain.text.alignment import Places, Tokens, flat, from_encodings, from_places
from hf_gradexplain.text.beginning import CHARACTERS, beginning, divides_at_spaces
from hf_gradexplain.text.characters import Characters
from hf_gradexplain.text.chat import Prompt, to_prompt
from hf_gradexplain.text.chat_tokens import ContentTokens, of_contents, special_ids, unread_parts
from hf_gradexplain.text.data import NO_UNIT, Document
from hf_gradexplain.text.dropped_characters import LetterReader, drops_characters
from hf_gradexplain.text.larger_units import larger_units
from hf_gradexplain.text.ordinary_tokens import cut_side
from hf_gradexplain.text.python_tokenizers import from_alignment, from_template, segmenter_of
from hf_gradexplain.text.scripts import is_spaceless
from hf_gradexplain.text.texts import SEPARATOR, Text, text_parts, undivided
from hf_gradexplain.text.tokenize import side_of, tokenize
from hf_gradexplain.text.unit import Message, Occurrences
from hf_gradexplain.text.windows import Windows
from hf_gradexplain.text.words import Grouped, group

_CHUNK = 1024
"""The number of texts that are tokenized together."""


@dataclass(frozen=True, eq=False)
class Encoder:
    """Encodes texts as documents.

    The side where texts are truncated is read once, when the encoder is made.

    Args:
        tokenizer: The model's tokenizer.
        max_length: Largest number of tokens, special tokens included; longer texts are truncated. None for no limit.
        unit: What gets one score: see `hf_gradexplain.options.UnitName`, or `custom` for texts with their own spans.
        filler: Token id used for a text without any token, because a model needs at least one.
        kwargs: Arguments of the tokenizer, see `hf_gradexplain.options.tokenizer_kwargs`.
        roles: In conversations, only messages of these roles have units; if there are no roles, all messages have.
        stride: How many tokens a window of a longer text shares with the window before; None to truncate longer texts.

    Raises:
        GradexplainError: The unit is unknown, or `kwargs` ask for more tokens than `max_length`, ask for padding
            without a length, or ask for padding together with a stride.
    """

    tokenizer: PreTrainedTokenizerBase
    max_length: int | None
    unit: str
    filler: int = 0
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    roles: tuple[str, ...] = ()
    stride: int | None = None
    _side: str = field(init=False)

    def __post_init__(self) -> None:
        if self.unit != CUSTOM:
            choose("unit", self.unit, get_args(UnitName))
        asked = self.kwargs.get("max_length")
        if asked and self.max_length is not None and asked > self.max_length:
            raise GradexplainError(
                f"tokenizer_kwargs: max_length is {asked}, but the model reads at most {self.max_length} tokens"
            )
        if "padding" in self.kwargs and not (asked or self.max_length):
            raise GradexplainError("tokenizer_kwargs: padding=max_length needs a max_length: give one, such as 512")
        if "padding" in self.kwargs and self.stride is not None:
            raise GradexplainError(
                "tokenizer_kwargs: padding=max_length does not fit stride, which cuts texts into windows: leave out one"
            )
        object.__setattr__(self, "_side", side_of(self.tokenizer, self.kwargs))

    @property
    def _longest(self) -> int | None:
        """The largest number of tokens of a sequence that both the model and the arguments allow."""
        return self.kwargs.get("max_length", self.max_length)

    @property
    def _limit(self) -> int | None:
        """The number of tokens where texts are truncated."""
        return self._longest if self.stride is None else None

    @cached_property
    def _letters(self) -> LetterReader | None:
        """What finds the tokens of a fast tokenizer that drops characters; None for others."""
        return LetterReader.of(self.tokenizer) if drops_characters(self.tokenizer) else None

    @property
    def windows(self) -> Windows | None:
        """What cuts longer texts into windows; None without a stride, or if the number of tokens has no limit."""
        return None if self.stride is None or self._longest is None else Windows(self._longest, self.stride)

    def __call__(self, texts: Sequence[Text]) -> list[Document]:
        """Encode texts, text pairs and conversations.

        Lone surrogates, which tokenizers refuse, become U+FFFD.

        Raises:
            GradexplainError: A text has none of these forms, or the tokenizer or its chat template fails.
        """
        numbers: tuple[list[int], list[int]] = ([], [])
        for i, text in enumerate(texts):
            numbers[isinstance(undivided(text), list)].append(i)  # a conversation is a list, see `listed`
        document_of: dict[int, Document] = {}
        for encode, chosen in zip((self._texts, self._conversations), numbers, strict=True):
            for start in range(0, len(chosen), _CHUNK):
                some = chosen[start : start + _CHUNK]
                document_of |= zip(some, encode([texts[i] for i in some]), strict=True)
        documents = [document_of[i] for i in range(len(texts))]
        if self.kwargs.get("add_special_tokens", True):
            _warn_of_second_start(self.tokenizer, documents)
        return documents

    def _beginnings(self, parts: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
        """Return the texts and pairs; of a long text only the beginning, if it certainly gets the same tokens."""
        limit, side = self._limit, self._side
        if limit is None or side != "right" or max(len(first) for first, *_ in parts) <= CHARACTERS * limit:
            return list(parts)
        if not divides_at_spaces(self.tokenizer):
            return list(parts)
        return [each if len(each) > 1 else (beginning(each[0], limit),) for each in parts]

    def _texts(self, texts: Sequence[Text]) -> Iterator[Document]:
        """Encode texts and pairs together."""
        whole = list(map(text_parts, texts))
        return self._documents(texts, whole, self._beginnings(whole))

    def _documents(
        self, given: Sequence[Text], whole: Sequence[tuple[str, ...]], parts: Sequence[tuple[str, ...]]
    ) -> Iterator[Document]:
        """Encode texts together.

        Args:
            given: The texts and pairs, as they were given.
            whole: The parts of each text: one, or the two of a pair.
            parts: The same, but of long texts perhaps only the beginning. If the model reads more of a text than that,
                the whole text is encoded again.
        """
        encoded = tokenize(self.tokenizer, parts, self._limit, self._side, self.kwargs)
        texts = list(map(SEPARATOR.join, parts))
        seconds = [len(first) + len(SEPARATOR) if more else 0 for first, *more in parts]
        tokens = self._tokens(encoded, parts, Characters.of(texts), np.array(seconds))
        units = group(tokens, self.unit, self.tokenizer.unk_token_id, larger_units(self.unit, parts, given))
        windows = self.windows
        for i, document in enumerate(self._assemble(encoded, tokens, units, texts)):
            cuts, second = tokens.cuts[i], seconds[i]
            if parts[i] != whole[i] and not cuts:
                again = slice(i, i + 1)
                yield from self._documents(given[again], whole[again], whole[again])
                continue
            if cuts or second:
                text = document.text if parts[i] == whole[i] else whole[i][0]
                unread = tokens.unread(i, (second - len(SEPARATOR), len(text)) if second else (len(text),))
                at = min(cuts, default=None)
                document = replace(document, text=text, truncated_at=at, pair_start=second or None, unread=unread)
            yield windows(document, tokens, i) if windows else document

    def _conversations(self, texts: Sequence[Text]) -> Iterator[Document]:
        """Encode conversations together, as the tokenizer's `apply_chat_template` does."""
        if self.stride is not None:
            raise GradexplainError(
                "stride does not fit conversations, whose chat template is written once around all messages: leave it "
                "out, or give texts"
            )
        if self.kwargs.get("add_special_tokens"):
            raise GradexplainError(
                "tokenizer_kwargs: add_special_tokens does not fit conversations, whose chat template writes the "
                "special tokens: leave it out"
            )
        prompts = [to_prompt(self.tokenizer, undivided(text)) for text in texts]  # type: ignore[arg-type]
        rendered = [prompt.rendered for prompt in prompts]
        kwargs, wrapped = {**self.kwargs, "add_special_tokens": False}, [(each,) for each in rendered]
        encoded = tokenize(self.tokenizer, wrapped, self._limit, self._side, kwargs)
        tokens = self._template_tokens(encoded, rendered)
        is_special = np.isin(tokens.ids, special_ids(self.tokenizer))
        contents = of_contents(tokens, prompts, is_special, self.roles)
        documents = self._of_contents(encoded, contents, prompts, texts, [prompt.messages for prompt in prompts])
        for document, (unread, truncated_at) in zip(documents, unread_parts(tokens, prompts), strict=True):
            yield replace(document, truncated_at=truncated_at, unread=unread)

    def _of_contents(
        self,
        encoded: BatchEncoding,
        contents: ContentTokens,
        prompts: Sequence[Prompt],
        texts: Sequence[Text],
        messages: Sequence[tuple[Message, ...]] = (),
    ) -> Iterator[Document]:
        """Yield the documents, given all tokens; only tokens of contents belong to units."""
        spans = larger_units(self.unit, [prompt.contents for prompt in prompts], texts)
        units = contents.spread(group(contents.tokens, self.unit, self.tokenizer.unk_token_id, spans))
        return self._assemble(encoded, contents.of_prompts, units, [prompt.text for prompt in prompts], messages)

    def _assemble(
        self,
        encoded: BatchEncoding,
        tokens: Tokens,
        units: Grouped,
        texts: Sequence[str],
        messages: Sequence[tuple[Message, ...]] = (),
    ) -> Iterator[Document]:
        """Yield the documents, given the units of all their tokens."""
        inputs = {name: flat(encoded[name]) for name in encoded if name in self.tokenizer.model_input_names}
        empty = {name: np.array([self.filler if name == "input_ids" else 0]) for name in inputs}
        no_unit, n_units = np.array([NO_UNIT]), units.n_units.tolist()
        of_text = map(_slices, (tokens.text_of, units.text_of_word, units.text_of_row), [len(texts)] * 3)
        for i, (t, w, r) in enumerate(zip(*of_text, strict=True)):
            is_empty, surfaces = t.start == t.stop, units.surfaces.get(i, {})
            spans, of_conversation = units.spans[w], messages[i] if messages else ()
            yield Document(
                texts[i],
                Occurrences(texts[i], units.unit_of_word[w], spans, surfaces, n_units[i], of_conversation),
                empty if is_empty else {name: values[t] for name, values in inputs.items()},
                no_unit if is_empty else units.unit_of[t],
                no_unit if is_empty else units.row_of[t],
                units.unit_of_row[r],
            )

    def _tokens(
        self,
        encoded: BatchEncoding,
        parts: Sequence[tuple[str, ...]],
        characters: Characters,
        seconds: np.ndarray,
        truncation: str | None = None,
    ) -> Tokens:
        """Return the places of the tokens of texts and pairs, whose second texts begin at `seconds`."""
        ids, special = encoded["input_ids"], encoded["special_tokens_mask"]
        asked = self.kwargs.get("truncation")
        truncation = truncation or (asked if isinstance(asked, str) else "longest_first")
        if encoded.encodings:
            located = self._located(encoded.encodings, parts, seconds)
            return from_encodings(encoded.encodings, characters, flat(ids), flat(special), seconds, located)
        starts, sides = [(0, at) if at else (0,) for at in seconds.tolist()], map(self._cut_side, ids, seconds > 0)
        of_texts = zip(ids, special, parts, starts, sides, strict=True)
        places = [from_alignment(self.tokenizer, *of_text, truncation) for of_text in of_texts]
        segmented = segmenter_of(self.tokenizer) is not None
        return from_places(places, characters, flat(ids), seconds, self._pieces(ids), segmented=segmented)

    def _located(
        self, encodings: Sequence[Encoding], parts: Sequence[tuple[str, ...]], seconds: np.ndarray
    ) -> list[Places] | None:
        """Return where the tokens of a fast tokenizer are; None if the offsets that it reports are right."""
        if (reader := self._letters) is None:
            return None
        of_texts = zip(encodings, parts, seconds.tolist(), strict=True)
        return [reader.places(*of_text, self._side) for of_text in of_texts]

    def _cut_side(self, ids: Sequence[int], pair: bool) -> str | None:
        return cut_side(self.tokenizer, ids, self._limit, self._side, pair=pair)

    def _template_tokens(self, encoded: BatchEncoding, rendered: Sequence[str]) -> Tokens:
        """Return the places of the tokens of what a chat template writes."""
        ids, special, characters = encoded["input_ids"], encoded["special_tokens_mask"], Characters.of(rendered)
        seconds = np.zeros(len(rendered), int)
        if encoded.encodings:
            located = self._located(encoded.encodings, [(text,) for text in rendered], seconds)
            return from_encodings(encoded.encodings, characters, flat(ids), flat(special), seconds, located)
        places = [  # nothing is added to a template, so that only padding is special
            from_template(self.tokenizer, row, mask, text, self._cut_side(row, False))
            for row, mask, text in zip(ids, special, rendered, strict=True)
        ]
        return from_places(places, characters, flat(ids), seconds, self._pieces(ids), segmented=False)

    def _pieces(self, ids: Sequence[list[int]]) -> Callable[[int], Any]:
        """Return a function that returns the tokens of a text, given its number."""
        return lambda i: self.tokenizer.convert_ids_to_tokens(ids[i])


def _warn_of_second_start(tokenizer: PreTrainedTokenizerBase, documents: Sequence[Document]) -> None:
    """Warn if a text begins with the token that the tokenizer also puts before it."""
    start, mark = tokenizer.bos_token_id, tokenizer.bos_token
    for i, document in enumerate(documents):
        if mark and document.text.startswith(mark) and document.inputs["input_ids"][:2].tolist() == [start, start]:
            warn(
                f"text {i} begins with {mark!r}, which the tokenizer adds as well: if texts have their special tokens "
                "already, give tokenizer_kwargs={'add_special_tokens': False}"
            )
            return


def is_undivided(document: Document) -> bool:
    """Return whether a text is a single unit although it has over 40 letters, or over 8 of a script without spaces."""
    if document.n_units != 1 or len(document.units[0].spans) != 1:
        return False
    return sum(5 if is_spaceless(character) else 1 for character in document.units[0].text if character.isalpha()) > 40


def _slices(text_of: np.ndarray, texts: int) -> list[slice]:
    """Return for each text the slice of `text_of` (ascending) that has its number."""
    return list(starmap(slice, pairwise(text_of.searchsorted(np.arange(texts + 1)).tolist())))
