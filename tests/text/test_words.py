"""Tests of words: scripts without spaces, blanks that tokenizers add, combining marks, and tokens without places."""

import random
import warnings
from difflib import SequenceMatcher

import numpy as np
import pytest
import regex
import torch
from datasets import Dataset
from transformers import BertConfig, BertForSequenceClassification

from hf_gradexplain.explainer import Explainer
from hf_gradexplain.options import Options
from hf_gradexplain.run.runner import evaluate_texts
from hf_gradexplain.text.alignment import Tokens
from hf_gradexplain.text.character_alignment import align, matching_blocks
from hf_gradexplain.text.characters import Characters
from hf_gradexplain.text.encode import Encoder
from hf_gradexplain.text.scripts import WITHOUT_SPACES, is_spaceless
from hf_gradexplain.text.words import group
from tests.helpers.tiny import explainer
from tests.helpers.tokenizer_classes import build, unigram
from tests.helpers.tokenizers_of_all_kinds import tokenizer_of

PIECES = "▁ 这部 电影 很好 , 我 很 喜欢 。 ▁the ▁film ▁is ▁good x yz ▁좋 아요 한국 어 ดี รู้ ม าก 東京 都 に 住む ກ ດ"
SENTENCE_PIECE = ("XLMRobertaTokenizer", "DebertaV2Tokenizer", "CamembertTokenizer", "XLNetTokenizer", "T5Tokenizer")


def texts_of(tokenizer, text, unit="word"):
    return [u.text for u in Encoder(tokenizer, None, unit)([text])[0].units]


def sentence_piece(name="XLMRobertaTokenizer"):
    return unigram(name, PIECES.split())


@pytest.mark.parametrize("name", SENTENCE_PIECE)
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("这部电影很好，我很喜欢。", "这部 电影 很好 ， 我 很 喜欢 。"),
        ("東京都に住む", "東京 都 に 住む"),
        ("รู้มาก ดี", "รู้ ม าก ดี"),
        ("ກດ", "ກ ດ"),
        ("the 电影 is good", "the 电影 is good"),
        ("the film电影is good", "the film 电影 is good"),
        ("한국어 좋아요!", "한국어 좋아요!"),
        ("film, isn't it!", "film, isn't it!"),
    ],
)
def test_in_scripts_without_spaces_a_unit_begins_at_each_token(name, text, words):
    assert texts_of(sentence_piece(name), text) == words.split()


@pytest.mark.parametrize("kind", ["word_piece", "byte_level", "byte_fallback", "character_level", "canine", "byt5"])
def test_letters_that_are_tokens_of_their_own_are_words_of_their_own(kind):
    tokenizer = tokenizer_of(kind)
    assert texts_of(tokenizer, "这部电影很好，我很喜欢。") == list("这部电影很好，我很喜欢。")
    assert texts_of(tokenizer, "a电b影1") == ["a", "电", "b", "影", "1"]
    assert texts_of(tokenizer, "한국어 좋아요") == ["한국어", "좋아요"]
    assert texts_of(tokenizer, "यह फ़िल्म है") == ["यह", "फ़िल्म", "है"]


def test_no_unit_begins_inside_a_character():
    for kind in ("byte_level", "byte_fallback", "character_level", "canine", "byt5"):
        assert texts_of(tokenizer_of(kind), "รู้ดี") == ["รู้", "ดี"]
        assert texts_of(tokenizer_of(kind), "か\u3099ん") == ["か\u3099", "ん"]


def test_the_scripts_without_spaces_are_those_of_unicode():
    letters = {"Han": "电", "Thai": "ด", "Lao": "ດ", "Khmer": "ខ", "Myanmar": "က", "Tibetan": "བ", "Tai_Tham": "ᨠ"}
    assert set(letters) < set(WITHOUT_SPACES)
    assert all(map(is_spaceless, letters.values()))
    assert not any(map(is_spaceless, "aé가яعह·…😀"))


@pytest.mark.parametrize("name", SENTENCE_PIECE)
@pytest.mark.parametrize("text", ["xyz xyz", "the\u00a0xyz", "电影 xyz", "½ xyz", " xyz", ("xyz", "xyz")])
def test_a_blank_that_the_tokenizer_adds_has_no_letter(name, text):
    document = Encoder(sentence_piece(name), None, "token")([text])[0]
    blanks = [unit for unit in document.units if not unit.text.strip("▁ \u00a0")]
    assert blanks
    for unit in blanks:
        assert not document.text[slice(*unit.spans[0])].strip()
    assert [unit.text for unit in document.units if unit.text.strip("▁ \u00a0")][-2:] == ["x", "yz"]


def test_a_prefix_of_bytes_has_no_letter():
    document = Encoder(tokenizer_of("byte_level_with_prefix"), None, "token")(["zzz"])[0]
    assert [(unit.text, unit.spans[0]) for unit in document.units] == [
        ("Ġ", (0, 0)),
        *[("z", (k, k + 1)) for k in range(3)],
    ]


@pytest.mark.parametrize("text", ["รู้ ดี", "cafe\u0301 ici", "за\u0301мок и", "n\u0303o\u0303 si", "e\u0301\u0323 a"])
def test_marks_that_the_tokenizer_drops_stay_with_their_word(text):
    for unit in ("word", "token"):
        document = Encoder(build("BertTokenizer"), None, unit)([text])[0]
        assert "".join(unit.text for unit in document.units) == text.replace(" ", "")


@pytest.mark.parametrize("unit", ["word", "token"])
@pytest.mark.parametrize("text", ["รู้ ดี", "cafe\u0301", "👩\u200d👩\u200d👧 🏳️\u200d🌈", "नमस्ते", "𝒳电"])
def test_no_display_divides_a_character(text, unit):
    explanation = explainer("gpt2")(text, methods="loo", unit=unit, self_check=False)
    shown = [segment.text for segment in explanation.segments() if not segment.text.isspace()]
    assert [grapheme for part in shown for grapheme in regex.findall(r"\X", part)] == regex.findall(r"(?!\s)\X", text)


@pytest.mark.parametrize("kind", ["word_piece", "byte_level", "byte_level_with_prefix", "byte_fallback", "byt5"])
@pytest.mark.parametrize("blank", ["\u00a0", "\u2009", "\u3000", "\t", "\n"])
def test_every_blank_separates_words(kind, blank):
    document = Encoder(tokenizer_of(kind), None, "word")([f"good{blank}film"])[0]
    assert [unit.text.strip() for unit in document.units] == ["good", "film"]
    assert [document.text[slice(*unit.spans[0])].strip() for unit in document.units] == ["good", "film"]


@pytest.mark.parametrize("kind", ["canine", "byt5"])
def test_entities_in_the_text_are_text(kind):
    assert texts_of(tokenizer_of(kind), "so &lt; &amp;") == ["so", "&", "lt", ";", "&", "amp", ";"]


@pytest.mark.parametrize("kind", ["byte_level", "byt5", "byte_fallback"])
def test_later_bytes_are_shown_as_their_character(kind):
    document = Encoder(tokenizer_of(kind), None, "token")(["电影"])[0]
    assert [unit.text for unit in document.units if unit.text != "▁"] == ["电"] * 3 + ["影"] * 3
    assert {document.text[slice(*unit.spans[0])] for unit in document.units} == {"", "电", "影"}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("BertweetTokenizer", "@peter is good", "@ peter is good"),
        ("CTRLTokenizer", "the 😀 is good", "the 😀 is good"),
        ("CTRLTokenizer", "the 😀😀 is xgood", "the 😀 😀 is xgood"),
        ("BertTokenizerLegacy", "the 龘龘 is so good", "the 龘 龘 is so good"),
        ("RoCBertTokenizer", "the 😀 is so good", "the 😀 is so good"),
        ("PhobertTokenizer", "Đây ꙮꙮ good", "Đây ꙮꙮ good"),
        ("BertJapaneseTokenizer", "ＦＩＬＭ１２ 映画は面白い", "ＦＩＬＭ１２ 映 画は 面白 い"),
        ("EsmTokenizer", "MKL ｘ AG", "MKL ｘ AG"),
        ("BlenderbotSmallTokenizer", "(ꙮ) is so good", "( ꙮ ) is so good"),
        ("GPTNeoXJapaneseTokenizer", "龘ꙮ is", "龘 ꙮ is"),
    ],
)
def test_words_next_to_unknown_or_changed_ones_keep_their_places(name, text, words):
    assert texts_of(build(name), text) == words.split()


def test_characters_that_the_tokenizer_drops_are_not_truncated():
    """A text is truncated only if the model reads no tokens that the tokenizer gives."""
    tokenizer = build("BertTokenizerLegacy")
    for text in ("the film is good\u200b", "\u200bthe film is good"):
        assert Encoder(tokenizer, None, "word")([text])[0].truncated_at is None
        assert Encoder(tokenizer, 4, "word")([text])[0].truncated_at is not None


def test_characters_are_aligned_as_a_whole():
    spans = align([("the", 1), ("\ufffd", 1), ("is", 1), ("go", 1), ("od", 1)], "the 😀 is GÓOD", ())
    assert spans == [(0, 3), (4, 5), (6, 8), (9, 11), (11, 13)]
    assert align([("x", 1), ("\ufffd", 2)], "x ab", ()) == [(0, 1), (2, 4), (2, 4)]
    assert align([("...", 1), ("x", 1), ("!!", 1)], "... x!!", ()) == [(0, 3), (4, 5), (5, 7)]


def test_a_token_of_two_words_has_the_blank_between_them():
    """Some tokenizers drop unusual blanks, and may have a token for the letters on both sides."""
    assert align([("goodfilm", 1), ("so", 1)], "good\u00a0film so", ()) == [(0, 9), (10, 12)]
    assert align([("goodfilm", 1), ("so", 1)], "good, film so", ()) == [(0, 4), (11, 13)]


def test_long_texts_are_aligned_in_pieces():
    random.seed(0)
    words = ["".join(random.choices("abcdefgh", k=random.randint(1, 8))) for _ in range(3_000)]
    changed = dict.fromkeys(range(0, 3000, 97), "zzz")
    tokens = [(changed.get(k, word), 1) for k, word in enumerate(words)]
    text = " ".join(words)
    spans = align(tokens, text, ())
    assert sum(text[a:b] == word for (a, b), word in zip(spans, words, strict=True)) == 3_000


def test_matching_blocks_of_short_texts_are_those_of_difflib():
    a, b = "xqabcdxefg", "yabcdeefgh"
    blocks = [tuple(block) for block in SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks()[:-1]]
    assert list(matching_blocks(a, b)) == blocks


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("BertweetTokenizer", "the 龘 is good"),
        ("BertTokenizer", "รู้ ดี is"),
        ("XLMRobertaTokenizer", "这部电影很好，我很喜欢。"),
    ],
)
def test_leave_one_out_equals_zeroed_vectors_by_hand(name, text):
    tokenizer = build(name)
    torch.manual_seed(0)
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 12}
    config = BertConfig(vocab_size=len(tokenizer), initializer_range=1.0, **sizes)
    model = BertForSequenceClassification(config).double().eval()
    explanation = Explainer(model, tokenizer)(text, methods="loo", labels=[1])
    ids = torch.tensor([tokenizer(text)["input_ids"]])
    pieces = [tokenizer.convert_ids_to_tokens(i) for i in ids[0].tolist()]

    def loss(zeroed: list[int]) -> float:
        vectors = model.get_input_embeddings()(ids).detach().clone()
        vectors[0, zeroed] = 0
        return -model(inputs_embeds=vectors).logits.log_softmax(-1)[0, 1].item()

    ordinary = [
        t for t, i in enumerate(ids[0].tolist()) if i not in tokenizer.all_special_ids or i == tokenizer.unk_token_id
    ]
    scores = explanation.scores["loo"]
    if name == "BertweetTokenizer":
        assert pieces[1:-1] == ["the", "<unk>", "is", "good"]
        groups = [[t] for t in ordinary]
    elif name == "BertTokenizer":
        ends = [t for t in ordinary if not pieces[t].startswith("##")]
        groups = [[t for t in ordinary if a <= t < b] for a, b in zip(ends, [*ends[1:], 99], strict=True)]
        assert len(groups) == 3
    else:
        assert pieces[1:-1] == ["▁这部", "电影", "很好", "，我", "很喜", "欢。"]
        groups = [[t] for t in ordinary]
    assert scores == pytest.approx([loss(group) - loss([]) for group in groups], abs=1e-12)


def test_a_text_of_many_letters_and_one_unit_is_a_warning():
    explain = explainer("fasttext")
    with pytest.warns(UserWarning, match="only one unit, so there is nothing to compare"):
        explain("หนังเรื่องนี้ดีมาก", methods="loo")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        explain(["Donaudampfschifffahrtsgesellschaft", "电影", "the film"], methods="loo")


def test_methods_are_compared_on_a_text_without_spaces():
    explain, text = explainer("gpt2"), "这部电影很好，我很喜欢。"
    options = Options(("signed_gi", "loo", "random"), target="predicted")
    (document,) = evaluate_texts(explain, Dataset.from_dict({"id": [0], "text": [text]}), options)
    assert [unit.text for unit in document.explanation.units] == list(text)
    assert {len(curve) for curve in document.curves.values()} == {13}
    assert document.curves["loo"][1] < document.curves["loo"][0]


def settled(text, spans, words):
    """Return tokens of one text, given the characters that each covers and its word."""
    n = len(spans)
    arrays = np.zeros(n, int), np.arange(n), np.array(spans).reshape(-1, 2), np.array(words)
    return Tokens.settle(Characters.of([text]), *arrays, lambda i: ["?"] * n, [()])


@pytest.mark.parametrize(
    ("text", "spans", "words", "expected"),
    [
        ("a b", [(0, 1), (1, 1), (2, 3)], [1, 1, 2], [0, 0, 1]),  # a token without characters stays with its word
        ("a b", [(0, 1), (1, 1), (2, 3)], [1, 2, 2], [0, 1, 1]),
        ("a b", [(0, 1), (1, 2), (2, 3)], [1, 2, 3], [0, 1, 1]),  # white space goes with the next word
        ("a ", [(0, 1), (1, 2)], [1, 2], [0, 0]),  # or, at the end, with the last one
        ("ab", [(0, 1), (1, 2)], [1, 2], [0, 0]),  # two letters are one word, whatever the tokenizer says
        ("a,b", [(0, 1), (1, 2), (2, 3)], [1, 2, 3], [0, 1, 2]),
        ("a,b", [(0, 1), (1, 2), (2, 3)], [1, 1, 1], [0, 0, 0]),
        ("a b", [(0, 1), (1, 3)], [1, 1], [0, 1]),  # white space always divides
        ("電影", [(0, 1), (1, 2)], [1, 1], [0, 1]),
        ("a電", [(0, 1), (1, 2)], [1, 1], [0, 1]),
        ("電", [(0, 0), (0, 1)], [1, 1], [0, 0]),
        ("é", [(0, 1), (0, 1)], [1, 2], [0, 0]),  # the bytes of a character
    ],
)
def test_where_words_begin(text, spans, words, expected):
    tokens = settled(text, spans, words)
    assert group(tokens, "word", None).unit_of.tolist() == expected
    assert group(tokens, "token", None).unit_of.tolist() == list(range(len(spans)))


@pytest.mark.parametrize(
    ("text", "spans", "given", "expected"),
    [
        ("  ", [(0, 2)], [(0, 2)], [0]),
        ("  ", [(0, 2)], [], [-1]),
        ("a  b", [(0, 1), (1, 3), (3, 4)], [(0, 1), (3, 4)], [0, 1, 1]),
        ("a  ", [(0, 1), (1, 3)], [(0, 1)], [0, 0]),
        ("a b c", [(0, 1), (1, 3), (3, 5)], [(2, 3)], [-1, 0, -1]),
        ("ab c", [(0, 1), (1, 2), (2, 4)], [(0, 2), (3, 4)], [0, 0, 1]),
        ("ab c", [(0, 1), (1, 2), (2, 4)], [(1, 2)], [-1, 0, -1]),
    ],
)
def test_tokens_belong_to_the_span_of_their_first_visible_character(text, spans, given, expected):
    tokens = settled(text, spans, range(1, len(spans) + 1))
    assert group(tokens, "custom", None, [given]).unit_of.tolist() == expected
