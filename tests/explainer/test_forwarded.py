"""What the methods of an explainer hand on to the functions that do the work, above all their defaults."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explainer import Explainer, auditing, comparing, interacting, streaming
from hf_gradexplain.explainer import explainer as explaining
from hf_gradexplain.options import Options
from hf_gradexplain.options.words import InsertionTest
from hf_gradexplain.run import in_memory
from tests.helpers.tiny import explainer


@pytest.fixture
def calls(monkeypatch):
    """Replaces the functions that do the work: they write down their arguments, without the explainer."""
    made = []

    def record(name):
        return lambda engine, *given, **more: made.append((name, given, more)) or name

    for module, names in {
        auditing: ("check_sanity", "explain_hybrids", "find_suspicious_words"),
        comparing: ("explain_preferences", "rank_documents"),
        interacting: ("find_interactions",),
        streaming: ("explain_stream",),
        in_memory: ("make_evaluation", "make_estimate"),
    }.items():
        for name in names:
            monkeypatch.setattr(module, name, record(name))
    return made


def only(calls):
    (call,) = calls
    return call


TEXTS = ["a good film", "a bad film"]


def test_sanity(calls):
    assert explainer("fasttext").sanity(TEXTS) == "check_sanity"
    _, (texts, options, labels), more = only(calls)
    assert (texts, labels, more) == (TEXTS, None, {"independent": False})
    assert options == Options(("random", "loo", "sa_l2", "auto"))
    explainer("fasttext").sanity("one", "loo", "token", 1, independent=True, seed=3)
    _, (texts, options, labels), more = calls[1]
    assert (texts, labels, more) == (["one"], 1, {"independent": True})
    assert options == Options(("loo",), "token", "label", seed=3)


def test_hybrid_documents(calls):
    assert explainer("fasttext").hybrid_documents(TEXTS, labels=[0, 1]) == "explain_hybrids"
    _, (texts, labels, options, n), _ = only(calls)
    assert (texts, labels, n) == (TEXTS, [0, 1], 100)
    assert options == Options(("auto", "loo", "random"))
    explainer("fasttext").hybrid_documents(TEXTS, "loo", "token", labels=[1, 0], n=3, seed=2)
    assert calls[1][1] == (TEXTS, [1, 0], Options(("loo",), "token", seed=2), 3)
    with pytest.raises(TypeError, match="labels"):
        explainer("fasttext").hybrid_documents(TEXTS, "loo")
    with pytest.raises(GradexplainError, match="unknown option 'target'"):
        explainer("fasttext").hybrid_documents(TEXTS, labels=[0, 1], target="all")


def test_suspicious_words(calls):
    paths = [Path("a")]
    assert explainer("fasttext").suspicious_words(paths) == "find_suspicious_words"
    _, given, _ = only(calls)
    assert given == (tuple(paths), Options(), None, InsertionTest(200, 20, 300, 3, 0.05, 0.03), "")
    result = SimpleNamespace(documents=paths, run=SimpleNamespace(title="m on d"))
    explainer("fasttext").suspicious_words(
        result, "loo", n_texts=1, n_controls=11, most=2, min_documents=4, level=0.1, margin=0.2, seed=3
    )
    assert calls[1][1] == (paths, Options(seed=3), "loo", InsertionTest(1, 11, 2, 4, 0.1, 0.2), "m on d")
    with pytest.raises(GradexplainError, match="unknown option 'baseline'"):
        explainer("fasttext").suspicious_words(paths, baseline="zero")
    explainer("fasttext").suspicious_words(["a", Path("b")])
    assert calls[2][1][0] == (Path("a"), Path("b"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a finished run."""
    folder = tmp_path_factory.mktemp("run")
    explainer("fasttext").evaluate(TEXTS, methods="loo", output_dir=folder, progress=False)
    return folder


@pytest.mark.parametrize("kind", [str, Path])
def test_suspicious_words_of_a_folder(folder, calls, tmp_path, kind):
    with pytest.raises(GradexplainError, match="is not the output folder of a run"):
        explainer("fasttext").suspicious_words(kind(tmp_path))
    assert explainer("fasttext").suspicious_words(kind(folder)) == "find_suspicious_words"
    _, (paths, *_, title), _ = only(calls)
    assert paths == (folder / "documents" / "00000000.parquet",)
    assert title == "FastTextForSequenceClassification on 2 texts"


def test_preferences_and_rankings(calls):
    assert explainer("fasttext").prefer("a", "b") == "explain_preferences"
    _, (chosen, rejected, options, units), _ = only(calls)
    assert (chosen, rejected, units, options.methods, options.unit) == ("a", "b", None, ("auto",), "word")
    assert explainer("fasttext").rank("a", ["b"]) == "rank_documents"
    _, (query, documents, options, top, units), _ = calls[1]
    assert (query, documents, top, units, options.methods, options.unit) == ("a", ["b"], None, None, ("auto",), "word")


def test_interactions(calls):
    assert explainer("fasttext").interactions("a film") == "find_interactions"
    _, (text, options, labels), more = only(calls)
    assert (text, labels, more) == ("a film", None, {"top": interacting.TOP, "index": "second_difference"})
    assert options == Options(("auto",), self_check=True)
    explainer("fasttext").interactions("a film", self_check=False)
    assert calls[1][1][1] == Options(("auto",), self_check=False)
    with pytest.raises(GradexplainError, match="one text, pair or conversation, not list: call it for each text"):
        explainer("fasttext").interactions(["a", "b"])


def test_streams(calls):
    assert explainer("fasttext").stream(TEXTS) == "explain_stream"
    _, (texts, options, labels, units), more = only(calls)
    assert (texts, labels, units, more) == (TEXTS, None, None, {"progress": True})
    assert options == Options()


def test_evaluations(calls):
    assert explainer("fasttext").evaluate(TEXTS) == "make_evaluation"
    _, (texts, labels, options, measures, audits, folder), more = only(calls)
    assert (texts, labels, folder) == (TEXTS, [None, None], None)
    assert more == {"rationales": None, "progress": True}
    assert options == Options(("auto", "loo", "random"))
    assert (measures.k_grid, audits.sanity_samples) == ((), 50)
    given = explainer("fasttext").evaluate("a film", labels="LABEL_1", dry_run=True, output_dir="x", progress=False)
    assert given == "make_estimate"
    assert calls[1][1][:3] == (["a film"], [1], Options(("auto", "loo", "random"), target="label"))
    explainer("fasttext").evaluate(TEXTS, output_dir="x", progress=False, rationales=[[(0, 1)], []])
    _, given, more = calls[2]
    assert given[5] == Path("x")
    assert more["progress"] is False
    assert more["rationales"] is not None


@pytest.mark.parametrize(("n", "more"), [(9, ""), (10, ""), (11, " and 1 more"), (1234, " and 1,224 more")])
def test_ten_classes_are_named(monkeypatch, n, more):
    monkeypatch.setattr(Explainer, "class_names", [f"c{i}" if i else "x" * 41 for i in range(n)])
    classes = repr(explainer("fasttext")).splitlines()[1]
    names = ["0 " + "x" * 39 + "…", *(f"{i} c{i}" for i in range(1, min(n, 10)))]
    assert classes == f"  classes: {', '.join(names)}{more}"


def test_a_model_without_a_tokenizer_is_refused_and_an_explainer_is_used_as_it_is(monkeypatch):
    with pytest.raises(GradexplainError, match=r"needs its tokenizer: call Explainer\(model, tokenizer\)"):
        explaining.explain(explainer("fasttext").model, "a")
    loaded = []
    monkeypatch.setattr(Explainer, "from_pretrained", lambda name: loaded.append(name) or explainer("fasttext"))
    assert explaining.explain(Path("me/m"), "good", "loo").scores.keys() == {"loo"}
    assert loaded == ["me/m"]
    assert explaining.explain(explainer("fasttext"), "good", "loo", self_check=False).text == "good"
