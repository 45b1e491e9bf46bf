"""shap: its explainers of texts, which mask tokens in the text itself and run the model on the result."""

from typing import Any

import shap

from benchmarks.peers.peer import Work
from benchmarks.peers.text_function import ROWS, probabilities_of


def _explainer(algorithm: str) -> Work:
    def explain(model: Any, tokenizer: Any, texts: list[str], size: int) -> object:
        masker = shap.maskers.Text(tokenizer)
        explainer = shap.Explainer(probabilities_of(model, tokenizer), masker, algorithm=algorithm, seed=0)
        return [explainer([text], batch_size=ROWS, silent=True) for text in texts]

    return explain


COSTS = {"partition, the default": _explainer("partition"), "permutation": _explainer("permutation")}
