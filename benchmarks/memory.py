"""Measure time and peak memory for several numbers and lengths of texts.

    python -m benchmarks.memory --threads 2

For the length of texts, a BERT of 6 layers and 384 dimensions explains 16 texts by five gradient methods, and one text
by leave-one-out. For the number of texts, a FastText and a TextCNN with random weights are evaluated by all seven
methods with full curves, as in `recipes/evaluate.py`. Each row is measured in its own process. Memory is the rise of
the peak resident set of the process above its size after the model and the texts were loaded. It is read from
`/proc/self/status`, which exists only on Linux.
"""

import argparse
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from datasets import Dataset

from benchmarks import workload
from hf_gradexplain.attribution.descriptions import PAPER_METHODS
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.models import MODELS, train_word_tokenizer
from hf_gradexplain.options import Options
from hf_gradexplain.run.runner import evaluate

GRADIENT_METHODS = ("signed_gi", "sa_l1", "sa_l2", "sa_linf", "sa_raw")
WORDS = 60
"""Number of words of each text of the evaluations."""


def texts_of(words: int, n: int) -> list[str]:
    """Return texts of artificial words with the frequencies of natural text."""
    rng = np.random.default_rng(0)
    return [" ".join(f"w{i % workload.VOCABULARY}" for i in rng.zipf(1.3, words)) for _ in range(n)]


def transformer(methods: tuple[str, ...], words: int, n: int) -> Callable[[], object]:
    """Return the explanation of texts by a BERT, batch by batch."""
    explainer = Explainer(workload.bert(6, 384), workload.tokenizer())
    texts, options = texts_of(words - 2, n), Options(methods, "token")
    return lambda: [batch.indices for batch in explainer.run(texts, options)]


def evaluation(name: str, n: int) -> Callable[[], object]:
    """Return the evaluation of a model of this package."""
    torch.manual_seed(0)
    tokenizer = train_word_tokenizer((f"w{i}" for i in range(workload.VOCABULARY)), vocab_size=workload.VOCABULARY)
    config = next(each for each in MODELS if each.model_type == name)(vocab_size=len(tokenizer), num_labels=4)
    explainer = Explainer(MODELS[type(config)](config).eval(), tokenizer)
    rows = Dataset.from_dict({"id": range(n), "text": texts_of(WORDS, n)})

    def work() -> None:
        with TemporaryDirectory() as folder:
            evaluate(explainer, rows, Options(PAPER_METHODS, "word_type"), Path(folder, "run"), inputs={})

    return work


WORKS: dict[str, Callable[[int, int], Callable[[], object]]] = {
    "five gradient methods": lambda words, n: transformer(GRADIENT_METHODS, words, n),
    "leave-one-out": lambda words, n: transformer(("loo",), words, n),
    "evaluation, fasttext": lambda words, n: evaluation("fasttext", n),
    "evaluation, textcnn": lambda words, n: evaluation("textcnn", n),
}
SETTINGS = [
    *(("five gradient methods", words, 16) for words in (64, 128, 256, 512)),
    *(("leave-one-out", words, 1) for words in (64, 128, 256, 512)),
    *((f"evaluation, {name}", WORDS, n) for name in ("fasttext", "textcnn") for n in (500, 2000, 8000)),
]


def resident(field: str) -> float:
    """Return the memory of this process in MB: `VmRSS` now, `VmHWM` at its peak."""
    match = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(match.group(1)) / 1024 if match else float("nan")


def measure(kind: str, words: int, n: int) -> str:
    """Return one row of the table, measured in this process."""
    WORKS[kind](16, 2)()
    work = WORKS[kind](words, n)
    Path("/proc/self/clear_refs").write_text("5")
    before, start = resident("VmRSS"), time.perf_counter()
    work()
    seconds = time.perf_counter() - start
    cells = (
        kind,
        f"{words:,}",
        f"{n:,}",
        f"{1e3 * seconds / n:.1f}",
        f"{before:.0f}",
        f"{resident('VmHWM') - before:.0f}",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--row", type=int, help="measure one row only, in this process")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.row is not None:
        print(measure(*SETTINGS[arguments.row]))
        return
    print("| work | tokens | texts | ms a text | before, MB | rise to peak, MB |\n|---|---:|---:|---:|---:|---:|")
    for row in range(len(SETTINGS)):
        command = [sys.executable, "-m", "benchmarks.memory", "--threads", f"{arguments.threads}", "--row", f"{row}"]
        done = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        print(done.stdout.strip(), flush=True)


if __name__ == "__main__":
    main()
