"""Rounds of sanity checks: texts that cannot be scored, and the same question in each round."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
import torch

from hf_gradexplain.attribution import formulas
from hf_gradexplain.attribution.methods import METHODS, Method
from hf_gradexplain.attribution.sources import Source
from hf_gradexplain.audit.sanity.rounds import explain_round
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.errors import GradexplainError, NotFiniteError
from hf_gradexplain.options import Options
from tests.helpers.tiny import CORPUS, explainer

REASON = "the scores of 'fragile' are not finite in float64: load the model in a wider dtype, or fix its weights"
TEXTS = [*CORPUS, "a good film about one word", "not all of this is bad music", "this actor is the worst of them"]
BAD = "qqq is a word"
MIXED = [BAD, *TEXTS[:3], BAD, *TEXTS[3:]]
KEPT = [1, 2, 3, 5, 6, 7, 8, 9]


@dataclass(frozen=True)
class Fragile(Source):
    """The lengths of words, which no model knows of; they are not finite for some texts.

    Attributes:
        breaks: Whether the scores of a text with this number of words are not finite, given the model.
    """

    breaks: object

    def __call__(self, forward):
        scores = torch.zeros(forward.batch.units.real.shape, dtype=torch.float64)
        for row, document in zip(scores, forward.batch.documents, strict=True):
            if self.breaks(document.text, forward.classifier.model):
                raise NotFiniteError("the scores of 'fragile'", "float64")
            spans = [unit.spans[0] for unit in document.occurrences.units()]
            row[: len(spans)] = torch.tensor([stop - start for start, stop in spans])
        return scores


def fragile(monkeypatch, breaks):
    monkeypatch.setitem(METHODS, "fragile", Method(Fragile(breaks), formulas.as_is, False, "the length of the word"))


@pytest.fixture
def bad_texts(monkeypatch):
    fragile(monkeypatch, lambda text, model: text == BAD)


def same(found, expected):
    for a, b in ((found.checks, expected.checks), (found.randomisation, expected.randomisation)):
        pd.testing.assert_frame_equal(a, b, rtol=1e-9)


@pytest.mark.parametrize(
    "options",
    [
        {"labels": [2, 0, 1, 2, 2, 0, 1, 2, 0, 1]},
        {"objective": "contrast", "against": "runner_up"},
        {"against": "rest"},
    ],
)
def test_texts_without_scores_change_nothing(bad_texts, options):
    engine, methods = explainer("textcnn"), ("fragile", "loo", "random")
    found = engine.sanity(MIXED, methods, **options)
    if "labels" in options:
        options = {"labels": [options["labels"][i] for i in KEPT]}
    expected = engine.sanity(TEXTS, methods, **options)
    same(found, expected)
    assert (found.texts, found.rounds) == (len(TEXTS), expected.rounds)
    assert found.left_out == {0: REASON, 4: REASON}
    assert expected.left_out == {}


def test_the_report_says_which_text_is_left_out(bad_texts):
    report = explainer("textcnn").sanity([TEXTS[0], BAD], "fragile").report()
    assert len(report) == 4
    check = report[-1]
    assert (check.name, check.verdict, check.action) == ("texts without scores", "note", "nothing to do")
    assert check.found == f"1 text left out, for example the text at position 1: {REASON}"
    assert len(explainer("textcnn").sanity([TEXTS[0]], "fragile").report()) == 3


def test_at_least_one_text_has_scores(bad_texts):
    with pytest.raises(GradexplainError, match=r"^the only text is left out: the scores of 'fragile' are not finite"):
        explainer("textcnn").sanity(BAD, "fragile")
    with pytest.raises(GradexplainError, match=r"^all 2 texts are left out, for example text 0: the scores of"):
        explainer("textcnn").sanity([BAD, BAD], "fragile")


def test_a_text_that_random_models_cannot_score_has_no_correlation(monkeypatch):
    engine = explainer("textcnn")
    own = engine.model.classifier.weight
    fragile(monkeypatch, lambda text, model: text == TEXTS[2] and model.classifier.weight is not own)
    result = engine.sanity(TEXTS, ("fragile", "loo"))
    assert (result.texts, result.left_out) == (len(TEXTS), {})
    for frame in (result.checks, result.randomisation):
        assert set(frame["n"]) == {len(TEXTS) - 1}
        assert set(frame["n_undefined"]) == {1}


def test_scores_of_a_round():
    engine, options = explainer("textcnn"), Options(("loo",), against="runner_up")
    documents = engine.encode(TEXTS, options)
    found, explanations = explain_round(engine, documents, options, None), engine(TEXTS, "loo", against="runner_up")
    assert found.targets == {i: explanation.target for i, explanation in enumerate(explanations)}
    assert found.against == {i: explanation.against for i, explanation in enumerate(explanations)}
    assert (found.precision, found.left_out) == ("float64", {})
    for scores, explanation in zip(found.scores["loo"], explanations, strict=True):
        assert scores == pytest.approx(explanation["loo"])
    labelled = explain_round(engine, documents[:2], Options(("loo",), target="label"), [2, 1])
    assert labelled.targets == labelled.against == {0: 2, 1: 1}
    in_half = explain_round(engine, documents[:1], Options(("loo",), mixed_precision="bf16"), None)
    assert in_half.precision == engine(TEXTS[0], "loo", mixed_precision="bf16").dtype


def test_scores_of_a_text_that_is_left_out_are_undefined(bad_texts):
    engine, options = explainer("textcnn"), Options(("fragile", "loo"))
    found = explain_round(engine, engine.encode([BAD, TEXTS[0]], options), options, None)
    assert found.left_out == {0: REASON}
    assert set(found.targets) == set(found.against) == {1}
    for scores in found.scores.values():
        assert np.isnan(scores[0]).tolist() == [True] * len(BAD.split())
        assert not np.isnan(scores[1]).any()


@pytest.mark.parametrize("against", ["runner_up", "rest", 2, None])
def test_all_rounds_compare_the_same_classes(monkeypatch, against):
    """A random model has another runner-up."""
    seen, score = {}, AttributionEngine.score

    def spy(engine, documents, options, *given, **more):
        for batch in score(engine, documents, options, *given, **more):
            inputs = batch.forward.batch
            for row, document in enumerate(inputs.documents):
                other = None if inputs.against is None else int(inputs.against[row])
                seen.setdefault(document.text, []).append((int(inputs.target[row]), other))
            yield batch

    monkeypatch.setattr(AttributionEngine, "score", spy)
    target = 0 if against == 2 else "predicted"
    result = explainer("textcnn").sanity(TEXTS, ("loo", "random"), target=target, against=against)
    assert min(map(len, seen.values())) == result.rounds
    assert all(len(set(pairs)) == 1 for pairs in seen.values())
    expected = explainer("textcnn")(TEXTS, "loo", target=target, against=against)
    assert {text: pairs[0] for text, pairs in seen.items()} == {
        each.text: (each.target, -2 if against == "rest" else each.against) for each in expected
    }


def test_the_target_label_needs_labels():
    with pytest.raises(GradexplainError, match=r"^target='label' needs labels="):
        explainer("textcnn").sanity(TEXTS[:2], "loo", target="label")
