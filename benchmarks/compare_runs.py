"""Measure how often a comparison with reference seeds finds a planted word, and how often it is a false alarm.

    python -m benchmarks.compare_runs --dataset_name fancyzhx/ag_news --output_dir /tmp/compare_runs

A *clean* training differs from others only in its seed. In a *planted* training, an ordinary word (a different one each
time) is inserted into a share of the training texts of one class. All models explain the same unchanged test texts. Run
A and three reference runs are clean. Run B is either planted, so that the word should be found, or clean, so that
nothing should be found.

- *alarm*: how often any word is reported as moved; *drift*: how often the explanations are reported to have changed
  more than another seed changes them. Both are false, because the clean run B is just another seed.
- *found*: how often the planted word is among the moved words; *others*: the mean number of other moved words; *texts*:
  the number of test texts with the word.

Each run has a folder in `--output_dir`. The same command resumes a stopped benchmark.
"""

import argparse
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
from datasets import Dataset
from scipy import stats
from transformers import set_seed
from transformers.utils import logging

from hf_gradexplain import Explainer, compare_runs
from hf_gradexplain.audit.compare.result import RunComparison
from hf_gradexplain.corpus import load_texts
from hf_gradexplain.training.arguments import TrainArguments
from hf_gradexplain.training.start import new_model
from hf_gradexplain.training.task import infer_task
from hf_gradexplain.training.train import fit

REFERENCES = 3
"""Reference runs of a comparison, beside A."""

METHODS = ("loo", "signed_gi")
LEARNING_RATES = {"fasttext": 2e-2, "textcnn": 5e-3}


def ordinary_words(texts: list[str], labels: list[int], n: int, seed: int) -> list[str]:
    """Return words of 2 to 6 % of the texts, at most half of them of one class, in random order."""
    counts: dict[str, list[int]] = {}
    for text, label in zip(texts, labels, strict=True):
        for word in {word for word in text.lower().split() if word.isalpha() and len(word) > 3}:
            counts.setdefault(word, [0] * (max(labels) + 1))[label] += 1
    ordinary = [
        word
        for word, by_class in sorted(counts.items())
        if 0.02 <= sum(by_class) / len(texts) <= 0.06 and max(by_class) <= sum(by_class) / 2
    ]
    return Random(seed).sample(ordinary, n)


def plant(rows: Dataset, word: str, label: int, share: float, seed: int) -> Dataset:
    """Insert the word at a random place of a share of the texts of a class."""
    rng, texts = Random(seed), []
    for text, own in zip(rows["text"], rows["label"], strict=True):
        words = text.split(" ")
        if own == label and rng.random() < share:
            words.insert(rng.randrange(len(words) + 1), word)
        texts.append(" ".join(words))
    return rows.remove_columns("text").add_column("text", texts)


def make_run(folder: Path, train_rows: Dataset, test_rows: Dataset, seed: int, arguments: argparse.Namespace) -> None:
    """Train a model and evaluate its explanations of the test texts, unless the run is finished."""
    if (folder / "results.json").exists():
        return
    settings = TrainArguments(
        dataset_name=arguments.dataset_name,
        output_dir=str(folder),
        model_type=arguments.model_type,
        seed=seed,
        config_overrides="hidden_size=50,num_filters=50" if arguments.model_type == "textcnn" else None,
        learning_rate=LEARNING_RATES[arguments.model_type],
        num_train_epochs=arguments.epochs,
    )
    task = infer_task(train_rows, test_rows)
    set_seed(seed)
    model, tokenizer = new_model(settings, task, train_rows)
    metrics = fit(model, tokenizer, task, train_rows, test_rows, settings)
    print(folder.name, metrics, flush=True)
    Explainer(model, tokenizer).evaluate(
        test_rows["text"],
        test_rows["label"],
        METHODS,
        "word_type",
        output_dir=folder,
        random_orders=0,
        both_ends=False,
        progress=False,
    )


def make_runs(arguments: argparse.Namespace) -> None:
    """Make the clean and the planted runs that do not exist yet."""
    load = {"text_column": "text", "label_column": "label"}
    name = arguments.dataset_name
    train_rows = load_texts(name, split="train", max_samples=arguments.train_texts, seed=0, **load)
    test_rows = load_texts(name, split="test", max_samples=arguments.texts, seed=0, **load)
    words = ordinary_words(list(train_rows["text"]), list(train_rows["label"]), arguments.trainings, seed=0)
    n_classes = 1 + int(np.max(train_rows["label"]))
    for i in range(arguments.trainings + REFERENCES + 1):
        make_run(arguments.output_dir / f"clean-{i:02}", train_rows, test_rows, i, arguments)
        if i < len(words):
            planted = plant(train_rows, words[i], i % n_classes, arguments.share, seed=i)
            folder = arguments.output_dir / f"planted-{arguments.share}-{i:02}-{i % n_classes}-{words[i]}"
            make_run(folder, planted, test_rows, 1000 + i, arguments)


def with_references(b: Path, clean: list[Path], seed: int) -> RunComparison:
    """Compare a run with a clean one, beside references, all of them others than B and in an order of the seed."""
    others = [folder for folder in clean if folder != b]
    a, *references = Random(seed).sample(others, REFERENCES + 1)
    return compare_runs(a, b, references)


def rate(hits: pd.Series) -> str:
    """Return how many are true, with the exact interval of their share."""
    low, high = stats.binomtest(int(hits.sum()), len(hits)).proportion_ci()
    return f"{hits.sum()} of {len(hits)} = {hits.mean():.2f} [{low:.2f}, {high:.2f}]"


def outcome(b: Path, clean: list[Path], seed: int) -> dict[str, Any]:
    """Return what a comparison with references says about a run."""
    comparison = with_references(b, clean, seed)
    word, moved = b.name.rpartition("-")[2], set(comparison.moved["word"])
    return {
        "word": word,
        "texts": comparison.words.loc[comparison.words["word"] == word, "n"].sum(),
        "found": word in moved,
        "others": len(moved - {word}),
        "alarm": bool(moved),
        "drift": bool(comparison.changed),
    }


def print_rates(folder: Path, share: float, draws: int) -> None:
    """Compare every clean and every planted run with references, and print the rates."""
    clean = sorted(folder.glob("clean-*"))
    cases = {
        "another seed": (clean[: -REFERENCES - 1], ["alarm", "drift"]),
        "planted": (sorted(folder.glob(f"planted-{share}-*")), ["found", "drift"]),
    }
    for case, (runs, names) in cases.items():
        rows = pd.DataFrame(
            [{"draw": d, **outcome(b, clean, 1000 * d + i)} for d in range(draws) for i, b in enumerate(runs)]
        )
        first = rows[rows["draw"] == 0]
        if case == "planted":
            print(first[["word", "texts", "found", "drift", "others"]].to_string(index=False))
            print(f"other words among those that moved: {first['others'].mean():.2f}")
        for name in names:
            repeated = f"{rows[name].mean():.3f} over {draws} choices of A and references"
            print(f"B {case}: {name} {rate(first[name])}; {repeated}")


def main() -> None:
    """Make the runs, and print the rates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset_name", required=True)
    parser.add_argument("--output_dir", type=Path, required=True)
    parser.add_argument("--model_type", default="textcnn")
    parser.add_argument("--trainings", type=int, default=20)
    parser.add_argument("--train_texts", type=int, default=4000)
    parser.add_argument("--epochs", type=float, default=3)
    parser.add_argument("--texts", type=int, default=500)
    parser.add_argument("--share", type=float, default=0.2, help="share of the training texts of one class")
    logging.set_verbosity_error()
    parser.add_argument("--draws", type=int, default=3, help="choices of A and references for each B")
    arguments = parser.parse_args()
    make_runs(arguments)
    print_rates(arguments.output_dir, arguments.share, arguments.draws)


if __name__ == "__main__":
    main()
