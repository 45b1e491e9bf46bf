"""A dry run prints the estimate on the main process, and nothing on the others."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from hf_gradexplain.commands import dry_run as module
from hf_gradexplain.commands.dry_run import run_dry
from hf_gradexplain.commands.recipe_arguments import EvaluateRecipeArguments
from tests.run.test_cost import COST, HYBRID

EVALUATED = object()


def estimate(evaluated, options, measures, audits):
    assert evaluated is EVALUATED
    assert measures is audits
    assert (options.methods, type(audits)) == (audits.methods, EvaluateRecipeArguments)
    return replace(COST, parts=(HYBRID,))


@pytest.fixture
def inputs(monkeypatch):
    seen = []

    def load(arguments, folder, *, one_process):
        seen.append((folder, folder.exists(), one_process))
        return EVALUATED

    monkeypatch.setattr(module, "load_inputs", load)
    monkeypatch.setattr(module, "estimate_run", estimate)
    threads = torch.get_num_threads()
    yield seen
    torch.set_num_threads(threads)


@pytest.mark.parametrize("main", [True, False])
def test_the_main_process_prints_the_estimate(monkeypatch, capsys, inputs, main):
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setattr(module, "process_state", lambda: SimpleNamespace(is_main_process=main, num_processes=2))
    run_dry(EvaluateRecipeArguments(dry_run=True, threads=2))
    assert torch.get_num_threads() == 2
    out = capsys.readouterr().out
    if main:
        lines = out.splitlines()
        assert lines[:3] == ["rows             2,000", "shards           4, about 2.1 min each", "processes        2"]
        assert "hybrid documents 100 plain more, about 25 s" in lines
        ((folder, existed, one_process),) = inputs
        assert (existed, folder.exists(), one_process) == (True, False, True)
    else:
        assert out == ""
        assert inputs == []


def test_options_are_named_as_flags(monkeypatch, capsys, inputs):
    monkeypatch.setattr(module, "estimate_run", lambda *given: replace(COST, seconds=1.0, parts=(HYBRID,)))
    monkeypatch.setattr(module, "process_state", lambda: SimpleNamespace(is_main_process=True, num_processes=1))
    run_dry(EvaluateRecipeArguments(dry_run=True))
    assert "enough with --max_samples 550" in capsys.readouterr().out
