"""Repositories that try to run code, or to send the client elsewhere: none does, asked politely or not.

Every kind of attack would leave a canary file behind. The client has a package `kernels` that leaves it, too, when a
kernel is fetched, and modules that leave it when they are imported. `do_` functions run in the client's process.
"""

import json
import pickle
import warnings

import pytest
import torch
from peft import LoraConfig, get_peft_model

from tests.helpers.tiny import make
from tests.hub.client import GUARD, ROOT, Client, left
from tests.hub.loopback_hub import LoopbackHub
from tests.hub.repository import File, Repo

KERNELS = """
import os
from pathlib import Path

def get_kernel(*args, **options):
    Path(os.environ["CANARY"]).touch()
    raise OSError("no kernel here")

def use_kernel_forward_from_hub(name):
    return lambda decorated: decorated

def use_kernelized_func(*names):
    return lambda decorated: decorated

def __getattr__(name):
    return type(name, (), {"__init__": lambda self, *args, **options: None})
"""
TOUCH = 'import os, pathlib; pathlib.Path(os.environ["CANARY"]).touch()\n'
CODE = f"""{TOUCH}
from transformers import BertConfig, BertForSequenceClassification, BertTokenizer, Pipeline

class EvilConfig(BertConfig):
    model_type = "evil"

class EvilModel(BertForSequenceClassification):
    config_class = EvilConfig

class EvilTokenizer(BertTokenizer):
    pass
"""
TEMPLATE = "{{ cycler.__init__.__globals__.os.popen('touch $CANARY').read() }}"


class Payload:
    """Touches the canary when it is unpickled."""

    def __reduce__(self):
        return exec, (TOUCH,)


def pickled():
    return pickle.dumps({"classifier.weight": Payload()})


def torch_pickled(folder):
    path = folder / "payload.bin"
    torch.save({"classifier.weight": Payload()}, path)
    return path.read_bytes()


def auto_map(where=""):
    return {"AutoConfig": f"{where}evil.EvilConfig", "AutoModelForSequenceClassification": f"{where}evil.EvilModel"}


CONFIGS = {
    "own code": ({"auto_map": auto_map(), "model_type": "evil"}, "needs code from its repository"),
    "own code for a known architecture": ({"auto_map": auto_map()}, None),
    "code from elsewhere": (
        {"auto_map": auto_map("evil/other--"), "model_type": "evil"},
        "needs code from its repository",
    ),
    "code from elsewhere for a known architecture": ({"auto_map": auto_map("evil/other--")}, None),
    "own code for the tokenizer": ({"auto_map": {"AutoTokenizer": ["evil.EvilTokenizer", "evil.EvilTokenizer"]}}, None),
    "attention by a kernel": ({"attn_implementation": "evil/kernel"}, None),
    "attention by a kernel, in private": ({"_attn_implementation": "evil/kernel@main:run"}, None),
    "attention by a kernel, deep inside": ({"_attn_implementation_internal": "evil/kernel"}, None),
    "attention by flash attention": ({"attn_implementation": "flash_attention_2"}, None),
    "experts by a kernel": ({"experts_implementation": "evil/kernel"}, None),
    "kernels asked for": ({"use_kernels": True, "kernel_config": {"kernel_mapping": {"Linear": "evil/k:Run"}}}, None),
    "quantised with kernels": ({"quantization_config": {"quant_method": "mxfp4"}}, "quantised by 'mxfp4', whose code"),
    "quantised in eight bits": ({"quantization_config": {"quant_method": "fbgemm_fp8"}}, "quantised by 'fbgemm_fp8'"),
    "quantised by its own code": ({"quantization_config": {"quant_method": "evil.Quant"}}, "quantised by 'evil.Quant'"),
    "a pipeline of its own": ({"custom_pipelines": {"text-classification": {"impl": "evil.EvilPipeline"}}}, None),
    "a precision that is a function": ({"dtype": "load", "torch_dtype": "hub.load"}, ""),
    "an architecture that is an expression": ({"architectures": ["__import__('canary_module')"]}, None),
    "an architecture that is a path": ({"model_type": "../../canary_module"}, ""),
    "pickled weights by another name": (
        {"transformers_weights": "training_args.bin"},
        "names 'training_args.bin' as its",
    ),
    "weights from elsewhere on this machine": (
        {"transformers_weights": "../../../../etc/passwd"},
        "as its weights, a pick",
    ),
}
"""What is put into `config.json`; and what the refusal says, None if the model loads, "" if it may do either."""

ADAPTERS = {
    "classes by name": ({"auto_mapping": {"base_model_class": "x", "parent_library": "canary_module"}}, ""),
    "a module by name": (
        {"megatron_config": {"x": 1}, "megatron_core": "canary_module"},
        "would load a module by name",
    ),
    "other adapters": ({"peft_type": "XLORA", "adapters": {"1": "evil/other"}}, "would load other adapters"),
    "a folder": ({"base_model_name_or_path": "/"}, "names a folder as its base model ('/')"),
    "nothing": ({"base_model_name_or_path": None}, "does not name its base model"),
    "itself": ({"base_model_name_or_path": "evil/adapter-itself"}, "is an adapter, too"),
}
"""The same for `adapter_config.json`."""


def do_explain(name, allow_pickle=False):
    """None, or the message of the refusal."""
    from hf_gradexplain import Explainer, GradexplainError

    try:
        Explainer.from_pretrained(name, allow_pickle=allow_pickle)("the film is bad", "signed_gi")
    except GradexplainError as error:
        return str(error)


def do_fine_tune(name, output_dir):
    from hf_gradexplain import GradexplainError
    from hf_gradexplain.commands.recipe_arguments import TrainRecipeArguments
    from hf_gradexplain.commands.train import run_training

    where = {"model_name_or_path": name, "dataset_name": f"{output_dir}/data.json", "output_dir": f"{output_dir}/out"}
    splits = {"train_split": "train[:2]", "eval_split": "train[2:]"}
    try:
        run_training(TrainRecipeArguments(**where, **splits, faithfulness_samples=0, num_train_epochs=1))
    except GradexplainError as error:
        return str(error)


def do_load_texts(name):
    from hf_gradexplain import GradexplainError
    from hf_gradexplain.corpus import load_texts, stream_texts

    messages = []
    for load in (load_texts, stream_texts):
        try:
            list(load(name))
        except GradexplainError as error:
            messages.append(str(error))
    return messages


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    information = folder / "kernels-0.18.2.dist-info"
    for path in (folder / "kernels", information):
        path.mkdir()
    (folder / "kernels" / "__init__.py").write_text(KERNELS)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: kernels\nVersion: 0.18.2\n")
    (information / "top_level.txt").write_text("kernels\n")
    (folder / "canary_module.py").write_text(TOUCH)
    return folder


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A harmless model, with code and pickles in its repository that must not be read."""
    folder = tmp_path_factory.mktemp("files")
    model, tokenizer = make("bert", dtype=torch.float32)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    model_files = {path.name: path.read_bytes() for path in folder.iterdir()}
    code = dict.fromkeys(
        ("evil.py", "setup.py", "__init__.py", "conftest.py", "custom_generate/generate.py"), CODE.encode()
    )
    pickles = dict.fromkeys(("training_args.bin", "optimizer.pt", "scheduler.pt", "rng_state.pth"), pickled())
    generation = {"generation_config.json": b'{"custom_generate": "evil/other"}', "requirements.txt": b"evil"}
    return model_files | code | pickles | generation | {"chat_template.jinja": TEMPLATE.encode()}


@pytest.fixture(scope="module")
def hub():
    with LoopbackHub() as hub:
        yield hub
    assert not hub.bugs


@pytest.fixture(scope="module")
def client(hub, folder, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    path = ":".join(map(str, (GUARD, ROOT, folder)))
    with Client(
        hub, home, PYTHONPATH=path, CANARY=str(folder / "canary"), DISABLE_SAFETENSORS_CONVERSION="0"
    ) as client:
        yield client
    assert left(home) == []


@pytest.fixture
def publish(hub, folder):
    """Put files into a repository; afterwards, check that no code ran and nothing else was requested."""
    names, start = [], len(hub.log)

    def publish(name, files, kind="model"):
        repo = hub.repos[kind, name] = Repo(kind, name)
        repo.commit("main", repo.branches["main"], {path: File(data) for path, data in files.items()}, "evil")
        names.append(name)
        return name

    yield publish
    ran = (folder / "canary").exists()
    (folder / "canary").unlink(missing_ok=True)
    assert not ran
    elsewhere = [path for _, path, *_ in hub.log[start:] if not any(name in path for name in names)]
    assert elsewhere == []


def without_weights(files):
    return {path: data for path, data in files.items() if not path.endswith(".safetensors")}


def changed(files, file, changes):
    return files | {file: json.dumps(json.loads(files[file]) | changes).encode()}


def check(refusal, expected):
    if expected is None:
        assert refusal is None
    else:
        assert expected in (refusal or "")


def test_the_traps_work(client, folder):
    """What the attacks would do leaves the canary."""
    canary = folder / "canary"
    for trap in (do_fetch_kernel, do_import, do_unpickle):
        client(trap, pickled().hex())
        assert canary.exists(), trap
        canary.unlink()


def do_fetch_kernel(_):
    from contextlib import suppress

    from transformers.integrations.hub_kernels import get_kernel

    with suppress(OSError):
        get_kernel("evil/kernel")


def do_import(_):
    import importlib

    importlib.import_module("canary_module")


def do_unpickle(data):
    pickle.loads(bytes.fromhex(data))


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_configuration_runs_nothing(client, publish, files, kind):
    changes, expected = CONFIGS[kind]
    name = publish("evil/" + "".join(filter(str.isalnum, kind)), changed(files, "config.json", changes))
    check(client(do_explain, name), expected)


@pytest.mark.parametrize(
    "changes",
    [
        {"auto_map": {"AutoTokenizer": ["evil.EvilTokenizer", None]}, "tokenizer_class": "EvilTokenizer"},
        {"auto_map": ["evil/other--evil.EvilTokenizer", None]},
        {"chat_template": TEMPLATE, "name_or_path": "evil/other", "tokenizer_file": "/etc/passwd"},
    ],
    ids=["own code", "code from elsewhere", "template"],
)
def test_a_tokenizer_runs_nothing(client, publish, files, changes, request):
    name = publish(
        f"evil/tokenizer-{request.node.callspec.id.replace(' ', '-')}", changed(files, "tokenizer_config.json", changes)
    )
    client(do_explain, name)


@pytest.mark.parametrize("make_pickle", [lambda folder: pickled(), torch_pickled], ids=["plain", "of torch"])
def test_pickled_weights_run_nothing_even_if_asked_for(client, publish, files, tmp_path, make_pickle, request):
    name = f"evil/pickle-{request.node.callspec.id[-5:].strip()}"
    publish(name, without_weights(files) | {"pytorch_model.bin": make_pickle(tmp_path)})
    assert "a pickle, which may run code" in client(do_explain, name)
    assert "cannot load" in client(do_explain, name, True)


def test_pickles_in_an_index_of_safe_weights_are_refused(client, publish, files, tmp_path):
    index = json.dumps({"metadata": {}, "weight_map": {"classifier.weight": "part.bin"}}).encode()
    weights = {"model.safetensors.index.json": index, "part.bin": torch_pickled(tmp_path)}
    publish("evil/index", without_weights(files) | weights)
    assert "it names 'part.bin' as its weights, a pickle" in client(do_explain, "evil/index")
    assert "cannot load" in client(do_explain, "evil/index", True)


@pytest.fixture(scope="module")
def adapter(tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapter")
    with warnings.catch_warnings(action="ignore", category=FutureWarning):  # peft asks transformers in an old way
        model = get_peft_model(make("bert", dtype=torch.float32)[0], LoraConfig(task_type="SEQ_CLS", r=2))
    model.save_pretrained(folder)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    return changed(files, "adapter_config.json", {"base_model_name_or_path": "evil/base"})


@pytest.mark.parametrize("kind", ADAPTERS)
def test_an_adapter_runs_nothing(client, publish, files, adapter, kind):
    changes, expected = ADAPTERS[kind]
    publish("evil/base", files)
    name = publish(f"evil/adapter-{kind.replace(' ', '-')}", changed(adapter, "adapter_config.json", changes))
    check(client(do_explain, name), expected)


def test_an_adapter_beside_its_model_in_a_folder_runs_nothing(client, files, adapter, folder, tmp_path):
    changes, expected = ADAPTERS["a module by name"]
    for path, data in (files | changed(adapter, "adapter_config.json", changes)).items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(data)
    assert expected in client(do_explain, str(tmp_path))
    assert not (folder / "canary").exists()


def test_an_adapter_that_is_a_pickle_is_refused(client, publish, files, adapter, tmp_path):
    publish("evil/base", files)
    publish("evil/adapter-pickle", without_weights(adapter) | {"adapter_model.bin": torch_pickled(tmp_path)})
    assert "the weights of the adapter are a pickle" in client(do_explain, "evil/adapter-pickle")
    assert "cannot load" in client(do_explain, "evil/adapter-pickle", True)


@pytest.mark.parametrize("kind", ["own code", "code from elsewhere", "attention by a kernel", "quantised with kernels"])
def test_fine_tuning_runs_nothing(client, publish, files, kind, tmp_path):
    changes, expected = CONFIGS[kind]
    rows = [{"text": text, "label": label} for text, label in (("good", "a"), ("bad", "b")) * 2]
    (tmp_path / "data.json").write_text(json.dumps(rows))
    name = publish("evil/tune-" + "".join(filter(str.isalnum, kind)), changed(files, "config.json", changes))
    check(client(do_fine_tune, name, str(tmp_path)), expected)


DATA = b'{"text": "a film", "label": 0}\n'


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"script.py": TOUCH.encode(), "test.jsonl": DATA}, None),
        ({"data.py": TOUCH.encode(), "test.jsonl": DATA}, "scripts are no longer supported"),
        ({"test.pkl": pickled()}, "cannot load the dataset"),
        ({"path: hf://datasets/evil/other/x.parquet": b""}, "names data files elsewhere ('hf://datasets/evil/other"),
        ({"path: https://evil.example/x.parquet": b""}, "names data files elsewhere ('https://evil.example"),
        ({"path: ../other/x.parquet": b""}, "names data files elsewhere ('../other/x.parquet')"),
        ({"path: /etc/passwd": b""}, "names data files elsewhere ('/etc/passwd')"),
    ],
    ids=["a stray script", "a script", "a pickle", "another repository", "another host", "a folder up", "this machine"],
)
def test_a_dataset_runs_no_code_and_refers_to_no_other_server(hub, client, publish, files, message, request):
    path = next((name for name in files if name.startswith("path: ")), None)
    if path is not None:
        card = f"---\nconfigs:\n- config_name: default\n  data_files:\n  - split: test\n    {path}\n---\n"
        files = {"README.md": card.encode(), "test.jsonl": DATA}
    name = publish(f"evil{request.node.callspec.id.replace(' ', '')}/data", files, "dataset")
    messages = client(do_load_texts, name)
    assert len(messages) == (0 if message is None else 2)
    assert all(message in said for said in messages)
