"""Explanations written as a dataset and loaded again, bit by bit, with their texts or without."""

import json
import re

import pyarrow.parquet as pq
import pytest
from datasets import Dataset, load_dataset

import hf_gradexplain
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.documents import schema, write_documents
from hf_gradexplain.options import Options
from hf_gradexplain.run.runner import evaluate_texts, more_columns
from hf_gradexplain.sharing import TextSource, load, load_explanations, write, write_shards
from hf_gradexplain.sharing.load import _describe
from hf_gradexplain.sharing.source import KEY
from hf_gradexplain.text.texts import whole_text
from tests.explainer.test_conversations import explainer as of_conversations
from tests.helpers.tiny import TEXTS, explainer

METHODS = ("random", "loo", "signed_gi")
SOURCE = TextSource(None, None, "test[:50%]", None, "text")
HARD = [*TEXTS, "naïve 😀😀 \u202e film", "bad " * 200, "a\nb\r\n\x00c", "the film \u0301 is"]
CASES = {
    "words": ("bert", "single_label_classification", "word", False),
    "word types": ("textcnn", "multi_label_classification", "word_type", False),
    "bytes, of which some are no character": ("gpt2", "single_label_classification", "token", False),
    "pairs": ("bert", "single_label_classification", "word_type", True),
    "regression": ("bart", "regression", "word", False),
}


@pytest.fixture(scope="module", params=CASES)
def run(request, tmp_path_factory):
    """The rows of a dataset, their explanations, and the folder of their evaluation."""
    kind, problem_type, unit, pairs = CASES[request.param]
    texts = Dataset.from_dict({"id": range(3, 3 + len(HARD)), "text": HARD})
    if pairs:
        texts = texts.add_column("text_pair", HARD[::-1])
    options = Options(methods=METHODS, unit=unit)
    documents = evaluate_texts(explainer(kind, problem_type), texts, options)
    folder = tmp_path_factory.mktemp("run")
    for start in (0, 4, 8):
        path = folder / "documents" / f"{start:08d}.parquet"
        write_documents(documents[start : start + 4], path, schema(METHODS, more=more_columns(texts, options)))
    return texts, [document.explanation for document in documents], folder


def paths(folder):
    return sorted((folder / "documents").glob("*.parquet"))


def exact(explanation):
    """Return all fields of an explanation, with the exact bytes of its arrays."""
    fields = {name: getattr(explanation, name) for name in explanation.__dataclass_fields__}
    arrays = {**explanation.scores, "": explanation.probabilities}
    bits = {name: (array.dtype, array.shape, array.tobytes()) for name, array in arrays.items()}
    return repr({**fields, "scores": None, "probabilities": None}), list(explanation.scores), bits


def assert_same(explanations, expected):
    assert [exact(explanation) for explanation in explanations] == [exact(explanation) for explanation in expected]


def test_from_the_folder_of_a_run(run):
    _, expected, folder = run
    assert_same(load_explanations(folder), expected)


@pytest.mark.parametrize("included", [True, False])
def test_write_and_load_give_the_same_explanations(run, included, tmp_path, monkeypatch):
    texts, expected, folder = run
    monkeypatch.setattr(write, "FILES_PER_SHARD", 2)
    source = write_shards(
        paths(folder), tmp_path / "data", "test", TextSource(None, None, "test", None, "text", "", included)
    )
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == [
        "test-00000-of-00002.parquet",
        "test-00001-of-00002.parquet",
    ]
    assert re.fullmatch("[0-9a-f]{64}", source.sha256)
    assert_same(load_explanations(tmp_path, texts=None if included else texts), expected)
    rows = load_dataset(str(tmp_path), split="test", cache_dir=str(tmp_path / "cache"))
    assert rows["id"][:] == texts["id"][:]
    assert ("text" in rows.column_names) == included


def write_without_texts(run, tmp_path, **changes):
    texts, _, folder = run
    fields = {name: getattr(SOURCE, name) for name in SOURCE.__dataclass_fields__}
    write_shards(paths(folder), tmp_path / "data", "test", TextSource(**{**fields, "included": False, **changes}))
    return texts


def test_without_texts_no_word_of_them_is_written(run, tmp_path):
    write_without_texts(run, tmp_path)
    (path,) = (tmp_path / "data").iterdir()
    table = pq.read_table(path)
    labels = {name: table.schema.field(name).type for name in ("target_label", "prediction_label")}
    rows = table.drop_columns([*labels, "unit", "objective", "dtype"]).to_pylist()
    written = json.dumps(rows, ensure_ascii=False, default=str)
    forms = {unit["text"] for row in rows for unit in row["units"]} - {None}
    spans = [unit["spans"][0] for row in rows for unit in row["units"] if unit["text"] is not None]
    assert all(start == end for start, end in spans), forms
    for word in {word for text in HARD for word in text.split() if len(word) > 2 and word.isalpha()} - forms:
        assert f'"{word}' not in written
    assert "text" not in table.column_names


def test_texts_may_be_in_another_order_and_among_others(run, tmp_path):
    texts = write_without_texts(run, tmp_path)
    shuffled = texts.shuffle(seed=1)
    more = {name: ["more"] for name in texts.column_names} | {"id": [999]}
    both = Dataset.from_dict({name: [*shuffled[name], *more[name]] for name in texts.column_names})
    assert_same(load_explanations(tmp_path, texts=both), run[1])


def test_texts_are_loaded_from_a_folder(run, tmp_path):
    texts = write_without_texts(
        run, tmp_path, split="test", text_column="b,a" if "text_pair" in run[0].column_names else "b"
    )
    rows = {"b": ["other"] * 3 + texts["text"][:]}
    if "text_pair" in texts.column_names:
        rows["a"] = ["other"] * 3 + texts["text_pair"][:]
    (tmp_path / "source").mkdir()
    Dataset.from_dict(rows).to_parquet(str(tmp_path / "source" / "test.parquet"))
    assert_same(load_explanations(str(tmp_path), texts=str(tmp_path / "source")), run[1])


def test_texts_of_a_folder_may_be_conversations(tmp_path):
    chats = [[{"role": "user", "content": "a good film ?"}, {"role": "assistant", "content": word}] for word in "ab"]
    texts = Dataset.from_dict({"id": range(2), "text": chats})
    documents = evaluate_texts(of_conversations("llama", "single_label_classification"), texts, Options(("loo",)))
    write_documents(documents, tmp_path / "0.parquet", schema(("loo",), more=("messages", "unread")))
    source = TextSource(None, None, "test", None, "text", included=False)
    write_shards([tmp_path / "0.parquet"], tmp_path / "data", "test", source)
    (tmp_path / "source").mkdir()
    Dataset.from_dict({"text": chats}).to_parquet(str(tmp_path / "source" / "test.parquet"))
    loaded = load_explanations(tmp_path, texts=str(tmp_path / "source"))
    assert_same(loaded, [document.explanation for document in documents])


@pytest.mark.parametrize(
    ("given", "name", "revision"), [(None, "me/d", "abc"), ("me/d", "me/d", "abc"), ("x", "x", None)]
)
def test_the_texts_of_the_source_are_those_of_its_commit(monkeypatch, given, name, revision):
    asked = []
    monkeypatch.setattr(load, "load_texts", lambda *names, **more: asked.append((names, more)) or "rows")
    source = TextSource("me/d", "config", "test[:50%]", "abc", "body", included=False)
    assert load._source_rows(source, given) == "rows"
    more = {"config": "config", "split": "test[:50%]", "text_column": "body", "label_column": None}
    assert asked == [((name,), {**more, "conversations": True, "revision": revision})]


def test_other_texts_are_an_error(run, tmp_path):
    texts = write_without_texts(run, tmp_path)
    other = texts.to_dict()
    other["text"][0] += "!"
    with pytest.raises(GradexplainError, match="the texts of the given rows are not the explained texts: give"):
        load_explanations(tmp_path, texts=Dataset.from_dict(other))
    with pytest.raises(GradexplainError, match=r"row 12 was explained, but is not among the 9 texts given: give"):
        load_explanations(tmp_path, texts=texts.select(range(9)))


def test_the_source_of_texts_in_words():
    source = TextSource("me/d", "aa", "test", None, "text")
    assert _describe(source, None) == "'me/d'"
    assert _describe(source, "my/folder") == "'my/folder'"
    assert _describe(source, Dataset.from_dict({})) == "the given rows"


def test_texts_without_a_source_on_the_hub_must_be_given(run, tmp_path):
    write_without_texts(run, tmp_path)
    with pytest.raises(GradexplainError, match=r"were not published, and their dataset is not on the hub: give"):
        load_explanations(tmp_path)


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/b/c", "file://x", ""])
def test_files_that_name_a_local_source_of_texts_are_an_error(run, name, tmp_path):
    write_without_texts(run, tmp_path, dataset_name=name)
    with pytest.raises(GradexplainError, match="do not name the source of their texts"):
        load_explanations(tmp_path)


@pytest.mark.parametrize("record", [b"{", b"[]", b"{}", b'{"dataset_name": 3}'])
def test_invalid_metadata_are_an_error(record):
    with pytest.raises(GradexplainError, match="publish them again with this version"):
        TextSource.from_metadata({KEY: record})


def test_a_folder_without_explanations_is_an_error_that_says_how_to_fix_it(tmp_path):
    with pytest.raises(GradexplainError, match=r"holds no explanations: give a dataset that .+ --push_to_hub"):
        load_explanations(tmp_path)
    (tmp_path / "data").mkdir()
    Dataset.from_dict({"a": [1]}).to_parquet(str(tmp_path / "data" / "a.parquet"))
    with pytest.raises(GradexplainError, match="holds rows that are not explanations"):
        load_explanations(tmp_path)


def test_the_package_exports_it():
    assert hf_gradexplain.load_explanations is load_explanations


def test_a_text_is_joined_as_its_document_is():
    assert whole_text(("a\ud800", "b")) == explainer("bert")([("a\ud800", "b")])[0].text == "a\ufffd\nb"
    assert whole_text("a") == "a"


@pytest.mark.parametrize(("n", "files"), [(64, 1), (65, 2)])
def test_a_file_of_the_dataset_holds_up_to_64_files_of_the_run(n, files, tmp_path):
    documents = evaluate_texts(explainer("fasttext"), Dataset.from_dict({"id": [0], "text": ["a"]}), Options(("loo",)))
    path = tmp_path / "00000000.parquet"
    write_documents(documents, path, schema(("loo",)))
    write_shards([path] * n, tmp_path / "data", "test", SOURCE)
    written = sorted((tmp_path / "data").iterdir())
    assert [pq.read_metadata(each).num_rows for each in written] == [64, 1][:files]
