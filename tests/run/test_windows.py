"""Evaluations of texts that are read as windows."""

from itertools import combinations

import numpy as np
import pytest
from datasets import Dataset

from hf_gradexplain.attribution import sources
from hf_gradexplain.attribution.methods import select
from hf_gradexplain.classifier.hooked_classifier import HookedClassifier
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.documents import iterate_documents
from hf_gradexplain.evaluation.extra_measures import Measures
from hf_gradexplain.options import Options
from hf_gradexplain.perturb import generic
from hf_gradexplain.run import runner, shards
from hf_gradexplain.run.passes import Passes, TextSize
from hf_gradexplain.run.runner import evaluate_texts
from tests.explainer.test_windows import LIMIT, OPTIONS, STRIDE, TEXT, Naive, spans_of
from tests.helpers.tiny import OURS, explainer

METHODS = ("loo", "signed_gi")
DOCUMENTS = [TEXT, "a good film", f"{TEXT} , {TEXT}"]


def evaluate(folder=None, **more):
    return explainer("bert").evaluate(
        DOCUMENTS, METHODS, labels=[1, 0, 2], output_dir=folder, progress=False, **{**OPTIONS, **more}
    )


@pytest.mark.parametrize("pool", ["mean", "max"])
def test_curves_are_those_of_the_pooled_probability(pool):
    result = evaluate(pool=pool)
    document = next(iterate_documents(result.documents))
    naive, found = Naive(explainer("bert"), pool), document.explanation
    assert [bool(each.windows) for each in result.explanations] == [True, False, True]
    assert [bool(each.deciding) for each in result.explanations] == [pool == "max", False, pool == "max"]
    order, curve = np.argsort(-found["signed_gi"], kind="stable"), document.curves["signed_gi"]
    scored = found["signed_gi"][order] != 0  # ties are broken at random
    for k in range(1 + int(scored.argmin() if not scored.all() else len(scored))):
        removed = [spans_of(found)[u] for u in order[:k]]
        expected = naive.run(removed)[0].softmax(-1)[1].item()
        assert curve[k] == pytest.approx(expected, rel=1e-9)
    assert document.curves["loo"].shape == (len(found) + 1,)


@pytest.mark.slow
def test_a_stopped_run_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "DOCUMENTS", 1)
    evaluate(tmp_path / "whole")
    write, written = runner.write_documents, []

    def stop_at_the_second(documents, path, *rest):
        if written:
            raise KeyboardInterrupt
        written.append(path)
        write(documents, path, *rest)

    with monkeypatch.context() as context:
        context.setattr(runner, "write_documents", stop_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            evaluate(tmp_path / "stopped")
    assert len(list((tmp_path / "stopped" / "documents").glob("*.parquet"))) == 1
    evaluate(tmp_path / "stopped")
    files = [sorted((tmp_path / name / "documents").glob("*.parquet")) for name in ("whole", "stopped")]
    assert len(files[0]) == 3
    assert [path.read_bytes() for path in files[0]] == [path.read_bytes() for path in files[1]]
    for changed in ({"stride": 3}, {"pool": "max"}):
        with pytest.raises(GradexplainError, match=f"{next(iter(changed))}"):
            evaluate(tmp_path / "whole", **changed)


def test_an_estimate_counts_the_whole_text():
    whole = evaluate(dry_run=True)
    truncated = evaluate(dry_run=True, stride=None)
    assert whole.loo > truncated.loo


def tokens_read(documents, options, measures):
    """The tokens of all passes that an evaluation makes, without padding."""
    read, run = [], HookedClassifier._run_once

    def count(self, inputs, *others):
        logits = run(self, inputs, *others)  # to look words up, a pass is stopped
        read.append(int(inputs["attention_mask"].sum()))
        return logits

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HookedClassifier, "_run_once", count)
        evaluate_texts(explainer("bert"), Dataset.from_dict({"id": [0], "text": documents}), options, measures)
    return sum(read)


@pytest.mark.parametrize(
    ("methods", "within"), [("loo", 1e-9), ("random", 0.02), ("occlusion", 0.25), ("shapley", 0.02)]
)
def test_the_work_of_an_estimate_is_that_of_the_windows_that_run(methods, within):
    """Of a copy, only the windows run in which a removed word stands."""
    engine, text = explainer("bert"), " ".join([TEXT] * 6)
    options = Options(methods, max_evals=400, max_error=0.0, **OPTIONS)
    (document,) = engine.encode([text], options)
    assert len(document.windows) > 8
    size = TextSize.of(document)
    assert size.tokens == sum(window.tokens for window in document.windows)
    measures = Measures(k_grid=() if methods == "random" else (0,), random_orders=20 * (methods == "random"))
    (estimated,) = Passes(options, measures, engine.shortcut(options)).work([size])
    read = tokens_read([text], options, measures)
    assert estimated == pytest.approx(read, rel=within)
    assert read < 0.9 * size.tokens * (2 + measures.steps(size.units) * 21 + masked_copies_of(options, size.units))


def masked_copies_of(options, units):
    (method,) = select(options.methods, options).values()
    return method.source.masked_copies(units)


def test_tokens_of_copies_are_counted_window_by_window():
    """Of 4 units, two windows of 10 and 8 tokens hold 3 and 2; all sets of a size are counted."""
    size = TextSize(4, 18, ((10, 3), (8, 2)))
    windows = ((10, {0, 1, 2}), (8, {2, 3}))
    for k in range(1, 5):
        sets = list(combinations(range(4), k))
        expected = sum(tokens for removed in sets for tokens, units in windows if units & set(removed)) / len(sets)
        assert size.copy_tokens([k]) == pytest.approx(expected)
    assert size.copy_tokens([1, 3]) == pytest.approx(size.copy_tokens([1]) + size.copy_tokens([3]))
    assert size.mean_copy == pytest.approx(size.copy_tokens([1, 2, 3]) / 3)
    assert size.copy_tokens([]) == 0
    assert TextSize(4, 18).copy_tokens([1, 2]) == 36


def test_the_facts_of_a_run_name_the_windows():
    assert evaluate(pool="max").run.facts["Windows"] == "stride 4, max of their logits"
    assert "Windows" not in evaluate(stride=None).run.facts


def evaluate_ours(kind, texts=tuple(DOCUMENTS), **more):
    return explainer(kind).evaluate(
        list(texts), METHODS, labels=[i % 3 for i in range(len(texts))], progress=False, **more
    )


@pytest.mark.parametrize("kind", OURS)
def test_texts_that_may_be_windows_have_no_shortcut(kind):
    grid = evaluate_ours(kind, k_grid=(1, 5), **OPTIONS)
    assert grid.run.facts["Curves"] == "exact at k = 1, 5; straight lines between; AOPC(K) up to K = 5"
    assert grid.aopc["k"].max() == 5
    alone = evaluate_ours(kind, k_grid=(1, 5), batch_tokens=LIMIT, **OPTIONS)  # "a good film" is a batch of its own
    for document, other in zip(*(iterate_documents(each.documents) for each in (grid, alone)), strict=True):
        for method, curve in document.curves.items():
            np.testing.assert_allclose(other.curves[method], curve, rtol=1e-9)
            line = curve[5:] if len(curve) > 5 else curve[1:]
            np.testing.assert_allclose(np.diff(line, 2), 0, atol=1e-12)
    whole = evaluate_ours(kind, **OPTIONS)
    assert all(len(document.random_orders) == 2 for document in iterate_documents(whole.documents))
    with pytest.raises(GradexplainError, match="naopc needs the curves at every number of removed units"):
        evaluate_ours(kind, k_grid=(1, 5), naopc=True, **OPTIONS)
    dry = evaluate_ours(kind, dry_run=True, **OPTIONS)
    assert (dry.saved, dry.orders) == (frozenset(), len(METHODS) + 2)


def without_masked_copies(patch):
    def refused(*args):
        raise AssertionError("masked copies")

    patch.setattr(generic, "run_masked_copies", refused)


@pytest.mark.parametrize("kind", OURS)
def test_without_a_limit_a_stride_changes_nothing(kind, monkeypatch):
    more = {"k_grid": (1, 5), "random_orders": 2, "both_ends": True}
    plain = evaluate_ours(kind, **more)
    without_masked_copies(monkeypatch)
    strided = evaluate_ours(kind, stride=STRIDE, **more)
    assert strided.run.facts["Curves"] == plain.run.facts["Curves"] == "exact at every k"
    assert strided.aopc.equals(plain.aopc)
    assert strided.aopc["k"].max() > 5
    dry = evaluate_ours(kind, dry_run=True, stride=STRIDE)
    assert (dry.saved, dry.orders) == ({"loo", "curves"}, 2 * len(METHODS) + 20)


@pytest.mark.parametrize("kind", OURS)
def test_texts_that_fit_have_their_shortcut_and_the_same_bits(kind, monkeypatch):
    texts, limit = ["a good film", "the actor is bad , bad", "bad"], {"tokenizer_kwargs": {"max_length": LIMIT}}
    methods = ("loo", "signed_gi", "gi_prob", "sa_l2")
    plain = explainer(kind)(texts, methods, labels=1, **limit)
    evaluated = evaluate_ours(kind, texts, **limit)
    without_masked_copies(monkeypatch)
    strided = explainer(kind)(texts, methods, labels=1, **OPTIONS)
    for one, other in zip(plain, strided, strict=True):
        assert all(np.array_equal(one[method], other[method]) for method in methods)
    again = evaluate_ours(kind, texts, **OPTIONS)
    for one, other in zip(*(iterate_documents(each.documents) for each in (evaluated, again)), strict=True):
        assert all(np.array_equal(one.curves[method], other.curves[method]) for method in METHODS)


def test_gradients_of_a_fasttext_need_no_backward_pass(monkeypatch):
    expected = explainer("fasttext")("a good film", ("signed_gi", "gi_prob"), labels=1, self_check=False)

    def refused(forwards):
        raise AssertionError("a backward pass")

    monkeypatch.setattr(sources, "gradients_of_classes", refused)
    found = explainer("fasttext")("a good film", ("signed_gi", "gi_prob"), labels=1, self_check=False, **OPTIONS)
    assert all(np.array_equal(found[method], expected[method]) for method in expected.scores)
