"""The files of a run's folder."""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from datasets import Dataset

from hf_gradexplain.audit.words.words import find_words
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.documents import read_explanations
from hf_gradexplain.evaluation.extra_measures import Measures
from hf_gradexplain.evaluation.ground_truth import planted_table
from hf_gradexplain.evaluation.presentation import incomplete_notes, random_warnings, warnings_of
from hf_gradexplain.evaluation.report import STATIC_DOCUMENTS
from hf_gradexplain.evaluation.tables import make_tables
from hf_gradexplain.options import Options
from hf_gradexplain.run.evaluation import Evaluation
from hf_gradexplain.run.finished_files import record_finished_files
from hf_gradexplain.run.finished_run import open_run
from hf_gradexplain.run.folder import document_paths
from hf_gradexplain.run.results import REPLAY, Run, write_results
from hf_gradexplain.run.rewrite import rewrite_report, rewrite_results
from hf_gradexplain.run.runner import evaluate
from tests.helpers.tiny import CORPUS, explainer

OPTIONS = Options(methods=("random", "loo", "sa_l2", "signed_gi"), target="label")

HOSTILE = "<script>alert(1)</script> | `x` [a](b)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    output_dir = tmp_path_factory.mktemp("run")
    texts = Dataset.from_dict({"id": range(6), "text": [*CORPUS, HOSTILE], "label": [0, 1, 0, 1, 0, 1]})
    measures = Measures(random_orders=2, both_ends=True, bounds=True)
    tables = evaluate(explainer("textcnn"), texts, OPTIONS, output_dir, inputs={}, max_k=3, measures=measures)
    run = Run(
        title=HOSTILE,
        facts={"Model": HOSTILE},
        inputs={"methods": OPTIONS.methods, "seed": 0, "random_orders": 2},
        tables=tables,
        seconds=1.0,
        replay=REPLAY,
        arguments="max_k: 3\n",
        extra={"More": pd.DataFrame({"method": ["random"], "hits": [float("nan")]})},
    )
    write_results(output_dir, run, document_paths(output_dir))
    return output_dir


MADE = ("aopc", "chance", "comparisons", "correlation", "correlation_histograms", "counts", "curves")


def test_the_folder_holds_all_files(folder):
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert names == {
        *("results.json", "report.html", "README.md", "run.yaml", "SHA256SUMS", ".lock"),
        *(f"{name}.parquet" for name in (*MADE, "normalised", "signs", "More")),
        *(f"figures/{name}.{form}" for name in ("aopc", "ends", "correlation") for form in ("svg", "png")),
        *(f"documents/{name}{end}" for name in ("00000000.parquet", "inputs.json") for end in ("", ".sha256")),
    }


def test_tables_have_the_documented_columns(folder):
    aopc, correlation = (pd.read_parquet(folder / f"{name}.parquet") for name in ("aopc", "correlation"))
    assert list(aopc.columns) == ["method", "k", "aopc", "ci_low", "ci_high", "n"]
    assert list(correlation.columns)[:7] == [
        *("method", "coefficient", "median", "mean", "fraction_significant", "n", "n_undefined")
    ]
    assert set(correlation["method"]) == {"random", "sa_l2", "signed_gi"}
    assert set(correlation["coefficient"]) == {"pearson", "spearman", "kendall"}


def test_the_page_on_tables_names_every_file_and_its_columns(folder):
    page = (Path(__file__).parents[2] / "docs" / "documents.md").read_text(encoding="utf-8")
    described = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|$", page.partition("# Tables of a run")[2], flags=re.M))
    audits = {"baselines", "hybrid", "planted", "plausibility", "randomisation", "sanity", "words"}
    assert set(described) == {*MADE, "normalised", "signs", *audits}
    assert ", ".join(planted_table([], lambda word, target: 0.0).columns) == described["planted"]
    words = find_words(sorted((folder / "documents").glob("*.parquet")), min_documents=1)
    assert ", ".join(words.to_frame().columns) == described["words"]
    for name in set(described) - audits:
        assert ", ".join(pd.read_parquet(folder / f"{name}.parquet").columns) == described[name]


def test_every_table_but_the_long_ones_is_in_json_and_every_number_is_on_the_page(folder):
    record = json.loads((folder / "results.json").read_text())
    assert {"comparisons", "normalised", "signs", "counts", "correlation", "documents", "headline"} <= record.keys()
    assert not {"aopc", "curves", "chance", "correlation_histograms"} & record.keys()
    page, card = (folder / "report.html").read_text(), (folder / "README.md").read_text()
    for text in (page, card):
        assert "aired t-tests over documents" in text
        assert "NAOPC" in text
        assert "Agreement of sign" in text
        assert "saturated: p of the target above 0.999" in text
    assert "no significant difference" in card
    assert "comparisons.parquet" in card


def test_undefined_numbers_are_null_in_json(folder):
    record = json.loads((folder / "results.json").read_text(), parse_constant=pytest.fail)
    assert record["More"] == [{"method": "random", "hits": None}]
    assert record["summary"][1]["median r"] is None
    assert {"python", "torch"} <= record["versions"].keys()


def test_untrusted_text_never_becomes_markup(folder):
    page, card = (folder / "report.html").read_text(), (folder / "README.md").read_text()
    assert set(re.findall(r"<script[^>]*>", page)) == {
        "<script>",
        *(f'<script type="application/gzip" id="{name}">' for name in ("page-data", "index-data", "block-0")),
    }
    assert page.count("<script>") == 1
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
    assert "<script" not in card


def test_methods_no_better_than_random_are_named_wherever_they_are_shown(folder):
    documents, page = document_paths(folder), (folder / "report.html").read_text()
    tables = make_tables(documents, OPTIONS, random_orders=2)
    warned = random_warnings(tables)
    assert warned
    for sentence in warnings_of(tables):
        assert sentence in page
        assert sentence in (folder / "README.md").read_text()
    assert all(any(name in sentence for sentence in warnings_of(tables)) for name in warned)
    explained = sum(bool(explanation.units) for _, explanation in read_explanations(documents[0], STATIC_DOCUMENTS))
    for warning in warned.values():
        assert page.count(f'<p class="remark">{warning}</p>') == explained
    assert page.count('<p class="remark">') == explained * len(warned)


def test_pages_show_figures_tables_and_documents(folder):
    page = (folder / "report.html").read_text()
    assert page.count("data:image/svg+xml;base64,") == 3
    assert "signed_gi" in page
    assert "figures/aopc.png" in (folder / "README.md").read_text()


def test_scores_that_do_not_add_up_are_counted_and_named(tmp_path):
    """One point of the path is gradient times input, whose scores need not add up."""
    texts = Dataset.from_dict({"id": range(5), "text": CORPUS, "label": [0, 1, 0, 1, 0]})
    options = Options(methods=("random", "loo", "integrated_gradients"), target="label", steps=1)
    tables = evaluate(explainer("bert"), texts, options, tmp_path, inputs={})
    write_results(tmp_path, Run("run", {}, {}, tables, 1.0, "replay", ""), document_paths(tmp_path))
    gaps = [
        explanation.completeness["integrated_gradients"]
        for _, explanation in read_explanations(*document_paths(tmp_path))
    ]
    n = sum(abs(gap) > 0.05 for gap in gaps)
    assert n > 0
    what = "scores that do not add up to the rise of the loss within 5 %"
    row = {"what": what, "method": "integrated_gradients", "n": n, "of": 5}
    assert row in tables.counts.to_dict("records")
    sentence = f"On {n} of 5 texts the scores of integrated_gradients should add up to the rise of the loss"
    assert sentence in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert sentence in (tmp_path / "README.md").read_text(encoding="utf-8")
    assert incomplete_notes(tables.counts.assign(n=0)) == []


def test_a_run_whose_files_are_being_written_is_not_finished(folder, tmp_path, monkeypatch):
    """A process that is killed here leaves files of two runs, but no checksums that they could be compared with."""
    copy = shutil.copytree(folder, tmp_path / "copy")

    def fail(*_, **__):
        assert not (copy / "SHA256SUMS").exists()
        raise KeyboardInterrupt

    monkeypatch.setattr("hf_gradexplain.run.results.share_tasks", fail)
    with pytest.raises(KeyboardInterrupt):
        rewrite_results(copy)
    assert not (copy / "SHA256SUMS").exists()


def test_the_report_of_a_finished_run_is_written_again(folder):
    written = {path: path.read_bytes() for path in (folder / "report.html", folder / "SHA256SUMS")}
    (folder / "report.html").write_text("lost")
    assert rewrite_report(folder) == folder / "report.html"
    assert {path: path.read_bytes() for path in written} == written


def test_a_finished_run_is_read_back(folder, tmp_path):
    """A run from Python has no `run.yaml`, and folders of older versions have no notes and no time."""
    record = json.loads((folder / "results.json").read_text())
    run = open_run(folder).run
    assert (run.title, run.replay, run.seconds, run.arguments) == (HOSTILE, REPLAY, 1.0, "max_k: 3\n")
    assert (run.facts, run.inputs) == (record["facts"], record["inputs"])
    assert (list(run.notes), run.finished, list(run.extra)) == (record["notes"], record["finished"], ["More"])
    assert open_run(folder).arguments == {"max_k": 3}
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "run.yaml").unlink()
    for name in ("notes", "finished"):
        del record[name]
    (copy / "results.json").write_text(json.dumps(record))
    record_finished_files(copy)
    again = open_run(copy)
    assert (again.run.arguments, again.arguments, again.run.notes, again.run.finished) == ("", {}, (), "")


def test_the_checksums_are_written_again_with_the_report_unless_it_is_another_file(folder, tmp_path):
    again = shutil.copytree(folder, tmp_path / "again")
    (again / "SHA256SUMS").unlink()
    rewrite_report(again, tmp_path / "other.html")
    assert not (again / "SHA256SUMS").exists()
    rewrite_report(again)
    assert (again / "SHA256SUMS").read_bytes() == (folder / "SHA256SUMS").read_bytes()


def test_the_results_of_a_finished_run_are_written_again_from_its_documents(folder, tmp_path):
    again = tmp_path / "again"
    shutil.copytree(folder, again)
    shutil.rmtree(again / "figures")
    for name in ("report.html", "README.md"):
        (again / name).unlink()
    assert rewrite_results(again) == again / "report.html"
    for path in folder.rglob("*"):
        if path.is_file() and path.name != ".lock":
            assert (again / path.relative_to(folder)).read_bytes() == path.read_bytes(), path.name


def remove(path):
    path.unlink()


def change(path):
    path.write_bytes(path.read_bytes() + b" ")


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("results.json", remove, "the run in .* is not finished: run the same command again to resume it"),
        (
            "results.json",
            change,
            r"results\.json was damaged or changed after the run: run the same command again, which",
        ),
        ("run.yaml", remove, r"run\.yaml was damaged or changed after the run"),
        ("More.parquet", change, r"More\.parquet was damaged or changed after the run"),
        (
            "documents/00000000.parquet",
            change,
            r"00000000\.parquet is damaged \(.*\): run the same command again, which",
        ),
        (
            "documents/00000000.parquet",
            remove,
            "is not the output folder of a run, which has results.json and documents/",
        ),
    ],
)
def test_a_run_that_is_unfinished_or_damaged_is_refused(folder, tmp_path, name, damage, message):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    damage(copy / name)
    with pytest.raises(GradexplainError, match=message):
        rewrite_results(copy)
    assert (copy / "report.html").read_bytes() == (folder / "report.html").read_bytes()


def with_counts(folder, copy, change):
    """Copy a run, and change the counts of documents in its `results.json`."""
    shutil.copytree(folder, copy)
    record = json.loads((copy / "results.json").read_text())
    change(record["documents"])
    (copy / "results.json").write_text(json.dumps(record))
    record_finished_files(copy)
    return copy


@pytest.mark.parametrize("name", ["documents", "left_out"])
def test_a_run_without_all_of_its_documents_is_refused(folder, tmp_path, name):
    copy = with_counts(folder, tmp_path / "copy", lambda counts: counts.update({name: counts[name] + 1}))
    with pytest.raises(GradexplainError, match="documents lacks documents of the run: run the same command again"):
        rewrite_results(copy)


def test_a_run_of_a_version_that_counted_otherwise_is_written_again(folder, tmp_path):
    def of_another_version(counts):
        del counts["left_out"]
        counts.update(labelled=0, predicted_right=6)

    copy = with_counts(folder, tmp_path / "copy", of_another_version)
    rewrite_results(copy)
    assert (copy / "results.json").read_bytes() == (folder / "results.json").read_bytes()


def test_a_folder_without_a_finished_run_has_no_report(folder, tmp_path):
    with pytest.raises(GradexplainError, match=f"{tmp_path} is not the output folder of a run, which has"):
        rewrite_report(tmp_path)
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / "aopc.parquet").write_bytes(b"")
    with pytest.raises(GradexplainError, match=r"aopc\.parquet was damaged or changed after the run: run the same"):
        rewrite_report(copy)


def names_of(folder):
    tables = {path.stem for path in folder.glob("*.parquet")}
    return tables, {path.name for path in (folder / "figures").iterdir()}


def test_tables_and_figures_of_an_earlier_call_are_removed_and_other_files_are_kept(tmp_path):
    engine, options = explainer("fasttext"), {"labels": [0, 1, 0, 1, 2], "output_dir": tmp_path, "progress": False}
    more = {"hybrid_documents": 3, "compare_baselines": "mean", "sanity": True, "sanity_samples": 2}
    engine.evaluate(list(CORPUS), ["loo", "random"], **options)
    plain = names_of(tmp_path)
    first = engine.evaluate(list(CORPUS), ["loo", "random"], **options, **more)
    assert names_of(tmp_path)[0] == plain[0] | {"hybrid", "baselines", "sanity", "randomisation"}
    assert names_of(tmp_path)[1] == plain[1] | {"randomisation.svg", "randomisation.png"}
    assert len(Evaluation.load(tmp_path).hybrid) == len(first.hybrid) == 2
    for name in ("mine.parquet", "figures/mine.svg"):
        shutil.copy(tmp_path / "aopc.parquet", tmp_path / name)
    again = engine.evaluate(list(CORPUS), ["loo", "random"], **options)
    assert names_of(tmp_path) == (plain[0] | {"mine"}, plain[1] | {"mine.svg"})
    loaded = Evaluation.load(tmp_path)
    for result in (again, loaded):
        assert (len(result.hybrid), len(result.baselines)) == (0, 0)
        assert "randomisation" not in result.run.extra
    assert open_run(tmp_path).record["tables"] == sorted(plain[0])
    assert open_run(tmp_path).frames.keys() == plain[0]
    assert "hybrid" not in (tmp_path / "SHA256SUMS").read_text()
    assert (tmp_path / "hybrid" / "documents").exists(), "which a later call can use again"
    rewrite_results(tmp_path)
    assert "mine" not in (tmp_path / "results.json").read_text()


def test_all_tables_of_an_earlier_version_are_read(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "run")
    record = json.loads((copy / "results.json").read_text())
    assert "More" in record.pop("tables")
    (copy / "results.json").write_text(json.dumps(record))
    record_finished_files(copy)
    assert open_run(copy).frames.keys() == open_run(folder).frames.keys() > {"More", "aopc"}
