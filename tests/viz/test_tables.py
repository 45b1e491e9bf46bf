import numpy as np
import pandas as pd
import pytest

from hf_gradexplain.viz.tables import MISSING, join_words, text_table, with_interval


def test_columns_are_formatted_by_kind():
    frame = pd.DataFrame(
        {"method": ["loo", "x\x1b\n|"], "r": [0.12345, -0.00001], "n": [1234567, 3], "ok": [True, False]}
    )
    table = text_table(frame)
    assert table.headers == ("method", "r", "n", "ok")
    assert table.rows == (("loo", "0.123", "1,234,567", "True"), ("x␛ |", "−1.00e−05", "3", "False"))
    assert table.numeric == (False, True, True, False)
    assert table.n_missing == 0


def test_undefined_values_are_shown_and_counted():
    frame = pd.DataFrame({"r": [np.nan, 0.0], "n": pd.array([pd.NA, 4], dtype="Int64"), "why": ["constant", None]})
    table = text_table(frame, {"n": ",d"})
    assert table.rows == ((MISSING, MISSING, "constant"), ("0.000", "4", MISSING))
    assert table.n_missing == 3


def test_formats_apply_and_there_is_no_negative_zero():
    frame = pd.DataFrame({"aopc": [0.5, -0.0], "p": [1e-9, 0.04]})
    assert text_table(frame, {"p": ".1e"}).rows == (("0.500", "1.0e−09"), ("0.000", "4.0e−02"))


def test_small_and_large_fractions_get_an_exponent_or_keep_one_digit():
    frame = pd.DataFrame({"x": [0.00051, -0.0014, 0.00049, 999_999.0, 1e6]})
    numbers = ["0.001", "−0.001", "4.90e−04", "999999.000", "1.00e+06"]
    assert [row[0] for row in text_table(frame).rows] == numbers
    frame = pd.DataFrame({"x": [0.0051, -0.014, 0.0049, 999_999.0, 1e6]})
    numbers = ["0.01", "−0.01", "0.005", "999999.00", "1e+06"]
    assert [row[0] for row in text_table(frame, decimals=2).rows] == numbers


def test_named_index_becomes_a_column_and_an_unnamed_one_does_not():
    frame = pd.DataFrame({"aopc": [0.5]}, index=pd.Index(["loo"], name="method"))
    assert text_table(frame).rows == (("loo", "0.500"),)
    assert text_table(frame.rename_axis(None)).rows == (("0.500",),)


@pytest.mark.parametrize("frame", [pd.DataFrame(), pd.DataFrame({"a": []})])
def test_empty_tables_have_no_rows(frame):
    assert text_table(frame).rows == ()


def test_format_of_an_unknown_column_is_refused():
    with pytest.raises(ValueError, match=r"names columns \['apc'\], but the table has \['aopc'\]"):
        text_table(pd.DataFrame({"aopc": [1.0]}), {"apc": ".2f"})


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((0.5, 0.25, 0.75), "0.50 [0.25, 0.75]"),
        ((np.float64(0), -0.001, 0.001), "0.00 [0.00, 0.00]"),
        ((0.5, np.nan, None), "0.50 [–, –]"),
        ((np.nan, 0.25, 0.75), MISSING),
        ((None, None, None), MISSING),
    ],
)
def test_a_value_has_its_interval_in_brackets(numbers, text):
    assert with_interval(*numbers, ".2f") == text


def test_words_are_joined_as_in_a_sentence():
    assert join_words(name for name in ("loo", "sa_l1", "random")) == "loo, sa_l1 and random"
    assert join_words(["loo", "random"], "or") == "loo or random"
    assert (join_words(["loo"]), join_words([])) == ("loo", "")
