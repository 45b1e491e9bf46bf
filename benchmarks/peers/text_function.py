"""The function of texts that shap and lime explain."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

ROWS = 16
"""The number of texts in one forward pass."""


def probabilities_of(model: Any, tokenizer: Any) -> Callable[[Sequence[str]], np.ndarray]:
    """Return the function from `N` texts to `(N, C)` probabilities."""

    @torch.no_grad()
    def probabilities(texts: Sequence[str]) -> np.ndarray:
        inputs = tokenizer([str(text) for text in texts], padding=True, truncation=True, return_tensors="pt")
        return model(**inputs.to(model.device)).logits.softmax(-1).cpu().numpy()

    def in_batches(texts: Sequence[str]) -> np.ndarray:
        return np.concatenate([probabilities(texts[i : i + ROWS]) for i in range(0, len(texts), ROWS)])

    return in_batches
