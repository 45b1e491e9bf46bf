"""Shapley values by random orders: this package and shap's PermutationExplainer, with the same losses of masked copies.

    python -m benchmarks.shapley_games small.npz --dataset_name fancyzhx/ag_news
    ENVIRONMENT/bin/python -m benchmarks.peers.permutations small.npz shap.npz          # in the environment of shap
    python -m benchmarks.peers.permutations small.npz shap.npz --compare                # in this package's

shap gets a function of masks that looks the loss up, so that both tools see the same game. For each number of orders,
shap runs with `--seeds` seeds. This package gets as many draws as fit into the same number of masked copies: where shap
takes `2 U + 1` of them for an order and its reverse, this package takes `2 (U - 1)`.
"""

import argparse
import json
from collections.abc import Iterator

import numpy as np

PAIRS = (4, 8, 16, 32, 76)
"""The numbers of orders, each with its reverse, that shap runs."""


def losses_of(path: str) -> list[tuple[str, np.ndarray]]:
    """Return the model of each text, and the losses without each set of its units `(2^U,)`."""
    with np.load(path) as file:
        number = int(file["number"])
        logits, targets = ([file[f"{name}_{i}"] for i in range(number)] for name in ("logits", "target"))
        models = [str(file[f"model_{i}"]) for i in range(number)]
    losses = [np.logaddexp.reduce(x, axis=1) - x[:, int(y)] for x, y in zip(logits, targets, strict=True)]
    return list(zip(models, losses, strict=True))


def run_shap(losses: np.ndarray, pairs: int, seed: int) -> tuple[np.ndarray, int]:
    """Return shap's values, positive if the unit supports the target, and the number of copies that it asked for."""
    import shap

    units, asked = int(np.log2(len(losses))), 0

    def loss_without(kept: np.ndarray) -> np.ndarray:
        nonlocal asked
        asked += len(kept)
        return losses[(kept < 0.5) @ (1 << np.arange(units))]

    np.random.seed(seed)  # noqa: NPY002 (shap draws its orders from the global generator)
    explainer = shap.PermutationExplainer(loss_without, np.zeros((1, units)), seed=seed)
    values = explainer(np.ones((1, units)), max_evals=pairs * (2 * units + 1), silent=True).values[0]
    return -values, asked


def run_package(losses: np.ndarray, cheap: bool, copies: int, seed: int) -> np.ndarray:
    """Return this package's values from as many draws as fit into a number of copies."""
    from hf_gradexplain.attribution.masking.budget import Budget
    from hf_gradexplain.attribution.masking.shapley import sampled_values
    from tests.helpers.games import Table

    game = Table(losses, seed)
    game.has_shortcut = cheap
    return sampled_values(game, Budget(copies, max_error=0)).scores[0]


def agreement(values: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Return how well the values `(S, U)` of `S` seeds agree with each other and with the exact ones."""
    top = [set(row) for row in np.argsort(-values, axis=1)[:, :5]]
    ranks = values.argsort(1).argsort(1)
    one, two = np.triu_indices(len(values), 1)
    return {
        "error": float(np.square(values - true).mean() / np.square(true).max()),
        "spearman": float(np.mean([np.corrcoef(ranks[i], ranks[j])[0, 1] for i, j in zip(one, two, strict=True)])),
        "top 5": float(np.mean([len(top[i] & top[j]) / 5 for i, j in zip(one, two, strict=True)])),
    }


def compare(losses: list[tuple[str, np.ndarray]], path: str) -> Iterator[str]:
    """Yield the lines of the table."""
    from benchmarks.shapley_games import exact

    yield "| model | copies | tool | root mean squared error | Spearman between seeds | top 5 in common |"
    yield "|---|---:|---|---:|---:|---:|"
    with np.load(path) as file:
        peers = {name: file[name] for name in file.files}
    kinds = list(dict.fromkeys(model for model, _ in losses))
    for kind in kinds:
        texts = [(i, table, exact(table)) for i, (model, table) in enumerate(losses) if model == kind]
        for pairs in PAIRS:
            found: dict[str, list[dict[str, float]]] = {"shap": [], "hf_gradexplain": []}
            for i, table, true in texts:
                values, copies = peers[f"values_{i}_{pairs}"], int(peers[f"copies_{i}_{pairs}"])
                found["shap"].append(agreement(values, true))
                own = [run_package(table, kind == "fasttext", copies, seed) for seed in range(len(values))]
                found["hf_gradexplain"].append(agreement(np.stack(own), true))
            for tool, rows in found.items():
                error, spearman, top = (np.mean([row[key] for row in rows]) for key in ("error", "spearman", "top 5"))
                yield f"| {kind} | {copies} | {tool} | {np.sqrt(error):.3f} | {spearman:.3f} | {top:.3f} |"


def main() -> None:
    """Run shap, or compare with its values."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("games")
    parser.add_argument("values")
    parser.add_argument("--compare", action="store_true")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--texts", type=int, help="texts of each model; default: all")
    arguments = parser.parse_args()
    losses = losses_of(arguments.games)
    kinds = list(dict.fromkeys(model for model, _ in losses))
    losses = [each for kind in kinds for each in [x for x in losses if x[0] == kind][: arguments.texts]]
    if arguments.compare:
        print("\n".join(compare(losses, arguments.values)))
        return
    arrays = {}
    for i, (_, table) in enumerate(losses):
        for pairs in PAIRS:
            runs = [run_shap(table, pairs, seed) for seed in range(arguments.seeds)]
            arrays[f"values_{i}_{pairs}"] = np.stack([values for values, _ in runs])
            arrays[f"copies_{i}_{pairs}"] = np.array(runs[0][1])
    np.savez(arguments.values, **arrays)
    print(json.dumps({"texts": len(losses), "seeds": arguments.seeds}))


if __name__ == "__main__":
    main()
