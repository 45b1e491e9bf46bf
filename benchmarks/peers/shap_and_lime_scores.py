"""Scores of SHAP and LIME on tiny random models, for the tests of this package.

    python -m benchmarks.peers.shap_and_lime_scores

Run from the root of the repository in an environment with both, see README.md. Writes shap_and_lime_scores.json. This
file imports neither this package nor, at its top, SHAP and LIME: the tests make the same models with it.
"""

import importlib
import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.peers.lxt_relevances import IDS, tiny_model

RESULTS = Path(__file__).parent / "shap_and_lime_scores.json"

MODELS = ("bert", "gpt2")

LIME_COPIES = 5000
"""The default of lime."""

_LIME_SEEDS = 20


def log_probability(model_type: str) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function of masks `(N, T)`, 1 for a kept token: the log probability of class 0."""
    model = tiny_model(model_type)
    vectors = model.get_input_embeddings()(torch.tensor([IDS])).detach()

    @torch.no_grad()
    def run(kept: np.ndarray) -> np.ndarray:
        masked = vectors * torch.as_tensor(np.asarray(kept), dtype=torch.float64).unsqueeze(2)
        logits = model(inputs_embeds=masked, attention_mask=torch.ones(masked.shape[:2])).logits
        return logits.log_softmax(-1)[:, 0].numpy()

    return run


def balanced() -> list[list[float]]:
    """Return the rows of a linkage matrix of the tokens, halved until one is left."""
    rows: list[list[float]] = []

    def join(first: int, stop: int) -> int:
        if stop - first == 1:
            return first
        middle = first + (stop - first) // 2
        left, right = join(first, middle), join(middle, stop)
        rows.append([left, right, stop - first, stop - first])
        return len(IDS) + len(rows) - 1

    join(0, len(IDS))
    return rows


def of_shap(run: Callable[[np.ndarray], np.ndarray]) -> dict[str, list[float]]:
    """Return the scores of SHAP's exact, kernel and partition explainers."""
    shap = importlib.import_module("shap")
    tokens, removed = len(IDS), np.zeros((1, len(IDS)))
    kept, every = np.ones((1, tokens)), 2**tokens
    exact = shap.explainers.Exact(run, shap.maskers.Independent(removed))(kept)
    kernel = shap.KernelExplainer(run, removed).shap_values(kept, nsamples=every, l1_reg=0, silent=True)
    tree = np.array(balanced(), dtype=float)
    masker = shap.maskers.Partition(removed, clustering=tree)
    partition = shap.explainers.Partition(run, masker)(kept, max_evals=every, batch_size=10, silent=True)
    return {
        "exact": np.ravel(exact.values).tolist(),
        "kernel": np.ravel(kernel).tolist(),
        "partition": np.ravel(partition.values).tolist(),
    }


def of_lime(run: Callable[[np.ndarray], np.ndarray]) -> dict[str, list[float]]:
    """Return the mean and the standard deviation of LIME's coefficients over seeds."""
    lime_text, words = importlib.import_module("lime.lime_text"), [f"w{t}" for t in range(len(IDS))]

    def scores(texts: list[str]) -> np.ndarray:
        kept = np.array([[word in text.split() for word in words] for text in texts])
        found = np.concatenate([run(part) for part in np.array_split(kept, max(1, len(kept) // 500))])
        return np.stack([np.zeros(len(found)), found], 1)

    coefficients = []
    for seed in range(_LIME_SEEDS):
        explainer = lime_text.LimeTextExplainer(random_state=seed, bow=False, mask_string="removed")
        found = explainer.explain_instance(
            " ".join(words), scores, labels=(1,), num_features=len(words), num_samples=LIME_COPIES
        )
        by_word = dict(found.as_map()[1])
        coefficients.append([by_word[t] for t in range(len(words))])
    return {"mean": np.mean(coefficients, 0).tolist(), "deviation": np.std(coefficients, 0, ddof=1).tolist()}


def main() -> None:
    """Measure all models."""
    runs: list[dict[str, Any]] = []
    for model in MODELS:
        run = log_probability(model)
        runs.append({"model": model, "shap": of_shap(run), "lime": {**of_lime(run), "seeds": _LIME_SEEDS}})
    versions = {package: version(package).partition("+")[0] for package in ("shap", "lime", "transformers", "torch")}
    RESULTS.write_text(json.dumps({"versions": versions, "runs": runs}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
