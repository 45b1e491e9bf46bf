"""Measure how much the design of random orders and the control variate reduce the variance of Shapley values.

    python -m benchmarks.shapley_variance --games minilm.npz                  # written by benchmarks.shapley_games
    python -m benchmarks.shapley_variance --model_name_or_path org/minilm-ag_news --dataset_name fancyzhx/ag_news

Each number is the factor by which a variance is reduced. Variances are those of the scores at the same number of masked
copies, summed over the units of a text.

- *pairs*: an order and its reverse, compared with two independent orders.
- *half turn*: two such pairs, of which one is rotated by half its length, compared with two independent pairs.
- *control variate*: the correction of all draws of `--max_evals` masked copies by surrogates that are fitted to the
  other draws, compared with no correction.
- *together*: the product of the three factors.

With a file of games, factors are means over `--seeds` seeds. *exact* is then the factor of the control variate again,
but for the mean squared distance from the exact values. With a model, `--texts` texts of 30 to 40 units are drawn once
each.
"""

import argparse
from collections.abc import Iterator

import numpy as np
import pandas as pd

from benchmarks.shapley_games import exact, load
from hf_gradexplain.attribution.masking.game import Game
from hf_gradexplain.attribution.masking.surrogate import corrected
from hf_gradexplain.attribution.masking.walks import Walks, rises
from hf_gradexplain.classifier.state import frozen_eval_mode
from hf_gradexplain.corpus import load_texts
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.options import Options
from tests.helpers.games import Table

UNITS = range(30, 41)


def run(game: Game, max_evals: int) -> Walks:
    """Return as many draws of four orders as fit into a number of masked copies."""
    draws = max_evals // (4 * (game.size - 1))
    base = np.stack([game.rng(f"shapley {number}").permutation(game.size) for number in range(draws)])
    return Walks.run(game, np.stack([base, np.roll(base, game.size // 2, axis=1)], 1))


def variances(walks: Walks) -> dict[str, float]:
    """Return the variance of the scores times the number of orders they are made of, summed over units."""
    both = np.stack([walks.orders, walks.orders[..., ::-1]], 2)
    single = rises(both, walks.losses)[0]
    spread = {"orders": single[:, 0, 0], "pairs": single[:, 0].mean(1), "turned": walks.draws()[:, 0]}
    spread["corrected"] = corrected(walks)[0][:, 0]
    return {
        name: float(x.var(0, ddof=1).sum() * orders)
        for (name, x), orders in zip(spread.items(), (1, 2, 4, 4), strict=True)
    }


def factors(rows: pd.DataFrame) -> dict[str, float]:
    """Return the factors from mean variances."""
    mean = rows.mean()
    found = {
        "pairs": mean["orders"] / mean["pairs"],
        "half turn": mean["pairs"] / mean["turned"],
        "control variate": mean["turned"] / mean["corrected"],
        "together": mean["orders"] / mean["corrected"],
    }
    return found | ({"exact": mean["far"] / mean["far corrected"]} if "far" in mean else {})


def of_games(path: str, seeds: int, max_evals: int) -> Iterator[tuple[str, int, dict[str, float]]]:
    """Yield the name, the number of units and the factors of each text."""
    for text in load(path):
        true, rows = exact(text.losses), []
        for seed in range(seeds):
            walks = run(Table(text.losses, seed), max_evals)
            means = walks.draws()[:, 0].mean(0), corrected(walks)[0][:, 0].mean(0)
            far, far_corrected = (float(np.square(mean - true).sum()) for mean in means)
            rows.append(variances(walks) | {"far": far, "far corrected": far_corrected})
        yield text.text, text.size, factors(pd.DataFrame(rows))


def of_model(arguments: argparse.Namespace) -> Iterator[tuple[str, int, dict[str, float]]]:
    """Yield the same for longer texts, which run on the model."""
    engine, done = AttributionEngine.from_pretrained(arguments.model_name_or_path), 0
    for text in load_texts(arguments.dataset_name, max_samples=20 * arguments.texts)["text"][:]:
        if done < arguments.texts and engine.encode([text], Options())[0].n_units in UNITS:
            (batch,) = engine.run([text], Options("random"))
            game = Game([batch.forward.only(0)])
            with frozen_eval_mode(engine.model):
                walks = run(game, arguments.max_evals)
            yield text, game.size, factors(pd.DataFrame([variances(walks)]))
            done += 1


def main() -> None:
    """Print a line per text, and the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--games")
    parser.add_argument("--model_name_or_path")
    parser.add_argument("--dataset_name")
    parser.add_argument("--texts", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--max_evals", type=int, default=Options.max_evals)
    arguments = parser.parse_args()
    texts = (
        of_model(arguments)
        if arguments.games is None
        else of_games(arguments.games, arguments.seeds, arguments.max_evals)
    )
    rows = []
    for text, units, found in texts:
        rows.append(found)
        print(f"| {text[:40]} | {units} | {' | '.join(f'{value:.2f}' for value in found.values())} |", flush=True)
    table = pd.DataFrame(rows)
    for name in ("median", "min", "max"):
        print(f"| {name} | | {' | '.join(f'{value:.2f}' for value in getattr(table, name)())} |")


if __name__ == "__main__":
    main()
