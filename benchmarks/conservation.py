"""Measure the gap of `cp_lrp`: how large it is, and how long it takes to find it.

    python -m benchmarks.conservation

The model is a BERT of 6 layers and 384 dimensions with random weights, in float32 on one thread. Each text is explained
alone. The explanation by `cp_lrp`, the masked copies of its self-check, and the search for the relevance of constants
take turns, and the fastest of their runs counts. A ratio is the median over the texts, with the minimum and the
maximum.
"""

import argparse
from statistics import median

import torch

from benchmarks import workload
from hf_gradexplain.attribution.conservation_gap import conservation_gaps
from hf_gradexplain.engine.scored import ScoredBatch
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.explanation.self_check import self_checks
from hf_gradexplain.options import Options

OPTIONS = Options(("cp_lrp",))


def measure(explain: Explainer, text: str, repeats: int) -> tuple[list[workload.Seconds], float]:
    """Return the smallest times of the three steps for a text, and the gap."""

    def explained() -> ScoredBatch:
        return next(iter(explain.run([text], OPTIONS)))

    batch = explained()
    works = (
        explained,
        lambda: self_checks(batch.forward, batch.scores, "word"),
        lambda: conservation_gaps(batch.forward, batch.scores),
    )
    times = [min(each, key=lambda x: x.processor) for each in workload.in_turns(works, repeats)]
    return times, conservation_gaps(batch.forward, batch.scores)[0]["cp_lrp"]


def row(kind: str, explain: Explainer, arguments: argparse.Namespace) -> str:
    """Return a row of the table, for texts of one kind."""
    results = [measure(explain, text, arguments.repeats) for text in workload.texts(kind, arguments.texts)]
    scores, check, gap = zip(*(times for times, _ in results), strict=True)
    ratio, processor = workload.ratios(gap, scores)
    times = " | ".join(f"{1e3 * median(x.wall for x in part):.1f}" for part in (scores, check, gap))
    largest = max(abs(value) for _, value in results)
    return f"| {kind} | {len(results)} | {times} | {ratio} | {processor} | {largest:.0e} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    explain = Explainer(workload.bert(6, 384), workload.tokenizer())
    print("| texts like | number | cp_lrp, ms | masked copies, ms | gap, ms | gap / cp_lrp | processor | largest gap |")
    print("|---|---:|---:|---:|---:|---|---:|---:|")
    for kind in workload.LENGTHS:
        print(row(kind, explain, arguments), flush=True)


if __name__ == "__main__":
    main()
