"""Scores of relevance propagation on a model, and their comparison with those of an equal model."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from hf_gradexplain.explainer import Explainer
from tests.helpers.tiny import TEXTS, Kind, explainer
from tests.helpers.toys import TEXT, TOKENIZER, Toy

METHODS = ("attn_lrp", "cp_lrp", "gi_detached")

Scores = Mapping[str, np.ndarray]


def scores(
    model: nn.Module,
    tokenizer: PreTrainedTokenizerBase = TOKENIZER,
    texts: Sequence[str] = (TEXT,),
    methods: Sequence[str] = METHODS,
    objective: str = "logit",
    **options: str | bool,
) -> Scores:
    """Return the scores of each method, of all texts together."""
    return scores_of(Explainer(model, tokenizer), texts, methods, objective, **options)


def scores_of(
    explain: Explainer,
    texts: Sequence[str] = (TEXT,),
    methods: Sequence[str] = METHODS,
    objective: str = "logit",
    **options: str | bool,
) -> Scores:
    """Return the same by an explainer that was made before."""
    explanations = explain(list(texts), methods, objective=objective, **options)
    return {method: np.concatenate([x.scores[method] for x in explanations]) for method in methods}


@cache
def tiny_scores(kind: Kind) -> Scores:
    """Return the scores of all `TEXTS` on the model that `make(kind)` returns."""
    return scores_of(explainer(kind), TEXTS)


def toy_scores(mix: Callable[[Tensor], Tensor]) -> Scores:
    return scores(Toy(mix=mix))


def assert_same(actual: Scores, expected: Scores, rel: float = 1e-12) -> None:
    """Check that the scores differ by at most `rel` of the largest one, which is not near zero."""
    assert set(actual) == set(expected)
    for method, values in expected.items():
        largest = np.abs(values).max()
        assert largest > 1e-6
        np.testing.assert_allclose(actual[method], values, rtol=0, atol=rel * largest)
