"""Measure how often the intervals of sampled Shapley values contain the exact values, and the top units are right.

    python -m benchmarks.shapley_games small.npz --dataset_name fancyzhx/ag_news
    python -m benchmarks.shapley_truth small.npz --seeds 20

The exact values are computed by enumeration; those of `partition_shapley` are Owen values on a binary tree. The values
of each text are estimated with many seeds, up to `--max_evals` masked copies. They are examined whenever the package
would check whether they are precise enough. Each row of the table is one *moment*: the first of these checks, the last
check, the check at which `max_error` is met, or the check at which `tell_apart` is met.

- *held*: how often the 95 % interval of a unit contains its exact value.
- *reached*: the share of estimates that reach this moment within the budget.
- *right*: how often the five highest-scored units at this moment are those of the exact values, and the share of texts
  for which this is so with at least 95 % of the seeds.
- *draws*, *copies*: the mean numbers of draws and of masked copies.
- *error*: the root of the mean squared distance from the exact values, as a share of the largest exact value.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.shapley_games import KnownText, exact, game_of, load
from hf_gradexplain.attribution.masking import kernel_shap, partition_shapley, shapley
from hf_gradexplain.attribution.masking.budget import Budget
from hf_gradexplain.attribution.masking.game import EstimatedScores
from hf_gradexplain.statistics.sampling import margins
from tests.helpers.games import Table

TOP = 5


METHODS = {
    "shapley": (exact, shapley.sampled_values),
    "kernel_shap": (exact, kernel_shap.sampled_values),
    "partition_shapley": (
        lambda losses: partition_shapley.exact_values(Table(losses), tree_of(losses))[0],
        lambda game, budget: partition_shapley.sampled_values(game, tree_of(game.table[0]), budget),
    ),
}
"""For each method, its exact values of a table of losses, and its estimate of a game within a budget."""


def tree_of(losses: np.ndarray) -> partition_shapley.Tree:
    """Return the binary tree over the units of a text of one clause."""
    return partition_shapley.binary(range(int(np.log2(len(losses)))))


@dataclass(frozen=True)
class Watched(Budget):
    """A budget that is used up, and remembers what was seen at each look, and after how many masked copies."""

    game: Table | None = None
    seen: list[tuple[int, EstimatedScores]] = field(default_factory=list)

    def is_met(self, estimate: EstimatedScores) -> np.ndarray:
        """Remember the estimate; go on."""
        self.seen.append((self.game.copies, estimate))
        return np.zeros(1, dtype=bool)


def looks(text: KnownText, method: str, seed: int, max_evals: int) -> list[tuple[int, EstimatedScores]]:
    """Return the numbers of masked copies and the estimates at each look."""
    game = game_of(text, seed)
    budget = Watched(max_evals, game=game)
    last = METHODS[method][1](game, budget)
    return [*budget.seen, (game.copies, last)]


def moments(seen: list[tuple[int, EstimatedScores]]) -> Iterator[tuple[str, int, EstimatedScores]]:
    """Yield the moments that are reached, with the copies and the estimates at them."""
    yield "first look", *seen[0]
    yield "last look", *seen[-1]
    for name, budget in (("max_error=0.05", Budget()), (f"tell_apart={TOP}", Budget(tell_apart=TOP))):
        yield from [(name, *look) for look in seen if budget.is_met(look[1]).all()][:1]


def measure(text: KnownText, method: str, seeds: int, max_evals: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each seed and moment."""
    true = METHODS[method][0](text.losses)
    top = set(np.argsort(-true, kind="stable")[:TOP])
    for seed in range(seeds):
        for name, copies, estimate in moments(looks(text, method, seed, max_evals)):
            scores, draws = estimate.scores[0], int(estimate.draws[0])
            far = np.abs(scores - true)
            yield {
                "model": text.model,
                "method": method,
                "moment": name,
                "text": text.text,
                "held": (far <= margins(estimate.errors[0], draws)).mean(),
                "right": set(np.argsort(-scores, kind="stable")[:TOP]) == top,
                "draws": draws,
                "copies": copies,
                "error": np.square(far / np.abs(true).max()).mean(),
            }


def table(rows: pd.DataFrame, seeds: int) -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| model | method | moment | held | reached | right | texts | draws | copies | error |"
    yield "|---|---|---|---:|---:|---:|---:|---:|---:|---:|"
    for (model, method, moment), part in rows.groupby(["model", "method", "moment"], sort=False):
        texts = rows[rows["model"] == model]["text"].nunique()
        of_texts = part.groupby("text")["right"].mean()
        cells = (
            model,
            method,
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
    parser.add_argument("--methods", nargs="+", default=["shapley"], choices=METHODS)
    parser.add_argument("--texts", type=int, help="texts of each model; default: all")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--max_evals", type=int, default=Budget.max_evals)
    arguments = parser.parse_args()
    known = load(arguments.input_file)
    models = arguments.models or dict.fromkeys(text.model for text in known)
    texts = [text for model in models for text in [x for x in known if x.model == model][: arguments.texts]]
    limits = arguments.seeds, arguments.max_evals
    rows = [row for method in arguments.methods for text in texts for row in measure(text, method, *limits)]
    print("\n".join(table(pd.DataFrame(rows), arguments.seeds)))


if __name__ == "__main__":
    main()
