"""All tables from document files against plain loops; they are the same for any split into files."""

import itertools
import re
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from datasets import Dataset
from scipy import stats

from hf_gradexplain.evaluation import read_documents
from hf_gradexplain.evaluation.documents import schema, write_documents
from hf_gradexplain.evaluation.extra_measures import Measures
from hf_gradexplain.evaluation.naopc import normalised_aopc
from hf_gradexplain.evaluation.read_documents import count_documents
from hf_gradexplain.evaluation.summaries import compared_with, correlation_summary, findings, headline
from hf_gradexplain.evaluation.tables import Tables, count_table, make_tables
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.options import Options
from hf_gradexplain.run.runner import evaluate_texts
from tests.helpers.curves import naive_aopc
from tests.helpers.tiny import CORPUS, explainer

METHODS = ("random", "loo", "sa_l2", "signed_gi")
OPTIONS = Options(methods=METHODS, unit="word_type", target="label")
ORDERS = 4
EVERYTHING = Measures(random_orders=ORDERS, both_ends=True, bounds=True)
TABLES = (
    "aopc",
    "correlation",
    "correlation_histograms",
    "curves",
    "chance",
    "comparisons",
    "normalised",
    "signs",
    "counts",
)


@pytest.fixture(scope="module")
def documents():
    words = " ".join(CORPUS).split()
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(words, n)) for n in rng.integers(0, 30, 40)]
    data = Dataset.from_dict({"id": range(40), "text": texts, "label": rng.integers(0, 3, 40)})
    return evaluate_texts(explainer("fasttext"), data, OPTIONS, EVERYTHING)


def write(documents, cuts, folder, measures=EVERYTHING):
    paths = []
    for start, end in itertools.pairwise((0, *cuts, len(documents))):
        paths.append(folder / f"{start:08d}.parquet")
        write_documents(documents[start:end], paths[-1], schema(METHODS, measures))
    return paths


@pytest.fixture(scope="module")
def paths(documents, tmp_path_factory):
    return write(documents, (13, 26), tmp_path_factory.mktemp("cut"))


@pytest.fixture(scope="module")
def tables(paths):
    return make_tables(paths, OPTIONS, random_orders=ORDERS)


def counted(document, method, name="curves"):
    """Return the curve of a method that the tables count: of `random`, the mean over the random orders."""
    return document.random_orders["mean"] if method == "random" else getattr(document, name)[method]


@pytest.mark.parametrize(("cuts", "block"), [((), 4), ((1, 2, 3, 37), 4), (tuple(range(1, 40)), 256)])
def test_they_are_the_same_to_the_bit_for_any_split_into_files(cuts, block, documents, paths, tmp_path, monkeypatch):
    monkeypatch.setattr(read_documents.read_blocks, "__defaults__", (block,))
    ours, other = (make_tables(x, OPTIONS, None, ORDERS) for x in (paths, write(documents, cuts, tmp_path)))
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(ours, name), getattr(other, name), check_exact=True)


def test_all_curves_are_means_over_documents(documents, tables):
    sufficiency = {m: [counted(d, m, "negative_first") for d in documents] for m in METHODS}
    for method in METHODS:
        expected = {
            "removal": naive_aopc([counted(d, method) for d in documents]),
            "negative_first": naive_aopc(sufficiency[method]),
        }
        longest = len(expected["removal"]) - 1
        drops = [[c[0] - c[max(len(c) - 1 - k, 0)] for k in range(longest + 1)] for c in sufficiency[method]]
        expected["sufficiency"] = np.mean(np.cumsum(drops, axis=1) / np.arange(1, longest + 2), axis=0)
        for curve, values in expected.items():
            rows = tables.curves[(tables.curves["curve"] == curve) & (tables.curves["method"] == method)]
            np.testing.assert_allclose(rows["aopc"], values, rtol=0, atol=1e-12)
            assert ((rows["ci_low"] <= rows["aopc"]) & (rows["aopc"] <= rows["ci_high"])).all()
    removal = tables.curves[tables.curves["curve"] == "removal"].drop(columns="curve").reset_index(drop=True)
    pd.testing.assert_frame_equal(removal, tables.aopc)


def test_comparisons_are_the_paired_tests_of_scipy(documents, tables):
    longest = int(tables.aopc["k"].max())
    assert set(tables.comparisons["k"]) == {10, longest}
    for row in tables.comparisons.itertuples():
        a, b = ([naive_aopc([counted(d, m)], longest)[row.k] for d in documents] for m in (row.method, row.other))
        assert row.difference == pytest.approx(np.mean(a) - np.mean(b), abs=1e-12)
        if row.difference > 1e-4:
            assert row.p == pytest.approx(stats.ttest_rel(a, b).pvalue, rel=1e-4)


def test_naopc_is_the_mean_over_documents(documents, tables):
    bounds = {name: np.array([d.bounds[name] for d in documents]) for name in ("lower", "upper")}
    for row in tables.normalised.itertuples():
        areas = np.array([np.mean(counted(d, row.method)[0] - counted(d, row.method)) for d in documents])
        expected = normalised_aopc(areas, **bounds)
        assert row.naopc == pytest.approx(np.nanmean(expected), abs=1e-12)
        assert (row.n, row.n_undefined) == ((~np.isnan(expected)).sum(), np.isnan(expected).sum())
    assert tables.normalised["n_outside"].sum() == 0


def test_the_row_of_random_is_the_mean_over_the_random_orders(documents, tables):
    of_random = tables.aopc[tables.aopc["method"] == "random"]["aopc"].to_numpy()
    expected = naive_aopc([d.random_orders["mean"] for d in documents])
    np.testing.assert_allclose(of_random, expected, rtol=0, atol=1e-12)
    assert np.abs(of_random - naive_aopc([d.curves["random"] for d in documents])).max() > 1e-3
    ends = tables.curves.set_index(["method", "curve"]).loc["random"]["aopc"]
    np.testing.assert_allclose(ends["negative_first"], expected, rtol=0, atol=1e-12)
    row = tables.comparisons.query("method == 'loo' and other == 'random'").iloc[0]
    loo = naive_aopc([d.curves["loo"] for d in documents])
    assert row["difference"] == pytest.approx(loo[int(row["k"])] - expected[int(row["k"])], abs=1e-12)


def test_the_band_holds_the_mean_of_random_orders(documents, tables):
    expected = naive_aopc([d.random_orders["mean"] for d in documents])
    np.testing.assert_allclose(tables.chance["aopc"], expected, rtol=0, atol=1e-12)
    assert (tables.chance["low"] < tables.chance["aopc"])[1:].all()


def test_correlations_and_signs_are_summed_up_of_the_documents(documents, tables):
    row = tables.correlation.set_index(["method", "coefficient"]).loc[("sa_l2", "kendall")]
    r = [d.correlations["sa_l2"]["kendall"] for d in documents]
    assert row["median"] == np.median([x for x in r if x is not None])
    assert row["n_undefined"] == r.count(None) > 0
    drawn = np.array([np.random.default_rng((OPTIONS.seed, d.id)).poisson(1.0, 1000) for d in documents], float)
    defined = np.array([x is not None for x in r])
    means = np.array([x for x in r if x is not None]) @ drawn[defined] / drawn[defined].sum(0)
    low, high = np.percentile(means, [2.5, 97.5])
    assert (row["mean_ci_low"], row["mean_ci_high"]) == pytest.approx((low, high), rel=1e-9)
    counts = [d.signs["signed_gi"] for d in documents]
    shares = [c["same"] / sum(c.values()) for c in counts if sum(c.values())]
    assert tables.signs["agreement"].item() == pytest.approx(np.mean(shares))
    assert tables.signs["n_undefined"].item() == 40 - len(shares)


def test_every_unusual_document_is_counted(documents, paths, tables):
    counts = tables.counts.set_index(["what", "method"])["n"]
    empty = sum(not d.explanation.units for d in documents)
    short = sum(len(d.explanation.units) < 3 for d in documents)
    saturated = sum(d.curves["loo"][0] > 0.999 for d in documents)
    assert empty > 0
    assert counts[("without any unit: AOPC 0", "all")] == empty
    assert counts[("no correlation: fewer than 3 units", "sa_l2")] == short
    assert counts[("saturated: p of the target above 0.999", "all")] == saturated
    assert counts[("no NAOPC: best and worst order are equal", "all")] == tables.normalised["n_undefined"].max()
    assert counts[("bounds of NAOPC by beam search: not exact", "all")] == sum(not d.bounds["exact"] for d in documents)
    totals = count_documents(paths)
    assert totals["without_units"] == empty
    assert totals["longest"] == max(len(d.explanation.units) for d in documents)
    assert totals["labelled"] == 40


def test_saturated_documents_are_counted_but_not_in_regression(documents, tmp_path):
    def changed(document, p, regression):
        curves = {m: np.array([p, *curve[1:]]) for m, curve in document.curves.items()}
        explanation = replace(document.explanation, regression=regression)
        return type(document)(**{**vars(document), "curves": curves, "explanation": explanation})

    three = [
        changed(documents[0], 0.9991, False),
        changed(documents[1], 0.9989, False),
        changed(documents[2], 3.0, True),
    ]
    assert count_documents(write(three, (), tmp_path))["saturated"] == 1


def test_without_extra_measures_their_tables_are_empty_and_the_others_the_same(documents, tables, tmp_path):
    plain = make_tables(write(documents, (20,), tmp_path, Measures()), OPTIONS)
    assert all(len(getattr(plain, name)) == 0 for name in ("curves", "chance", "normalised"))
    for name in ("correlation", "signs"):
        pd.testing.assert_frame_equal(getattr(plain, name), getattr(tables, name), check_exact=True)
    ours, others = (table.aopc[table.aopc["method"] != "random"] for table in (plain, tables))
    pd.testing.assert_frame_equal(ours, others, check_exact=True)
    of_one_order = plain.aopc[plain.aopc["method"] == "random"]["aopc"]
    np.testing.assert_allclose(of_one_order, naive_aopc([d.curves["random"] for d in documents]), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("methods", "compared"), [(("loo",), False), (("loo", "random"), True)])
def test_a_single_method_has_nothing_to_compare(methods, compared, tmp_path):
    options = Options(methods=methods, unit="word_type")
    documents = evaluate_texts(explainer("fasttext"), Dataset.from_dict({"id": [0, 1], "text": CORPUS[:2]}), options)
    write_documents(documents, tmp_path / "0.parquet", schema(methods, Measures()))
    tables = make_tables([tmp_path / "0.parquet"], options)
    for name in ("comparisons", "correlation", "correlation_histograms"):
        assert isinstance(getattr(tables, name), pd.DataFrame)
        assert bool(len(getattr(tables, name))) is compared
    assert list(tables.aopc["method"].unique()) == list(methods)


def test_a_median_of_few_documents_has_no_interval_and_the_counts_say_why(documents, tmp_path):
    defined = [d for d in documents if d.correlations["sa_l2"]["pearson"] is not None]
    reason = "no interval of the median r: fewer than 6 documents have an r"
    for n, has_interval in ((5, False), (6, True)):
        tables = make_tables(write(defined[:n], (), tmp_path), OPTIONS, None, ORDERS)
        row = tables.correlation.set_index(["method", "coefficient"]).loc[("sa_l2", "pearson")]
        assert row["n"] == n
        assert np.isfinite(row["median"])
        assert np.isfinite([row["median_ci_low"], row["median_ci_high"]]).all() == has_interval
        counts = tables.counts.set_index(["what", "method"])["n"]
        assert counts.get((reason, "sa_l2")) == (None if has_interval else n)
        assert ("[" in correlation_summary(tables.correlation).iloc[0]["median"]) == has_interval


def test_max_k_cuts_every_curve_and_changes_no_other_row(paths, tables):
    cut = make_tables(paths, OPTIONS, 4, ORDERS)
    for name in ("aopc", "curves", "chance"):
        whole = getattr(tables, name)
        pd.testing.assert_frame_equal(getattr(cut, name), whole[whole["k"] <= 4].reset_index(drop=True))
    assert set(cut.comparisons["k"]) == {4}


@pytest.mark.parametrize(("longest", "short"), [(0, 0), (9, 9), (10, 10), (11, 10), (40, 10)])
def test_methods_are_compared_at_ten_removed_units_or_fewer(longest, short):
    aopc = pd.DataFrame({"method": "a", "k": range(longest + 1)})
    tests = pd.DataFrame({"k": [longest, short], "p": [0.1, 0.2]}).drop_duplicates("k", keep="last")
    tables = Tables(aopc, pd.DataFrame(), comparisons=tests)
    assert (tables.short_k, tables.long_k) == (short, longest)
    assert tables.short_comparisons.to_dict("records") == [{"k": short, "p": 0.2}]
    assert len(Tables(aopc, pd.DataFrame()).short_comparisons) == 0


@pytest.mark.parametrize("texts", [[""], ["bad"], ["", ""]])
def test_almost_empty_documents_make_tables(texts, tmp_path):
    data = Dataset.from_dict({"id": range(len(texts)), "text": texts, "label": [0] * len(texts)})
    documents = evaluate_texts(explainer("fasttext"), data, OPTIONS, EVERYTHING)
    tables = make_tables(write(documents, (), tmp_path), OPTIONS, None, ORDERS)
    units = max(len(d.explanation.units) for d in documents)
    assert int(tables.aopc["k"].max()) == units
    assert (tables.normalised["n"] == 0).all()
    assert tables.normalised["naopc"].isna().all()
    assert (tables.correlation["n"] == 0).all()
    assert tables.comparisons["p"].isna().all() == (len(texts) == 1)
    assert headline(tables)
    assert len(findings(tables.comparisons)) == 6


def test_a_regression_in_other_units_is_judged_alike(tmp_path):
    """The outputs of the second model are those of the first one, times a millionth; the range of both is stored."""
    words, rng = " ".join(CORPUS).split(), np.random.default_rng(0)
    data = Dataset.from_dict({"id": range(35), "text": [" ".join(rng.choice(words, 8)) for _ in range(35)]})
    options, found = Options(("random", "loo", "sa_l2"), "word_type"), []
    measures = Measures(random_orders=2, bounds=True)
    for size in (1.0, 1e-6):
        explain = explainer("textcnn", "regression")
        model = deepcopy(explain.model)
        with torch.no_grad():
            for parameter in model.classifier.parameters():
                parameter *= size
        documents = evaluate_texts(Explainer(model, explain.tokenizer), data, options, measures)
        write_documents(documents, tmp_path / "0.parquet", schema(options.methods, measures))
        found.append(make_tables([tmp_path / "0.parquet"], options, None, 2))
        outputs = [document.curves["loo"][0] for document in documents]
        assert found[-1].output_range == pytest.approx(max(outputs) - min(outputs))
    one, other = found
    assert other.output_range == pytest.approx(one.output_range / 1e6, rel=1e-4)
    assert compared_with(one, "random") == compared_with(other, "random")
    np.testing.assert_allclose(one.comparisons["p"], other.comparisons["p"], rtol=1e-3)
    assert (one.normalised["n"] > 0).all()
    for name in ("naopc", "n", "n_outside"):
        np.testing.assert_allclose(one.normalised[name], other.normalised[name], rtol=1e-3)
    assert headline(one).split(":")[0] == headline(other).split(":")[0]
    assert not set(re.findall(r"0\.\d+", headline(other))) & {"0.000", "0.001"}


@pytest.mark.parametrize(
    ("problem_type", "outputs", "size"),
    [("single_label_classification", [0.01, 0.01], 1.0), ("regression", [900.0, 901.0], 900.0),
     ("regression", [0.0, 5.0], 5.0)],
)  # fmt: skip
@pytest.mark.parametrize(("share", "equal"), [(0.9, True), (1.2, False)])
def test_methods_that_differ_by_rounding_of_the_outputs_are_equal(problem_type, outputs, size, share, equal, tmp_path):
    """Differences of AOPC(1) in the text of the smaller output, as shares of 8 rounding errors."""
    options = Options(("random", "loo"), "word_type")
    data = Dataset.from_dict({"id": [0, 1], "text": ["bad", "good"]})
    documents = evaluate_texts(explainer("textcnn", problem_type), data, options)
    low, high = ({"random": np.array([x, x]), "loo": np.array([x, x])} for x in outputs)
    low["loo"][1] -= 2 * share * 8 * 2.0**-23 * size
    made = [replace(document, curves=curves) for document, curves in zip(documents, (low, high), strict=True)]
    write_documents(made, tmp_path / "0.parquet", schema(options.methods))
    difference = make_tables([tmp_path / "0.parquet"], options).comparisons["difference"].item()
    assert (difference == 0) is equal


@pytest.mark.parametrize(
    ("problem_type", "ends"), [("single_label_classification", (-1, 1)), ("regression", (-2.042, 2.542))]
)
def test_intervals_end_at_the_largest_possible_aopc_of_probabilities(problem_type, ends, tmp_path):
    """AOPC(1) is 0.5 and 0; without limits, the interval of the mean is 0.25 ± 0.25 · 9.168."""
    options = Options(("random", "loo"), "word_type")
    data = Dataset.from_dict({"id": [0, 1], "text": ["bad", "good"]})
    documents = evaluate_texts(explainer("textcnn", problem_type), data, options)
    flat, falling = np.ones(2), np.array([1.0, 0.0])
    curves = ({"random": flat, "loo": falling}, {"random": flat, "loo": flat})
    made = [replace(document, curves=each) for document, each in zip(documents, curves, strict=True)]
    write_documents(made, tmp_path / "0.parquet", schema(options.methods))
    tables = make_tables([tmp_path / "0.parquet"], options)
    for row in (tables.aopc.set_index(["method", "k"]).loc[("loo", 1)], tables.comparisons.iloc[0]):
        assert tuple(row[["ci_low", "ci_high"]]) == pytest.approx(ends, abs=1e-3)


def test_methods_with_one_to_five_correlations_have_no_interval():
    correlation = pd.DataFrame({"method": list("abcd"), "coefficient": "pearson", "n": [0, 1, 5, 6]})
    counts = {"documents": 9, "left_out": 0, "without_units": 0, "truncated": 0, "saturated": 0}
    rows = count_table(counts, {}, correlation, pd.DataFrame(), pd.DataFrame(), {}).iloc[4:]
    assert rows["what"].unique().tolist() == ["no interval of the median r: fewer than 6 documents have an r"]
    assert rows[["method", "n", "of"]].to_numpy().tolist() == [["b", 1, 9], ["c", 5, 9]]
