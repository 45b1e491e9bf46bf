"""Comparisons of runs against plain loops over the explanations, with the coefficients and tests of scipy."""

import itertools
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from datasets import Dataset
from scipy import stats

from hf_gradexplain.audit.compare import runs_in_step
from hf_gradexplain.audit.compare.changed_texts import LISTED, ChangedTexts
from hf_gradexplain.audit.compare.compare import compare
from hf_gradexplain.audit.compare.moderated import fit_tails, moderated_test
from hf_gradexplain.audit.compare.moved_words import WordSums
from hf_gradexplain.audit.compare.runs_in_step import ALIKE_OPTIONS, RunFiles, match
from hf_gradexplain.audit.compare.seeds import predict_drift, predict_seed
from hf_gradexplain.audit.compare.thresholds import check
from hf_gradexplain.audit.read_words import Vocabulary, WordBlock
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.documents import schema, write_documents
from hf_gradexplain.evaluation.extra_measures import Measures
from hf_gradexplain.options import Options
from hf_gradexplain.run.runner import evaluate_texts
from tests.helpers.tiny import CORPUS, explainer

METHODS = ("random", "loo", "signed_gi")
OPTIONS = Options(methods=METHODS, unit="word_type", target="label")
MEASURES = Measures(random_orders=2, bounds=True)
N = 90
MIN_TEXTS = SEED_TEXTS = 5  # as docs/compare-two-models.md says


@pytest.fixture(scope="module")
def documents():
    words = " ".join(CORPUS).split()
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(words, n)) for n in rng.integers(0, 12, N)]
    texts[5] += " seldom"
    texts[6] += " seldom"
    data = Dataset.from_dict({"id": range(N), "text": texts, "label": rng.integers(0, 3, N)})
    return evaluate_texts(explainer("fasttext"), data, OPTIONS, MEASURES)


def another(documents, seed, noise=0.5):
    """The same texts as another model explains them: other scores, curves and predictions, sometimes other targets."""
    rng = np.random.default_rng(seed)
    made = []
    for document in documents:
        was = document.explanation
        scale = max(np.abs(was.scores["loo"]).max(initial=0), 1e-3)
        scores = {
            m: x if m == "random" else x + noise * scale * rng.normal(0, 1, len(x)) for m, x in was.scores.items()
        }
        target = was.target if rng.random() < 0.9 else (was.target + 1) % 3
        prediction = was.prediction if rng.random() < 0.7 else (was.prediction + 1) % 3
        curves = {m: np.clip(x + rng.normal(0, 0.05, len(x)), 0, 1) for m, x in document.curves.items()}
        explanation = replace(was, scores=scores, target=target, prediction=prediction)
        made.append(replace(document, explanation=explanation, curves=curves))
    return made


def write(documents, folder, name, cut=25):
    paths = []
    for start, part in ((0, documents[:cut]), (cut, documents[cut:])):
        paths.append(folder / f"{name}-{start:08d}.parquet")
        write_documents(part, paths[-1], schema(METHODS, MEASURES))
    return RunFiles(name, tuple(paths))


@pytest.fixture(scope="module")
def runs(documents, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    made = [documents, *(another(documents, seed) for seed in range(1, 5))]
    return made, [write(each, folder, f"run{i}", cut=20 + i) for i, each in enumerate(made)]


@pytest.fixture(scope="module")
def comparison(runs):
    return compare(runs[1][0], runs[1][4], method="loo")


@pytest.fixture(scope="module")
def with_seeds(runs):
    return compare(runs[1][0], runs[1][4], runs[1][1:4], method="loo")


def spearmans(a, b, method):
    """Spearman's correlation of each text: the scores of its words, in the texts with the same target."""
    found = []
    for x, y in zip(a, b, strict=True):
        scores = (x.explanation.scores[method], y.explanation.scores[method])
        enough = x.explanation.target == y.explanation.target and len(scores[0]) >= 3
        found.append(stats.spearmanr(*scores).statistic if enough else np.nan)
    return np.array(found)


def test_drift_is_one_minus_the_median_rank_correlation(runs, comparison):
    a, b = runs[0][0], runs[0][4]
    for row in comparison.drift.to_dict("records"):
        r = spearmans(a, b, row["method"])
        r = r[~np.isnan(r)]
        assert row["drift"] == pytest.approx(1 - np.median(r), abs=1e-9)
        assert row["q25"] == pytest.approx(np.quantile(r, 0.25), abs=1e-9)
        assert (row["n"], row["n_undefined"]) == (len(r), N - len(r))
        ends = stats.quantile_test(r, q=0, p=0.5).confidence_interval()
        assert (row["ci_low"], row["ci_high"]) == pytest.approx((1 - ends.high, 1 - ends.low), abs=1e-9)
        assert comparison.histogram.query(f"method == '{row['method']}'")["n"].sum() == len(r)
    assert list(comparison.drift["method"]) == ["loo", "signed_gi"]  # random scores are no explanation


def test_overlap_of_the_top_words(runs, comparison):
    overlaps = []
    for x, y in zip(runs[0][0], runs[0][4], strict=True):
        if x.explanation.target == y.explanation.target and (n := len(x.explanation.units)):
            tops = [set(np.argsort(-d.explanation.scores["loo"], kind="stable")[:5].tolist()) for d in (x, y)]
            overlaps.append(len(tops[0] & tops[1]) / min(5, n))
    assert comparison.drift.set_index("method").loc["loo", "top_5"] == pytest.approx(np.mean(overlaps))


def test_accuracy_and_predictions(runs, comparison):
    a, b = runs[0][0], runs[0][4]
    right = [np.array([d.label == d.explanation.prediction for d in run]) for run in (a, b)]
    only = [int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())]
    row = comparison.means.set_index("measure").loc["accuracy"]
    assert (row["a"], row["b"]) == (right[0].mean(), right[1].mean())
    assert row["difference"] == pytest.approx(row["b"] - row["a"])
    assert row["p"] == pytest.approx(stats.binomtest(only[0], sum(only)).pvalue)
    assert row["ci_low"] < row["difference"] < row["ci_high"]
    equal = sum(x.explanation.prediction == y.explanation.prediction for x, y in zip(a, b, strict=True))
    assert comparison.counts["equal_predictions"] == equal
    other = sum(x.explanation.target != y.explanation.target for x, y in zip(a, b, strict=True))
    assert comparison.counts["other_class"] == other > 0


def area(curve, k):
    """AOPC(k) of a text, one term after the other."""
    return sum(curve[0] - curve[min(j, len(curve) - 1)] for j in range(k + 1)) / (k + 1)


def curve_of(document, method):
    return document.random_orders["mean"] if method == "random" else document.curves[method]


@pytest.mark.parametrize("method", METHODS)
def test_faithfulness(runs, comparison, method):
    a, b = (np.array([area(curve_of(d, method), 10) for d in runs[0][i]]) for i in (0, 4))
    table = comparison.means.set_index(["measure", "method"])
    row = table.loc[("AOPC(10)", method)]
    assert (row["a"], row["b"], row["difference"]) == pytest.approx((a.mean(), b.mean(), (b - a).mean()))
    if method != "random":
        assert row["p"] == pytest.approx(stats.ttest_rel(a, b).pvalue)

    def normalised(d):
        curve, bounds = curve_of(d, method), d.bounds
        width = bounds["upper"] - bounds["lower"]
        return (area(curve, len(curve) - 1) - bounds["lower"]) / width if width > 1e-5 else np.nan

    a, b = (np.array([normalised(d) for d in runs[0][i]]) for i in (0, 4))
    row = table.loc[("NAOPC", method)]
    assert row["difference"] == pytest.approx(np.nanmean(b - a))
    assert row["n"] == (~np.isnan(b - a)).sum() < N


def shares_of(document):
    """The share of each word in the score."""
    scores = document.explanation.scores["loo"]
    total = np.abs(scores).sum()
    names = [unit.text.lower() for unit in document.explanation.units]
    return {name: score / total if total else 0.0 for name, score in zip(names, scores, strict=True)}


def words_of(run):
    """For each class and word, its shares by text."""
    found = {}
    for document in run:
        for word, share in shares_of(document).items():
            found.setdefault((document.explanation.target, word), {})[document.id] = share
    return found


def test_words_that_differ(runs, comparison):
    a, b = words_of(runs[0][0]), words_of(runs[0][4])
    classes = runs[0][0][0].explanation.class_names
    expected = {}
    for target, word in a.keys() & b.keys():
        ids = a[target, word].keys() & b[target, word].keys()
        if len(ids) >= MIN_TEXTS:
            expected[classes[target], word] = [[run[target, word][i] for i in sorted(ids)] for run in (a, b)]
    table = comparison.words
    assert set(zip(table["class"], table["word"], strict=True)) == set(expected)
    assert len(table) > 20
    for row in table.to_dict("records"):
        x, y = expected[row["class"], row["word"]]
        test = stats.ttest_rel(y, x)
        assert row["n"] == len(x)
        assert (row["a"], row["b"], row["difference"]) == pytest.approx(
            (np.mean(x), np.mean(y), np.mean(y) - np.mean(x))
        )
        assert row["p"] == pytest.approx(test.pvalue)
        assert (row["ci_low"], row["ci_high"]) == pytest.approx(tuple(test.confidence_interval()))
    assert table["q"].to_numpy() == pytest.approx(stats.false_discovery_control(table["p"]))
    assert table["difference"].abs().is_monotonic_decreasing
    assert "moved" not in table
    assert not len(comparison.moved)


def pull(run, word, target, classes, exponent):
    """The mean power of the shares of a word, counted negative in texts of other classes."""
    terms = []
    for c in classes:
        for share in run.get((c, word), {}).values():
            power = abs(share) ** exponent * (1 if share > 0 else -1)
            terms.append(power if c == target else -power)
    return sum(terms) / len(terms)


def test_words_that_moved_more_than_seeds_move_them(runs, with_seeds):
    order = (0, 1, 2, 3, 4)  # A, references, B
    found = [words_of(runs[0][i]) for i in order]
    classes = runs[0][0][0].explanation.class_names
    paired = {key: len(found[0][key].keys() & found[-1][key].keys()) for key in set.intersection(*map(set, found))}
    texts = {word: sum(n for key, n in paired.items() if key[1] == word) for _, word in paired}
    common = [key for key, n in paired.items() if n and texts[key[1]] >= SEED_TEXTS]
    assert min(paired[key] for key in common) < SEED_TEXTS  # of a class
    assert min(texts.values()) < SEED_TEXTS < max(texts.values())  # of all classes
    classes_of = range(len(classes))
    n = np.mean([[sum(len(run.get((c, word), ())) for c in classes_of) for _, word in common] for run in found[:4]], 0)

    def covariates(of_runs):
        least = 0.1 * np.abs(of_runs).mean()
        return np.log(np.stack([n, np.abs(of_runs.mean(0)) + least], axis=1))

    tests = []
    for exponent in (1, 0.75, 0.5):
        pulls = np.array([[pull(run, word, c, classes_of, exponent) for c, word in common] for run in found])
        without = (moderated_test(np.delete(pulls[:4], i, 0), pulls[i], covariates) for i in range(4))
        apart = np.concatenate([each.difference / each.error for each in without])
        tests.append((fit_tails(apart)[0], moderated_test(pulls[:4], pulls[4], covariates)))
    dfs = [df for df, _ in tests]
    assert len(set(dfs)) == 3
    test = tests[int(np.argmax(dfs))][1]
    assert test.tail_df == pytest.approx(max(dfs))
    table = with_seeds.words.set_index(["class", "word"])
    assert len(table) == len(common)
    rows = table.loc[[(classes[target], word) for target, word in common]]
    assert rows["p_seeds"].to_numpy() == pytest.approx(test.p)
    assert rows["t_seeds"].to_numpy() == pytest.approx(test.difference / test.error)
    means = [np.mean([np.mean(list(run[key].values())) for run in found[:4]]) for key in common]
    assert rows["seeds"].to_numpy() == pytest.approx(means)
    assert rows["q_seeds"].to_numpy() == pytest.approx(stats.false_discovery_control(test.p))
    assert (table["moved"] == (table["q_seeds"] <= 0.05)).all()
    assert rows["ci_low"].isna().to_numpy().tolist() == (rows["n"] < MIN_TEXTS).tolist()


def test_drift_against_seeds(runs, with_seeds):
    row = with_seeds.drift.set_index("method").loc["loo"]
    drift = {
        (i, j): 1 - np.nanmedian(spearmans(runs[0][i], runs[0][j], "loo"))
        for i, j in itertools.combinations(range(5), 2)
    }
    between = np.array([[drift.get((min(i, j), max(i, j)), 0.0) for j in range(4)] for i in range(4)])
    test = predict_drift(between, np.array([drift[i, 4] for i in range(4)]))
    assert row["p_seeds"] == pytest.approx(test.p)
    assert row["seed_high"] == pytest.approx(test.high)
    assert row["seed_drift"] == pytest.approx(np.median([drift[pair] for pair in drift if pair[1] < 4]))
    assert with_seeds.changed == (test.p <= 0.05)
    accuracies = [np.mean([d.label == d.explanation.prediction for d in run]) for run in runs[0]]
    of_accuracy = predict_seed(np.array(accuracies[:4]), accuracies[4], 1 / len(runs[0][0]))
    assert with_seeds.means.loc[0, "p_seeds"] == pytest.approx(of_accuracy.p)


def test_texts_that_are_explained_differently(runs, comparison):
    a, b = runs[0][0], runs[0][4]
    r = spearmans(a, b, "loo")
    equal = np.array([x.explanation.prediction == y.explanation.prediction for x, y in zip(a, b, strict=True)])
    expected = [int(i) for i in np.argsort(np.where(equal, r, np.nan)) if equal[i] and not np.isnan(r[i])][:20]
    table = comparison.texts
    assert table["spearman"].to_numpy() == pytest.approx(r[expected])
    first = a[int(table.loc[0, "id"])]
    assert table.loc[0, "text"] == first.explanation.text
    shares = sorted(shares_of(first).items(), key=lambda pair: -pair[1])[:3]
    assert table.loc[0, "words_a"] == ", ".join(f"{word} {share:+.2f}" for word, share in shares)


def test_only_the_words_of_listed_texts_are_put_together(runs):
    class Counted(list):
        n = 0

        def __getitem__(self, index):
            self.n += 1
            return super().__getitem__(index)

    vocabulary, texts = Vocabulary(str.lower), ChangedTexts("loo")
    step = next(match([runs[1][0], runs[1][4]]).steps(vocabulary))
    vocabulary.words = Counted(vocabulary.words)
    for seed in range(3):
        spearman = np.random.default_rng(seed).uniform(-1, 1, N)
        texts.add(step.words[0], step.words[1], np.where(seed == 2, 1.0, spearman), vocabulary)
        assert 0 < vocabulary.words.n <= 2 * 3 * LISTED * min(seed + 1, 2)


def test_a_text_that_is_barely_among_the_most_different_ones_takes_the_place_of_the_last(runs):
    vocabulary, texts = Vocabulary(str.lower), ChangedTexts("loo")
    block = next(match([runs[1][0], runs[1][4]]).steps(vocabulary)).words[0]
    first, second = np.linspace(-1, 1, len(block)), np.ones(len(block))
    second[3] = first[LISTED - 2 : LISTED].mean()
    for spearman in (first, second):
        texts.add(block, block, spearman, vocabulary)
    assert [row["spearman"] for row in texts.lowest] == [*first[: LISTED - 1], second[3]]


def test_words_that_only_one_run_has_are_those_of_both_runs(runs, tmp_path):
    made = []
    for document in runs[0][0]:
        units = [replace(u, text=u.text + "x") if i % 5 == 0 else u for i, u in enumerate(document.explanation.units)]
        made.append(replace(document, explanation=replace(document.explanation, units=tuple(units))))
    counts = compare(runs[1][0], write(made, tmp_path, "b")).counts
    a, b = ({(d.id, unit.text.lower()) for d in run for unit in d.explanation.units} for run in (runs[0][0], made))
    assert (counts["words"], counts["words_in_one_run"]) == (len(a | b), len(a ^ b))
    assert len(a) == len(b) > len(a & b)


def test_memory_is_that_of_the_words_of_a_class_that_occur():
    n_words, n_classes = 200_000, 20
    word = np.random.default_rng(0).choice(n_words, 300, replace=False)
    block = WordBlock(
        ids=np.arange(3),
        label=np.zeros(3, int),
        target=np.array([0, 7, 19]),
        prediction=np.zeros(3, int),
        probability=np.ones(3),
        document=np.repeat([0, 1, 2], 100),
        word=word,
        scores={"loo": np.linspace(-1, 1, 300)},
        drop=np.zeros(300),
    )
    sums = WordSums(3, n_classes, "loo")
    tracemalloc.start()
    sums.add([block] * 3)
    sums.add([block] * 3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * n_words  # of 10 sums for 4,000,000 pairs that could occur


def test_a_run_is_no_different_from_itself(runs):
    run = runs[1][0]
    comparison = compare(run, run)
    assert (comparison.drift["drift"].abs() < 1e-9).all()
    assert (comparison.means["difference"] == 0).all()
    assert (comparison.means["p"] == 1).all()
    assert (comparison.drift["top_5"] == 1).all()
    assert (comparison.words["difference"] == 0).all()


def test_the_result_does_not_depend_on_files_or_blocks(runs, comparison, tmp_path, monkeypatch):
    whole = [write(runs[0][i], tmp_path, f"run{i}", cut=59) for i in (0, 4)]
    monkeypatch.setattr(runs_in_step.AlikeRuns.steps, "__defaults__", (7,))
    again = compare(*whole, method="loo")
    assert np.allclose(*(c.to_frame().select_dtypes(float) for c in (again, comparison)), equal_nan=True)
    assert again.texts.equals(comparison.texts)


def test_without_references_there_is_no_verdict(comparison, with_seeds):
    assert comparison.changed is None
    assert any(sentence.startswith("No verdict") for sentence in comparison.sentences)
    assert "No verdict" not in str(with_seeds)
    assert "4 seeds (6 pairs" in str(with_seeds)
    assert list(comparison.to_frame().columns)[-1] == "n"
    assert list(with_seeds.to_frame().columns)[-1] == "p_seeds"


def test_hostile_texts_are_escaped(runs, tmp_path):
    made = [
        [replace(d, explanation=replace(d.explanation, class_names=("<b>", "y", "z"))) for d in runs[0][i]]
        for i in (0, 4)
    ]
    comparison = compare(*(write(run, tmp_path, f"<i>{i}") for i, run in enumerate(made)))
    assert "<i>" not in comparison._repr_html_()


def test_texts_of_strangers_do_not_control_a_terminal(runs, tmp_path):
    hostile, made = "\x1b[31m\n", []
    for i in range(4):
        run = []
        for d in runs[0][i]:
            units = tuple(replace(unit, text=unit.text + hostile) for unit in d.explanation.units)
            names = tuple(f"{name}{hostile}" for name in d.explanation.class_names)
            run.append(replace(d, explanation=replace(d.explanation, units=units, class_names=names)))
        made.append(run)
    files = [write(run, tmp_path, f"run{i}") for i, run in enumerate(made)]
    files[0] = replace(files[0], name=f"a{hostile}")
    comparison = compare(files[0], files[3], files[1:3], method="loo")
    comparison = replace(comparison, words=comparison.words.assign(moved=True))
    said = str(comparison)
    assert "\x1b" not in said
    assert "␛[31m (" in said
    assert said.splitlines() == [said.splitlines()[0], *comparison.sentences]
    assert len(said.splitlines()[0].split("␛")) == 2


def short(documents):
    """The same documents, with explanations of one word."""
    made = []
    for document in documents:
        was = document.explanation
        scores = {method: x[:1] for method, x in was.scores.items()}
        curves = {method: x[: len(was.units[:1]) + 1] for method, x in document.curves.items()}
        orders = {name: x[: len(was.units[:1]) + 1] for name, x in document.random_orders.items()}
        explanation = replace(was, units=was.units[:1], scores=scores)
        made.append(replace(document, explanation=explanation, curves=curves, random_orders=orders))
    return made


@pytest.mark.filterwarnings("error")
def test_without_rank_correlations_there_is_no_verdict_on_the_drift(runs, tmp_path):
    files = [write(short(run), tmp_path, f"run{i}") for i, run in enumerate(runs[0])]
    comparison = compare(files[0], files[4], files[1:4], method="loo")
    assert comparison.changed is None
    assert "No verdict on the drift" in str(comparison)
    assert "nan" not in str(comparison)
    (found,) = check(comparison, {"drift": 0.5})
    assert not found.ok
    assert found.message == "drift of the explanations: undefined, but must be at most 0.5"


@pytest.mark.filterwarnings("error")
def test_texts_without_words(runs, tmp_path):
    empty = [write([d for d in run if not d.explanation.units], tmp_path, f"run{i}") for i, run in enumerate(runs[0])]
    comparison = compare(empty[0], empty[4], empty[1:4], method="loo")
    assert comparison.counts["texts"] > 0
    assert len(comparison.words) == 0
    assert "0 of 0 words of a class moved" in str(comparison)


def test_runs_without_a_text_in_common_are_refused(runs, tmp_path):
    paths = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    for path, part, rest in zip(paths, (runs[0][0][:2], runs[0][0][2:4]), (("2", "3"), ("0", "1")), strict=True):
        write_documents(part, path, schema(METHODS, MEASURES), left_out=dict.fromkeys(map(int, rest), "nan"))
    with pytest.raises(GradexplainError, match=r"^a and b have no text with scores in common: evaluate them on"):
        compare(*(RunFiles(path.stem, (path,)) for path in paths))


def test_regression(runs, tmp_path):
    made = [changed(runs[0][i], regression=True, class_names=("x",), target=0, prediction=0) for i in (0, 4)]
    comparison = compare(*(write(run, tmp_path, f"run{i}") for i, run in enumerate(made)), method="loo")
    assert "equal_predictions" not in comparison.counts
    assert len(comparison.texts) == 0
    assert str(comparison).splitlines()[1] == "Compared over 90 texts."
    for name in ("predictions", "accuracy"):
        with pytest.raises(GradexplainError, match=f"the limit '{name}' needs .*a classification model"):
            check(comparison, {name: 0})


@pytest.mark.parametrize("regression", [False, True])
def test_only_probabilities_limit_the_intervals_of_aopc(regression, runs, tmp_path):
    """In two texts, AOPC(10) changes by almost -1 and by almost 1, so the interval is ± 8.3 without limits."""
    flat, falling = np.array([1.0] * 12), np.array([1.0] + [0.0] * 11)
    made = []
    for number, curves in enumerate(((flat, falling), (falling, flat))):
        documents = [
            replace(each, curves=dict.fromkeys(each.curves, curve), random_orders={}, bounds={})
            for each, curve in zip(runs[0][0][:2], curves, strict=True)
        ]
        path = tmp_path / f"{number}.parquet"
        write_documents(changed(documents, regression=regression), path, schema(METHODS))
        made.append(RunFiles(f"run{number}", (path,)))
    table = compare(*made, method="loo").to_frame().set_index(["measure", "method"])
    high = table.loc[("AOPC(10)", "loo"), "ci_high"]
    assert (high > 8) if regression else (high == 2)


def without(documents, ids):
    return [document for document in documents if document.id not in ids]


def test_texts_that_a_run_left_out_are_left_out_of_both(runs, tmp_path):
    a, b = runs[0][0], runs[0][4]
    path = tmp_path / "left.parquet"
    write_documents(without(a, {3, 30}), path, schema(METHODS, MEASURES), left_out={3: "inf", 30: "nan"})
    comparison = compare(RunFiles("left", (path,)), runs[1][4], method="loo")
    expected = compare(*(write(without(run, {3, 30}), tmp_path, str(i)) for i, run in enumerate((a, b))), method="loo")
    assert comparison.to_frame().equals(expected.to_frame())
    assert comparison.counts["left_out"] == 2


def changed(documents, **change):
    return [replace(document, explanation=replace(document.explanation, **change)) for document in documents]


def test_other_texts_are_refused(runs, tmp_path):
    a, run = runs[0][0], runs[1][0]
    with pytest.raises(GradexplainError, match=r"^run0 and b explain different texts \(90 and 88 rows\): evaluate"):
        compare(run, write(without(a, {3, 30}), tmp_path, "b"))
    other = [
        replace(d, explanation=replace(d.explanation, text=d.explanation.text + "!")) if d.id == 7 else d for d in a
    ]
    with pytest.raises(
        GradexplainError, match=r"different texts \(row 7 has another text\): evaluate both on the same"
    ):
        compare(run, write(other, tmp_path, "c"))
    other = [replace(d, label=None) if d.id == 9 else d for d in a]
    with pytest.raises(GradexplainError, match=r"row 9 has another label"):
        compare(run, write(other, tmp_path, "d"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"unit": "word"}, "unit, word_type and word"),
        ({"objective": "logit"}, "objective, loss and logit"),
        ({"mask": "deletion"}, "mask, baseline and deletion"),
        ({"class_names": ("a", "b", "c")}, "class_names"),
    ],
)
def test_runs_that_explain_otherwise_are_refused(runs, tmp_path, change, said):
    with pytest.raises(
        GradexplainError, match=f"run0 and other differ in {said}.*: evaluate both with the same options"
    ):
        compare(runs[1][0], write(changed(runs[0][0], **change), tmp_path, "other"))


@pytest.mark.parametrize("name", ALIKE_OPTIONS)
def test_runs_with_other_options_are_refused(runs, name):
    a, b = runs[1][0], runs[1][4]
    with pytest.raises(
        GradexplainError, match=f"^run0 and run4 differ in {name}, 1 and 2: evaluate both with the same options$"
    ):
        match([replace(a, options={name: 1}), replace(b, options={name: 2})])


def test_other_words_are_refused(runs, tmp_path):
    halves = []
    for document in runs[0][0]:
        explanation = document.explanation
        units = [replace(unit, text=unit.text + "x") if i % 4 else unit for i, unit in enumerate(explanation.units)]
        halves.append(replace(document, explanation=replace(explanation, units=tuple(units))))
    with pytest.raises(
        GradexplainError, match=r"have only \d\d% of their word_type units in common: evaluate both with"
    ):
        compare(runs[1][0], write(halves, tmp_path, "halves"))


def test_runs_with_half_of_all_words_in_common_are_compared(runs, tmp_path):
    """Of three words, two are in both runs, and one more in each of them."""
    documents = [document for document in runs[0][0] if len(document.explanation.units) % 3 == 0]
    assert documents
    halves = []
    for document in documents:
        explanation = document.explanation
        units = [unit if i % 3 else replace(unit, text=unit.text + "x") for i, unit in enumerate(explanation.units)]
        halves.append(replace(document, explanation=replace(explanation, units=tuple(units))))
    result = compare(write(documents, tmp_path, "whole"), write(halves, tmp_path, "halves"))
    assert result.counts["texts"] == len(documents)


def test_one_reference_and_unknown_methods_are_refused(runs):
    a, b, reference, *_ = runs[1]
    with pytest.raises(GradexplainError, match=r"^one reference cannot show .* give two or more"):
        compare(a, b, [reference])
    with pytest.raises(GradexplainError, match="unknown method 'lo': did you mean 'loo'"):
        compare(a, b, method="lo")
