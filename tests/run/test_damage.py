"""Damage to the files of a finished run: each flipped bit and each cut is noticed, and only what it hit is redone."""

import hashlib
import random
import shutil
import subprocess

import pyarrow.parquet as pq
import pytest
from datasets import Dataset

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.documents import read_explanations
from hf_gradexplain.evaluation.read_documents import count_documents, read_correlations
from hf_gradexplain.evaluation.tables import make_tables
from hf_gradexplain.options import Options
from hf_gradexplain.run import shards
from hf_gradexplain.run.finished_files import SUMS, changed_files, check_finished_files
from hf_gradexplain.run.finished_run import open_run
from hf_gradexplain.run.folder import check_inputs, document_paths, finished_shards
from hf_gradexplain.run.results import Run, write_results
from hf_gradexplain.run.runner import evaluate
from hf_gradexplain.sharing import TextSource, load_explanations, write_shards
from tests.helpers.tiny import CORPUS, explainer

OPTIONS = Options(methods=("random", "loo", "sa_l2"), target="label")
INPUTS = {"seed": 0}


def run_to(output_dir):
    """Evaluate seven texts in shards of three, and write all files."""
    texts = Dataset.from_dict({"id": range(7), "text": [*CORPUS, "", "bad"], "label": [0, 1, 0, 1, 0, 1, 0]})
    tables = evaluate(explainer("textcnn"), texts, OPTIONS, output_dir, inputs=INPUTS)
    run = Run("title", {}, INPUTS, tables, 1.0, "again", arguments="seed: 0\n", finished="2026-01-02T03:04:05+00:00")
    write_results(output_dir, run, document_paths(output_dir))


@pytest.fixture(autouse=True)
def _short_shards(monkeypatch):
    monkeypatch.setattr(shards, "DOCUMENTS", 3)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "DOCUMENTS", 3)
        (folder / "model").mkdir()
        (folder / "model" / "config.json").write_text("{}")
        run_to(folder)
    return folder


@pytest.fixture
def folder(finished, tmp_path):
    """A copy of the finished run, to damage."""
    return shutil.copytree(finished, tmp_path / "run")


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in files(folder)}


def strike(path, rng):
    """Flip one bit of a file, or cut it."""
    data = bytearray(path.read_bytes())
    if rng.random() < 0.75:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    else:
        del data[rng.randrange(len(data)) :]
    path.write_bytes(data)


def noticed(folder):
    """Whether a run that starts in the folder sees any damage."""
    try:
        check_inputs(folder, INPUTS)
    except GradexplainError:
        return True
    return bool(changed_files(folder) or finished_shards(folder)[1])


def campaign(folder, strikes, seed):
    before, rng, silent = contents(folder), random.Random(seed), []
    assert not noticed(folder)
    for number in range(strikes):
        path = rng.choice(files(folder))
        strike(path, rng)
        if not noticed(folder):
            silent.append((number, path.name))
        for name, data in before.items():  # the check itself writes inputs.json
            (folder / name).write_bytes(data)
    assert silent == []


def test_flipped_bits_and_cuts_are_noticed(folder):
    campaign(folder, 40, seed=0)


@pytest.mark.slow
def test_a_thousand_flipped_bits_and_cuts_are_noticed(folder):
    campaign(folder, 1000, seed=1)


def test_the_checksums_are_those_of_sha256sum(folder):
    for path in (*document_paths(folder), folder / "documents" / "inputs.json"):
        digest, name = path.with_name(f"{path.name}.sha256").read_text().split()
        assert (digest, name) == (hashlib.sha256(path.read_bytes()).hexdigest(), path.name)
    checked = subprocess.run(["sha256sum", "--check", SUMS], cwd=folder, capture_output=True, text=True, check=True)
    assert {line.removesuffix(": OK") for line in checked.stdout.splitlines()} == {
        *(str(path.relative_to(folder)) for path in files(folder) if path.parent.name != "documents")
    } - {SUMS}


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_a_run_computes_damaged_shards_again_and_writes_damaged_tables_again(folder, capsys):
    before, (first, second, _) = contents(folder), document_paths(folder)
    flip(first, 200)
    second.with_name(f"{second.name}.sha256").write_bytes(b"")
    flip(folder / "aopc.parquet", 100)
    (folder / "report.html").unlink()
    check_finished_files(folder)
    run_to(folder)
    said = capsys.readouterr().err
    for path in (first, second):
        assert f"{path} is corrupt (its bytes do not have the SHA-256 in {path.name}.sha256): computing" in said
    for name in ("aopc.parquet", "report.html"):
        assert f"{folder / name} was damaged or changed after the run: it will be written again" in said
    assert "reused 1 of 3 shards" in said
    assert contents(folder) == before


def test_a_file_cut_to_fewer_rows_is_noticed_by_its_count_alone(folder):
    path = document_paths(folder)[0]
    table = pq.read_table(path)
    pq.write_table(table.slice(0, 2), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name(f"{path.name}.sha256").write_text(f"{digest}  {path.name}\n")
    assert finished_shards(folder)[1] == {path: "it has 2 rows instead of 3"}


SOURCE = TextSource(None, None, "test", None, "text")
READERS = {
    "make_tables": lambda paths, folder: make_tables(paths, OPTIONS),
    "count_documents": lambda paths, folder: count_documents(paths),
    "read_correlations": lambda paths, folder: read_correlations(paths, "sa_l2"),
    "read_explanations": lambda paths, folder: read_explanations(paths[1]),
    "load_explanations": lambda paths, folder: load_explanations(folder),
    "write_shards": lambda paths, folder: write_shards(paths, folder / "data", "test", SOURCE),
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_whoever_reads_a_damaged_file_is_told(folder, read):
    paths = document_paths(folder)
    read(paths, folder)
    flip(paths[1], 300)
    with pytest.raises(GradexplainError, match=rf"{paths[1]} is damaged \(its bytes .*\): delete it and run the same"):
        read(paths, folder)


def test_pages_have_checksums_for_other_readers(folder):
    path = document_paths(folder)[0]
    start = pq.ParquetFile(path).metadata.row_group(0).column(3).data_page_offset
    flip(path, start + 40)
    with pytest.raises(OSError, match="CRC checksum verification failed"):
        pq.read_table(path, page_checksum_verification=True)


def test_damaged_tables_and_models_are_an_error_that_names_them(folder):
    open_run(folder)
    flip(folder / "aopc.parquet", 100)
    with pytest.raises(GradexplainError, match=rf"{folder / 'aopc.parquet'} was damaged or changed after the run: run"):
        open_run(folder)
    flip(folder / "model" / "config.json", 0)
    with pytest.raises(GradexplainError, match=rf"config\.json is damaged, .* delete {folder / 'model'} and run"):
        check_finished_files(folder)


def test_a_killed_run_leaves_no_wrong_record(folder):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hf_gradexplain.run.results.write_report", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run_to(folder)
    assert changed_files(folder) == []
    run_to(folder)
    assert (folder / SUMS).exists()
