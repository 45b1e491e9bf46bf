"""What a comparison says, against tables written by hand: sentences, tables for display, and limits at their border."""

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from hf_gradexplain.audit.compare.result import RunComparison
from hf_gradexplain.audit.compare.summary import summary_tables, to_markdown
from hf_gradexplain.audit.compare.thresholds import check, check_needs, checks_frame, junit_xml, parse_limits
from hf_gradexplain.errors import GradexplainError

MEANS = pd.DataFrame(
    [
        ("accuracy", "", 0.9, 0.85, -0.05, -0.08, -0.02, 0.004, 200),
        ("AOPC(10)", "random", 0.1, 0.2, 0.1, 0.05, 0.15, 0.9, 200),
        ("AOPC(10)", "loo", 0.5, 0.25, -0.25, -0.3, -0.2, 0.0002, 200),
    ],
    columns=["measure", "method", "a", "b", "difference", "ci_low", "ci_high", "p", "n"],
)
DRIFT = pd.DataFrame(
    [("signed_gi", 0.9, 0.8, 1.0, 0.1, 190), ("loo", 0.25, 0.2, 0.3, 0.75, 190)],
    columns=["method", "drift", "ci_low", "ci_high", "spearman", "n"],
)
COUNTS = {
    "texts": 200,
    "left_out": 0,
    "equal_predictions": 160,
    "other_class": 0,
    "words": 3000,
    "words_in_one_run": 0,
}


def words(n, moved=0):
    rows = [("sport", f"w{i}", 5 + i, 0.5, 0.25, -0.25, -0.5, 0.125, 0.0625, 0.03 + i) for i in range(n)]
    columns = ["class", "word", "n", "a", "b", "difference", "ci_low", "ci_high", "seeds", "q_seeds"]
    return pd.DataFrame(rows, columns=columns).assign(moved=np.arange(n) < moved)


def made(**changes):
    texts = pd.DataFrame(
        [(i, "sport", -0.5, "a +0.50", "b +0.25", "x" * 89 + "y" * i) for i in range(4)],
        columns=["id", "prediction", "spearman", "words_a", "words_b", "text"],
    )
    histogram = pd.DataFrame(
        [("signed_gi", -1.0, 0.0, 40), ("signed_gi", 0.0, 1.0, 150), ("loo", -1.0, 0.0, 41), ("loo", 0.0, 1.0, 149)],
        columns=["method", "low", "high", "n"],
    )
    parts = {"means": MEANS, "drift": DRIFT, "words": words(12), "texts": texts, "histogram": histogram}
    return RunComparison(
        **({"a": "old", "b": "new", "references": (), "method": "loo", "counts": COUNTS} | parts | changes)
    )


def with_seeds(p=0.01, n_moved=10):
    means = MEANS.assign(seed_low=[0.88, 0.0, 0.4], seed_high=[0.92, 0.2, 0.6], p_seeds=[0.03, 0.5, 0.02])
    drift = DRIFT.assign(seed_drift=0.05, seed_high=0.09, drift_from_seeds=0.21, p_seeds=[0.5, p])
    return made(references=("s1", "s2"), means=means, drift=drift, words=words(12, n_moved))


def test_the_sentences_without_references():
    first, accuracy, drift, verdict = made().sentences
    # Clopper and Pearson's interval of 160 of 200
    assert first == "Over 200 texts, 0.800 [0.738, 0.853] of the predictions are equal."
    assert accuracy == "Accuracy: 0.900 and 0.850, −0.050 [−0.080, −0.020], exact McNemar p 0.004."
    assert drift.startswith("Drift of loo: 0.250 [0.200, 0.300], ")
    assert verdict.startswith("No verdict: without references")
    said = made(counts=COUNTS | {"texts": 1200, "other_class": 1234, "words_in_one_run": 30}).sentences
    assert said[-2].startswith("In 1,234 texts the runs explain different classes")
    assert said[-1].startswith("1.0% of the words are in one run only")
    regression = {name: n for name, n in COUNTS.items() if name != "equal_predictions"} | {"texts": 1000}
    assert made(counts=regression).sentences[0] == "Compared over 1,000 texts."
    assert made(counts=regression | {"texts": 1}).sentences[0] == "Compared over 1 text."
    one = made(counts=COUNTS | {"texts": 1, "equal_predictions": 1, "other_class": 1}).sentences
    assert one[0].startswith("Over 1 text, 1.000 [")
    assert any(sentence.startswith("In 1 text the runs explain different classes") for sentence in one)


@pytest.mark.parametrize(("p", "kind", "changed"), [(0.05, "more than", True), (0.051, "no more than", False)])
def test_the_sentences_with_references(p, kind, changed):
    comparison = with_seeds(p)
    assert comparison.changed is changed
    _, accuracy, _, verdict, _ = comparison.sentences
    assert accuracy.endswith("p 0.004; other seeds have 0.880 to 0.920.")
    assert verdict.startswith("Against 3 seeds (3 pairs, median drift 0.050): B is 0.210 from them, and 95 % of other")
    assert verdict.endswith(f"stay under 0.090. The explanations changed {kind} another seed would (p {p:.3f}).")


@pytest.mark.parametrize(
    ("moved", "listed"),
    [
        (0, "."),
        (1, ": w0 (sport)."),
        (2, ": w0 (sport) and w1 (sport)."),
        (8, ": " + ", ".join(f"w{i} (sport)" for i in range(7)) + " and w7 (sport)."),
        (10, ": " + ", ".join(f"w{i} (sport)" for i in range(8)) + " and 2 more."),
    ],
)
def test_at_most_eight_moved_words_are_named(moved, listed):
    said = with_seeds(n_moved=moved).sentences[-1]
    start = f"{moved} of 12 words of a class moved more than seeds move them, at a false discovery rate of 5%"
    assert said == start + listed


def test_the_table_of_measures_and_the_drift():
    table = made().to_frame()
    assert " ".join(table.columns) == "measure method a b difference ci_low ci_high p p_adjusted n"
    assert list(table["measure"]) == ["accuracy", "AOPC(10)", "AOPC(10)", "drift", "drift"]
    assert list(table["p_adjusted"][:3]) == pytest.approx([0.008, 0.9, 0.0006])  # Holm: 2, 1 and 3 times
    assert list(table["difference"]) == [-0.05, 0.1, -0.25, 0.9, 0.25]
    seeds = with_seeds().to_frame()
    assert list(seeds["seed_low"]) == [0.88, 0.0, 0.4, 0.0, 0.0]
    assert list(seeds["seed_high"]) == [0.92, 0.2, 0.6, 0.09, 0.09]


def test_undefined_numbers_are_none_in_json():
    found = made(drift=DRIFT.assign(drift=[0.9, np.nan])).to_dict()
    assert [row["drift"] for row in found["drift"]] == [0.9, None]
    assert (found["a"], found["b"], found["references"], found["counts"]) == ("old", "new", (), COUNTS)
    assert found["means"][0] == dict(MEANS.loc[0])
    assert len(found["words"]) == 12


def test_the_figure_shows_the_method_of_the_comparison():
    (axes,) = made(method="signed_gi").figure().axes
    assert [(bar.get_x(), bar.get_width(), bar.get_height()) for bar in axes.patches] == [(-1, 1, 40), (0, 1, 150)]
    (median,) = axes.lines
    assert list(median.get_xdata()) == [0.1, 0.1]
    assert (median.get_linestyle(), median.get_linewidth()) == ("--", 1)
    assert axes.get_xlim() == (-1, 1)
    assert axes.get_title(loc="left") == "signed_gi: old and new"
    assert ["median" in text.get_text() for text in axes.texts] == [True]
    assert ("rank correlation" in axes.get_xlabel(), axes.get_ylabel()) == (True, "texts")


def test_the_tables_that_are_displayed():
    measures, of_words, texts = summary_tables(made()).values()
    assert measures.loc[0].to_dict() == {
        "measure": "accuracy",
        "method": "",
        "A": 0.9,
        "B": 0.85,
        "B - A, or drift": "−0.050 [−0.080, −0.020]",
        "adjusted p": pytest.approx(0.008),
    }
    assert list(of_words["word"]) == [f"w{i}" for i in range(10)]
    assert list(of_words["difference"].unique()) == ["−0.250 [−0.500, 0.125]"]
    assert [len(text) for text in texts["text"]] == [89, 90, 90]
    assert texts.loc[2, "text"] == "x" * 89 + "…"
    measures, of_words, _ = summary_tables(with_seeds(n_moved=11)).values()
    assert list(measures["95 % of seeds"]) == [
        "0.880 to 0.920",
        "0.000 to 0.200",
        "0.400 to 0.600",
        *["up to 0.090"] * 2,
    ]
    assert list(of_words["seeds"]) == [0.0625] * 10
    assert list(of_words["q"]) == pytest.approx([0.03 + i for i in range(10)])
    assert [name for name in summary_tables(with_seeds(n_moved=0)) if "moved" in name] == []
    captions = [list(summary_tables(found))[1] for found in (made(), with_seeds(n_moved=11))]
    assert captions == [
        "Words with the largest difference in their share of the score (loo)",
        "Words that moved more than seeds move them (loo)",
    ]


def test_measures_of_small_outputs_have_more_decimals():
    small = made(
        means=MEANS.assign(**{name: MEANS[name] / 1e4 for name in ("a", "b", "difference", "ci_low", "ci_high")})
    )
    shown = summary_tables(small)["Measures"]["B - A, or drift"]
    assert list(shown) == [
        "−0.000005 [−0.000008, −0.000002]", "0.000010 [0.000005, 0.000015]", "−0.000025 [−0.000030, −0.000020]",
        "0.900 [0.800, 1.000]", "0.250 [0.200, 0.300]",
    ]  # fmt: skip
    seeds = with_seeds()
    one = seeds.means.assign(a=[0.9, 1e-4, 0.5], b=[0.9, -2e-3, 0.5], seed_low=2e-4, seed_high=3e-4)
    shown = summary_tables(replace(seeds, means=one))["Measures"]["95 % of seeds"]
    assert list(shown)[:3] == ["0.000 to 0.000", "0.0002 to 0.0003", "0.000 to 0.000"]


def test_the_markdown_has_the_checks_first():
    text = to_markdown(made(), check(made(), {"aopc": 0.1}))
    assert text.startswith("## Explanations of new compared with old\n")
    assert text.index("FAIL") < text.index("Drift of loo") < text.index("Predicted alike")
    assert "FAIL" not in to_markdown(made())


@pytest.mark.parametrize(
    ("name", "limit", "ok", "message"),
    [
        ("drift", 0.25, True, "drift of the explanations: 0.2500, at most 0.25"),
        ("drift", 0.2, False, "drift of the explanations: 0.2500, more than 0.2"),
        ("accuracy", 0.05, True, "fall of the accuracy: 0.0500, at most 0.05"),
        ("aopc", 0.1, False, "fall of AOPC(10): 0.2500, more than 0.1"),
        ("predictions", 0.25, True, "share of predictions that differ: 0.2500, at most 0.25"),
        ("words", 10, True, "number of words that moved more than seeds move them: 10, at most 10"),
        ("words", 9, False, "number of words that moved more than seeds move them: 10, more than 9"),
    ],
)
def test_a_value_at_its_limit_passes(name, limit, ok, message):
    comparison = replace(with_seeds(), counts=COUNTS | {"texts": 4, "equal_predictions": 3})
    (found,) = check(comparison, {name: limit})
    assert (found.ok, found.message) == (ok, message)


def test_checks_as_a_table_and_as_junit():
    checks = check(made(), {"drift": 0.25, "aopc": 0.1})
    assert checks_frame(checks).to_dict("list") == {
        "limit": ["drift", "aopc"],
        "result": ["pass", "FAIL"],
        "value": [0.25, 0.25],
        "at most": [0.25, 0.1],
    }
    root = ElementTree.fromstring(junit_xml(made(), checks))
    (suite,) = root
    counts = {"tests": "2", "failures": "1", "errors": "0"}
    assert root.attrib == counts
    assert suite.attrib == counts | {"name": "hf-gradexplain compare"}
    assert [(case.get("name"), len(case)) for case in suite] == [("drift", 0), ("aopc", 1)]
    assert suite[1][0].get("message") == checks[1].message
    assert suite[1][0].text == "\n".join([checks[1].message, "", *made().sentences])
    assert [line[:13] for line in junit_xml(made(), checks).splitlines()][3:6:2] == ["    <testcase", "      <failur"]
    assert junit_xml(made(), checks).startswith("<?xml version='1.0'")
    assert ElementTree.fromstring(junit_xml(made(), [])).get("tests") == "0"


def test_limits_that_cannot_be_used():
    assert parse_limits(["drift=0.2", "words=0"]) == {"drift": 0.2, "words": 0.0}
    assert parse_limits([]) == {}
    with pytest.raises(GradexplainError, match=r"^expected a limit such as drift=0.1, got 'drift=x': give a number$"):
        parse_limits(["drift=x"])
    with pytest.raises(GradexplainError, match="unknown limit 'drif': did you mean 'drift'"):
        parse_limits(["drif=1"])
    with pytest.raises(GradexplainError, match="unknown limit 'drif': did you mean 'drift'"):
        check(made(), {"drif": 1})
    for name in ("words", "naopc"):
        with pytest.raises(GradexplainError, match=f"^the limit '{name}' needs .*: .*, or leave out the limit$"):
            check(made(), {name: 0})
        with pytest.raises(GradexplainError, match=f"^the limit '{name}' needs "):
            check_needs([name], references=name != "words", naopc=name != "naopc")
        check_needs([name], references=name == "words", naopc=name == "naopc")
    check_needs(["drift"], references=False, naopc=False)
