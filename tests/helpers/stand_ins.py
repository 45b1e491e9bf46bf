"""Stand-ins for packages that tokenizers of transformers need: they change and divide texts as the packages do."""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape, unescape
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from unittest.mock import patch

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import tokenization_utils_sentencepiece
from transformers.models.cpmant import tokenization_cpmant
from transformers.utils import import_utils


class MosesPunctNormalizer:
    """Writes punctuation of other languages as in English, and moves a full stop before a closing quotation mark."""

    def __init__(self, lang: str) -> None: ...

    def normalize(self, text: str) -> str:
        text = text.translate(str.maketrans("“”„‘’，。", '"""\'\',.'))
        return text.replace('".', '."')


class MosesTokenizer:
    """Separates punctuation; a full stop only at the end of the text."""

    def __init__(self, lang: str) -> None: ...

    def tokenize(self, text: str, *, return_str: bool = False, escape: bool = True, **options: object):
        text = re.sub(r"([^\w\s.'-])", r" \1 ", " ".join(text.split()))
        text = re.sub(r"(\w)'(\w)", r"\1 '\2", re.sub(r"\.\s*$", " .", text))
        tokens = [_escaped(token) if escape else token for token in text.split()]
        return " ".join(tokens) if return_str else tokens


class MosesDetokenizer:
    """Joins tokens by blanks, and reads entities."""

    def __init__(self, lang: str) -> None: ...

    def detokenize(self, tokens: list[str]) -> str:
        return unescape(" ".join(tokens))


class GenericTagger:
    """A morphological analyser that knows some words and takes all other letters of a script as one word."""

    def __init__(self, options: str = "") -> None: ...

    def __call__(self, text: str) -> list[SimpleNamespace]:
        words = re.findall(
            r"映画|面白い|とても|東京|都|に|住む|この|は|[ァ-ー]+|[a-zA-Z]+|[0-9]+|[ぁ-ん]|[一-龥]+|\w+|\S", text
        )
        return [SimpleNamespace(surface=word) for word in words]


def jieba_words(text: str, *, hmm: bool = False) -> list[tuple[str, int, int]]:
    """Return the words of a Chinese text and their places: two characters each."""
    return [(match[0], *match.span()) for match in re.finditer(r"[一-龥]{1,2}|\s+|\w+|\S", text)]


def jieba_cut(text: str, hmm: bool = False) -> list[str]:
    """Return the words of `jieba_words` without their places."""
    return [word for word, _, _ in jieba_words(text, hmm=hmm)]


class SentencePieceProcessor:
    """A unigram model, read from a JSON file of pieces and scores that begins with the unknown one."""

    def __init__(self, model_file: str = "", **options: object) -> None:
        if model_file:
            self.Load(model_file)

    def Load(self, path: str) -> None:
        self.pieces = json.loads(Path(path).read_text("utf-8"))
        self.ids = {piece: i for i, (piece, _) in enumerate(self.pieces)}
        self.tokenizer = Tokenizer(models.Unigram([(piece, score) for piece, score in self.pieces], unk_id=0))
        self.tokenizer.normalizer, self.tokenizer.pre_tokenizer = normalizers.NFKC(), pre_tokenizers.Metaspace()

    def encode(self, text: str, out_type: type = str) -> list[str]:
        return self.tokenizer.encode(" ".join(text.split())).tokens if text.strip() else []

    def piece_to_id(self, piece: str) -> int:
        return self.ids.get(piece, 0)

    def id_to_piece(self, i: int) -> str:
        return self.pieces[i][0]

    def get_piece_size(self) -> int:
        return len(self.pieces)

    def decode(self, pieces: list[str]) -> str:
        return "".join(pieces).replace("▁", " ").strip()

    def unk_id(self) -> int:
        return 0

    __len__ = get_piece_size
    PieceToId, IdToPiece, decode_pieces, unk_token_id = piece_to_id, id_to_piece, decode, unk_id
    EncodeAsPieces = encode


@contextmanager
def rjieba() -> Iterator[None]:
    """Build tokenizers with the stand-in for rjieba in this block, also if transformers has looked for it before."""
    install()
    with patch.dict(import_utils.BACKENDS_MAPPING, rjieba=(lambda: True, "")):
        tokenization_cpmant.rjieba = sys.modules["rjieba"]
        yield


@contextmanager
def sentence_piece() -> Iterator[None]:
    """Build tokenizers with the stand-in for SentencePiece in this block."""
    stand_in = ModuleType("sentencepiece")
    stand_in.SentencePieceProcessor = SentencePieceProcessor
    installed = {name: (lambda: True, "") for name in ("sentencepiece", "protobuf")}
    with (
        patch.dict(sys.modules, {"sentencepiece": stand_in}),
        patch.dict(import_utils.BACKENDS_MAPPING, installed),
        patch.object(tokenization_utils_sentencepiece, "spm", stand_in),
    ):
        yield


def _escaped(token: str) -> str:
    return escape(token).replace("&#x27;", "&apos;")


def module(name: str, **content: object) -> None:
    """Make a module importable if the package is not installed."""
    if name not in sys.modules:
        sys.modules[name] = ModuleType(name)
        sys.modules[name].__spec__ = ModuleSpec(name, None)
        vars(sys.modules[name]).update(content)


def install() -> None:
    """Make the stand-ins importable, in this process."""
    classes = {cls.__name__: cls for cls in (MosesPunctNormalizer, MosesTokenizer, MosesDetokenizer)}
    module("sacremoses", **classes)
    module("fugashi", GenericTagger=GenericTagger)
    module("rjieba", tokenize=jieba_words, cut=jieba_cut)
