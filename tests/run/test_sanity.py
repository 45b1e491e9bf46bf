"""Sanity checks as tables of a run."""

import pytest
import torch
from datasets import Dataset

from hf_gradexplain import Explainer
from hf_gradexplain.audit.sanity.sanity import check_sanity
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.presentation import readable_extra
from hf_gradexplain.options import Options
from hf_gradexplain.options.arguments import AuditArguments
from hf_gradexplain.run.finished_run import open_run
from hf_gradexplain.run.sanity import sanity_notes, sanity_tables
from tests.helpers.tiny import TEXTS, explainer, make

LABELS = [0, 1, 2, 0, 1, 2]


def test_the_first_texts_are_checked_with_their_labels():
    engine, options = explainer("fasttext"), Options(("signed_gi",), "word_type", target="label")
    rows = Dataset.from_dict({"id": range(6), "text": list(TEXTS), "label": LABELS})
    expected = check_sanity(engine, TEXTS[:4], options, LABELS[:4])
    for texts in (rows, rows.to_iterable_dataset()):
        tables = sanity_tables(engine, texts, options, AuditArguments(sanity=True, sanity_samples=4))
        assert tables["sanity"].equals(expected.checks)
        assert tables["randomisation"].equals(expected.randomisation)
    assert sanity_tables(engine, rows, options, AuditArguments()) == {}
    with pytest.raises(GradexplainError, match="sanity_samples must be a number of texts, 1 or larger, but is 0"):
        AuditArguments(sanity_samples=0)


def test_tables_figure_and_note_of_a_run(tmp_path):
    texts = [f"{text} film film good" for text in TEXTS] * 2
    methods = ["sa_l2", "signed_gi"]  # sa_l2 counts the occurrences of a word, whatever the model
    result = explainer("fasttext").evaluate(
        texts, methods=methods, unit="word_type", output_dir=tmp_path / "run", sanity=True, sanity_samples=8
    )
    run = open_run(tmp_path / "run")
    table = run.extra["sanity"].set_index("method")
    assert table["n"].max() <= 8
    note = "sa_l2 does not change when the model is random: such scores describe the text, not the model."
    assert note in run.record["notes"]
    assert note in repr(result)
    assert {row["method"] for row in run.record["randomisation"]} == set(methods)
    report = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "two random models" in report
    assert (tmp_path / "run" / "figures" / "randomisation.svg").exists()
    assert "randomisation.png" in (tmp_path / "run" / "README.md").read_text(encoding="utf-8")


def test_the_curve_for_readers_has_a_row_per_layer_and_a_column_per_method():
    checks = check_sanity(explainer("bert"), TEXTS[:1], Options(("signed_gi", "random")), independent=True)
    tables = readable_extra({"sanity": checks.checks, "randomisation": checks.randomisation})
    sanity, curve = tables.values()
    assert curve.columns.tolist() == ["layer", "signed_gi", "random"]
    layers = ["classifier", "bert.pooler", "bert.encoder.layer.1", "bert.encoder.layer.0", "bert.embeddings"]
    assert curve["layer"].tolist() == [*layers, "two random models"]
    assert curve["random"].tolist() == pytest.approx([1] * 6)
    rows = checks.randomisation.query("method == 'signed_gi' and values == 'scores' and order == 'cascading'")
    assert curve["signed_gi"].tolist() == rows["median"].tolist()
    assert sanity.columns.tolist()[:4] == ["method", "finding", "random model", "two random models"]
    assert sanity["two random models"].tolist() == checks.checks["two_random"].tolist()
    assert "other seed" in sanity.columns  # of random


def test_no_note_without_checks_or_unchanged_methods():
    checks = check_sanity(explainer("fasttext"), TEXTS, Options(("signed_gi",)))
    off, on = AuditArguments(), AuditArguments(sanity=True)
    assert sanity_notes({}, off) == sanity_notes({"sanity": checks.checks}, on) == []
    table = checks.checks.assign(finding="does not change when the model is random")
    assert sanity_notes({"sanity": table}, on) == [
        "signed_gi does not change when the model is random: such scores describe the text, not the model."
    ]
    assert sanity_notes({}, on) == [
        "There are no sanity checks, because none of the texts to check the methods on can be scored."
    ]


ENDLESS = ["the music is bad", "this end is good", "not one word about the film", "a bad actor and a good film"]


@pytest.fixture(scope="module")
def overflowing():
    """An explainer whose logits are infinite for texts with the word `music`."""
    engine = Explainer(*make("fasttext"))
    (music,) = engine.tokenizer("music", add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        engine.model.get_input_embeddings().weight[music] = 1e308
        engine.model.classifier.weight[0] = 1e3
    return engine


def test_a_run_leaves_out_texts_without_scores_in_its_sanity_checks_and_in_its_estimate(overflowing):
    options = {"labels": [0, 1, 2, 0], "target": "label", "sanity": True, "progress": False}
    result = overflowing.evaluate(ENDLESS, ["loo", "random"], **options)
    assert result.run.extra["sanity"]["method"].tolist() == ["loo", "random"]
    assert set(result.run.extra["randomisation"]["n"] + result.run.extra["randomisation"]["n_undefined"]) == {3}
    (note,) = result.run.notes
    assert note.startswith("1 text was left out, so no number counts it. Row 0: ")
    estimate = overflowing.evaluate(ENDLESS, ["loo", "random"], dry_run=True, **options)
    assert [part.name for part in estimate.parts] == ["sanity checks", "another seed"]
    assert estimate.documents == 4


def test_a_run_whose_first_texts_have_no_scores_has_no_sanity_checks(overflowing):
    result = overflowing.evaluate(ENDLESS, "loo", sanity=True, sanity_samples=1, progress=False)
    assert "sanity" not in result.run.extra
    assert result.run.notes[-1].startswith("There are no sanity checks, because none of the texts")
