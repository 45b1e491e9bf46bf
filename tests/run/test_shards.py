"""Shards depend on the data alone."""

import hashlib
import json
from itertools import pairwise

import pytest
from datasets import Dataset, IterableDataset

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.options import Options
from hf_gradexplain.run.shards import COST, DOCUMENTS, DocumentCost, make_shards
from tests.helpers.tiny import explainer


def rows(texts):
    return Dataset.from_dict({"id": range(len(texts)), "text": texts, "label": [0] * len(texts)})


def test_a_shard_holds_128_short_documents():
    sizes = [(part.start, len(part)) for part in make_shards(rows(["a b"] * 300))]
    assert sizes == [(0, 128), (128, 128), (256, 44)]


def test_a_shard_of_several_documents_costs_at_most_the_limit():
    texts = ["word " * (1 + (37 * i) % 700) for i in range(500)]
    parts = list(make_shards(rows(texts)))
    assert [text for part in parts for text in part.columns["text"]] == texts
    assert [part.start for part in parts] == [sum(len(p) for p in parts[:i]) for i in range(len(parts))]
    for part, following in pairwise(parts):
        assert part.cost == sum(DocumentCost()([text]) for text in part.columns["text"])
        assert part.cost <= COST or len(part) == 1
        full = part.cost + DocumentCost()([following.columns["text"][0]]) > COST
        assert full or len(part) == DOCUMENTS, "it ended because the next one did not fit"


def test_a_document_costs_its_words_squared_up_to_the_length_that_the_model_reads():
    assert DocumentCost()([""]) == 2
    assert DocumentCost()(["a" * 60]) == DocumentCost()(["a" * 30, "b" * 30]) == 1 + 11**2
    assert DocumentCost()(["é" * 30]) == 1 + 11**2
    assert DocumentCost()(["\ud800" * 60]) == 1 + 11**2
    assert DocumentCost(longest=64)(["a" * 6000]) == 1 + 64**2
    assert len(list(make_shards(rows(["word " * 1000] * 10)))) == 10
    assert len(list(make_shards(rows(["word " * 1000] * 10), DocumentCost(longest=64)))) == 1


def test_with_a_linear_shortcut_words_cost_the_same_in_texts_of_any_length():
    linear = DocumentCost(longest=400, linear=True)
    assert linear(["a" * 60]) == 1 + 16 * 11
    assert linear(["a" * 6000]) == 1 + 16 * 400
    assert DocumentCost()(["a" * 63 * 6]) == 1 + 64**2
    assert [len(part) for part in make_shards(rows(["word " * 384] * 200), linear)] == [102, 98]


@pytest.mark.parametrize(
    ("kind", "linear"), [("fasttext", True), ("textcnn", True), ("bilstm", False), ("bert", False)]
)
def test_models_whose_work_is_linear(kind, linear):
    engine = explainer(kind)
    assert DocumentCost.of(engine, Options()) == DocumentCost(engine.profile.max_length, linear)
    assert not DocumentCost.of(engine, Options(mask="deletion")).linear


def test_a_stream_is_cut_as_a_dataset_is_and_read_no_further_than_needed():
    texts, read = [f"text {i}" for i in range(3000)], []

    def generate():
        for i, text in enumerate(texts):
            read.append(i)
            yield {"id": i, "text": text, "label": 0}

    stream = IterableDataset.from_generator(generate)
    first = next(make_shards(stream))
    assert len(read) <= 1001
    assert first.columns == next(make_shards(rows(texts))).columns
    assert [part.digest() for part in make_shards(stream)] == [part.digest() for part in make_shards(rows(texts))]


def test_the_digest_is_the_hash_of_the_rows():
    (part,) = make_shards(rows(["a", "é"]))
    expected = json.dumps({"id": [0, 1], "label": [0, 0], "text": ["a", "é"]}).encode()
    assert part.digest() == hashlib.sha256(expected).hexdigest()
    assert part.texts[:] == {"id": [0, 1], "text": ["a", "é"], "label": [0, 0]}


def test_a_dataset_that_fails_names_the_row():
    def generate():
        yield from ({"id": i, "text": "a", "label": 0} for i in range(1500))
        raise OSError("connection\nlost")

    with pytest.raises(GradexplainError, match=r"cannot read the dataset after row 1000 \(.*connection lost.*same com"):
        list(make_shards(IterableDataset.from_generator(generate)))


def test_two_documents_share_a_shard_up_to_the_limit_itself():
    """128 documents of 64 words: 524,288."""
    limit = 128 * 64**2
    for cost, sizes in ((limit // 2, [2, 1]), (limit // 2 + 1, [1, 1, 1]), (limit, [1, 1, 1]), (limit + 1, [1, 1, 1])):
        parts = list(make_shards(rows(["a", "b", "c"]), lambda texts, cost=cost: cost))
        assert [len(part) for part in parts] == sizes
        assert [part.cost for part in parts] == [cost * size for size in sizes]


def test_the_shards_of_a_dataset_that_is_read_in_several_parts():
    parts = list(make_shards(rows(["a"] * 2001)))
    assert sum(map(len, parts)) == 2001
    assert [part.start for part in parts] == list(range(0, 2001, 128))
    assert parts[-1].columns["id"][-1] == 2000
    assert len(parts[0].texts) == 128
    assert list(make_shards(rows([]))) == []


def test_a_message_that_cannot_be_used_is_named_with_its_row():
    good, bad = [{"role": "user", "content": "a"}], [{"role": "user", "content": None}]
    texts = Dataset.from_dict({"id": [3, 5, 8], "text": [good, bad, good]})
    with pytest.raises(GradexplainError, match=r"^row 5: each message needs .* the content of message 0 is missing$"):
        list(make_shards(texts))
