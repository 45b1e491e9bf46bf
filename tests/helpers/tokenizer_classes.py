"""Every tokenizer class of transformers for text, built with a small vocabulary of eight scripts."""

import json
import re
import tempfile
import warnings
from collections.abc import Callable
from functools import cache
from importlib import import_module
from itertools import chain
from pathlib import Path

import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerBase

from tests.helpers.stand_ins import install, rjieba, sentence_piece
from tests.helpers.tokenizers_of_all_kinds import tokenizer_of

MECAB = "BertJapaneseTokenizer, MeCab"

SENTENCES = {
    "Latin": "The film is so good, I like it.",
    "Cyrillic": "Это очень хороший фильм, мне нравится.",
    "Arabic": "هذا فيلم جيد جدا، أحببته.",
    "Devanagari": "यह बहुत अच्छी फ़िल्म है।",
    "Hangul": "이 영화는 정말 좋아요.",
    "Han": "这部电影很好，我很喜欢。",
    "Japanese": "この映画はとても面白い。",
    "Thai": "หนังเรื่องนี้ดีมาก ผมชอบ",
}
"""One sentence in each script. The vocabularies hold all their letters."""

UNUSUAL = {
    "unknown words": "the 龘龘 film 😀 is (ꙮ) so good",
    "changed words": "½ cafe\u0301 ＦＩＬＭ is “so” ﬁne",
    "characters of several words": "good ﷺ film ﷻ is ㍿",
}
"""Words that are unknown, words that a tokenizer may change, and characters that it may read as several words."""

WORDS = [word for sentence in SENTENCES.values() for word in sentence.split()]
LETTERS = sorted({letter for word in WORDS for letter in word + word.lower()} | set("abcdefghijklmnopqrstuvwxyz'\"&;"))
SPECIAL = ["[X_SEP]", "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "<pad>", "<unk>", "<s>", "</s>", "<mask>"]


def word_piece_vocabulary() -> list[str]:
    """Return whole words, and the letters and pairs of letters inside words."""
    pairs = [word[k : k + 2] for word in WORDS for k in range(1, len(word) - 1)]
    inside = [f"##{piece}" for piece in [*LETTERS, *pairs]]
    return list(dict.fromkeys([*SPECIAL, *(word.lower() for word in WORDS[::2]), *LETTERS, *inside]))


def unigram_vocabulary() -> list[tuple[str, float]]:
    """Return letters and pairs of letters, with and without the mark of a word's begin."""
    pairs = [word[k : k + 2] for word in WORDS for k in range(len(word) - 1)]
    begins = [f"▁{word[:2]}" for word in WORDS[::2]]
    pieces = dict.fromkeys([*SPECIAL, "▁", *LETTERS, *pairs, *begins])
    return [(piece, 0.0 if piece in SPECIAL else -1.0 - len(pieces) / (99 * len(piece))) for piece in pieces]


@cache
def byte_pairs(kind: str) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Return the vocabulary and the merges of a BPE tokenizer.

    Args:
        kind: `bytes`, `words` (bytes with an end of word, as CLIP's) or `pieces` (letters, as Llama's).
    """
    suffix = {"end_of_word_suffix": "</w>"} if kind == "words" else {}
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", **suffix))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace() if kind == "pieces" else pre_tokenizers.ByteLevel()
    if kind == "words":
        steps = [pre_tokenizers.Whitespace(), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
        tokenizer.pre_tokenizer, tokenizer.normalizer = pre_tokenizers.Sequence(steps), normalizers.Lowercase()
    more = [f"<0x{byte:02X}>" for byte in range(256)] if kind == "pieces" else ["<|endoftext|>", "<|startoftext|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=900,
        special_tokens=["<unk>", "<pad>", "<s>", "</s>", "<bos>", "<eos>", "<mask>", *more],
        initial_alphabet=[] if kind == "pieces" else pre_tokenizers.ByteLevel.alphabet(),
        max_token_length=3 if kind == "pieces" else 6,
        show_progress=False,
        **suffix,
    )
    tokenizer.train_from_iterator(SENTENCES.values(), trainer)
    model = json.loads(tokenizer.to_str())["model"]
    letters = [f"{letter}</w>" for letter in pre_tokenizers.ByteLevel.alphabet()] if kind == "words" else LETTERS
    vocabulary = list(dict.fromkeys([*model["vocab"], *letters]))
    return {piece: i for i, piece in enumerate(vocabulary)}, [tuple(merge) for merge in model["merges"]]


PIECES = {
    "ReformerTokenizer",
    "SeamlessM4TTokenizer",
    "Siglip2Tokenizer",
    "Tipsv2Tokenizer",
    "GemmaTokenizer",
    "LlamaTokenizer",
    "CodeLlamaTokenizer",
    "NllbTokenizer",
}
WORD_ENDS = {"CLIPTokenizer", "OpenAIGPTTokenizer", "HerbertTokenizer"}


def fast(cls: type, **options: object) -> PreTrainedTokenizerBase:
    """Return a tokenizer written in Rust, by the kind of its model."""
    kind = getattr(getattr(cls, "model", None), "__name__", "Unigram")
    if kind == "WordPiece":
        return cls(vocab={piece: i for i, piece in enumerate(word_piece_vocabulary())}, **options)
    if kind == "Unigram":
        return cls(vocab=unigram_vocabulary(), **options)
    name = cls.__name__
    vocabulary, merges = byte_pairs("pieces" if name in PIECES else "words" if name in WORD_ENDS else "bytes")
    return cls(vocab=vocabulary, merges=merges, **options)


def unigram(name: str, pieces: list[str]) -> PreTrainedTokenizerBase:
    """Return a SentencePiece tokenizer of a class, with these pieces."""
    vocabulary = [*((piece, 0.0) for piece in SPECIAL[6:]), *((piece, -2.0) for piece in pieces)]
    return getattr(transformers, name)(vocab=vocabulary)


def files(**contents: object) -> dict[str, str]:
    """Write files and return their paths: a str as it is, a list as lines, anything else as JSON."""
    folder = Path(tempfile.mkdtemp())
    for name, content in contents.items():
        text = "\n".join(content) + "\n" if isinstance(content, list) else content
        text = text if isinstance(text, str) else json.dumps(text)
        (folder / name).write_text(text, encoding="utf-8")
    return {name: str(folder / name) for name in contents}


CONTINUED = [*LETTERS, *(f"{letter}@@" for letter in LETTERS)]
"""Letters, and letters that the word goes on after."""


def merges(*, counts: bool) -> list[str]:
    """Return the merges of `the`, `is`, `so` and `good`, for tokenizers that write `</w>` where a word ends."""
    steps = ["t h", "th e</w>", "i s</w>", "s o</w>", "g o", "o d</w>", "go od</w>"]
    return [f"{step} 1" if counts else step for step in steps]


def at_signs(cls: type, *, as_json: bool, header: bool, counts: bool) -> PreTrainedTokenizerBase:
    """Return a BPE tokenizer that writes `@@` where a word goes on."""
    vocabulary = ["the", "is", "so", "good", "go@@", "th@@", "od", *CONTINUED]
    special = ["<unk>", "<pad>", "<s>", "</s>", "__unk__", "__null__", "__start__", "__end__"]
    if as_json:
        content: object = {piece: i for i, piece in enumerate([*special, *vocabulary])}
    else:
        content = [f"{piece} 1" for piece in vocabulary]
    return cls(**files(vocab_file=content, merges_file=["#version"] * header + merges(counts=counts)))


def word_ends(cls: type, *args: object, vocabularies: tuple[str, ...] = ("vocab_file",), **options: object):
    """Return a BPE tokenizer that writes `</w>` where a word ends."""
    pieces = ["the</w>", "is</w>", "so</w>", "good</w>", "go", "th", "od</w>", *LETTERS]
    special = ["<s>", "<pad>", "</s>", "<unk>", *(f"<special{k}>" for k in range(10))]
    vocabulary = list(dict.fromkeys([*special, *pieces, *(f"{letter}</w>" for letter in LETTERS)]))
    content = {piece: i for i, piece in enumerate(vocabulary)}
    paths = files(**dict.fromkeys(vocabularies, content), merges_file=merges(counts=True))
    return cls(*args, **paths, **options)


def legacy_bert(cls: type, **options: object) -> PreTrainedTokenizerBase:
    return cls(**files(vocab_file=word_piece_vocabulary()), **options)


def roc_bert(cls: type) -> PreTrainedTokenizerBase:
    numbers = {piece: i for i, piece in enumerate(word_piece_vocabulary())}
    contents = {"vocab_file": word_piece_vocabulary(), "word_shape_file": numbers, "word_pronunciation_file": numbers}
    return cls(**files(**contents))


def esm(cls: type) -> PreTrainedTokenizerBase:
    return cls(**files(vocab_file=["<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWC", "<mask>"]))


def neox_japanese(cls: type) -> PreTrainedTokenizerBase:
    special = ["<|startoftext|>", "<|endoftext|>", "<SP>", "<BR>", "<TAB>", "<KIGOU>", "<U2000U2BFF>"]
    vocabulary = [*special, *LETTERS, *(f"<|byte{k}|>" for k in range(256))]
    paths = files(vocab_file=list(dict.fromkeys(vocabulary)), emoji_file={"emoji": {}, "emoji_inv": {}})
    return cls(**paths)


def my_t5(cls: type) -> PreTrainedTokenizerBase:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # transformers leaves its file open
        return cls(**files(vocab_file={"decompose_map": {}, "merge_map": {}}))


def letters(cls: type, **options: object) -> PreTrainedTokenizerBase:
    special = ["[GO]", "[s]", "<pad>", "<unk>", " "]
    return cls(**files(vocab_file={piece: i for i, piece in enumerate([*special, *LETTERS])}), **options)


def cpm_ant(cls: type) -> PreTrainedTokenizerBase:
    special = ["<d>", "</d>", "<s>", "</s>", "<pad>", "<unk>", "</n>", "</_>"]
    with rjieba():
        return cls(**files(vocab_file=[*special, *LETTERS, "the", "fi", "电影", "喜欢"]))


def cpm_fast(cls: type) -> PreTrainedTokenizerBase:
    vocabulary = [("<unk>", 0.0), *(entry for entry in unigram_vocabulary() if entry[0] != "<unk>")]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=0))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.NFKC(), pre_tokenizers.Metaspace()
    return cls(**files(tokenizer_file=tokenizer.to_str()))


PYTHON: dict[str, Callable[[type], PreTrainedTokenizerBase]] = {
    "BertJapaneseTokenizer": lambda cls: legacy_bert(cls, word_tokenizer_type="basic"),
    "BertTokenizerLegacy": legacy_bert,
    "BertweetTokenizer": lambda cls: at_signs(cls, as_json=False, header=False, counts=True),
    "BioGptTokenizer": word_ends,
    "BlenderbotSmallTokenizer": lambda cls: at_signs(cls, as_json=True, header=True, counts=False),
    "ByT5Tokenizer": lambda cls: cls(),
    "CTRLTokenizer": lambda cls: at_signs(cls, as_json=True, header=True, counts=False),
    "CanineTokenizer": lambda cls: tokenizer_of("canine"),
    "CpmAntTokenizer": cpm_ant,
    "CpmTokenizerFast": cpm_fast,
    "EsmTokenizer": esm,
    "FSMTTokenizer": lambda cls: word_ends(cls, ["en", "de"], vocabularies=("src_vocab_file", "tgt_vocab_file")),
    "FlaubertTokenizer": word_ends,
    "GPTNeoXJapaneseTokenizer": neox_japanese,
    "MgpstrTokenizer": letters,
    "MyT5Tokenizer": my_t5,
    "PerceiverTokenizer": lambda cls: cls(),
    "PhobertTokenizer": lambda cls: at_signs(cls, as_json=False, header=False, counts=True),
    "ProphetNetTokenizer": lambda cls: legacy_bert(cls, unk_token="[UNK]"),
    "RoCBertTokenizer": roc_bert,
    "RoFormerTokenizer": lambda cls: cls(vocab={piece: i for i, piece in enumerate(word_piece_vocabulary())}),
    "XLMTokenizer": lambda cls: word_ends(cls, lang2id={"en": 0}, id2lang={0: "en"}),
}
"""How tokenizers written in Python are built, and two written in Rust that are not built as the others are."""


def with_pieces(name: str, *pieces: str, vocabulary: str = "", **options: object) -> Callable[[type], object]:
    """Return how to build a tokenizer with SentencePiece.

    Args:
        name: Where the class is, below `transformers.models`.
        pieces: The names of the arguments for the file of pieces.
        vocabulary: The name of the argument for a file of all pieces and their ids.
        options: Other arguments.
    """

    def make(cls: str) -> PreTrainedTokenizerBase:
        content = [("<unk>", 0.0), *(entry for entry in unigram_vocabulary() if entry[0] != "<unk>")]
        ids = {piece: i for i, (piece, _) in enumerate(content)}
        lines = [f"{piece} {i}" for piece, i in ids.items()]
        more = {vocabulary: lines if "monolingual" in vocabulary else ids} if vocabulary else {}
        paths = files(**dict.fromkeys(pieces, json.dumps(content)), **more)
        with sentence_piece():
            module = import_module(f"transformers.models.{name}.tokenization_{name}")
            return getattr(module, cls)(**paths, **options)

    return make


SENTENCE_PIECE = {
    "BartphoTokenizer": with_pieces("bartpho", "vocab_file", vocabulary="monolingual_vocab_file"),
    "BertGenerationTokenizer": with_pieces("bert_generation", "vocab_file"),
    "CpmTokenizer": with_pieces("cpm", "vocab_file"),
    "GPTSw3Tokenizer": with_pieces("gpt_sw3", "vocab_file"),
    "M2M100Tokenizer": with_pieces("m2m_100", "spm_file", vocabulary="vocab_file"),
    "MarianTokenizer": with_pieces("marian", "source_spm", "target_spm", vocabulary="vocab"),
    "PLBartTokenizer": with_pieces("plbart", "vocab_file"),
    "SiglipTokenizer": with_pieces("siglip", "vocab_file"),
    "SpeechT5Tokenizer": with_pieces("speecht5", "vocab_file"),
    "Speech2TextTokenizer": with_pieces("speech_to_text", "spm_file", vocabulary="vocab_file"),
}
"""How tokenizers written in Python that use SentencePiece are built."""

NOT_MEASURED = {
    "tables, pages or boxes as input": (
        "LayoutLMv2Tokenizer",
        "LayoutLMv3Tokenizer",
        "LayoutXLMTokenizer",
        "MarkupLMTokenizer",
        "TapasTokenizer",
        "UdopTokenizer",
    ),
    "speech, music or images": (
        "ClvpTokenizer",
        "DiaTokenizer",
        "FastSpeech2ConformerTokenizer",
        "ParakeetTokenizer",
        "Pop2PianoTokenizer",
        "VitsTokenizer",
        "Wav2Vec2CTCTokenizer",
        "Wav2Vec2PhonemeCTCTokenizer",
    ),
}
"""The tokenizers that are not measured, by what they need or read."""

NO_TOKENIZERS = {
    "AutoTokenizer",
    "BasicTokenizer",
    "CharacterTokenizer",
    "CustomDPRReaderTokenizerMixin",
    "JiebaPreTokenizer",
    "JumanppTokenizer",
    "MecabTokenizer",
    "RagTokenizer",
    "RoCBertBasicTokenizer",
    "RoCBertWordpieceTokenizer",
    "SentencepieceTokenizer",
    "SubWordJapaneseTokenizer",
    "SudachiTokenizer",
    "TokenCoordinates",
    "TokenizedTable",
    "TweetTokenizer",
    "WordpieceTokenizer",
}
"""Classes in the sources that are parts of tokenizers, or choose one."""


@cache
def names() -> tuple[str, ...]:
    """Return the names of all tokenizer classes in the sources of transformers, without the `Fast` doubles."""
    folder = Path(transformers.__file__).parent / "models"
    lines = (line for path in folder.glob("*/tokenization_*.py") for line in path.read_text("utf-8").splitlines())
    found = {match[1] for line in lines if (match := re.match(r"class (\w*Token\w*)(?<!Fast)(?<!Output)[(:]", line))}
    return tuple(sorted(found - NO_TOKENIZERS | {"CpmTokenizerFast"}))


def measured() -> tuple[str, ...]:
    """Return the names of the tokenizer classes that are measured."""
    return tuple(name for name in names() if name not in chain(*NOT_MEASURED.values()))


def build(name: str) -> PreTrainedTokenizerBase:
    """Return a new tokenizer of a class; `BertJapaneseTokenizer, MeCab` is one with a morphological analyser."""
    install()
    if name == MECAB:
        options = {"word_tokenizer_type": "mecab", "mecab_kwargs": {"mecab_dic": None}}
        return legacy_bert(transformers.BertJapaneseTokenizer, **options)
    if name in SENTENCE_PIECE:
        return SENTENCE_PIECE[name](name)
    cls = getattr(transformers, name)
    return PYTHON[name](cls) if name in PYTHON else fast(cls)
