"""JSON that is nested so deeply that its reader would crash the process."""

import bz2
import gzip
import lzma

import pytest

from hf_gradexplain.corpus import load_texts
from hf_gradexplain.corpus.columns import DatasetUnavailableError
from hf_gradexplain.corpus.json_depth import DEEPEST, check_depth
from tests.helpers import forked

COMPRESSORS = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
MANY, MILLION = 10**5, 10**6
DEEP = {
    "rows": '{"text": "a", "label": ' + "[" * MILLION + "]" * MILLION + "}\n",
    "lines": "[\n" * MANY + "]\n" * MANY,
    "objects": '{"a":' * MANY + "0" + "}" * MANY,
    "brackets in strings": '["]", ' * MANY + "]" * MANY,
    "escapes": r'["\\\"]", ' * MANY + "]" * MANY,
}


@pytest.mark.parametrize("content", DEEP.values(), ids=DEEP)
def test_deep_files_are_refused(content, tmp_path):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(DatasetUnavailableError, match=r"a\.json' nests lists or objects more than 1000 deep: give"):
        check_depth(tmp_path / "a.json")


@pytest.mark.parametrize("suffix", [*COMPRESSORS, ".GZ"])
def test_deep_files_are_refused_when_they_are_compressed(suffix, tmp_path):
    path = tmp_path / f"a.ndjson{suffix}"
    path.write_bytes(COMPRESSORS[suffix.lower()](DEEP["rows"].encode()))
    with pytest.raises(DatasetUnavailableError, match="nests lists or objects more than 1000 deep: give"):
        load_texts(str(path))


def test_ordinary_files_are_not(tmp_path):
    rows = ['{"text": "[[[ {{{ \\" [ \\\\", "label": [0, 1]}\n'] * 2000
    (tmp_path / "a.jsonl").write_text("".join(rows) + "[" * DEEPEST + "]" * DEEPEST)
    check_depth(tmp_path / "a.jsonl")


@pytest.mark.parametrize("name", ["a.jsonl", "folder"])
def test_the_process_survives_a_deep_file(name, tmp_path):
    path = tmp_path / name / "test.json" if name == "folder" else tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(DEEP["rows"])
    code = f"from hf_gradexplain.corpus import load_texts; load_texts({str(tmp_path / name)!r})"
    (tmp_path / "code.py").write_text(code)
    done = forked.run(tmp_path / "code.py")
    assert done.returncode == 1
    assert "DatasetUnavailableError" in done.stderr.splitlines()[-1]
