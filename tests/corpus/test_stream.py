"""Streaming gives the rows that loading gives, and raises an error at the first row that is wrong."""

import datasets
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from hf_gradexplain.corpus import CorpusError, DatasetUnavailableError, load_texts, stream_texts

TEXTS = ["a fine day", "rain again", "", "сніг і лід 🙂", "a fine day", "wind"]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def save(folder, labels, feature=None, texts=TEXTS):
    rows = {"text": texts, "label": labels, "source": ["s"] * len(texts)}
    features = feature and Features({"text": Value("string"), "label": feature, "source": Value("string")})
    data = Dataset.from_dict(rows, features)
    for name in ("parquet", "json", "csv"):
        (folder / name).mkdir()
        getattr(data, f"to_{name}")(str(folder / name / f"test.{name}"))
    DatasetDict({"test": data, "train": data}).save_to_disk(folder / "saved")
    data.save_to_disk(folder / "rows")
    return folder


@pytest.mark.parametrize("source", ["parquet", "json", "csv", "saved", "rows", "parquet/test.parquet"])
def test_streaming_gives_the_rows_that_loading_gives(tmp_path, source):
    save(tmp_path, [1, 0, 0, 1, 1, 0], texts=["x" if text == "" else text for text in TEXTS])
    loaded, streamed = (load(str(tmp_path / source)) for load in (load_texts, stream_texts))
    assert list(streamed) == [dict(row) for row in loaded]
    assert set(streamed.features) == {"id", "text", "label"}
    assert [row["id"] for batch in streamed.iter(batch_size=4) for row in [batch]] == [[0, 1, 2, 3], [4, 5]]


@pytest.mark.parametrize("source", ["parquet", "json"])
def test_streaming_writes_no_copy_of_the_dataset(tmp_path, source):
    save(tmp_path, [0] * 6, texts=["x"] * 6)
    assert len(list(stream_texts(str(tmp_path / source)))) == 6
    assert not list(tmp_path.glob("cache/**/*.arrow"))


def test_columns_of_any_name_even_swapped(tmp_path):
    Dataset.from_dict({"label": ["what?"], "text": [True], "id": ["that"]}).to_parquet(str(tmp_path / "x.parquet"))
    streamed = stream_texts(str(tmp_path / "x.parquet"), text_column="label,id", label_column="text")
    assert list(streamed) == [{"id": 0, "text": "what?", "text_pair": "that", "label": 1}]


def test_class_names_are_kept_and_a_sample_takes_the_first_rows(tmp_path):
    save(tmp_path, [1, 0, 0, 1, 1, 0], ClassLabel(names=["dry", "wet"]))
    streamed = stream_texts(str(tmp_path / "saved"), max_samples=2)
    assert streamed.features["label"] == ClassLabel(names=["dry", "wet"])
    assert [row["text"] for row in streamed] == TEXTS[:2]
    assert [row["text"] for row in streamed] == TEXTS[:2], "it can be iterated again"
    unlabelled = stream_texts(str(tmp_path / "saved"), label_column=None)
    assert set(unlabelled.features) == {"id", "text"}


def test_missing_values_and_hidden_labels_raise_when_they_are_read(tmp_path):
    save(tmp_path, [1, 0, 0, -1, 1, 0])
    rows = iter(stream_texts(str(tmp_path / "parquet"), max_samples=3))
    assert len(list(rows)) == 3
    with pytest.raises(CorpusError, match=r"label of row 3 is negative in split 'test' of .* or set label_column to"):
        list(stream_texts(str(tmp_path / "parquet")))
    Dataset.from_dict({"text": ["a", None], "label": [0, 1]}).to_parquet(str(tmp_path / "x.parquet"))
    with pytest.raises(CorpusError, match=r"value of 'text' is missing in row 1 of split 'test' .*; fill or remove"):
        list(stream_texts(str(tmp_path / "x.parquet")))


def test_errors_on_opening_are_those_of_loading(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    folder = str(save(tmp_path, [0] * 6) / "saved")
    with pytest.raises(CorpusError, match=r"unknown split 'dev'; choices: test, train"):
        stream_texts(folder, split="dev")
    for source in (folder, folder.replace("saved", "rows"), folder.replace("saved", "csv/test.csv")):
        with pytest.raises(
            CorpusError, match=r"cannot stream the slice 'test\[:3\]' of .*; name the split and give max"
        ):
            stream_texts(source, split="test[:3]")
    with pytest.raises(CorpusError, match=r"unknown text_column 'texts': did you mean 'text'\?"):
        stream_texts(folder, text_column="texts")
    with pytest.raises(CorpusError, match="must hold strings, but holds"):
        stream_texts(folder, text_column="label", label_column=None)
    with pytest.raises(CorpusError, match="config and revision do not apply"):
        stream_texts(folder, revision="v1")
    with pytest.raises(CorpusError, match="at least 1, or None"):
        stream_texts(folder, max_samples=0)
    with pytest.raises(DatasetUnavailableError, match="neither a local folder or file nor a hub name"):
        stream_texts(str(tmp_path / "nothing"))
