"""Measure the time of an explanation that is spent neither in the model nor in the tokenizer.

    python -m benchmarks.overhead

The model is a FastText of one dimension, whose passes take almost no time. They are part of the numbers; the time of
the tokenizer, on one thread, is subtracted. All runs take turns in one process. A difference is the median over the
rounds, with the minimum and the maximum, in processor time per text.
"""

import argparse
import os
from statistics import median

import torch

from benchmarks import workload
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.models import FastTextConfig, FastTextForSequenceClassification
from hf_gradexplain.options import UnitName
from hf_gradexplain.text.encode import Encoder

GRADIENT_METHODS = ("signed_gi", "sa_l1", "sa_l2", "sa_linf", "sa_raw")


def measure(kind: str, n: int, unit: UnitName, arguments: argparse.Namespace) -> list[str]:
    """Return the rows of the table for texts of one kind."""
    tokenizer, texts = workload.tokenizer(), workload.texts(kind, n)
    torch.manual_seed(0)
    config = FastTextConfig(vocab_size=len(tokenizer), num_labels=4, hidden_size=1)
    explain = Explainer(FastTextForSequenceClassification(config).eval(), tokenizer)
    works = {
        "the tokenizer": lambda: tokenizer(texts, truncation=True),
        "documents": lambda: Encoder(tokenizer, workload.LONGEST + 2, unit)(texts),
        "one gradient method": lambda: explain(texts, "signed_gi", unit, batch_tokens=arguments.tokens),
        "five gradient methods": lambda: explain(texts, GRADIENT_METHODS, unit, batch_tokens=arguments.tokens),
    }
    base, *others = workload.in_turns(list(works.values()), arguments.repeats)
    rows = [[f"{1e3 * median(x.processor for x in base) / n:.3f}"]]
    for times in others:
        more = [1e3 * (x.processor - y.processor) / n for x, y in zip(times, base, strict=True)]
        rows.append([f"**{median(more):.3f}** ({min(more):.3f} to {max(more):.3f})"])
    return [f"| {kind} | {n:,} | {unit} | {work} | {row[0]} |" for work, row in zip(works, rows, strict=True)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, nargs=2, default=[2000, 400], metavar=("AG_NEWS", "IMDB"))
    parser.add_argument("--tokens", type=int, default=32768, help="tokens in one forward pass")
    parser.add_argument("--units", nargs="+", default=["word", "word_type"])
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    print("| texts like | number | unit | work | ms a text; below the first row, more than the tokenizer |")
    print("|---|---:|---|---|---|")
    for kind, n in zip(workload.LENGTHS, arguments.texts, strict=True):
        for unit in arguments.units:
            for row in measure(kind, n, unit, arguments):
                print(row, flush=True)


if __name__ == "__main__":
    main()
