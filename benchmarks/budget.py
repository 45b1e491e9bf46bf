"""Measure the time of an explanation for several token budgets of one forward pass, on this device.

    python -m benchmarks.budget --threads 2
    python -m benchmarks.budget --device cuda --budgets 4096 8192 16384 32768 65536 131072

BERT models with random weights explain texts as long as those of AG's News and IMDB, by `signed_gi` and by
leave-one-out. All budgets run in turns. Each number is the time divided by the time of the best budget of its row, as a
median over the rounds. The default for CPUs, in `hf_gradexplain.attribution.prepare.BATCH_TOKENS`, was chosen from this
table.
"""

import argparse
from functools import partial
from statistics import median

import torch

from benchmarks import workload
from hf_gradexplain.explainer import Explainer

MODELS = {"4 x 256": (4, 256), "6 x 384": (6, 384), "12 x 768": (12, 768)}
WORKS = {"signed_gi": ("signed_gi", {"ag_news": 128, "imdb": 32}), "loo": ("loo", {"ag_news": 4, "imdb": 1})}


def ratios_to_best(
    sizes: tuple[int, int], method: str, kind: str, n: int, budgets: list[int], repeats: int, device: str
) -> list[float]:
    """Return the time at each budget, divided by that at the best budget."""
    explain = Explainer(workload.bert(*sizes, device=device), workload.tokenizer())
    texts = workload.texts(kind, 8 * n)
    texts = texts if method != "loo" else sorted(texts, key=len)[4 * n :]
    works = [partial(explain, texts[:n], method, "token", batch_tokens=budget) for budget in budgets]
    times = workload.in_turns(works, repeats, device)
    best = min(times, key=workload.wall)
    return [median(a.wall / b.wall for a, b in zip(each, best, strict=True)) for each in times]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--budgets", type=int, nargs="+", default=[256, 512, 1024, 2048, 4096, 8192])
    parser.add_argument("--models", nargs="+", default=["4 x 256", "6 x 384"], choices=list(MODELS))
    parser.add_argument("--scale", type=float, default=1.0, help="factor on the number of texts")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"| layers x dims | texts like | method | {' | '.join(f'{budget:,}' for budget in arguments.budgets)} |")
    print(f"|---|---|---|{'---:|' * len(arguments.budgets)}")
    for model in arguments.models:
        for work, (method, numbers) in WORKS.items():
            for kind, n in numbers.items():
                n = max(1, round(n * arguments.scale))
                ratios = ratios_to_best(
                    MODELS[model], method, kind, n, arguments.budgets, arguments.repeats, arguments.device
                )
                cells = " | ".join(f"**{x:.2f}**" if x == min(ratios) else f"{x:.2f}" for x in ratios)
                print(f"| {model} | {kind} | {work} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
