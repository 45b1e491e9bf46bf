"""Compare matrix products in bfloat16 with float32: time, and correlation of the scores.

    python -m benchmarks.precision --threads 2
    python -m benchmarks.precision --model_name_or_path org/model --dataset_name fancyzhx/ag_news

If no model is given, a BERT of 6 layers and 384 dimensions with random weights explains artificial texts. Both
precisions run in turns. The correlation is Pearson's r between the scores of a text in both precisions; the table has
its median and minimum over texts.
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
"""Factor on the number of texts per method."""


def load_inputs(arguments: argparse.Namespace) -> tuple[Explainer, list[str]]:
    """Return the explainer and the texts."""
    n = arguments.texts * max(METHODS.values())
    if arguments.model_name_or_path is None:
        explainer = Explainer(workload.bert(6, 384, device=arguments.device), workload.tokenizer())
        return explainer, workload.texts("ag_news", n)
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
    explainer, texts = load_inputs(arguments)
    print("| method | texts | float32, ms | bf16, ms | ratio | processor | r, median | r, minimum |")
    print("|---|---:|---:|---:|---|---:|---:|---:|")
    for method, times in METHODS.items():
        sample = texts[: times * arguments.texts]
        works = [partial(explainer, sample, method, mixed_precision=precision) for precision in ("no", "bf16")]
        plain, mixed = workload.in_turns(works, arguments.repeats, arguments.device)
        pairs = [(a.scores[method], b.scores[method]) for a, b in zip(works[0](), works[1](), strict=True)]
        correlations = [float(np.corrcoef(a, b)[0, 1]) for a, b in pairs if len(a) > 2]
        times_ms = f"{1e3 * workload.wall(plain):.0f} | {1e3 * workload.wall(mixed):.0f}"
        ratio, processor = workload.ratios(mixed, plain)
        r = f"{median(correlations):.5f} | {min(correlations):.5f}"
        print(f"| {method} | {len(sample)} | {times_ms} | {ratio} | {processor} | {r} |", flush=True)


if __name__ == "__main__":
    main()
