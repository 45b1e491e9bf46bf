"""Methods that are measured in addition to `METHODS`: candidates, and methods with fixed numbers of copies."""

import math
from dataclasses import replace

from hf_gradexplain.attribution.averaged_gradients import IntegratedGradients
from hf_gradexplain.attribution.formulas import signed_gi
from hf_gradexplain.attribution.methods import METHODS, Method, register

CANDIDATES = {
    f"ig_{name}_{steps}": Method(
        IntegratedGradients(steps, rules), signed_gi, True, f"integrated gradients through {rules}, {steps} steps"
    )
    for name, rules in (("attn", "attn_lrp"), ("cp", "cp_lrp"))
    for steps in (3, 5)
}
"""Integrated gradients with gradients that are computed by the rules of relevance propagation."""

BUDGETS = (200, 1000)
"""The numbers of masked copies of a text with which the sampled methods are measured."""


def _sampled(name: str, copies: int) -> Method:
    """Return a sampled method that uses all of its masked copies."""
    method = METHODS[name]
    return replace(method, source=replace(method.source, max_evals=copies, max_error=0))  # type: ignore[type-var]


WITH_COPIES = {
    **{
        f"{name}_{copies}": _sampled(name, copies)
        for name in ("shapley", "kernel_shap", "partition_shapley", "lime")
        for copies in BUDGETS
    },
    "gradient_shap_200": _sampled("gradient_shap", 200),
}
"""The sampled methods, by name and number of copies of a text."""

IG_STEPS = 20
"""Points on the path of `integrated_gradients`, the same for all texts."""

FOR_THE_CANDIDATES = ("random", "loo", "signed_gi", "integrated_gradients", "attn_lrp", "cp_lrp", "gi_detached")
"""The methods that candidates are compared with if a comparison with all methods takes too long."""

EXTRA = {**CANDIDATES, **WITH_COPIES}
"""All methods that are measured in addition to `METHODS`."""

MASKING = (*WITH_COPIES, "occlusion", *FOR_THE_CANDIDATES)
"""The methods of the evaluation `masking`: those that run many copies of a text, and those they are compared with."""


def register_candidates() -> None:
    """Add `EXTRA` to `METHODS`; a method that is already in `METHODS` stays as it is."""
    for name, method in EXTRA.items():
        if name not in METHODS:
            register(name, method)


def passes(method: str, units: float) -> float:
    """Return how many passes over the model a method takes for a text.

    A pass is a forward pass, with a backward pass for methods that take gradients. Methods that draw at random may take
    fewer passes.

    Args:
        method: Name of the method.
        units: Number of units of the text.

    >>> register_candidates()
    >>> [passes(name, 30) for name in ("random", "loo", "cp_lrp", "integrated_gradients", "ig_cp_3")]
    [0, 30, 1, 20, 3]
    """
    source = METHODS[method].source
    return source.masked_copies(math.ceil(units)) if source.masks else source.passes(units)
