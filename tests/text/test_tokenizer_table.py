"""Tests of docs/tokenizers.md: with every tokenizer class of transformers, units are right, and the page says so."""

import pytest

from hf_gradexplain.text.encode import Encoder
from tests.helpers.tokenizer_classes import SENTENCES, build, names
from tests.text.measure import measure
from tests.text.tokenizer_table import NAMES, PAGE, row, rows_of_page


@pytest.mark.filterwarnings("ignore:a text of many letters has only one unit")
@pytest.mark.parametrize("name", NAMES)
def test_units_are_right_and_the_page_says_so(name):
    found = measure(name)
    wrong = {key: texts for key, texts in vars(found).items() if key != "units" and texts}
    assert not wrong
    assert rows_of_page()[name] == row(name)


def test_the_page_names_every_tokenizer_class():
    page = PAGE.read_text(encoding="utf-8")
    assert set(rows_of_page()) == set(NAMES)
    assert [name for name in names() if f"`{name}`" not in page] == []


@pytest.mark.parametrize("name", ["CTRLTokenizer", "MgpstrTokenizer"])
@pytest.mark.parametrize("length", [5, 9, 14])
def test_pairs_without_a_separator_are_told_apart_also_truncated(name, length):
    tokenizer = build(name)
    first, second = "the film is so good", SENTENCES["Latin"]
    (document,) = Encoder(tokenizer, length, "token")([(first, second)])
    parts = [tokenizer(text)["input_ids"] for text in (first, second)]
    kept = tokenizer(first, second, truncation="longest_first", max_length=length)["input_ids"]
    n = next(n for n in range(length + 1) if parts[0][:n] + parts[1][: length - n] == kept)
    starts = [unit.spans[0][0] for unit in document.units if unit.text.strip()]
    of_first = [t for t in range(length) if document.units[document.unit_of[t]].spans[0][0] < document.pair_start]
    assert len(starts) > 2
    assert of_first == list(range(n))
