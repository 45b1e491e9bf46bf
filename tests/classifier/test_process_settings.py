"""Settings of the whole process are those of before once no thread needs them, in whatever order threads leave."""

import sys

import pytest
import torch

from hf_gradexplain.classifier.process_settings import UNCOMPILED, WITHOUT_ONEDNN
from hf_gradexplain.explainer import Explainer
from tests.helpers.tiny import make


def stance():
    return torch._dynamo.eval_frame._stance.stance


@pytest.mark.parametrize(
    ("setting", "value", "changed"),
    [(WITHOUT_ONEDNN, lambda: torch.backends.mkldnn.enabled, False), (UNCOMPILED, stance, "force_eager")],
)
def test_the_first_user_changes_and_the_last_one_restores(setting, value, changed):
    """The first of two blocks that overlap, as those of two threads do, ends first."""

    before = value()
    first, second = setting.set(), setting.set()
    first.__enter__()
    assert value() == changed != before
    second.__enter__()
    first.__exit__(None, None, None)
    assert value() == changed
    second.__exit__(None, None, None)
    assert value() == before


def test_nothing_is_set_as_long_as_nothing_is_compiled(monkeypatch):
    """The module of the setting is not imported for it."""
    before = stance()
    monkeypatch.delitem(sys.modules, "torch._dynamo")
    with UNCOMPILED.set():
        assert "torch._dynamo" not in sys.modules
    monkeypatch.undo()
    assert stance() == before


def test_an_error_restores_the_setting():
    with pytest.raises(ValueError, match="stop"), WITHOUT_ONEDNN.set():
        raise ValueError("stop")
    assert torch.backends.mkldnn.enabled


@pytest.mark.parametrize("kind", ["bert", "bilstm"])
def test_propagation_leaves_the_settings_of_the_process(kind):
    import torch._dynamo

    before = stance(), torch.backends.mkldnn.enabled
    Explainer(*make(kind))("not bad", "attn_lrp")
    assert (stance(), torch.backends.mkldnn.enabled) == before
