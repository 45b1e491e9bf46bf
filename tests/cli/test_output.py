"""Rows in the formats of `--format`."""

import json

import pytest

from hf_gradexplain.cli import env, main
from hf_gradexplain.cli.output import print_json, print_rows

ROWS = [{"name": "two words", "n": 1, "what": "a long text " * 3}, {"name": "x\x1b\n", "n": 22, "what": ""}]


def test_rows_as_a_table_break_long_cells_but_not_the_first_column(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "30")
    print_rows(ROWS, "human")
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == [
        "",
        " name       n   what",
        " " + 28 * "─",
        " two words  1   a long text a",
        "                long text a",
        "                long text",
        " x␛         22",
        "",
    ]


def test_rows_for_programs(capsys):
    print_rows(ROWS, "quiet")
    assert capsys.readouterr().out == "two words\nx\x1b\n\n"
    print_rows(ROWS, "json")
    written = capsys.readouterr().out
    assert json.loads(written) == ROWS
    assert written.startswith('[\n  {\n    "name": "two words",\n')
    print_json({"a": [1]})
    assert capsys.readouterr().out == '{\n  "a": [\n    1\n  ]\n}\n'


@pytest.mark.parametrize(("form", "width"), [("human", 12), ("quiet", 0)])
def test_versions_are_in_a_column_for_people(monkeypatch, capsys, form, width):
    monkeypatch.setattr("hf_gradexplain.run.fingerprints.versions", lambda: {"python": "3", "transformers": "5"})
    monkeypatch.setattr(env.platform, "platform", lambda: "Linux")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert main(["env", "--format", form]) == 0
    found = {"python": "3", "transformers": "5", "platform": "Linux", "device": "cpu"}
    assert capsys.readouterr().out == "".join(f"{name.ljust(width)} {value}\n" for name, value in found.items())
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda: "H200")
    assert main(["env", "--format", form]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"{'device'.ljust(width)} cuda: H200"
