"""`hf-gradexplain report`: the files of a finished run, and the report alone in another place."""

import pandas as pd
import pytest

from hf_gradexplain import Evaluation
from hf_gradexplain.attribution.methods import METHODS
from hf_gradexplain.cli import main
from hf_gradexplain.run import rewrite
from tests.helpers.tiny import explainer


def test_it_writes_a_run_again_or_the_report_alone(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(rewrite, "rewrite_results", lambda folder: folder / "report.html")
    monkeypatch.setattr(rewrite, "rewrite_report", lambda folder, path: path)
    assert main(["report", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'report.html'}\n"
    assert main(["report", str(tmp_path), "--output", str(tmp_path / "x.html")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'x.html'}\n"


def test_a_folder_that_is_no_run_is_refused(tmp_path, capsys):
    assert main(["report", str(tmp_path)]) == 1
    assert "is not the output folder of a run" in capsys.readouterr().err
    assert main(["report", str(tmp_path / "none")]) == 1
    assert "is not the output folder of a run" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("like", ["signed_gi", "sa_l2"])
def test_a_run_has_a_method_that_another_process_registered(monkeypatch, tmp_path, capsys, like):
    monkeypatch.setitem(METHODS, "my_own", METHODS[like])
    texts = ["a good film", "a bad end of the film", "the music is good"]
    run = explainer("textcnn").evaluate(texts, methods=["loo", "my_own"], output_dir=tmp_path, progress=False).run
    monkeypatch.delitem(METHODS, "my_own")
    assert main(["report", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'report.html'}\n"
    assert "my_own" in (tmp_path / "report.html").read_text()
    signs = Evaluation.load(tmp_path).run.tables.signs
    pd.testing.assert_frame_equal(signs, run.tables.signs, check_exact=True)
    assert len(signs) == (like == "signed_gi")
