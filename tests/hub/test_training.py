"""What `recipes/train.py` pushes, and who can load it. `do_` functions run in a client's process."""

import json

import pytest
from huggingface_hub import ModelCard

from tests.helpers import forked
from tests.hub.client import ROOT, Client, environment, left
from tests.hub.loopback_hub import TOKEN, LoopbackHub

TEXTS = [f"the film is {word} {end}" for word in ("good", "bad", "fine", "poor") for end in "abc"]
FILES = {"README.md", "aopc.png", "card.json", "config.json", "model.safetensors"}
FILES |= {".gitattributes", "tokenizer.json", "tokenizer_config.json"}
CODE = {"configuration_textcnn.py", "modeling_textcnn.py"}
SMALL = "num_filters=4,hidden_size=8"

BARE = """
import json, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "hf_gradexplain":
            raise ModuleNotFoundError(name)

assert "hf_gradexplain" not in sys.modules
sys.meta_path.insert(0, Absent())
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline
name, texts = sys.argv[1], json.loads(sys.argv[2])
tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
try:
    AutoModelForSequenceClassification.from_pretrained(name, trust_remote_code=False)
except ValueError as error:
    refusal = str(error)
model = AutoModelForSequenceClassification.from_pretrained(name, trust_remote_code=True)
logits = model(**tokenizer(texts, padding=True, return_tensors="pt")).logits.tolist()
answers = pipeline("text-classification", model=name, trust_remote_code=True)(texts)
print(json.dumps([refusal, type(model).__module__, logits, [answer["label"] for answer in answers]]))
"""


def do_push_data():
    from datasets import ClassLabel, Dataset, Features, Value
    from huggingface_hub import HfApi

    features = Features({"text": Value("string"), "label": ClassLabel(names=["pos", "neg"])})
    HfApi().create_repo("me/reviews", repo_type="dataset", private=True)
    for split in ("train", "test"):
        rows = {"text": TEXTS, "label": [int("bad" in text or "poor" in text) for text in TEXTS]}
        Dataset.from_dict(rows, features).push_to_hub("me/reviews", split=split)


def do_push_base():
    import torch

    from tests.helpers.tiny import make

    for part in make("bert", dtype=torch.float32):
        part.push_to_hub("me/base")


def do_train(arguments):
    """Train; return None, or the error message."""
    from hf_gradexplain import GradexplainError
    from hf_gradexplain.commands.recipe_arguments import TrainRecipeArguments
    from hf_gradexplain.commands.train import run_training

    try:
        run_training(TrainRecipeArguments(**arguments))
    except GradexplainError as error:
        return str(error)


def do_train_without(what, arguments):
    """Train offline, or without a token."""
    from unittest.mock import patch

    if what == "network":
        with patch("huggingface_hub.constants.HF_HUB_OFFLINE", True):
            return do_train(arguments)
    with patch("hf_gradexplain.hub.push.get_token", lambda: None):
        return do_train(arguments)


def do_train_impatiently(arguments):
    from unittest.mock import patch

    with patch("hf_gradexplain.hub.push.WAITS", (0.01,)):
        return do_train(arguments)


def do_load(name):
    """The logits of the texts, and the answers of a pipeline and of an explainer, by name."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

    import hf_gradexplain

    inputs = AutoTokenizer.from_pretrained(name)(TEXTS, padding=True, return_tensors="pt")
    model = AutoModelForSequenceClassification.from_pretrained(name)
    answers = pipeline("text-classification", model=name)(TEXTS)
    explanation = hf_gradexplain.explain(name, TEXTS[0])
    labels = [answer["label"] for answer in answers]
    return type(model).__module__, model(**inputs).logits.tolist(), labels, explanation.prediction_label


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    (home / "token").write_text(TOKEN)
    return home


@pytest.fixture(scope="module")
def hub():
    with LoopbackHub() as hub:
        yield hub
    assert not hub.bugs


@pytest.fixture(scope="module")
def client(hub, home):
    with Client(hub, home) as client:
        client(do_push_data)
        yield client
    assert left(home) == []


def options(output_dir, **more):
    """Arguments of a training that learns everything in a second."""
    pace = {"learning_rate": 0.05, "num_train_epochs": 10, "per_device_train_batch_size": 4}
    where = {"dataset_name": "me/reviews", "output_dir": str(output_dir)}
    if "model_name_or_path" not in more:
        where |= {"model_type": "textcnn", "config_overrides": SMALL, "min_count": 1}
    return {**where, **pace, "faithfulness_samples": 6, **more}


@pytest.fixture(scope="module")
def pushed(hub, home, client, tmp_path_factory):
    """What the recipe leaves here and there; the token is in the cache alone, as after `hf auth login`."""
    folder = tmp_path_factory.mktemp("out")
    arguments = options(folder / "model", push_to_hub=True, remote_code=True)
    arguments |= {"hub_model_id": "me/textcnn", "hub_private_repo": True}
    flags = [f"--{name}={value}" for name, value in arguments.items()]
    without_token = {name: value for name, value in environment(hub, home).items() if name != "HF_TOKEN"}
    run = forked.run("recipes/train.py", *flags, env=without_token, cwd=ROOT)
    assert run.returncode == 0, run.stderr
    return run, folder, hub.repos["model", "me/textcnn"]


def test_the_recipe_pushes_one_commit_with_everything(hub, pushed):
    run, _, repo = pushed
    head = repo.at("main")
    assert json.loads(run.stdout)["accuracy"] == 1.0
    assert set(head.files) == FILES | CODE
    assert (repo.private, repo.at(head.parent).parent) == (True, None)
    assert run.stderr.splitlines()[-1] == f"Pushed: {hub.url}/me/textcnn/tree/{head.oid}"


def test_the_card_names_data_revision_results_and_explanations(hub, pushed):
    card = ModelCard(pushed[2].at("main").files["README.md"].data.decode())
    assert card.data.datasets == ["me/reviews"]
    (accuracy, _) = card.data.eval_results
    assert accuracy.dataset_revision == hub.repos["dataset", "me/reviews"].branches["main"]
    assert (accuracy.dataset_split, accuracy.metric_value) == ("test", 1.0)
    assert 'pipeline("text-classification", model="me/textcnn", trust_remote_code=True)' in card.text
    for method in ("signed_gi", "loo", "random"):
        assert f"| {method} | " in card.text
    assert "measured on 6 texts of the split test" in card.text
    assert not any(text in card.content for text in TEXTS), "texts of the dataset are on a card only if requested"


def test_it_loads_by_name_after_one_import(client, pushed):
    module, _, labels, explained = client(do_load, "me/textcnn")
    assert module == "hf_gradexplain.models.textcnn.modeling_textcnn"
    assert labels == ["pos"] * 3 + ["neg"] * 3 + ["pos"] * 3 + ["neg"] * 3
    assert explained == "pos"


def test_it_loads_without_this_package_by_its_own_code(hub, home, client, pushed, tmp_path):
    (tmp_path / "bare.py").write_text(BARE)
    run = forked.run(tmp_path / "bare.py", "me/textcnn", json.dumps(TEXTS), env=environment(hub, home), cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    refusal, module, logits, labels = json.loads(run.stdout.splitlines()[-1])
    assert "trust_remote_code=True" in refusal
    assert module.startswith("transformers_modules.")
    _, expected, expected_labels, _ = client(do_load, "me/textcnn")
    assert (logits, labels) == (expected, expected_labels)


def test_a_push_without_code_removes_it_and_the_card_names_the_missing_line(hub, client, pushed, tmp_path):
    before = pushed[2].at("main")
    more = {"hub_model_id": "textcnn", "hub_private_repo": False, "faithfulness_samples": 0, "data_examples": 2}
    assert client(do_train, options(tmp_path, push_to_hub=True, **more)) is None
    head = hub.repos["model", "me/textcnn"].at("main")
    assert set(head.files) == FILES - {"aopc.png"}
    assert head.parent == before.oid
    card = ModelCard(head.files["README.md"].data.decode())
    assert "import hf_gradexplain  # registers textcnn with transformers" in card.text
    assert "Without `import hf_gradexplain`, transformers does not know the architecture textcnn" in card.text
    assert [entry["text"] for entry in card.data.widget] == TEXTS[:2]
    assert "auto_map" not in json.loads(head.files["config.json"].data)
    assert client(do_load, "me/textcnn")[2][:4] == ["pos", "pos", "pos", "neg"]


def test_a_failed_push_keeps_the_local_model_and_says_how_to_push_it(hub, client, tmp_path):
    hub.faults.append(["POST .*/me/unlucky/commit/", 503, 9])
    refusal = client(
        do_train_impatiently, options(tmp_path, push_to_hub=True, hub_model_id="unlucky", hub_private_repo=True)
    )
    assert "cannot push to 'me/unlucky'" in refusal
    assert f"Nothing is lost: the model is in {tmp_path}, and `hf upload me/unlucky {tmp_path} --private`" in refusal
    assert {path.name for path in tmp_path.iterdir()} == FILES - {".gitattributes"}
    assert set(hub.repos["model", "me/unlucky"].at("main").files) == {".gitattributes"}


def test_a_fine_tuned_model_names_its_base_and_its_commit(hub, client, tmp_path):
    client(do_push_base)
    tuned = options(tmp_path, model_name_or_path="me/base", push_to_hub=True, hub_model_id="tuned", license="mit")
    assert client(do_train, tuned) is None
    files = hub.repos["model", "me/tuned"].at("main").files
    card = ModelCard(files["README.md"].data.decode())
    assert (card.data.base_model, card.data.license) == ("me/base", "mit")
    assert f"fine-tuned from me/base (commit {hub.repos['model', 'me/base'].branches['main']})" in card.text
    assert "The probability is computed at k = 1, 2, 3, 5, 10, 20, 50" in " ".join(card.text.split())
    assert not [name for name, file in files.items() if str(tmp_path).encode() in file.data]
    assert client(do_load, "me/tuned")[0].startswith("transformers.models.bert.")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"hub_model_id": "me/a b"}, "'me/a b' is not a repository name (owner/name"),
        ({"hub_model_id": "you/x"}, "the token cannot write to 'you/x'"),
        ({"hub_model_id": "x", "without": "network"}, "cannot push to 'x' while offline: unset HF_HUB_OFFLINE"),
        ({"hub_model_id": "x", "without": "token"}, "pushing to 'x' needs a token: log in with `hf auth login`"),
        ({"push_to_hub": False, "hub_model_id": "x"}, "hub_model_id needs push_to_hub"),
    ],
)
def test_the_destination_is_checked_before_the_training(hub, client, tmp_path, more, message):
    arguments = options(tmp_path / "out", **{"push_to_hub": True, **more})
    arguments["dataset_name"] = "me/nothing"  # which would be the first to fail
    without = arguments.pop("without", None)
    refusal = client(do_train_without, without, arguments) if without else client(do_train, arguments)
    assert message in refusal
    assert not (tmp_path / "out").exists()


def test_no_token_is_anywhere(hub, home, pushed, client):
    """The token was in the cache and in the environment."""
    run, folder, _ = pushed
    written = [path for path in (*folder.rglob("*"), *home.rglob("*")) if path.is_file() and path != home / "token"]
    files = [file for repo in hub.repos.values() for commit in repo.commits.values() for file in commit.files.items()]
    contents = [path.read_bytes() for path in written] + [file.data for _, file in files]
    assert TOKEN not in run.stdout + run.stderr
    assert not [content for content in contents if TOKEN.encode() in content]
    assert not [name for name, _ in files if name.endswith((".bin", ".pt"))], "training arguments hold the token"
