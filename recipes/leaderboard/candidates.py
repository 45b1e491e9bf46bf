"""Methods that are measured but not in `METHODS`: each becomes a method only if it wins."""

import math

from hf_gradexplain.attribution.averaged_gradients import IntegratedGradients
from hf_gradexplain.attribution.formulas import signed_gi
from hf_gradexplain.attribution.methods import METHODS, Method, register
from hf_gradexplain.attribution.sources import gradient_passes, masked_copies, masks_words

CANDIDATES = {
    f"ig_{name}_{steps}": Method(
        IntegratedGradients(steps, rules), signed_gi, True, f"integrated gradients through {rules}, {steps} steps"
    )
    for name, rules in (("attn", "attn_lrp"), ("cp", "cp_lrp"))
    for steps in (3, 5)
}
"""Integrated gradients whose every gradient follows a rule set."""

IG_STEPS = 20
"""Points on the path of `integrated_gradients`, the same for all texts."""

FOR_THE_CANDIDATES = ("random", "loo", "signed_gi", "integrated_gradients", "attn_lrp", "cp_lrp", "gi_detached")
"""The methods they are compared with where a full comparison takes too long."""


def register_candidates() -> None:
    """Add the candidates to `METHODS`; a candidate that is there already stays as it is."""
    for name, method in CANDIDATES.items():
        if name not in METHODS:
            register(name, method)


def passes(method: str, units: float) -> float:
    """Return how many passes over the model a method takes for a text.

    A pass is a forward pass, with a backward pass for methods that take gradients. Methods that draw at random may stop
    earlier.

    Args:
        method: Name of the method.
        units: Number of units of the text.

    >>> register_candidates()
    >>> [passes(name, 30) for name in ("random", "loo", "cp_lrp", "integrated_gradients", "ig_cp_3")]
    [0, 30, 1, 20, 3]
    """
    source = METHODS[method].source
    return masked_copies(source, math.ceil(units)) if masks_words(source) else gradient_passes(source, units)
