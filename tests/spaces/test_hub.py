"""The demo and the hub: which models it loads by name, and how it is pushed. `do_` functions run in a client."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hub.client import ROOT, environment


def do_push():
    import torch
    from huggingface_hub import HfApi

    from tests.helpers.tiny import make

    model, tokenizer = make("bert", dtype=torch.float32)
    for name in ("me/small", "me/private", "me/adapter", "me/other"):
        HfApi().create_repo(name, private=name == "me/private")
        model.push_to_hub(name)
        tokenizer.push_to_hub(name)
    HfApi().upload_file(path_or_fileobj=b"{}", path_in_repo="adapter_config.json", repo_id="me/adapter")


def do_load(limit):
    """Load models as the page does; without the owner's token, which `app.py` hides in the same way."""
    os.environ["HF_HUB_DISABLE_IMPLICIT_TOKEN"] = "1"
    from huggingface_hub.constants import HF_HUB_CACHE

    from hf_gradexplain import GradexplainError
    from spaces import explaining

    models = explaining.Models([], size=1, keep_files=False)

    def told(name):
        try:
            return models(name).class_names
        except GradexplainError as error:
            return str(error)

    answers = {name: told(name) for name in ("me/small", "me/private", "me/adapter", "me/none")}
    answers["kept"] = sorted(path.name for path in Path(HF_HUB_CACHE).glob("models--*/snapshots/*/model.safetensors"))
    answers["other"] = told("me/other")
    answers["kept"] += sorted(
        str(path.parents[2].name) for path in Path(HF_HUB_CACHE).glob("models--*/snapshots/*/*.json")
    )
    explaining.MAX_BYTES = limit
    answers["large"] = told("me/small")
    return answers


@pytest.mark.slow
def test_models_of_the_hub_are_small_public_and_whole(hub, client):
    client(do_push)
    answers = client(do_load, 1000)
    assert answers["me/small"] == ["LABEL_0", "LABEL_1", "LABEL_2"] == answers["other"]
    assert (
        answers["me/adapter"] == "'me/adapter' is an adapter, which this demo does not load: name a model that is whole"
    )
    for name in ("me/private", "me/none"):
        assert f"{name!r}" in answers[name]
        assert "hf auth login" in answers[name]
    assert answers["kept"][0] == "model.safetensors"
    assert set(answers["kept"][1:]) == {"models--me--other"}  # the files of me/small left with it
    assert re.fullmatch(
        r"'me/small' has 0\.0 GB, but this demo loads models of up to 0 GB: explain it on your own machine, .*",
        answers["large"],
    )


@pytest.mark.slow
def test_the_command_of_the_page_pushes_the_space(hub, tmp_path):
    readme = (ROOT / "spaces" / "README.md").read_text(encoding="utf-8")
    command = shlex.split(re.search(r"^hf upload .*$", readme, re.M)[0].replace("YOUR_NAME", "me"))
    hf = Path(sys.executable).with_name(command[0])
    subprocess.run([hf, *command[1:]], env=environment(hub, tmp_path), cwd=ROOT, check=True, timeout=300)
    files = hub.repos["space", "me/explain-text-classifiers"].at("main").files
    assert {"README.md", "app.py", "explaining.py", "requirements.txt"} == set(files) - {".gitattributes"}
