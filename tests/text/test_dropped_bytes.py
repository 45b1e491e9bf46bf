"""Byte-level BPE tokenizers without tokens for some bytes, which drop these bytes, compared with plain code."""

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from hf_gradexplain.explainer import Explainer
from hf_gradexplain.text import encode
from hf_gradexplain.text.dropped_characters import drops_characters
from hf_gradexplain.text.encode import Encoder
from tests.text.measure import Reader

CORPUS = (
    "the film is good and bad, she ran",
    "a naive cafe; the senor's car",
    "".join(map(chr, range(0x4E00, 0x5800))),
)
TEXTS = {
    "çéécafé film is good": ["çéécafé", "film", "is", "good"],
    "ÀÀÀÀhe ran": ["ÀÀÀÀhe", "ran"],
    "ÿöüthe naïve car": ["ÿöüthe", "naïve", "car"],
    "Страна is bad": ["Страна", "is", "bad"],
    "the film 🎬🎬 is": ["the", "film", "🎬🎬", "is"],
}
CHINESE = "这个电影不好看"
VISIBLE = [*range(33, 127), *range(161, 173), *range(174, 256)]
OTHERS = [byte for byte in range(256) if byte not in VISIBLE]
LETTERS = {byte: chr(byte) for byte in VISIBLE} | {byte: chr(256 + i) for i, byte in enumerate(OTHERS)}
"""How byte-level tokenizers write bytes, as defined for GPT-2."""


def byte_level(corpus=CORPUS, *, alphabet=(), normalizer=None, **settings) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE(**settings))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    if normalizer:
        tokenizer.normalizer = normalizer
    trainer = trainers.BpeTrainer(
        vocab_size=160, special_tokens=["<pad>"], show_progress=False, initial_alphabet=list(alphabet)
    )
    tokenizer.train_from_iterator(corpus, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>")


def characters_of(tokens: list[str], text: str, vocabulary: dict[str, int]) -> list[list[int]]:
    """Return the characters whose bytes each token has, counted byte by byte."""
    read = [(LETTERS[byte], k) for k, c in enumerate(text) for byte in c.encode() if LETTERS[byte] in vocabulary]
    assert len(read) < len(text.encode())
    out = []
    for token in tokens:
        part, read = read[: len(token)], read[len(token) :]
        assert "".join(letter for letter, _ in part) == token
        out.append([k for _, k in part])
    assert not read
    return out


@pytest.mark.parametrize("text", TEXTS)
def test_words_have_the_tokens_of_their_bytes_and_their_scores(text):
    tokenizer = byte_level()
    assert drops_characters(tokenizer)
    model = Reader(len(tokenizer))
    explanation = Explainer(model, tokenizer)(text, "loo", target=0, self_check=False)
    assert [unit.text for unit in explanation.units] == TEXTS[text]
    ids = tokenizer(text)["input_ids"]
    characters = characters_of(tokenizer.convert_ids_to_tokens(ids), text, tokenizer.get_vocab())
    words, positions, head, bias = (
        x.detach().numpy() for x in (model.words.weight, model.positions, *model.head.parameters())
    )

    def loss(vectors: np.ndarray) -> float:
        logits = np.tanh(vectors + positions[: len(vectors)]).sum(0) @ head.T + bias
        return float(np.log(np.exp(logits).sum()) - logits[0])

    start = 0
    for unit, score in zip(explanation.units, explanation.scores["loo"], strict=True):
        end = text.index(unit.text, start) + len(unit.text)
        masked = words[ids].copy()
        masked[[start <= places[-1] < end for places in characters]] = 0
        assert score == pytest.approx(loss(masked) - loss(words[ids]), abs=1e-12)
        start = end


@pytest.mark.parametrize("text", [*TEXTS, CHINESE])
def test_each_token_is_in_place(text):
    tokenizer = byte_level()
    (document,) = Encoder(tokenizer, None, "token")([text])
    tokens = tokenizer.convert_ids_to_tokens(document.inputs["input_ids"].tolist())
    for places, u in zip(characters_of(tokens, text, tokenizer.get_vocab()), document.unit_of, strict=True):
        visible = [k for k in places if not text[k].isspace()]
        if visible:
            assert document.units[u].text == text[visible[0] : visible[-1] + 1]


@pytest.mark.parametrize("byte", [0xE5, 0xBE, 0x88])  # those of 很; others have the first one, too
def test_a_chinese_sentence_of_which_one_byte_is_dropped(byte):
    text = "电影很好看"
    tokenizer = byte_level(["xyz"], alphabet={*LETTERS.values()} - {LETTERS[byte]})
    (document,) = Encoder(tokenizer, None, "word")([text])
    assert [unit.text for unit in document.units] == list(text)
    tokens = tokenizer.convert_ids_to_tokens(document.inputs["input_ids"].tolist())
    for places, u in zip(characters_of(tokens, text, tokenizer.get_vocab()), document.unit_of, strict=True):
        assert document.units[u].text == text[places[0]]


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("limit", range(1, 12))
def test_truncated_texts_and_pairs(limit, side):
    tokenizer = byte_level()
    tokenizer.truncation_side = side
    text = "naïve café is bad"
    whole = tokenizer.convert_ids_to_tokens(tokenizer(text)["input_ids"])
    characters = characters_of(whole, text, tokenizer.get_vocab())
    (document,) = Encoder(tokenizer, limit, "token")([text])
    kept = characters[-limit:] if side == "left" else characters[:limit]
    for places, u in zip(kept, document.unit_of, strict=True):
        assert document.units[u].text in (text[places[0] : places[-1] + 1].strip() or " ", text[places[-1]])
    cut = len(kept) < len(whole)
    assert document.truncated_at == ((0 if side == "left" else kept[-1][-1] + 1) if cut else None)
    (pair,) = Encoder(tokenizer, None, "word")([(text, "Ça señor")])
    assert [unit.text for unit in pair.units] == [*text.split(), "Ça", "señor"]


def test_tokens_for_all_bytes_of_utf8_are_enough():
    alphabet = {letter for byte, letter in LETTERS.items() if byte not in (0xC0, 0xC1, *range(0xF5, 0x100))}
    assert not drops_characters(byte_level(alphabet=alphabet))
    for byte in (0xC3, 0x9F, 0xE4, 0xF4, 0x41, 0x00):
        assert drops_characters(byte_level(["xyz"], alphabet=alphabet - {LETTERS[byte]}))
    lower = alphabet - {chr(letter) for letter in range(65, 91)}
    assert not drops_characters(byte_level(["xyz"], alphabet=lower, normalizer=normalizers.Lowercase()))


def test_byte_fallback_needs_all_bytes_of_utf8():
    byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)]
    for missing, drops in (("<0xC0>", False), ("<0xC3>", True)):
        vocabulary = {token: i for i, token in enumerate(["<pad>", *byte_tokens, *"abcdef"]) if token != missing}
        tokenizer = Tokenizer(models.BPE(vocabulary, [], byte_fallback=True))
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>")
        assert drops_characters(fast) == drops
    (document,) = Encoder(fast, None, "token")(["bèéad 好é"])
    tokens = fast.convert_ids_to_tokens(document.inputs["input_ids"].tolist())
    units = [document.units[u].text for u in document.unit_of]
    assert (
        list(zip(tokens, units, strict=True))
        == [
            ("b", "bèé"),
            ("a", "a"),
            ("d", "d"),
            *zip(["<0xE5>", "<0xA5>", "<0xBD>"], ["好é"] * 3, strict=True),
        ]
        or units[-1] == "好é"
    )


@pytest.mark.parametrize("side", ["left", "right"])
def test_marks_inside_and_at_the_end_of_words_and_whole_words(side):
    marked = {"continuing_subword_prefix": "##", "end_of_word_suffix": "</w>"}
    tokens = ["<pad>", "c", "##a", "##f", "##d</w>", "b", "##b", "b</w>", "##a</w>", "##c</w>", "##af"]
    model = models.BPE({token: i for i, token in enumerate(tokens)}, [("##a", "##f")], **marked)
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", truncation_side=side)
    text = "céafé béd b éa"
    read = ["c", "##af", "b", "##d</w>", "b</w>", "##a</w>"]
    words = ["céafé", "béd", "b", "éa"]
    assert fast.tokenize(text) == read
    for limit in (None, 3):
        (document,) = Encoder(fast, limit, "word")([text])
        units = [document.units[u].text for u in document.unit_of]
        expected = [words[i] for i in (0, 0, 1, 1, 2, 3)]
        cut = ["d", *expected[-2:]] if side == "left" else [*expected[:2], "bé"]
        assert units == (cut if limit else expected)


def test_whole_words_of_the_vocabulary_drop_nothing():
    vocabulary = {"<pad>": 0, "a": 1, "b": 2, "éa": 3}
    tokenizer = Tokenizer(models.BPE(vocabulary, [], ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing("$A", special_tokens=[])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>")
    (document,) = Encoder(fast, None, "token")(["éb éa a"])
    tokens = fast.convert_ids_to_tokens(document.inputs["input_ids"].tolist())
    assert tokens == ["b", "éa", "a"]
    assert [document.units[u].text for u in document.unit_of] == ["éb", "éa", "a"]


def test_the_tokenizer_is_looked_at_once(monkeypatch):
    looked_at = []
    monkeypatch.setattr(
        encode, "drops_characters", lambda tokenizer: looked_at.append(1) or drops_characters(tokenizer)
    )
    encoder = Encoder(byte_level(), None, "word")
    encoder(["the film"])
    encoder(["is good"])
    assert looked_at == [1]
