"""Tests of reading a card's results: only those of the very same weights count, and nothing in a card is trusted."""

import hashlib
import json

import pytest

from hf_gradexplain.hub.provenance import Provenance
from hf_gradexplain.loading.card_results import Measured, card_results, weights_sha256

WEIGHTS = b"weights"
SHA = hashlib.sha256(hashlib.sha256(WEIGHTS).digest()).hexdigest()
ROWS = [
    {"method": "attn_lrp", "short": [0.1, 0.05, 0.15], "long": [0.2, 0.1, 0.3]},
    {"method": "signed_gi", "short": [0.3, 0.25, 0.35]},
]


def card(tmp_path, **changes):
    (tmp_path / "model.safetensors").write_bytes(WEIGHTS)
    record = {"weights_sha256": SHA, "faithfulness": {"methods": ROWS}, **changes}
    (tmp_path / "card.json").write_text(json.dumps(record), encoding="utf-8")
    return Provenance(str(tmp_path))


def test_results_of_the_same_weights(tmp_path):
    assert card_results(card(tmp_path)) == {
        "attn_lrp": Measured(0.1, 0.05, 0.15),
        "signed_gi": Measured(0.3, 0.25, 0.35),
    }


def test_results_of_other_weights_do_not_count(tmp_path):
    model = card(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"other weights")
    assert card_results(model) == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"weights_sha256": None},
        {"weights_sha256": 3},
        {"faithfulness": None},
        {"faithfulness": "high"},
        {"faithfulness": {"methods": {"attn_lrp": 1}}},
        {"faithfulness": {"methods": ["attn_lrp", None, {"method": "attn_lrp"}]}},
        {"faithfulness": {"methods": [{"method": "attn_lrp", "short": [1, None, 3]}]}},
        {"faithfulness": {"methods": [{"method": "attn_lrp", "short": ["1", "2", "3"]}]}},
        {"faithfulness": {"methods": [{"method": "attn_lrp", "short": [float("nan"), 1, 2]}]}},
        {"faithfulness": {"methods": [{"method": "attn_lrp", "short": [1, 2]}]}},
    ],
)
def test_a_card_of_another_form_says_nothing(tmp_path, changes):
    assert card_results(card(tmp_path, **changes)) == {}


@pytest.mark.parametrize("content", ["", "[1, 2]", "no json"])
def test_a_broken_card_says_nothing(tmp_path, content):
    model = card(tmp_path)
    (tmp_path / "card.json").write_text(content, encoding="utf-8")
    assert card_results(model) == {}


def test_a_folder_without_card_or_weights(tmp_path):
    assert card_results(Provenance(str(tmp_path))) == {}
    assert weights_sha256(Provenance(str(tmp_path))) is None
    model = card(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    assert card_results(model) == {}


def test_the_fingerprint_of_sharded_weights_covers_every_file(tmp_path):
    for name in ("b.safetensors", "a.safetensors"):
        (tmp_path / name).write_bytes(name.encode())
    index = {"weight_map": {"x": "b.safetensors", "y": "a.safetensors", "z": "b.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    parts = [hashlib.sha256(name).digest() for name in (b"a.safetensors", b"b.safetensors")]
    assert weights_sha256(Provenance(str(tmp_path))) == hashlib.sha256(b"".join(parts)).hexdigest()
