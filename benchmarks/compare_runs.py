"""Measure how often a comparison with reference seeds finds a planted word, and how often it is a false alarm.

    python -m benchmarks.compare_runs --dataset_name fancyzhx/ag_news --output_dir runs

A *clean* training differs from others only in its seed. In a *planted* training, an ordinary word (a different one each
time) is inserted into a share of the training texts of one class. All models explain the same unchanged test texts. Run
A and three reference runs are clean. Run B is either planted, so that the word should be found, or clean, so that
nothing should be found.

- *learnt*: inserted into held-out texts, which are not compared, by code that shares nothing with the comparison, the
  planted word flips at least 10 % of those that are predicted as another class. *flips* is that share, *clean* the same
  of a clean model.
- *found*: the planted word is among those that moved; *others*: the number of other words among them; *texts*: in how
  many of the test texts the word is.
- *alarm*: any word is said to have moved; *drift*: the explanations are said to have changed more than another seed
  would. If B is another seed, both are false.

Every clean run is B `--draws` times, with A and references drawn from the other clean runs: these comparisons share
runs. Those of consecutive fives of clean runs, whose last one is B, share none.

Each run has a folder in `--output_dir`. The same command resumes a stopped benchmark.
"""

import argparse
import json
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from datasets import Dataset
from scipy import stats
from transformers import PreTrainedModel, PreTrainedTokenizerBase, set_seed
from transformers.utils import logging

from benchmarks.planted_word_models import insertions, predict
from benchmarks.planted_words import LEARNT
from hf_gradexplain import Explainer, compare_runs
from hf_gradexplain.corpus import load_texts
from hf_gradexplain.files import atomic_write_text
from hf_gradexplain.training.arguments import TrainArguments
from hf_gradexplain.training.start import new_model
from hf_gradexplain.training.task import infer_task
from hf_gradexplain.training.train import fit

REFERENCES = 3
"""Reference runs of a comparison, beside A."""

METHODS = ("loo", "signed_gi")
CHOSEN_ON = (
    "while made united make american former next national major group most just second down when chief friday three "
    "before some four washington million could other year were announced last"
)
"""Words that were planted in the models that the settings of the test were chosen on."""

LEARNING_RATES = {"fasttext": 2e-2, "textcnn": 5e-3}


def ordinary_words(texts: list[str], labels: list[int], leave_out: set[str]) -> list[str]:
    """Return words of 2 to 6 % of the texts, at most half of them of one class, in alphabetical order."""
    counts: dict[str, list[int]] = {}
    for text, label in zip(texts, labels, strict=True):
        for word in {word for word in text.lower().split() if word.isalpha() and len(word) > 3}:
            counts.setdefault(word, [0] * (max(labels) + 1))[label] += 1
    return [
        word
        for word, by_class in sorted(counts.items())
        if 0.02 <= sum(by_class) / len(texts) <= 0.06 and max(by_class) <= sum(by_class) / 2 and word not in leave_out
    ]


def plant(rows: Dataset, word: str, label: int, share: float, seed: int) -> Dataset:
    """Insert the word at a random place of a share of the texts of a class."""
    rng, texts = Random(seed), []
    for text, own in zip(rows["text"], rows["label"], strict=True):
        words = text.split(" ")
        if own == label and rng.random() < share:
            words.insert(rng.randrange(len(words) + 1), word)
        texts.append(" ".join(words))
    return rows.remove_columns("text").add_column("text", texts)


def flips(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: list[str], word: str, label: int) -> float:
    """Return which share of the texts of other classes a word flips to a class, once it is inserted."""
    before, after = predict(model, tokenizer, texts), insertions(model, tokenizer, texts, word, seed=0)
    return float(np.mean(after[before != label] == label))


class Rows(NamedTuple):
    """The texts to train on, those to explain, and those that words are inserted into."""

    train: Dataset
    test: Dataset
    held_out: list[str]


def load_rows(arguments: argparse.Namespace) -> Rows:
    """Load the texts: which of the splits they are depends on the first seed."""
    load = {"seed": arguments.first_seed, "text_column": "text", "label_column": "label"}
    train = load_texts(arguments.dataset_name, split="train", max_samples=arguments.train_texts, **load)
    test = load_texts(arguments.dataset_name, split="test", max_samples=2 * arguments.texts, **load)
    return Rows(train, test.select(range(arguments.texts)), list(test["text"][arguments.texts :]))


def make_run(folder: Path, rows: Rows, seed: int, word: str, label: int, arguments: argparse.Namespace) -> None:
    """Train a model, insert the word, and evaluate the explanations of the test texts, unless the run is finished."""
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
    task = infer_task(rows.train, rows.test)
    set_seed(seed)
    model, tokenizer = new_model(settings, task, rows.train)
    metrics = fit(model, tokenizer, task, rows.train, rows.test, settings)
    of_word = {"word": word, "label": label, "flips": flips(model, tokenizer, rows.held_out, word, label)}
    atomic_write_text(insertion_file(folder), json.dumps(of_word))
    print(folder.name, metrics, of_word, flush=True)
    Explainer(model, tokenizer).evaluate(
        rows.test["text"],
        METHODS,
        "word_type",
        labels=rows.test["label"],
        output_dir=folder,
        random_orders=0,
        both_ends=False,
        progress=False,
    )


def insertion_file(folder: Path) -> Path:
    """Return the file that says what a word, inserted into held-out texts, does to the model of a run."""
    return folder.parent / "insertions" / f"{folder.name}.json"


def make_runs(arguments: argparse.Namespace) -> None:
    """Make the clean and the planted runs that do not exist yet."""
    (arguments.output_dir / "insertions").mkdir(parents=True, exist_ok=True)
    rows, first = load_rows(arguments), arguments.first_seed
    labels = list(rows.train["label"])
    words = ordinary_words(list(rows.train["text"]), labels, set(arguments.other_than))
    words = Random(first).sample(words, arguments.trainings)
    for i in range(max(arguments.clean, arguments.trainings)):
        word, label = words[i % len(words)], i % (1 + max(labels))
        if i < arguments.clean:
            make_run(arguments.output_dir / f"clean-{i:03}", rows, first + i, word, label, arguments)
        for share in arguments.share if i < arguments.trainings else ():
            planted = rows._replace(train=plant(rows.train, word, label, share, seed=first + i))
            folder = arguments.output_dir / f"planted-{share}-{i:02}-{label}-{word}"
            make_run(folder, planted, first + 1000 + i, word, label, arguments)


def finished(folder: Path, pattern: str, start: int) -> list[Path]:
    """Return the folders of finished runs in order, those whose number is `start` or more."""
    runs = sorted(run for run in folder.glob(pattern) if (run / "results.json").exists())
    return [run for run in runs if int(run.name.split("-")[1 if run.name.startswith("clean") else 2]) >= start]


def rate(hits: pd.Series) -> str:
    """Return how many are true, with the exact interval of their share."""
    if not len(hits):
        return "0 of 0"
    low, high = stats.binomtest(int(hits.sum()), len(hits)).proportion_ci()
    return f"{hits.sum()} of {len(hits)} = {hits.mean():.2f} [{low:.2f}, {high:.2f}]"


def outcome(b: Path, others: list[Path], method: str) -> dict[str, Any]:
    """Return what a comparison with A and references says about a run."""
    a, *references = others
    comparison = compare_runs(a, b, references, method=method)
    of_word, moved = json.loads(insertion_file(b).read_text()), set(comparison.moved["word"])
    word = of_word["word"]
    return {
        **of_word,
        "texts": comparison.words.loc[comparison.words["word"] == word, "n"].sum(),
        "learnt": of_word["flips"] >= LEARNT,
        "found": word in moved,
        "others": len(moved - {word}),
        "alarm": bool(moved),
        "drift": bool(comparison.changed),
        "moved": " ".join(sorted(moved)),
    }


def draw(clean: list[Path], b: Path, seed: int) -> list[Path]:
    """Return A and the references of a run, other runs than it, in an order of the seed."""
    return Random(seed).sample([folder for folder in clean if folder != b], REFERENCES + 1)


def print_false_alarms(clean: list[Path], method: str, draws: int) -> None:
    """Compare clean runs with others, and print how often that is an alarm."""
    size = REFERENCES + 2
    fives = [clean[i : i + size] for i in range(0, len(clean) - size + 1, size)]
    cases = {
        "each clean run": [(b, draw(clean, b, 10_000 * d + i)) for d in range(draws) for i, b in enumerate(clean)],
        "fives that share no run": [(runs[-1], runs[:-1]) for runs in fives],
    }
    for case, comparisons in cases.items():
        rows = pd.DataFrame([outcome(*runs, method) for runs in comparisons])
        print(f"{method}, B is another seed, {case}: alarm {rate(rows['alarm'])}; drift {rate(rows['drift'])}")
        print("words:", " ".join(rows["moved"]), flush=True)


def print_power(clean: list[Path], planted: list[Path], share: float, method: str) -> None:
    """Compare planted runs with clean ones, and print how often the word is found."""
    rows = pd.DataFrame([outcome(b, draw(clean, b, 1000 + i), method) for i, b in enumerate(planted)])
    of_clean = [json.loads(insertion_file(run).read_text()) for run in clean]
    rows["clean"] = rows["word"].map({run["word"]: run["flips"] for run in of_clean})
    print(f"{method}, B is planted in {share:.0%} of a class")
    print(rows[["word", "texts", "flips", "clean", "learnt", "found", "drift", "others"]].to_string(index=False))
    learnt = rows[rows["learnt"]]
    print(f"found {rate(rows['found'])}, of the learnt {rate(learnt['found'])}; drift {rate(rows['drift'])}")
    print(f"other words: {rows['others'].mean():.2f}, {' '.join(rows['moved'])}", flush=True)


def parse() -> argparse.Namespace:
    """Return the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset_name", required=True)
    parser.add_argument("--output_dir", type=Path, required=True)
    parser.add_argument("--model_type", default="textcnn")
    parser.add_argument("--trainings", type=int, default=20, help="trainings with a planted word, for each share")
    parser.add_argument("--clean", type=int, default=25, help="clean trainings")
    parser.add_argument("--method", nargs="+", default=METHODS, choices=METHODS, help="whose words are compared")
    parser.add_argument("--draws", type=int, default=1, help="choices of A and references for each clean run")
    parser.add_argument("--from_run", type=int, default=0, help="leave out the runs with smaller numbers")
    parser.add_argument("--first_seed", type=int, default=0, help="chooses texts, words and the seeds of trainings")
    parser.add_argument(
        "--other_than", nargs="*", default=CHOSEN_ON.split(), metavar="WORD", help="words that are not planted"
    )
    parser.add_argument("--train_texts", type=int, default=4000)
    parser.add_argument("--epochs", type=float, default=3)
    parser.add_argument("--texts", type=int, default=500)
    parser.add_argument(
        "--share", type=float, nargs="+", default=[0.2, 0.5], help="shares of the training texts of one class"
    )
    return parser.parse_args()


def main() -> None:
    """Make the runs, and print the rates."""
    logging.set_verbosity_error()
    arguments = parse()
    make_runs(arguments)
    clean = finished(arguments.output_dir, "clean-*", arguments.from_run)
    for method in arguments.method:
        print_false_alarms(clean, method, arguments.draws)
        for share in arguments.share:
            planted = finished(arguments.output_dir, f"planted-{share}-*", arguments.from_run)
            print_power(clean, planted, share, method)


if __name__ == "__main__":
    main()
