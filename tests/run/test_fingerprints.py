"""Fingerprints tell results apart by what they were made from."""

import hashlib
import json

import torch
from datasets import ClassLabel, Dataset, Value

from hf_gradexplain.run.fingerprints import (
    configuration_fingerprint,
    texts_fingerprint,
    tokenizer_fingerprint,
    versions,
    weights_fingerprint,
)
from tests.helpers.tiny import make


def test_the_fingerprint_of_weights_depends_on_values_and_dtype():
    model, _ = make("textcnn")
    same, _ = make("textcnn")
    same.load_state_dict(model.state_dict())
    assert weights_fingerprint(model) == weights_fingerprint(same)
    with torch.no_grad():
        next(same.parameters())[1, 0] += 1e-9
    assert weights_fingerprint(model) != weights_fingerprint(same)
    assert weights_fingerprint(model) != weights_fingerprint(model.bfloat16())


def test_the_fingerprint_of_weights_is_the_hash_of_each_weight_once():
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Sequential(torch.nn.BatchNorm1d(3)))
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode() + tensor.numpy().tobytes())
    assert weights_fingerprint(model) == digest.hexdigest()


def test_the_fingerprint_of_a_configuration_does_not_depend_on_the_order_of_settings():
    fingerprints = set()
    for settings in ({"a": 1, "b": 2}, {"b": 2, "a": 1}):
        model, _ = make("textcnn")
        model.config.more = settings
        fingerprints.add(configuration_fingerprint(model))
    assert len(fingerprints) == 1


def test_the_fingerprint_of_a_configuration_ignores_where_it_was_loaded_from():
    model, _ = make("textcnn")
    before = configuration_fingerprint(model)
    model.config._name_or_path = "elsewhere"
    assert configuration_fingerprint(model) == before
    model.config.id2label = {0: "good", 1: "bad", 2: "ugly"}
    assert configuration_fingerprint(model) != before


def test_the_fingerprint_of_a_tokenizer_depends_on_its_settings_and_not_on_its_use():
    _, tokenizer = make("bert")
    before = tokenizer_fingerprint(tokenizer)
    tokenizer("a text")
    assert tokenizer_fingerprint(tokenizer) == before
    tokenizer.model_max_length -= 1
    assert tokenizer_fingerprint(tokenizer) != before
    assert tokenizer_fingerprint(make("gpt2")[1]) != before


def test_the_fingerprint_of_texts_depends_on_the_values_and_the_order_of_rows_only(tmp_path):
    texts, labels = ["a fine day", "rain again", "", "сніг і лід 🙂", "a fine day", "wind"], [1, 0, 0, 1, 1, 0]
    base = Dataset.from_dict({"id": range(6), "text": texts, "label": labels})
    before = texts_fingerprint(base)
    base.save_to_disk(tmp_path / "saved")
    same = [
        base.remove_columns("id"),
        base.cast_column("label", Value("int32")),
        base.cast_column("label", ClassLabel(names=["dry", "wet"])),
        Dataset.load_from_disk(tmp_path / "saved"),
    ]
    assert {before} == set(map(texts_fingerprint, same))
    changed = [
        base.select(range(5)),
        base.select([1, 0, 2, 3, 4, 5]),
        base.remove_columns("label"),
        base.remove_columns("label").add_column("label", [0, *labels[1:]]),
        base.remove_columns("text").add_column("text", ["x", *texts[1:]]),
        base.rename_column("text", "text_pair"),
    ]
    assert len({before, *map(texts_fingerprint, changed)}) == 7


def test_the_fingerprint_of_texts_is_the_hash_of_json_lines():
    rows = Dataset.from_dict({"label": [1, 0], "text": ["é", "b"], "id": [7, 8]})
    lines = b'["text", "label"]["\\u00e9", 1]\n["b", 0]\n'
    assert texts_fingerprint(rows) == hashlib.sha256(lines).hexdigest()


def test_the_fingerprint_of_conversations_does_not_depend_on_the_order_of_keys():
    message = {"role": "user", "content": "bad"}
    rows = [Dataset.from_dict({"text": [[each]]}) for each in (message, dict(reversed(message.items())))]
    assert texts_fingerprint(rows[0]) == texts_fingerprint(rows[1])


def test_versions_name_python_and_the_packages():
    assert {"python", "torch", "transformers", "hf_gradexplain"} <= versions().keys()
