"""This package, measured like the other tools."""

from functools import cache
from typing import Any

from benchmarks.peers.peer import TARGET, Speed, Work
from hf_gradexplain import Explainer

METHODS = ("signed_gi", "sa_l2", "sa_l1", "sa_linf", "sa_raw")


@cache
def _explainer(model: Any, tokenizer: Any) -> Explainer:
    """Return the explainer of a model, made once as a user would; the warm-up run includes its cost."""
    return Explainer(model, tokenizer)


def _explain(model: Any, tokenizer: Any, texts: list[str], size: int, methods: tuple[str, ...]) -> object:
    labels = [TARGET] * len(texts)
    return _explainer(model, tokenizer)(texts, methods, "token", labels, objective="logit", batch_tokens=size)


SPEED = Speed(
    methods=METHODS,
    one=lambda *given: _explain(*given, METHODS[:1]),
    several=lambda *given: _explain(*given, METHODS),
    sizes=(512, 1024, 2048),
    occlusion=lambda *given: _explain(*given, ("loo",)),
    copies=(512, 1024, 2048),
)


def _cost(*methods: str) -> Work:
    return lambda *given: _explain(*given, methods)


COSTS = {
    "signed_gi": _cost("signed_gi"),
    "attn_lrp, the default": _cost("attn_lrp"),
    "5 gradient methods": _cost(*METHODS),
    "integrated_gradients": _cost("integrated_gradients"),
    "loo": _cost("loo"),
}
