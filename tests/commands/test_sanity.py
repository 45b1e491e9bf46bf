import json

import pytest

from hf_gradexplain.cli import main
from hf_gradexplain.commands.sanity import SENTENCES, check_methods
from tests.helpers.tiny import explainer, make

CHECKS = ("parameter randomisation", "input invariance", "seeds")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sanity") / "model"
    classifier, tokenizer = make("textcnn")
    classifier.float().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def test_the_doctor_checks_methods_on_its_own_sentences(model, capsys):
    assert main(["doctor", model, "--full"]) == 0
    printed = capsys.readouterr()
    assert all(name in printed.out for name in CHECKS)
    assert "sanity checks: layer 4 of 4: embedding" in printed.err
    assert main(["doctor", model]) == 0
    assert "parameter randomisation" not in capsys.readouterr().out


def test_the_doctor_names_methods_and_keeps_its_exit_code(model, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("hf_gradexplain.audit.sanity.result.UNCHANGED_FROM", -2.0)
    file = tmp_path / "texts.txt"
    file.write_text("\n".join(SENTENCES[:7]), encoding="utf-8")
    monkeypatch.setattr("hf_gradexplain.commands.recommend.METHODS_TO_COMPARE", ("random", "signed_gi"))
    assert main(["doctor", model, "--full", "--file", str(file), "--format", "json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["ok"]
    sanity = record["sanity"]
    assert [check["name"] for check in sanity["checks"]] == list(CHECKS)
    assert sanity["checks"][0]["verdict"] == "problem"
    assert sanity["checks"][0]["action"].startswith("do not explain this model with signed_gi and sa_l2: ")
    assert [row["method"] for row in sanity["methods"]] == ["random", "signed_gi", "sa_l2"]
    assert (sanity["texts"], sanity["methods"][1]["shifted"]) == (7, None)
    assert main(["doctor", model, "--full", "--format", "quiet"]) == 0
    quiet = capsys.readouterr()
    assert (quiet.out, quiet.err) == ("parameter randomisation\n", "")


def test_models_without_gradients_are_checked_by_leave_one_out(monkeypatch):
    engine = explainer("textcnn")
    monkeypatch.setattr("hf_gradexplain.commands.sanity.methods_to_compare", lambda profile: ("random", "loo"))
    assert check_methods(engine, None).to_frame()["method"].tolist() == ["random", "loo"]
