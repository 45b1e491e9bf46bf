"""Descriptions of the methods. The command line lists them without importing PyTorch, which takes seconds."""

from typing import NamedTuple


class Description(NamedTuple):
    """A description of a method.

    Attributes:
        signed: Whether a positive score supports the target and a negative one opposes it.
        summary: A short description.
        cost: The passes through the model beyond one forward pass, for a text of `U` units.
    """

    signed: bool
    summary: str
    cost: str


DESCRIPTIONS = {
    "random": Description(False, "a seeded random permutation, the baseline", "none"),
    "loo": Description(True, "leave-one-out: rise of the loss without the unit", "U forward"),
    "sa_raw": Description(False, "sensitivity analysis (saliency): the gradient, summed", "1 backward"),
    "sa_l1": Description(False, "sensitivity analysis (saliency): L1 norm of the gradient", "1 backward"),
    "sa_l2": Description(False, "sensitivity analysis (saliency): L2 norm of the gradient", "1 backward"),
    "sa_linf": Description(False, "sensitivity analysis (saliency): maximum norm of the gradient", "1 backward"),
    "signed_gi": Description(True, "minus gradient times input, summed", "1 backward"),
    "gi_prob": Description(True, "signed_gi of the probability, whatever the objective", "1 forward and backward"),
    "integrated_gradients": Description(
        True, "gradient times input, the gradient averaged from baseline to text", "20 to 300 forward and backward"
    ),
    "gradient_shap": Description(
        True, "integrated gradients averaged over random baselines and points", "16 to 2,000 forward and backward"
    ),
    "sequential_integrated_gradients": Description(
        True, "integrated gradients of each unit alone: about loo, at a higher price", "20 U forward and backward"
    ),
    "attn_lrp": Description(True, "relevance propagation: AttnLRP", "1 backward"),
    "cp_lrp": Description(True, "relevance propagation: conservative, attention weights as constants", "1 backward"),
    "gi_detached": Description(
        True,
        "signed_gi with attention weights and the standard deviations of normalisation layers as constants",
        "1 backward",
    ),
    "occlusion": Description(
        True, "occlusion: mean rise of the loss without windows of 3 units that contain the unit", "U forward"
    ),
    "shapley": Description(
        True, "Shapley values: rise of the loss without the unit, over random orders", "up to 2,000 forward"
    ),
    "partition_shapley": Description(
        True,
        "Owen values: Shapley values over orders that keep sentences and clauses together",
        "about 3/4 U² forward, up to 2,000",
    ),
    "kernel_shap": Description(
        True, "KernelSHAP: Shapley values by least squares on random sets of units", "up to 2,000 forward"
    ),
    "lime": Description(True, "LIME: ridge regression of the loss on which units are removed", "up to 2,000 forward"),
    "smoothgrad": Description(False, "L2 norm of the gradient averaged over noisy copies", "20 forward and backward"),
    "vargrad": Description(False, "variance of the gradient over noisy copies, summed", "20 forward and backward"),
}
"""One description per method of `hf_gradexplain.attribution.methods`, in the same order."""

PAPER_METHODS = ("random", "loo", "sa_raw", "sa_l1", "sa_l2", "sa_linf", "signed_gi")
"""The methods that the paper compares."""
