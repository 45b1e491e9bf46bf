"""Models, adapters, tokenizers and datasets by name. `do_` functions run in a client's process."""

import json
import time

import pyarrow.parquet as pq
import pytest
import torch

from tests.hub.client import Client, left
from tests.hub.loopback_hub import TOKEN, LoopbackHub

OTHER = "hf_othertoken"
WORDS = "the film is bad and the music is good"


def do_push():
    """Push what the tests load."""
    import io

    from datasets import ClassLabel, Dataset, Features, Value
    from huggingface_hub import HfApi
    from peft import LoraConfig, get_peft_model

    from tests.helpers.tiny import make

    api = HfApi()

    def push(name, seed, private=False, revision="main"):
        model, tokenizer = make("bert", dtype=torch.float32, seed=seed)
        if private:
            api.create_repo(name, private=True)
        model.push_to_hub(name, revision=revision)
        tokenizer.push_to_hub(name, revision=revision)
        return model, tokenizer

    push("me/model", 0)
    push("me/model", 1, revision="draft")
    push("me/private", 2, private=True)
    push("me/gated", 3)
    model, tokenizer = push("me/base", 4)
    head = torch.nn.Linear(model.config.hidden_size, 5)
    model.classifier, model.config.num_labels = head, 5
    lora = LoraConfig(task_type="SEQ_CLS", r=2, init_lora_weights=False, base_model_name_or_path="me/base")
    model.name_or_path = "me/base"
    adapted = get_peft_model(model, lora).eval()
    adapted.push_to_hub("me/adapter")
    api.create_tag("me/adapter", tag="v1")
    logits = adapted(**tokenizer(WORDS, return_tensors="pt")).logits.tolist()
    pickled, tokenizer = make("bert", dtype=torch.float32, seed=5)
    api.create_repo("me/pickled")
    pickled.config.push_to_hub("me/pickled")
    tokenizer.push_to_hub("me/pickled")
    buffer = io.BytesIO()
    torch.save(pickled.state_dict(), buffer)
    api.upload_file(path_or_fileobj=buffer.getvalue(), path_in_repo="pytorch_model.bin", repo_id="me/pickled")
    features = Features({"text": Value("string"), "label": ClassLabel(names=["LABEL_0", "LABEL_1", "LABEL_2"])})
    for texts in (["the film is bad"], [WORDS, "a bad film"]):
        Dataset.from_dict({"text": texts, "label": [1] * len(texts)}, features).push_to_hub("me/data", split="test")
    return logits


def do_explain(name, revision=None, allow_pickle=False):
    """The logits' probabilities and what was read; or the message of the refusal."""
    from hf_gradexplain import Explainer, GradexplainError
    from hf_gradexplain.hub.provenance import commits

    try:
        explainer = Explainer.from_pretrained(name, revision=revision, allow_pickle=allow_pickle)
    except GradexplainError as error:
        return str(error)
    return {"probabilities": explainer(WORDS).probabilities.tolist(), **commits(explainer.provenances)}


def do_load_texts(name, revision=None):
    from hf_gradexplain import GradexplainError
    from hf_gradexplain.corpus import load_texts

    try:
        return load_texts(name, revision=revision)["text"][:]
    except GradexplainError as error:
        return str(error)


def do_evaluate(output_dir):
    from hf_gradexplain.commands.evaluate import run_evaluation
    from hf_gradexplain.commands.recipe_arguments import EvaluateRecipeArguments

    names = {"model_name_or_path": "me/adapter", "dataset_name": "me/data", "methods": ["random", "signed_gi"]}
    run_evaluation(EvaluateRecipeArguments(output_dir=output_dir, model_revision="v1", **names))


def do_run_cli(*argv):
    """The exit code and what was printed."""
    from contextlib import redirect_stdout
    from io import StringIO

    from hf_gradexplain.cli import main

    with redirect_stdout(StringIO()) as printed:
        return main(argv), printed.getvalue()


def do_explain_texts(output_dir):
    from hf_gradexplain.commands.explain import run_explanation
    from hf_gradexplain.commands.recipe_arguments import ExplainRecipeArguments

    names = {"model_name_or_path": "me/model", "model_revision": "draft", "dataset_name": "me/data"}
    run_explanation(ExplainRecipeArguments(output_dir=output_dir, methods=["signed_gi"], **names))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def hub():
    with LoopbackHub() as hub:
        hub.users[OTHER] = {"name": "you", "orgs": []}
        yield hub
    assert not hub.bugs


@pytest.fixture(scope="module")
def client(hub, home):
    """With the conversion of pickled weights left on, as users have it."""
    with Client(hub, home, DISABLE_SAFETENSORS_CONVERSION="0") as client:
        client.logits = client(do_push)
        yield client
    assert left(home) == []


@pytest.fixture(scope="module")
def stranger(hub, client, tmp_path_factory):
    home = tmp_path_factory.mktemp("stranger")
    with Client(hub, home, HF_TOKEN=OTHER) as stranger:
        yield stranger
    assert left(home) == []


@pytest.fixture(scope="module")
def offline(hub, client, home):
    """The first user again, later and without a network."""
    client(do_explain, "me/model")
    client(do_explain, "me/adapter", "v1")
    client(do_load_texts, "me/data")
    with Client(hub, home, HF_HUB_OFFLINE="1") as offline:
        yield offline


def head_of(hub, name, revision="main", kind="model"):
    return f"{name}@{hub.repos[kind, name].branches[revision]}"


def test_what_was_read_is_the_commit_that_the_revision_meant(hub, client):
    main, draft = client(do_explain, "me/model"), client(do_explain, "me/model", "draft")
    assert main["model"] == head_of(hub, "me/model")
    assert draft["model"] == head_of(hub, "me/model", "draft")
    assert main["probabilities"] != draft["probabilities"]
    assert client(do_explain, "me/model", draft["model"].partition("@")[2]) == draft
    assert "has no revision 'v9': give a branch, tag or commit" in client(do_explain, "me/model", "v9")


def test_a_private_model_loads_for_its_owner_only(hub, client, stranger):
    assert client(do_explain, "me/private")["model"] == head_of(hub, "me/private")
    assert "no model 'me/private' on the hub that you can access" in stranger(do_explain, "me/private")
    assert "if it is private, log in (hf auth login, or HF_TOKEN)" in stranger(do_explain, "me/private")


def test_a_gated_model_says_how_to_get_in(hub, stranger):
    hub.repos["model", "me/gated"].readers = ["me"]
    assert "'me/gated' is gated: ask for access on its hub page" in stranger(do_explain, "me/gated")
    hub.repos["model", "me/gated"].readers += ["you"]
    assert stranger(do_explain, "me/gated")["model"] == head_of(hub, "me/gated")


def test_an_adapter_is_put_onto_its_model_with_its_own_head(hub, client):
    result = client(do_explain, "me/adapter", "v1")
    assert (result["model"], result["base model"]) == (head_of(hub, "me/adapter"), head_of(hub, "me/base"))
    expected = torch.tensor(client.logits).softmax(-1)[0].tolist()
    assert result["probabilities"] == pytest.approx(expected, rel=1e-4)


def test_pickled_weights_are_read_when_asked_for_and_nothing_is_converted(hub, client):
    refused = client(do_explain, "me/pickled")
    assert "no weights in .safetensors; weights in .bin would be a pickle, which may run code" in refused
    assert "allow it with allow_pickle (--allow_pickle)" in refused
    result = client(do_explain, "me/pickled", None, True)
    assert result["model"] == head_of(hub, "me/pickled")
    time.sleep(0.5)  # a conversion would be asked for in a thread
    assert not [
        path for _, path, *_ in hub.log if "discussions" in path or ("me/pickled" in path and "commits" in path)
    ]


def test_the_command_line_takes_the_flags(hub, client):
    assert client(do_run_cli, "explain", "me/pickled", WORDS, "--format", "quiet")[0] == 1
    code, printed = client(do_run_cli, "explain", "me/pickled", WORDS, "--format", "json", "--allow_pickle")
    assert (code, json.loads(printed)["commits"]) == (0, {"model": head_of(hub, "me/pickled")})
    assert client(do_run_cli, "doctor", "me/pickled", "--format", "json")[0] == 1


def first_of(hub, name):
    """Return the first commit of a dataset that has a card."""
    commits = hub.repos["dataset", name].commits.items()
    return next(oid for oid, commit in commits if "README.md" in commit.files)


def test_data_sets_are_read_at_their_revision(hub, client):
    assert client(do_load_texts, "me/data") == [WORDS, "a bad film"]
    assert client(do_load_texts, "me/data", first_of(hub, "me/data")) == ["the film is bad"]


def test_offline_what_was_fetched_is_found_and_the_rest_refused_at_once(hub, client, offline):
    names, revisions = (("me/model",), ("me/adapter", "v1")), ((), (first_of(hub, "me/data"),))
    online, texts = (
        [client(do_explain, *name) for name in names],
        [client(do_load_texts, "me/data", *r) for r in revisions],
    )
    assert texts == [[WORDS, "a bad film"], ["the film is bad"]]
    requests = len(hub.log)
    assert [offline(do_explain, *name) for name in names] == online
    assert offline(do_load_texts, "me/data") == [WORDS, "a bad film"]
    assert offline(do_load_texts, "me/data", first_of(hub, "me/data")) == ["the film is bad"]
    assert offline(do_load_texts, "me/data") == [WORDS, "a bad film"]
    started = time.monotonic()
    refused = [offline(do_explain, "me/never"), offline(do_load_texts, "me/never")]
    refused += [offline(do_explain, "me/model", "v9"), offline(do_load_texts, "me/data", "0" * 40)]
    assert time.monotonic() - started < 5
    assert "offline, and the model 'me/never' is not in the cache: go online once (unset HF_HUB_OFFLINE)" in refused[0]
    assert "offline, and the dataset 'me/never' is not in the cache" in refused[1]
    assert "offline, and the model 'me/model' at 'v9' is not in the cache" in refused[2]
    assert "offline, and the dataset 'me/data' is cached at the commit" in refused[3]
    assert len(hub.log) == requests


def test_every_result_names_its_commits(hub, client, tmp_path):
    client(do_evaluate, str(tmp_path))
    expected = {
        "model": head_of(hub, "me/adapter"),
        "base model": head_of(hub, "me/base"),
        "dataset": head_of(hub, "me/data", kind="dataset"),
    }
    assert json.loads((tmp_path / "results.json").read_text())["inputs"]["commits"] == expected
    file = min((tmp_path / "documents").iterdir())
    assert json.loads(pq.read_schema(file).metadata[b"commits"]) == expected
    assert TOKEN not in "".join(path.read_text(errors="ignore") for path in tmp_path.rglob("*") if path.is_file())


def test_explained_texts_name_them_as_well(hub, client, tmp_path):
    client(do_explain_texts, str(tmp_path))
    expected = {"model": head_of(hub, "me/model", "draft"), "dataset": head_of(hub, "me/data", kind="dataset")}
    for line in (tmp_path / "explanations.jsonl").read_text().splitlines():
        assert json.loads(line)["commits"] == expected
    assert all(commit in (tmp_path / "explanations.html").read_text() for commit in expected.values())
