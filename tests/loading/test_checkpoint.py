"""What is asked of the loader, what is said about missing weights, and when progress bars are hidden."""

import pytest
import torch
from transformers import PreTrainedModel
from transformers.utils import logging

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.loading import checkpoint
from hf_gradexplain.loading.checkpoint import Checkpoint, load_checkpoint, load_classifier
from tests.helpers.tiny import make


@pytest.fixture
def asked(monkeypatch):
    """Replace the loader: return what it is asked for, and let it return a tiny model without these weights."""
    found = {"missing": ()}

    def load(source, device, dtype, **how):
        found.update(source=source, device=device, dtype=dtype, **how)
        return Checkpoint(*make("fasttext"), found["missing"])

    monkeypatch.setattr(checkpoint, "_load", load)
    monkeypatch.setattr(checkpoint, "find_source", lambda name, revision: (name, revision))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    return found


@pytest.mark.parametrize("load", [load_checkpoint, load_classifier])
def test_nothing_is_run_or_unpickled_unless_it_is_allowed(load, asked):
    load("owner/name")
    usual = {"device": torch.device("cpu"), "dtype": torch.float32, "trust_remote_code": False, "allow_pickle": False}
    assert asked == {"source": ("owner/name", None), "missing": (), **usual}
    given = {"device": "meta", "dtype": "bfloat16", "trust_remote_code": True, "allow_pickle": True}
    assert next(load("x", revision="v1", **given).model.parameters()).is_meta
    assert asked == {"source": ("x", "v1"), "missing": (), **given, "device": torch.device("meta")}


def test_an_unknown_device_is_refused_before_anything_is_loaded(asked):
    with pytest.raises(GradexplainError, match="unknown device 'gpu'"):
        load_checkpoint("x", device="gpu")
    assert asked == {"missing": ()}


def test_a_distributed_model_is_not_moved(asked):
    assert load_checkpoint("x", device="auto").model.device.type == "cpu"
    assert asked["device"] == "auto"


@pytest.mark.parametrize(("device", "accepted"), [("cpu", True), ("meta", False), ("cpu:1", False)])
def test_a_quantised_model_that_cannot_be_moved_must_be_on_the_device(device, accepted, asked, monkeypatch):
    """A model of bitsandbytes is loaded onto a GPU and refuses to be moved."""

    def refuse(model, to):
        if isinstance(to, torch.device):
            raise ValueError("`.to` is not supported for `8-bit` models")
        return model

    monkeypatch.setattr(PreTrainedModel, "to", refuse)
    monkeypatch.setattr(checkpoint, "find_device", torch.device)
    if accepted:
        assert load_checkpoint("x", device=device).model.device.type == "cpu"
        return
    with pytest.raises(GradexplainError, match=r"^cannot load .* 'x': ValueError: `\.to` is not supported"):
        load_checkpoint("x", device=device)


def test_a_model_that_does_not_fit_onto_the_device_is_an_error_that_says_what_to_do(asked, monkeypatch):
    def full(model, to):
        if isinstance(to, torch.device):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return model

    monkeypatch.setattr(PreTrainedModel, "to", full)
    with pytest.raises(
        GradexplainError, match=r"^cannot load .* 'x': it does not fit .* device='auto'.*dtype='bfloat16'"
    ):
        load_checkpoint("x")


@pytest.mark.parametrize(
    ("missing", "listed"),
    [("a", "a"), ("abcd", "a, b, c, d"), ("abcde", "a, b, c, d, ..."), ("abcdef", "a, b, c, d, ...")],
)
def test_up_to_four_missing_weights_are_listed(missing, listed, asked):
    asked["missing"] = tuple(missing)
    assert load_checkpoint("x").missing == tuple(missing)
    with pytest.raises(GradexplainError) as caught:
        load_classifier("x")
    assert str(caught.value) == (
        f"'x' has no weights for {listed}, and its predictions would be random: fine-tune it for classification first "
        "(hf-gradexplain train), or name a fine-tuned model"
    )


def test_broken_weights_are_refused_unless_only_a_checkpoint_is_asked_for(asked, monkeypatch):
    def refuse(model):
        raise GradexplainError("broken")

    monkeypatch.setattr(checkpoint, "check_weights", refuse)
    load_checkpoint("x")
    with pytest.raises(GradexplainError, match="broken"):
        load_classifier("x")


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("shown", [False, True])
@pytest.mark.parametrize(
    ("verbosity", "hides"), [(logging.WARNING, False), (logging.ERROR, True), (logging.CRITICAL, True)]
)
def test_progress_bars_are_hidden_if_only_errors_are_asked_for(verbosity, hides, shown, fails):
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    try:
        logging.set_verbosity(verbosity)
        (logging.enable_progress_bar if shown else logging.disable_progress_bar)()
        try:
            with checkpoint._quiet_if_asked():
                assert logging.is_progress_bar_enabled() == (shown and not hides)
                if fails:
                    raise KeyError
        except KeyError:
            assert fails
        assert logging.is_progress_bar_enabled() == shown
    finally:
        logging.set_verbosity(before[0])
        (logging.enable_progress_bar if before[1] else logging.disable_progress_bar)()
