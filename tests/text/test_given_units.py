"""Tests of units that the user gives as spans."""

import numpy as np
import pytest
import torch

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explainer import Explainer, explain
from hf_gradexplain.pipelines import TextAttributionPipeline
from hf_gradexplain.text.encode import Encoder
from hf_gradexplain.text.given_units import divide
from tests.helpers.chats import chat_tokenizer
from tests.helpers.tiny import explainer, make
from tests.helpers.tokenizers_of_all_kinds import tokenizer_of

TEXT = "the film is good, the end is not bad"


def chat_model():
    """Return a tiny model whose chat template writes the last message twice."""
    model, _ = make("bert")
    tokenizer = chat_tokenizer("byte_level", "last_again")
    tokenizer.pad_token = "<|start|>"
    config = type(model.config)(**{**model.config.to_dict(), "vocab_size": len(tokenizer), "pad_token_id": 0})
    config.max_position_embeddings = 256
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = type(model)(config).to(torch.float64).eval()
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.data.normal_(0, 0.5)
    return model, tokenizer


def spans_of(explanation):
    return [span for unit in explanation.units for span in unit.spans]


@pytest.mark.parametrize("kind", ["bert", "gpt2", "bart", "fasttext"])
def test_the_spans_of_a_text_are_its_units(kind):
    explanation = explainer(kind)(TEXT, "signed_gi", units=[(12, 16), (0, 8), (18, 36)])
    assert explanation.unit == "custom"
    assert spans_of(explanation) == [(0, 8), (12, 16), (18, 36)]
    assert [unit.text for unit in explanation.units] == ["the film", "good", "the end is not bad"]
    assert [(s.text, s.score is None) for s in explanation.segments()][:4] == [
        ("the film", False),
        (" is ", True),
        ("good", False),
        (", ", True),
    ]


def test_several_texts_have_a_list_each_or_a_function():
    spans = [[(0, 3)], [], np.array([[4, 8], [9, 11]])]
    explanations = explainer("bert")([TEXT] * 3, "signed_gi", units=spans)
    assert list(map(spans_of, explanations)) == [[(0, 3)], [], [(4, 8), (9, 11)]]
    asked = []

    def first_half(text):
        asked.append(text)
        return [(0, len(text) // 2 - 2)]

    explanations = explainer("bert")([TEXT, ("good", "bad film")], "signed_gi", units=first_half)
    assert asked == [TEXT, "good\nbad film"]
    assert list(map(spans_of, explanations)) == [[(0, 16)], [(0, 4)]]


def test_spans_of_a_pair_are_offsets_in_both_texts_joined():
    explanation = explainer("bert")(("the good film", "bad"), "signed_gi", units=[(4, 8), (14, 17)])
    assert [unit.text for unit in explanation.units] == ["good", "bad"]


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ([(0, 3), (2, 5)], r"span (2, 5) of text 0 overlaps the span (0, 3): give spans that share no character"),
        ([(0, 3), (0, 3)], r"span (0, 3) of text 0 overlaps the span (0, 3): give spans that share no character"),
        ([(3, 3)], "span (3, 3) of text 0 is empty: its end must be larger than its start"),
        ([(5, 2)], "span (5, 2) of text 0 is empty: its end must be larger than its start"),
        ([(-2, 2)], "span (-2, 2) of text 0 is outside of the text: give offsets from 0 to 13, its length"),
        ([(0, 14)], "span (0, 14) of text 0 is outside of the text: give offsets from 0 to 13, its length"),
        ([(0, 2.5)], "span (0, 2.5) of text 0 must be two whole numbers (start, end), offsets of characters"),
        ([(0, 1, 2)], "span (0, 1, 2) of text 0 must be two whole numbers (start, end), offsets of characters"),
        ([("a", "b")], "span ('a', 'b') of text 0 must be two whole numbers (start, end), offsets of characters"),
        ([3], "span 3 of text 0 must be two whole numbers (start, end), offsets of characters"),
        (
            3,
            "units of text 0 must be a list of spans (start, end), not int: give one list per text, or a function "
            "that returns the list of a text",
        ),
        (
            "word",
            "units of text 0 must be a list of spans (start, end), not str: give one list per text, or a function "
            "that returns the list of a text",
        ),
    ],
)
def test_a_span_that_cannot_be_used_is_named(spans, message):
    for units in (spans, lambda text: spans):
        with pytest.raises(GradexplainError) as error:
            explainer("bert")("the good film", units=units)
        assert str(error.value) == message


def test_the_text_of_a_wrong_span_is_named():
    with pytest.raises(GradexplainError, match=r"^span \(0, 9\) of text 1 is outside of the text: give offsets "):
        explainer("bert")(["good", "bad"], units=[[(0, 4)], [(0, 9)]])
    with pytest.raises(GradexplainError, match=r"^2 texts need 2 lists of spans in units, but got 1: give "):
        explainer("bert")(["good", "bad"], units=[[(0, 4)]])


@pytest.mark.parametrize("span", [(0, 5), (4, 5), (4, 6), (3, 8)])
def test_a_span_does_not_reach_from_one_text_of_a_pair_into_the_other(span):
    with pytest.raises(GradexplainError) as error:
        explainer("bert")(("good", "bad film"), units=[span])
    assert str(error.value) == (
        f"span {span} of text 0 crosses the end of a text or message at 4: give a span on either side"
    )
    assert divide(("good", "bad"), [(5, 8), (0, 4)], 0).spans == ((0, 4), (5, 8))


def test_a_unit_beside_units_is_refused():
    for call in (explainer("bert"), explainer("bert").evaluate, explainer("bert").gradient_times_input):
        with pytest.raises(GradexplainError, match=r"^give either unit='sentence' or units=\[\.\.\.\], but not both$"):
            call("good", unit="sentence", units=[(0, 4)])
    with pytest.raises(GradexplainError, match=r"^unit='custom' needs the spans of the units: leave it out, and give "):
        explainer("bert")("good", unit="custom")
    with pytest.raises(GradexplainError, match=r"^unknown unit 'sentences': did you mean 'sentence'"):
        explainer("bert")("good", unit="sentences")


def test_explain_and_the_pipeline_take_units():
    wanted = explainer("bert")(TEXT, "loo", units=[(4, 8)])
    assert explain(explainer("bert"), TEXT, "loo", units=[(4, 8)]) == wanted
    model, tokenizer = make("bert")
    assert TextAttributionPipeline(model=model, tokenizer=tokenizer)(TEXT, "loo", units=[(4, 8)]) == wanted


@pytest.mark.parametrize("kind", ["word_piece", "byte_level", "byte_fallback", "character_level", "canine", "byt5"])
def test_a_token_belongs_to_the_span_with_its_first_character_other_than_white_space(kind):
    tokenizer, text = tokenizer_of(kind), "a good film. 电影 e\u0301😀  it is bad"
    (words,), (tokens,) = (Encoder(tokenizer, None, unit)([text]) for unit in ("word", "token"))
    units = [None if u < 0 else tokens.units[u] for u in tokens.unit_of]
    visible = {t: u.spans[0][0] for t, u in enumerate(units) if u and u.text.strip() and u.spans[0][0] < u.spans[0][1]}
    assert len(visible) > 7
    for cut in range(1, len(text)):
        (document,) = Encoder(tokenizer, None, "custom")([divide(text, [(0, cut), (cut, len(text))], 0)])
        of_tokens = document.unit_of[words.unit_of >= 0].tolist()
        assert of_tokens == sorted(of_tokens)
        assert set(of_tokens) <= {0, 1}
        second = int(min(visible.values()) < cut)  # units are numbered in order: the only one is number 0
        assert [document.unit_of[t] for t in visible] == [second * (start >= cut) for start in visible.values()]


def test_a_border_inside_a_word_divides_it_between_its_tokens():
    explanation = explainer("bert")("the films", "signed_gi", units=[(0, 6), (6, 9)])
    token = explainer("bert")("the films", "signed_gi", "token")
    assert [unit.text for unit in token.units] == ["the", "fi", "l", "m", "s"]
    assert [unit.text for unit in explanation.units] == ["the fi", "lms"]
    assert explanation.scores["signed_gi"] == pytest.approx(np.add.reduceat(token.scores["signed_gi"], [0, 2]))


def test_only_what_was_read_of_a_long_text_is_in_a_unit():
    text = "the film is good. " * 20
    for kind in ("bert", "gpt2", "bart"):
        sentences = explainer(kind)(text, "signed_gi", "sentence")
        read = sentences.truncated_at
        assert read < len(text)
        assert sentences.units[-1].spans[0][1] <= read < sentences.units[-1].spans[0][0] + 18
        spans = [[(0, len(text))], [(read - 4, read + 4), (read + 5, read + 9)]]
        custom = explainer(kind)([text, text], "signed_gi", units=spans)
        assert custom[0].units[0].spans == ((0, sentences.units[-1].spans[0][1]),)
        assert len(custom[1].units) == 1
        assert read - 4 <= custom[1].units[0].spans[0][0] < custom[1].units[0].spans[0][1] <= read


def test_what_is_not_read_ends_where_the_model_begins_to_read_and_not_at_the_first_span():
    text = "the film is good and the film is bad"
    settings = {"max_length": 6, "truncation_side": "left"}
    words = explainer("bert")(text, "loo", tokenizer_kwargs=settings)
    custom = explainer("bert")(text, "loo", units=[(33, 36)], tokenizer_kwargs=settings)
    assert custom.unread == words.unread == ((0, words.units[0].spans[0][0]),)
    assert 0 < custom.unread[0][1] < custom.units[0].spans[0][0]


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_spans_behind_what_was_read_reach_into_no_other_text(kind):
    """Of very long texts, only the beginning is tokenized."""
    long, text = "the film is good. " * 4000, "the end is bad. good music"
    spans = [[(0, 8), (12, len(long) - 9), (len(long) - 8, len(long))], [(4, 7), (16, 20)]]
    first, second = explainer(kind)([long, text], "signed_gi", units=spans)
    alone = explainer(kind)(text, "signed_gi", units=spans[1])
    assert [unit.text for unit in second.units] == ["end", "good"]
    assert second["signed_gi"] == pytest.approx(alone["signed_gi"], rel=1e-9, abs=1e-12)
    assert [unit.spans[0][0] for unit in first.units] == [0, 12]
    assert first.units[1].spans[0][1] <= first.truncated_at


def test_pairs_are_divided_each_by_itself():
    explanation = explainer("bert")(("the film", "is good. the end is bad"), "signed_gi", "sentence")
    assert [unit.text for unit in explanation.units] == ["the film", "is good.", "the end is bad"]
    assert [unit.spans for unit in explanation.units] == [((0, 8),), ((9, 17),), ((18, 32),)]


def test_conversations_have_larger_units_too():
    """Each content is divided by itself, and a span stays in one; what the template writes is in no unit."""
    explain = Explainer(*chat_model())
    chat = [
        {"role": "user", "content": "is it good? judge a film"},
        {"role": "assistant", "content": "the end is bad. good music"},
    ]
    text = "is it good? judge a film\nthe end is bad. good music"
    sentences, words = explain(chat, "signed_gi", "sentence"), explain(chat, "signed_gi")
    assert sentences.text == text
    assert [unit.text for unit in sentences.units] == ["is it good?", "judge a film", "the end is bad.", "good music"]
    assert [unit.role for unit in sentences.units] == ["user", "user", "assistant", "assistant"]
    starts = np.array([unit.spans[0][0] for unit in words.units])
    sums = [words["signed_gi"][(starts >= a) & (starts < b)].sum() for ((a, b),) in (u.spans for u in sentences.units)]
    assert sentences["signed_gi"] == pytest.approx(sums, rel=1e-9, abs=1e-12)
    custom = explain([chat], "loo", units=lambda whole: [(6, 10), (whole.index("bad"), whole.index("bad") + 3)])[0]
    assert [(unit.text, unit.message) for unit in custom.units] == [("good", 0), ("bad", 1)]
    leave_out = {unit.spans: score for unit, score in zip(words.units, explain(chat, "loo")["loo"], strict=True)}
    assert custom["loo"] == pytest.approx([leave_out[unit.spans] for unit in custom.units], rel=1e-9, abs=1e-12)
    with pytest.raises(
        GradexplainError, match=r"^span \(20, 30\) of text 0 crosses the end of a text or message at 24"
    ):
        explain(chat, units=[(20, 30)])
