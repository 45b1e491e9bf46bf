"""Write docs/tokenizers.md: `python -m tests.text.tokenizer_table` measures every tokenizer class."""

import sys
import warnings
from pathlib import Path

import transformers
from transformers.utils import logging

from hf_gradexplain.text.scripts import WITHOUT_SPACES
from tests.helpers.tokenizer_classes import MECAB, NOT_MEASURED, SENTENCES, build, measured
from tests.text.measure import TEXTS, measure

PAGE = Path(__file__).parents[2] / "docs" / "tokenizers.md"
NAMES = (*measured(), MECAB)

HEAD = """# Every tokenizer class of transformers

With `unit="word"`, the default, each word of the text gets one score. This page says what counts as a word. It also has
the results of a test with every tokenizer class of transformers, each with a small vocabulary.

## What a word is

- A word begins after white space, and wherever the tokenizer begins a word. In scripts that put spaces between words,
  no word begins between two letters or digits.
- **In scripts without spaces** ([list](#scripts-without-spaces)), each token and each punctuation mark begins a word.
  No word begins inside a character. Some Japanese tokenizers written in Python use a morphological analyser (MeCab,
  Sudachi, Juman++). With such a tokenizer, each word that the analyser finds is a word. Korean is not in the list,
  because it puts spaces between words.
- Some tokenizers add a space before a word. This space belongs to the word, but is not a character of the text.
- A letter and its combining marks are one character.
- A byte-level tokenizer may split a character into several tokens. With `unit="token"`, each of these tokens is shown
  as the whole character and has its own score in `to_frame()`. The coloured text shows the sum of their scores.
- **Tokenizers written in Python** do not return the positions of their tokens in the text, so this package computes the
  positions. It tokenizes each blank-separated word alone. If the words together have the same tokens as the whole text,
  the positions are exact. Otherwise, the package aligns the characters of the tokens with those of the text.
- **Some BPE tokenizers drop characters or bytes** that they have no token for. The positions that such a tokenizer
  returns are wrong, so this package reads the text letter by letter, or byte by byte, to find the right ones. A
  character that is dropped as a whole belongs to the token before it in the same word. If there is none, it belongs to
  the token after it.

The package warns if a text of many letters has only one unit, because its score cannot be compared with another score.

## Results

Each class tokenizes {n} texts: a sentence in each of eight scripts, the same eight sentences as the second text of a
pair, and four unusual texts. The unusual texts have unknown words, words that a tokenizer may change, characters that
it may read as several words, and unusual white space. The columns are:

- **read back**: the units and the text between them add up to the whole text, and every letter and digit is in a unit.
- **one unit**: each token is in exactly one unit. Tokens that the tokenizer adds are not counted.
- **no blank**: no unit contains white space.
- **in place**: each unit has the right tokens. A text is checked if tokenizing each of its blank-separated words alone
  gives the tokens of the whole text. The units inside a word must then have exactly the tokens of that word.
- **by hand**: on a small model in float64, the scores of `loo` equal those of a plain loop that sets the word vectors
  of each unit to zero.
- **Latin** and the other scripts: the number of units in the sentence.

`BertJapaneseTokenizer` has two rows, one without MeCab and one with it. `CpmTokenizer` and `CpmTokenizerFast` load the
package rjieba, which cuts Chinese text into words. This version of transformers loads rjieba for them, but does not use
it.

"""

FOOT = """
## Not measured

These classes are for inputs or outputs other than plain text:

{missing}

For the table above, small stand-ins replaced the packages sacremoses, fugashi, rjieba and sentencepiece.

## Scripts without spaces

{scripts}

Made with transformers {version} by `python -m tests.text.tokenizer_table`. A test measures every row again and
compares it with this page.
"""


def row(name: str) -> str:
    """Measure a tokenizer class and return its row of the table."""
    found = measure(name)
    checks = [found.read_back, found.one_unit, found.no_blank, found.in_place, found.by_hand]
    cells = ["yes" if not wrong else f"**no**: {', '.join(wrong)}" for wrong in checks]
    kind = "Rust" if build(name).is_fast else "Python"
    return _line([f"`{name}`", kind, *cells, *map(str, found.units.values())])


def rows_of_page() -> dict[str, str]:
    """Return the rows of the page by the names of the classes."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    return {line.split("`")[1]: line for line in lines if line.startswith("| `")}


def page() -> str:
    """Measure every tokenizer class and return the page."""
    columns = ["class", "written in", "read back", "one unit", "no blank", "in place", "by hand", *SENTENCES]
    missing = (f"- {reason}: {', '.join(f'`{name}`' for name in names)}" for reason, names in NOT_MEASURED.items())
    table = "\n".join([_line(columns), f"|{'---|' * len(columns)}", *map(row, NAMES)])
    scripts = (f"- {name.replace('_', ' ')}: {reason}" for name, reason in WITHOUT_SPACES.items())
    foot = FOOT.format(missing="\n".join(missing), scripts="\n".join(scripts), version=transformers.__version__)
    return f"{HEAD.format(n=len(TEXTS))}{table}\n{foot}"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    logging.set_verbosity_error()
    warnings.simplefilter("ignore")
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
