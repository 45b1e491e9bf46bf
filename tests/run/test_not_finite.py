"""Texts whose scores are not finite are recorded, counted and named, and the run goes on."""

import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from datasets import Dataset

from hf_gradexplain.errors import GradexplainError, NotFiniteError
from hf_gradexplain.evaluation.documents import read_explanations, read_left_out
from hf_gradexplain.evaluation.extra_measures import Measures
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.options import Options
from hf_gradexplain.run import shards
from hf_gradexplain.run.folder import document_paths
from hf_gradexplain.run.runner import evaluate, evaluate_finite, evaluate_texts
from hf_gradexplain.sharing import TextSource, write_shards
from tests.helpers.toys import TEXT, TOKENIZER, Toy

OPTIONS = Options(methods=("random", "loo", "sa_l2"), target="label")
TEXTS = [
    "the actor plays it well",
    "it is the worst film of all",
    "well , it is a film",
    "a thoughtful film",
    "thoughtful and gripping : the actor is worth the money",
    "the worst of it is the actor",
    "film",
]
REASON = "the model's logits are not finite in float64: load the model in a wider dtype, or fix its weights"


@pytest.fixture(autouse=True)
def _short_shards(monkeypatch):
    monkeypatch.setattr(shards, "DOCUMENTS", 3)


def without_thoughtful(model, ids, mask):
    return model.words(ids).masked_fill((ids == TOKENIZER.convert_tokens_to_ids("thoughtful")).unsqueeze(2), torch.nan)


@pytest.fixture(scope="module")
def explain():
    """A model that gives NaN for the texts in rows 13 and 14."""
    return Explainer(Toy(without_thoughtful), TOKENIZER)


def rows(texts, start=10):
    return Dataset.from_dict(
        {"id": range(start, start + len(texts)), "text": texts, "label": [(start + i) % 2 for i in range(len(texts))]}
    )


def test_the_run_goes_on_and_names_the_texts(explain, tmp_path, capsys):
    tables = evaluate(explain, rows(TEXTS), OPTIONS, tmp_path / "all", inputs={})
    missing = [10 + i for i, text in enumerate(TEXTS) if "thoughtful" in text]
    assert missing == [13, 14]
    said = capsys.readouterr().err
    assert [line for line in said.splitlines() if "left out" in line] == [
        f"row {i} is left out: {REASON}" for i in missing
    ]
    paths = document_paths(tmp_path / "all")
    assert {i: reason for path in paths for i, reason in read_left_out(path).items()} == dict.fromkeys(missing, REASON)
    assert [i for path in paths for i, _ in read_explanations(path)] == [10, 11, 12, 15, 16]
    count = tables.counts.set_index("what").loc["left out: scores not finite, or not enough memory"]
    assert (count["n"], count["of"], tables.document_counts["documents"]) == (2, 7, 5)
    finite = rows(TEXTS).select([0, 1, 2, 5, 6])
    expected = evaluate(explain, finite, OPTIONS, tmp_path / "finite", inputs={})
    pd.testing.assert_frame_equal(tables.aopc, expected.aopc, rtol=1e-9)
    pd.testing.assert_frame_equal(tables.correlation, expected.correlation, rtol=1e-9)


def test_a_resumed_run_gives_the_same_bytes(explain, tmp_path):
    evaluate(explain, rows(TEXTS), OPTIONS, tmp_path, inputs={})
    path = document_paths(tmp_path)[1]
    before = path.read_bytes()
    assert json.loads(pq.read_schema(path).metadata[b"left_out"]) == {"13": REASON, "14": REASON}
    path.unlink()
    evaluate(explain, rows(TEXTS), OPTIONS, tmp_path, inputs={})
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("texts", "message"),
    [(1, "^the only text is left out: the model's log"), (4, "^all 4 texts are left out, for example row 10: the mod")],
)
def test_a_run_without_any_finite_text_is_an_error(explain, texts, message, tmp_path):
    with pytest.raises(GradexplainError, match=message):
        evaluate(explain, rows(["thoughtful film"] * texts), OPTIONS, tmp_path, inputs={})


def test_an_empty_file_among_others_changes_nothing(explain, tmp_path):
    tables = evaluate(explain, rows(["thoughtful"] * 3 + TEXTS[:3]), OPTIONS, tmp_path / "a", inputs={})
    expected = evaluate(explain, rows(TEXTS[:3], 13), OPTIONS, tmp_path / "b", inputs={})
    np.testing.assert_allclose(tables.aopc["aopc"], expected.aopc["aopc"], rtol=1e-9)
    source = TextSource(None, None, "test", None, "text", included=False)
    write_shards(document_paths(tmp_path / "a"), tmp_path / "data", "test", source)
    assert pq.read_table(tmp_path / "data")["id"].to_pylist() == [13, 14, 15]


@pytest.mark.parametrize("k_grid", [(), (1,)])
def test_probabilities_that_are_not_finite_are_not_taken_for_gaps_of_a_curve(k_grid):
    """A unit vector is undefined for a word that is set to zero."""
    toy = Toy(lambda model, ids, mask: model.words(ids) / model.words(ids).norm(dim=-1, keepdim=True))
    explain = Explainer(toy.to(torch.float64), TOKENIZER)
    texts = Dataset.from_dict({"id": [0], "text": [TEXT]})
    message = "the probabilities without some units are not finite in float64"
    with pytest.raises(NotFiniteError, match=message):
        evaluate_texts(explain, texts, Options(methods="sa_l2"), Measures(k_grid=k_grid))
    documents, left_out = evaluate_finite(explain, texts, Options(methods="sa_l2"))
    assert documents == []
    assert left_out[0].startswith(message)
