"""`Explainer.stream`: any number of texts, in order, chunk by chunk."""

import gc
import inspect
import itertools
import os
import sys
import warnings
import weakref

import numpy as np
import pytest
from datasets import Dataset

from hf_gradexplain.engine import stream as module
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.explanation import Explanation
from tests.helpers.snapshot import snapshot
from tests.helpers.tiny import TEXTS, explainer, make

MANY = [" ".join(text.split()[: 1 + i % 7]) for i, text in enumerate(TEXTS * 8)]
METHODS = ("signed_gi", "loo", "sa_l2")


def small_chunks(monkeypatch, batches=1):
    monkeypatch.setattr(module, "BATCHES", batches)


def same(one, other):
    assert one.text == other.text
    assert one.units == other.units
    assert (one.target, one.label, one.unit, one.why) == (other.target, other.label, other.unit, other.why)
    for name in other.scores:
        np.testing.assert_allclose(one[name], other[name], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("kind", ["bert", "gpt2", "bart", "fasttext"])
def test_a_stream_gives_what_a_call_gives(kind, monkeypatch):
    small_chunks(monkeypatch)
    wanted = explainer(kind)(MANY, METHODS)
    stream = explainer(kind).stream(iter(MANY), METHODS, batch_tokens=60, progress=False)
    for one, other in itertools.zip_longest(stream, wanted):
        same(one, other)


def test_within_a_chunk_all_numbers_are_those_of_a_call():
    wanted = explainer("bert")(MANY, METHODS, self_check=True)
    assert list(explainer("bert").stream(MANY, METHODS, self_check=True, progress=False)) == wanted


@pytest.mark.parametrize(
    "options",
    [
        {"labels": "LABEL_1"},
        {"labels": [i % 3 for i in range(len(MANY))]},
        {"labels": [i % 3 for i in range(len(MANY))], "target": "predicted"},
        {"target": [i % 3 for i in range(len(MANY))]},
        {"target": 1, "against": [2 * (i % 2) for i in range(len(MANY))]},
        {"unit": "sentence"},
        {"units": [[(0, len(text) // 2)] if len(text) > 3 else [] for text in MANY]},
        {"units": lambda text: [(0, len(text))] if text else []},
        {"methods": "auto"},
    ],
)
def test_options_are_those_of_a_call(options, monkeypatch):
    small_chunks(monkeypatch)
    options = {"methods": "signed_gi", **options}
    wanted = explainer("bert")(MANY, **options)
    lazy = {name: iter(value) if name in ("labels", "units") and isinstance(value, list) else value
            for name, value in options.items()}  # fmt: skip
    stream = explainer("bert").stream(MANY, **lazy, batch_tokens=60, progress=False)
    for one, other in itertools.zip_longest(stream, wanted):
        same(one, other)


def test_texts_come_from_any_iterable(monkeypatch):
    small_chunks(monkeypatch)
    pairs = [("a good film", "bad"), ("bad", "the end")]
    for texts, given in (
        (MANY, Dataset.from_dict({"text": MANY})["text"]),
        (MANY[:9], np.array(MANY[:9])),
        (pairs, (pair for pair in pairs)),
    ):
        stream = explainer("bert").stream(given, "signed_gi", progress=False)
        assert [explanation.text for explanation in stream] == [
            "\n".join(t) if isinstance(t, tuple) else t for t in texts
        ]
    assert list(explainer("bert").stream([], "signed_gi", progress=False)) == []


def test_no_more_than_a_chunk_is_read_ahead(monkeypatch):
    small_chunks(monkeypatch, 3)
    read = []

    def endless():
        for i in itertools.count():
            read.append(i)
            yield MANY[i % len(MANY)]

    stream = explainer("fasttext").stream(endless(), "signed_gi", batch_tokens=20, progress=False)
    assert not read
    longest = 3 * 20 + 1
    for taken in range(1, 201):
        next(stream)
        assert taken <= len(read) <= taken + longest
    stream.close()
    assert read[-1] < 200 + longest


def test_memory_does_not_grow_with_the_number_of_texts(monkeypatch):
    """Of thousands of explanations, those of one chunk are alive at most, and so are the texts."""
    small_chunks(monkeypatch, 2)

    class Text(str):
        """A str that can be watched."""

    alive, chunk = weakref.WeakSet(), 2 * 100 + 1

    def watched():
        for i in range(1500):
            text = Text(MANY[i % 40])
            alive.add(text)
            yield text

    born: weakref.WeakSet[Explanation] = weakref.WeakSet()
    objects = []
    for i, explanation in enumerate(
        explainer("fasttext").stream(watched(), "signed_gi", batch_tokens=100, progress=False)
    ):
        born.add(explanation)
        assert len(born) <= chunk
        assert len(alive) <= 2 * chunk
        if i in (700, 1450):
            gc.collect()
            objects.append(len(gc.get_objects()))
    assert i == 1499
    assert objects[1] < objects[0] + 20 * chunk


def test_the_model_is_in_its_original_state_between_explanations(monkeypatch):
    small_chunks(monkeypatch)
    model, tokenizer = make("bert")
    model.train()
    explain = Explainer(model, tokenizer)
    before = snapshot(model, tokenizer)
    stream = explain.stream(itertools.cycle(MANY), METHODS, batch_tokens=60, progress=False)
    for _ in range(20):
        next(stream)
        assert snapshot(model, tokenizer) == before
    stream.close()
    assert snapshot(model, tokenizer) == before
    del stream
    next(explain.stream(MANY, METHODS, progress=False))
    assert snapshot(model, tokenizer) == before


def test_a_warning_is_given_once(monkeypatch):
    small_chunks(monkeypatch)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        n = len(list(explainer("bert").stream(MANY, "integrated_gradients", steps=1, batch_tokens=60, progress=False)))
    assert n == len(MANY)
    said = [str(warning.message) for warning in caught]
    assert len(said) == 1, said
    assert said[0].startswith(
        "the scores of integrated_gradients should add up to the rise of the loss, but are off by"
    )
    assert caught[0].filename == __file__


def test_what_cannot_be_used_is_refused_before_a_text_is_read():
    explain = explainer("bert")

    def unread():
        raise AssertionError
        yield

    for given, message in (
        (
            {"texts": "a text"},
            r"^texts must be an iterable of texts, of pairs or of conversations, but is a single one: ",
        ),
        ({"texts": ("a", "b")}, r"but is a single one: explain it with explainer\(text\)$"),
        ({"texts": 3}, r"^texts must be an iterable of texts, of pairs or of conversations, not int$"),
        (
            {"texts": Dataset.from_dict({"text": ["a"]})},
            r"not Dataset: give one of its columns, such as texts\['text'\]$",
        ),
        ({"methods": "x"}, "^unknown method 'x'"),
        ({"objectiv": "loss"}, r"^unknown option 'objectiv': did you mean 'objective'\?"),
        ({"unit": "clause", "units": []}, r"^give either unit='clause' or units=\[\.\.\.\], but not both$"),
        (
            {"labels": Dataset.from_dict({"label": [1]})},
            r"^labels must be one class id or name, or an iterable of one ",
        ),
    ):
        with pytest.raises(GradexplainError, match=message):
            explain.stream(**{"texts": unread(), **given})


def test_what_is_missing_or_wrong_later_is_said_with_the_place(monkeypatch):
    small_chunks(monkeypatch)
    explain = explainer("bert")
    for given, message in (
        ({"labels": iter([0, 1])}, r"^labels ended after 2 texts: give one for each text$"),
        ({"units": iter([[]])}, r"^units ended after 1 texts: give one for each text$"),
        ({"target": [0, 1]}, r"^target ended after 2 texts: give one for each text$"),
    ):
        with pytest.raises(GradexplainError, match=message):
            list(explain.stream(MANY, "signed_gi", progress=False, **given))
    labels = [0] * 20 + [7] + [0] * 40
    with pytest.raises(
        GradexplainError, match=r"^label 7 of text \d+ is not a class .* \(text 0 of this message is text"
    ):
        list(explain.stream(MANY, "signed_gi", labels=labels, batch_tokens=20, progress=False))


def test_a_bar_shows_how_many_texts_are_explained(monkeypatch, capsys):
    small_chunks(monkeypatch)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    list(explainer("bert").stream(MANY, "signed_gi"))
    shown = capsys.readouterr()
    assert f"{len(MANY)}/{len(MANY)}" in shown.err
    assert "explaining" in shown.err
    assert not shown.out
    list(explainer("bert").stream(iter(MANY), "signed_gi"))
    assert f"{len(MANY)} texts" in capsys.readouterr().err
    list(explainer("bert").stream(MANY, "signed_gi", progress=False))
    assert capsys.readouterr().err == ""


def test_the_bar_follows_the_width_of_the_terminal(monkeypatch, capsys):
    columns = [120]
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(sys.stderr, "fileno", lambda: 2)
    monkeypatch.setattr(os, "get_terminal_size", lambda fd: os.terminal_size((columns[0], 24)))
    with module._progress_bar(2, shown=True) as advance:
        columns[0] = 100
        advance(2)
    widths = [len(line.rstrip()) for line in capsys.readouterr().err.split("\r") if line.strip()]
    assert (widths[0], widths[-1]) == (119, 99)


def test_a_notebook_shows_the_bar_too(monkeypatch, capsys):
    shown = []
    monkeypatch.setattr(module, "runs_in_kernel", lambda: True)
    monkeypatch.setattr(module, "live_display", lambda: lambda html, text: shown.append((html, text)))
    list(explainer("bert").stream(MANY, "signed_gi"))
    assert shown[-1][1] == f"explaining: {len(MANY)} of {len(MANY)} texts"
    assert f'value="{len(MANY)}" max="{len(MANY)}"' in shown[-1][0]
    list(explainer("bert").stream(iter(MANY), "signed_gi"))
    assert shown[-1][1] == f"explaining: {len(MANY)} texts"
    assert capsys.readouterr().err == ""


def test_the_signature_is_that_of_a_call_with_a_switch_for_progress():
    call, stream = (inspect.signature(function).parameters for function in (Explainer.__call__, Explainer.stream))
    assert stream.keys() == {*call, "progress"}
    assert all(stream[name].default == part.default for name, part in call.items())


@pytest.mark.parametrize(
    ("name", "values"),
    [("labels", iter([0, 1, 2, 0])), ("units", [[], [], [], []]), ("target", [0, 1, 2, 0]), ("against", [0, 1, 2, 0])],
)
def test_what_is_left_at_the_end_of_the_texts_is_said(name, values, monkeypatch):
    small_chunks(monkeypatch)
    stream = explainer("bert").stream(iter(MANY[:3]), "random", progress=False, **{"target": [1, 0, 1], name: values})
    for _ in range(2):
        next(stream)
    with pytest.raises(GradexplainError, match=f"^the stream has 3 texts, but {name} has more: give one for each"):
        list(stream)


def chunks_of(texts, tokens, **columns):
    """Return the start and the texts of each chunk, and what is given for them."""
    columns = {name: iter(values) for name, values in columns.items()}
    return [(chunk.start, chunk.texts, chunk.given) for chunk in module._chunks(iter(texts), columns, tokens)]


@pytest.mark.parametrize(
    ("texts", "tokens", "expected"),
    [
        ([], 3, []),
        (["", "", "", ""], 3, [(0, 3), (3, 1)]),  # each text counts as one token at least
        (["", "", ""], 3, [(0, 3)]),
        (["a" * 2 * module._CHARACTERS, ""], 3, [(0, 1), (1, 1)]),
        (["a" * (2 * module._CHARACTERS - 1), ""], 3, [(0, 2)]),
        ([("a" * module._CHARACTERS, "a" * module._CHARACTERS), ""], 3, [(0, 1), (1, 1)]),
        (["a" * 100, "b" * 100], 1, [(0, 1), (1, 1)]),
    ],
)
def test_a_chunk_ends_where_it_has_enough_characters(texts, tokens, expected):
    found = chunks_of(texts, tokens, labels=range(len(texts)))
    assert [(start, len(some)) for start, some, _ in found] == expected
    assert [text for _, some, _ in found for text in some] == texts
    assert [label for *_, given in found for label in given["labels"]] == list(range(len(texts)))


def test_one_value_for_all_texts_is_repeated():
    one = "LABEL_1", 1, np.int64(1), str.split
    assert [next(module._one_per_text(value)) for value in one] == list(one)
    assert list(module._one_per_text([1, 2])) == [1, 2]


def broken():
    """Texts whose source fails after the second one."""
    yield from MANY[:2]
    raise OSError("the disk is gone")


MISSING = r"is missing \(None or NaN\): leave it out, or give a str in its place$"


@pytest.mark.parametrize("tokens", [1, 4096])
@pytest.mark.parametrize(
    ("texts", "given", "error", "message"),
    [
        (broken, {}, OSError, "^the disk is gone$"),
        (lambda: ["good", "bad", None, "film"], {}, GradexplainError, f"^text 2 {MISSING}"),
        (lambda: ["good", "bad", ("film", np.nan)], {}, GradexplainError, f"^text 2 {MISSING}"),
        (lambda: ["good", "bad", 3, "film"], {}, GradexplainError, "^text 2: each text must be a str, .*, not int$"),
        (
            lambda: ["good", "bad", [{"role": "user"}]],
            {},
            GradexplainError,
            "^text 2: each message needs a role .* but the content of message 0 is missing$",
        ),
        (lambda: MANY, {"labels": [0, 1]}, GradexplainError, "^labels ended after 2 texts: give one for each"),
        (lambda: MANY, {"target": [0, 1]}, GradexplainError, "^target ended after 2 texts: give one for each text$"),
    ],
    ids=["source", "missing", "pair", "type", "message", "labels", "target"],
)
def test_what_was_read_before_an_error_is_explained(tokens, texts, given, error, message, monkeypatch):
    """Wherever the chunks end."""
    small_chunks(monkeypatch)
    given = {"labels": [1] * 9, **given}
    stream = explainer("bert").stream(texts(), "random", batch_tokens=tokens, progress=False, **given)
    found = [explanation.text for explanation in itertools.islice(stream, 2)]
    assert found == list(itertools.islice(texts(), 2))
    with pytest.raises(error, match=message):
        next(stream)


@pytest.mark.parametrize("given", [{"labels": [0, 1, 99, 0]}, {"target": [0, 1, 99, 0]}])
def test_an_unknown_class_is_refused_before_its_chunk_is_explained(given, monkeypatch):
    small_chunks(monkeypatch)
    for tokens, n_explained in ((4096, 0), (1, 2)):
        stream = explainer("bert").stream(MANY[:4], "random", batch_tokens=tokens, progress=False, **given)
        assert len(list(itertools.islice(stream, n_explained))) == n_explained
        with pytest.raises(GradexplainError, match="99"):
            next(stream)


def test_nothing_is_explained_before_an_error_of_the_first_text():
    chunks = module._chunks(iter([None]), {}, 9)
    with pytest.raises(GradexplainError, match=f"^text 0 {MISSING}"):
        next(chunks)
