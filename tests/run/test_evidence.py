"""The evidence of a decision: compared with the files of its run, made again, verified, and refused."""

import hashlib
import json
import os
import shutil
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import hf_gradexplain
from hf_gradexplain.cli import main
from hf_gradexplain.commands.evaluate import run_evaluation
from hf_gradexplain.commands.recipe_arguments import EvaluateRecipeArguments
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.documents import iterate_documents, write_documents
from hf_gradexplain.files import checksum_line
from hf_gradexplain.run import results
from hf_gradexplain.run.evidence import evidence
from hf_gradexplain.run.rewrite import rewrite_results
from hf_gradexplain.run.verify_evidence import _MISSING, Agreement, _compare, verify_evidence
from hf_gradexplain.sharing.write import without_texts
from tests.helpers.tiny import CORPUS, explainer, make

HOSTILE = 'bad <script>alert("1")</script> {{ 7*7 }} \x1b[31m film \u202e'
TEXTS = [*CORPUS, HOSTILE, "the good film"]
METHODS = ("signed_gi", "loo", "random")


@pytest.fixture(scope="module", autouse=True)
def _without_figures():
    """Figures take most of the time of a small run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(results, "figure_bytes", lambda figure, form: b"<svg/>")
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A finished run, and the same made again from its `run.yaml`: `first/` and `again/`."""
    folder = tmp_path_factory.mktemp("evidence")
    model, tokenizer = make("textcnn")
    model.config.id2label = {0: "good", 1: "bad", 2: "<i>neither</i>"}
    model.float().save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    pd.DataFrame({"text": TEXTS, "label": [0, 1, 2, 0, 1, 2, 0]}).to_parquet(folder / "test.parquet")
    arguments = EvaluateRecipeArguments(
        model_name_or_path=str(folder / "model"), dataset_name=str(folder / "test.parquet"), split="train",
        methods=METHODS, target="predicted", output_dir=str(folder / "first"),
    )  # fmt: skip
    run_evaluation(arguments)
    assert main(["evaluate", str(folder / "first" / "run.yaml"), "--output_dir", str(folder / "again")]) == 0
    return folder


@pytest.fixture
def copy(folder, tmp_path):
    """A copy of the run, to be damaged."""
    return shutil.copytree(folder / "first", tmp_path / "run")


def stored(run, number):
    """A row of the documents, read with pyarrow alone."""
    return pq.read_table(run / "documents" / "00000000.parquet").to_pylist()[number]


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def test_the_numbers_are_those_of_the_run(folder):
    made, row = evidence(folder / "first", 2, "loo"), stored(folder / "first", 2)
    p = row["probabilities"]
    names = ["good", "bad", "<i>neither</i>"]
    assert made.decision.probabilities == dict(sorted(zip(names, p, strict=True), key=lambda pair: -pair[1]))
    assert (made.decision.prediction, made.decision.explained) == (names[int(np.argmax(p))],) * 2
    assert made.decision.explains_choice
    scores = row["scores"]["loo"]
    order = sorted(range(len(scores)), key=lambda u: -abs(scores[u]))
    total = sum(map(abs, scores))
    enough = next(n for n in range(1, 99) if sum(abs(scores[u]) for u in order[:n]) >= 0.8 * total)
    assert 1 < enough <= 10
    frame = made.to_frame()
    assert list(frame["word"]) == [row["units"][u]["text"] for u in order[:enough]]
    assert list(frame["share"]) == pytest.approx([abs(scores[u]) / total for u in order[:enough]], rel=1e-12)
    assert list(frame["side"]) == ["for" if scores[u] > 0 else "against" for u in order[:enough]]
    assert list(frame["occurrences"]) == [len(row["units"][u]["spans"]) for u in order[:enough]]
    curve, random = row["curves"]["loo"], row["random_orders"]["mean"]
    removals = [(r.k, r.without_top, r.without_random) for r in made.check.removals]
    assert removals == [(k, curve[k], random[k]) for k in (1, 3, 10) if k < len(scores)]
    assert made.check.beats_random is (curve[3] < random[3])


def test_faithfulness_and_accuracy_are_those_of_the_tables(folder):
    run = folder / "first"
    made = evidence(run, 2, method="signed_gi")
    aopc = pd.read_parquet(run / "aopc.parquet").set_index(["method", "k"]).loc["signed_gi", 10]
    assert (made.method, made.faithfulness.k, made.faithfulness.n) == ("signed_gi", 10, len(TEXTS))
    assert [made.faithfulness.aopc, made.faithfulness.low] == [aopc["aopc"], aopc["ci_low"]]
    r = pd.read_parquet(run / "correlation.parquet").query("method == 'signed_gi' and coefficient == 'pearson'")
    assert (made.faithfulness.correlation, made.faithfulness.correlated) == (r["median"].item(), r["n"].item())
    rows = pd.read_parquet(run / "documents" / "00000000.parquet")
    right = rows["label"] == rows["prediction"]
    same = rows["prediction"] == rows["prediction"][2]
    found = made.run.accuracy
    assert (found.overall.right, found.overall.n) == (right.sum(), len(rows))
    assert (found.of_prediction.right, found.of_prediction.n) == ((right & same).sum(), same.sum())


def test_the_hashes_are_those_that_hashlib_gives(folder):
    run, row = folder / "first", stored(folder / "first", 5)
    made = evidence(run, 5)
    inputs = json.loads((run / "results.json").read_text(encoding="utf-8"))["inputs"]
    canonical = json.dumps(row, sort_keys=True, separators=(",", ":"))
    assert dict(made.hashes) == {
        "text": sha256(HOSTILE.encode()),
        "explanation": sha256(canonical.encode()),
        "documents/00000000.parquet": sha256((run / "documents" / "00000000.parquet").read_bytes()),
        "all texts of the run": inputs["texts"],
        **{name: inputs[name] for name in ("model weights", "model configuration", "tokenizer")},
    }
    recorded = (run / "documents" / "00000000.parquet.sha256").read_text().split()[0]
    assert made.hashes["documents/00000000.parquet"] == recorded
    files = {name: sha256((run / name).read_bytes()) for name in ("results.json", "run.yaml", "SHA256SUMS")}
    assert {name: made.this_run[name] for name in files} == files


def test_a_run_that_is_made_again_gives_the_same_evidence(folder):
    first, again = (json.loads(evidence(folder / name, 2).to_json()) for name in ("first", "again"))
    assert first.pop("this_run").keys() == again.pop("this_run").keys()
    assert first == again
    assert str(folder) not in json.dumps(first)


def test_verification_says_which_parts_agree(folder, tmp_path, capsys):
    file = tmp_path / "evidence.json"
    assert main(["evidence", str(folder / "first"), "--id", "2", "--contact", "Jane", "--output", str(file)]) == 0
    assert capsys.readouterr().out.endswith(f"\n{file}\n")
    assert {part.verdict for part in verify_evidence(file, folder / "first")} == {"agrees"}
    record = json.loads(file.read_text())
    record["this_run"]["results.json"] = "0" * 64
    file.write_text(json.dumps(record))
    parts = {part.part: part.verdict for part in verify_evidence(file, folder / "again")}
    assert parts["this_run: results.json"] == "may differ"
    assert {verdict for part, verdict in parts.items() if not part.startswith("this_run")} == {"agrees"}
    assert main(["evidence", str(folder / "again"), "--verify", str(file)]) == 0
    assert "The file agrees with the run in all parts that must agree." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("before", "now", "detail"),
    [
        (_MISSING, 1, "only in the run"),
        (1, _MISSING, "only in the file"),
        (None, 1, "None in the file, 1 in the run"),
        ({"a": None}, {}, "a: only in the file"),
        ({}, {"a": None}, "a: only in the run"),
        ({"b": 1, "a": None}, {"b": 1, "a": 2}, "a: None in the file, 2 in the run"),
        (1, 2, "1 in the file, 2 in the run"),
        ("x" * 24, "x" * 25, f"{'x' * 24} in the file, {'x' * 16}... in the run"),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, "b: 2 in the file, 3 in the run"),
        ({"a": 1, "b": 2}, {"a": 1}, "b: only in the file"),
        ({"a": 1}, {"a": 1, "b": 2}, "b: only in the run"),
        ({"a": 1}, [1], "{'a': 1} in the file, [1] in the run"),
        ([1], [1, 2], "1 entry in the file, 2 in the run"),
        ([1, 2], [1], "2 entries in the file, 1 in the run"),
        ([], [1], "0 entries in the file, 1 in the run"),
        ([1], {"a": 1}, "[1] in the file, {'a': 1} in the run"),
        ([1, 2, 3], [1, 0, 0], "entry 2: 2 in the file, 0 in the run"),
        ([{"a": 1}], [{"a": 2}], "entry 1: a: 1 in the file, 2 in the run"),
        ([None], [1], "entry 1: None in the file, 1 in the run"),
    ],
)
def test_a_difference_in_words(before, now, detail):
    assert _compare("words", before, now) == Agreement("words", "differs", detail)
    assert _compare("this_run: date", before, now) == Agreement("this_run: date", "may differ", detail)
    assert _compare("words", before, before) == Agreement("words", "agrees", "")


def test_an_option_that_a_later_version_adds_is_a_difference(folder, tmp_path):
    file = tmp_path / "evidence.json"
    file.write_text(evidence(folder / "first", 2).to_json())
    record = json.loads(file.read_text())
    options, accuracy = record["run"]["options"], record.pop("accuracy")
    name = next(name for name, value in options.items() if value is None)
    del options[name], record["hashes"]["text"]
    file.write_text(json.dumps({**record, "earlier": 1}))
    found = {part.part: part for part in verify_evidence(file, folder / "first") if part.verdict != "agrees"}
    assert found == {
        "run": Agreement("run", "differs", f"options: {name}: only in the run"),
        "hashes: text": Agreement("hashes: text", "differs", "only in the run"),
        "accuracy": Agreement("accuracy", "differs", "only in the run"),
        "earlier": Agreement("earlier", "differs", "only in the file"),
    }
    assert accuracy


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda record: record["words"][0].update(score=1.0), "words"),
        (lambda record: record["hashes"].update(text="0" * 64), "hashes: text"),
        (lambda record: record.update(text=record["text"] + " "), "text"),
        (lambda record: record["in_words"]["warnings"].append("All is well."), "in_words"),
        (lambda record: record.pop("accuracy"), "accuracy"),
        (lambda record: record.update(more=1), "more"),
    ],
)
def test_what_was_changed_in_the_file_differs(folder, tmp_path, capsys, change, part):
    file = tmp_path / "evidence.json"
    record = evidence(folder / "first", 2).to_dict()
    change(record)
    file.write_text(json.dumps(record), encoding="utf-8")
    assert [found.part for found in verify_evidence(file, folder / "first") if found.verdict != "agrees"] == [part]
    assert main(["evidence", str(folder / "first"), "--verify", str(file), "--format", "quiet"]) == 1
    assert capsys.readouterr().out == f"{part}\n"


def test_a_changed_row_of_the_run_differs(folder, copy, tmp_path):
    file = tmp_path / "evidence.json"
    file.write_text(evidence(folder / "first", 2).to_json(), encoding="utf-8")
    path = copy / "documents" / "00000000.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    rows[2]["scores"]["signed_gi"][0] += 1e-9
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    forged = shutil.copytree(copy, tmp_path / "forged") / "documents" / path.name
    forged.with_name(path.name + ".sha256").write_text(checksum_line(forged, path.name))
    with pytest.raises(GradexplainError, match="is damaged"):
        verify_evidence(file, copy)
    differs = {part.part for part in verify_evidence(file, tmp_path / "forged") if part.verdict == "differs"}
    assert differs - {"words"} == {"hashes: explanation", "hashes: documents/00000000.parquet"}


class Page(HTMLParser):
    """The tags of a page and its text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text = set(), ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)

    def handle_data(self, data):
        self.text += data


def test_hostile_texts_and_labels_are_escaped(folder):
    made = evidence(folder / "first", 5, contact="<img src=x onerror=alert(1)>\x9b")
    html = made.to_html()
    page = Page(html)
    assert not page.tags & {"script", "img", "iframe", "a", "base"}
    assert "i" not in page.tags
    assert "The model chose “<i>neither</i>”" in page.text
    assert '<script>alert("1")</script> {{ 7*7 }} ␛[31m film \ufffd' in page.text
    assert not set(html) & set("\x1b\x9b\u202e")
    assert not set(made.to_json()) & set("\x1b\x9b\u202e")
    assert json.loads(made.to_json())["text"] == HOSTILE
    assert "&lt;i&gt;neither" in made._repr_html_()
    assert "\x1b" not in repr(made)


def test_the_command_writes_page_and_json_into_the_run(copy, capsys):
    assert main(["evidence", str(copy), "--id", "6", "--format", "quiet"]) == 0
    assert capsys.readouterr().out == f"{copy / 'evidence-6.html'}\n"
    assert (copy / "evidence-6.html").read_text(encoding="utf-8") == evidence(copy, 6).to_html()
    assert json.loads((copy / "evidence-6.json").read_text(encoding="utf-8")) == json.loads(evidence(copy, 6).to_json())
    assert main(["evidence", str(copy), "--id", "6", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == 6
    assert main(["evidence", str(copy), "--id", "6", "--output", str(copy / "page.pdf")]) == 1
    assert "--output must be a file that ends in .html or .json, not" in capsys.readouterr().err


def test_what_cannot_be_shown_is_refused(folder, copy):
    with pytest.raises(GradexplainError, match="the run has no text with id 7: its ids are row numbers from 0 to 6"):
        evidence(copy, 7)
    with pytest.raises(GradexplainError, match="unknown method 'lo': did you mean 'loo'"):
        evidence(copy, 2, "lo")
    (copy / "results.json").unlink()
    with pytest.raises(GradexplainError, match="is not finished"):
        evidence(copy, 2)
    with pytest.raises(GradexplainError, match="is not the output folder of a run"):
        evidence(folder, 2)


def test_a_text_that_was_left_out_is_named_with_the_reason(copy):
    path = copy / "documents" / "00000000.parquet"
    documents = list(iterate_documents([path]))
    columns = pq.read_schema(path)
    write_documents(documents[:3], path, columns, left_out={4: "scores of loo are not finite"})
    with pytest.raises(GradexplainError) as error:
        evidence(copy, 4)
    assert str(error.value) == (
        "text 4 has no explanation, because the run left it out (scores of loo are not finite): give the id of "
        "another text"
    )


def test_rows_without_texts_are_refused(copy):
    path = copy / "documents" / "00000000.parquet"
    pq.write_table(without_texts(pq.read_table(path)), path)
    path.with_name(path.name + ".sha256").unlink()
    with pytest.raises(GradexplainError, match="have no texts, so no decision can be shown"):
        evidence(copy, 2)


@pytest.mark.parametrize("content", ["{}", "[1]", "not JSON", '{"format": "hf_gradexplain evidence 1", "id": "x"}'])
def test_a_file_that_is_no_evidence_is_refused(folder, tmp_path, content):
    file = tmp_path / "file.json"
    file.write_text(content)
    with pytest.raises(GradexplainError, match="give a JSON file that `hf-gradexplain evidence` wrote"):
        verify_evidence(file, folder / "first")


def test_of_texts_in_memory(tmp_path):
    assert hf_gradexplain.evidence is evidence
    explain = explainer("textcnn")
    made = evidence(explain.evaluate(TEXTS, METHODS, progress=False), 2)
    kept = evidence(explain.evaluate(TEXTS, METHODS, output_dir=tmp_path / "run", progress=False), 2)
    assert set(made.hashes) == {"text", "explanation", "documents/00000000.parquet"}
    assert made.hashes["explanation"] == kept.hashes["explanation"]
    assert {"model weights", "tokenizer"} < set(kept.hashes)
    assert "have no labels" in made.to_html()


def test_texts_in_memory_have_no_values_between_the_measured_ones():
    grid = evidence(explainer("textcnn").evaluate(TEXTS, METHODS, k_grid=(1, 5), progress=False), 2)
    assert [removal.k for removal in grid.check.removals] == [1, 5]
    assert grid.run.options["k_grid"] == (1, 5)


def test_the_date_is_that_of_the_run_and_not_of_its_files(copy):
    path = copy / "results.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    assert datetime.now(UTC) - datetime.fromisoformat(record["finished"]) < timedelta(hours=2)
    os.utime(copy / "documents" / "00000000.parquet", (0, 0))
    made = evidence(copy, 2)
    assert made.this_run["date"] == record["finished"]
    assert record["finished"] in made.to_html()
    rewrite_results(copy)
    assert json.loads(path.read_text(encoding="utf-8"))["finished"] == record["finished"]
    del record["finished"]
    path.write_text(json.dumps(record), encoding="utf-8")
    (copy / "SHA256SUMS").unlink()
    assert evidence(copy, 2).this_run["date"] == "not recorded"
