"""Texts come in columns of any library; a table is refused with the column to pass."""

import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from datasets import Dataset, DatasetDict

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.text.texts import listed
from tests.helpers.tiny import explainer

TWO = ["bad", "good film"]
TABLE = {"id": [7, 8], "review": TWO}
COLUMNS = {
    "list": TWO,
    "generator": (text for text in TWO),
    "Series": pd.Series(TWO, index=[8, 7]),
    "Series of strings": pd.Series(TWO, dtype="string"),
    "Series of categories": pd.Series(TWO, dtype="category"),
    "Index": pd.Index(TWO),
    "array": np.array(TWO),
    "array of objects": np.array(TWO, dtype=object),
    "Arrow array": pa.array(TWO),
    "Arrow column": pa.table(TABLE)["review"],
    "column": Dataset.from_dict(TABLE)["review"],
    "column of NumPy": Dataset.from_dict(TABLE).with_format("numpy")["review"],
    "column of a stream": Dataset.from_dict(TABLE).to_iterable_dataset()["review"],
}
TABLES = {
    "DataFrame": pd.DataFrame(TABLE),
    "Dataset": Dataset.from_dict(TABLE),
    "IterableDataset": Dataset.from_dict(TABLE).to_iterable_dataset(),
    "Table": pa.table(TABLE),
    "RecordBatch": pa.RecordBatch.from_pydict(TABLE),
    "dict": TABLE,
}


@pytest.mark.parametrize("texts", COLUMNS.values(), ids=COLUMNS)
def test_a_column_of_any_library_holds_texts(texts):
    texts = listed(texts)
    assert texts == TWO
    assert {type(text) for text in texts} == {str}


@pytest.mark.parametrize("pairs", [[("a", "b")] * 2, pd.Series([("a", "b")] * 2)], ids=["list", "Series"])
def test_pairs_stay_pairs(pairs):
    assert listed(pairs) == [("a", "b")] * 2


@pytest.mark.parametrize(("kind", "table"), TABLES.items(), ids=TABLES)
def test_a_table_is_refused_with_the_column_to_pass(kind, table):
    message = (
        "texts must be a str, a tuple of two str, a dict of text and text_pair, a list of messages, or a list of "
        f"these, not {kind}: give one of its columns, such as texts['review']"
    )
    with pytest.raises(GradexplainError, match=f"^{re.escape(message)}$"):
        explainer("fasttext")(table)


def test_the_column_named_text_is_offered_first():
    with pytest.raises(GradexplainError, match=r"such as texts\['text'\]$"):
        listed(pd.DataFrame({"title": TWO, "text": TWO}))
    with pytest.raises(GradexplainError, match=r"not DatasetDict: .* such as texts\['test'\]\['text'\]$"):
        listed(DatasetDict({"test": Dataset.from_dict({"title": TWO, "text": TWO})}))
    numbers, titles = (Dataset.from_dict(columns) for columns in ({"id": [1, 2]}, {"id": [1, 2], "title": TWO}))
    with pytest.raises(GradexplainError, match=r"such as texts\['test'\]\['title'\]$"):
        listed(DatasetDict({"train": numbers, "test": titles}))
    for table in (pd.DataFrame({"id": [1, 2]}), DatasetDict({"train": numbers})):
        with pytest.raises(GradexplainError, match=r", not \w+: give the values of one column$"):
            listed(table)


@pytest.mark.parametrize("text", [np.str_("bad"), np.array("bad"), pa.scalar("bad")], ids=["str_", "array", "Arrow"])
def test_a_scalar_is_one_text(text):
    assert explainer("fasttext")(text).text == "bad"


@pytest.mark.parametrize("labels", ["LABEL_1", ["LABEL_1"], np.array(1), np.array(["LABEL_1"]), 1])
def test_a_class_name_explains_what_its_id_explains(labels):
    explained, expected = (
        explainer("fasttext")("good film", labels=labels),
        explainer("fasttext")("good film", labels=[1]),
    )
    assert (explained.target, explained.target_label) == (1, "LABEL_1")
    np.testing.assert_array_equal(explained.scores[explained.method], expected.scores[expected.method])


def test_one_label_explains_every_text_of_a_series():
    explanations = explainer("fasttext")(pd.Series(TWO), labels="LABEL_2")
    assert [each.target for each in explanations] == [2, 2]
    mixed = explainer("fasttext")(pd.Series(TWO), labels=pd.Series(["LABEL_2", "LABEL_0"]))
    assert [each.target for each in mixed] == [2, 0]


PAIR = {"text": "a good film", "text_pair": "bad film"}


@pytest.mark.parametrize("texts", [[PAIR, "bad"], np.array([PAIR, "bad"], dtype=object), pd.Series([PAIR, "bad"])])
def test_a_pair_may_be_a_dict(texts):
    assert listed(texts) == [("a good film", "bad film"), "bad"]


def test_a_dict_of_one_text_is_a_text():
    explain = explainer("bert")
    alone, listed_one = explain({"text": "a good film"}, "loo"), explain([{"text": "a good film"}], "loo")
    assert alone.to_dict() == explain("a good film", "loo").to_dict()
    assert [each.to_dict() for each in listed_one] == [each.to_dict() for each in explain(["a good film"], "loo")]
    (streamed,) = explain.stream([{"text": "a good film"}], "loo", progress=False)
    assert streamed == listed_one[0]


def test_a_single_dict_is_one_pair():
    explain, pair = explainer("bert"), ("a good film", "bad film")
    assert listed(PAIR) == [pair]
    assert explain(PAIR, "loo").to_dict() == explain(pair, "loo").to_dict()
    (streamed,) = explain.stream([PAIR], "loo", progress=False)
    assert streamed.to_dict() == explain([pair], "loo")[0].to_dict()
    assert explain.interactions(PAIR, "loo").pairs.tolist() == explain.interactions(pair, "loo").pairs.tolist()
    assert explain.gradient_times_input(PAIR).equals(explain.gradient_times_input(pair))
    with pytest.raises(GradexplainError, match="but is a single one"):
        explain.stream(PAIR)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"text": "a", "pair": "b"}, r"^texts must be .*, not dict: give one of its columns, such as texts\['text'\]$"),
        ({**PAIR, "id": 3}, r"not dict: give pairs, such as zip\(texts\['text'\], texts\['text_pair'\]\)$"),
        (
            {"text": "a", "text_pair": None},
            "^each text must be a str, a tuple of two str, a dict of text and text_pair, .*, not NoneType$",
        ),
        ([{"text": "a", "text_pair": None}], r"^text 0 is missing \(None or NaN\)"),
    ],
)
def test_other_dicts_are_no_pairs(given, message):
    with pytest.raises(GradexplainError, match=message):
        explainer("bert")(given, "loo")


@pytest.mark.parametrize("table", [pd.DataFrame, Dataset.from_dict, dict], ids=["DataFrame", "Dataset", "dict"])
def test_a_table_of_pairs_is_refused_with_the_pairs_to_give(table):
    columns = {name: [text, "good"] for name, text in PAIR.items()}
    texts = table(columns)
    with pytest.raises(GradexplainError, match=r": give pairs, such as (zip\(texts\[.*\], texts\[.*\]\))$") as refused:
        listed(texts)
    fix = str(refused.value).rpartition("such as ")[2]
    assert listed(eval(fix, {"texts": texts})) == [("a good film", "bad film"), ("good", "good")]
