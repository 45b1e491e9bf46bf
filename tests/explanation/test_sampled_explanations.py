"""Standard errors beside the scores of methods that draw at random: in explanations, tables, files and documents."""

import io
import json
import re
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from datasets import Dataset
from markupsafe import escape
from rich.console import Console
from scipy.stats import t as student

from hf_gradexplain.attribution.methods import METHODS
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.columns import describe_columns
from hf_gradexplain.evaluation.documents import EvaluatedDocument, iterate_documents, schema, write_documents
from hf_gradexplain.explanation import Explanation, Explanations
from hf_gradexplain.options import Options
from hf_gradexplain.run.runner import evaluate_texts
from hf_gradexplain.statistics.sampling import Sampling
from tests.helpers.plain_rows import plain_row
from tests.helpers.tiny import CORPUS, explainer

SHAPLEY = "shapley"
FEW = {"max_evals": 120, "max_error": 0.0}


@pytest.fixture(scope="module")
def explanations():
    """A sampled text, one that is short enough for exact values, and one without units; two of another method only."""
    bert = explainer("bert")
    sampled = bert([CORPUS[0], "bad film", ""], (SHAPLEY, "loo"), seed=3, self_check=True, **FEW)
    return Explanations([*sampled, bert(CORPUS[1], "loo"), bert(CORPUS[1], SHAPLEY, target="all", **FEW)])


def test_a_source_says_whether_it_is_sampled(explanations):
    """The documents of a run have a column for its errors only if it says so."""
    found = explainer("fasttext")("bad film", tuple(METHODS), steps=2, **FEW)
    assert {name for name, method in METHODS.items() if method.source.sampled} == found.sampling.keys()
    assert SHAPLEY in found.sampling


def test_margins_are_the_intervals_of_student(explanations):
    sampled, exact, empty, other, _ = explanations
    errors, draws = sampled.sampling[SHAPLEY].errors, sampled.sampling[SHAPLEY].draws
    assert draws >= 2
    assert (errors > 0).all()
    assert sampled.margins() == pytest.approx(errors * student.interval(0.95, draws - 1)[1])
    assert sampled.margins("loo").tolist() == [0.0] * len(sampled)
    assert (exact.margins().tolist(), exact.sampling[SHAPLEY].draws) == ([0.0, 0.0], 0)
    assert (empty.margins().shape, other.margins().shape) == ((0,), (len(other),))
    with pytest.raises(GradexplainError, match="unknown method 'nothing'"):
        sampled.margins("nothing")


def test_units_are_told_apart_if_their_intervals_lie_above_all_others(explanations):
    scores, errors = np.array([3.0, 2.9, 1.0, 0.0]), np.array([0.2, 0.2, 0.01, 0.01])
    units = explanations[0].units[:4]
    made_up = replace(
        explanations[0], units=units, scores={"a": scores, "b": scores}, sampling={"a": Sampling(errors, 50, 100)}
    )
    assert (made_up.told_apart(), made_up.told_apart("a", most=2), made_up.told_apart("b")) == (3, 2, None)
    assert made_up.told_apart("a", most=1) == 0


def test_the_seed_is_noted(explanations):
    assert [e.sampling[SHAPLEY].seed for e in explanations if SHAPLEY in e] == [3, 3, 3, 0]


def test_tables_have_a_column_of_errors(explanations):
    sampled = explanations[0]
    frame = sampled.to_frame()
    assert list(frame.columns) == ["unit", "start", "end", SHAPLEY, f"{SHAPLEY}_error", "loo"]
    assert frame[f"{SHAPLEY}_error"].tolist() == sampled.sampling[SHAPLEY].errors.tolist()
    whole = explanations.to_frame()
    assert list(whole.columns) == ["text_id", *frame.columns]
    of = whole.set_index("text_id")[f"{SHAPLEY}_error"]
    assert (of[0].tolist(), of[1].tolist()) == (frame[f"{SHAPLEY}_error"].tolist(), [0.0, 0.0])
    assert of[3].isna().all()


@pytest.mark.parametrize("name", ["some.parquet", "some.jsonl"])
def test_files_of_several_explanations_hold_it(explanations, tmp_path, name):
    explanations.save(tmp_path / name)
    loaded = Explanations.load(tmp_path / name)
    assert loaded == explanations
    assert loaded[0].margins().tolist() == explanations[0].margins().tolist()
    (other,) = loaded[4].classes[:1]
    assert other.sampling[SHAPLEY].to_dict() == explanations[4].classes[0].sampling[SHAPLEY].to_dict()
    assert other.sampling[SHAPLEY].errors.any()


def test_a_json_file_holds_it(explanations, tmp_path):
    for explanation in explanations:
        explanation.save(tmp_path / "one.json")
        assert Explanation.load(tmp_path / "one.json") == explanation


def test_files_from_before_have_none(explanations, tmp_path):
    """They lack the key, in explanations and in their further classes."""
    record = explanations[4].to_dict()
    for part in (record, *record["classes"]):
        del part["sampling"]
    old = Explanation.from_dict(json.loads(json.dumps(record)))
    assert (old.sampling, old.classes[0].sampling, old.told_apart()) == ({}, {}, None)
    assert old.scores[SHAPLEY].tolist() == explanations[4].scores[SHAPLEY].tolist()
    table = tmp_path / "old.parquet"
    Explanations([replace(explanations[3])]).save(table)
    assert "sampling" not in pq.read_schema(table).names
    assert Explanations.load(table)[0].sampling == {}


def test_documents_of_an_evaluation_hold_it(tmp_path):
    texts = Dataset.from_dict({"id": range(3), "text": [CORPUS[0], "bad", ""]})
    methods = ("random", SHAPLEY)
    documents = evaluate_texts(explainer("textcnn"), texts, Options(methods=methods, **FEW))
    columns = schema(methods)
    write_documents(documents, tmp_path / "0.parquet", columns)
    (first, *rest) = iterate_documents([tmp_path / "0.parquet"])
    assert first.explanation == documents[0].explanation
    assert first.explanation.sampling[SHAPLEY].errors.all()
    assert [each.explanation for each in rest] == [each.explanation for each in documents[1:]]
    assert plain_row(EvaluatedDocument.from_row(first.to_row())) == plain_row(documents[0])
    assert "sampling" not in schema(["random", "loo"]).names
    names = [name for name, _, _ in describe_columns(columns)]
    assert [name for name in names if name.startswith("sampling")] == [
        f"sampling.METHOD.{part}" for part in ("errors", "draws", "copies", "seed")
    ]


def test_what_is_said_of_a_method_is_shown_wherever_its_scores_are(explanations):
    sampled, exact, empty, other, of_classes = explanations
    said = sampled.certainty()
    assert f"; from {sampled.sampling[SHAPLEY].copies:,} copies" in said
    assert said.endswith("so these margins are rough") == (sampled.sampling[SHAPLEY].draws < 8)
    assert (exact.certainty(), sampled.certainty("loo"), empty.certainty()) == ("exact, from 3 copies", "", "")
    assert sampled.to_dict()["certainty"] == {SHAPLEY: said}
    assert "certainty" not in other.to_dict()
    console = Console(file=io.StringIO(), width=300)
    console.print(sampled.to_rich())
    for shown in (sampled.to_html(), sampled.to_html(SHAPLEY), console.file.getvalue()):
        assert shown.count(said) == 1
    assert said not in sampled.to_html("loo")
    assert of_classes.to_html().count("with 95 % confidence") == len(of_classes.by_class()) == 3
    (axes,) = sampled.to_figure().axes
    assert axes.get_xlabel().replace("\n", " ") == said
    ends = [part[:, 0] for part in axes.collections[0].get_segments()]
    assert np.array(ends) == pytest.approx(
        np.stack([sampled[SHAPLEY] - sampled.margins(), sampled[SHAPLEY] + sampled.margins()], 1)
    )
    assert not sampled.to_figure("loo").axes[0].collections


def test_a_sentence_says_whether_the_top_is_told_apart(explanations):
    errors = np.array([0.2, 0.2, 0.01, 0.01])
    base = replace(explanations[0], units=explanations[0].units[:4], self_check={})

    def said(unit="word", *, lead=0.0, more=0.0):
        sampling = Sampling(errors + more, 50, 100)
        scores = np.array([3.0 + lead, 2.9, 1.0, 0.0])
        sentence = replace(base, scores={"a": scores}, sampling={"a": sampling}, unit=unit).certainty()
        assert sentence.endswith("; from 100 copies")
        return sentence.removesuffix("; from 100 copies")

    within = "each score is within ±{} with 95 % confidence"
    assert said() == f"{within.format('0.40')}; the top 3 words are told apart from the others"
    assert said("sentence", lead=3, more=0.5) == (
        f"{within.format('1.4')}; the top sentence is told apart from the others"
    )
    assert said(more=1) == f"the top word is not told apart from the others; {within.format('2.4')}"
    alone = replace(base, units=base.units[:1], scores={"a": np.ones(1)}, sampling={"a": Sampling(errors[:1], 50, 100)})
    assert alone.certainty() == f"{within.format('0.40')}; from 100 copies"


def test_errors_change_nothing_else_of_what_is_shown(explanations):
    """The scores, the self-check and the correlation with leave-one-out look as without them."""
    sampled = explanations[0]
    bare = replace(sampled, sampling={})
    assert (sampled.warning(), sampled.remark()) == (bare.warning(), bare.remark())
    for method in (None, SHAPLEY, "loo"):
        html = re.sub("±[0-9.]+", "", sampled.to_html(method).replace(escape(sampled.certainty()), "SAID"))
        html = re.sub('<span class="said"><span class="verdict">certainty</span>&ensp;<bdi>SAID</bdi></span>', "", html)
        lines = ([line for line in page.splitlines() if line.strip()] for page in (html, bare.to_html(method)))
        assert next(lines) == next(lines)
