"""Hybrid documents: how they are made, what is a hit, and the table."""

import re
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import norm

from hf_gradexplain import Explainer
from hf_gradexplain.audit.plausibility.hybrid import (
    HybridDocument,
    hybrid_hits,
    hybrid_table,
    labelled_hybrids,
    make_hybrids,
)
from hf_gradexplain.audit.plausibility.places import Places
from hf_gradexplain.corpus.synthetic import make_corpus
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.options import Options
from hf_gradexplain.text.sentences import sentences
from hf_gradexplain.text.unit import Unit
from tests.helpers.tiny import explainer, make

TEXTS = ["One is here. Two is there. Three is gone.", "Vier ist da.", "  ", "Good! Bad? So so.", "No class at all."]
LABELS = [0, 1, 1, 2, None]
SENTENCES = 5  # twice five are the ten of Poerner et al.


def test_a_document_holds_as_many_sentences_of_each_of_two_classes():
    hybrids = make_hybrids(TEXTS, LABELS, 80)
    for hybrid in hybrids:
        first, second = hybrid.sources
        assert LABELS[first] != LABELS[second]
        counts = [len(hybrid.of_class(LABELS[source])) for source in hybrid.sources]
        assert counts == [min(len(sentences(TEXTS[source])) for source in hybrid.sources)] * 2
        for start, end, label in hybrid.sentences:
            source = next(source for source in hybrid.sources if LABELS[source] == label)
            assert hybrid.text[start:end] in [TEXTS[source][a:b] for a, b in sentences(TEXTS[source])]
        assert " ".join(hybrid.text[start:end] for start, end, _ in hybrid.sentences) == hybrid.text
    assert {source for hybrid in hybrids for source in hybrid.sources} == {0, 1, 3}, "with a class, and not empty"
    assert len({hybrid.text for hybrid in hybrids}) > 20


def test_the_sentences_of_a_text_are_drawn_without_replacement_and_in_random_order():
    texts = [" ".join(f"This is {word} {i}." for i in range(2 * SENTENCES)) for word in ("one", "two")]
    hybrids = make_hybrids(texts, [0, 1], 30)
    for hybrid in hybrids:
        parts = [hybrid.text[start:end] for start, end, _ in hybrid.sentences]
        assert len(set(parts)) == len(parts) == 2 * SENTENCES
        assert sum("one" in part for part in parts) == SENTENCES
    assert len({tuple(label for _, _, label in hybrid.sentences) for hybrid in hybrids}) > 20


def test_a_document_depends_on_its_number_and_the_seed_alone():
    assert make_hybrids(TEXTS, LABELS, 20)[:5] == make_hybrids(TEXTS, LABELS, 5)
    assert make_hybrids(TEXTS, LABELS, 5, seed=1) != make_hybrids(TEXTS, LABELS, 5)


@pytest.mark.parametrize("labels", [[0, 0, 1, 0, None], [None] * 5])
def test_one_class_is_not_enough(labels):
    with pytest.raises(
        GradexplainError, match=r"sentences of two classes, but the number of classes among the labels is [01]:"
    ):
        make_hybrids(TEXTS, labels, 3)


HYBRID = HybridDocument("good one. bad bad two.", ((0, 9, 1), (10, 22, 0)), (0, 1))


def explained(prediction, units=None, **scores):
    words = ["good", "one", "bad", "bad", "two"]
    spans = [(0, 4), (5, 8), (10, 13), (14, 17), (18, 21)]
    units = units or [[i] for i in range(5)]
    given = tuple(Unit(words[places[0]], tuple(spans[i] for i in places)) for places in units)
    values = {name: np.array(x, dtype=float) for name, x in scores.items()}
    return Explanation(HYBRID.text, given, values, prediction, "", prediction, np.ones(3) / 3, "loss", "word")


def test_a_hit_is_a_highest_scored_word_in_a_sentence_of_the_predicted_class():
    explanations = [
        (0, explained(1, first=[9, 1, 2, 3, 4], last=[0, 1, 2, 3, 4])),
        (1, explained(0, first=[9, 1, 2, 3, 4], last=[0, 1, 2, 3, 4])),
        (2, explained(2, first=[9, 1, 2, 3, 4], last=[0, 1, 2, 3, 4])),
    ]
    hits = hybrid_hits(explanations, [HYBRID] * 3)
    assert hits["word"].tolist() == ["good", "two"] * 3
    assert hits["hit"].tolist()[:4] == [True, False, False, True]
    assert hits["hit"].isna().tolist() == [False] * 4 + [True] * 2
    assert hits["chance"].tolist()[:4] == [0.4, 0.4, 0.6, 0.6]
    table = hybrid_table(hits).set_index("method")
    assert table[["hit_rate", "chance", "n", "n_undefined"]].values.tolist() == [[0.5, 0.5, 2, 1]] * 2


def test_documents_whose_right_sentences_were_not_read_are_not_counted():
    cut = HybridDocument(HYBRID.text, ((0, 21, 0), (21, 22, 1)), (0, 1))
    (row,) = hybrid_table(hybrid_hits([(0, explained(1, a=range(5)))], [cut])).to_dict("records")
    assert (row["n"], row["n_undefined"]) == (0, 1)
    assert np.isnan([row["hit_rate"], row["ci_low"], row["chance"]]).all()


def test_a_document_of_which_no_word_was_read_has_no_highest_scored_word():
    unread = replace(explained(1), units=(), scores={"loo": np.zeros(0), "random": np.zeros(0)})
    hits = hybrid_hits([(4, unread)], [HYBRID] * 5)
    assert hits[["document", "method", "word"]].values.tolist() == [[4, "loo", ""], [4, "random", ""]]
    assert hits[["hit", "chance"]].isna().all(axis=None)


def test_equal_scores_hit_as_often_as_chance():
    """Also those of a word that occurs in both sentences."""
    explanations = [(i, explained(1, [[0, 2, 3], [1], [4]], a=[1, 0, 0])) for i in range(900)]
    table = hybrid_table(hybrid_hits(explanations, [HYBRID] * 900))
    assert table["hit_rate"].item() == pytest.approx(1 / 3, abs=0.05)


def test_the_order_of_equal_scores_is_drawn_apart_from_the_bootstrap(monkeypatch):
    of, drawn = Places.of, []

    def spy(explanation, rng):
        drawn.append(deepcopy(rng).random())
        return of(explanation, rng)

    monkeypatch.setattr(Places, "of", spy)
    hybrid_hits([(0, explained(1, a=range(5)))], [HYBRID], seed=3)
    assert drawn
    assert np.random.default_rng((3, 0)).random() not in drawn


def test_the_interval_is_that_of_wilson():
    hits = pd.DataFrame({"method": ["a"] * 40, "hit": [True] * 31 + [False] * 9, "chance": [0.5] * 40})
    (row,) = hybrid_table(hits.astype({"hit": "boolean"})).to_dict("records")
    n, p, z = 40, 31 / 40, norm.ppf(0.975)
    centre, half = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert [row["ci_low"], row["ci_high"]] == pytest.approx(
        [(centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n)]
    )


def test_the_planted_weights_of_the_generated_corpus_point_to_the_right_sentence():
    """The class that is explained is that of the highest sum of weights; a word of its sentence has the most of it."""
    corpus = make_corpus(n_train=1, n_test=120)
    hybrids = make_hybrids(corpus.test["text"][:], corpus.test["label"][:], 150)
    explanations = []
    for number, hybrid in enumerate(hybrids):
        spans = [(m.start(), m.end()) for m in re.finditer(r"\w+", hybrid.text)]
        units = tuple(Unit(hybrid.text[a:b], ((a, b),)) for a, b in spans)
        prediction = int(np.argmax([corpus.weight(hybrid.text, c) for c in range(4)]))
        weights = np.array([corpus.weight(unit.text, prediction) for unit in units])
        scores = {"weight": weights, "random": np.random.default_rng(number).permutation(len(units)).astype(float)}
        explanations.append(
            (
                number,
                Explanation(hybrid.text, units, scores, prediction, "", prediction, np.ones(4) / 4, "loss", "word"),
            )
        )
    table = hybrid_table(hybrid_hits(explanations, hybrids)).set_index("method")
    assert table.loc["weight", "ci_low"] > 0.85 > table.loc["random", "ci_high"]
    assert table.loc["random", "ci_low"] < table.loc["random", "chance"] < table.loc["random", "ci_high"]


SMALL = ["good film. the end is good", "bad film. the end is bad", "a good actor", "the music of this film"]


@pytest.fixture(scope="module")
def result():
    return explainer("textcnn").hybrid_documents(SMALL, ["random", "loo"], labels=[0, 1, 2, 0], n=30)


def test_the_predicted_class_is_explained(result):
    assert len(result.documents) == len(result.explanations) == 30
    for document, explanation in zip(result.documents, result.explanations, strict=True):
        assert explanation.text == document.text
        assert explanation.target == explanation.prediction == explanation.probabilities.argmax()
        assert not explanation.self_check
    hits = result.hits[result.hits["method"] == "loo"]
    for explanation, word in zip(result.explanations, hits["word"], strict=True):
        assert explanation["loo"].max() == pytest.approx(
            max(explanation["loo"][i] for i, u in enumerate(explanation.units) if u.text == word)
        )
    table = result.to_frame()
    assert table["method"].tolist() == ["random", "loo"]
    assert table.equals(hybrid_table(result.hits))
    page = Path(__file__).parents[3] / "docs" / "documents.md"
    assert f"| `hybrid` | `{', '.join(table.columns)}` |" in page.read_text(encoding="utf-8")


def test_it_is_shown(result):
    assert repr(result).startswith("30 hybrid documents\nHow often the highest-scored word stands in a sentence")
    assert "hit_rate" in result._repr_html_()
    assert f"{result.to_frame()['hit_rate'][1]:.3f} [" in repr(result)


CHAT = [{"role": "user", "content": "a"}]
SINGLE = "hybrid documents join sentences of single texts, not of pairs or conversations"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n must be a number of documents, 1 or larger, but is 0"),
        ({"texts": [("a", "b")] * 4}, SINGLE),
        ({"texts": [CHAT] * 4}, SINGLE),
        ({"labels": [1] * 4}, "the number of classes among the labels is 1: give texts of at least two classes"),
        ({"target": 1}, "unknown option 'target'"),
        (
            {"objective": "contrast"},
            "hybrid documents explain the predicted class alone: choose objective='loss', 'logit' or 'prob'",
        ),
        ({"objectiv": "loss"}, "unknown option 'objectiv': did you mean 'objective'"),
    ],
)
def test_what_cannot_be_joined_is_refused(arguments, message):
    given = {"texts": SMALL, "labels": [0, 1, 2, 0], "methods": "random", **arguments}
    with pytest.raises(GradexplainError) as error:
        explainer("textcnn").hybrid_documents(**given)
    assert message in str(error.value)


def test_one_document_is_enough():
    found = explainer("textcnn").hybrid_documents(SMALL, labels=[0, 1, 2, 0], n=1, methods="random")
    assert len(found.documents) == len(found.explanations) == 1
    assert repr(found).startswith("1 hybrid document\n")


def test_a_model_of_one_output_has_no_classes():
    with pytest.raises(GradexplainError, match="need a model of several classes, but BertForSequenceClassification"):
        labelled_hybrids(explainer("bert", "regression"), SMALL, [0, 1, 2, 0], Options(), 3)


def test_an_evaluation_refuses_them_before_it_begins():
    explain = explainer("textcnn")
    with pytest.raises(GradexplainError, match=r"new texts, so the given units do not fit them: give unit='word'"):
        explain.evaluate(SMALL[:2], "random", labels=[0, 1], units=lambda text: [(0, 4)], hybrid_documents=2)
    with pytest.raises(GradexplainError, match="hybrid_documents must be a number of documents, 0 or larger"):
        explain.evaluate(SMALL[:2], "random", labels=[0, 1], hybrid_documents=-1, progress=False)
    with pytest.raises(GradexplainError, match="hybrid documents join sentences of two classes, but the number of"):
        explain.evaluate(SMALL[:2], methods="random", hybrid_documents=2, progress=False)


def test_an_evaluation_of_a_contrast_can_have_them():
    explain = explainer("textcnn")
    given = {"labels": [0, 1, 2, 0], "against": "runner_up", "hybrid_documents": 3, "progress": False}
    result = explain.evaluate(SMALL, "loo", **given)
    assert result.run.inputs["objective"] == "contrast"
    alone = explain.hybrid_documents(SMALL, "loo", labels=[0, 1, 2, 0], n=3)
    assert result.hybrid.equals(alone.to_frame())
    (part,) = explain.evaluate(SMALL, "loo", dry_run=True, **given).parts
    assert (part.name, part.estimate.documents) == ("hybrid documents", 3)


def overflowing(*words):
    """Return an explainer whose logits are infinite for texts with these words."""
    engine = Explainer(*make("fasttext"))
    (ids,) = zip(*engine.tokenizer(list(words), add_special_tokens=False)["input_ids"], strict=True)
    with torch.no_grad():
        engine.model.get_input_embeddings().weight[list(ids)] = 1e308
        engine.model.classifier.weight[0] = 1e3
    return engine


def test_documents_without_scores_are_left_out():
    explain = overflowing("music")
    result = explain.hybrid_documents(SMALL, ["loo", "random"], labels=[0, 1, 2, 0], n=20)
    bad = [i for i, document in enumerate(result.documents) if "music" in document.text]
    good = [i for i in range(20) if i not in bad]
    assert len(result.documents) == 20
    assert list(result.left_out) == bad != []
    assert [each.text for each in result.explanations] == [result.documents[i].text for i in good]
    assert result.hits["document"].tolist() == [i for i in good for _ in range(2)]
    assert set(result.to_frame()["n"] + result.to_frame()["n_undefined"]) == {len(good)}
    said = f"{len(bad)} documents left out, for example document {bad[0]}: the model's logits are not finite in float64"
    assert said in repr(result)
    assert said.replace("'", "&#39;") in result._repr_html_()
    assert "left out" not in repr(replace(result, left_out={}))
    run = explain.evaluate(SMALL, ["loo", "random"], labels=[0, 1, 2, 0], hybrid_documents=20, progress=False)
    assert run.hybrid.equals(result.to_frame())


def test_documents_that_all_have_no_scores_are_refused():
    with pytest.raises(
        GradexplainError, match=r"^all 3 hybrid documents are left out, for example hybrid document 0: "
    ):
        overflowing("film", "a").hybrid_documents(SMALL[:3], "loo", labels=[0, 1, 2], n=3)
