"""Readable summaries of the tables."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from hf_gradexplain.evaluation.agreement import CORRELATION_COLUMNS
from hf_gradexplain.evaluation.comparisons import COLUMNS
from hf_gradexplain.evaluation.presentation import random_warnings, warnings_of
from hf_gradexplain.evaluation.summaries import (
    best_compared,
    compared_with,
    correlation_summary,
    ends_summary,
    finding,
    findings,
    headline,
    in_cells,
    no_better_than_random,
    normalised_summary,
    nothing_to_compare,
    p_value,
    summary_table,
    unclear_against_random,
    with_intervals,
)
from hf_gradexplain.evaluation.tables import Tables


def tables(aopc):
    """Tables for two `K` with the given AOPC(1) of each method, and intervals of +-0.1."""
    frame = pd.DataFrame(
        [(method, k, k * value, k * value - 0.1, k * value + 0.1, 5) for method, value in aopc.items() for k in (0, 1)],
        columns=["method", "k", "aopc", "ci_low", "ci_high", "n"],
    )
    row = ("a", "pearson", 0.5, 0.4, 0.25, 4, 1, 0.3, 0.7, 0.2, 0.6, 0.2)
    return Tables(frame, pd.DataFrame([row], columns=CORRELATION_COLUMNS))


def compared(*rows):
    return pd.DataFrame(rows, columns=COLUMNS)


def test_the_summary_has_a_row_per_method_and_no_number_where_there_is_none():
    summary = summary_table(tables({"random": 0.1, "a": 0.6})).set_index("method")
    assert summary.loc["a", "AOPC(1)"] == 0.6
    assert summary.loc["a", ["median r", "p ≤ .05", "by FDR", "no r"]].tolist() == [0.5, 0.25, 0.2, 1]
    assert summary.loc["random", ["median r", "p ≤ .05", "by FDR", "no r"]].isna().all()


def test_the_headline_names_the_best_methods_by_the_interval_of_the_best():
    assert headline(tables({"random": 0.1, "a": 0.6})) == (
        "Over 5 texts, a finds the words that matter most to the model: AOPC(1) up to 0.600 [0.500, 0.700]; "
        "random order has 0.100."
    )
    assert "Over 5 texts, c, a and b find the words" in headline(tables({"a": 0.6, "b": 0.55, "c": 0.61, "d": 0.3}))


def of_units(longest, made):
    """The tables of texts whose longest one has so many units."""
    return replace(made, document_counts={"documents": int(made.aopc["n"].max()), "longest": longest})


@pytest.mark.parametrize("random", [0.3, np.nextafter(0.3, 1)])
def test_the_headline_says_that_texts_of_one_unit_compare_nothing(random):
    """The mean over random orders is not always equal to the last bit."""
    of_all = "None of the 5 texts has more than one unit, so there is nothing to compare."
    given = {"random": random, "a": 0.3}
    for longest in (0, 1):
        assert headline(of_units(longest, tables(given))) == of_all
    assert headline(of_units(1, tables({"a": 0.3}))) == of_all
    assert headline(of_units(1, of_texts(2, given))).startswith("None of the 2 texts has more than one unit")
    assert headline(of_units(1, of_texts(1, given))) == (
        "The only text does not have more than one unit, so there is nothing to compare."
    )


def test_methods_that_are_equal_at_the_largest_k_had_something_to_compare():
    equal = {"a": 0.3, "b": 0.3}
    for made in (of_units(2, tables(equal)), tables(equal)):
        assert nothing_to_compare(made) == ""
        assert headline(made).startswith("Over 5 texts, a and b find the words that matter most")


def test_without_removed_units_there_is_nothing_to_compare():
    made = of_units(6, tables({"random": 0.0, "a": 0.0}))
    cut = replace(made, aopc=made.aopc[made.aopc["k"] == 0])
    assert headline(cut) == "No unit was removed, so there is nothing to compare: choose a max_k of 1 or more."


@pytest.mark.parametrize("cut", [False, True])
def test_where_nothing_is_compared_no_method_is_judged(cut):
    rows = compared((1, "a", "random", 0.0, 0.0, 0.0, 1.0, 1.0, 50))
    tested = replace(
        of_texts(50, {"random": 0.3, "a": 0.3}), comparisons=rows, counts=pd.DataFrame(columns=["what", "n"])
    )
    made = of_units(6 if cut else 1, tested)
    made = replace(made, aopc=made.aopc[made.aopc["k"] == 0]) if cut else made
    assert compared_with(made, "random") == {"a": "unclear"}
    assert no_better_than_random(made) == unclear_against_random(made) == warnings_of(made) == []
    assert random_warnings(made) == {}
    assert no_better_than_random(of_units(2, tested)) == ["a"]


def of_texts(n, aopc):
    """The tables for `aopc` over `n` texts; without intervals and tests for a single text."""
    made = tables(aopc)
    ends = {"ci_low": np.nan, "ci_high": np.nan} if n == 1 else {}
    return replace(made, aopc=made.aopc.assign(n=n, **ends))


def test_the_headline_says_that_one_text_shows_nothing_about_the_model():
    given = {"random": 0.7, "a": 0.1, "b": 0.6}
    start = "One text shows nothing about the model: evaluate more texts. On this text, the highest AOPC(1) is "
    assert headline(of_texts(1, given)) == f"{start}0.600 (b); random order has 0.700."
    assert headline(of_texts(1, {"a": -0.25})) == f"{start}−0.250 (a)."
    none = {"random": -0.0004, "a": -0.0003}
    assert headline(of_texts(1, none)) == f"{start}0.000 (a); random order has 0.000."
    assert headline(of_texts(1, {"random": 0.5})) == f"{start}0.500 (random); random order has 0.500."
    chance = pd.DataFrame({"k": [0, 1], "aopc": [0, 0.1], "low": [0, -0.08], "high": [0, 0.12], "n": 1})
    band = "0.600 (b); 95 % of random orders have −0.080 to 0.120."
    assert headline(replace(of_texts(1, given), chance=chance)) == start + band
    assert headline(of_texts(2, given)).startswith("Over 2 texts, b finds the words")


def test_the_headline_names_the_best_methods_by_the_tests():
    comparisons = compared(
        (1, "c", "a", 0.01, 0.005, 0.015, 0.001, 0.003, 5),
        (1, "c", "b", 0.06, -0.01, 0.13, 0.1, 0.2, 5),
        (9, "c", "b", 0.06, 0.01, 0.13, 0.01, 0.02, 5),
    )
    tested = replace(tables({"a": 0.6, "b": 0.55, "c": 0.61}), comparisons=comparisons)
    assert headline(tested).startswith("Over 5 texts, c and b find the words")


def test_the_best_method_is_compared_with_each_other_one_at_the_shorter_k():
    comparisons = compared(
        (1, "b", "a", 0.05, 0.01, 0.09, 0.001, 0.002, 5),
        (1, "c", "a", 0.11, 0.05, 0.15, 0.001, 0.0001, 5),
        (1, "c", "b", 0.06, -0.01, 0.13, 0.1, 0.2, 5),
        (9, "c", "b", 0.07, 0.01, 0.13, 0.01, 0.02, 5),
    )
    tested = replace(tables({"a": 0.5, "b": 0.55, "c": 0.61}), comparisons=comparisons)
    assert best_compared(tested) == [
        "no significant difference between c and b: 0.060 [−0.010, 0.130], adjusted p 0.200",
        "c above a by 0.110 [0.050, 0.150], adjusted p < 0.001",
    ]
    assert best_compared(tables({"a": 0.5})) == []
    comparisons.loc[1, ["p", "p_adjusted"]] = np.nan
    assert best_compared(replace(tested, comparisons=comparisons)) == [
        "no significant difference between c and b: 0.060 [−0.010, 0.130], adjusted p 0.200"
    ]


def test_methods_with_a_negligible_difference_are_both_in_the_headline():
    comparisons = compared((1, "c", "a", 0.0004, 0.0001, 0.0007, 0.001, 0.003, 5))
    tested = replace(tables({"a": 0.6096, "c": 0.61}), comparisons=comparisons)
    assert headline(tested).startswith("Over 5 texts, c and a find the words")
    assert findings(comparisons)["difference"].item() == "c above a by 0.0004 [0.0001, 0.0007]"


def test_the_headline_never_praises_an_aopc_whose_interval_holds_zero():
    """The intervals of these tables reach 0.1 below and above."""
    assert headline(tables({"random": 0.01, "a": 0.09})) == (
        "Over 5 texts, no method was shown to find the words that matter most to the model: AOPC(1) at most "
        "0.090 [−0.010, 0.190]; random order has 0.010."
    )
    assert headline(tables({"a": -0.3, "b": -0.2})).startswith("Over 5 texts, no method was shown to find the words")
    assert headline(tables({"a": 0.1})).startswith("Over 5 texts, no method was shown to find the words")
    assert headline(tables({"a": 0.12, "b": 0.09})).startswith("Over 5 texts, a finds the words")
    assert headline(tables({"random": 0.5, "a": 0.45})).startswith("Over 5 texts, a finds the words")
    assert headline(tables({"random": 0.5, "a": 0.05})).startswith("Over 5 texts, no method was shown to find")


def test_the_headline_gives_the_random_band():
    chance = pd.DataFrame({"k": [0, 1], "aopc": [0, 0.1], "low": [0, 0.08], "high": [0, 0.12], "n": 5})
    with_band = replace(tables({"random": 0.1, "a": 0.6}), chance=chance)
    assert headline(with_band).endswith("[0.500, 0.700]; 95 % of random orders have 0.080 to 0.120.")
    below = replace(with_band, chance=with_band.chance.assign(low=-0.08))
    assert headline(below).endswith("; 95 % of random orders have −0.080 to 0.120.")


def test_comparisons_read_as_sentences():
    sentences = findings(
        compared(
            (10, "signed_gi", "loo", 0.014, 0.010, 0.018, 1e-9, 1e-8, 500),
            (5, "loo", "random", 0.001, -0.001, 0.002, 0.2, 0.4, 500),
            (10, "loo", "random", 0.3, 0.2, 0.4, np.nan, np.nan, 1),
        )
    )
    assert sentences.to_dict("list") == {
        "K": [5, 10, 10],
        "difference": [
            "no significant difference between loo and random: 0.001 [−0.001, 0.002]",
            "too few texts to compare loo with random: 0.300 [0.200, 0.400]",
            "signed_gi above loo by 0.014 [0.010, 0.018]",
        ],
        "adjusted p": ["0.400", "–", "< 0.001"],
    }


def test_intervals_are_in_the_cells_of_their_values():
    table = pd.DataFrame({"x": [0.5, np.nan], "ci_low": [0.4, np.nan], "ci_high": [0.6, np.nan], "n": [3, 0]})
    assert with_intervals(table, "x").to_dict("list") == {"x": ["0.500 [0.400, 0.600]", "–"], "n": [3, 0]}


def test_correlations_are_shown_with_their_intervals_under_short_names():
    assert correlation_summary(tables({"a": 0.1}).correlation).to_dict("records") == [
        {
            "method": "a",
            "coefficient": "pearson",
            "median": "0.50 [0.30, 0.70]",
            "mean": "0.40 [0.20, 0.60]",
            "p ≤ .05": 0.25,
            "by FDR": 0.2,
            "n": 4,
            "none": 1,
        }
    ]


@pytest.mark.parametrize(("longest", "shown"), [(3, 3), (12, 10)])
def test_three_curves_of_each_method_at_the_short_k(longest, shown):
    rows = [
        (curve, method, k, i + j + k / 100, 0.0, 1.0, 5)
        for i, curve in enumerate(("removal", "negative_first", "sufficiency"))
        for j, method in enumerate(("z", "a"))
        for k in range(longest + 1)
    ]
    curves = pd.DataFrame(rows, columns=["curve", "method", "k", "aopc", "ci_low", "ci_high", "n"])
    summary = ends_summary(Tables(curves[curves["curve"] == "removal"], pd.DataFrame(), curves=curves))
    names = [f"{name}({shown})" for name in ("comprehensiveness", "sufficiency", "lowest first")]
    assert list(summary.columns) == ["method", *names]
    assert summary["method"].tolist() == ["z", "a"]
    expected = [f"{value + shown / 100:.3f} [0.000, 1.000]" for value in (0, 2, 1)]
    assert summary.loc[0, names].tolist() == expected


def test_normalised_aopc_has_its_bounds_in_its_row():
    row = {"method": "a", "naopc": 0.5, "ci_low": 0.4, "ci_high": 0.6, "n": 3, "n_undefined": 0, "n_outside": 1}
    summary = normalised_summary(pd.DataFrame([{**row, "aopc": 0.3, "lower": 0.1, "upper": 0.5, "n_exact": 2}]))
    names = ["method", "NAOPC", "AOPC(U)", "worst order", "best order", "n"]
    assert summary.to_dict("split")["columns"] == names
    assert summary.iloc[0].tolist() == ["a", "0.500 [0.400, 0.600]", 0.3, 0.1, 0.5, 3]


def test_methods_no_better_than_random_are_those_not_significantly_above_it():
    pairs = [("attn_lrp", "random", 0.01), ("random", "sa_raw", 0.001), ("signed_gi", "random", 0.02)]
    pairs += [("loo", "random", 0.4), ("attn_lrp", "signed_gi", 0.9)]
    rows = [(k, a, b, p, 1.0, -0.001, high, 30) for a, b, p in pairs for k, high in ((10, 0.0199), (50, 0.5))]
    comparisons = pd.DataFrame(rows, columns=["k", "method", "other", "p", "p_adjusted", "ci_low", "ci_high", "n"])
    tables = Tables(pd.DataFrame({"k": [50]}), pd.DataFrame(), comparisons=comparisons)
    assert compared_with(tables, "random") == {
        "attn_lrp": "above", "sa_raw": "below", "signed_gi": "above", "loo": "level",
    }  # fmt: skip
    assert no_better_than_random(tables) == ["sa_raw", "loo"]
    assert unclear_against_random(tables) == []
    assert compared_with(tables, "signed_gi") == {"random": "below", "attn_lrp": "level"}
    few = replace(tables, comparisons=comparisons.assign(n=29))
    assert compared_with(few, "random") == {
        "attn_lrp": "above", "sa_raw": "unclear", "signed_gi": "above", "loo": "unclear",
    }  # fmt: skip
    assert compared_with(few, "signed_gi") == {"random": "below", "attn_lrp": "unclear"}
    assert no_better_than_random(few) == []
    assert unclear_against_random(few) == ["sa_raw", "loo"]
    assert no_better_than_random(Tables(pd.DataFrame(), pd.DataFrame())) == []


@pytest.mark.parametrize(("low", "high"), [(-0.02, 0.001), (-0.001, 0.02), (-0.3, 0.5)])
def test_a_difference_that_may_matter_is_unclear_and_never_praised(low, high):
    rows = [(10, "a", "random", 0.1, low, high, 0.2, 0.2, 5)]
    columns = ["k", "method", "other", "difference", "ci_low", "ci_high", "p", "p_adjusted", "n"]
    shown = replace(tables({"random": 0.1, "a": 0.6}), comparisons=pd.DataFrame(rows, columns=columns))
    assert compared_with(shown, "random") == {"a": "unclear"}
    assert unclear_against_random(shown) == ["a"]
    assert no_better_than_random(shown) == []
    assert headline(shown).startswith("Over 5 texts, no method was shown to find the words")


@pytest.mark.parametrize(
    ("difference", "p", "worse"),
    [(0.001, 0.05, True), (0.000999, 0.05, False), (0.001, 0.0501, False)],
)
def test_a_method_is_worse_if_it_differs_significantly_and_by_a_thousandth(difference, p, worse):
    comparisons = compared((1, "c", "a", difference, 0.0, 0.1, p, p, 5))
    tested = replace(tables({"a": 0.6, "c": 0.61}), comparisons=comparisons)
    assert headline(tested).startswith("Over 5 texts, c finds" if worse else "Over 5 texts, c and a find")


@pytest.mark.parametrize(
    ("p", "high", "verdict"),
    [(0.05, 0.5, "above"), (0.0501, 0.5, "unclear"), (0.0501, 0.02, "unclear"), (0.0501, 0.0199, "level")],
)
def test_a_p_value_of_5_percent_is_significant_and_a_difference_of_2_percent_matters(p, high, verdict):
    rows = compared((10, "a", "random", 0.01, -0.01, high, p, 1.0, 50))
    assert compared_with(replace(tables({"a": 0.6}), comparisons=rows), "random") == {"a": verdict}


@pytest.mark.parametrize(
    ("difference", "p", "said"),
    [
        (0.5, 0.05, "b above a by 0.500 [0.000, 1.000]"),
        (0.5, 0.0501, "no significant difference between b and a: 0.500 [0.000, 1.000]"),
        (0.0, 1.0, "no significant difference between b and a: 0.000 [0.000, 1.000]"),
        (0.0023, 0.0, "b above a by 0.002 [0.000, 1.000]"),
        (0.00023, 0.0, "b above a by 0.0002 [0.0000, 1.0000]"),
        (2e-9, 0.0, "b above a by 0.000000 [0.000000, 1.000000]"),
    ],
)
def test_a_difference_has_three_to_six_decimals(difference, p, said):
    assert finding(dict(zip(COLUMNS, (1, "b", "a", difference, 0.0, 1.0, p, p, 5), strict=True))) == said


@pytest.mark.parametrize(("difference", "digits"), [(0.0023, "0.00230"), (2e-6, "0.000002"), (2e-10, "0.00000000")])
def test_a_difference_of_small_outputs_has_more_decimals(difference, digits):
    row = dict(zip(COLUMNS, (1, "b", "a", difference, 0.0, 1.0, 0.0, 0.0, 5), strict=True))
    assert finding(row, 5).startswith(f"b above a by {digits} [")


@pytest.mark.parametrize("size", [1.0, 0.001, 1e-6, 250.0])
def test_outputs_of_a_regression_are_judged_by_their_range(size):
    """The verdicts are those of the same outputs in other units."""
    for high, matters in ((0.0199, False), (0.0201, True)):
        rows = compared((1, "a", "random", 0.01 * size, -0.01 * size, high * size, 0.3, 1.0, 50))
        made = replace(tables({"random": 0.1, "a": 0.6}), comparisons=rows, output_range=size)
        assert compared_with(made, "random") == {"a": "unclear" if matters else "level"}
    for difference, both in ((0.00099, True), (0.00101, False)):
        rows = compared((1, "c", "a", difference * size, 0.0, 0.1 * size, 0.001, 0.003, 50))
        made = replace(tables({"a": 0.6096, "c": 0.61}), comparisons=rows, output_range=size)
        assert ("c and a find" in headline(made)) is both


@pytest.mark.parametrize(
    ("size", "decimals"), [(1.0, 3), (0.0, 3), (20.0, 3), (0.9, 4), (0.1, 4), (0.01, 5), (0.002, 6), (1e-6, 9)]
)
def test_an_aopc_of_small_outputs_has_more_decimals(size, decimals):
    made = tables({"random": 0.1, "a": 0.6})
    assert replace(made, output_range=size).decimals == decimals
    aopc = made.aopc.assign(**{name: made.aopc[name] * size for name in ("aopc", "ci_low", "ci_high")})
    small = replace(made, aopc=aopc, output_range=size)
    if size:
        best, low, high, random = (f"{x * size:.{decimals}f}" for x in (0.6, 0.5, 0.7, 0.1))
        assert headline(small).endswith(f"AOPC(1) up to {best} [{low}, {high}]; random order has {random}.")
        one = replace(small, aopc=small.aopc.assign(n=1))
        assert headline(one).endswith(f"the highest AOPC(1) is {best} (a); random order has {random}.")
        chance = pd.DataFrame({"k": [0, 1], "aopc": 0.0, "low": -0.08 * size, "high": 0.12 * size, "n": 5})
        low, high = (f"{x * size:.{decimals}f}" for x in (0.08, 0.12))
        assert headline(replace(small, chance=chance)).endswith(f"95 % of random orders have −{low} to {high}.")


def test_comparisons_and_curves_of_small_outputs_have_more_decimals():
    rows = compared((1, "c", "a", 1e-4, 0.5e-4, 2e-4, 0.001, 0.003, 50))
    made = replace(tables({"a": 0.5e-4, "c": 1.5e-4}), comparisons=rows, output_range=0.01)
    assert best_compared(made) == ["c above a by 0.00010 [0.00005, 0.00020], adjusted p 0.003"]
    assert findings(rows, made.decimals)["difference"].item() == "c above a by 0.00010 [0.00005, 0.00020]"
    names = ("removal", "negative_first", "sufficiency")
    curves = pd.concat([made.aopc.assign(curve=name, ci_low=0.0, ci_high=1.0) for name in names])
    assert ends_summary(replace(made, curves=curves))["sufficiency(1)"].tolist() == [
        "0.00005 [0.00000, 1.00000]", "0.00015 [0.00000, 1.00000]",
    ]  # fmt: skip


@pytest.mark.parametrize(("low", "high", "verdict"), [(0, 0, "level"), (-1e-9, 0, "unclear"), (0, 1e-9, "unclear")])
def test_methods_that_are_equal_in_every_text_are_level_even_if_all_outputs_are_0(low, high, verdict):
    rows = compared((1, "a", "random", 0.0, low, high, 1.0, 1.0, 40))
    made = replace(tables({"random": 0.0, "a": 0.0}), comparisons=rows, output_range=0.0)
    assert compared_with(made, "random") == {"a": verdict}
    few = replace(made, comparisons=rows.assign(n=29))
    assert compared_with(few, "random") == {"a": "unclear"}


def test_without_a_test_there_is_no_verdict():
    """As for a single text, whose interval would have no width."""
    for low, high in ((0.0, 0.0), (np.nan, np.nan)):
        rows = compared((10, "a", "random", 0.0, low, high, np.nan, np.nan, 1))
        untested = replace(tables({"a": 0.6, "random": 0.6}), comparisons=rows)
        assert compared_with(untested, "random") == {"a": "unclear"}
        assert compared_with(untested, "a") == {"random": "unclear"}
        assert no_better_than_random(untested) == []
        assert best_compared(untested) == []


@pytest.mark.parametrize(
    ("p", "written"), [(0.001, "0.001"), (0.00099, "< 0.001"), (1.0, "1.000"), (0.0, "< 0.001"), (np.nan, "–")]
)
def test_p_values_below_a_thousandth_are_not_written_out(p, written):
    assert p_value(p) == written


def test_every_value_with_an_interval_gets_it_into_its_cell():
    table = pd.DataFrame([("a", 0.5, 0.4, 0.6, 0.25, 0.125, 0.375, 7)])
    table.columns = ["method", "x", "x_ci_low", "x_ci_high", "y", "ci_low", "ci_high", "n"]
    assert in_cells(table).to_dict("records") == [
        {"method": "a", "x": "0.500 [0.400, 0.600]", "y": "0.250 [0.125, 0.375]", "n": 7}
    ]
    plain = pd.DataFrame([("a", 1)], columns=["method", "n"])
    assert in_cells(plain).equals(plain)
    assert with_intervals(table, "x", decimals=1)["x"].item() == "0.5 [0.4, 0.6]"


def test_the_summary_takes_the_shorter_and_the_longest_k():
    rows = [("a", k, k / 100, k / 100 - 0.01, k / 100 + 0.01, 5) for k in range(13)]
    frame = pd.DataFrame(rows, columns=["method", "k", "aopc", "ci_low", "ci_high", "n"])
    summary = summary_table(replace(tables({"a": 0.1}), aopc=frame))
    assert list(summary)[:5] == ["method", "AOPC(10)", "low", "high", "AOPC(12)"]
    assert summary.iloc[0, 1:5].tolist() == pytest.approx([0.1, 0.09, 0.11, 0.12])


def test_the_headline_of_a_single_method():
    shown = headline(replace(of_texts(1200, {"a": 0.6}), unit="token"))
    assert "Over 1,200 texts, a finds" in shown
    assert "the tokens that matter" in shown
    assert shown.endswith("0.600 [0.500, 0.700].")
