"""Places of the tokens of fast tokenizers that drop unknown characters, whose own offsets are wrong."""

import json

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from hf_gradexplain.explainer import Explainer
from hf_gradexplain.text.data import NO_UNIT
from hf_gradexplain.text.dropped_characters import _with_dropped, drops_characters
from hf_gradexplain.text.encode import Encoder
from tests.helpers.tiny import TOKENIZERS
from tests.helpers.tokenizer_classes import build, measured
from tests.helpers.tokenizers_of_all_kinds import FAST, tokenizer_of
from tests.text.measure import Reader

CORPUS = ("the film is good and bad", "naive cafe actor")
TEMPLATE = "{% for message in messages %}{{ '<|' + message.role + '|>' + message.content }}{% endfor %}"


def dropping(kind: str, *, around: bool = False) -> PreTrainedTokenizerFast:
    """Return a BPE tokenizer of lower-case letters without an unknown token.

    Args:
        kind: `words`, `spaces` (a mark for each space), or `whole` (the same without a pre-tokenizer, like Llama's, and
            it would write unknown characters as bytes if it had tokens for these).
        around: Whether it adds `[CLS]` and `[SEP]`.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace() if kind == "words" else pre_tokenizers.Metaspace()
    special = ["[PAD]", "[CLS]", "[SEP]", "<|user|>", "<|assistant|>"]
    tokenizer.train_from_iterator(
        CORPUS, trainers.BpeTrainer(vocab_size=60, special_tokens=special, show_progress=False)
    )
    if kind == "whole":
        record = json.loads(tokenizer.to_str())
        record["pre_tokenizer"], record["model"]["byte_fallback"] = None, True
        tokenizer = Tokenizer.from_str(json.dumps(record))
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    if around:
        tokenizer.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", chat_template=TEMPLATE)


KINDS = ("words", "spaces", "whole")
TEXTS = {
    "naïve café film is good": ["naïve", "café", "film", "is", "good"],
    "ïthe film": ["ïthe", "film"],
    "thefilmé is öbad": ["thefilmé", "is", "öbad"],
    "the film éÉé is good": ["the", "film", "is", "good"],
    "☃☃☃ the film ☃ is bad": ["the", "film", "is", "bad"],
}


def words_of(document, tokenizer) -> list[tuple[str, list[str]]]:
    """Return the units with their tokens, without those of dropped characters alone, which may be a space's mark."""
    pieces = tokenizer.convert_ids_to_tokens(document.inputs["input_ids"].tolist())
    tokens = [[piece for piece, u in zip(pieces, document.unit_of, strict=True) if u == unit] for unit in range(99)]
    units = [(unit.text, tokens[u]) for u, unit in enumerate(document.units)]
    return [(text, "".join(of).strip("▁")) for text, of in units if "".join(of).strip("▁")]


def read(word: str) -> str:
    return "".join(letter for letter in word if letter.isascii())


@pytest.mark.parametrize("around", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_each_word_has_its_own_tokens(kind, around):
    tokenizer = dropping(kind, around=around)
    assert drops_characters(tokenizer)
    for text, words in TEXTS.items():
        (document,) = Encoder(tokenizer, None, "word")([text])
        assert words_of(document, tokenizer) == [(word, read(word)) for word in words]
        special = [t for t, u in enumerate(document.unit_of) if u == NO_UNIT]
        assert special == ([0, len(document.unit_of) - 1] if around else [])


@pytest.mark.parametrize("kind", ["spaces", "whole"])
def test_a_space_of_its_own_belongs_to_the_word_behind_it(kind):
    tokenizer = dropping(kind)
    (document,) = Encoder(tokenizer, None, "word")(["film naïve is"])
    pieces = tokenizer.convert_ids_to_tokens(document.inputs["input_ids"].tolist())
    assert pieces == ["▁film", "▁", "n", "a", "ve", "▁is"]
    assert document.unit_of.tolist() == [0, 1, 1, 1, 1, 2]


@pytest.mark.parametrize("around", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_pairs(kind, around):
    tokenizer = dropping(kind, around=around)
    first, second = "naïve café film is good", "ïthe film"
    (document,) = Encoder(tokenizer, None, "word")([(first, second)])
    expected = [(word, read(word)) for word in (*TEXTS[first], *TEXTS[second])]
    assert words_of(document, tokenizer) == expected
    assert [unit.spans[0][0] >= document.pair_start for unit in document.units] == [False] * 5 + [True] * 2


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("kind", KINDS)
def test_truncated_texts(kind, side):
    tokenizer = dropping(kind)
    tokenizer.truncation_side = side
    text = "film ïs good and bad"
    (document,) = Encoder(tokenizer, 2, "word")([text])
    if side == "left":
        assert words_of(document, tokenizer) == [("and", "and"), ("bad", "bad")]
        assert document.truncated_at == 0
    else:
        assert document.units[0].text == "film"
        assert text[: document.truncated_at] in ("film ï", "film ïs")


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_text_of_which_nothing_is_left(kind, side):
    tokenizer = dropping(kind, around=True)
    tokenizer.truncation_side = side
    (document,) = Encoder(tokenizer, 2, "word")(["film ïs good"])
    assert (document.n_units, document.truncated_at) == (0, 0)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("limit", [None, 6])
def test_tokenizers_that_tokenize_at_random(limit, side):
    tokenizer = dropping("words")
    record = json.loads(tokenizer.backend_tokenizer.to_str())
    record["model"]["dropout"] = 0.5
    backend = Tokenizer.from_str(json.dumps(record))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="[PAD]", truncation_side=side)
    for _ in range(5):
        (document,) = Encoder(tokenizer, limit, "word")(["thé film ïs good"])
        assert set(document.unit_of.tolist()) == set(range(len(document.units)))
        assert limit or [unit.text for unit in document.units] == ["thé", "film", "ïs", "good"]


@pytest.mark.parametrize("kind", KINDS)
def test_added_tokens_in_a_text_and_conversations(kind):
    tokenizer = dropping(kind)
    (document,) = Encoder(tokenizer, None, "word")(["naïve film <|user|> café is"])
    names = [
        ("naïve", "nave"),
        ("film", "film"),
        ("<|user|>", "<|user|>"),
        ("café", "caf"),
        ("is", "is"),
    ]
    assert words_of(document, tokenizer) == names
    messages = [{"role": "user", "content": "thé film"}, {"role": "assistant", "content": "ïs good"}]
    (document,) = Encoder(tokenizer, None, "word")([messages])
    assert words_of(document, tokenizer) == [("thé", "th"), ("film", "film"), ("ïs", "s"), ("good", "good")]


def test_scores_are_those_of_the_words_and_the_tokenizer_is_restored():
    tokenizer = dropping("whole")
    backend = tokenizer.backend_tokenizer
    backend.enable_truncation(50)
    backend.enable_padding(length=40)
    before = backend.to_str()
    explain = Explainer(Reader(len(tokenizer)), tokenizer)
    text = "naïve café film is good"
    scores = explain(text, "loo", target=0, self_check=False)
    assert backend.to_str() == before
    plain = explain("nave caf film is good", "loo", target=0, self_check=False)
    assert scores.scores["loo"].tolist() == plain.scores["loo"].tolist()
    assert [unit.text for unit in scores.units] == text.split()


@pytest.mark.parametrize("name", ["gpt2", "bart", "bert", "fasttext", *FAST])
def test_other_tokenizers_drop_nothing(name):
    tokenizer = TOKENIZERS[name]() if name in TOKENIZERS else tokenizer_of(name)
    assert not drops_characters(tokenizer)


def test_of_the_classes_of_transformers_none_drops_characters():
    tokenizers = {name: build(name) for name in measured()}
    assert [name for name, each in tokenizers.items() if each.is_fast and drops_characters(each)] == []


def test_a_byte_without_a_character_of_its_own_gets_no_dropped_character():
    letters = [("Ã", (0, 1)), ("¯", (1, 1)), ("v", (2, 3))]
    assert _with_dropped(letters, "ïév") == [("Ã", (0, 2)), ("¯", (1, 1)), ("v", (2, 3))]
