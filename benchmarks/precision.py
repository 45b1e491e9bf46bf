"""Matrix products in bfloat16 beside float32: the time, and what it does to the scores.

    python -m benchmarks.precision --threads 2
    python -m benchmarks.precision --model_name_or_path org/model --dataset_name fancyzhx/ag_news

Without a model, a BERT of 6 layers and 384 dimensions with random weights explains made-up texts. Both precisions are
run in turns. Correlations are Pearson's r of a text's scores in one precision with those in the other: the median over
texts, and the least.
"""

import argparse
from functools import partial
from statistics import median

import numpy as np
import torch

from benchmarks import workload
from hf_gradexplain import Explainer
from hf_gradexplain.corpus import load_texts

METHODS = {"signed_gi": 8, "sa_l2": 8, "loo": 1}
"""Per method, how many times the number of texts it explains."""


def subject(arguments: argparse.Namespace) -> tuple[Explainer, list[str]]:
    """The model and the texts."""
    n = arguments.texts * max(METHODS.values())
    if arguments.model_name_or_path is None:
        return Explainer(workload.bert(6, 384, device=arguments.device), workload.tokenizer()), workload.texts(
            "ag_news", n
        )
    explainer = Explainer.from_pretrained(arguments.model_name_or_path, device=arguments.device)
    return explainer, load_texts(arguments.dataset_name, split=arguments.split, max_samples=n)["text"]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model_name_or_path")
    parser.add_argument("--dataset_name")
    parser.add_argument("--split", default="test")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--texts", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    explainer, texts = subject(arguments)
    print("| method | texts | float32, ms | bf16, ms | ratio | processor | r, median | r, least |")
    print("|---|---:|---:|---:|---|---:|---:|---:|")
    for method, times in METHODS.items():
        some = texts[: times * arguments.texts]
        works = [partial(explainer, some, method, mixed_precision=precision) for precision in ("no", "bf16")]
        plain, mixed = workload.in_turns(works, arguments.repeats, arguments.device)
        pairs = [(a.scores[method], b.scores[method]) for a, b in zip(works[0](), works[1](), strict=True)]
        found = [float(np.corrcoef(a, b)[0, 1]) for a, b in pairs if len(a) > 2]
        clock = f"{1e3 * workload.wall(plain):.0f} | {1e3 * workload.wall(mixed):.0f}"
        ratio, processor = workload.ratios(mixed, plain)
        print(
            f"| {method} | {len(some)} | {clock} | {ratio} | {processor} | {median(found):.5f} | {min(found):.5f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
