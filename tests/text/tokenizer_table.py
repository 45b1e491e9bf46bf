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

The unit `word` is a part of the text as the user wrote it. This page checks it with every tokenizer class of
transformers, each with a small vocabulary.

## What a word is

- A word begins where the tokenizer begins one, and after white space. It never begins between two letters or digits of
  a script that puts spaces between words.
- **In scripts without spaces**, listed below, a word begins at each token and at punctuation, but not inside a
  character. If a tokenizer written in Python has a morphological analyser (MeCab, Sudachi, Juman++), its words are the
  units. Korean puts spaces between words.
- A space that the tokenizer adds before a word belongs to this word, but does not count as a character of the text. A
  letter with its combining marks is one character. If a byte-level tokenizer splits a character into several tokens,
  each token is shown as the whole character, with its own score in `to_frame()`; the coloured text shows the sum of
  their scores.
- **Tokenizers written in Python** do not say where their tokens are. The words between blanks are tokenized alone;
  where this gives the tokens of the text, the places are exact. Between these places, the characters of the tokens are
  aligned with those of the text.

There is a warning if a text of many letters is a single unit: there is nothing to compare it with.

## Results

Each class reads {n} texts: a sentence in each of eight scripts, each of these as the second text of a pair, unknown
words, words that a tokenizer may change, and unusual white space.

- **Read back**: the units and what is between them give the text, and all letters and digits are in units.
- **One unit**: each token, except those that the tokenizer adds, is in exactly one unit.
- **No blank**: no unit holds white space.
- **In place**: if tokenizing each blank-separated word alone gives the tokens of the whole text, the units inside a
  word have exactly the tokens of that word.
- **By hand**: the scores of `loo` equal those of plain code that sets word vectors to zero, on a small model in
  float64.
- The last columns have the number of units of each sentence. `BertJapaneseTokenizer` has two rows: without MeCab and
  with it.

"""

FOOT = """
## Not measured

These classes need what is named before the colon:

{missing}

In the table above, small stand-ins replace the packages sacremoses, fugashi, rjieba and sentencepiece.

## Scripts without spaces

{scripts}

Made with transformers {version} by `python -m tests.text.tokenizer_table`. A test compares the table with a new
measurement.
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
