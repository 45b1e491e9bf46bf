"""Texts as long as those of AG's News and of IMDB, and a WordPiece tokenizer trained on such texts.

    python -m benchmarks.peers.texts FOLDER [--ag_news NAME_OR_FOLDER] [--imdb NAME_OR_FOLDER]

Run in the environment of this package; all tools then read the same files from FOLDER.
"""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path

from datasets import Dataset, load_dataset
from tokenizers import BertWordPieceTokenizer
from transformers import BertTokenizerFast

NUMBERS = {"ag_news": 64, "imdb": 16}
VOCABULARY, TRAINED_ON, LONGEST = 20_000, 10_000, 512


def new_tokenizer(texts: Iterable[str], folder: Path) -> BertTokenizerFast:
    """Train a WordPiece tokenizer like BERT's and store it."""
    trained = BertWordPieceTokenizer(lowercase=True)
    trained.train_from_iterator(texts, vocab_size=VOCABULARY, show_progress=False)
    tokenizer = BertTokenizerFast(
        tokenizer_object=trained._tokenizer,
        model_max_length=LONGEST,
        unk_token="[UNK]",
        sep_token="[SEP]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        mask_token="[MASK]",
    )
    tokenizer.save_pretrained(folder)
    return tokenizer


def cut(text: str, tokenizer: BertTokenizerFast) -> str:
    """Return the text up to the last character within the model's limit: not all tools truncate."""
    offsets = tokenizer(text, truncation=True, return_offsets_mapping=True)["offset_mapping"]
    return text[: max(end for _, end in offsets)]


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ag_news", default="fancyzhx/ag_news")
    parser.add_argument("--imdb", default="stanfordnlp/imdb")
    arguments = parser.parse_args()
    names = {"ag_news": arguments.ag_news, "imdb": arguments.imdb}
    splits = {name: load_dataset(path) for name, path in names.items()}
    tokenizer = new_tokenizer(
        [x for data in splits.values() for x in _sample(data["train"], TRAINED_ON)], arguments.folder
    )
    texts = {name: [cut(x, tokenizer) for x in _sample(splits[name]["test"], n)] for name, n in NUMBERS.items()}
    (arguments.folder / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
    for name, sample in texts.items():
        words = sum(len(text.split()) for text in sample) / len(sample)
        tokens = sum(map(len, tokenizer(sample)["input_ids"])) / len(sample)
        print(f"{name}: {len(sample)} texts of {words:.0f} words, {tokens:.0f} tokens on average")


def _sample(data: Dataset, n: int) -> list[str]:
    return data.shuffle(seed=0).select(range(min(n, len(data))))["text"][:]


if __name__ == "__main__":
    main()
