"""Conversations: their chat template's text, the places of the contents in it, and their documents."""

import random

import numpy as np
import pytest

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.text import chat
from hf_gradexplain.text.chat import TEMPLATE, _find, check_roles, to_prompt
from hf_gradexplain.text.data import NO_UNIT
from hf_gradexplain.text.encode import Encoder
from hf_gradexplain.text.texts import is_conversation, listed, messages_of, text_parts, whole_text
from hf_gradexplain.text.unit import Message
from tests.helpers.chats import CHAT, KINDS, LONGER, TEMPLATES, chat_tokenizer, expected_units, offsets_by_hand, write


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_model_reads_the_ids_of_the_chat_template_and_only_contents_are_units(kind, template):
    tokenizer = chat_tokenizer(kind, template)
    (document,) = Encoder(tokenizer, None, "word")([CHAT])
    ids = tokenizer.apply_chat_template(CHAT)["input_ids"]
    assert document.inputs["input_ids"].tolist() == ids
    assert document.text == "\n".join(message["content"] for message in CHAT)
    written = write(template, CHAT)
    rendered = tokenizer.apply_chat_template(CHAT, tokenize=False)
    assert "".join(c for c, _ in written) == rendered
    offsets = offsets_by_hand(kind, tokenizer, rendered, ids)
    words = expected_units(written, offsets, document.text)
    if kind != "sentencepiece":  # which joins punctuation with the word before it
        visible = {t for t, (a, b) in enumerate(offsets) if rendered[a:b].strip()}
        tokens = {u: set(np.flatnonzero(document.unit_of == u).tolist()) & visible for u in range(document.n_units)}
        assert {unit.spans[0]: tokens[u] for u, unit in enumerate(document.units)} == words
    wanted = set().union(*words.values())
    inside = {t for t, (a, b) in enumerate(offsets) if all(origin >= 0 for _, origin in written[a:b])}
    assert wanted <= set(np.flatnonzero(document.unit_of >= 0).tolist()) <= wanted | inside
    starts = [message.start for message in document.occurrences.messages]
    for unit in document.units:
        (start, end), message = unit.spans[0], unit.message
        assert starts[message] <= start < end <= starts[message] + len(CHAT[message]["content"])
        assert (unit.role, unit.text) == (CHAT[message]["role"], document.text[start:end])
    assert document.unread == (((0, len(CHAT[0]["content"])),) if template == "without_system" else ())
    assert document.truncated_at is None


PIECES = (
    *(
        "user",
        "assistant\n",
        " ",
        "\n",
        "a",
        "</think>",
        "<|im_end|>",
        "[INST] ",
        "is é",
        "Judge this: a",
        "\n\n",
        "< > & '",
    ),
    *("{{ x }}", "\U000f0000", "電"),
)


@pytest.mark.parametrize("template", TEMPLATES)
def test_each_character_comes_from_where_the_template_takes_it(template):
    tokenizer, rng = chat_tokenizer("byte_level", template), random.Random(0)
    for _ in range(60):
        roles = (["system"] if template != "alternating" else []) + ["user", "assistant"] * 2
        messages = [{"role": r, "content": "".join(rng.choices(PIECES, k=rng.randrange(5)))} for r in roles]
        if template == "without_thoughts":
            messages = [m for m in messages if m["content"].replace("</think>", "").strip()] or messages[:0]
        if not messages:
            continue
        prompt, written = to_prompt(tokenizer, messages), write(template, messages)
        assert prompt.rendered == "".join(c for c, _ in written)
        for (character, origin), given in zip(written, prompt.origin.tolist(), strict=True):
            of_blank = origin >= 0 and any(
                m.start <= origin < m.end and not prompt.text[m.start : m.end].strip() for m in prompt.messages
            )
            if character.isspace() and (template == "without_thoughts" or of_blank):
                assert given == -1 or prompt.text[given] == character
            else:
                assert given == origin, (messages, character)


def test_contents_with_more_characters_than_marks_are_found(monkeypatch):
    monkeypatch.setattr(chat, "_MARKS", chat._MARKS[:7])
    messages = [{"role": "user", "content": "abc def " * 5}, {"role": "assistant", "content": "ghi"}]
    prompt = to_prompt(chat_tokenizer("byte_level", "chatml"), messages)
    found = prompt.origin[prompt.origin >= 0].tolist()
    assert found == [k for k in range(len(prompt.text)) if k != len(messages[0]["content"])]
    for taken in (chat._MARKS[:4], chat._MARKS):  # some of the marks, or all, are in the contents
        hostile = [{**messages[0], "content": "".join(map(chr, taken)) + " abc def"}, messages[1]]
        prompt = to_prompt(chat_tokenizer("byte_level", "chatml"), hostile)
        assert "".join(prompt.text[k] for k in prompt.origin if k >= 0) == hostile[0]["content"] + "ghi"


def test_contents_are_looked_for_if_the_template_depends_on_what_they_say():
    tokenizer = chat_tokenizer("byte_level", "chatml")
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m.role }}: {{ m.content }}{% endfor %}"
        "{% if messages[0].content == messages[1].content %}(the same){% endif %}"
    )
    prompt = to_prompt(tokenizer, [{"role": "a", "content": "yes "}, {"role": "b", "content": "yes "}])
    assert prompt.rendered == "a: yes b: yes (the same)"
    assert [k for k in prompt.origin.tolist() if k >= 0] == [0, 1, 2, 5, 6, 7]
    with pytest.raises(
        GradexplainError, match="cannot find the contents of the messages in the output of the chat template"
    ):
        to_prompt(tokenizer, [{"role": "a", "content": "e"}, {"role": "b", "content": "e"}])


def test_a_content_that_stands_in_the_template_is_found_where_blanks_are_removed():
    """The template removes spaces, but not the mark that replaces them."""
    tokenizer = chat_tokenizer("byte_level", "chatml")
    tokenizer.chat_template = "{% for m in messages %}{{ 'user' }}={{ m.content.strip(' ') }}{% endfor %}"
    prompt = to_prompt(tokenizer, [{"role": "user", "content": " user "}])
    assert prompt.rendered == "user=user"
    assert prompt.origin.tolist() == [-1] * 5 + [1, 2, 3, 4]


def test_a_template_that_changes_the_contents_is_an_error():
    tokenizer = chat_tokenizer("byte_level", "chatml")
    tokenizer.chat_template = "{% for m in messages %}{{ m.content | upper }}{% endfor %}"
    with pytest.raises(GradexplainError, match="the template changes them: give the text that the template makes"):
        to_prompt(tokenizer, CHAT)


def test_what_the_template_drops_is_not_read():
    thoughts = [
        {"role": "user", "content": "good?"},
        {"role": "assistant", "content": "<think>hm, a film</think>\n\nyes"},
    ]
    (document,) = Encoder(chat_tokenizer("byte_level", "without_thoughts"), None, "word")([thoughts])
    assert [unit.text for unit in document.units] == ["good", "?", "yes"]
    assert [document.text[a:b] for a, b in document.unread] == ["<think>hm, a film</think>"]
    assert document.truncated_at is None


def test_a_message_that_the_template_writes_twice_is_one_unit_per_word():
    tokenizer = chat_tokenizer("byte_level", "last_again")
    messages = [{"role": "user", "content": "film"}, {"role": "assistant", "content": " good film "}]
    (document,) = Encoder(tokenizer, None, "word")([messages])
    tokens = tokenizer.convert_ids_to_tokens(document.inputs["input_ids"].tolist())
    of = [[tokens[t] for t in np.flatnonzero(document.unit_of == u)] for u in range(document.n_units)]
    assert ["".join(pieces).replace("Ġ", "") for pieces in of] == ["film", "goodgood", "filmfilm"]
    assert [unit.message for unit in document.units] == [0, 1, 1]
    rows = [document.unit_of_row[document.row_of[t]] for t in range(len(tokens)) if document.unit_of[t] >= 0]
    assert rows == [u for u in document.unit_of.tolist() if u >= 0]
    ids = document.inputs["input_ids"]
    for r in range(len(document.unit_of_row)):
        assert len(set(ids[document.row_of == r].tolist())) == 1
    assert len({(int(u), int(i)) for u, i in zip(document.unit_of, ids, strict=True) if u >= 0}) == len(
        document.unit_of_row
    )


def test_word_types_go_together_across_messages_but_words_do_not():
    (document,) = Encoder(chat_tokenizer("byte_level", "chatml"), None, "word_type")([CHAT])
    film = next(unit for unit in document.units if unit.text == "film")
    assert [document.text[a:b] for a, b in film.spans] == ["film", "film"]
    assert (film.message, film.role) == (1, "user")
    blank = [{"role": "user", "content": "a  "}, {"role": "user", "content": "b"}]
    for kind in KINDS:
        tokenizer = chat_tokenizer(kind, "chatml")
        tokenizer.chat_template = "{% for m in messages %}{{ m.content }}{% endfor %}"
        (document,) = Encoder(tokenizer, None, "word")([blank])
        assert [(unit.text, unit.message) for unit in document.units] == [("a", 0), ("b", 1)]


def test_what_tokenizers_turn_into_special_tokens_is_read_but_no_unit():
    for kind in KINDS:
        content = "good <|im_end|>  <|im_end|> film </s>"  # with white space that is between special tokens
        tokenizer = chat_tokenizer(kind, "chatml")
        (document,) = Encoder(tokenizer, None, "word")([[{"role": "user", "content": content}]])
        assert [unit.text for unit in document.units] == ["good", "film"]
        assert document.unread == ()
        ids = document.inputs["input_ids"]
        assert (document.unit_of[np.isin(ids, [tokenizer.eos_token_id])] == -1).all()


@pytest.mark.parametrize("unit", ["token", "word", "word_type"])
def test_roles_restrict_the_units(unit):
    tokenizer = chat_tokenizer("byte_level", "chatml")
    (everything,) = Encoder(tokenizer, None, unit)([CHAT])
    (document,) = Encoder(tokenizer, None, unit, roles=("assistant", "system"))([CHAT])
    assert {unit.role for unit in document.units} == {"assistant", "system"}
    assert [unit.message for unit in document.units] == sorted(unit.message for unit in document.units)
    assert document.inputs["input_ids"].tolist() == everything.inputs["input_ids"].tolist()
    assert document.unread == ()
    if unit != "word_type":
        assert document.units == tuple(unit for unit in everything.units if unit.role != "user")


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("kind", ["python", "bytes", "byte_level"])
def test_an_end_token_that_the_template_writes_is_no_padding(kind, side):
    """The pad token is the end token, which this template writes after every answer."""
    tokenizer = chat_tokenizer(kind, "inst", padding_side=side)
    tokenizer.pad_token = tokenizer.eos_token
    messages = CHAT[1:] + LONGER[:2]  # with letters of several bytes, and unknown ones
    (plain,) = Encoder(tokenizer, None, "word")([messages])
    length = len(plain) + 7
    padded_kwargs = {"padding": "max_length", "max_length": length}
    (padded,) = Encoder(tokenizer, None, "word", kwargs=padded_kwargs)([messages])
    assert (plain.inputs["input_ids"] == tokenizer.eos_token_id).sum() > 1
    assert len(padded) == length
    assert padded.units == plain.units
    kept = slice(7, None) if side == "left" else slice(length - 7)
    assert padded.unit_of[kept].tolist() == plain.unit_of.tolist()
    assert set(np.delete(padded.unit_of, np.arange(length)[kept]).tolist()) == {NO_UNIT}


def test_unknown_roles_are_refused():
    check_roles([CHAT, "a text"], ("user", "system"))
    check_roles([CHAT], ())
    check_roles(["a text"], ())
    check_roles([], ("judge",))
    with pytest.raises(GradexplainError, match="no message of 'asistant'; roles: system, user, assistant"):
        check_roles([CHAT], ("user", "asistant"))
    with pytest.raises(GradexplainError, match="explain_roles needs conversations"):
        check_roles(["a text", ("a", "pair")], ("user",))


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_truncation_cuts_is_not_read(kind, side):
    tokenizer = chat_tokenizer(kind, "llama", truncation_side=side)
    whole = tokenizer.apply_chat_template(CHAT)["input_ids"]
    for limit in range(1, len(whole) + 1, 3):
        (document,) = Encoder(tokenizer, limit, "word")([CHAT])
        ids = whole[:limit] if side == "right" else whole[len(whole) - limit :]
        assert document.inputs["input_ids"].tolist() == ids
        covered = {k for unit in document.units for a, b in unit.spans for k in range(a, b)}
        unread = {k for a, b in document.unread for k in range(a, b) if not document.text[k].isspace()}
        visible = {k for k, c in enumerate(document.text) if not c.isspace()}
        assert covered & unread == set()
        assert covered | unread == visible
        assert document.truncated_at == (min(unread) if unread else None)


def test_a_content_that_is_written_twice_is_read_where_truncation_leaves_it():
    """Of the first writing, some or all tokens are cut."""
    tokenizer = chat_tokenizer("byte_level", "last_again", truncation_side="left")
    messages = [{"role": "user", "content": "good film bad"}]
    (whole,) = Encoder(tokenizer, None, "word")([messages])
    again = max(t for t in range(len(whole)) if whole.unit_of[t] == 0 and whole.unit_of[t - 1] != 0)
    for limit in range(len(whole) - again, len(whole) + 1):
        (document,) = Encoder(tokenizer, limit, "word")([messages])
        assert document.units == whole.units
        assert document.unit_of.tolist() == whole.unit_of[len(whole) - limit :].tolist()
        assert (document.unread, document.truncated_at) == ((), None)
    (less,) = Encoder(tokenizer, len(whole) - again - 1, "word")([messages])
    assert less.truncated_at == 0


def test_left_padding_to_a_length_has_no_units():
    for kind in KINDS:
        tokenizer = chat_tokenizer(kind, "chatml", padding_side="left")
        tokenizer.chat_template = "{% for m in messages %}{{ m.content }}{% endfor %}"
        messages = [{"role": "user", "content": "good film"}]
        (plain,) = Encoder(tokenizer, None, "token")([messages])
        (document,) = Encoder(tokenizer, 30, "token", kwargs={"padding": "max_length"})([messages])
        assert document.unit_of.tolist() == [-1] * (30 - len(plain)) + plain.unit_of.tolist()
        assert document.inputs["attention_mask"].tolist() == [0] * (30 - len(plain)) + [1] * len(plain)
        assert document.unread == ()


def test_empty_and_blank_contents_have_no_units():
    messages = [
        {"role": "user", "content": ""},
        {"role": "assistant", "content": " \n"},
        {"role": "user", "content": "a"},
    ]
    for kind in KINDS:
        (document,) = Encoder(chat_tokenizer(kind, "chatml"), None, "word")([messages])
        assert [(unit.text, unit.message) for unit in document.units] == [("a", 2)]
        assert document.unread == ()
        (document,) = Encoder(chat_tokenizer(kind, "chatml"), None, "word")([messages[:1]])
        assert document.n_units == 0


def test_texts_pairs_and_conversations_may_be_mixed():
    tokenizer = chat_tokenizer("byte_level", "chatml")
    texts = [CHAT, "good film", CHAT[:2], ("a", "b"), CHAT[1:]]
    together = Encoder(tokenizer, None, "word")(texts)
    for text, document in zip(texts, together, strict=True):
        (alone,) = Encoder(tokenizer, None, "word")([text])
        assert document.text == alone.text == whole_text(text)
        assert document.units == alone.units
        assert document.inputs["input_ids"].tolist() == alone.inputs["input_ids"].tolist()
        assert document.unit_of.tolist() == alone.unit_of.tolist()


def test_the_tokenizer_stays_as_it_was():
    tokenizer = chat_tokenizer("byte_level", "llama")
    before = (tokenizer.backend_tokenizer.to_str(), tokenizer.truncation_side, tokenizer.chat_template)
    Encoder(tokenizer, 8, "word")([CHAT])
    assert (tokenizer.backend_tokenizer.to_str(), tokenizer.truncation_side, tokenizer.chat_template) == before


REFUSED = [
    ([[]], "a conversation needs at least one message"),
    ([[CHAT[0], "text"]], "each message must be a mapping .* not str"),
    ([[{"content": "a"}]], "the role of message 0 is missing"),
    ([[CHAT[0], {"role": "user"}]], "the content of message 1 is missing"),
    ([[{"role": "user", "content": None}]], "the content of message 0 is missing"),
    ([[{"role": "user", "content": 7}]], "the content of message 0 is of type int"),
    ([[{"role": 7, "content": "a"}]], "the role of message 0 is of type int"),
    ([[{"role": "user", "content": [{"type": "text", "text": "a"}]}]], "message 0 is a list: only texts"),
]


@pytest.mark.parametrize(("texts", "message"), REFUSED)
def test_malformed_conversations_are_refused(texts, message):
    with pytest.raises(GradexplainError, match=message) as error:
        Encoder(chat_tokenizer("byte_level", "chatml"), None, "word")(texts)
    assert "\n" not in str(error.value)


def test_what_the_template_refuses_is_passed_on():
    turns = [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]
    with pytest.raises(GradexplainError, match=r"the chat template refuses .* roles must alternate\): give messages"):
        to_prompt(chat_tokenizer("byte_level", "alternating"), turns)


def test_a_tokenizer_without_a_chat_template_is_an_error():
    tokenizer = chat_tokenizer("byte_level", "chatml")
    tokenizer.chat_template = None
    with pytest.raises(GradexplainError, match="the tokenizer has no chat template"):
        to_prompt(tokenizer, CHAT)


def test_entries_that_are_none_and_lone_surrogates_are_left_out():
    messages = [{"role": "user", "content": "a\ud800", "name": None, "more": 1}]
    assert messages_of(messages) == [{"role": "user", "content": "a\ufffd", "more": 1}]
    assert text_parts(messages) == ("a\ufffd",)


def test_conversations_are_told_from_lists_of_texts():
    assert [is_conversation(text) for text in (CHAT, np.array(CHAT), CHAT[0], ["a"], [], ("a", "b"), "a", [CHAT])] == [
        *(True, True),
        *(False,) * 6,
    ]
    columns = {name: [message[name] for message in CHAT] for name in ("role", "content")}
    assert listed(CHAT) == listed([np.array(CHAT)]) == listed([columns]) == [CHAT]
    assert listed([CHAT, "a", CHAT]) == [CHAT, "a", CHAT]


def test_messages_have_the_places_of_their_contents():
    prompt = to_prompt(chat_tokenizer("byte_level", "chatml"), CHAT)
    assert [prompt.text[m.start : m.end] for m in prompt.messages] == [message["content"] for message in CHAT]
    assert prompt.messages[0] == Message("system", 0, 13)


T = TEMPLATE


@pytest.mark.parametrize(
    ("rendered", "contents", "origin"),
    [
        ("bad|ok", ["bad", "ok"], [0, 1, 2, T, 4, 5]),
        ("U:bad", ["bad"], [T, T, 0, 1, 2]),
        ("a b", [" a ", "b"], [1, T, 4]),  # without its white space
        ("|a", ["", "a"], [T, 1]),
        ("a|a", ["a", "a"], [0, T, 2]),
        ("a|a", ["a"], None),  # a copy of it
        ("b a", ["a", "b"], None),  # in another order
        ("a", ["b"], None),
        ("aa", ["a", "aa"], None),
    ],
)
def test_contents_are_found_in_their_order_and_only_once(rendered, contents, origin):
    places, start = [], 0
    for content in contents:
        places.append(Message("user", start, start + len(content)))
        start += len(content) + 1
    found = _find(rendered, "\n".join(contents), places)
    assert (None if found is None else found.tolist()) == origin
