"""Find the tokens of messages' contents among the tokens of what a chat template writes."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from transformers import PreTrainedTokenizerBase

from hf_gradexplain.text.alignment import NO_WORD, Tokens
from hf_gradexplain.text.characters import BLANK, Characters
from hf_gradexplain.text.chat import TEMPLATE, Prompt
from hf_gradexplain.text.data import NO_UNIT
from hf_gradexplain.text.words import Grouped, number

Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True, eq=False)
class ContentTokens:
    """The tokens of conversations, and which of them belong to the contents of messages.

    Attributes:
        of_prompts: All tokens of what the chat template writes.
        tokens: The tokens that belong to contents, in the order of the contents, with their places in the contents.
        chosen: `(N,)` the positions of `tokens` among all tokens.
        again: `(M,)` the positions of the tokens where the template writes a content another time.
        offsets: `(M,)` where the tokens at `again` begin, as offsets of `tokens.characters`.
        part_at: The number of the message of each character.
    """

    of_prompts: Tokens
    tokens: Tokens
    chosen: np.ndarray
    again: np.ndarray
    offsets: np.ndarray
    part_at: np.ndarray

    def spread(self, units: Grouped) -> Grouped:
        """Return the units of `tokens` as units of all tokens.

        If the template writes a content twice, the units of the content occur in both places.
        """
        text_of, ids = self.of_prompts.text_of, self.of_prompts.ids
        unit_of, row_of = np.full((2, len(ids)), NO_UNIT)
        unit_of[self.chosen] = units.unit_of
        if len(self.again) and len(units.spans):
            starts, ends = (units.spans + self.tokens.characters.starts[units.text_of_word, None]).T
            offsets = self._visible()
            words = ends.searchsorted(offsets, "right").clip(max=len(ends) - 1)
            inside = (starts[words] <= offsets) & (offsets < ends[words])
            unit_of[self.again] = np.where(inside, units.unit_of_word[words], NO_UNIT)
        members = np.flatnonzero(unit_of != NO_UNIT)
        kinds = unit_of[members] * (ids.max(initial=0) + 1) + ids[members]
        row_of[members], is_first = number(kinds, text_of[members])
        firsts = members[is_first]
        return replace(units, unit_of=unit_of, row_of=row_of, unit_of_row=unit_of[firsts], text_of_row=text_of[firsts])

    def _visible(self) -> np.ndarray:
        """Return for each of `offsets` the next visible character, or the previous one if the message has no more."""
        visible = np.flatnonzero((self.tokens.characters.classes & BLANK) == 0)
        places = visible.searchsorted(self.offsets)
        after, before = visible[places], visible[places - 1]
        return np.where(self.part_at[after] == self.part_at[self.offsets], after, before)


def of_contents(
    tokens: Tokens, prompts: Sequence[Prompt], is_special: np.ndarray, roles: Collection[str] = ()
) -> ContentTokens:
    """Return which tokens belong to the contents of messages, and where in the contents they are.

    A token belongs to a content if it covers a visible character of the content, or only characters of the content.
    Special tokens belong to no content.

    Args:
        tokens: The tokens of what the chat template writes, one after the other.
        prompts: The conversations.
        is_special: `(T,)` which tokens are special.
        roles: The roles whose messages count; if there are none, all messages count.
    """
    characters = Characters.of([prompt.text for prompt in prompts])
    origin, message_of = _origins(tokens, prompts, characters, roles)
    stretches = np.cumsum(is_special)
    starts = tokens.reads[:, 0]
    ends = np.maximum(tokens.reads[:, 1], starts + 1)  # a token without characters goes with the next one
    ordinary = _inside(tokens, origin != TEMPLATE, starts, ends, is_special)
    places = np.flatnonzero((origin != TEMPLATE) & _covered(starts, ends, len(origin)))
    firsts = places[places.searchsorted(starts[ordinary])]
    lasts = places[places.searchsorted(ends[ordinary]) - 1]
    begin, end = origin[firsts], origin[lasts] + 1
    end = np.where((message_of[firsts] == message_of[lasts]) & (end > begin), end, begin + 1)
    end = np.where(tokens.reads[ordinary, 0] < tokens.reads[ordinary, 1], end, begin)
    is_first = np.zeros(len(origin), bool)
    is_first[places[np.unique(origin[places], return_index=True)[1]]] = True
    again, once = np.flatnonzero(~is_first[firsts]), np.flatnonzero(is_first[firsts])
    once = once[np.argsort(begin[once], kind="stable")]
    part_at = np.full(len(characters.text) + 1, TEMPLATE)
    part_at[origin[places]] = message_of[places]
    chosen = ordinary[once]
    text_of = tokens.text_of[chosen]
    settled = Tokens.settle(
        characters,
        text_of,
        tokens.ids[chosen],
        np.stack([begin, end], 1)[once] - characters.starts[text_of, None],
        tokens.words[chosen],
        lambda i: [tokens.pieces(i)[t - tokens.text_of.searchsorted(i)] for t in chosen[text_of == i].tolist()],
        tokens.cuts,
        segmented=tokens.segmented,
        parts=message_of[firsts[once]] * (len(tokens.ids) + 1) + stretches[chosen],
    )
    return ContentTokens(tokens, settled, chosen, ordinary[again], begin[again], part_at)


def _inside(
    tokens: Tokens, known: np.ndarray, starts: np.ndarray, ends: np.ndarray, is_special: np.ndarray
) -> np.ndarray:
    """Return the positions of the tokens that belong to contents, whose characters are `known`."""
    stretches, visible = np.cumsum(is_special), known & ~_blank(tokens.characters)
    shows = _count(visible, starts, ends) > 0
    inside = shows | (_count(known, starts, ends) == ends - starts)
    inside &= ~is_special & (tokens.words != NO_WORD)  # padding has no word
    return np.flatnonzero(inside & np.isin(stretches, stretches[shows & ~is_special]))  # white space alone is no unit


def _origins(
    tokens: Tokens, prompts: Sequence[Prompt], characters: Characters, roles: Collection[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the offset in `characters` of each character of the tokens, and the number of its message."""
    origin, message_of = np.full((2, len(tokens.characters.text) + 1), TEMPLATE)
    total = 0
    for prompt, start, base in zip(prompts, tokens.characters.starts, characters.starts, strict=True):
        here, numbers = prompt.origin, np.full(len(prompt.text) + 1, TEMPLATE)
        for k, message in enumerate(prompt.messages, total):
            if not roles or message.role in roles:
                numbers[message.start : message.end] = k
        total += len(prompt.messages)
        wanted = numbers[here] != TEMPLATE  # the last of `numbers` stands for TEMPLATE
        part = slice(start, start + len(here))
        origin[part], message_of[part] = np.where(wanted, here + base, TEMPLATE), numbers[here]
    return origin, message_of


def _covered(starts: np.ndarray, ends: np.ndarray, length: int) -> np.ndarray:
    """Return whether each character is in one of these spans."""
    depth = np.zeros(length + 1, np.int64)
    np.add.at(depth, starts, 1)
    np.add.at(depth, ends, -1)
    return np.cumsum(depth[:-1]) > 0


def _blank(characters: Characters) -> np.ndarray:
    """Return whether each character is white space, with one more at the end."""
    return np.append(np.diff(characters.blanks) > 0, False)


def _count(flags: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return how many flags are set within each span."""
    totals = np.concatenate([[0], np.cumsum(flags)])
    return totals[ends] - totals[starts]


def special_ids(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Return the ids of special tokens, without the unknown token, which stands for words.

    Tokenizers also turn strings such as `<|im_end|>` in a content into special tokens.
    """
    added = (i for i, token in tokenizer.added_tokens_decoder.items() if token.special)
    return sorted({*added, *tokenizer.all_special_ids} - {tokenizer.unk_token_id})


def unread_parts(tokens: Tokens, prompts: Sequence[Prompt]) -> list[tuple[Spans, int | None]]:
    """Return for each conversation the parts that are not read, and the first offset that truncation removes, or None.

    See `Prompt.unread`. Parts may also be missing because the template drops them; this does not set the offset.
    """
    borders = tokens.text_of.searchsorted(np.arange(len(prompts) + 1)).tolist()
    parts: list[tuple[Spans, int | None]] = []
    for prompt, base, (first, last), cuts in zip(
        prompts, tokens.characters.starts, pairwise(borders), tokens.cuts, strict=True
    ):
        unread, truncated_at = prompt.unread(), None
        if cuts:
            dropped = {k for span in unread for k in range(*span)}
            reads = tokens.reads[first:last] - base if last > first else np.zeros((1, 2), int)
            unread = prompt.unread(int(reads[:, 0].min()), int(reads[:, 1].max()))
            truncated_at = next((k for span in unread for k in range(*span) if k not in dropped), None)
        parts.append((tuple(unread), truncated_at))
    return parts
