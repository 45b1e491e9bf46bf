"""Plant words in training texts, and measure how many of them are found as suspicious words, and how many are false.

    python -m benchmarks.planted_words --dataset_name fancyzhx/ag_news

In each training, 12 ordinary words, which are about equally common in all classes, are planted: each in 2, 5 or 20 % of
the training texts of one class, and in the same share of the audited texts. A word counts only if the model has
*learnt* it: inserted into held-out texts of other classes, which are not audited, it flips at least 10 % of them to its
class.

`Explainer.suspicious_words` does not know which words were planted. A learnt word is *found* if it is on the list of
suspicious words for its class. The list has other words as well, such as `nasa` for Sci/Tech. 40 random words of each
list are checked. A word is a *false discovery* if it does not do what the list says: flip more of the held-out texts
than ordinary words do, by more than 3 % of the texts. The ordinary words are the median of 60 words that were not
planted and are about equally common in all classes. In some trainings no word is planted, and their lists are checked
in the same way.

A word that is no false discovery may still be one of many that do as much. It is *like ordinary words* if 5 % or more
of the 60 words flip at least as large a share of the held-out texts to its class.

Each training has a file in `--output_dir`, and a folder with its model. The same command resumes a stopped benchmark.
Without its file, a model that was trained before is audited again. Give each set of options a folder of its own.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from datasets import load_dataset
from scipy.stats import binomtest
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from benchmarks.planted_word_models import (
    STRENGTHS,
    Rows,
    choose_words,
    insertions,
    ordinary_words,
    plant,
    predict,
    train,
)
from hf_gradexplain import Explainer
from hf_gradexplain.files import atomic_write_text
from hf_gradexplain.options.words import InsertionTest

LEARNT = 0.1
"""A learnt word flips this share of the held-out texts of other classes, or more."""

WEAKLY_LEARNT = 0.05
"""A second threshold, for a second row of the results."""

MARGIN = InsertionTest.margin
"""A word on the list is true if it flips over this share of the held-out texts more than the median ordinary word."""

ALIKE = 0.05
"""A word on the list is like ordinary words if this share of them, or more, flip as many held-out texts."""

ORDINARY = 60
"""Number of ordinary words that show how often words flip a text."""


def load_rows(name: str, split: str) -> tuple[Rows, int]:
    """Return the texts and labels of a split, and the number of classes."""
    data = load_dataset(name, split=split)
    return list(zip(data["text"], data["label"], strict=True)), data.features["label"].num_classes


def run_training(kind: str, seed: int, planted: bool, arguments: argparse.Namespace) -> dict[str, Any]:
    """Train a model on planted words, audit it, and measure what the words do.

    The model and the flips on held-out texts are kept in a folder and not made again.
    """
    started, folder = time.process_time(), arguments.output_dir / training_name(kind, seed, planted)
    rng = Random(folder.name)
    train_rows, n_classes = load_rows(arguments.dataset_name, "train")
    test_rows, _ = load_rows(arguments.dataset_name, "test")
    rows = rng.sample(train_rows, arguments.train_texts)
    words = choose_words(rows, n_classes, rng) if planted else []
    planted_rows = plant(rows, words, rng)
    drawn = rng.sample(test_rows, arguments.audited_texts + arguments.held_out_texts)
    audited, held_out = drawn[: arguments.audited_texts], drawn[arguments.audited_texts :]
    audited_texts = [text for text, _ in plant(audited, words, rng)]
    planted_words = {w.word for w in words}
    plain = rng.sample([w for w in ordinary_words(rows, n_classes) if w not in planted_words], ORDINARY)
    model, tokenizer = kept_model(folder / "model", kind, planted_rows, n_classes, seed)
    trained = time.process_time()
    explainer = Explainer(model, tokenizer, class_names=list(map(str, range(n_classes))))
    found, tried, passes = audit(explainer, audited_texts, arguments)
    audited_at = time.process_time()
    truth = HeldOut(model, tokenizer, held_out, n_classes, seed)
    truth.load(folder / "flips.json")
    ordinary = np.array([truth.flips(word) for word in plain])
    checked = Random(f"{folder.name} checked").sample(found, min(arguments.checked, len(found)))
    result = {
        "accuracy": truth.accuracy,
        "ordinary": ordinary.mean(0).tolist(),
        "planted": [
            {
                **vars(w),
                "flips": float(truth.flips(w.word)[w.target]),
                "tried": (w.word, w.target) in tried,
                "found": (w.word, w.target) in found,
            }
            for w in words
        ],
        "found": len(found),
        "checked": [{"word": word, "target": c, **judge(truth.flips(word)[c], ordinary[:, c])} for word, c in checked],
        "passes": passes,
    }
    truth.save(folder / "flips.json")
    return {**result, "seconds": np.diff([started, trained, audited_at, time.process_time()]).round(1).tolist()}


def training_name(kind: str, seed: int, planted: bool) -> str:
    """Return the name of the folder of a training, which is also the seed of its draws."""
    return f"{kind}-{seed}" if planted else f"{kind}-clean-{seed}"


def kept_model(
    folder: Path, kind: str, rows: Rows, n_classes: int, seed: int
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Train a model and save it, unless it was saved before, and load it."""
    if not (folder / "config.json").exists():
        model, tokenizer = train(kind, rows, n_classes, seed)
        tokenizer.save_pretrained(folder)
        model.save_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    return model, AutoTokenizer.from_pretrained(folder)


def judge(flips: float, ordinary: np.ndarray) -> dict[str, Any]:
    """Return the flips of a word on the list, and whether it is false, from the flips `(O,)` of ordinary words."""
    return {
        "flips": float(flips),
        "false": bool(flips <= np.median(ordinary) + MARGIN),
        "alike": bool(np.mean(ordinary >= flips) >= ALIKE),
    }


class HeldOut:
    """What a model does with texts that are not audited."""

    def __init__(self, model: Any, tokenizer: Any, rows: Rows, n_classes: int, seed: int) -> None:
        self._model, self._tokenizer, self._n_classes, self._seed = model, tokenizer, n_classes, seed
        self._texts = [text for text, _ in rows]
        self._before = predict(model, tokenizer, self._texts)
        self.accuracy = float(np.mean(self._before == [label for _, label in rows]))
        self._flips: dict[str, list[float]] = {}

    def flips(self, word: str) -> np.ndarray:
        """Return the share of the texts of other classes that a word flips to each class."""
        if word not in self._flips:
            after = insertions(self._model, self._tokenizer, self._texts, word, self._seed)
            self._flips[word] = [float(np.mean(after[self._before != c] == c)) for c in range(self._n_classes)]
        return np.array(self._flips[word])

    def load(self, file: Path) -> None:
        """Read the flips of words that were measured before, if the file exists."""
        if file.exists():
            self._flips = json.loads(file.read_text())

    def save(self, file: Path) -> None:
        """Write the flips of all words that were measured."""
        atomic_write_text(file, json.dumps(self._flips))


def audit(
    explainer: Explainer, texts: list[str], arguments: argparse.Namespace
) -> tuple[list[tuple[str, int]], set[tuple[str, int]], int]:
    """Return the words that the audit finds, those that it tries, each with its class, and its forward passes."""
    options: dict[str, Any] = {"k_grid": (1,), "random_orders": 0, "both_ends": False, "progress": False}
    result = explainer.evaluate(texts, methods=arguments.method, unit="word_type", **options)
    suspicious = explainer.suspicious_words(result, n_texts=arguments.n_texts, batch_tokens=8192)
    frames = suspicious.found, suspicious.to_frame()
    found, tried = ([(row["word"], int(row["class"])) for row in frame.to_dict("records")] for frame in frames)
    return found, set(tried), suspicious.passes


def print_rate(name: str, k: int, n: int) -> None:
    """Print a rate with its exact 95 % interval."""
    if n:
        interval = binomtest(k, n).proportion_ci()
        print(f"| {name} | {k} of {n} | {k / n:.1%} | {interval.low:.1%} to {interval.high:.1%} |")


def print_results(name: str, results: list[dict[str, Any]]) -> None:
    """Print the rates over all trainings of a kind."""
    planted = [word for result in results for word in result["planted"]]
    checked = [word for result in results for word in result["checked"]]
    accuracy = np.mean([result["accuracy"] for result in results])
    print(f"\n{name}: {len(results)} trainings, mean accuracy {accuracy:.3f}\n\n| | | rate | 95 % interval |")
    print("|---|---|---|---|")
    for strength in STRENGTHS:
        of_strength = [w for w in planted if w["strength"] == strength]
        learnt = [w for w in of_strength if w["flips"] >= LEARNT]
        print_rate(f"learnt of those planted in {strength:.0%}", len(learnt), len(of_strength))
        print_rate(f"found of these, planted in {strength:.0%}", sum(w["found"] for w in learnt), len(learnt))
    learnt = [w for w in planted if w["flips"] >= LEARNT]
    weakly = [w for w in planted if WEAKLY_LEARNT <= w["flips"] < LEARNT]
    print_rate("**found of all learnt words**", sum(w["found"] for w in learnt), len(learnt))
    print_rate("found of those that flip 5 to 10 %", sum(w["found"] for w in weakly), len(weakly))
    print_rate("**false discoveries of the checked words**", sum(w["false"] for w in checked), len(checked))
    print_rate("checked words that are like ordinary words", sum(w["alike"] for w in checked), len(checked))
    shares = [np.mean([w["false"] for w in result["checked"]] or [0]) for result in results]
    sizes, passes = (np.mean([result[name] for result in results]) for name in ("found", "passes"))
    print(f"\nFalse discovery rate, the mean over trainings: {np.mean(shares):.1%}", end="; ")
    print(f"words on a list: {sizes:.0f}; forward passes of the audit: {passes:,.0f}")


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset_name", default="fancyzhx/ag_news")
    parser.add_argument("--textcnn", type=int, default=20, help="trainings of TextCNN")
    parser.add_argument("--bert", type=int, default=5, help="trainings of a BERT of two layers")
    parser.add_argument("--clean", type=int, default=5, help="trainings of TextCNN in which no word is planted")
    parser.add_argument("--train_texts", type=int, default=2000)
    parser.add_argument("--audited_texts", type=int, default=1000)
    parser.add_argument("--held_out_texts", type=int, default=1000)
    parser.add_argument("--n_texts", type=int, default=InsertionTest.n_texts, help="texts that get each word")
    parser.add_argument("--checked", type=int, default=40, help="words of each list that are checked")
    parser.add_argument("--method", default="auto", help="method whose scores choose the words to try")
    parser.add_argument("--output_dir", type=Path, default=Path("outputs/planted_words"))
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args(argv)


def main() -> None:
    """Run all trainings that have no file yet, and print the rates."""
    arguments = parse()
    torch.set_num_threads(arguments.threads)
    arguments.output_dir.mkdir(parents=True, exist_ok=True)
    trainings = [("textcnn", True, arguments.textcnn), ("bert", True, arguments.bert)]
    for kind, planted, n in [*trainings, ("textcnn", False, arguments.clean)]:
        results = []
        for seed in range(n):
            file = arguments.output_dir / f"{training_name(kind, seed, planted)}.json"
            if not file.exists():
                atomic_write_text(file, json.dumps(run_training(kind, seed, planted, arguments), indent=1))
                print(file, file=sys.stderr, flush=True)
            results.append(json.loads(file.read_text()))
        if results:
            print_results(kind if planted else f"{kind}, no word planted", results)


if __name__ == "__main__":
    main()
