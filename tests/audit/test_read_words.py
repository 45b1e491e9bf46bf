"""Words read from document files, compared with dictionaries over the explanations."""

from dataclasses import replace

import numpy as np
import pytest

from hf_gradexplain.audit.read_words import Vocabulary, methods_of, read_words
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.documents import EvaluatedDocument, iterate_documents, schema, write_documents
from tests.helpers.tiny import TEXTS, explainer

METHODS = ("loo", "signed_gi", "random")


def evaluated(problem_type="single_label_classification", labels=None, **options):
    options = {"methods": METHODS, "unit": "word", **options}
    return explainer("textcnn", problem_type).evaluate(list(TEXTS), labels=labels, progress=False, **options)


def in_dictionaries(documents, key, method):
    """Return for each document the sum of the scores and the number of units by word, in the order of the text."""
    for document in documents:
        scores, units = {}, {}
        for unit, score in zip(document.explanation.units, document.explanation.scores[method], strict=True):
            scores[key(unit.text)] = scores.get(key(unit.text), 0.0) + score
            units[key(unit.text)] = units.get(key(unit.text), 0) + 1
        yield scores, units


@pytest.mark.parametrize(
    ("size", "key", "labels"), [(2, None, [1, 0, 2, 2, 1, 0]), (256, None, None), (4, lambda text: text[:1], None)]
)
def test_words_of_a_document_are_merged_by_their_key(size, key, labels):
    result = evaluated(labels=labels)
    vocabulary, rows = Vocabulary(key), []
    for block in read_words(result.documents, vocabulary, size=size):
        assert len(block) <= size
        np.testing.assert_array_equal(block.counts, [(block.document == i).sum() for i in range(len(block))])
        for i in range(len(block)):
            of = block.document == i
            words = [vocabulary.words[code] for code in block.word[of]]
            facts = [int(column[i]) for column in (block.ids, block.label, block.target, block.prediction)]
            scores = {name: dict(zip(words, values[of], strict=True)) for name, values in block.scores.items()}
            rows.append((facts, scores, np.isnan(block.drop[of])))
    documents = list(iterate_documents(result.documents))
    assert len(rows) == len(documents) == len(TEXTS)
    for (facts, scores, unknown), document in zip(rows, documents, strict=True):
        label = -1 if document.label is None else document.label
        assert facts == [document.id, label, document.explanation.target, document.explanation.prediction]
        for method in METHODS:
            ((expected, units),) = in_dictionaries([document], key or str, method)
            assert list(scores[method]) == list(expected)
            np.testing.assert_allclose(list(scores[method].values()), list(expected.values()), rtol=1e-12)
            assert unknown.tolist() == [n > 1 for n in units.values()]


KINDS = [
    ("single_label_classification", "loss"),
    ("single_label_classification", "prob"),
    ("single_label_classification", "contrast"),
    ("multi_label_classification", "loss"),
    ("regression", "loss"),
    ("regression", "logit"),
]


@pytest.mark.parametrize(("problem_type", "objective"), KINDS)
def test_the_drop_is_that_of_the_probability_when_the_word_is_masked(problem_type, objective):
    against = {"target": "predicted", "against": "runner_up"} if objective == "contrast" else {"target": 0}
    result = evaluated(problem_type, unit="word_type", objective=objective, **against)
    (block,) = read_words(result.documents, Vocabulary(), ["loo"])
    for i, document in enumerate(iterate_documents(result.documents)):
        curve, loo = document.curves["loo"], document.explanation.scores["loo"]
        assert block.probability[i] == curve[0]
        if len(loo):
            drop = block.drop[block.document == i][loo.argmax()]
            assert drop == pytest.approx(curve[0] - curve[1], abs=1e-9)


def test_a_drop_is_unknown_without_leave_one_out_and_under_the_objective_logit():
    for options in ({"methods": ["signed_gi"]}, {"objective": "logit", "target": 0}):
        result = evaluated(unit="word_type", **options)
        (block,) = read_words(result.documents, Vocabulary())
        assert len(block.drop)
        assert np.isnan(block.drop).all()


def test_methods_are_read_in_the_order_asked_for():
    result = evaluated()
    assert methods_of(result.documents) == METHODS
    (block,) = read_words(result.documents, Vocabulary(), ["random", "signed_gi"])
    assert list(block.scores) == ["random", "signed_gi"]
    with pytest.raises(GradexplainError) as caught:
        list(read_words(result.documents, Vocabulary(), ["shapley"]))
    assert str(caught.value) == "the run has no scores of 'shapley': choose among loo, signed_gi, random"


def test_documents_without_texts_are_refused(tmp_path):
    result = evaluated()
    rows = [document.to_row() for document in iterate_documents(result.documents)]
    for row in rows:
        row["units"] = replace(row["units"], texts=[None] * len(row["units"].texts))
    path = tmp_path / "0.parquet"
    write_documents([EvaluatedDocument.from_row(row) for row in rows], path, schema(METHODS))
    with pytest.raises(GradexplainError) as caught:
        list(read_words([path], Vocabulary()))
    assert str(caught.value) == "these documents were published without their texts: give the folder of the run itself"
