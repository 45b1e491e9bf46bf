"""Agreement with human rationales, against ERASER's measures written with sets of words and scikit-learn."""

import re
from copy import deepcopy

import numpy as np
import pytest
from sklearn.metrics import auc, f1_score, precision_recall_curve

from hf_gradexplain.audit.plausibility.places import Places
from hf_gradexplain.audit.plausibility.plausibility import MEASURES, agreement, plausibility_table, plausibility_tables
from hf_gradexplain.corpus.synthetic import make_corpus
from hf_gradexplain.evaluation.documents import EvaluatedDocument, schema, write_documents
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.text.unit import Unit

METHODS = ("one", "other")


def spans_of(words):
    """The runs of neighbours in a set of words, as sets."""
    spans = []
    for word in sorted(words):
        if word - 1 in words:
            spans[-1].add(word)
        else:
            spans.append({word})
    return spans


def naive(scores, gold, k):
    """The scores of one document: precision and recall of spans, F1 of the words, area under the curve."""
    chosen = {int(word) for word in np.argsort(-scores)[:k]}
    spans = [set(range(*span)) for span in gold]
    matched = [span for span in spans_of(chosen) if any(len(span & g) / len(span | g) >= 0.5 for g in spans)]
    truth = [any(word in span for span in spans) for word in range(len(scores))]
    precision, recall, _ = precision_recall_curve(truth, scores)
    token_f1 = f1_score(truth, [word in chosen for word in range(len(scores))])
    return len(matched) / len(spans_of(chosen)), len(matched) / len(gold), token_f1, auc(recall, precision)


def random_spans(rng, n):
    edges = np.sort(rng.choice(n + 1, size=2 * rng.integers(1, min(4, (n + 1) // 2 + 1)), replace=False))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


@pytest.mark.parametrize("seed", range(25))
def test_a_document_is_compared_as_in_eraser(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 25))
    scores = np.stack([rng.permutation(n), rng.permutation(n)]).astype(float)
    gold, k = random_spans(rng, n) if n > 1 else [(0, 1)], int(rng.integers(1, 9))
    ranks = np.argsort(np.argsort(-scores, axis=1), axis=1)
    expected = [naive(each, gold, min(k, n)) for each in scores]
    np.testing.assert_allclose(agreement(ranks, gold, k), expected, rtol=1e-12)


def test_half_of_the_union_is_a_match_and_less_is_none():
    """The two first words against two of which they hold one more, or one, or none."""
    ranks = np.array([[0, 1, 2, 3, 4]])
    shares = [agreement(ranks, [gold], 2)[0, 0] for gold in [(0, 2), (0, 4), (0, 5), (1, 3), (3, 5)]]
    assert shares == [1, 1, 0, 0, 0]


def test_a_random_order_has_a_larger_area_than_the_share_of_the_rationale():
    """For one word of ten, the area is `1 / (2 r)` if the word has the rank `r > 1`, and 1 if it comes first."""
    orders = np.stack([np.roll(np.arange(10), -r) for r in range(10)])
    areas = agreement(orders, [(0, 1)], 1)[:, 3]
    np.testing.assert_allclose(areas, [1, *(1 / (2 * r) for r in range(2, 11))])
    assert areas.mean() == pytest.approx(0.20, abs=0.005)
    rng = np.random.default_rng(0)
    many = agreement(np.stack([rng.permutation(200) for _ in range(1500)]), [(0, 20)], 20)[:, 3]
    assert many.mean() == pytest.approx(0.11, abs=0.005)


WORDS = ["the", "dull", "film", "is", "the", "worst", "film"]


def document(number, units, rationale, **scores):
    """The text of `WORDS` with units given as lists of positions."""
    starts = [sum(len(word) + 1 for word in WORDS[:i]) for i in range(len(WORDS))]
    spans = [tuple((starts[i], starts[i] + len(WORDS[i])) for i in places) for places in units]
    given = tuple(Unit(WORDS[places[0]], each) for places, each in zip(units, spans, strict=True))
    values = {name: np.array(x, dtype=float) for name, x in scores.items()}
    explanation = Explanation(" ".join(WORDS), given, values, 0, "", 0, np.array([1.0]), "loss", "word")
    curves = {name: np.ones(len(units) + 1) for name in scores}
    marked = None if rationale is None else tuple((starts[a], starts[b - 1] + len(WORDS[b - 1])) for a, b in rationale)
    return EvaluatedDocument(number, None, explanation, curves, {}, rationale=marked)


def written(folder, documents, sizes=(None,)):
    """The documents in files of these sizes."""
    paths, rest = [], list(documents)
    for number, size in enumerate(sizes):
        part, rest = rest[:size], rest[len(rest[:size]) :]
        paths.append(folder / f"{number}.parquet")
        write_documents(part, paths[-1], schema(list(documents[0].curves), more=["rationale"]))
    return paths


ONCE = [[i] for i in range(len(WORDS))]


def some_documents():
    rng = np.random.default_rng(0)
    for number in range(40):
        gold = random_spans(rng, 7) if number % 4 else []
        yield document(number, ONCE, gold, one=rng.permutation(7), other=rng.permutation(7))


def test_the_table_is_that_of_all_documents_and_the_interval_that_of_the_bootstrap(tmp_path):
    documents = list(some_documents())
    table = plausibility_table(written(tmp_path, documents), seed=3).set_index("method")
    starts = np.cumsum([0, *(len(word) + 1 for word in WORDS)])
    golds = [[(int(starts.searchsorted(a)), int(starts.searchsorted(b))) for a, b in d.rationale] for d in documents]
    lengths = [sum(b - a for a, b in gold) for gold in golds if gold]
    k = int(np.mean(lengths) + 0.5)
    assert (list(table.index), set(table["n"]), set(table["n_undefined"]), set(table["k"])) == (
        list(METHODS), {30}, {10}, {k},
    )  # fmt: skip
    counts = np.stack([np.random.default_rng((3, d.id)).poisson(1.0, 1000) for d in documents if d.rationale])
    for method in METHODS:
        values = np.array(
            [naive(d.explanation[method], gold, k) for d, gold in zip(documents, golds, strict=True) if gold]
        )
        resampled = counts.T @ values / counts.sum(0)[:, None]
        for name, of in {
            "iou_f1": lambda x: 2 * x[..., 0] * x[..., 1] / (x[..., 0] + x[..., 1]),
            "token_f1": lambda x: x[..., 2],
            "auprc": lambda x: x[..., 3],
        }.items():
            assert table.loc[method, name] == pytest.approx(of(values.mean(0)), rel=1e-9)
            ends = table.loc[method, [f"{name}_ci_low", f"{name}_ci_high"]].to_numpy(float)
            np.testing.assert_allclose(ends, np.percentile(of(resampled), [2.5, 97.5]), atol=1e-6)


@pytest.mark.parametrize(("lengths", "k"), [([1, 1, 2], 1), ([1, 2], 2), ([1, 0], 1)])
def test_as_many_words_are_predicted_as_a_rationale_has_on_average(tmp_path, lengths, k):
    """Documents without a rationale do not count."""
    golds = [[(0, n)] if n else [] for n in lengths]
    documents = [document(i, ONCE, gold, one=range(7)) for i, gold in enumerate(golds)]
    assert plausibility_table(written(tmp_path, documents))["k"].tolist() == [k]


def test_intervals_of_three_documents_end_at_0_and_1(tmp_path):
    """The two words of the rationale come first in two documents, and last in the third one."""
    good, bad = [5, 7, 6, 4, 3, 2, 1], [5, 1, 2, 4, 3, 6, 7]
    documents = [document(i, ONCE, [(1, 3)], one=bad if i == 2 else good, other=good) for i in range(3)]
    row = plausibility_table(written(tmp_path, documents), seed=3).iloc[0]
    for name in ("iou_f1", "token_f1", "auprc"):
        assert 0 < row[name] < 1
        assert (row[f"{name}_ci_low"], row[f"{name}_ci_high"]) == (0, 1)


def test_the_table_does_not_depend_on_the_files(tmp_path):
    rng = np.random.default_rng(1)  # many equal scores, which are put in random order
    documents = [document(i, ONCE, [(1, 3)], one=rng.integers(3, size=7), other=rng.permutation(7)) for i in range(40)]
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, several = written(tmp_path / "a", documents), written(tmp_path / "b", documents, (7, 1, 20, None))
    assert plausibility_table(one).equals(plausibility_table(several))


def test_a_word_that_occurs_twice_is_two_words(tmp_path):
    """`film` is in the rationale once; both places of it are predicted, and one of them is half of its span."""
    types = [[0, 4], [1], [2, 6], [3], [5]]
    paths = written(tmp_path, [document(0, types, [(1, 3)], one=[0, 1, 3, 0.5, 0.2])])
    (row,) = plausibility_table(paths).to_dict("records")
    assert (row["k"], row["token_f1"], row["iou_f1"]) == (2, 0.5, pytest.approx(2 / 3))
    assert all(np.isnan(row[f"{name}_ci_{end}"]) for name in MEASURES for end in ("low", "high"))


def test_equal_scores_are_in_random_order_and_the_same_for_every_method(tmp_path):
    documents = [document(i, ONCE, [(0, 2)], one=np.zeros(7), other=np.ones(7)) for i in range(200)]
    first, second = plausibility_table(written(tmp_path, documents)).drop(columns="method").to_dict("records")
    assert first == second
    assert first["token_f1"] == pytest.approx(2 / 7, abs=0.07)


def test_without_a_word_of_a_rationale_there_is_no_number(tmp_path):
    documents = [document(0, ONCE, [], one=range(7)), document(1, ONCE[3:], [(0, 2)], one=range(4))]
    (row,) = plausibility_table(written(tmp_path, documents)).to_dict("records")
    assert (row["n"], row["n_undefined"], row["k"]) == (0, 2, 0)
    assert np.isnan([row["iou_f1"], row["token_f1_ci_low"], row["auprc"]]).all()
    write_documents([document(0, ONCE, None, one=range(7))], tmp_path / "none.parquet", schema(["one"]))
    assert plausibility_tables([tmp_path / "none.parquet"]) == {}


def test_a_word_belongs_to_the_spans_that_it_shares_a_character_with():
    explanation = document(0, ONCE, [], one=range(7)).explanation
    places = Places.of(explanation, np.random.default_rng(0))
    assert [explanation.text[a:b] for a, b in places.spans] == WORDS
    assert places.ranks.tolist() == [[6, 5, 4, 3, 2, 1, 0]]
    assert places.ranges([(4, 5), (5, 8), (7, 10), (7, 9), (8, 9), (12, 14)]) == [(1, 2), (1, 3), (2, 3)]
    assert places.ranges([(8, 13)]) == [(2, 3)], "dull ends where the span begins"
    assert places.inside([(7, 9), (12, 14)]).tolist() == [False, True, True, False, False, False, False]


def test_words_without_characters_stand_nowhere():
    """The parts of a character of several tokens: the first one has its place and the sum of the scores."""
    units = (Unit("電", ((0, 1),)), Unit("電", ((1, 1),)), Unit("!", ((1, 2),)))
    explanation = Explanation(
        "電!", units, {"one": np.array([1.0, 5.0, 3.0])}, 0, "", 0, np.array([1.0]), "loss", "token"
    )
    places = Places.of(explanation, np.random.default_rng(0))
    assert (places.spans.tolist(), places.ranks.tolist()) == ([[0, 1], [1, 2]], [[0, 1]])


def test_the_planted_words_of_the_generated_corpus_are_found_by_their_weights(tmp_path):
    corpus = make_corpus(n_train=1, n_test=60)
    documents = []
    for row in corpus.test:
        spans = [(m.start(), m.end()) for m in re.finditer(r"\w+", row["text"])]
        weights = np.array([corpus.weight(row["text"][a:b], row["label"]) for a, b in spans])
        units = tuple(Unit(row["text"][a:b], ((a, b),)) for a, b in spans)
        scores = {"weight": weights, "random": np.random.default_rng(row["id"]).permutation(len(spans)).astype(float)}
        explanation = Explanation(row["text"], units, scores, 0, "", 0, np.array([1.0]), "loss", "word")
        curves = {name: np.ones(len(units) + 1) for name in scores}
        planted = tuple(span for span, weight in zip(spans, weights, strict=True) if weight > 0)
        documents.append(EvaluatedDocument(row["id"], None, explanation, curves, {}, rationale=planted))
    table = plausibility_table(written(tmp_path, documents)).set_index("method")
    assert table.loc["weight", "auprc"] == 1
    assert table.loc["weight", "token_f1"] > 0.8 > 2 * table.loc["random", "token_f1"]


def test_the_order_of_equal_scores_is_drawn_apart_from_the_bootstrap(tmp_path, monkeypatch):
    of, drawn = Places.of, []

    def spy(explanation, rng):
        drawn.append(deepcopy(rng).random())
        return of(explanation, rng)

    monkeypatch.setattr(Places, "of", spy)
    plausibility_table(written(tmp_path, [document(7, ONCE, [(0, 2)], one=np.zeros(7))]), seed=3)
    assert len(set(drawn)) == 1
    assert np.random.default_rng((3, 7)).random() not in drawn
