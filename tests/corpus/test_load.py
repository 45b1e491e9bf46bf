"""Every source gives the same rows; errors say in one sentence what is wrong and how to fix it."""

import bz2
import gzip
import json
import lzma
import re
import shutil
from datetime import date, datetime, timedelta
from decimal import Decimal

import datasets
import huggingface_hub.constants
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value
from pandas._libs.parsers import STR_NA_VALUES

from hf_gradexplain.corpus import CorpusError, DatasetUnavailableError, load_texts, open_dataset, stream_texts
from hf_gradexplain.corpus.load import load_column
from hf_gradexplain.corpus.open_dataset import MISSING_WORDS, names_file
from hf_gradexplain.run.fingerprints import texts_fingerprint

TEXTS = ["a fine day", "rain again", "", "сніг і лід 🙂", "a fine day", "wind"]
LABELS = [1, 0, 0, 1, 1, 0]
NAMES = ["dry", "wet"]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def _rows(labels=LABELS, feature=None, texts=TEXTS):
    feature = feature or ClassLabel(names=NAMES)
    features = Features({"text": Value("string"), "label": feature, "source": Value("string")})
    return Dataset.from_dict({"text": texts, "label": labels, "source": ["s"] * len(texts)}, features)


def _save(tmp_path, train=None, test=None):
    splits = DatasetDict({"train": train or _rows(), "test": test or _rows()})
    splits.save_to_disk(tmp_path / "saved")
    return str(tmp_path / "saved")


def _error(*args, **options):
    with pytest.raises(CorpusError) as caught:
        load_texts(*args, **options)
    return str(caught.value)


def test_all_kinds_of_sources_give_the_same_rows(tmp_path):
    rows, folder = _rows(), tmp_path / "folder"
    folder.mkdir()
    pq.write_table(rows.data.table, folder / "test.parquet")
    rows.save_to_disk(tmp_path / "saved_rows")
    lines = [json.dumps(row) for row in rows]
    (tmp_path / "x.jsonl").write_text("\n".join(lines), encoding="utf-8")
    sources = [
        _save(tmp_path),
        folder,
        tmp_path / "saved_rows",
        tmp_path / "x.jsonl",
        folder / "test.parquet",
    ]
    loaded = [load_texts(str(source)) for source in sources]
    for dataset in loaded:
        assert dataset.column_names == ["id", "text", "label"]
        assert dataset["id"][:] == list(range(6))
        assert dataset["text"][:] == TEXTS
        assert dataset["label"][:] == LABELS
    assert [dataset.features["label"] == ClassLabel(names=NAMES) for dataset in loaded] == [1, 1, 1, 0, 1]
    assert len({texts_fingerprint(dataset) for dataset in loaded}) == 1


def test_csv_file_is_read_as_the_requested_split(tmp_path):
    (tmp_path / "x.csv").write_text("text,label\nfine,0.5\nbad,-2\n")
    dataset = load_texts(str(tmp_path / "x.csv"), split="validation[1:]")
    assert dataset[:] == {"id": [1], "text": ["bad"], "label": [-2.0]}


LINES = ["a fine day", "rain, again", 'they say "no"']
TABLE = b'text,label\na fine day, wet \n"rain, again",dry\n"they say ""no""",wet\n'
TABS = b'text\tlabel\na fine day\twet\nrain, again\tdry \nthey say "no"\twet\n'
PAIRS = zip(LINES, ["wet", "dry ", " wet"], strict=True)
ROWS = "\n".join(json.dumps({"text": text, "label": label}) for text, label in PAIRS).encode()
PLAIN = b'\xef\xbb\xbfa fine day\r\n\r\n  \nrain, again\nthey say "no"'
COMPRESSIONS = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize(("kind", "content"), [(".csv", TABLE), (".TSV", TABS), (".ndjson", ROWS), (".txt", PLAIN)])
def test_a_file_of_any_kind_holds_the_same_texts(tmp_path, kind, content, compression):
    path = tmp_path / f"x{kind}{compression}"
    path.write_bytes(COMPRESSIONS[compression](content))
    label_column = None if kind == ".txt" else "label"
    dataset = load_texts(str(path), label_column=label_column)
    assert (dataset["id"][:], dataset["text"][:]) == ([0, 1, 2], LINES)
    if label_column:
        assert dataset.features["label"] == ClassLabel(names=["dry", "wet"])
        assert dataset["label"][:] == [1, 0, 1]
    stream = list(stream_texts(str(path), label_column=label_column))
    assert [(row["id"], row["text"]) for row in stream] == [(0, LINES[0]), (1, LINES[1]), (2, LINES[2])]


@pytest.mark.parametrize(("kind", "separator"), [("csv", ","), ("tsv.gz", "\t")])
def test_words_like_none_are_texts_and_names_of_a_csv_file_but_no_numbers(tmp_path, kind, separator):
    words = ["None", "NA", "NaN", "fine"]
    lines = [["text", "label", "number"], *zip(words, reversed(words), "12N3", strict=True)]
    content = "\n".join(map(separator.join, lines)).replace(f"{separator}N\n", f"{separator}NA\n")
    path = tmp_path / f"x.{kind}"
    path.write_bytes(gzip.compress(content.encode()) if kind.endswith("gz") else content.encode())
    (tmp_path / "folder").mkdir()
    folder = shutil.copy(path, tmp_path / "folder" / f"test.{kind}").parent
    for source in (path, folder):
        with pytest.warns(UserWarning, match="'NA', 'NaN', 'None' are names of classes in split 'test'"):
            dataset = load_texts(str(source))
        assert dataset["text"][:] == words
        names = dataset.features["label"].names
        assert [names[i] for i in dataset["label"][:]] == words[::-1]
        assert load_column(str(source), "number") == [1.0, 2.0, None, 3.0]
        assert "1 of 4 values of 'number' are missing" in _error(str(source), label_column="number")
    streamed = list(stream_texts(str(path)))
    assert [(row["text"], row["label"]) for row in streamed] == list(zip(words, words[::-1], strict=True))
    with pytest.raises(CorpusError, match="value of 'number' is missing in row 2"):
        list(stream_texts(str(path), label_column="number"))


def test_words_like_none_of_a_streamed_file_that_come_late_or_fill_a_column(tmp_path, monkeypatch):
    monkeypatch.setattr(open_dataset, "_FIRST_ROWS", 3)
    (tmp_path / "x.csv").write_text("text,label\na,0\nb,1\nc,1\nNA,NA\n")
    texts = stream_texts(str(tmp_path / "x.csv"), label_column=None)
    assert [row["text"] for row in texts] == ["a", "b", "c", "NA"]
    with pytest.raises(CorpusError, match="value of 'label' is missing in row 3"):
        list(stream_texts(str(tmp_path / "x.csv")))
    (tmp_path / "y.csv").write_text("text\nNA\nnull\n")
    for read in (load_texts, stream_texts):
        assert [row["text"] for row in read(str(tmp_path / "y.csv"), label_column=None)] == ["NA", "null"]


def test_a_class_named_like_a_missing_value_is_warned_of(tmp_path):
    (tmp_path / "x.csv").write_text("text,label\na,good\nb,NA\nc,bad\n")
    message = (
        f"'NA' is the name of a class in split 'test' of {str(tmp_path / 'x.csv')!r}; if this marks missing labels, "
        "remove these rows"
    )
    with pytest.warns(UserWarning, match=re.escape(message)):
        load_texts(str(tmp_path / "x.csv"))
    (tmp_path / "y.csv").write_text("text,label\na,None\nb,None\n")
    assert load_texts(str(tmp_path / "y.csv")).features["label"].names == ["None"]  # and no warning


def test_the_words_that_are_missing_are_those_of_pandas():
    assert {*MISSING_WORDS, ""} == STR_NA_VALUES


def test_empty_cells_of_a_csv_file_are_missing(tmp_path):
    (tmp_path / "x.csv").write_text('text,label\nfine,0\n"",1\nNA,1\n')
    assert "1 of 3 values of 'text' are missing" in _error(str(tmp_path / "x.csv"))


@pytest.mark.parametrize("write", [pa.ipc.new_file, pa.ipc.new_stream], ids=["file", "stream"])
def test_arrow_files(tmp_path, write):
    table = pa.table({"text": LINES, "label": [1, 0, 1]})
    path = str(tmp_path / "x.arrow")
    with write(path, table.schema) as file:
        file.write_table(table)
    assert load_texts(path)[:] == {"id": [0, 1, 2], "text": LINES, "label": [1, 0, 1]}
    assert [row["text"] for row in stream_texts(path)] == LINES


@pytest.mark.parametrize("name", ["x.xlsx", "x.gz", "x"])
def test_a_file_of_another_kind_is_refused_with_the_kinds_that_can_be_read(tmp_path, name):
    (tmp_path / name).write_bytes(b"PK")
    message = (
        f"{str(tmp_path / name)!r} must be a .csv, .tsv, .json, .jsonl, .ndjson, .parquet, .arrow or .txt file, also "
        "compressed as in .csv.gz; a file with one text per line is named .txt"
    )
    assert _error(str(tmp_path / name)) == message


@pytest.mark.parametrize("load", [load_texts, lambda *a, **k: list(stream_texts(*a, **k))], ids=["loaded", "streamed"])
@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "the file '.*x.txt' is empty: give one with at least one text"), (b"\xff\xfe\x00", "save .* in UTF-8")],
)
def test_a_text_file_without_text_is_an_error(tmp_path, load, content, message):
    (tmp_path / "x.txt").write_bytes(content)
    with pytest.raises(CorpusError, match=message):
        load(str(tmp_path / "x.txt"), label_column=None)


@pytest.mark.parametrize("compression", [".gz", ".bz2", ".xz"])
@pytest.mark.parametrize("kind", [".csv", ".jsonl"])
def test_a_compressed_file_that_is_cut_is_an_error(tmp_path, kind, compression):
    path = tmp_path / f"x{kind}{compression}"
    path.write_bytes(COMPRESSIONS[compression](TABLE * 100)[:-9])
    assert "cannot load the dataset" in _error(str(path))


def test_a_text_that_names_a_file_is_noticed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("x.csv", "x.tsv.gz", "notes", "x.exe"):
        (tmp_path / name).touch()
    texts = ("x.csv", "x.tsv.gz", "notes", "x.exe", "y.csv", "", "a\0b.csv", "a" * 5000, f"{'a' * 5000}.csv")
    assert [names_file(text) for text in texts] == [True, True] + 7 * [False]


def test_text_pairs_of_any_columns(tmp_path):
    rows = {"label": ["what?", "who?"], "text": [0, 1], "id": ["that", "me"]}
    Dataset.from_dict(rows).save_to_disk(tmp_path / "pairs")
    dataset = load_texts(str(tmp_path / "pairs"), text_column="label, id", label_column="text")
    assert dataset.column_names == ["id", "text", "text_pair", "label"]
    assert dataset[1] == {"id": 1, "text": "who?", "text_pair": "me", "label": 1}


def test_labels_are_optional(tmp_path):
    assert load_texts(_save(tmp_path), label_column=None).column_names == ["id", "text"]


def test_config_selects_among_several(tmp_path):
    card = "configs: [{config_name: a, data_files: a.csv}, {config_name: b, data_files: b.csv}]"
    (tmp_path / "README.md").write_text(f"---\n{card}\n---\n")
    for name in "ab":
        (tmp_path / f"{name}.csv").write_text(f"text,label\n{name},0\n")
    assert load_texts(str(tmp_path), config="b", split="train")["text"][:] == ["b"]
    assert re.search(r"config.*available.*'a', 'b'.*check its configuration", _error(str(tmp_path)), re.I)


def test_string_labels_get_the_same_ids_in_every_split(tmp_path):
    train = _rows(list("cabcab"), Value("string"))
    saved = _save(tmp_path, train, _rows(list("ccbbcc"), Value("string")))
    dataset = load_texts(saved)
    assert dataset.features["label"] == ClassLabel(names=["a", "b", "c"])
    assert dataset["label"][:] == [2, 2, 1, 1, 2, 2]


def test_string_labels_next_to_a_split_with_class_ids(tmp_path):
    dataset = load_texts(_save(tmp_path, _rows(), _rows(list("ccbbcc"), Value("string"))))
    assert dataset.features["label"] == ClassLabel(names=["b", "c"])
    assert dataset["label"][:] == [1, 1, 0, 0, 1, 1]


@pytest.mark.parametrize(
    ("labels", "feature", "expected"),
    [
        ([True, False] * 3, Value("bool"), [1, 0] * 3),
        ([0.5, -1.0] * 3, Value("float32"), [0.5, -1.0] * 3),
        ([[0, 1], []] * 3, List(ClassLabel(names=NAMES)), [[0, 1], []] * 3),
        ([[0.0, 1.0]] * 6, List(Value("float32")), [[0.0, 1.0]] * 6),
    ],
)
def test_labels_of_other_kinds(tmp_path, labels, feature, expected):
    dataset = load_texts(_save(tmp_path, test=_rows(labels, feature)))
    assert dataset["label"][:] == expected
    assert dataset.features["label"] == (Value("int64") if feature == Value("bool") else feature)


def test_samples_are_nested_ordered_and_traceable(tmp_path):
    texts = [f"text {i}" for i in range(200)]
    saved = _save(tmp_path, test=_rows([0] * 100 + [1] * 100, texts=texts))
    small, large = (load_texts(saved, max_samples=n, seed=3) for n in (20, 50))
    assert len(small) == 20
    assert set(small["id"]) < set(large["id"])
    assert large["id"][:] == sorted(set(large["id"]))
    assert large["text"][:] == [f"text {i}" for i in large["id"]]
    assert 5 <= sum(small["label"]) <= 15
    assert small["id"][:] == load_texts(saved, max_samples=20, seed=3)["id"][:]
    assert small["id"][:] != load_texts(saved, max_samples=20, seed=4)["id"][:]
    assert load_texts(saved, max_samples=1000)["id"][:] == list(range(200))


def test_slices_keep_the_row_numbers_of_the_whole_split(tmp_path):
    saved = _save(tmp_path)
    assert load_texts(saved, split="test[-50%:]")["id"][:] == [3, 4, 5]
    assert set(load_texts(saved, split="test[3:]", max_samples=2)["id"]) < {3, 4, 5}


def test_unknown_split_lists_the_splits(tmp_path):
    saved = _save(tmp_path)
    for split in ("dev", "dev[:5]"):
        message = f"dataset {saved!r}: unknown split 'dev'; choices: train, test"
        assert _error(saved, split=split) == message


@pytest.mark.parametrize("split", ["test[:x]", "test[:1]+test[2:]", "test[0:300%]"])
def test_malformed_slice(tmp_path, split):
    assert "the name or one slice of a split" in _error(_save(tmp_path), split=split)


def test_unknown_column_lists_the_columns_and_the_nearest(tmp_path):
    saved = _save(tmp_path)
    message = _error(saved, text_column="texts")
    source = f"split 'test' of {saved!r}"
    fix = "set text_column (--text_column)"
    assert message == f"{source}: unknown text_column 'texts': did you mean 'text'? Choices: text, label, source; {fix}"
    assert "unknown label_column 'zzz'" in _error(saved, label_column="zzz")
    assert "did you mean" not in _error(saved, label_column="zzz")


def test_texts_must_be_strings(tmp_path):
    message = _error(_save(tmp_path), text_column="label", label_column=None)
    assert re.search(r"'label' must hold strings, but holds ClassLabel.* one of 'text', 'source'$", message)


@pytest.mark.parametrize("text_column", ["a,b,c", "text,text", "label"])
def test_ambiguous_columns(tmp_path, text_column):
    assert "text_column must name one column, or two" in _error(_save(tmp_path), text_column=text_column)


def test_missing_values_are_counted_and_located(tmp_path):
    saved = _save(tmp_path, test=_rows(texts=["x", None, "y", None, "z", "z"]))
    assert "2 of 6 values of 'text' are missing" in _error(saved)
    assert "first in row 3; fill or remove" in _error(saved, split="test[2:]")
    unlabelled = _rows([0.5, float("nan"), None, 1, 1, 1], Value("float32"))
    unlabelled.save_to_disk(tmp_path / "nan")
    assert "2 of 6 values of 'label' are missing" in _error(str(tmp_path / "nan"))


@pytest.mark.parametrize(
    ("labels", "count", "first"),
    [
        (["pos", "", "neg", " \t", "pos", None], "3 of 6", 1),
        (["", " "] * 3, "6 of 6", 0),
        (["1", "2", "10", "1", "2", "\u00a0"], "1 of 6", 5),
    ],
)
def test_blank_labels_are_missing(labels, count, first, tmp_path):
    saved = _save(tmp_path, _rows(["a"] * 6, Value("string")), _rows(labels, Value("string")))
    source = f"split 'test' of {saved!r}"
    assert _error(saved) == (
        f"{count} values of 'label' are missing in {source}, first in row {first}; fill or remove these rows"
    )
    with pytest.raises(CorpusError, match=re.escape(f"value of 'label' is missing in row {first} of {source}; fill")):
        list(stream_texts(saved))


def test_blank_labels_of_other_rows_are_no_class(tmp_path):
    """Those of another split or slice, and blank texts, do not matter."""
    labels = ["10", "2", " 2", "10", "2", ""]
    saved = _save(tmp_path, _rows(["", "1", "1", "1", "1", " "], Value("string")), _rows(labels, Value("string")))
    dataset = load_texts(saved, split="test[:5]")
    assert dataset.features["label"] == ClassLabel(names=["1", "2", "10"])
    assert dataset["label"][:] == [2, 1, 1, 2, 1]
    texts = ["", " ", "a", "b", "c", "d"]
    rows = _rows(["a", "b"] * 3, Value("string"), texts=texts)
    blank = _save(tmp_path / "blank", rows, rows)
    assert load_texts(blank)["text"][:] == texts
    assert [row["text"] for row in stream_texts(blank)] == texts


def test_hidden_labels_say_how_to_fix_it(tmp_path):
    saved = _save(tmp_path, test=_rows([-1] * 6))
    message = _error(saved)
    assert "6 of 6 labels are negative in split 'test'" in message
    assert "there are 'train', 'test'" in message
    assert "set label_column to None" in message
    assert len(load_texts(saved, label_column=None)) == 6


def test_no_rows(tmp_path):
    assert "no rows in split 'test[:0]'" in _error(_save(tmp_path), split="test[:0]")
    (tmp_path / "empty.csv").write_text("text,label\n")
    assert "must hold rows" in _error(str(tmp_path / "empty.csv"))


@pytest.mark.parametrize("max_samples", [0, -5])
def test_max_samples_below_one(tmp_path, max_samples):
    message = f"max_samples must be at least 1, or None for all rows; it is {max_samples}"
    assert _error("x", max_samples=max_samples) == message


def test_revision_of_a_local_file(tmp_path):
    assert "config and revision do not apply" in _error(_save(tmp_path), revision="v1")


def test_unavailable_sources(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(DatasetUnavailableError, match=r"'no/such' is not in the cache: go online once"):
        load_texts("no/such")
    with pytest.raises(DatasetUnavailableError, match="neither a local folder or file nor a hub name"):
        load_texts(str(tmp_path / "nothing"))
    (tmp_path / "broken.csv").write_text("\n")
    with pytest.raises(DatasetUnavailableError, match=r"No columns to parse.*; check its configuration"):
        load_texts(str(tmp_path / "broken.csv"))


@pytest.mark.parametrize(
    "labels",
    [
        [date(2020, 1, 1)] * 2,
        [datetime(2020, 1, 1)] * 2,
        [timedelta(1)] * 2,
        [Decimal("1.5")] * 2,
        [b"a", b"b"],
        [{"a": 1}] * 2,
        [[date(2020, 1, 1)]] * 2,
    ],
    ids=["dates", "times", "durations", "decimals", "bytes", "structs", "lists of dates"],
)
def test_labels_that_are_neither_names_nor_numbers_are_refused(labels, tmp_path):
    pq.write_table(pa.table({"text": ["a", "b"], "label": labels}), tmp_path / "a.parquet")
    message = _error(str(tmp_path / "a.parquet"))
    assert "the column 'label' must hold class names, class ids, numbers or lists of these, but holds" in message
    assert message.endswith("; convert it, or name another label_column")


@pytest.mark.parametrize("column", ["text", "label"])
def test_strings_that_are_not_utf8_are_refused_with_their_row(column, tmp_path):
    latin = pa.array([b"rain", b"caf\xe9"])
    latin = pa.Array.from_buffers(pa.string(), 2, latin.buffers())
    columns = {"text": pa.array(["a", "b"]), "label": pa.array(["dry", "wet"]), column: latin}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    message = _error(str(tmp_path / "a.parquet"))
    assert message.startswith(f"the value of {column!r} in row 1 of split 'test' of ")
    assert message.endswith("is not UTF-8; convert the file to UTF-8")
