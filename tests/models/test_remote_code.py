"""The code of a model beside its weights."""

import json

import pytest

from hf_gradexplain.models import remote_code
from hf_gradexplain.models.register_models import MODELS
from hf_gradexplain.models.remote_code import add_remote_code


@pytest.mark.parametrize("config_class", MODELS, ids=lambda config: config.model_type)
def test_two_files_and_their_names_in_the_configuration(config_class, tmp_path):
    model_class, name = MODELS[config_class], config_class.model_type
    config_class().save_pretrained(tmp_path)
    before = (tmp_path / "config.json").read_text()
    files = add_remote_code(tmp_path, config_class, model_class)
    assert files == (f"configuration_{name}.py", f"modeling_{name}.py")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*files, "config.json"])
    source = remote_code.Path(remote_code.__file__).parent / name
    assert [(tmp_path / file).read_bytes() for file in files] == [(source / file).read_bytes() for file in files]
    config = json.loads((tmp_path / "config.json").read_text())
    assert config.pop("auto_map") == {
        "AutoConfig": f"configuration_{name}.{config_class.__name__}",
        "AutoModelForSequenceClassification": f"modeling_{name}.{model_class.__name__}",
    }
    # Apart from the new entry, it is the file that transformers wrote, in the same layout.
    (tmp_path / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    assert (tmp_path / "config.json").read_text() == before


def test_the_layout_is_that_of_transformers(tmp_path):
    config_class, model_class = next(iter(MODELS.items()))
    config_class().save_pretrained(tmp_path)
    before = (tmp_path / "config.json").read_text()
    add_remote_code(tmp_path, config_class, model_class)
    after = (tmp_path / "config.json").read_text()
    start = after.index('  "auto_map"')
    entry = after[start : after.index("},", start) + 3]
    assert after.replace(entry, "") == before
    assert [line[:4] for line in entry.splitlines()] == ['  "a', "    ", "    ", "  },"]
