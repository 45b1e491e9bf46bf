"""How often the intervals of sampled Shapley values hold the exact values, and how often claims of the top are right.

    python -m benchmarks.shapley_games small.npz --dataset_name fancyzhx/ag_news
    python -m benchmarks.shapley_truth small.npz --seeds 20

The exact values are those of enumeration. Each text is estimated with many seeds, up to `--max_evals` masked copies,
and looked at wherever the package would look. A row is one moment: the first look, the last one, the look at which
`max_error` is met, and the one at which `tell_apart` is.

- *held*: how often the 95 % interval of a unit holds its exact value.
- *reached*: the share of estimates that reach this moment within the budget.
- *right*: how often the five highest-scored units at this moment are the exact ones, and the share of texts in which
  they are so in at least 95 % of the seeds.
- *draws*, *copies*: the mean numbers.
- *error*: the root of the mean squared distance from the exact values, as a share of the largest exact value.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.shapley_games import KnownText, exact, game_of, load
from hf_gradexplain.attribution.masking.budget import Budget
from hf_gradexplain.attribution.masking.game import Estimate
from hf_gradexplain.attribution.masking.shapley import sampled_values
from hf_gradexplain.sampling import margins

TOP = 5


@dataclass(frozen=True)
class Watched(Budget):
    """A budget that is used up, and remembers what was seen at each look."""

    seen: list[Estimate] = field(default_factory=list)

    def is_met(self, estimate: Estimate) -> bool:
        """Remember the estimate; go on."""
        self.seen.append(estimate)
        return False


def looks(text: KnownText, seed: int, max_evals: int) -> list[Estimate]:
    """Return the estimates at each look."""
    budget = Watched(max_evals)
    last = sampled_values(game_of(text, seed), budget)
    return [*budget.seen, last]


def moments(seen: list[Estimate]) -> Iterator[tuple[str, Estimate]]:
    """Yield the moments that are reached, with the estimates at them."""
    yield "first look", seen[0]
    yield "last look", seen[-1]
    for name, budget in (("max_error=0.05", Budget()), (f"tell_apart={TOP}", Budget(tell_apart=TOP))):
        yield from [(name, estimate) for estimate in seen if budget.is_met(estimate)][:1]


def measure(text: KnownText, seeds: int, max_evals: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each seed and moment."""
    true = exact(text.losses)
    top = set(np.argsort(-true, kind="stable")[:TOP])
    for seed in range(seeds):
        for name, estimate in moments(looks(text, seed, max_evals)):
            scores = estimate.scores[0]
            far = np.abs(scores - true)
            yield {
                "model": text.model,
                "moment": name,
                "text": text.text,
                "held": (far <= margins(estimate.errors[0], estimate.draws)).mean(),
                "right": set(np.argsort(-scores, kind="stable")[:TOP]) == top,
                "draws": estimate.draws,
                "copies": estimate.draws * game_copies(text.size, max_evals),
                "error": np.square(far / np.abs(true).max()).mean(),
            }


def game_copies(units: int, max_evals: int) -> int:
    """Return the number of masked copies of one draw."""
    return 4 * (units - 1) if 32 * (units - 1) <= max_evals else 2 * (units - 1)


def table(rows: pd.DataFrame, seeds: int) -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| model | moment | held | reached | right | texts | draws | copies | error |"
    yield "|---|---|---:|---:|---:|---:|---:|---:|---:|"
    for (model, moment), part in rows.groupby(["model", "moment"], sort=False):
        texts = rows[rows["model"] == model]["text"].nunique()
        of_texts = part.groupby("text")["right"].mean()
        cells = (
            model,
            moment,
            f"{part['held'].mean():.1%}",
            f"{len(part) / (texts * seeds):.0%}",
            f"{part['right'].mean():.1%}",
            f"{(of_texts >= 0.95).sum()} of {len(of_texts)}",
            f"{part['draws'].mean():.1f}",
            f"{part['copies'].mean():.0f}",
            f"{np.sqrt(part['error'].mean()):.3f}",
        )
        yield f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input_file")
    parser.add_argument("--models", nargs="+", help="default: all in the file")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--max_evals", type=int, default=Budget.max_evals)
    arguments = parser.parse_args()
    texts = [text for text in load(arguments.input_file) if not arguments.models or text.model in arguments.models]
    rows = [row for text in texts for row in measure(text, arguments.seeds, arguments.max_evals)]
    print("\n".join(table(pd.DataFrame(rows), arguments.seeds)))


if __name__ == "__main__":
    main()
