"""The folder of a run: one run at a time, one set of inputs, complete files."""

import json
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from accelerate import PartialState
from filelock import FileLock, Timeout

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.files import atomic_write
from hf_gradexplain.run import folder
from hf_gradexplain.run.folder import (
    ROWS,
    check_inputs,
    document_path,
    document_paths,
    finished_shards,
    lock_run_folder,
    named_if_unreadable,
)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(folder, "_LOCK_TIMEOUT", 0.1)


def put(output_dir, start, rows="x"):
    path = document_path(output_dir, start)
    with atomic_write(path, checksum=True) as temporary:
        pq.write_table(pa.table({"id": [start]}).replace_schema_metadata({ROWS: rows}), temporary)
    return path


def test_files_come_in_the_order_of_the_dataset(tmp_path):
    for start in (10**9, 5, 0, 99_999_999):
        put(tmp_path, start)
    (tmp_path / "documents" / "mine.parquet").touch()
    assert [int(path.stem) for path in document_paths(tmp_path)] == [0, 5, 99_999_999, 10**9]


def test_processes_wait_for_each_other_once_they_have_locked_the_folder(tmp_path):
    waits = []

    def wait_for_everyone():
        with pytest.raises(Timeout):
            FileLock(tmp_path / "new" / "run" / ".lock", is_singleton=False).acquire(timeout=0)
        waits.append("waited")

    state = SimpleNamespace(num_processes=1, process_index=0, is_main_process=True, wait_for_everyone=wait_for_everyone)
    with lock_run_folder(tmp_path / "new" / "run", state):
        assert waits == ["waited"]


def test_other_files_are_no_locks_of_processes(tmp_path):
    for name in (".lock.mine", ".lock.", ".lock.1.old"):
        (tmp_path / name).touch()
    with lock_run_folder(tmp_path, PartialState()):
        pass


def test_one_run_at_a_time_may_lock_the_folder_and_also_twice(tmp_path):
    with lock_run_folder(tmp_path, PartialState()), lock_run_folder(tmp_path, PartialState()):
        pass
    with lock_run_folder(tmp_path, PartialState()):
        pass
    other = FileLock(tmp_path / ".lock", is_singleton=False)
    with (
        other,
        pytest.raises(GradexplainError, match=r"another run is writing to .*: wait for it, or give"),
        lock_run_folder(tmp_path, PartialState()),
    ):
        pass


@pytest.mark.parametrize("process", [1, 3, 12])
def test_a_remaining_process_of_an_earlier_run_keeps_its_lock(tmp_path, process):
    (tmp_path / ".lock.2").touch()
    with lock_run_folder(tmp_path, PartialState()):
        pass
    other = FileLock(tmp_path / f".lock.{process}", is_singleton=False)
    with (
        other,
        pytest.raises(GradexplainError, match=f"process {process} of an earlier run is writing to"),
        lock_run_folder(tmp_path, PartialState()),
    ):
        pass


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model weights": "b" * 64}, "different model weights"),
        ({"model revision": "def"}, "model revision was 'abc', now 'def'"),
        ({"tokenizer": "b" * 64}, "different tokenizer"),
        ({"texts": "b" * 64}, "different texts"),
        ({"methods": ["loo", "random"]}, r"methods was \['loo'\], now \['loo', 'random'\]"),
        ({"unit": "word", "seed": 1}, "unit was 'token', now 'word'; seed was 0, now 1"),
        ({"hf_gradexplain": "b" * 64}, "different hf_gradexplain"),
        ({"torch": "3"}, "torch was '2', now '3'"),
    ],
)
def test_other_inputs_are_an_error_that_names_them(tmp_path, change, message):
    inputs = {
        **dict.fromkeys(("model weights", "tokenizer", "texts", "hf_gradexplain"), "a" * 64),
        "model revision": "abc",
        "methods": ["loo"],
        "unit": "token",
        "seed": 0,
        "torch": "2",
    }
    check_inputs(tmp_path, inputs)
    check_inputs(tmp_path, change)  # nothing is finished yet, so other inputs are accepted
    check_inputs(tmp_path, inputs)
    put(tmp_path, 0)
    check_inputs(tmp_path, inputs)
    with pytest.raises(GradexplainError, match=rf"other inputs \({message}\): give another output_dir, or delete"):
        check_inputs(tmp_path, {**inputs, **change})


def test_finished_shards_without_a_record_of_their_inputs_are_an_error(tmp_path):
    put(tmp_path, 0)
    with pytest.raises(GradexplainError, match="which inputs the finished shards were made from"):
        check_inputs(tmp_path, {})
    (tmp_path / "documents" / "inputs.json").write_text("{cut off", encoding="utf-8")
    with pytest.raises(GradexplainError, match="which inputs the finished shards were made from"):
        check_inputs(tmp_path, {})


def test_the_record_is_json(tmp_path):
    check_inputs(tmp_path / "new", {"methods": ("loo", "random")})
    written = (tmp_path / "new" / "documents" / "inputs.json").read_text()
    assert json.loads(written) == {"methods": ["loo", "random"]}
    assert written.startswith('{\n  "methods": [\n    "loo"')


def test_files_that_do_not_belong_to_a_run_are_not_overwritten(tmp_path):
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(GradexplainError, match=r"README\.md does not belong to a run and would be overwritten"):
        check_inputs(tmp_path, {})


def test_unfinished_files_of_a_killed_process_are_removed(tmp_path):
    path = put(tmp_path, 0)
    unfinished = [path.with_name(".00000000.parquet.abc.part"), tmp_path / ".README.md.abc.part"]
    for file in unfinished:
        file.touch()
    (tmp_path / "documents" / "inputs.json").write_text("{}")
    check_inputs(tmp_path, {})
    assert not any(file.exists() for file in unfinished)
    assert path.exists()


def test_finished_corrupt_and_unreadable_files_are_distinguished(tmp_path, monkeypatch):
    put(tmp_path, 0, "a")
    corrupt, empty, alone = put(tmp_path, 3), put(tmp_path, 6), put(tmp_path, 9)
    corrupt.write_bytes(corrupt.read_bytes()[:-20])
    empty.write_bytes(b"")
    (tmp_path / "documents" / "00000009.parquet.sha256").unlink()
    digests, reasons = finished_shards(tmp_path)
    assert digests == {0: "a"}
    assert reasons == {
        corrupt: "its bytes do not have the SHA-256 in 00000003.parquet.sha256",
        empty: "its bytes do not have the SHA-256 in 00000006.parquet.sha256",
        alone: "00000009.parquet.sha256 is missing",
    }

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(pq, "read_schema", refuse)
    with pytest.raises(GradexplainError, match=r"cannot read .* \(Permission denied\): make it readable"):
        finished_shards(tmp_path)


def test_a_file_whose_content_is_wrong_although_its_checksum_is_right_is_corrupt(tmp_path, monkeypatch):
    """Its bytes are no Parquet file; or what reads them fails for another reason than the access to the file."""
    path = document_path(tmp_path, 3)
    with atomic_write(path, checksum=True) as temporary:
        temporary.write_bytes(b"no Parquet")
    digests, reasons = finished_shards(tmp_path)
    assert (digests, list(reasons)) == ({}, [path])
    assert "arquet" in reasons[path]

    def fail(path):
        raise errors[path]("thrift\nmessage " + "x" * 200)

    errors = {path: OSError, put(tmp_path, 6, "a"): pa.ArrowInvalid}
    monkeypatch.setattr(folder, "damage", fail)
    assert finished_shards(tmp_path) == ({}, dict.fromkeys(errors, f"thrift message {'x' * 185}"))


def test_a_finished_file_that_cannot_be_read_is_named(tmp_path):
    whole, damaged = put(tmp_path, 0), put(tmp_path, 3)
    data = bytearray(damaged.read_bytes())
    data[4:40] = b"x" * 36
    damaged.write_bytes(data)
    with (
        pytest.raises(GradexplainError, match=rf"cannot read {damaged} .*: delete it and run the same command again"),
        named_if_unreadable([whole, damaged]),
    ):
        pq.read_table(damaged)
    with pytest.raises(OSError, match="of something else"), named_if_unreadable([whole]):
        raise OSError("of something else")
