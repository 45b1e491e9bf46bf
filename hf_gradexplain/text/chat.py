"""Conversations as the model reads them: the output of the chat template, and where in it the contents are."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import Any, Self, TypeVar

import numpy as np
from transformers import PreTrainedTokenizerBase

from hf_gradexplain.errors import GradexplainError, one_line, translate_errors
from hf_gradexplain.text.texts import (
    SEPARATOR,
    Conversation,
    Text,
    is_conversation,
    messages_of,
    undivided,
    without_surrogates,
)
from hf_gradexplain.text.unit import Message

TEMPLATE = -1
"""The offset in the contents of a character that the chat template writes."""

_MARKS = (*range(0xF0000, 0xFFFFE), *range(0x100000, 0x10FFFE))
"""Code points for private use, which no text should hold: they stand for the characters of contents."""

_BLANKS = "\u2003\u2002\u2001\u2000\u3000"
"""White space that replaces the white space of contents: templates trim it like any other white space."""

_LITERAL = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"")

_Part = TypeVar("_Part")
_Render = Callable[[Sequence[dict[str, Any]]], str]


@dataclass(frozen=True, eq=False)
class Prompt:
    """A conversation as the model reads it.

    Attributes:
        rendered: The output of the chat template for the messages.
        text: The contents of the messages, joined by a newline.
        messages: The roles of the messages, and where their contents are in `text`.
        origin: The offset in `text` of each character of `rendered`; `TEMPLATE` for characters of the template.
    """

    rendered: str
    text: str
    messages: tuple[Message, ...]
    origin: np.ndarray

    @property
    def contents(self) -> list[str]:
        """The contents."""
        return [self.text[message.start : message.end] for message in self.messages]

    def unread(self, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
        """Return the parts of `text` that are not in `rendered[start:end]`, without white space around them."""
        is_read = np.zeros(len(self.text) + 1, bool)
        is_read[self.origin[start:end]] = True  # the last one stands for TEMPLATE
        visible = [k for k, character in enumerate(self.text) if not character.isspace()]
        runs = [(read, list(run)) for read, run in groupby(visible, key=lambda k: is_read[k])]
        return [(run[0], run[-1] + 1) for read, run in runs if not read]


def to_prompt(tokenizer: PreTrainedTokenizerBase, conversation: Conversation) -> Prompt:
    """Apply the tokenizer's chat template, without a generation prompt, and find the contents in its output.

    Raises:
        GradexplainError: A message is not valid, the tokenizer has no chat template, the template refuses the
            conversation, or it changes the contents.
    """
    messages = messages_of(conversation)
    if not getattr(tokenizer, "chat_template", None):
        raise GradexplainError(
            "the tokenizer has no chat template, which conversations need: set tokenizer.chat_template to the one that "
            "the model was trained with, or give texts"
        )

    def render(some: Sequence[dict[str, Any]]) -> str:
        prompt = tokenizer.apply_chat_template(list(some), tokenize=False, add_generation_prompt=False)
        return without_surrogates(str(prompt))

    with translate_errors(_refused, Exception):
        rendered = render(messages)
        template = str(tokenizer.get_chat_template())
    contents = [message["content"] for message in messages]
    starts = accumulate((len(content) + len(SEPARATOR) for content in contents[:-1]), initial=0)
    places = tuple(
        Message(message["role"], start, start + len(content))
        for message, content, start in zip(messages, contents, starts, strict=True)
    )
    text = SEPARATOR.join(contents)
    origin = _origin(rendered, text, messages, places, template, render)
    return Prompt(rendered, text, places, origin)


def _refused(error: BaseException) -> str:
    return (
        f"the chat template refuses a conversation ({type(error).__name__}: {one_line(error, 200)}): give messages in "
        "the form that the model was trained on"
    )


def _origin(
    rendered: str,
    text: str,
    messages: Sequence[dict[str, Any]],
    places: Sequence[Message],
    template: str,
    render: _Render,
) -> np.ndarray:
    """Return `Prompt.origin`.

    The template is applied again to contents whose characters are replaced by marks. If each mark in the output is then
    replaced by its character, the result must be `rendered`. It is not if the template looks for certain strings in the
    contents. There are therefore two further attempts: one without replacing white space, and one that also keeps the
    strings that stand in the template, such as `</think>`. If they fail, too, `_find` searches for the contents.
    """
    blank = next((c for c in _BLANKS if c not in text and c not in rendered), None)
    for keep, mark in ((False, blank), (False, None), (True, None)):
        marks = _Marks.of(rendered, text, _literals(template, text) if keep else (), mark)
        contents = [marks.apply(text, place) for place in places]
        if None not in contents:
            with suppress(Exception):  # a template may refuse contents that it does not know
                out = render([{**m, "content": c} for m, c in zip(messages, contents, strict=True)])
                if (origin := marks.origin(out, rendered, text, places)) is not None:
                    return origin
    if (origin := _find(rendered, text, places)) is None:
        raise GradexplainError(
            "cannot find the contents of the messages in the output of the chat template, because the template changes "
            "them: give the text that the template makes, with "
            "tokenizer_kwargs={'add_special_tokens': False}"
        )
    return origin


def _literals(template: str, text: str) -> set[int]:
    """Return the offsets of all characters of `text` that belong to a string literal of the template."""
    strings = set(map("".join, _LITERAL.findall(template)))
    return {k for s in strings for match in re.finditer(re.escape(s), text) for k in range(*match.span())}


@dataclass(frozen=True)
class _Marks:
    """Marks that replace the characters of contents: one for each visible character (or for some), and one for blanks.

    Attributes:
        mark_of: The mark of each replaced character, by the offset of the character in the contents.
        blank: The mark for white space; None if white space is not replaced.
    """

    mark_of: Mapping[int, str]
    blank: str | None

    @classmethod
    def of(cls, rendered: str, text: str, kept: Collection[int], blank: str | None = None) -> Self:
        """Return marks for visible characters, or for some of them if there are too many."""
        visible = [k for k, character in enumerate(text) if not character.isspace() and k not in kept]
        taken = {ord(character) for character in {*text, *rendered}}
        n_marks = len(_MARKS) - len(taken.intersection(_MARKS) if max(taken, default=0) >= _MARKS[0] else ())
        chosen = visible[:: -(-len(visible) // n_marks) or 1] if n_marks else []
        marks = (chr(code) for code in _MARKS if code not in taken)
        return cls(dict(zip(chosen, marks, strict=False)), blank)

    def apply(self, text: str, place: Message) -> str | None:
        """Return a content with marks; None if there are visible characters in it, but none with a mark."""
        content = text[place.start : place.end]
        if not content.strip():
            return content
        out = [self.mark_of.get(k, c) for k, c in enumerate(content, place.start)]
        if not any(k in self.mark_of for k in range(place.start, place.end)):
            return None
        return "".join(self.blank if self.blank and c.isspace() else c for c in out)

    def origin(self, out: str, rendered: str, text: str, places: Sequence[Message]) -> np.ndarray | None:
        """Return `Prompt.origin`, given the template's output `out` for marked contents.

        An unmarked character continues its neighbour's origin if it equals the next character of the content. The
        result is None if replacing the marks by their characters does not give `rendered`.
        """
        if len(out) != len(rendered):
            return None
        offset_of = {mark: k for k, mark in self.mark_of.items()}
        origin = np.array([offset_of.get(c, TEMPLATE) for c in out], int)
        message_of = np.full(len(text) + 1, TEMPLATE)
        for number, place in enumerate(places):
            message_of[place.start : place.end] = number
        unknown = np.flatnonzero(origin == TEMPLATE)
        for step in (1, -1):
            for r in unknown[::step].tolist():
                if origin[r] == TEMPLATE and 0 <= r - step < len(origin) and origin[r - step] != TEMPLATE:
                    k = int(origin[r - step]) + step
                    is_next = message_of[k] == message_of[k - step] and k not in self.mark_of
                    if is_next and out[r] == (self.blank if self.blank and text[k].isspace() else text[k]):
                        origin[r] = k
        same = zip(origin.tolist(), out, rendered, strict=True)
        return origin if all(c == (text[k] if k != TEMPLATE else o) for k, o, c in same) else None


def _find(rendered: str, text: str, places: Sequence[Message]) -> np.ndarray | None:
    """Return `Prompt.origin` if the rendered text has all contents in order and no further copies of them, or None."""
    origin, end = np.full(len(rendered), TEMPLATE), 0
    for place in places:
        content = text[place.start : place.end].strip()
        start = rendered.find(content, end)
        if start < 0 or (content and rendered.count(content) != text.count(content)):
            return None
        first = text.index(content, place.start)
        origin[start : start + len(content)] = np.arange(first, first + len(content))
        end = start + len(content)
    return origin


def check_roles(texts: Iterable[Text], roles: Collection[str]) -> None:
    """Check that each of these roles is the role of at least one message; without texts, there is nothing to check.

    Raises:
        GradexplainError: None of the texts is a conversation, or no message has one of the roles.
    """
    if roles:
        _check_known(roles, _roles_of(texts))


def checking_roles(
    parts: Iterable[_Part], texts_of: Callable[[_Part], Iterable[Text]], roles: Collection[str]
) -> Iterator[_Part]:
    """Yield the parts of a stream of texts, and check at its end what `check_roles` checks.

    Args:
        parts: The parts.
        texts_of: Returns the texts of a part. It is called after the part was used.
        roles: The roles.

    Raises:
        GradexplainError: As `check_roles`.
    """
    found = dict[str | None, None]()
    for part in parts:
        yield part
        if roles:
            found |= _roles_of(texts_of(part))
    _check_known(roles, found)


def _roles_of(texts: Iterable[Text]) -> dict[str | None, None]:
    """Return the roles of all messages in their order; None is the role of a text that is no conversation."""
    found = dict[str | None, None]()
    for text in map(undivided, texts):
        found |= dict.fromkeys(each["role"] for each in messages_of(text)) if is_conversation(text) else {None: None}
    return found


def _check_known(roles: Collection[str], found: Mapping[str | None, None]) -> None:
    known = [role for role in found if role is not None]
    if found and not known:
        raise GradexplainError(
            "explain_roles needs conversations, which are lists of messages, but there are only texts"
        )
    for role in roles if found else ():
        if role not in known:
            raise GradexplainError(f"explain_roles: there is no message of {role!r}; roles: {', '.join(known)}")
