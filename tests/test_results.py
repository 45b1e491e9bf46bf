"""What a run leaves in its folder."""

import json

import pandas as pd
import pytest
from datasets import Dataset

from hf_gradexplain.evaluation.summary import Tables
from hf_gradexplain.options import Options
from hf_gradexplain.results import Run, count_documents, headline, summary_table, write_results
from hf_gradexplain.runner import evaluate, range_paths
from tests.tiny import CORPUS, explainer

HOSTILE = "<script>alert(1)</script> | `x` [a](b)"


def tables(aopc):
    """Of two k and given values of AOPC(1) per method, with intervals of +-0.1."""
    frame = pd.DataFrame(
        [(method, k, k * value, k * value - 0.1, k * value + 0.1, 5) for method, value in aopc.items() for k in (0, 1)],
        columns=["method", "k", "aopc", "ci_low", "ci_high", "n"],
    )
    columns = ["method", "coefficient", "median", "mean", "fraction_significant", "n", "n_undefined"]
    correlation = pd.DataFrame([("a", "pearson", 0.5, 0.4, 0.25, 4, 1)], columns=columns)
    return Tables(frame, correlation, pd.DataFrame())


def test_the_summary_has_a_row_per_method_and_no_number_where_there_is_none():
    summary = summary_table(tables({"random": 0.1, "a": 0.6})).set_index("method")
    assert summary.loc["a", "AOPC(1)"] == 0.6
    assert (summary.loc["a", "median r"], summary.loc["a", "p ≤ .05"], summary.loc["a", "no r"]) == (0.5, 0.25, 1)
    assert summary.loc["random", ["median r", "p ≤ .05", "no r"]].isna().all()


def test_the_headline_names_the_best_and_those_that_cannot_be_told_from_it():
    assert headline(tables({"random": 0.1, "a": 0.6})) == (
        "Over 5 texts, a finds the words that matter most to the model: AOPC(1) up to 0.600 [0.500, 0.700]; "
        "random order has 0.100."
    )
    assert "Over 5 texts, c, a and b find the words" in headline(tables({"a": 0.6, "b": 0.55, "c": 0.61, "d": 0.3}))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    output_dir = tmp_path_factory.mktemp("run")
    texts = Dataset.from_dict({"id": range(6), "text": [*CORPUS, HOSTILE], "label": [0, 1, 0, 1, 0, 1]})
    options = Options(methods=("random", "loo", "sa_l2", "signed_gi"), target="label")
    found = evaluate(explainer("textcnn"), texts, options, output_dir, inputs={})
    run = Run(
        title=HOSTILE,
        facts={"Model": HOSTILE},
        inputs={"seed": 0},
        tables=found,
        seconds=1.0,
        replay="python recipes/evaluate.py run.yaml",
        arguments="seed: 0\n",
        extra={"More": pd.DataFrame({"method": ["random"], "hits": [float("nan")]})},
    )
    write_results(output_dir, run, range_paths(output_dir, len(texts)))
    return output_dir


def test_the_whole_folder_is_there(folder):
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert names == {
        *("results.json", "aopc.parquet", "correlation.parquet", "report.html", "README.md", "run.yaml", ".lock"),
        *(f"figures/{name}.{form}" for name in ("aopc", "correlation") for form in ("svg", "png")),
        *("documents/00000000.parquet", "documents/inputs.json"),
    }


def test_tables_have_the_columns_that_others_rely_on(folder):
    aopc, correlation = (pd.read_parquet(folder / f"{name}.parquet") for name in ("aopc", "correlation"))
    assert list(aopc.columns) == ["method", "k", "aopc", "ci_low", "ci_high", "n"]
    assert list(correlation.columns) == [
        *("method", "coefficient", "median", "mean", "fraction_significant", "n", "n_undefined")
    ]
    assert set(correlation["method"]) == {"random", "sa_l2", "signed_gi"}
    assert set(correlation["coefficient"]) == {"pearson", "spearman", "kendall"}


def test_what_is_undefined_is_null_in_json(folder):
    record = json.loads((folder / "results.json").read_text(), parse_constant=pytest.fail)
    assert record["More"] == [{"method": "random", "hits": None}]
    assert record["summary"][1]["median r"] is None
    assert {"python", "torch"} <= record["versions"].keys()


def test_nothing_from_outside_becomes_markup(folder):
    page, card = (folder / "report.html").read_text(), (folder / "README.md").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "<script" not in card


def test_pages_show_figures_tables_and_documents(folder):
    page = (folder / "report.html").read_text()
    assert page.count("data:image/svg+xml;base64,") == 2
    assert "signed_gi" in page
    assert "figures/aopc.png" in (folder / "README.md").read_text()


def test_documents_are_counted(folder):
    paths = range_paths(folder, 6)
    counts = count_documents(paths)
    rows = pd.read_parquet(paths[0])
    right = int((rows["label"] == rows["prediction"]).sum())
    assert counts == {
        "documents": 6,
        "labelled": 6,
        "predicted_right": right,
        "truncated": 0,
        "without_units": 0,
    }
