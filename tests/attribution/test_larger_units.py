"""Scores of sentences, clauses and given spans, compared with their definition written naively."""

from itertools import pairwise

import numpy as np
import pytest

from hf_gradexplain.attribution.methods import METHODS
from tests.helpers.naive import NaiveReader, gradient_score, loss_of
from tests.helpers.tiny import OF_ONE_PASS, explainer

GRADIENT_METHODS = ("sa_raw", "sa_l1", "sa_l2", "sa_linf", "signed_gi")
TRANSFORMERS = ("bert", "gpt2", "bart")
TEXT = "the good film is not bad, the actor is good. the end is bad: the worst of all! a good word"
DIVISIONS = {
    "sentence": [(0, 44), (45, 78), (79, 90)],
    "clause": [(0, 25), (26, 44), (45, 60), (61, 78), (79, 90)],
    "custom": [(4, 13), (14, 24), (49, 60), (61, 70)],
}


def explain(kind, methods, division, **options):
    given = {"units": DIVISIONS["custom"]} if division == "custom" else {"unit": division}
    return explainer(kind)(TEXT, methods, **given, **options)


def tokens_of(reader, spans):
    """Return the tokens of each span: those whose first character is in it, spaces left out."""
    firsts = {t: a + len(TEXT[a:b]) - len(TEXT[a:b].lstrip()) for t, (a, b) in enumerate(reader.offsets)}
    return [[t for t in reader.tokens if start <= firsts[t] < end] for start, end in spans]


@pytest.mark.parametrize("division", DIVISIONS)
@pytest.mark.parametrize("kind", [*TRANSFORMERS, "fasttext", "textcnn", "bilstm"])
def test_every_method_agrees_with_its_definition_written_naively(kind, division):
    reader = NaiveReader(explainer(kind).model, explainer(kind).tokenizer, TEXT)
    loss = loss_of("loss", "single_label_classification", 1)
    vectors = {t: reader.vector(t) for t in reader.tokens}
    grads, plain = reader.gradients(loss), loss(reader.logits()).item()
    explanation = explain(kind, ("loo", "occlusion", *GRADIENT_METHODS), division, labels=1, occlusion_window=2)
    units = tokens_of(reader, DIVISIONS[division])
    assert [unit.spans for unit in explanation.units] == [(span,) for span in DIVISIONS[division]]
    assert explanation.unit == division
    expected = {
        method: [gradient_score(method, u, reader.ids, grads, vectors) for u in units] for method in GRADIENT_METHODS
    }
    expected["loo"] = [loss(reader.logits_without(u)).item() - plain for u in units]
    pairs = [loss(reader.logits_without(a + b)).item() - plain for a, b in pairwise(units)]
    expected["occlusion"] = [np.mean(pairs[max(u - 1, 0) : u + 1]) for u in range(len(units))]
    for method, scores in expected.items():
        assert explanation.scores[method] == pytest.approx(scores, rel=1e-9, abs=1e-12), method


@pytest.mark.parametrize("division", DIVISIONS)
@pytest.mark.parametrize("kind", TRANSFORMERS)
def test_a_signed_score_is_the_sum_of_the_words_scores(kind, division):
    methods = [name for name in OF_ONE_PASS if METHODS[name].signed and not METHODS[name].source.masks]
    words, larger = explainer(kind)(TEXT, methods, labels=1), explain(kind, methods, division, labels=1)
    starts = np.array([unit.spans[0][0] for unit in words.units])
    for name in methods:
        sums = [words[name][(starts >= start) & (starts < end)].sum() for start, end in DIVISIONS[division]]
        assert larger[name] == pytest.approx(sums, rel=1e-9, abs=1e-12), name


@pytest.mark.parametrize("division", DIVISIONS)
def test_gradient_times_input_has_a_row_per_unit(division):
    given = {"units": DIVISIONS["custom"]} if division == "custom" else {"unit": division}
    table = explainer("bert").gradient_times_input(TEXT, label=1, **given)
    explanation = explain("bert", "signed_gi", division, labels=1)
    assert list(table.index) == [unit.text for unit in explanation.units]
    assert table.sum(axis=1).to_numpy() == pytest.approx(explanation["signed_gi"], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("kind", TRANSFORMERS)
def test_integrated_gradients_of_given_units_add_up_to_the_rise_when_these_are_masked(kind):
    explanation = explain(kind, ("integrated_gradients", "loo"), "custom", labels=1, baseline="zero")
    reader = NaiveReader(explainer(kind).model, explainer(kind).tokenizer, TEXT)
    loss = loss_of("loss", "single_label_classification", 1)
    masked = [t for unit in tokens_of(reader, DIVISIONS["custom"]) for t in unit]
    rise = (loss(reader.logits_without(masked)) - loss(reader.logits())).item()
    assert explanation["integrated_gradients"].sum() == pytest.approx(rise, rel=0.02)
    assert abs(explanation.completeness["integrated_gradients"]) < 0.02


def test_text_outside_of_the_units_is_never_masked():
    reader, spans = NaiveReader(explainer("bert").model, explainer("bert").tokenizer, TEXT), DIVISIONS["custom"]
    tokens = tokens_of(reader, spans)

    def p(masked):
        return reader.logits_without([t for u in masked for t in tokens[u]]).softmax(-1)[1].item()

    check = explain("bert", "loo", "custom", labels=1, self_check_share=0.5).self_check["loo"]
    top = {u for u, span in enumerate(spans) if TEXT[slice(*span)] in check.top}
    assert len(top) == 2
    assert [check.full, check.without, check.alone] == pytest.approx([p([]), p(top), p({0, 1, 2, 3} - top)], rel=1e-9)


def test_a_batch_gives_the_same_as_each_text_alone():
    texts = [TEXT, "good", TEXT[:44], "", "a bad film. good"]
    together = explainer("bert")(texts, ("loo", "signed_gi"), "sentence")
    for text, explanation in zip(texts, together, strict=True):
        alone = explainer("bert")([text], ("loo", "signed_gi"), "sentence")[0]
        assert [u.text for u in alone.units] == [u.text for u in explanation.units]
        for name in alone.scores:
            assert explanation[name] == pytest.approx(alone[name], rel=1e-9, abs=1e-12)
