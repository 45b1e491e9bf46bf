"""Stand-ins for packages that tokenizers of transformers need: they change and divide texts as the packages do."""

import re
import sys
from html import escape, unescape
from types import ModuleType, SimpleNamespace


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


def _escaped(token: str) -> str:
    return escape(token).replace("&#x27;", "&apos;")


def module(name: str, **content: object) -> None:
    """Make a module importable if the package is not installed."""
    if name not in sys.modules:
        sys.modules[name] = ModuleType(name)
        vars(sys.modules[name]).update(content)


def install() -> None:
    """Make the stand-ins importable, in this process."""
    classes = {cls.__name__: cls for cls in (MosesPunctNormalizer, MosesTokenizer, MosesDetokenizer)}
    module("sacremoses", **classes)
    module("fugashi", GenericTagger=GenericTagger)
