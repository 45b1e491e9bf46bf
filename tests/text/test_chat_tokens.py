"""The tokens of contents, counted by hand; test_chat.py has those of chat templates."""

from types import SimpleNamespace

import numpy as np
import pytest

from hf_gradexplain.text.alignment import Tokens
from hf_gradexplain.text.characters import Characters
from hf_gradexplain.text.chat import TEMPLATE, Prompt
from hf_gradexplain.text.chat_tokens import _count, _covered, of_contents, special_ids, unread_parts
from hf_gradexplain.text.data import NO_UNIT
from hf_gradexplain.text.unit import Message
from hf_gradexplain.text.words import group


def test_the_unknown_token_stands_for_words():
    added = {7: SimpleNamespace(special=True), 3: SimpleNamespace(special=False), 5: SimpleNamespace(special=True)}
    tokenizer = SimpleNamespace(added_tokens_decoder=added, all_special_ids=[1, 2, 5], unk_token_id=1)
    assert special_ids(tokenizer) == [2, 5, 7]
    tokenizer.unk_token_id = None
    assert special_ids(tokenizer) == [1, 2, 5, 7]


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], "0000"),
        ([(0, 1)], "1000"),
        ([(1, 3)], "0110"),
        ([(0, 2), (1, 4)], "1111"),
        ([(2, 2)], "0000"),
        ([(3, 4)], "0001"),
    ],
)
def test_which_characters_are_covered(spans, expected):
    starts, ends = np.array(spans, dtype=int).reshape(-1, 2).T
    assert "".join(map(str, _covered(starts, ends, 4).astype(int))) == expected


def test_how_many_flags_are_set():
    flags = np.array([True, False, True, True])
    assert _count(flags, np.array([0, 0, 1, 2, 4]), np.array([0, 4, 2, 3, 4])).tolist() == [0, 3, 0, 1, 0]


def conversation(rendered, contents, roles, places):
    """Return a prompt whose contents, in the order given, stand at these places of what is rendered."""
    text, messages, start = "\n".join(contents), [], 0
    for content, role in zip(contents, roles, strict=True):
        messages.append(Message(role, start, start + len(content)))
        start += len(content) + 1
    origin = np.full(len(rendered), TEMPLATE)
    for k, place in places:
        origin[place : place + len(contents[k])] = np.arange(messages[k].start, messages[k].end)
    return Prompt(rendered, text, tuple(messages), origin)


def tokens_of(rendered, spans, words=None, truncated=None):
    n = len(spans)
    arrays = np.zeros(n, int), np.arange(n), np.array(spans), np.array(words or range(1, n + 1))
    pieces = [rendered[a:b] for a, b in spans]
    return Tokens.settle(
        Characters.of([rendered]), *arrays, lambda i: pieces, [() if truncated is None else (truncated,)]
    )


RENDERED = "U:bad film|A:ok|bad film"
SPANS = [(0, 2), (2, 5), (5, 10), (10, 13), (13, 15), (15, 16), (16, 19), (19, 24)]
"""`U:`, `bad`, ` film`, `|A:`, `ok`, `|`, `bad` and ` film`: the first content is written twice."""
PROMPT = conversation(RENDERED, ["bad film", "ok"], ["user", "assistant"], [(0, 2), (1, 13), (0, 16)])


def units_of(prompt, tokens, special=(), roles=()):
    is_special = np.isin(np.arange(len(tokens.ids)), special)
    contents = of_contents(tokens, [prompt], is_special, roles)
    units = contents.spread(group(contents.tokens, "word", None))
    return units.unit_of.tolist(), units.spans.tolist()


N = NO_UNIT


@pytest.mark.parametrize(
    ("special", "roles", "expected", "spans"),
    [
        ([], [], [N, 0, 1, N, 2, N, 0, 1], [[0, 3], [4, 8], [9, 11]]),
        ([0, 3], [], [N, 0, 1, N, 2, N, 0, 1], [[0, 3], [4, 8], [9, 11]]),
        ([], ["user"], [N, 0, 1, N, N, N, 0, 1], [[0, 3], [4, 8]]),
        ([], ["assistant"], [N, N, N, N, 0, N, N, N], [[9, 11]]),
        ([1], [], [N, N, 0, N, 1, N, N, 0], [[4, 8], [9, 11]]),  # a content holds a special token
    ],
)
def test_a_content_that_is_written_twice_has_its_units_in_both_places(special, roles, expected, spans):
    assert units_of(PROMPT, tokens_of(RENDERED, SPANS), special, roles) == (expected, spans)


def test_a_token_that_ends_a_content_and_begins_it_again_belongs_to_its_last_word():
    prompt = conversation("abab", ["ab"], ["user"], [(0, 0), (0, 2)])
    tokens = tokens_of("abab", [(0, 1), (1, 3), (3, 4)])
    assert units_of(prompt, tokens) == ([0, 0, 0], [[0, 2]])


def test_a_token_without_characters_has_none_in_its_content():
    prompt = conversation("U:ab", ["ab"], ["user"], [(0, 2)])
    tokens = tokens_of("U:ab", [(0, 2), (2, 2), (2, 3), (3, 4)])
    found = of_contents(tokens, [prompt], np.zeros(4, bool)).tokens
    assert (found.ends - found.starts).tolist() == [0, 1, 1]


def test_a_token_belongs_to_a_content_if_it_covers_a_visible_character_of_it():
    rendered = "A: ok \nB"
    prompt = conversation(rendered, [" ok "], ["user"], [(0, 2)])
    tokens = tokens_of(rendered, [(0, 2), (2, 3), (3, 5), (5, 7), (7, 8)])
    assert units_of(prompt, tokens) == ([N, 0, 0, N, N], [[1, 3]])  # " \n" is more than the content
    assert units_of(prompt, tokens_of(rendered, [(0, 4), (4, 8)])) == ([0, 0], [[1, 3]])


def test_white_space_at_the_end_belongs_to_the_last_word_in_both_places():
    rendered = "ab c |ab c |"
    prompt = conversation(rendered, ["ab c "], ["user"], [(0, 0), (0, 6)])
    spans = [(0, 2), (2, 4), (4, 5), (5, 6), (6, 8), (8, 10), (10, 11), (11, 12)]
    assert units_of(prompt, tokens_of(rendered, spans)) == ([0, 1, 1, N, 0, 1, 1, N], [[0, 2], [3, 4]])


def test_white_space_alone_is_no_unit():
    prompt = conversation("A:  B", ["  "], ["user"], [(0, 2)])
    assert units_of(prompt, tokens_of("A:  B", [(0, 2), (2, 4), (4, 5)])) == ([N, N, N], [])


@pytest.mark.parametrize(
    ("kept", "truncated", "expected"),
    [
        (slice(0, 8), None, ((), None)),
        (slice(0, 3), 10, (((9, 11),), 9)),
        (slice(0, 2), 5, (((4, 11),), 4)),  # what is cut at the end of a message and the next one is one part
        (slice(4, 8), 0, ((), None)),
        (slice(7, 8), 0, (((0, 3), (9, 11)), 0)),
        (slice(0, 0), 0, (((0, 11),), 0)),
    ],
)
def test_what_truncation_leaves_unread(kept, truncated, expected):
    tokens = tokens_of(RENDERED, SPANS[kept] or [(0, 0)], truncated=truncated)
    assert unread_parts(tokens, [PROMPT]) == [expected]


def test_two_conversations_do_not_mix():
    spans, n = np.array(SPANS * 2), len(SPANS)
    text_of, words = np.repeat([0, 1], n), np.tile(np.arange(1, n + 1), 2)
    characters = Characters.of([RENDERED, RENDERED])
    tokens = Tokens.settle(characters, text_of, np.arange(2 * n), spans, words, lambda i: ["?"] * n, [(), ()])
    contents = of_contents(tokens, [PROMPT, PROMPT], np.zeros(2 * n, bool))
    units = contents.spread(group(contents.tokens, "word", None))
    assert units.unit_of.tolist() == [N, 0, 1, N, 2, N, 0, 1] * 2
    assert units.spans.tolist() == [[0, 3], [4, 8], [9, 11]] * 2
    assert units.text_of_word.tolist() == [0, 0, 0, 1, 1, 1]
    assert units.text_of_row.tolist() == [0] * 5 + [1] * 5  # all ids differ, so that each token is a row
    assert units.row_of.tolist() == [N, 0, 1, N, 2, N, 3, 4] * 2
    assert units.unit_of_row.tolist() == [0, 1, 2, 0, 1] * 2


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([(0, 3)], [N, 0, N, N, N, N, 0, N]),
        ([(4, 8)], [N, N, 0, N, N, N, N, 0]),
        ([], [N] * 8),
        ([(9, 11)], [N, N, N, N, 0, N, N, N]),
    ],
)
def test_what_is_outside_of_given_units_is_in_no_unit_in_both_places(given, expected):
    contents = of_contents(tokens_of(RENDERED, SPANS), [PROMPT], np.zeros(8, bool))
    assert contents.spread(group(contents.tokens, "custom", None, [given])).unit_of.tolist() == expected
