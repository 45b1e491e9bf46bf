"""The words of a model, compared with dictionaries over the documents."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.sparse import csr_array
from scipy.stats import false_discovery_control

from hf_gradexplain.audit.words import sums
from hf_gradexplain.audit.words import words as words_module
from hf_gradexplain.audit.words.sums import WordCounts
from hf_gradexplain.audit.words.words import Words, find_words
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.documents import schema, write_documents
from tests.helpers.word_documents import CLASSES, make_document, random_documents, write

BOOST = ("w3",)


@pytest.fixture(scope="module")
def made_up():
    return random_documents(90, boost=BOOST)


@pytest.fixture(scope="module")
def paths(made_up, tmp_path_factory):
    return write(made_up, tmp_path_factory.mktemp("documents"))


def by_hand(documents, group_of, key=str, method="signed_gi"):
    """Return per group and word the shares, the mean shares of the documents, the drops, the ids; and group sizes."""
    found, sizes = {}, {}
    for document in documents:
        group = group_of(document)
        if group is None:
            continue
        sizes[group] = sizes.get(group, 0) + 1
        explanation = document.explanation
        words, drops = {}, {}
        for i, unit in enumerate(explanation.units):
            word = key(unit.text)
            words[word] = words.get(word, 0.0) + explanation.scores[method][i]
            p = explanation.probabilities[explanation.target]
            drops.setdefault(word, []).append(p - p * np.exp(-explanation.scores["loo"][i]))
        total = sum(abs(score) for score in words.values())
        for word, score in words.items():
            entry = found.setdefault((group, word), {"share": [], "others": [], "drop": [], "id": []})
            entry["share"].append(score / total)
            entry["others"].append(sum(words.values()) / total / len(words))
            entry["drop"].append(drops[word][0] if len(drops[word]) == 1 else np.nan)
            entry["id"].append(document.id)
    return found, sizes


def interval(values, ids, seed=0):
    """Return the ends of the bootstrap interval of a mean; it is wider for fewer than 30 values."""
    kept = [(value, number) for value, number in zip(values, ids, strict=True) if not np.isnan(value)]
    drawn = np.array([np.random.default_rng((seed, number)).poisson(1.0, 1000) for _, number in kept])
    values = np.array([value for value, _ in kept])
    means = [(drawn[:, r] * values).sum() / drawn[:, r].sum() for r in range(1000) if drawn[:, r].sum()]
    n, mean = len(values), values.mean()
    wider = (n / (n - 1)) ** 0.5 * stats.t.ppf(0.975, n - 1) / stats.norm.ppf(0.975) if n < 30 else 1
    return mean + wider * (np.percentile(means, [2.5, 97.5]) - mean)


GROUPINGS = [
    ("target", lambda document: CLASSES[document.explanation.target]),
    ("prediction", lambda document: document.explanation.prediction_label),
    ("label", lambda document: None if document.label is None else CLASSES[document.label]),
    ({3 * i: (None, "late", "early")[i % 3] for i in range(90)}, lambda d: (None, "late", "early")[d.id // 3 % 3]),
]


def test_a_word_of_a_single_text_has_its_own_share_and_that_of_the_others(made_up, tmp_path):
    found, _ = by_hand(made_up[:3], GROUPINGS[0][1])
    words = find_words(write(made_up[:3], tmp_path), "signed_gi", min_documents=1)
    rows = words.to_frame().set_index(["group", "word"])
    single = {pair: entry for pair, entry in found.items() if len(entry["share"]) == 1}
    assert single
    for pair, entry in single.items():
        assert rows.loc[pair, "share"] == pytest.approx(entry["share"][0])
        assert rows.loc[pair, "others"] == pytest.approx(entry["others"][0])
        assert rows.loc[pair, ["share_ci_low", "share_ci_high", "drop_ci_low", "drop_ci_high"]].isna().all()


def test_the_interval_of_a_share_ends_at_the_whole_score(made_up, tmp_path):
    """With so few texts, the interval without limits would go beyond 1."""
    found, _ = by_hand(made_up[:6], GROUPINGS[0][1])
    words = find_words(write(made_up[:6], tmp_path), "signed_gi", min_documents=2)
    rows = words.to_frame().set_index(["group", "word"])
    wide = {pair: interval(entry["share"], entry["id"]) for pair, entry in found.items() if len(entry["share"]) > 1}
    assert min(low for low, _ in wide.values()) < -1
    assert max(high for _, high in wide.values()) > 1
    for pair, ends in wide.items():
        cut = rows.loc[pair, ["share_ci_low", "share_ci_high"]].to_numpy(float)
        np.testing.assert_allclose(cut, np.clip(ends, -1, 1), rtol=1e-9)


@pytest.mark.parametrize(("regression", "ends"), [(False, (-1, 1)), (True, (-3.167, 4.167))])
def test_the_interval_of_a_drop_ends_at_the_largest_drop_of_a_probability(regression, ends, tmp_path):
    """The drops are 0.9 and 0.1; without limits, the interval of their mean is 0.5 ± 0.4 · 9.168."""
    documents = [make_document(i, ["a", "b"], {"loo": [x, 0]}, objective="prob") for i, x in enumerate((0.9, 0.1))]
    documents = [replace(x, explanation=replace(x.explanation, regression=regression)) for x in documents]
    row = find_words(write(documents, tmp_path), "loo", min_documents=2).to_frame().set_index("word").loc["a"]
    assert (row["drop"], row["drop_ci_low"], row["drop_ci_high"]) == pytest.approx((0.5, *ends), abs=1e-3)


@pytest.mark.parametrize(("by", "group_of"), GROUPINGS)
def test_the_table_is_that_of_dictionaries(made_up, paths, by, group_of):
    found, sizes = by_hand(made_up, group_of)
    kept = {pair: entry for pair, entry in found.items() if len(entry["share"]) >= 5}
    words = find_words(paths, "signed_gi", by=by, min_documents=5)
    rows = {(row["group"], row["word"]): row for row in words.to_frame().to_dict("records")}
    assert rows.keys() == kept.keys()
    assert words.n_documents == sum(sizes.values())
    order = sorted(sizes) if isinstance(by, dict) else CLASSES
    assert list(dict.fromkeys(group for group, _ in rows)) == list(order)
    for (group, word), entry in kept.items():
        row, n = rows[group, word], len(entry["share"])
        assert row["n"] == n
        assert row["frequency"] == pytest.approx(n / sizes[group])
        assert row["share"] == pytest.approx(np.mean(entry["share"]))
        assert row["others"] == pytest.approx(np.mean(entry["others"]))
        assert row["overall"] == pytest.approx(sum(entry["share"]) / sizes[group])
        assert row["drop"] == pytest.approx(np.nanmean(entry["drop"]), nan_ok=True)
    for pair in list(kept)[:4]:
        for name in ("share", "drop"):
            ends = [rows[pair][f"{name}_ci_low"], rows[pair][f"{name}_ci_high"]]
            expected = np.clip(interval(kept[pair][name], kept[pair]["id"]), -1, 1)
            np.testing.assert_allclose(ends, expected, rtol=1e-9)
    table = words.to_frame()
    np.testing.assert_allclose(table["p_adjusted"], false_discovery_control(table["p"]))
    within = table.groupby("group", sort=False)["overall"]
    assert within.apply(lambda column: column.is_monotonic_decreasing).all()


def test_a_word_with_larger_shares_is_real_and_its_p_value_that_of_random_permutations(made_up, paths):
    words = find_words(paths, "signed_gi", min_documents=5)
    assert set(words.top()["word"]) == set(BOOST)
    rng, group = np.random.default_rng(0), "Sports"
    rows = words.to_frame().query("group == @group and 0.01 < p < 0.3")
    assert len(rows) > 1
    documents = [d for d in made_up if d.explanation.target_label == group]
    for row in rows.to_dict("records"):
        sums, observed = np.zeros(20_000), 0.0
        for document in documents:
            ((shares, _),) = [by_hand([document], lambda _: "")]
            if ("", row["word"]) in shares:
                observed += shares["", row["word"]]["share"][0]
                sums += rng.choice([entry["share"][0] for entry in shares.values()], len(sums))
        assert row["p"] == pytest.approx((sums >= observed).mean(), rel=0.15)


def test_neither_files_nor_passes_change_the_numbers(made_up, paths, tmp_path, monkeypatch):
    expected = find_words(paths, "signed_gi", min_documents=5).to_frame()
    several = find_words(write(made_up, tmp_path, files=7), "signed_gi", min_documents=5).to_frame()
    pd.testing.assert_frame_equal(several, expected, check_exact=True)
    monkeypatch.setattr(sums, "ROWS", 4)
    pd.testing.assert_frame_equal(
        find_words(paths, "signed_gi", min_documents=5).to_frame(), expected, check_exact=True
    )


def test_the_least_frequent_words_are_left_out_where_there_are_too_many(paths):
    full = find_words(paths, "signed_gi", min_documents=5)
    usual = find_words(paths, "signed_gi")
    assert usual.table["n"].min() == 10 > full.table["n"].min()
    assert set(full.table.query("n >= 10")["word"]) == set(usual.table["word"])
    few = find_words(paths, "signed_gi", min_documents=5, most=10)
    assert 0 < len(few.table) <= 10 < len(full.table)
    assert few.table["n"].min() == few.min_documents > full.table["n"].min()
    assert set(full.table.query("n >= @few.min_documents")["word"]) == set(few.table["word"])


def test_words_of_equal_keys_are_one_word(made_up, paths):
    words = find_words(paths, "signed_gi", key=lambda text: text[:2], min_documents=5)
    found, _ = by_hand(made_up, lambda d: CLASSES[d.explanation.target], key=lambda text: text[:2])
    rows = words.to_frame().set_index(["group", "word"])["share"]
    assert len(rows) > 3
    for pair, share in rows.items():
        assert share == pytest.approx(np.mean(found[pair]["share"]))


def test_documents_whose_scores_are_all_zero_have_shares_of_zero(tmp_path):
    documents = [make_document(i, ["a", "b"], {"signed_gi": [0, 0]}) for i in range(10)]
    table = find_words(write(documents, tmp_path)).to_frame()
    assert table["share"].tolist() == [0, 0]
    assert table["p"].tolist() == [1, 1]
    assert table["drop"].isna().all()


def test_the_default_method_is_the_most_faithful_one(tmp_path):
    made = random_documents(20, methods=("random", "loo", "sa_l2", "signed_gi"))
    for document in made:
        document.curves["signed_gi"][1:] -= 0.1
    assert find_words(write(made, tmp_path), min_documents=1).method == "signed_gi"


def test_words_say_what_they_are(paths):
    words = find_words(paths, "signed_gi", min_documents=5, title="a model on data")
    assert repr(words).splitlines()[0] == "Words of a model on data"
    assert "By signed_gi, 3 of " in repr(words)
    assert repr(words).splitlines()[2:] == ["  World: w3", "  Sports: w3", "  Business: w3"]
    html = words._repr_html_()
    assert "w3" in html
    assert "data:image/svg+xml" in html
    assert list(words.readable()["word"]) == ["w3"] * 3
    assert len(words.figure().axes) == 3


def test_without_frequent_words_there_is_a_sentence_and_no_figure(paths):
    words = find_words(paths, "signed_gi", min_documents=1000)
    assert len(words.to_frame()) == 0
    assert "No word is in 1,000 texts of one group: lower min_documents, or take more texts." in repr(words)
    assert "<img" not in words._repr_html_()
    with pytest.raises(GradexplainError, match=r"^there is no word to draw: No word is in 1,000 texts"):
        words.figure()


def test_what_cannot_be_grouped_is_refused(paths, tmp_path):
    with pytest.raises(GradexplainError, match=r"^unknown value of by 'class'; choices: target, label, prediction$"):
        find_words(paths, by="class")
    with pytest.raises(GradexplainError, match=r"^min_documents must be at least 1, not 0$"):
        find_words(paths, min_documents=0)
    documents = [make_document(i, ["a"], {"loo": [1]}) for i in range(3)]
    with pytest.raises(GradexplainError, match=r"^no document has a value to group it by: group by target or by pred"):
        find_words(write(documents, tmp_path), by="label")


def made(rows, **changes):
    """A result with these p-values of two groups, each word with smaller shares than the one before."""
    columns = {"share": 0.25, "share_ci_low": 0.125, "share_ci_high": 0.375, "others": 0.0, "drop": np.nan}
    columns |= {"drop_ci_low": np.nan, "drop_ci_high": np.nan, "frequency": 0.125}
    frame = pd.DataFrame(rows, columns=["group", "word", "p_adjusted"]).assign(n=1234, **columns)
    frame["overall"] = 1 / (1 + np.arange(len(frame)))
    given = {"title": "m on d", "method": "loo", "by": "label", "n_documents": 5000, "min_documents": 1200}
    return Words(**({"table": frame} | given | changes))


def test_real_words_have_an_adjusted_p_value_of_five_percent_at_most():
    words = made([("x", "a", 0.05), ("x", "b", 0.0501), ("y", "c", 0.01)])
    assert words.top()["word"].tolist() == ["a", "c"]
    assert words.summary.startswith("By loo, 2 of 3 words have a larger share")
    assert all(part in words.summary for part in ("rate of 5 %", "5,000 texts, grouped by label", "at least 1200 of"))
    assert str(words).splitlines() == ["Words of m on d", words.summary, "  x: a", "  y: c"]
    assert made([], title="").heading == "Words"
    assert made([]).summary.startswith("No word is in 1,200 texts of one group: lower min_documents")


def test_ten_words_of_each_group_are_shown():
    words = made([(group, f"{group}{i}", 0.0) for group in "xy" for i in range(12)])
    assert words.top()["word"].tolist() == [f"{group}{i}" for group in "xy" for i in range(10)]
    assert words.top(2)["word"].tolist() == ["x0", "x1", "y0", "y1"]
    assert len(words.readable()) == 20
    assert str(words).splitlines()[2] == "  x: " + ", ".join(f"x{i}" for i in range(10))
    assert [len(axes.patches) for axes in words.figure().axes] == [10, 10]
    row = words.readable(1).iloc[0].to_dict()
    assert row == {
        "group": "x", "word": "x0", "texts": "1,234 (12.5 %)", "share (%)": "25.0 [12.5, 37.5]", "drop (%)": "–",
        "adjusted p": "< 0.001", "overall (%)": 100.0,
    }  # fmt: skip
    with pytest.raises(GradexplainError, match="there is no word to draw: By loo, 0 of 1"):
        made([("x", "a", 0.5)]).figure()


@pytest.mark.parametrize(("most", "least"), [(None, 1), (6, 1), (5, 1), (4, 2), (3, 2), (2, 3), (0, 8)])
def test_the_least_frequent_words_are_left_out_as_whole_groups(most, least):
    counts = WordCounts(csr_array(np.array([[7, 1, 2], [3, 1, 0]])), np.array([9, 9]))
    assert words_module._least_frequent(counts, most) == least
    rows = words_module._rows(counts, 2)
    assert (rows.group.tolist(), rows.word.tolist()) == ([0, 0, 1], [0, 2, 0])


def test_the_seed_is_zero_unless_it_is_given(paths):
    default, zero, one = (find_words(paths, "signed_gi", **more).table for more in ({}, {"seed": 0}, {"seed": 1}))
    pd.testing.assert_frame_equal(default, zero)
    assert not default["share_ci_low"].equals(one["share_ci_low"])
    assert default["p"].equals(one["p"])


@pytest.mark.parametrize("empty", [(True, False), (True, True, False), (False, True)])
def test_classes_are_named_by_the_first_file_with_documents(made_up, tmp_path, empty):
    """All texts of the first shard may be left out."""
    paths = [tmp_path / f"{number}.parquet" for number in range(len(empty))]
    for path, is_empty in zip(paths, empty, strict=True):
        left_out = {0: "not finite"} if is_empty else None
        write_documents([] if is_empty else made_up, path, schema(["loo", "signed_gi"]), left_out)
    found = find_words(paths, "signed_gi", min_documents=1).to_frame()
    assert set(found["group"]) == set(CLASSES)
    assert sums.Groups("target", paths).name(3) == "class 3"
    assert sums.Groups("label", [path for path, is_empty in zip(paths, empty, strict=True) if is_empty]).names == []
