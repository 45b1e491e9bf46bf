"""The suspicious words of a run, judged on texts that it did not read: against the closed form of the model."""

import json

import numpy as np
import pandas as pd
import pytest
from datasets import ClassLabel, Dataset, Features, Value

from benchmarks import fresh_texts
from hf_gradexplain.commands.evaluate import run_evaluation
from hf_gradexplain.commands.recipe_arguments import EvaluateRecipeArguments
from hf_gradexplain.run.folder import document_paths
from tests.helpers.moving_words import NEUTRAL, closed_form, moving_explainer, texts_with_signs

FEATURES = Features({"text": Value("string"), "label": ClassLabel(names=["no", "yes"])})
PLAIN = [*["flag"] * 7, *NEUTRAL[:3]]
"""What stands for ordinary words: most of them flip texts to `yes`, and none to `no`."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a model, a dataset, and a finished run over half of its test texts."""
    folder = tmp_path_factory.mktemp("fresh")
    for part in (moving_explainer().model, moving_explainer().tokenizer):
        part.save_pretrained(folder / "model")
    texts = texts_with_signs(200)
    for split, some in (("train", texts[:4]), ("test", texts)):
        rows = Dataset.from_dict({"text": some, "label": [number % 2 for number in range(len(some))]}, FEATURES)
        rows.to_parquet(folder / "data" / f"{split}.parquet")
    run_evaluation(
        EvaluateRecipeArguments(
            model_name_or_path=str(folder / "model"),
            dataset_name=str(folder / "data"),
            methods=("signed_gi",),
            max_samples=120,
            target="predicted",
            random_orders=0,
            output_dir=str(folder / "run"),
        )
    )
    return folder


def shares(word, texts):
    """The share of the texts of the other class that a word flips to each class; it may stand at any place."""
    before, after = (
        [np.argmax(closed_form(text)) for text in some] for some in (texts, [f"{word} {t}" for t in texts])
    )
    pairs = list(zip(before, after, strict=True))
    return [np.mean([now == c for was, now in pairs if was != c]) for c in (0, 1)]


def test_listed_words_are_judged_on_texts_that_were_not_audited(folder, monkeypatch, capsys):
    audited = set(pd.concat([pd.read_parquet(path) for path in document_paths(folder / "run")])["text"])
    fresh = [text for text in texts_with_signs(200) if text not in audited]
    assert len(fresh) == 80
    plain = []
    monkeypatch.setattr(fresh_texts, "ORDINARY", len(PLAIN))
    monkeypatch.setattr(fresh_texts, "ordinary_words", lambda rows, n_classes: plain.append(rows) or PLAIN)
    flags = ["--dataset_name", str(folder / "data"), "--n", "80", "--output", str(folder / "checked.json")]
    monkeypatch.setattr("sys.argv", ["fresh_texts", str(folder / "run"), *flags])
    fresh_texts.main()
    assert [len(rows) for rows in plain] == [4]  # the training split
    ordinary = [shares(word, fresh) for word in PLAIN]
    checked = json.loads((folder / "checked.json").read_text())
    assert {("flag", 1), ("trap", 0)} <= {(word["word"], word["target"]) for word in checked}
    assert {(word["word"], word["false"]) for word in checked} >= {("flag", True), ("trap", False)}
    for word in checked:
        flips, of_ordinary = shares(word["word"], fresh)[word["target"]], [each[word["target"]] for each in ordinary]
        assert word["flips"] == pytest.approx(flips)
        assert word["false"] == (flips <= sum(sorted(of_ordinary)[4:6]) / 2 + 0.03)
        assert word["alike"] == (sum(other >= flips for other in of_ordinary) >= 0.05 * len(PLAIN))
    printed, false = capsys.readouterr().out, sum(word["false"] for word in checked)
    assert f"{len(checked)} words on the list; ordinary words flip {np.mean(ordinary):.2%}" in printed
    assert f"| false discoveries | {false} of {len(checked)} |" in printed
    assert f"| like ordinary words | {sum(word['alike'] for word in checked)} of {len(checked)} |" in printed
