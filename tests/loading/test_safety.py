"""What the files of a stranger can write to the terminal while they are loaded: nothing that it obeys."""

import io
import json
import logging
import os
import pickle
import re

import pytest
import torch
from safetensors import SafetensorError

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.loading.checkpoint import load_checkpoint
from hf_gradexplain.loading.safety import NO_SAFETENSORS_CONVERSION, _first_sentence, _reason, translate_load_errors
from tests.helpers.tiny import make

EVIL = "\x1b]0;owned\x07 \x1b[31m \x9b31m \u202e \x7f"
SHOWN = "␛]0;owned␇ ␛[31m \ufffd31m \ufffd ␡"


@pytest.fixture
def log():
    """What the loggers of transformers write, as to a terminal."""
    logger, stream = logging.getLogger("transformers"), io.StringIO()
    handler, level = logging.StreamHandler(stream), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.WARNING)
    yield stream
    logger.removeHandler(handler)
    logger.setLevel(level)


@pytest.mark.filterwarnings("ignore:.*rope_scaling:FutureWarning")
def test_a_configuration_writes_no_control_characters_to_the_log(tmp_path, log):
    model, tokenizer = make("bert", dtype=torch.float32)
    for part in (model, tokenizer):
        part.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "rope_scaling": {"type": EVIL}}))
    load_checkpoint(str(tmp_path))
    assert SHOWN in log.getvalue()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", log.getvalue())


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        (f"a model of type {EVIL}", ()),
        ("a model of type %s", (EVIL,)),
        ("a model of type %(name)s", ({"name": EVIL},)),
        (ValueError(f"a model of type {EVIL}"), ()),
    ],
    ids=["formatted", "argument", "by name", "error"],
)
def test_log_messages_are_shown_with_visible_control_characters(log, message, arguments):
    logger = logging.getLogger("transformers.models")
    with translate_load_errors("cannot load"):
        logger.warning(message, *arguments)
        logger.warning("100 %")
    assert log.getvalue() == f"a model of type {SHOWN}\n100 %\n"


def test_logs_are_as_before_after_the_block(capsys):
    factory, alone = logging.getLogRecordFactory(), logging.Logger("without pytest, which raises on a wrong format")
    alone.addHandler(logging.StreamHandler())
    with translate_load_errors("cannot load"):
        alone.warning("%d files", "no")  # logging reports it, and the block goes on
    assert "TypeError" in capsys.readouterr().err
    with pytest.raises(GradexplainError, match="cannot load: ValueError: no"), translate_load_errors("cannot load"):
        raise ValueError("no")
    assert logging.getLogRecordFactory() is factory
    alone.warning("%s", EVIL)
    assert capsys.readouterr().err == f"{EVIL}\n"


def test_logs_are_as_before_after_two_blocks_that_overlap(log):
    """Two threads load models at the same time, and the first one ends first."""
    factory, logger = logging.getLogRecordFactory(), logging.getLogger("transformers.models")
    blocks = translate_load_errors("cannot load"), translate_load_errors("cannot load")
    for block in blocks:
        block.__enter__()
    blocks[0].__exit__(None, None, None)
    logger.warning(EVIL)
    blocks[1].__exit__(None, None, None)
    assert log.getvalue() == f"{SHOWN}\n"
    assert logging.getLogRecordFactory() is factory


@pytest.mark.parametrize("before", [None, "0"])
def test_weights_are_not_converted_until_the_last_block_ends(monkeypatch, before):
    name = "DISABLE_SAFETENSORS_CONVERSION"
    monkeypatch.delenv(name, raising=False)
    if before is not None:
        monkeypatch.setenv(name, before)
    blocks = NO_SAFETENSORS_CONVERSION.set(), NO_SAFETENSORS_CONVERSION.set()
    for block in blocks:
        block.__enter__()
    blocks[0].__exit__(None, None, None)
    assert os.environ[name] == "1"
    blocks[1].__exit__(None, None, None)
    assert os.environ.get(name) == before


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("", "no reason given"),
        ("It is gone.\nIt was deleted.", "It is gone"),
        (" It says:\n\n  nothing. \nand more", "It says: nothing"),
        ("a:\nb:\nc", "a: b: c"),
        ("a:\nb:", "a: b:"),
    ],
)
def test_the_first_sentence_goes_on_after_a_colon(message, expected):
    assert _first_sentence(message) == expected


@pytest.mark.parametrize(
    ("error", "parts"),
    [
        (GradexplainError("it is\x07 gone"), ["it is␇ gone"]),
        (RecursionError("deep"), ["nested too deeply"]),
        (pickle.UnpicklingError("no tensor"), ["pickled weights hold more than tensors", ".safetensors"]),
        (ValueError("Give trust_remote_code=True."), ["code from its repository", "--trust_remote_code"]),
        (OSError("no model.safetensors"), ["no weights in .safetensors"]),
        (OSError("It is not there.\nMore."), ["It is not there; name a model on the hub, or a folder"]),
        (SafetensorError("header too large"), ["a .safetensors file is damaged (header too large)"]),
        (ValueError("It is odd.\nMore."), ["ValueError: It is odd"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_reasons_why_a_model_cannot_be_loaded(error, parts):
    reason = _reason(error)
    assert [part for part in parts if part not in reason] == []
    assert "\n" not in reason
