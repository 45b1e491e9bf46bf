"""What a run would take is what it takes."""

import pytest
from datasets import Dataset, IterableDataset

from hf_gradexplain.commands.dry_run import describe_estimate
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.extra_measures import Measures
from hf_gradexplain.options import Options
from hf_gradexplain.run import estimate as module
from hf_gradexplain.run.estimate import estimate
from hf_gradexplain.run.runner import evaluate_texts
from tests.helpers.tiny import TEXTS, explainer

OPTIONS = Options(methods=("random", "loo", "sa_l2"), unit="word")


@pytest.fixture
def texts():
    return Dataset.from_dict({"id": range(6), "text": list(TEXTS)})


def masked_texts(explain, texts, options, monkeypatch, measures=None):
    """How many texts the model reads beside each once."""
    read = []
    masked = type(explain.profile.classifier(explain.model, None, 1)).masked_logits

    def count(self, inputs, chosen):
        read.append(len(inputs["input_ids"]))
        return masked(self, inputs, chosen)

    with monkeypatch.context() as patch:
        patch.setattr("hf_gradexplain.classifier.hooked_classifier.Classifier.masked_logits", count)
        evaluate_texts(explain, texts, options, measures)
    return sum(read)


def test_forward_passes_are_those_that_are_made(texts, monkeypatch):
    found = estimate(explainer("bert"), texts, OPTIONS)
    with_units = sum(1 for text in TEXTS if text)
    made = masked_texts(explainer("bert"), texts, OPTIONS, monkeypatch)
    assert 6 * (found.loo + 3 * found.curves) + with_units == pytest.approx(made)
    assert (found.documents, found.shards, found.saved, found.backward) == (6, 1, frozenset(), True)


@pytest.mark.parametrize(
    "measures", [Measures(random_orders=4), Measures(both_ends=True), Measures(3, True, True), Measures(k_grid=(1, 4))]
)
def test_so_are_those_of_more_orders_and_about_those_of_bounds(texts, measures, monkeypatch):
    texts = texts.select([1, 3])
    found = estimate(explainer("bert"), texts, OPTIONS, measures)
    made = masked_texts(explainer("bert"), texts, OPTIONS, monkeypatch, measures)
    expected = 2 * (found.loo + found.orders * found.curves + 1)
    assert found.orders == 3 * (1 + measures.both_ends) + measures.random_orders
    assert expected + 2 * found.bounds == pytest.approx(made, rel=0.2 if measures.bounds else 1e-9)
    assert (describe_estimate(found, "BERT", 1)["  bounds"] == "none") == (not measures.bounds)


def test_a_short_cut_saves_them(texts, monkeypatch):
    found = estimate(explainer("fasttext"), texts, OPTIONS)
    assert found.saved == {"loo", "curves"}
    assert masked_texts(explainer("fasttext"), texts, OPTIONS, monkeypatch) == 0
    said = describe_estimate(found, "FastText", processes=2)
    assert said["  leave-one-out"].endswith("(saved by the short cut of FastText)")
    assert said["  curves"].endswith("for each of 3 orders (saved by the short cut of FastText)")
    assert (said["rows"], said["shards"], said["processes"]) == ("6", "1", "2")
    assert said["forward passes"] == "6 to read, and 6 backward"


def test_what_is_not_asked_for_is_not_counted(texts):
    found = estimate(explainer("bert"), texts, Options(methods=("random",)))
    assert (found.loo, found.backward) == (0, False)
    assert describe_estimate(found, "BERT", 1)["  leave-one-out"] == "none"


def test_time_is_measured_and_scaled_to_the_others(monkeypatch):
    """On a clock that ticks with what is done: each document takes its passes times its tokens."""
    texts = Dataset.from_dict({"id": range(300), "text": [" ".join(["a"] * (1 + i % 9)) for i in range(300)]})
    options, clock = Options(methods=("signed_gi",)), [0.0]
    words = lambda row_text: len(row_text.split())  # noqa: E731

    def do(explain, some, options, measures):
        clock[0] += sum((1 + max(words(text) - 1, 0) + 1) * (2 + words(text)) for text in some["text"])

    monkeypatch.setattr(module, "evaluate_texts", do)
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    found = estimate(explainer("bert"), texts, options)
    exact = sum((1 + n) * (2 + n) for n in (words(text) for text in texts["text"])) / 300
    assert found.seconds == pytest.approx(exact, rel=0.05)
    assert found.measured < 10
    assert found.memory > 2**20


def test_only_the_beginning_of_a_stream_is_read():
    def generate():
        for i in range(100_000):
            assert i < 10_000, "no need to read on"
            yield {"id": i, "text": "a good film"}

    found = estimate(explainer("fasttext"), IterableDataset.from_generator(generate), Options(methods=("random",)))
    assert (found.documents, found.shards) == (None, None)
    said = describe_estimate(found, "FastText", 1)
    assert said["rows"] == "not known of a stream; what follows is for 1,000"
    assert said["forward passes"] == "1,000 to read"


def test_no_text_is_refused(texts):
    with pytest.raises(GradexplainError, match="the data set is empty"):
        estimate(explainer("fasttext"), texts.select([]), OPTIONS)
