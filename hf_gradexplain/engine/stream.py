"""Explain any number of texts: chunk by chunk, in order, and in memory that does not grow."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import repeat
from numbers import Real
from typing import Any

from markupsafe import Markup
from tqdm import tqdm

from hf_gradexplain.attribution.prepare import batch_tokens
from hf_gradexplain.classifier.targets import Labels
from hf_gradexplain.engine.engine import AttributionEngine
from hf_gradexplain.engine.scored import collect
from hf_gradexplain.errors import GradexplainError, without_warnings
from hf_gradexplain.explanation import Explanation, Explanations
from hf_gradexplain.options import Options
from hf_gradexplain.options.values import check_column, plain
from hf_gradexplain.text.chat import checking_roles
from hf_gradexplain.text.given_units import GivenUnits, with_units
from hf_gradexplain.text.texts import Text, as_given, is_text, numbered_parts
from hf_gradexplain.viz.notebook import live_display, runs_in_kernel

BATCHES = 16
"""About how many batches the texts of a chunk fill: enough for texts of equal length to share batches."""

_CHARACTERS = 4
"""About how many characters a token has."""

_CLASSES = ("target", "against")
"""The options that may be one class for all texts, or one per text."""

_END = object()


@dataclass
class _Chunk:
    """Texts that are explained together.

    Attributes:
        start: How many texts were before them.
        texts: The texts.
        given: What was given for each text, by name: `labels`, `units`, `target` and `against`.
        tokens: About how many tokens they have.
    """

    start: int
    texts: list[Text] = field(default_factory=list)
    given: dict[str, list[Any]] = field(default_factory=dict)
    tokens: int = 0


def explain_stream(
    engine: AttributionEngine,
    texts: Iterable[Text],
    options: Options,
    labels: Labels,
    units: GivenUnits | None,
    *,
    progress: bool,
) -> Iterator[Explanation]:
    """Return an iterator over the explanations of texts; see `hf_gradexplain.Explainer.stream`.

    The arguments are checked here, before the first text is read.
    """
    texts = plain(texts)
    expected = "texts must be an iterable of texts, of pairs or of conversations"
    if is_text(texts):
        raise GradexplainError(f"{expected}, but is a single one: explain it with explainer(text)")
    check_column(texts, expected, "text", str)
    labels = plain(labels)
    given: dict[str, Any] = {name: value for name, value in (("labels", labels), ("units", units)) if value is not None}
    given |= {name: getattr(options, name) for name in _CLASSES if isinstance(getattr(options, name), tuple)}
    if "units" in given:
        with_units([], options, [], single=False)
    if labels is not None and not isinstance(labels, str | Real):
        check_column(labels, "labels must be one class id or name, or an iterable of one per text", "label")
    engine.resolve(options)
    return _explanations(engine, texts, options, given, progress=progress)


def _explanations(
    engine: AttributionEngine,
    texts: Iterable[Text],
    options: Options,
    given: Mapping[str, Any],
    *,
    progress: bool,
) -> Iterator[Explanation]:
    columns = {name: _one_per_text(values) for name, values in given.items()}
    tokens, warned = BATCHES * batch_tokens(engine.model, options), set[str]()
    with _progress_bar(_length(texts), shown=progress) as advance:
        chunks = _chunks(texts, columns, tokens)
        for chunk in checking_roles(chunks, lambda chunk: chunk.texts, options.explain_roles):
            with without_warnings(warned):
                explanations = _explain(engine, chunk, options, advance)
            yield from explanations


def _explain(
    engine: AttributionEngine, chunk: _Chunk, options: Options, advance: Callable[[int], None]
) -> Explanations:
    """Explain the texts of a chunk, and advance the progress bar after each batch."""
    labels = chunk.given.get("labels")

    def batches() -> Iterator[Any]:
        for batch in engine.run(texts, chosen, labels):
            advance(len(batch.indices))
            yield batch

    try:
        classes: dict[str, Any] = {name: chunk.given[name] for name in _CLASSES if name in chunk.given}
        chosen = replace(options, **classes)
        texts, chosen = with_units(chunk.texts, chosen, chunk.given.get("units"), single=False)
        return collect(batches(), engine.true_classes(len(texts), chosen, labels))
    except GradexplainError as error:
        if not chunk.start:
            raise
        raise GradexplainError(f"{error} (text 0 of this message is text {chunk.start} of the stream)") from error


def _chunks(texts: Iterable[Text], columns: Mapping[str, Iterator[Any]], tokens: int) -> Iterator[_Chunk]:
    """Yield chunks of about `tokens` tokens: texts, and what is given for each.

    If a text cannot be read, the texts before it are yielded before the error is raised.
    """
    chunk = _Chunk(0, given={name: [] for name in columns})
    try:
        for number, (text, given, length) in enumerate(_rows(texts, columns)):
            for name, value in given.items():
                chunk.given[name].append(value)
            chunk.texts.append(text)
            chunk.tokens += length
            if chunk.tokens >= tokens:
                yield chunk
                chunk = _Chunk(number + 1, given={name: [] for name in columns})
    except Exception:
        if chunk.texts:
            yield chunk
        raise
    if chunk.texts:
        yield chunk
    for name, values in columns.items():
        if not isinstance(values, repeat) and next(values, _END) is not _END:
            n_texts = chunk.start + len(chunk.texts)
            raise GradexplainError(f"the stream has {n_texts} texts, but {name} has more: give one for each text")


def _rows(texts: Iterable[Text], columns: Mapping[str, Iterator[Any]]) -> Iterator[tuple[Text, dict[str, Any], int]]:
    """Yield each text, what is given for it, and about how many tokens it has."""
    for number, text in enumerate(texts):
        given = {}
        for name, values in columns.items():
            if (value := next(values, _END)) is _END:
                raise GradexplainError(f"{name} ended after {number} texts: give one for each text")
            given[name] = plain(value)
        text = as_given(plain(text))
        yield text, given, 1 + sum(map(len, numbered_parts(text, number))) // _CHARACTERS


def _one_per_text(values: Any) -> Iterator[Any]:
    """Return an iterator over the values; if there is one value for all texts, it repeats this value."""
    return repeat(values) if callable(values) or isinstance(values, str | Real) else iter(values)


def _length(texts: Iterable[Text]) -> int | None:
    try:
        return len(texts)  # type: ignore[arg-type]
    except TypeError:
        return None


@contextmanager
def _progress_bar(total: int | None, *, shown: bool) -> Iterator[Callable[[int], None]]:
    """Show how many texts are explained, on standard error or in a notebook; yield a function that adds texts."""
    show = live_display() if shown and runs_in_kernel() else None
    hidden = not shown or show is not None or not sys.stderr.isatty()
    done = 0
    with tqdm(total=total, desc="explaining", unit=" texts", disable=hidden, dynamic_ncols=True) as bar:

        def advance(texts: int) -> None:
            nonlocal done
            done += texts
            bar.update(texts)
            if show is not None:
                line = f"explaining: {done:,} texts" if total is None else f"explaining: {done:,} of {total:,} texts"
                value = Markup(' value="{}" max="{}"').format(done, total) if total else ""
                show(Markup("<progress{} style='width: 20em'></progress> {}").format(value, line), line)

        yield advance
