"""`Explainer.evaluate`: the numbers of the recipe, from texts in memory."""

import gc
import gzip
import json
import re
import time
from base64 import b64decode
from copy import deepcopy
from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from filelock import FileLock, Timeout
from scipy import stats
from scipy.stats import ttest_rel

from hf_gradexplain.commands.evaluate import run_evaluation
from hf_gradexplain.commands.recipe_arguments import EvaluateRecipeArguments
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.documents import iterate_documents
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.explanation import Explanations
from hf_gradexplain.run import folder as folders
from hf_gradexplain.run import in_memory, make_run
from hf_gradexplain.run.evaluation import Evaluation
from hf_gradexplain.run.evidence import evidence
from hf_gradexplain.run.finished_files import record_finished_files
from hf_gradexplain.run.rewrite import rewrite_results
from tests.helpers.tiny import CORPUS, explainer, make

TEXTS = [*CORPUS, "", "bad"]
LABELS = [0, 1, 0, 1, 0, 1, 2]
METHODS = ["random", "loo", "sa_l2", "signed_gi"]


@pytest.fixture(scope="module")
def result():
    return explainer("textcnn").evaluate(TEXTS, METHODS, labels=LABELS, progress=False)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The folder of a model and that of a dataset."""
    folder = tmp_path_factory.mktemp("saved")
    for part in make("bert"):
        part.save_pretrained(folder / "model")
    pd.DataFrame({"text": TEXTS, "label": LABELS}).to_parquet(folder / "test.parquet")
    return folder


def test_the_numbers_are_those_of_the_recipe(saved, tmp_path):
    methods = ("random", "loo", "signed_gi")
    arguments = EvaluateRecipeArguments(
        model_name_or_path=str(saved / "model"), dataset_name=str(saved / "test.parquet"), split="train",
        methods=methods, unit="word", output_dir=str(tmp_path / "recipe"),
    )  # fmt: skip
    run_evaluation(arguments)
    explain = Explainer.from_pretrained(str(saved / "model"))
    result = explain.evaluate(TEXTS, methods, labels=LABELS, output_dir=tmp_path / "python")
    tables = sorted(path.name for path in (tmp_path / "recipe").glob("*.parquet"))
    assert len(tables) >= 6
    for name in tables:
        ours, theirs = (pd.read_parquet(tmp_path / part / name) for part in ("python", "recipe"))
        pd.testing.assert_frame_equal(ours, theirs, check_exact=True, obj=name)
    pd.testing.assert_frame_equal(result.aopc, pd.read_parquet(tmp_path / "recipe" / "aopc.parquet"))
    opened = Evaluation.load(tmp_path / "recipe")
    pd.testing.assert_frame_equal(opened.per_text(), result.per_text())
    assert opened.run.arguments == (tmp_path / "recipe" / "run.yaml").read_text(encoding="utf-8")
    written = {part: sorted((tmp_path / part / "documents").glob("*.parquet")) for part in ("python", "recipe")}
    assert [path.read_bytes() for path in written["python"]] == [path.read_bytes() for path in written["recipe"]]


def test_aopc_is_that_of_the_definition():
    model, tokenizer = explainer("fasttext").model, explainer("fasttext").tokenizer
    texts = [text for text in TEXTS if text]
    labels = [label for text, label in zip(TEXTS, LABELS, strict=True) if text]
    evaluated = explainer("fasttext").evaluate(texts, "signed_gi", "token", labels=labels, progress=False)
    longest = max(len(explanation) for explanation in evaluated.explanations)
    areas = []
    for explanation, label in zip(evaluated.explanations, labels, strict=True):
        ids = tokenizer(explanation.text, return_tensors="pt")
        vectors = model.get_input_embeddings()(ids["input_ids"]).detach().clone()
        order, drops = np.argsort(-explanation["signed_gi"], kind="stable"), []
        for k in range(longest + 1):
            masked = vectors.clone()
            masked[:, order[:k]] = 0
            logits = model(inputs_embeds=masked, attention_mask=ids["attention_mask"]).logits[0]
            drops.append(logits.softmax(-1)[label].item())
        drops = drops[0] - np.array(drops)
        areas.append([drops[: k + 1].sum() / (k + 1) for k in range(longest + 1)])
    np.testing.assert_allclose(evaluated.aopc["aopc"], np.mean(areas, 0), atol=1e-9)


def test_the_correlation_is_the_median_over_the_texts(result):
    long = [explanation for explanation in result.explanations if len(explanation) > 2]
    r = [np.corrcoef(explanation["signed_gi"], explanation["loo"])[0, 1] for explanation in long]
    table = result.correlation.set_index(["method", "coefficient"])
    assert table.loc[("signed_gi", "pearson"), "median"] == pytest.approx(np.median(r), abs=1e-12)
    row = result.to_frame().set_index("method").loc["signed_gi"]
    assert (row["median r"], row["no r"]) == (pytest.approx(np.median(r)), 2)


def test_the_table_of_texts_has_each_method_on_each_text(result):
    table = result.per_text()
    assert list(table["text_id"]) == np.repeat(range(7), 4).tolist()
    assert list(table["text"].unique()) == TEXTS
    rows = table[table["method"] == "signed_gi"].set_index("text_id")
    assert rows["label"].tolist() == [f"LABEL_{label}" for label in LABELS] == rows["target"].tolist()
    assert rows["correct"].tolist() == [
        e.prediction == label for e, label in zip(result.explanations, LABELS, strict=True)
    ]
    assert rows["AOPC(10)"].mean() == pytest.approx(result.to_frame().set_index("method").loc["signed_gi", "AOPC(10)"])
    first = result.explanations[0]
    assert rows.loc[0, "pearson"] == pytest.approx(np.corrcoef(first["signed_gi"], first["loo"])[0, 1])
    rho = stats.spearmanr(first["signed_gi"], first["loo"]).statistic
    assert rows.loc[0, "spearman"] == pytest.approx(rho, abs=1e-12)
    assert rows.loc[0, "p"] == first.probabilities[0]
    assert rows.loc[6, ["pearson", "spearman"]].isna().all()


def test_tables_of_what_was_not_measured_are_empty(result):
    assert (len(result.plausibility), len(result.hybrid)) == (0, 0)


def test_a_folder_with_a_damaged_model_is_refused_before_anything_is_computed(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    record_finished_files(tmp_path)
    (tmp_path / "model" / "config.json").write_text("{ }")
    with pytest.raises(GradexplainError, match=r"config\.json is damaged"):
        explainer("fasttext").evaluate(TEXTS, methods="random", output_dir=tmp_path, progress=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "SHA256SUMS", "model"]


def test_paired_tests_say_in_words_whether_a_difference_is_real(result):
    tests = result.paired_tests()
    assert len(tests) == 2 * 6
    row = tests[(tests["k"] == 10) & (tests["method"] == "loo") & (tests["other"] == "random")].iloc[0]
    table = result.per_text().pivot(index="text_id", columns="method", values="AOPC(10)")
    assert row["difference"] == pytest.approx((table["loo"] - table["random"]).mean())
    assert row["p"] == pytest.approx(ttest_rel(table["loo"], table["random"]).pvalue)
    real = "loo above random by" if row["p_adjusted"] <= 0.05 else "no significant difference between loo and random:"
    assert row["finding"].startswith(real)
    p = "< 0.001" if row["p_adjusted"] < 0.001 else f"{row['p_adjusted']:.3f}"
    assert row["finding"].endswith(f" (K = 10, adjusted p {p})")
    alone = explainer("fasttext").evaluate(TEXTS, methods="loo", progress=False)
    assert alone.paired_tests().empty
    assert alone.correlation.empty


def test_the_explanations_are_those_of_a_call(result):
    explained = explainer("textcnn")(TEXTS, METHODS, labels=LABELS)
    assert type(result.explanations) is Explanations
    for ours, theirs in zip(result.explanations, explained, strict=True):
        assert ours.text == theirs.text
        assert ours.target == theirs.target
        for method in METHODS:
            np.testing.assert_allclose(ours[method], theirs[method], atol=1e-12)
    assert [explanation.label for explanation in result.explanations] == LABELS


def same(one, other):
    pd.testing.assert_frame_equal(one.aopc, other.aopc)
    assert [e.target for e in one.explanations] == [e.target for e in other.explanations]


def test_texts_and_labels_come_as_everywhere(result):
    evaluate = explainer("textcnn").evaluate
    names = pd.Series([f"LABEL_{label}" for label in LABELS])
    same(evaluate(pd.Series(TEXTS), METHODS, labels=names, progress=False), result)
    one = evaluate("a bad film", "loo", labels="LABEL_1", progress=False)
    assert one.run.title == "TextCNNForSequenceClassification on one text"
    assert one.run.replay == "explainer.evaluate(texts, methods=['loo'], unit='word', labels=labels, ...)"
    assert [(e.text, e.target) for e in one.explanations] == [("a bad film", 1)]
    pairs = evaluate([("the film", "is bad\ud800"), ("", "good")], methods="loo", progress=False)
    assert [e.text for e in pairs.explanations] == ["the film\nis bad\ufffd", "\ngood"]
    assert pairs.explanations[0].pair_start == 9


def test_a_contrast_is_evaluated_by_the_probability_of_the_target_among_two_classes():
    explain, texts, labels = explainer("textcnn"), [*TEXTS[:3], "bad", "film", "music"], [0, 1, 0, 2, 0, 1]
    result = explain.evaluate(texts, ["loo"], labels=labels, against="runner_up", progress=False, naopc=True)
    assert result.run.facts["Against"] == "runner_up"
    documents = list(iterate_documents(result.documents))
    assert len({(document.explanation.target, document.explanation.against) for document in documents}) > 1
    for text, label, document in zip(texts, labels, documents, strict=True):
        curve, found = document.curves["loo"], document.explanation
        p = found.probabilities
        assert found.target == label
        assert found.against == max(set(range(3)) - {label}, key=lambda i: p[i])
        assert curve[0] == pytest.approx(p[label] / (p[label] + p[found.against]), rel=1e-9)
        scores = explain(text, "loo", target=label, against=found.against)["loo"]
        assert found["loo"] == pytest.approx(scores, rel=1e-9)
        low, high = document.bounds["lower"], document.bounds["upper"]
        assert low - 1e-9 <= (curve[0] - curve).mean() <= high + 1e-9
        assert len(found.units) > 1 or low == pytest.approx(high, abs=1e-12)
    assert result.per_text()["target"].tolist() == [each.question for each in result.explanations]


def test_the_report_of_a_contrast_names_both_classes(tmp_path):
    result = explainer("textcnn").evaluate(TEXTS[:2], ["loo"], labels=LABELS[:2], against="runner_up", progress=False)
    result.report(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert re.search(r"explained <b><bdi>LABEL_\d</bdi></b> rather than <b><bdi>LABEL_\d</bdi></b>", page)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": [0, 1]}, "an evaluation takes one target for all texts, not one per text: give a single one"),
        ({"against": [0, 1]}, "an evaluation takes one against for all texts, not one per text: give a single one"),
        (
            {"target": "predicted", "against": 1},
            "with target='predicted', the target of some texts may be the class 1 itself: give one class as the "
            "target, or choose against='runner_up' or 'rest'",
        ),
    ],
)
def test_an_evaluation_explains_the_same_of_every_text(options, message):
    with pytest.raises(GradexplainError, match=f"^{re.escape(message)}"):
        explainer("textcnn").evaluate(TEXTS[:2], labels=LABELS[:2], progress=False, **options)


@pytest.mark.parametrize("problem_type", ["regression", "multi_label_classification"])
def test_the_only_output_of_a_model_is_not_compared_with_labels(problem_type, tmp_path):
    model, tokenizer = make("fasttext", "regression")
    model.config.problem_type = problem_type
    explain = Explainer(model, tokenizer)
    labelled = explain.evaluate(TEXTS, "loo", labels=[0, "LABEL_0"] + [0] * 5, progress=False)
    without = explain.evaluate(TEXTS, "loo", progress=False)
    for result in (labelled, without):
        assert result.run.facts["Accuracy on them"] == "–"
        assert result.per_text()[["label", "correct"]].isna().all(axis=None)
        assert evidence(result, 1).decision.label is None
        result.report(tmp_path / "report.html")
        shown = index_of(tmp_path / "report.html")
        assert set(shown["label"]) == set(shown["prediction"]) == set(shown["confidence"]) == {None}
    same(without, labelled)
    with pytest.raises(GradexplainError, match=r"^label 1 of text 0 is not a class .*: leave out labels$"):
        explain.evaluate(TEXTS[:2], "loo", labels=[1, 0], progress=False)


def test_labels_of_a_regression_with_several_outputs_say_which_one_is_explained():
    model, tokenizer = make("fasttext")
    model.config.problem_type = "regression"
    result = Explainer(model, tokenizer).evaluate(TEXTS, "loo", labels=LABELS, progress=False)
    assert [explanation.target for explanation in result.explanations] == LABELS
    assert result.run.facts["Accuracy on them"] == "–"
    assert result.per_text()[["label", "correct"]].isna().all(axis=None)


def index_of(report):
    """The data of a report's documents that its scripts search."""
    page = report.read_text(encoding="utf-8")
    return json.loads(gzip.decompress(b64decode(re.search(r'id="index-data">([^<]*)<', page)[1])))


def test_labels_can_be_compared_with_predictions_that_are_explained():
    predicted = explainer("textcnn").evaluate(TEXTS, "loo", labels=LABELS, target="predicted", progress=False)
    assert all(explanation.target == explanation.prediction for explanation in predicted.explanations)
    assert predicted.per_text()["label"].tolist() == [f"LABEL_{label}" for label in LABELS]
    right = sum(e.prediction == label for e, label in zip(predicted.explanations, LABELS, strict=True))
    assert predicted.run.facts["Accuracy on them"] == f"{right / 7:.4f}"
    without = explainer("textcnn").evaluate(TEXTS, methods="loo", progress=False)
    assert without.per_text()["correct"].isna().all()
    same(without, predicted)


def test_options_and_measures_are_obeyed():
    evaluated = explainer("bert").evaluate(
        TEXTS[:3], methods=["loo", "signed_gi"], unit="token", objective="logit", max_k=4, random_orders=3,
        both_ends=True, naopc=True, ties="position", progress=False,
    )  # fmt: skip
    assert evaluated.aopc["k"].max() == 4
    tables, facts = evaluated.run.tables, evaluated.run.facts
    assert len(tables.normalised) == 2
    assert set(tables.curves["curve"]) == {"removal", "negative_first", "sufficiency"}
    assert len(tables.chance) == 5
    assert (facts["Unit"], facts["Objective"], facts["Ties"]) == ("token", "logit", "position")
    assert facts["Curves"] == "exact at every k"


def test_a_sampled_method_is_evaluated_like_any_other(tmp_path):
    texts, given = TEXTS[:4], {"max_evals": 60, "max_error": 0.1}
    evaluated = explainer("textcnn").evaluate(texts, methods=("loo", "shapley"), output_dir=tmp_path / "run", **given)
    assert evaluated.to_frame()["method"].tolist() in (["loo", "shapley"], ["shapley", "loo"])
    said = "up to 60 per text, or until a standard error of 10% of the largest score"
    assert evaluated.run.facts["Masked copies drawn"] == said
    assert "shapley" in set(evaluated.correlation["method"])
    card = (tmp_path / "run" / "README.md").read_text(encoding="utf-8")
    assert "shapley" in card
    assert evaluated.explanations[0].sampling["shapley"].draws
    for option, change in {"max_evals": 80, "max_error": 0.2, "tell_apart": 2}.items():
        was = given.get(option)
        with pytest.raises(GradexplainError, match=rf"other inputs \({option} was {was}, now {change}\)"):
            explainer("textcnn").evaluate(
                texts, methods=("loo", "shapley"), output_dir=tmp_path / "run", **{**given, option: change}
            )
    plain = explainer("textcnn").evaluate(texts[:2], methods="loo", progress=False)
    assert "Masked copies drawn" not in plain.run.facts


def test_there_is_no_aopc_beyond_the_measured_k(tmp_path):
    folder = tmp_path / "run"
    evaluated = explainer("bert").evaluate(TEXTS[:3], methods=["loo", "signed_gi"], k_grid=(2, 1), output_dir=folder)
    assert max(len(explanation) for explanation in evaluated.explanations) > 2
    assert list(evaluated.to_frame().columns[:5]) == ["method", "AOPC(2)", "low", "high", "median r"]
    tables = evaluated.run.tables
    assert [table["k"].max() for table in (tables.aopc, tables.chance, tables.comparisons)] == [2, 2, 2]
    record = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    texts = [repr(evaluated), evaluated._repr_html_(), json.dumps(record["summary"])]
    texts += [(folder / name).read_text(encoding="utf-8") for name in ("report.html", "README.md")]
    for text in texts:
        assert {*re.findall(r"AOPC\(\d+\)", text)} == {"AOPC(2)"}
    assert record["facts"]["Curves"] == "exact at k = 1, 2; straight lines between; AOPC(K) up to K = 2"
    fast = explainer("textcnn").evaluate(TEXTS[:3], methods="loo", k_grid=(1, 2), progress=False)
    assert fast.aopc["k"].max() == max(len(explanation) for explanation in fast.explanations)
    less = explainer("bert").evaluate(TEXTS[:3], methods="loo", k_grid=(1, 3), max_k=2, progress=False)
    assert less.aopc["k"].max() == 2


def test_by_default_auto_is_measured_against_random_orders_and_leave_one_out():
    evaluated = explainer("bert").evaluate(TEXTS[:2], progress=False)
    assert evaluated.to_frame()["method"].tolist() == ["attn_lrp", "loo", "random"]
    assert len(evaluated.run.tables.chance)
    assert evaluated.explanations[0].unit == "word"


def test_a_folder_has_the_files_of_a_run_and_is_resumed(tmp_path, capsys):
    evaluate, folder = explainer("textcnn").evaluate, tmp_path / "run"
    first = evaluate(TEXTS, METHODS, labels=LABELS, output_dir=str(folder))
    names = {path.name for path in folder.iterdir()}
    assert {"report.html", "results.json", "README.md", "aopc.parquet", "figures", "documents"} <= names
    assert "run.yaml" not in names
    assert "reused" not in capsys.readouterr().err
    same(evaluate(TEXTS, METHODS, labels=LABELS, output_dir=folder), first)
    assert "reused 1 of 1 shards" in capsys.readouterr().err
    with pytest.raises(GradexplainError, match=r"holds a run made from other inputs \(different texts\)"):
        evaluate(TEXTS[1:], METHODS, labels=LABELS[1:], output_dir=folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    assert rewrite_results(folder) == folder / "report.html"
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


@pytest.mark.parametrize("name", ["check_finished_files", "write_results"])
def test_the_folder_is_locked_before_the_first_and_until_the_last_file(monkeypatch, tmp_path, name):
    """Another run that gets the lock deletes unfinished files."""
    monkeypatch.setattr(folders, "_LOCK_TIMEOUT", 0.1)
    module = in_memory if name == "check_finished_files" else make_run
    work, seen, lock = getattr(module, name), [], FileLock(tmp_path / "run" / ".lock", is_singleton=False)

    def watched(*given):
        with pytest.raises(Timeout):
            lock.acquire(timeout=0)
        seen.append(name)
        work(*given)

    monkeypatch.setattr(module, name, watched)
    evaluate = partial(explainer("fasttext").evaluate, TEXTS[:2], methods="loo", output_dir=tmp_path / "run")
    evaluate(progress=False)
    assert seen == [name]
    with lock.acquire(timeout=0), pytest.raises(GradexplainError, match="another run is writing to"):
        evaluate(progress=False)


@pytest.mark.parametrize("progress", [True, False])
def test_what_is_asked_of_a_run(monkeypatch, tmp_path, progress):
    asked = []
    monkeypatch.setattr(in_memory, "make_run", lambda *given, **more: asked.append(more) or "run")
    for folder in (tmp_path, None):
        assert explainer("fasttext").evaluate(TEXTS, output_dir=folder, progress=progress).run == "run"
    replay = "explainer.evaluate(texts, methods=['signed_gi', 'loo', 'random'], unit='word', labels=labels, ...)"
    assert [(more["keep"], more["progress"], more["replay"]) for more in asked] == [
        (True, progress, replay), (False, progress, replay),
    ]  # fmt: skip
    assert all(0 <= time.monotonic() - more["started"] < 60 for more in asked)


def test_a_finished_run_is_opened_again(tmp_path):
    folder = tmp_path / "run"
    live = explainer("textcnn").evaluate(
        TEXTS[:5], METHODS, labels=LABELS[:5], output_dir=folder, rationales=[[(0, 3)]] * 5, compare_baselines="mean",
        naopc=True, unit="token", progress=False,
    )  # fmt: skip
    for given in (folder, str(folder)):
        opened = Evaluation.load(given)
        assert (repr(opened), opened._repr_html_()) == (repr(live), live._repr_html_())
    names = ["aopc", "correlation", "plausibility", "baselines", "hybrid"]
    pairs = [(getattr(opened, name), getattr(live, name)) for name in names]
    pairs += [(getattr(opened, name)(), getattr(live, name)()) for name in ("to_frame", "per_text", "paired_tests")]
    pairs += [(opened.words(min_documents=1).to_frame(), live.words(min_documents=1).to_frame())]
    groups = ["a", "a", "b", "b", None]
    pairs += [tuple(each.words(by=groups, min_documents=1).to_frame() for each in (opened, live))]
    for ours, theirs in pairs:
        pd.testing.assert_frame_equal(ours, theirs, check_exact=True)
    assert sum(len(theirs) > 0 for _, theirs in pairs) == len(pairs) - 1, "all but hybrid documents"
    assert [e.to_dict() for e in opened.explanations] == [e.to_dict() for e in live.explanations]
    for name, result in (("opened", opened), ("live", live)):
        result.report(tmp_path / name)
    assert (tmp_path / "opened").read_bytes() == (tmp_path / "live").read_bytes()
    tables = opened.run.tables
    assert (tables.unit, tables.document_counts) == ("token", live.run.tables.document_counts)
    assert opened.run.arguments == ""
    del opened, result
    gc.collect()
    assert (folder / "documents").exists()


def test_a_run_of_one_method_has_no_paired_tests_also_when_it_is_opened_again(tmp_path):
    live = explainer("textcnn").evaluate(TEXTS, "loo", output_dir=tmp_path, progress=False).paired_tests()
    assert not (tmp_path / "comparisons.parquet").exists()
    pd.testing.assert_frame_equal(Evaluation.load(tmp_path).paired_tests(), live, check_exact=True)
    columns = ["k", "method", "other", "difference", "ci_low", "ci_high", "p", "p_adjusted", "n", "finding"]
    assert (list(live.columns), len(live)) == (columns, 0)


def test_small_outputs_of_a_regression_are_shown_with_more_decimals_also_when_it_is_opened_again(tmp_path):
    explain = explainer("textcnn", "regression")
    model = deepcopy(explain.model)
    with torch.no_grad():
        for parameter in model.classifier.parameters():
            parameter *= 1e-4
    explain = Explainer(model, explain.tokenizer)
    live = explain.evaluate(TEXTS, ["random", "loo"], output_dir=tmp_path, progress=False)
    opened, tables = Evaluation.load(tmp_path), live.run.tables
    assert opened.run.tables.output_range == tables.output_range < 0.01
    assert repr(opened) == repr(live)
    decimals, row = tables.decimals, live.to_frame().set_index("method").loc["loo"]
    shown = [f"{x:z.{decimals}f}".replace("-", "−") for x in (row.iloc[0], row["low"], row["high"], row.iloc[3])]
    assert decimals > 5
    assert "  loo: AOPC({}) {} [{}, {}], AOPC({}) {}".format(
        tables.short_k, *shown[:3], tables.long_k, shown[3]
    ) in repr(live)  # fmt: skip
    assert all(re.search(rf" 0\.\d{{{decimals},{decimals + 3}}} \[", said) for said in live.paired_tests()["finding"])
    record = json.loads((tmp_path / "results.json").read_text())
    assert record.pop("output_range") == tables.output_range
    (tmp_path / "results.json").write_text(json.dumps(record))
    record_finished_files(tmp_path)
    assert Evaluation.load(tmp_path).run.tables.output_range == 1.0


def test_only_a_finished_run_is_opened(tmp_path):
    with pytest.raises(GradexplainError, match=r"^.* is not the output folder of a run, which has results\.json"):
        Evaluation.load(tmp_path)


def test_without_a_folder_nothing_is_left_behind(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(in_memory, "mkdtemp", lambda prefix: str(tmp_path / "run"))
    result = explainer("fasttext").evaluate(TEXTS, "loo", labels=LABELS, progress=False)
    assert capsys.readouterr() == ("", "")
    assert result.documents == (tmp_path / "run" / "documents" / "00000000.parquet",)
    del result
    gc.collect()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(GradexplainError, match="there is no text to evaluate"):
        explainer("fasttext").evaluate([], progress=False)
    assert list(tmp_path.iterdir()) == []


def test_the_report_has_the_result_and_every_text(result, tmp_path):
    result.report(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "TextCNNForSequenceClassification on 7 texts" in page
    assert "signed_gi" in page
    with pytest.raises(GradexplainError, match=r"^cannot write to .*: give another path$"):
        result.report(tmp_path)


def test_the_repr_says_the_result_in_words(result):
    first, second, *rows = repr(result).splitlines()
    assert first == "Evaluation of TextCNNForSequenceClassification on 7 texts"
    assert second.startswith("Over 7 texts, ")
    frame = result.to_frame().set_index("method")
    low, high = frame.loc["signed_gi", ["low", "high"]]
    (row,) = (row for row in rows if row.startswith("  signed_gi: "))
    assert f"AOPC(10) {frame.loc['signed_gi', 'AOPC(10)']:.3f} [{low:.3f}, {high:.3f}]".replace("-", "−") in row
    (longest,) = (name for name in frame.columns if name.startswith("AOPC(") and name != "AOPC(10)")
    assert f", {longest} {frame.loc['signed_gi', longest]:.3f}, ".replace("-", "−") in row
    assert f"median correlation with leave-one-out {frame.loc['signed_gi', 'median r']:.2f}" in row
    (loo,) = (row for row in rows if row.startswith("  loo: "))
    assert "correlation" not in loo
    undefined = explainer("textcnn").evaluate(["bad"], methods=["loo", "signed_gi"], progress=False)
    assert "  signed_gi: AOPC(1) " in repr(undefined)
    assert "median correlation with leave-one-out –" in repr(undefined)


def test_a_notebook_shows_the_sentence_the_table_and_the_curves(result):
    html = result._repr_html_()
    assert repr(result).splitlines()[1] in html
    assert all(f"<bdi>{method}</bdi>" in html for method in METHODS)
    assert "data:image/svg+xml;base64," in html
    assert "<script" not in html


def test_what_cannot_be_evaluated_is_refused_in_one_sentence(monkeypatch):
    evaluate = explainer("fasttext").evaluate
    with pytest.raises(GradexplainError, match=r"^texts must be all single, all pairs or all conversations: evaluate"):
        evaluate(["bad", ("bad", "film")])
    with pytest.raises(GradexplainError, match=r"unknown option 'max_kk': did you mean 'max_k'\?"):
        evaluate(TEXTS, max_kk=3)
    with pytest.raises(GradexplainError, match="unknown option 'self_check'"):
        evaluate(TEXTS, self_check=True)
    with pytest.raises(GradexplainError, match="7 texts need 7 labels, one class id or name each, but got 2"):
        evaluate(TEXTS, labels=[0, 1])
    with pytest.raises(GradexplainError, match="unknown method 'lo'"):
        evaluate(TEXTS, methods="lo")
    monkeypatch.setattr(in_memory, "process_state", lambda: SimpleNamespace(num_processes=2))
    message = r"^evaluate runs in one process, but 2 were started: start one, or share the work with recipes/"
    with pytest.raises(GradexplainError, match=message):
        evaluate(TEXTS)
