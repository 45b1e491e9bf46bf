"""Evaluations of texts that are read as windows."""

import numpy as np
import pytest

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.documents import iterate_documents
from hf_gradexplain.run import runner, shards
from tests.helpers.tiny import explainer
from tests.test_windows import OPTIONS, TEXT, Naive, spans_of

METHODS = ("loo", "signed_gi")
DOCUMENTS = [TEXT, "a good film", f"{TEXT} , {TEXT}"]


def evaluate(folder=None, **more):
    return explainer("bert").evaluate(
        DOCUMENTS, [1, 0, 2], METHODS, output_dir=folder, progress=False, **{**OPTIONS, **more}
    )


@pytest.mark.parametrize("pool", ["mean", "max"])
def test_curves_are_those_of_the_pooled_probability(pool):
    result = evaluate(pool=pool)
    document = next(iterate_documents(result.documents))
    naive, found = Naive(explainer("bert"), pool), document.explanation
    assert [bool(each.windows) for each in result.explanations] == [True, False, True]
    assert [bool(each.deciding) for each in result.explanations] == [pool == "max", False, pool == "max"]
    order, curve = np.argsort(-found["signed_gi"], kind="stable"), document.curves["signed_gi"]
    scored = found["signed_gi"][order] != 0  # ties are broken at random
    for k in range(1 + int(scored.argmin() if not scored.all() else len(scored))):
        removed = [spans_of(found)[u] for u in order[:k]]
        expected = naive.run(removed)[0].softmax(-1)[1].item()
        assert curve[k] == pytest.approx(expected, rel=1e-9)
    assert document.curves["loo"].shape == (len(found) + 1,)


def test_a_stopped_run_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "DOCUMENTS", 1)
    evaluate(tmp_path / "whole")
    write, written = runner.write_documents, []

    def stop_at_the_second(documents, path, *rest):
        if written:
            raise KeyboardInterrupt
        written.append(path)
        write(documents, path, *rest)

    with monkeypatch.context() as context:
        context.setattr(runner, "write_documents", stop_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            evaluate(tmp_path / "stopped")
    assert len(list((tmp_path / "stopped" / "documents").glob("*.parquet"))) == 1
    evaluate(tmp_path / "stopped")
    files = [sorted((tmp_path / name / "documents").glob("*.parquet")) for name in ("whole", "stopped")]
    assert len(files[0]) == 3
    assert [path.read_bytes() for path in files[0]] == [path.read_bytes() for path in files[1]]
    for changed in ({"stride": 3}, {"pool": "max"}):
        with pytest.raises(GradexplainError, match=f"{next(iter(changed))}"):
            evaluate(tmp_path / "whole", **changed)


def test_an_estimate_counts_the_whole_text():
    whole = evaluate(dry_run=True)
    truncated = evaluate(dry_run=True, stride=None)
    assert whole.loo > truncated.loo


def test_the_facts_of_a_run_name_the_windows():
    assert evaluate(pool="max").run.facts["Windows"] == "stride 4, max of their logits"
    assert "Windows" not in evaluate(stride=None).run.facts
