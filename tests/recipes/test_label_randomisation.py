"""The recipe that trains on permuted labels, on a tiny dataset."""

import re
from dataclasses import replace

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features, Value
from scipy import stats

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.training.train import train
from recipes import label_randomisation
from recipes.label_randomisation import LabelRandomisationArguments, compare_labels, permuted_labels, train_again
from tests.helpers.forked import run

WORDS = np.array(["war", "peace", "vote", "law", "ball", "game", "cup", "goal"])


@pytest.fixture
def arguments(tmp_path):
    features = Features({"text": Value("string"), "label": ClassLabel(names=["World", "Sports"])})
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.permutation(WORDS)[:5]) for _ in range(24)]
    rows = Dataset.from_dict({"text": texts, "label": [i % 2 for i in range(24)]}, features)
    for split in ("train", "test"):
        rows.to_parquet(tmp_path / "data" / f"{split}.parquet")
    return LabelRandomisationArguments(
        dataset_name=str(tmp_path / "data"),
        output_dir=str(tmp_path / "out"),
        model_type="fasttext",
        config_overrides="hidden_size=4",
        num_train_epochs=2,
        methods=("loo", "signed_gi"),
        explained_samples=8,
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"methods": ("lo",)}, "unknown method 'lo': did you mean 'loo'"),
        ({"explained_samples": 0}, "explained_samples must be a number of texts, 1 or larger, but is 0"),
        ({"task": "reward"}, "permuted labels need a classifier, not a reward: leave out --task"),
        ({"push_to_hub": True}, "the models are not saved: leave out --push_to_hub and --remote_code"),
        ({"remote_code": True}, "the models are not saved: leave out --push_to_hub and --remote_code"),
        ({"seed": -1.5}, "seed must be a whole number"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_any_training(given, message, arguments):
    with pytest.raises(GradexplainError, match=f"^{message}"):
        replace(arguments, **given)


def test_a_folder_that_cannot_be_written_to_is_refused_before_any_training(tmp_path):
    (tmp_path / "file").touch()
    told = ["--dataset_name", "d", "--model_type", "fasttext", "--output_dir", str(tmp_path / "file")]
    ended = run("recipes/label_randomisation.py", *told)
    assert ended.returncode == 1
    assert re.fullmatch(r"error: cannot write to .*: give another --output_dir\n", ended.stderr)


def test_the_labels_of_the_rows_are_permuted_and_nothing_else():
    features = Features({"text": Value("string"), "label": ClassLabel(names=["a", "b", "c"])})
    rows = Dataset.from_dict({"text": list("uvwxyz"), "label": [0, 1, 2, 0, 1, 2]}, features)
    permuted = permuted_labels(rows, 1)
    assert permuted.features == rows.features
    assert permuted["text"][:] == rows["text"][:]
    assert sorted(permuted["label"]) == sorted(rows["label"])
    assert permuted["label"][:] != rows["label"][:]
    assert permuted_labels(rows, 1)["label"][:] == permuted["label"][:]


def test_both_models_are_compared_with_that_of_the_labels(arguments, monkeypatch):
    made = []

    def remember(*given):
        made.append((train_again(*given), given))
        return made[-1][0]

    monkeypatch.setattr(label_randomisation, "train_again", remember)
    monkeypatch.setattr(label_randomisation, "train", lambda given: made.append(train(given)) or made[-1])
    table = compare_labels(arguments)
    trained, (permuted, its), (same, others) = made
    assert its[0].seed == others[0].seed == arguments.seed + 1
    assert its[2]["label"][:] == permuted_labels(trained.train_rows, 0)["label"][:] != others[2]["label"][:]
    first = label_randomisation.Explainer(trained.model, trained.tokenizer)
    texts = trained.eval_rows["text"][:8]
    classes = [each.prediction for each in first(texts, "random")]
    scores = {
        name: model(texts, arguments.methods, labels=classes)
        for name, model in (("first", first), ("permuted labels", permuted), ("same labels", same))
    }
    for row in table.itertuples():
        pairs = zip(scores["first"], scores[row.model], strict=True)
        r = [stats.spearmanr(a.scores[row.method], b.scores[row.method]).statistic for a, b in pairs]
        assert row.median == pytest.approx(np.median(r), abs=1e-6)
        assert (row.low, row.high) == pytest.approx(tuple(np.percentile(r, (10, 90))), abs=1e-6)
    assert table[["method", "model"]].to_numpy().tolist() == [
        ["loo", "permuted labels"],
        ["signed_gi", "permuted labels"],
        ["loo", "same labels"],
        ["signed_gi", "same labels"],
    ]
