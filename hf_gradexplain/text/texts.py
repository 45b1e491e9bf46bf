"""Texts as users give them: single texts, pairs and conversations."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np

from hf_gradexplain.errors import GradexplainError, translate_errors
from hf_gradexplain.options.values import as_list

Conversation = Sequence[Mapping[str, Any]]
"""Messages, each with a `role` and a `content`."""

WholeText = str | tuple[str, str] | Conversation


@dataclass(frozen=True)
class DividedText:
    """A text with the spans of its units, see `hf_gradexplain.text.given_units.divide`.

    Attributes:
        text: The text, pair or conversation.
        spans: Offsets in the text as `whole_text` returns it: ascending, without overlap.
    """

    text: WholeText
    spans: tuple[tuple[int, int], ...]


Text = WholeText | DividedText
"""A text, a text pair, or a conversation: what the model gives one prediction for."""

SEPARATOR = "\n"
"""What joins the two texts of a pair, and the contents of a conversation."""

_EXPECTED = "each text must be a str, a tuple of two str, a dict of text and text_pair, or a list of messages"
_EXAMPLE = "{'role': 'user', 'content': 'Hello'}"


def is_text(texts: Any) -> bool:
    """Return whether this is one text, a pair (a tuple or a dict) or a conversation, and not a list of them."""
    return isinstance(texts, str | tuple) or _is_dict_of_text(texts) or is_conversation(texts)


def is_conversation(text: Any) -> TypeGuard[Conversation]:
    """Return whether this is a list, or an array, of messages, and not of rows of a dataset.

    >>> is_conversation([{"role": "user", "content": "Hello"}]), is_conversation(["Hello"]), is_conversation([])
    (True, False, False)
    """
    if not isinstance(text, list | np.ndarray) or not len(text):
        return False
    return isinstance(text[0], Mapping) and not _is_row(text[0]) and not _holds_columns(text[0])


def listed(texts: Text | Iterable[Text]) -> list[Text]:
    """Return the texts as a list; a single text, pair or conversation becomes a list of one.

    A conversation becomes a list of messages, also if it is a mapping with a list of roles and a list of contents.

    Raises:
        GradexplainError: The argument is neither a text nor an iterable of texts, it is a table, or a text is missing.
    """
    if is_text(texts):
        return [as_given(texts)]
    expected = (
        "texts must be a str, a tuple of two str, a dict of text and text_pair, a list of messages, or a list of these"
    )
    given = list(map(as_given, as_list(texts, expected, "text", str)))
    for number, text in enumerate(given):
        _check_present(text, number)
    return given


def checked(texts: Text | Iterable[Text]) -> list[Text]:
    """Return the texts as `listed` does, and check each of several texts.

    Raises:
        GradexplainError: As `listed`; or one of several texts is no text, pair or conversation. The message begins with
            its number.
    """
    given = listed(texts)
    if not is_text(texts):
        for number, text in enumerate(given):
            numbered_parts(text, number)
    return given


def _check_present(text: Any, number: int) -> None:
    if any(map(_is_missing, text if isinstance(text, tuple) else (text,))):
        raise GradexplainError(f"text {number} is missing (None or NaN): leave it out, or give a str in its place")


def _is_missing(value: Any) -> bool:
    """Return whether a value stands for a missing value in Python, NumPy or pandas."""
    return value is None or (isinstance(value, float) and value != value) or type(value).__name__ == "NAType"


def texts_of(columns: Mapping[str, Sequence[Any]]) -> list[Text]:
    """Return the texts in a dataset's column `text`; if there is a column `text_pair`, pairs of texts from both.

    If there is a column `spans`, it has the spans of the units of each text.
    """
    pairs = columns.get("text_pair")
    texts = listed(columns["text"] if pairs is None else zip(columns["text"], pairs, strict=True))
    if "spans" not in columns:
        return texts
    spans = (tuple((start, end) for start, end in of_text) for of_text in columns["spans"])
    return [DividedText(undivided(text), of_text) for text, of_text in zip(texts, spans, strict=True)]


def as_given(text: Any) -> Any:
    """Return a text as a str, a pair as a tuple, a conversation as a list of messages, and anything else as it is.

    >>> as_given({"text": "Who came?", "text_pair": "Nobody."}), as_given({"text": "Who came?"})
    (('Who came?', 'Nobody.'), 'Who came?')
    """
    if _is_dict_of_text(text):
        return (text["text"], text["text_pair"]) if "text_pair" in text else text["text"]
    if _holds_columns(text):
        return [dict(zip(text, values, strict=True)) for values in zip(*text.values(), strict=True)]
    return list(text) if is_conversation(text) else text


def _is_dict_of_text(text: Any) -> TypeGuard[Mapping[str, Any]]:
    """Return whether this is a text or a pair as pipelines of transformers take it: a dict with nothing else."""
    if not _is_row(text) or "text" not in text or not text.keys() <= {"text", "text_pair"}:
        return False
    return isinstance(text["text"], str) or _is_missing(text["text"])


def _is_row(value: Any) -> TypeGuard[Mapping[str, Any]]:
    """Return whether this is a dict, but no message and no part of one."""
    return isinstance(value, Mapping) and "role" not in value and "content" not in value


def _holds_columns(text: Any) -> bool:
    """Return whether this is a conversation as some datasets have it: a list of roles and one of contents."""
    return isinstance(text, Mapping) and isinstance(text.get("role"), list)


def undivided(text: Text) -> WholeText:
    """Return the text, pair or conversation without spans."""
    return text.text if isinstance(text, DividedText) else text


def text_parts(text: Text) -> tuple[str, ...]:
    """Return the text, both texts of a pair, or the contents of a conversation, without lone surrogates.

    Raises:
        GradexplainError: The text is something else.
    """
    text = undivided(text)
    if isinstance(text, list):
        return tuple(message["content"] for message in messages_of(text))
    parts = text if isinstance(text, tuple) else (text,)
    wrong = [type(part).__name__ for part in parts if not isinstance(part, str)]
    if isinstance(text, tuple) and len(text) != 2:
        wrong.append(f"a tuple of {len(text)}")
    if wrong:
        raise GradexplainError(f"{_EXPECTED}, not {wrong[0]}{_instead_of_rows(text)}")
    return tuple(map(without_surrogates, parts))


def numbered_parts(text: Any, number: int) -> tuple[str, ...]:
    """Return the parts of one of several texts, see `text_parts`.

    Raises:
        GradexplainError: The text is missing, or something else. The message begins with its number.
    """
    _check_present(text, number)
    with translate_errors(lambda error: f"text {number}: {error}", GradexplainError):
        return text_parts(text)


def _instead_of_rows(text: Any) -> str:
    """Return what to give instead of rows of a dataset, for the end of a message; empty if this is no row."""
    if not _is_row(text):
        return ""
    if "text" in text and "text_pair" in text:
        return ": for rows of a dataset, give [(row['text'], row['text_pair']) for row in rows]"
    names = ["text"] * ("text" in text) + [name for name, value in text.items() if isinstance(value, str)]
    return f": for rows of a dataset, give [row[{names[0]!r}] for row in rows]" if names else ""


def messages_of(conversation: Conversation) -> list[dict[str, Any]]:
    """Return the messages, without entries that are None and without lone surrogates in roles and contents.

    `datasets` writes None for a key that only other messages have; transformers drops such entries, too.

    Raises:
        GradexplainError: There is no message, or the role or content of a message is missing or is not a str.
    """
    if len(conversation) and not isinstance(conversation[0], Mapping):
        raise GradexplainError(f"{_EXPECTED}, not list")
    if not len(conversation):
        raise GradexplainError(f"a conversation needs at least one message, such as {_EXAMPLE}, but has none")
    return [_message(number, message) for number, message in enumerate(conversation)]


def _message(number: int, message: Any) -> dict[str, Any]:
    if not isinstance(message, Mapping):
        raise GradexplainError(f"each message must be a mapping such as {_EXAMPLE}, not {type(message).__name__}")
    given = {name: value for name, value in message.items() if value is not None}
    for name in ("role", "content"):
        value = given.get(name)
        if isinstance(value, list | np.ndarray):
            raise GradexplainError(
                f"the {name} of message {number} is a list: only texts can be explained, so give one str, such as its "
                "text parts joined"
            )
        if not isinstance(value, str):
            said = f"is of type {type(value).__name__}" if name in given else "is missing"
            raise GradexplainError(
                f"each message needs a role and a content that are str, as {_EXAMPLE} has, but the {name} of message "
                f"{number} {said}"
            )
        given[name] = without_surrogates(value)
    return given


def without_surrogates(text: str) -> str:
    """Replace lone surrogates, which neither tokenizers nor UTF-8 files accept, by U+FFFD."""
    return text if text.isascii() else re.sub("[\ud800-\udfff]", "\ufffd", text)


def whole_text(text: Text) -> str:
    """Return the text as `Document.text` has it: parts joined by a newline, without lone surrogates."""
    return SEPARATOR.join(text_parts(text))
