import numpy as np
import pandas as pd
import pytest

from hf_gradexplain.viz.tables import (
    MISSING,
    decimals_of,
    format_estimate,
    format_score,
    join_words,
    text_table,
    with_interval,
)


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
        ((0.5, np.nan, None), "0.50"),
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


@pytest.mark.parametrize(
    ("value", "decimals", "written"),
    [
        (0.0005, 3, "0.001"),
        (0.00049, 3, "4.90e−04"),
        (0.0, 3, "0.000"),
        (-0.0, 3, "0.000"),
        (999_999.0, 3, "999999.000"),
        (1e6, 3, "1.00e+06"),
        (0.005, 2, "0.01"),
        (0.0049, 2, "0.005"),
        (1e6, 2, "1e+06"),
        (1_000_000, 3, "1,000,000"),
        (True, 3, "True"),
        (-1234, 3, "−1,234"),
    ],
)
def test_how_a_number_is_written(value, decimals, written):
    frame = pd.DataFrame({"x": [value]}, dtype=object)
    assert text_table(frame, decimals=decimals).rows == ((written,),)
    if decimals == 3:
        assert text_table(frame).rows == ((written,),)


def test_only_columns_of_numbers_are_aligned_right():
    frame = pd.DataFrame({"n": [1], "x": [0.5], "ok": [True], "name": ["a"]})
    assert text_table(frame).numeric == (True, True, False, False)


@pytest.mark.parametrize(
    ("score", "signed", "written"),
    [(0, True, "0"), (1.0, True, "+1.00"), (-123.4, True, "−123"), (123.4, False, "123"), (1e-9, False, "1.00e−09")],
)
def test_scores_have_three_digits(score, signed, written):
    assert format_score(score, signed) == written
    assert format_estimate(score, 0, signed) == written
    assert format_estimate(score, 12.34, signed) == f"{written}±12"


@pytest.mark.parametrize(
    ("numbers", "decimals"),
    [
        ([], 3), ([0.0], 3), ([np.nan, 0.0], 3), ([np.nan, 0.001], 4), ([5.0, 1e-5], 3), ([-5.0, 1e-5], 3),
        ([0.01], 3), ([0.0099], 4), ([-0.001], 4), ([0.00099, 1e-9], 5), ([1e-8], 9), ([1e-9], 9), ([1e-30], 9),
    ],
)  # fmt: skip
def test_numbers_have_three_decimals_or_those_that_show_two_digits_of_the_largest(numbers, decimals):
    assert decimals_of(numbers) == decimals
    assert decimals_of(iter(numbers)) == decimals
