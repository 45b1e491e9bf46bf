"""The estimated cost of a run is its real cost."""

from dataclasses import replace

import pytest
import torch
from datasets import Dataset, IterableDataset

from hf_gradexplain.attribution.methods import select
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.extra_measures import Measures
from hf_gradexplain.options import Options
from hf_gradexplain.perturb import Shortcut
from hf_gradexplain.run import estimate as module
from hf_gradexplain.run.cost import Estimate
from hf_gradexplain.run.estimate import estimate
from hf_gradexplain.run.passes import K_GRID, Passes, TextSize
from hf_gradexplain.run.runner import evaluate_texts
from hf_gradexplain.run.shards import Shard
from tests.helpers.tiny import CORPUS, TEXTS, explainer

OPTIONS = Options(methods=("random", "loo", "sa_l2"), unit="word")


@pytest.fixture
def texts():
    return Dataset.from_dict({"id": range(6), "text": list(TEXTS)})


def masked_texts(explain, texts, options, monkeypatch, measures=None):
    """Count the texts that the model reads, in addition to reading each once."""
    read = []
    masked = type(explain.profile.classifier(explain.model, None, 1)).masked_logits

    def count(self, inputs, chosen):
        read.append(len(inputs["input_ids"]))
        return masked(self, inputs, chosen)

    with monkeypatch.context() as patch:
        patch.setattr("hf_gradexplain.classifier.hooked_classifier.HookedClassifier.masked_logits", count)
        evaluate_texts(explain, texts, options, measures)
    return sum(read)


def test_the_estimated_forward_passes_are_those_of_the_evaluation(texts, monkeypatch):
    cost = estimate(explainer("bert"), texts, OPTIONS)
    with_units = sum(1 for text in TEXTS if text)
    made = masked_texts(explainer("bert"), texts, OPTIONS, monkeypatch)
    assert 6 * (cost.loo + 3 * cost.curves) + with_units == pytest.approx(made)
    assert (cost.documents, cost.shards, cost.saved, cost.backward) == (6, 1, frozenset(), 1)


def test_the_copies_of_methods_that_mask_words_are_those_that_run(monkeypatch):
    """Of a text of 10 units, sampled; of one of 2, for which all sets are few enough; and of one without units."""
    texts = Dataset.from_dict({"id": range(3), "text": [CORPUS[0], "bad film", ""]})
    options = Options(("random", "loo", "shapley"), max_evals=100, max_error=0.0)
    cost = estimate(explainer("bert"), texts, options)
    made = masked_texts(explainer("bert"), texts, options, monkeypatch)
    found = explainer("bert")(list(texts["text"]), "shapley", max_evals=100, max_error=0.0)
    counted = sum(explanation.sampling["shapley"].copies for explanation in found)
    assert 3 * cost.masked["shapley"] == 1 + 90 + 3  # five draws of two orders, their end; all sets
    assert counted == 3 * cost.masked["shapley"]
    assert 3 * (cost.loo + 3 * cost.curves) + 2 + counted == pytest.approx(made, abs=2)
    assert cost.in_words()["  shapley"] == "up to 94"
    assert cost.cheaper.keys() == {("k_grid", K_GRID), *(("methods", kept) for kept in cheaper_methods(options))}


def cheaper_methods(options):
    """Return the methods without each of them."""
    return [tuple(name for name in options.methods if name != left_out) for left_out in options.methods]


def test_fewer_copies_are_proposed_for_methods_that_draw_them():
    texts = Dataset.from_dict({"id": range(2), "text": [CORPUS[4], CORPUS[0]]})
    cost = estimate(
        explainer("bert"), texts, Options(("shapley",), max_evals=900, max_error=0.9), Measures(k_grid=(1,))
    )
    (option,) = cost.cheaper
    assert option == ("max_evals", 500)
    # copies: the first text has 12 units, the second 10; then a forward pass, and a curve at k = 0, 1 and its end
    work = [
        (1 + 899 // 44 * 44 + 3) * 14 + (1 + 899 // 36 * 36 + 3) * 12,
        (1 + 499 // 44 * 44 + 3) * 14 + (1 + 499 // 36 * 36 + 3) * 12,
    ]
    assert cost.cheaper[option] == pytest.approx(work[1] / work[0], rel=0.01)
    slow = replace(cost, seconds=2.0, documents=1000, measured=1)
    assert "--max_evals 500 --max_samples" in slow.in_words(flags=True)["ten minutes"]
    assert "max_evals=500 and" in slow.in_words()["ten minutes"]
    fewest = Options(("shapley",), max_evals=500, max_error=0.9)
    assert not estimate(explainer("bert"), texts, fewest, Measures(k_grid=(1,))).cheaper


def test_a_shortcut_saves_copies_of_the_kind_that_it_is_for(texts):
    cost = estimate(explainer("textcnn"), texts, Options(("loo", "shapley", "occlusion")))
    assert cost.saved == {"loo", "shapley", "occlusion", "curves"}
    assert cost.cheaper["max_evals", 500] == 1  # what is saved costs nothing
    saved = "(saved by the shortcut of TextCNNForSequenceClassification)"
    assert cost.in_words()["  shapley"].endswith(saved)
    shapley, occlusion, loo = (select(name)[name].source for name in ("shapley", "occlusion", "loo"))
    asked = ((shapley, 20), (shapley, 5), (occlusion, 5), (loo, 5))
    for name, expected in {
        "removal_curves": [True, False, False, False],
        "subsets": [False, True, True, False],
        "leave_one_out": [False, False, False, True],
    }.items():
        assert [source.saved_by(Shortcut(**{name: print}), units) for source, units in asked] == expected


@pytest.mark.parametrize(
    "measures", [Measures(random_orders=4), Measures(both_ends=True), Measures(3, True, True), Measures(k_grid=(1, 4))]
)
def test_forward_passes_of_more_orders_are_exact_and_those_of_bounds_approximate(texts, measures, monkeypatch):
    texts = texts.select([1, 3])
    cost = estimate(explainer("bert"), texts, OPTIONS, measures)
    made = masked_texts(explainer("bert"), texts, OPTIONS, monkeypatch, measures)
    expected = 2 * (cost.loo + cost.orders * cost.curves + 1)
    assert cost.orders == 3 * (1 + measures.both_ends) + measures.random_orders
    assert expected + 2 * cost.bounds == pytest.approx(made, rel=0.2 if measures.bounds else 1e-9)
    assert (cost.in_words()["  bounds"] == "none") == (not measures.bounds)


def test_a_shortcut_saves_forward_passes(texts, monkeypatch):
    cost = estimate(explainer("fasttext"), texts, OPTIONS)
    assert cost.saved == {"loo", "curves"}
    assert masked_texts(explainer("fasttext"), texts, OPTIONS, monkeypatch) == 0
    description = replace(cost, processes=2).in_words()
    saved = "(saved by the shortcut of FastTextForSequenceClassification)"
    assert description["  leave-one-out"].endswith(saved)
    assert description["  curves"].endswith(f"for each of 3 orders {saved}")
    assert (description["rows"], description["processes"]) == ("6", "2")
    assert replace(cost, seconds=25, shards=2).in_words()["shards"] == "2, about 75 s each"
    assert description["forward passes"] == "6 plain, and 6 backward"


@pytest.mark.parametrize(
    ("shortcut", "forward"),
    [
        (Shortcut(), 1 + 2 * 4 + 1),  # the text; one to four units less, in the order of each method; no units
        (Shortcut(removal_curves=print), 1),
    ],
)
def test_curves_cost_nothing_if_a_shortcut_computes_them(shortcut, forward):
    passes = Passes(Options(("random", "sa_l2")), Measures(), shortcut)
    (work,) = passes.work([TextSize(units=5, tokens=7)])
    assert work == 7 * (forward + 2 * 1)  # a backward pass counts twice


def test_methods_that_are_not_requested_cost_nothing(texts):
    cost = estimate(explainer("bert"), texts, Options(methods=("random",)))
    assert (cost.loo, cost.forward, cost.backward) == (0, 1, 0)
    assert cost.in_words()["  leave-one-out"] == "none"


@pytest.mark.parametrize(
    ("methods", "text", "forward", "backward"),
    [
        (("gradient_shap",), 3, 31, 30),
        (("sa_l2", "signed_gi"), 1, 1, 1),
        (("signed_gi", "attn_lrp", "cp_lrp", "gi_prob"), 1, 2, 4),
        (("integrated_gradients",), 1, 21, 20),
        (("smoothgrad", "vargrad"), 3, 21, 20),
        (("sequential_integrated_gradients",), 3, 101, 100),
    ],
)
def test_passes_of_gradient_methods_are_counted(texts, methods, text, forward, backward, monkeypatch):
    budget = {"max_evals": 31, "max_error": 0}
    options, made = Options(methods=methods, **budget), []
    cost = estimate(explainer("bert"), texts.select([text]), options)
    assert (cost.forward, cost.backward) == (forward, backward)
    plain = torch.autograd.grad

    def count(logits, *others, **settings):
        made.append(len(logits) if logits.ndim == 2 else 0)
        return plain(logits, *others, **settings)

    monkeypatch.setattr(torch.autograd, "grad", count)
    assert explainer("bert")(texts[text]["text"], methods, self_check=False, **budget).scores
    assert sum(made) == backward
    words = cost.in_words()["forward passes"]
    assert words == f"{forward} plain, and {backward} backward"


def test_time_is_measured_on_a_few_documents_and_scaled_to_all(monkeypatch):
    """With a simulated clock: each document takes its forward passes times its tokens; a backward pass is two."""
    texts = Dataset.from_dict({"id": range(300), "text": [" ".join(["a"] * (1 + i % 9)) for i in range(300)]})
    options, clock = Options(methods=("signed_gi",)), [0.0]
    words = lambda row_text: len(row_text.split())  # noqa: E731

    def evaluate(explain, rows, options, measures):
        clock[0] += sum((1 + 2 + max(words(text) - 1, 0) + 1) * (2 + words(text)) for text in rows["text"])

    monkeypatch.setattr(module, "evaluate_finite", evaluate)
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    cost = estimate(explainer("bert"), texts, options)
    exact = sum((3 + n) * (2 + n) for n in (words(text) for text in texts["text"])) / 300
    assert cost.seconds == pytest.approx(exact, rel=0.05)
    assert cost.measured < 10
    assert cost.memory > 2**20


def test_a_sample_has_different_documents_of_all_parts_of_the_dataset(monkeypatch):
    read = []
    monkeypatch.setattr(module, "evaluate_finite", lambda explain, rows, options, measures: read.append(rows))
    monkeypatch.setattr(module, "SAMPLE", 60)
    texts = Dataset.from_dict({"id": range(300), "text": [f"film {i}" for i in range(300)]})
    assert estimate(explainer("fasttext"), texts, Options(("random",))).documents == 300
    rows = [row for group in read[1:] for row in group]
    assert {row["text"] for row in read[0]} == {rows[0]["text"]}
    assert all(row["text"] == f"film {row['id']}" for row in rows)
    ids = [row["id"] for row in rows]
    assert len(ids) == len(set(ids)) == 60
    assert all(5 < sum(low <= i < low + 60 for i in ids) < 22 for low in range(0, 300, 60))  # 12 are expected


COSTLY = Options(methods=("random", "loo", "smoothgrad", "sa_l2"), unit="word")


def passes(units, methods=4, smoothgrad=True, grid=None, bounds=0):
    """Passes over a text: a forward, those of the gradients, which count twice, leave-one-out, the curves."""
    steps = len([k for k in range(1, units) if grid is None or k in grid])
    return 1 + 2 + smoothgrad * (20 + 2 * 20) + units + methods * steps + 1 + bounds


def test_the_share_that_is_left_with_cheaper_flags_is_that_of_the_passes():
    texts = Dataset.from_dict({"id": range(2), "text": ["bad " * 12, "bad " * 20]})
    cost = estimate(explainer("bert"), texts, COSTLY, Measures(bounds=True, beam_size=3))
    without = estimate(explainer("bert"), texts, COSTLY, Measures())
    kept = ("random", "loo", "sa_l2")

    def bounds(units):
        return 3 * units**2

    def total(passes_of):
        return sum((2 + units) * passes_of(units) for units in (12, 20))

    whole = total(lambda units: passes(units, bounds=bounds(units)))
    less = total(lambda units: passes(units, 3, smoothgrad=False, bounds=bounds(units)))
    assert cost.cheaper["naopc", False] == pytest.approx(total(passes) / whole)
    assert cost.cheaper["methods", kept] == pytest.approx(less / whole)
    grid = total(lambda units: passes(units, grid=(1, 2, 3, 5, 10)))
    assert without.cheaper["k_grid", (1, 2, 3, 5, 10)] == pytest.approx(grid / total(passes))
    assert (len(cost.cheaper), len(without.cheaper)) == (1 + 4, 1 + 4)
    assert not estimate(explainer("bert"), texts, Options("loo"), Measures(k_grid=(1,))).cheaper


def described(seconds, documents=10_000, *, flags=True):
    """The rows of the time for a run of this many seconds per document, on two processes."""
    names = {("naopc", False): 0.9, ("k_grid", (1, 2)): 0.5, ("methods", ("a", "b")): 0.6, ("methods", ("b",)): 0.01}
    numbers = dict.fromkeys(("shards", "forward", "backward", "curves", "orders", "bounds", "measured", "memory"), 1)
    cost = Estimate(
        documents=documents, masked={"loo": 1}, sampled=frozenset(), saved=frozenset(), seconds=seconds,
        cheaper=names, model="BERT", processes=2, **numbers,
    )  # fmt: skip
    rows = cost.in_words(flags=flags)
    return rows["time"], rows["ten minutes"]


def test_the_time_is_told_in_seconds_per_document_with_the_flags_that_make_it_ten_minutes():
    assert described(0.000123) == ("about a second, at 0.00012 s per document", "enough for the run")
    assert described(0.12) == ("about 10.0 min, at 0.12 s per document", "enough for the run")
    assert described(1.5) == (
        "about 2.1 h, at 1.5 s per document",
        "enough with --max_samples 800, or --k_grid 1 2 --max_samples 1600, or --methods b",
    )
    assert described(1234.5, documents=None)[0] == "about 7.1 days, at 1200 s per document"
    assert described(1300, documents=20)[1] == "enough with --k_grid 1 2 --max_samples 1, or --methods b"
    assert described(10**6) == ("about 57,870.4 days, at 1000000 s per document", "not enough for one document")


def test_in_python_the_flags_are_arguments():
    assert described(1.5, flags=False)[1] == (
        "enough with 800 texts, or k_grid=(1, 2) and 1,600 texts, or methods=('b',)"
    )


def test_an_evaluation_in_python_has_a_dry_run_that_writes_nothing(texts, tmp_path):
    dry = explainer("bert").evaluate(
        list(TEXTS), methods=OPTIONS.methods, random_orders=4, dry_run=True, output_dir=tmp_path / "run"
    )
    measured = estimate(
        explainer("bert"), Dataset.from_dict({"id": range(6), "text": list(TEXTS)}), OPTIONS, Measures(4)
    )
    same = ("documents", "shards", "forward", "backward", "loo", "curves", "orders", "bounds", "cheaper", "model")
    assert [getattr(dry, name) for name in same] == [getattr(measured, name) for name in same]
    assert dry.total_seconds == 6 * dry.seconds
    assert list(tmp_path.iterdir()) == []
    assert repr(dry).splitlines()[0] == "rows            6"
    assert f"<bdi>{dry.in_words()['time']}</bdi>" in dry._repr_html_()
    with pytest.raises(GradexplainError, match="texts must be all single, all pairs or all conversations"):
        explainer("bert").evaluate(["bad", ("bad", "film")], dry_run=True)


def test_only_the_beginning_of_a_stream_is_read():
    def generate():
        for i in range(100_000):
            assert i < 10_000, "the rest need not be read"
            yield {"id": i, "text": "a good film"}

    cost = estimate(explainer("fasttext"), IterableDataset.from_generator(generate), Options(methods=("random",)))
    assert (cost.documents, cost.shards) == (None, None)
    description = cost.in_words()
    assert description["rows"] == "unknown for a stream; the other numbers are for 1,000"
    assert description["forward passes"] == "1,000 plain"


def test_an_empty_dataset_is_an_error(texts):
    with pytest.raises(GradexplainError, match="the dataset is empty"):
        estimate(explainer("fasttext"), texts.select([]), OPTIONS)


def shard(n, start=0):
    return Shard(start, {"id": list(range(start, start + n)), "text": [f"t{i}" for i in range(start, start + n)]}, n)


@pytest.mark.parametrize(("n", "kept"), [(1, 1), (199, 199), (200, 200), (201, 200)])
def test_two_hundred_documents_are_sampled(n, kept):
    documents, shards, rows = module._sample([shard(n - 1), shard(1, n - 1)])
    assert (documents, shards, len(rows)) == (n, 2, kept)
    assert all(row["text"] == f"t{row['id']}" for row in rows)
    assert len({row["id"] for row in rows}) == kept
    assert kept == 1 or [row["id"] for row in rows] != sorted(row["id"] for row in rows), "in random order"
    assert rows == module._sample([shard(n - 1), shard(1, n - 1)])[2]


@pytest.mark.parametrize(
    ("each", "n", "groups"),
    [
        (4.0, 99, [1, 1, 2]),  # the first one warms up; 4 and 8 seconds are more than ten
        (10 / 3, 99, [1, 1, 2]),  # just ten seconds
        (3.0, 99, [1, 1, 2, 4]),
        (0.1, 4, [1, 1, 2, 1]),  # all documents
    ],
)
def test_groups_double_until_ten_seconds_have_passed(monkeypatch, each, n, groups):
    clock, sizes = [0.0], []

    def evaluate(engine, rows, options, measures):
        sizes.append(len(rows))
        clock[0] += each * len(rows)

    monkeypatch.setattr(module, "evaluate_finite", evaluate)
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    group, seconds = module._measure(None, [{"text": "a"}] * n, None, None)
    assert sizes == groups
    assert (group.start, group.stop) == (sum(groups[1:-1]), sum(groups[1:]))
    assert seconds == pytest.approx(each * groups[-1])


def test_the_seconds_are_those_of_the_last_group_for_each_of_its_documents(monkeypatch):
    monkeypatch.setattr(module, "_measure", lambda *given: (slice(3, 7), 2.0))
    texts = Dataset.from_dict({"id": range(10), "text": ["a good film"] * 10})
    cost = estimate(explainer("fasttext"), texts, Options(("random",)))
    assert (cost.measured, cost.seconds) == (4, pytest.approx(0.5))


def test_twenty_shards_of_a_stream_are_read(monkeypatch):
    read = []
    plain = module._sample
    monkeypatch.setattr(module, "_sample", lambda parts: plain(read.append(part) or part for part in parts))
    monkeypatch.setattr(module, "_measure", lambda *given: (slice(0, 1), 1.0))
    monkeypatch.setattr(module, "make_shards", lambda texts, cost: (shard(1, i) for i in range(30)))
    texts = IterableDataset.from_generator(lambda: iter(()))
    estimate(explainer("fasttext"), texts, Options(("random",)))
    assert len(read) == 20
