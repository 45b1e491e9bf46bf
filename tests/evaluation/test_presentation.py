"""Tables, captions and warnings of an evaluation, from tables written by hand."""

import pandas as pd
import pytest

from hf_gradexplain.evaluation.agreement import CORRELATION_COLUMNS
from hf_gradexplain.evaluation.comparisons import COLUMNS as COMPARED
from hf_gradexplain.evaluation.presentation import (
    CAPTIONS,
    captions_of,
    column_meanings,
    distrust,
    draw_figures,
    incomplete_notes,
    random_warnings,
    readable_extra,
    readable_tables,
    undecided,
    warnings_of,
)
from hf_gradexplain.evaluation.sanity_summaries import randomisation_summary, sanity_summary
from hf_gradexplain.evaluation.tables import INCOMPLETE, Tables

AOPC = pd.DataFrame(
    [(m, k, k * x, k * x - 0.1, k * x + 0.1, 5) for m, x in (("a", 0.5), ("random", 0.1)) for k in (0, 1)],
    columns=["method", "k", "aopc", "ci_low", "ci_high", "n"],
)
CORRELATION = pd.DataFrame(
    [("a", "pearson", 0.5, 0.4, 0.25, 4, 1, 0.3, 0.7, 0.2, 0.6, 0.2)], columns=CORRELATION_COLUMNS
)
COMPARISONS = pd.DataFrame([(k, "a", "random", 0.4, 0.3, 0.5, 0.01, 0.01, 5) for k in (1, 9)], columns=COMPARED)
CURVES = pd.concat([AOPC.assign(curve=name) for name in ("removal", "negative_first", "sufficiency")])
NORMALISED = pd.DataFrame([("a", 0.5, 0.4, 0.6, 0.3, 0.1, 0.5, 3)])
NORMALISED.columns = ["method", "naopc", "ci_low", "ci_high", "aopc", "lower", "upper", "n"]
SIGNS = pd.DataFrame([("a", 0.5, 0.4, 0.6, 0.1, 3, 0)])
SIGNS.columns = ["method", "agreement", "ci_low", "ci_high", "share_zero", "n", "n_undefined"]
COUNTS = pd.DataFrame([(INCOMPLETE, "a", 1200, 5000), (INCOMPLETE, "b", 0, 5), ("other", "c", 3, 5)])
COUNTS.columns = ["what", "method", "n", "of"]
CHANCE = pd.DataFrame({"k": [0, 1], "aopc": [0, 0.1], "low": [0, 0.08], "high": [0, 0.12], "n": 5})
FULL = {
    "comparisons": COMPARISONS, "curves": CURVES, "normalised": NORMALISED, "signs": SIGNS, "counts": COUNTS,
}  # fmt: skip


def test_every_table_with_rows_is_shown_in_order():
    assert list(readable_tables(Tables(AOPC, CORRELATION), {})) == ["Methods compared"]
    shown = readable_tables(Tables(AOPC, CORRELATION, **FULL), {"planted": AOPC.iloc[:1], "own": AOPC.iloc[:1]})
    named = ["comparisons", "curves", "normalised", "signs", "planted"]
    assert list(shown) == ["Methods compared", *(CAPTIONS[name] for name in named), "own", CAPTIONS["counts"]]
    assert shown[CAPTIONS["comparisons"]]["K"].tolist() == [1]
    assert shown[CAPTIONS["signs"]]["agreement"].tolist() == ["0.500 [0.400, 0.600]"]
    assert shown[CAPTIONS["normalised"]]["NAOPC"].tolist() == ["0.500 [0.400, 0.600]"]
    assert shown["own"]["aopc"].tolist() == ["0.000 [−0.100, 0.100]"]
    assert shown[CAPTIONS["counts"]] is COUNTS
    small = readable_tables(Tables(AOPC, CORRELATION, **FULL, output_range=0.01), {})
    assert small[CAPTIONS["comparisons"]]["difference"].tolist() == ["a above random by 0.40000 [0.30000, 0.50000]"]


CHECKS = pd.DataFrame(
    [("a", "passes", 0.125, 0.1, 0.2, 0.3, None, 0.9, 0.05, None, 5, 1)],
    columns=[
        "method", "finding", "randomised", "ci_low", "ci_high", "two_random", "absolute", "shifted",
        "shift_difference", "other_seed", "n", "n_undefined",
    ],
)  # fmt: skip
LAYERS = pd.DataFrame(
    [
        ("cascading", "scores", layer, against, method, value, 5)
        for method, value in (("b", 0.5), ("a", 0.25))
        for layer, against in (("head", "the model"), ("body", "the model"), ("body", "a random model"))
    ]
    + [
        ("independent", "scores", "head", "the model", "a", 0.9, 5),
        ("cascading", "absolute", "head", "the model", "a", 0.8, 5),
    ],
    columns=["order", "values", "layer", "against", "method", "median", "n"],
)


def test_sanity_checks_have_readable_columns_without_empty_ones():
    assert sanity_summary(CHECKS).to_dict("records") == [
        {
            "method": "a",
            "finding": "passes",
            "random model": "0.12 [0.10, 0.20]",
            "two random models": 0.3,
            "shifted input": 0.9,
            "difference": 0.05,
            "n": 5,
            "none": 1,
        }
    ]
    assert randomisation_summary(LAYERS).to_dict("list") == {
        "layer": ["head", "body", "two random models"],
        "b": [0.5, 0.5, 0.5],
        "a": [0.25, 0.25, 0.25],
    }
    shown = readable_extra({"sanity": CHECKS, "randomisation": LAYERS})
    assert list(shown) == [CAPTIONS["sanity"], CAPTIONS["randomisation"]]
    assert [next(iter(table)) for table in shown.values()] == ["method", "layer"]


def test_figures_and_captions_are_those_of_the_tables_with_rows():
    assert captions_of(Tables(AOPC, CORRELATION)) == {"aopc": CAPTIONS["aopc"]}
    bins = pd.DataFrame([("a", "pearson", 0.0, 1.0, 5)], columns=["method", "coefficient", "low", "high", "n"])
    full = Tables(AOPC, CORRELATION, correlation_histograms=bins, chance=CHANCE, **FULL)
    captions = captions_of(full, {"randomisation": LAYERS})
    assert list(captions) == ["aopc", "ends", "correlation", "randomisation"]
    assert captions["aopc"] == CAPTIONS["aopc"] + " Hatched: AOPC of random orders, for 95 % of random seeds."
    assert list(draw_figures(Tables(AOPC, CORRELATION))) == ["aopc"]
    assert list(draw_figures(full)) == ["aopc", "ends", "correlation"]


def test_columns_are_explained_with_any_number_in_brackets():
    found = column_meanings(["AOPC(10)", "AOPC(U)", "method", "sufficiency(3)", "n"])
    assert list(found) == ["AOPC(10)", "AOPC(U)", "sufficiency(3)", "n"]
    assert found["n"] == "The number of documents."
    assert column_meanings([]) == {}


def against_random(p, low, high):
    row = (1, "a", "random", 0.01, low, high, p, p, 50)
    return Tables(AOPC, CORRELATION, comparisons=pd.DataFrame([row], columns=COMPARED), unit="word_type")


@pytest.mark.parametrize(
    ("tables", "warning"),
    [
        (against_random(0.5, -0.01, 0.01), distrust(["a"], "word_type")),
        (against_random(0.5, -0.5, 0.5), undecided(["a"])),
        (against_random(0.01, 0.01, 0.5), None),
    ],
)
def test_methods_that_do_not_beat_a_random_order_are_warned_of(tables, warning):
    assert random_warnings(tables) == ({} if warning is None else {"a": warning})
    counted = Tables(tables.aopc, CORRELATION, comparisons=tables.comparisons, unit="word_type", counts=COUNTS)
    notes = ["On 1,200 of 5,000 texts the scores of a should add up to the rise of the loss, but are off by more than "
             "5 %: give more steps."]  # fmt: skip
    assert incomplete_notes(COUNTS) == notes
    assert warnings_of(counted) == [*([] if warning is None else [warning]), *notes]


def test_warnings_agree_in_number():
    assert " a finds the important words no better " in distrust(["a"], "word_type")
    assert " a and b find the important tokens no better " in distrust(["a", "b"], "token")
    assert undecided(["a", "b"]) == (
        "There are too few texts to tell a and b from a random order: measure on more texts before you trust these "
        "explanations."
    )
    assert incomplete_notes(COUNTS.assign(n=1, of=1))[0].startswith("On 1 of 1 text the scores of a should")
