"""Evaluations whose units are sentences, clauses or given spans."""

import json

import pytest

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.documents import iterate_documents
from hf_gradexplain.evaluation.summaries import headline
from hf_gradexplain.run.rewrite import rewrite_results
from tests.helpers.naive import NaiveReader
from tests.helpers.tiny import explainer

TEXTS = ["the film is good. and the end, not bad! the music is bad", "a bad film: good", "good"]
SENTENCES = [[(0, 17), (18, 39), (40, 56)], [(0, 16)], [(0, 4)]]
CLAUSES = [[(0, 17), (18, 30), (31, 39), (40, 56)], [(0, 11), (12, 16)], [(0, 4)]]
GIVEN = [[(0, 8), (12, 17), (40, 49)], [(2, 5), (6, 10)], []]
LABELS = [0, 1, 2]


def evaluated(division, kind="bert", **options):
    given = {"units": GIVEN} if division == "custom" else {"unit": division}
    return explainer(kind).evaluate(TEXTS, ("loo", "random"), labels=LABELS, **given, progress=False, **options)


@pytest.mark.parametrize(("division", "spans"), [("sentence", SENTENCES), ("clause", CLAUSES), ("custom", GIVEN)])
@pytest.mark.parametrize("kind", ["bert", "gpt2", "bart", "textcnn"])
def test_curves_remove_one_unit_after_the_other(kind, division, spans):
    result = evaluated(division, kind)
    documents = list(iterate_documents(result.documents))
    model, tokenizer = explainer(kind).model, explainer(kind).tokenizer
    for document, text, of_text, label in zip(documents, TEXTS, spans, LABELS, strict=True):
        explanation = document.explanation
        assert explanation.unit == division
        assert [span for unit in explanation.units for span in unit.spans] == of_text
        reader, removed = NaiveReader(model, tokenizer, text), list[int]()
        firsts = {t: a + len(text[a:b]) - len(text[a:b].lstrip()) for t, (a, b) in enumerate(reader.offsets)}
        curve = [reader.logits().softmax(-1)[label].item()]
        for u in explanation["loo"].argsort()[::-1]:
            start, end = of_text[u]
            removed += [t for t in reader.tokens if start <= firsts[t] < end]
            curve.append(reader.logits_without(removed).softmax(-1)[label].item())
        assert document.curves["loo"] == pytest.approx(curve, rel=1e-9)


@pytest.mark.slow
def test_the_words_of_an_evaluation_name_the_unit(tmp_path):
    for division, noun in (("sentence", "sentences"), ("clause", "clauses"), ("custom", "units"), ("token", "tokens")):
        result = evaluated(division)
        assert f"the {noun} that matter most to the model" in repr(result)
        assert result.run.facts["Unit"] == division
    page = tmp_path / "report.html"
    evaluated("custom").report(page)
    assert "units=units" in evaluated("custom").run.replay
    assert "unit='clause'" in evaluated("clause").run.replay
    assert "The model read no units of this text" in page.read_text()


@pytest.mark.slow
def test_a_folder_of_other_spans_is_refused(tmp_path):
    first = evaluated("custom", output_dir=tmp_path / "run")
    again = evaluated("custom", output_dir=tmp_path / "run")
    assert json.dumps(first.explanations[0].to_dict()) == json.dumps(again.explanations[0].to_dict())
    rewrite_results(tmp_path / "run")
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["headline"] == headline(first.run.tables)
    assert "the units that matter most" in results["headline"]
    with pytest.raises(GradexplainError, match=r"made from other inputs \(different texts\)"):
        explainer("bert").evaluate(
            TEXTS, ("loo", "random"), labels=LABELS, units=[GIVEN[0][:2], *GIVEN[1:]], progress=False,
            output_dir=tmp_path / "run",
        )  # fmt: skip


def test_an_estimate_counts_the_units():
    estimate = explainer("bert").evaluate(TEXTS, "loo", labels=LABELS, units=GIVEN, dry_run=True)
    assert estimate.loo == pytest.approx(sum(map(len, GIVEN)) / 3)


def test_pairs_may_have_units():
    result = explainer("bert").evaluate(
        [("the film", "is bad")], ("loo", "random"), labels=[1], units=[[(4, 8), (12, 15)]], progress=False
    )
    assert [unit.text for unit in result.explanations[0].units] == ["film", "bad"]
