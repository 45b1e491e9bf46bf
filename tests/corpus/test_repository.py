"""Datasets of the hub that are read from the cache, and cards that name files elsewhere."""

import os
from types import SimpleNamespace

import pytest

from hf_gradexplain.corpus import repository as module
from hf_gradexplain.corpus.columns import DatasetUnavailableError
from hf_gradexplain.corpus.repository import _check_cached, _select_cached_commit, load_repository
from hf_gradexplain.hub.provenance import Provenance, UnavailableError

WANTED = Provenance("me/d", "aaa")


def rows(*files):
    return SimpleNamespace(cache_files=[{"filename": file} for file in files])


def test_offline_the_folder_of_the_commit_becomes_the_newest(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "HF_DATASETS_CACHE", str(tmp_path))
    for commit in ("aaa", "bbb"):
        folder = tmp_path / "me___d" / "default" / "0.0.0" / commit
        folder.mkdir(parents=True)
        os.utime(folder, (1, 1))
    _select_cached_commit(WANTED)
    times = {path.name: path.stat().st_mtime for path in tmp_path.glob("*/*/*/*")}
    assert times["bbb"] == 1
    assert times["aaa"] > 1000


def test_rows_of_another_commit_are_refused():
    _check_cached(WANTED, {"train": rows("/c/aaa/0.arrow", "/c/aaa/1.arrow"), "test": SimpleNamespace()})
    _check_cached(WANTED, {})
    with pytest.raises(DatasetUnavailableError, match=r"'me/d' is cached at the commit bbb, not at aaa: go on"):
        _check_cached(WANTED, {"train": rows("/c/aaa/0.arrow"), "test": rows("/c/ccc/0.arrow", "/c/bbb/0.arrow")})


@pytest.mark.parametrize(
    ("offline", "commit", "calls"),
    [(True, "aaa", ["select", "load", "check"]), (True, None, ["load"]), (False, "aaa", ["load"])],
)
def test_the_cache_is_looked_at_offline_alone(monkeypatch, offline, commit, calls):
    made, given = [], []
    monkeypatch.setattr(module, "resolve", lambda *names: Provenance("me/d", commit))
    monkeypatch.setattr(module, "fetch", lambda *names: None)
    monkeypatch.setattr(module, "is_offline_mode", lambda: offline)
    monkeypatch.setattr(module, "_select_cached_commit", lambda provenance: made.append("select"))
    monkeypatch.setattr(module, "_check_cached", lambda provenance, loaded: made.append("check"))

    def load(*names, **more):
        made.append("load")
        given.append((names, more))
        return "loaded"

    monkeypatch.setattr(module, "load_dataset", load)
    assert load_repository("me/d", "c", "v1", settings={"sep": ";"}) == "loaded"
    assert made == calls
    assert given == [(("me/d", "c"), {"revision": commit, "streaming": False, "sep": ";"})]


def test_a_dataset_that_is_not_there_is_an_error_of_the_corpus(monkeypatch):
    def refuse(*names):
        raise UnavailableError("no such dataset")

    monkeypatch.setattr(module, "resolve", refuse)
    with pytest.raises(DatasetUnavailableError, match=r"^no such dataset$"):
        load_repository("me/d", None, None)


CARD = "---\nconfigs:\n- config_name: a\n  data_files:\n  - split: train\n    path: {}\n---\n"


@pytest.mark.parametrize("file", ["README.md", ".huggingface.yaml"])
@pytest.mark.parametrize(
    ("path", "refused"),
    [
        ("data/train.csv", False), ("https://x.org/a.csv", True), ("/etc/passwd", True), ("../a.csv", True),
        ("a/../../b.csv", True), ("a..b.csv", False),
    ],
)  # fmt: skip
def test_a_card_may_name_its_own_files_only(tmp_path, monkeypatch, file, path, refused):
    text = CARD.format(path)
    (tmp_path / file).write_text(text if file == "README.md" else text.replace("---\n", ""))
    monkeypatch.setattr(module, "fetch", lambda provenance, name, kind: tmp_path / name if name == file else None)
    if refused:
        with pytest.raises(DatasetUnavailableError, match="the card of the dataset 'me/d' names data files elsewhere"):
            module._check_card(WANTED)
    else:
        module._check_card(WANTED)


@pytest.mark.parametrize(
    ("configs", "strings"),
    [
        ("data_files: a.csv", ["a.csv"]),
        ("data_dir: b", ["b"]),
        ("data_files: {train: [a, b], test: c}", ["a", "b", "c"]),
        ("data_files: 3", []),
        ("other: a.csv", []),
    ],
)
def test_all_files_that_a_card_names_are_found(tmp_path, configs, strings):
    path = tmp_path / "x.yaml"
    path.write_text(f"configs:\n- {configs}\n- text\n")
    assert list(module._strings(module._data_files(path))) == strings


@pytest.mark.parametrize("text", ["configs: 3", "- a", "a: [", "", "configs:"])
def test_cards_without_configurations_name_no_files(tmp_path, text):
    path = tmp_path / "x.yaml"
    path.write_text(text)
    assert module._data_files(path) == []
