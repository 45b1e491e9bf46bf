"""Candidate labels, and the hypotheses that a template makes of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from string import Formatter

import numpy as np
from transformers import BatchEncoding

from hf_gradexplain.errors import GradexplainError, one_line, translate_errors
from hf_gradexplain.options.values import as_list, plain
from hf_gradexplain.text.alignment import NO_WORD
from hf_gradexplain.text.characters import Characters
from hf_gradexplain.text.chat import TEMPLATE, Prompt
from hf_gradexplain.text.chat_tokens import of_contents
from hf_gradexplain.text.data import Document
from hf_gradexplain.text.encode import Encoder
from hf_gradexplain.text.joined import Piece, join
from hf_gradexplain.text.texts import SEPARATOR, without_surrogates
from hf_gradexplain.text.tokenize import tokenize
from hf_gradexplain.text.unit import Message

_TRUNCATION = "only_first"
"""The truncation strategy for a text and a hypothesis: only the text is truncated."""

Labels = str | Iterable[str]
"""Candidate labels: a list of them, or all of them joined by commas."""


def parse_labels(given: Labels) -> tuple[str, ...]:
    """Return the candidate labels, in their order.

    >>> parse_labels("sports, world,")
    ('sports', 'world')

    Raises:
        GradexplainError: There are no labels, or a label is not a str, is blank, or is given twice.
    """
    given = plain(given)
    if isinstance(given, str):
        given = [label.strip() for label in given.split(",") if label.strip()]
    labels = as_list(given, "candidate_labels must be a list of str, or one str with commas", "label", str)
    if not labels:
        raise GradexplainError("candidate_labels must have at least one label, but there are none")
    for label in labels:
        if not isinstance(label, str) or not label.strip():
            raise GradexplainError(f"each of candidate_labels must be a str that is not blank, not {label!r}")
        if labels.count(label) > 1:
            raise GradexplainError(f"candidate_labels must differ, but {label!r} is given twice: give it once")
    return tuple(map(without_surrogates, labels))


def hypothesis(template: str, label: str) -> tuple[str, list[int]]:
    """Return what `template.format(label)` gives, and the offsets at which the label begins in it.

    >>> hypothesis("This example is {}.", "sports")
    ('This example is sports.', [16])

    Raises:
        GradexplainError: The template has no place for the label, cannot be formatted, or changes the label.
    """
    if not isinstance(template, str):
        raise GradexplainError(f"hypothesis_template must be a str, not {type(template).__name__}")
    with translate_errors(_not_formatted, IndexError, KeyError, ValueError, AttributeError, TypeError):
        whole, before, starts = template.format(label), "", list[int]()
        for literal, name, spec, conversion in Formatter().parse(template):
            before += literal
            if name is not None:
                field = f"{{{name}{'!' * bool(conversion)}{conversion or ''}{':' * bool(spec)}{spec}}}"
                value = field.format(label)
                starts.append(len(before) + value.find(label))
                before += value
    if whole == template:
        raise GradexplainError(
            f"hypothesis_template must have {{}} where the label goes, as in 'This example is {{}}.', but is "
            f"{template!r}"
        )
    if any(whole[start : start + len(label)] != label for start in starts):
        raise GradexplainError(f"hypothesis_template must not change the label, but {template!r} makes {whole!r}")
    return without_surrogates(whole), starts


def _not_formatted(error: BaseException) -> str:
    return (
        f"hypothesis_template cannot be formatted with one label ({type(error).__name__}: {one_line(error, 100)}): "
        "give {} where the label goes, as in 'This example is {}.', and {{ and }} for braces"
    )


@dataclass(frozen=True, eq=False)
class HypothesisEncoder(Encoder):
    """Encodes texts that are read once per candidate label, each time followed by the label's hypothesis."""

    def hypotheses(self, text: str, labels: Sequence[str], template: str) -> Document:
        """Encode a text and its candidate labels as one document, with one sequence per label.

        `Document.text` is the text, followed by the labels, one per line. The words of the text and of the labels are
        units. A word of the text occurs in all sequences, a word of a label only in the sequence of this label. Only
        the text is truncated.

        Args:
            text: The text.
            labels: The candidate labels.
            template: The template of the hypotheses.

        Raises:
            GradexplainError: The template cannot be used, the tokenizer fails, or a hypothesis leaves no room for the
                text.
        """
        text = without_surrogates(text)
        prompts = [_prompt(text, label, *hypothesis(template, label)) for label in labels]
        types = self.unit == "word_type"
        documents = list((replace(self, unit="word") if types else self)._pairs(prompts))
        at, pieces = len(text) + len(SEPARATOR), list[list[Piece]]()
        for prompt in prompts:
            content, label = prompt.messages
            pieces.append([Piece(0, content.end, 0), Piece(label.start, label.end, at)])
            at += label.end - label.start + len(SEPARATOR)
        joined = join(SEPARATOR.join([text, *labels]), documents, pieces, types, self.tokenizer.unk_token_id)
        cuts = [document.truncated_at for document in documents]
        truncated_at = None if None in cuts else max(cut for cut in cuts if cut is not None)
        return replace(
            joined,
            truncated_at=truncated_at,
            pair_start=len(text) + len(SEPARATOR),
            unread=() if truncated_at is None else (_cut(joined, truncated_at, len(text)),),
        )

    def _pairs(self, prompts: Sequence[Prompt]) -> Iterator[Document]:
        """Encode each text with its hypothesis, as a pair; only the words of the text and of the label are units."""
        seconds = [prompt.messages[1].start for prompt in prompts]
        rendered = [prompt.rendered for prompt in prompts]
        pairs = [(text[: at - len(SEPARATOR)], text[at:]) for text, at in zip(rendered, seconds, strict=True)]
        encoded = self._first_truncated(pairs)
        tokens = self._tokens(encoded, pairs, Characters.of(rendered), np.array(seconds), _TRUNCATION)
        contents = of_contents(tokens, prompts, tokens.words == NO_WORD)
        documents = self._of_contents(encoded, contents, prompts, [prompt.text for prompt in prompts])
        for document, cuts in zip(documents, tokens.cuts, strict=True):
            yield replace(document, truncated_at=min(cuts, default=None))

    def _first_truncated(self, pairs: Sequence[tuple[str, ...]]) -> BatchEncoding:
        """Tokenize pairs, of which only the first texts are truncated."""
        too_short = "too short"  # what tokenizers of Rust say; others return more tokens than the limit
        kwargs = {**self.kwargs, "truncation": _TRUNCATION}
        try:
            encoded = tokenize(self.tokenizer, pairs, self._limit, self._side, kwargs)
        except GradexplainError as error:
            if too_short not in str(error):
                raise
            longest = float("inf")
        else:
            longest = max(map(len, encoded["input_ids"]))
        if self._limit is not None and longest > self._limit:
            raise GradexplainError(
                f"a hypothesis leaves no room for the text: the model reads {self._limit} tokens, so give shorter "
                "candidate labels, or a shorter hypothesis_template"
            )
        return encoded


def _cut(document: Document, truncated_at: int, end: int) -> tuple[int, int]:
    """Return what truncation removes: the end of the text; with truncation on the left, its beginning."""
    return (truncated_at, end) if truncated_at else (0, min(int(document.occurrences.spans[0, 0]), end))


def _prompt(text: str, label: str, hypothesis: str, starts: Sequence[int]) -> Prompt:
    """Return a prompt whose contents are the text and the label; all other parts of the hypothesis are its template."""
    second = len(text) + len(SEPARATOR)
    origin = np.full(second + len(hypothesis), TEMPLATE)
    origin[: len(text)] = np.arange(len(text))
    for start in starts:
        origin[second + start : second + start + len(label)] = second + np.arange(len(label))
    contents = Message("text", 0, len(text)), Message("label", second, second + len(label))
    return Prompt(text + SEPARATOR + hypothesis, text + SEPARATOR + label, contents, origin)
