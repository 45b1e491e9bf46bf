"""Compare the time of Shapley values from thousands of random orders with that of plain forward passes of BERT.

    python -m benchmarks.permutations --threads 2
    python -m benchmarks.permutations --models fasttext --words 1000

The text has artificial words with the frequencies of natural text, and each word is a unit. The models of this package,
untrained and at their default sizes, explain it by Shapley values from random orders of removal, which take the loss
without the first `k` words of each order, for every `k`. BERT reads the same words several times, without masks or
gradients. Both run in turns in one process. A ratio is the median over the rounds, with the minimum and the maximum.
`processor` is the median ratio of processor times, which other work on the machine disturbs less.
"""

import argparse
from functools import partial

import numpy as np
import torch

from benchmarks import workload
from benchmarks.shortcuts import VOCABULARY, new_models
from hf_gradexplain.explainer import Explainer

ORDERS_OF_A_DRAW = 4


def text_of(words: int) -> str:
    """Return a text with this number of words."""
    return " ".join(f"w{i}" for i in np.random.default_rng(0).zipf(1.3, words) % VOCABULARY)


@torch.no_grad()
def read(model: torch.nn.Module, inputs: dict[str, torch.Tensor], times: int) -> None:
    """Run a model on the same inputs some times."""
    for _ in range(times):
        model(**inputs)


def shapley(explainer: Explainer, text: str, words: int, orders: int) -> None:
    """Explain a text by this number of orders."""
    explanation = explainer(text, "shapley", "word", max_evals=1 + orders * (words - 1), max_error=0, self_check=False)
    assert explanation.sampling["shapley"].draws == orders // ORDERS_OF_A_DRAW
    assert len(explanation.units) == words


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["fasttext", "textcnn"])
    parser.add_argument("--words", type=int, default=250)
    parser.add_argument("--orders", type=int, default=2000)
    parser.add_argument("--passes", type=int, default=20, help="forward passes of BERT")
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--dims", type=int, default=768)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    text, models = text_of(arguments.words), new_models()
    bert = workload.bert(arguments.layers, arguments.dims).requires_grad_(False)
    inputs = dict(workload.tokenizer()(text, return_tensors="pt"))
    explainers = [Explainer(*models[name]) for name in arguments.models]
    works = [partial(shapley, each, text, arguments.words, arguments.orders) for each in explainers]
    bare, *times = workload.in_turns([partial(read, bert, inputs, arguments.passes), *works], arguments.repeats)
    print(
        f"CPU, {arguments.threads} threads; {arguments.passes} forward passes of BERT, {arguments.layers} layers of "
        f"{arguments.dims} dimensions, over {arguments.words} words: {workload.wall(bare):.2f} s\n\n"
        "| model | words | orders | seconds | ratio | processor |\n|---|---:|---:|---:|---|---:|"
    )
    for name, seconds in zip(arguments.models, times, strict=True):
        cells = name, arguments.words, f"{arguments.orders:,}", f"{workload.wall(seconds):.2f}"
        print(f"| {' | '.join(map(str, (*cells, *workload.ratios(seconds, bare))))} |")


if __name__ == "__main__":
    main()
