"""Descriptions of the methods. The command line lists them without an import of PyTorch, which would take seconds."""

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
        True, "occlusion: mean rise of the loss without windows of 3 units that contain the unit", "about U forward"
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

IN_WORDS = {
    "random": "Every word gets a random rank, which has nothing to do with the model. Such ranks only show what chance "
    "looks like.",
    "loo": "Each word is removed alone, and the model predicts the text again. The score says how much weaker "
    "the prediction gets without the word.",
    "sa_raw": "It computes how the prediction reacts to a tiny change of each word's numbers in the model, and "
    "adds these reactions up. It does not say whether a word speaks for or against the class.",
    "sa_l1": "It measures how strongly the prediction reacts to a tiny change of each word's numbers in the "
    "model. It does not say whether a word speaks for or against the class.",
    "sa_l2": "It measures how strongly the prediction reacts to a tiny change of each word's numbers in the "
    "model. It does not say whether a word speaks for or against the class.",
    "sa_linf": "It measures how strongly the prediction reacts to a tiny change of each word's numbers in the "
    "model. It does not say whether a word speaks for or against the class.",
    "signed_gi": "It estimates in one step how the prediction would change if each word's numbers in the model "
    "were set to a neutral value. The estimate is approximate, because it only uses tiny changes of the text.",
    "gi_prob": "It estimates in one step how the probability would change if each word's numbers in the model "
    "were set to a neutral value. The estimate is approximate, because it only uses tiny changes of the text.",
    "integrated_gradients": "It changes a neutral text step by step into the real one, and records how the "
    "prediction reacts to each word on the way. The scores of all words add up to the change of the prediction from "
    "the neutral text to the real one.",
    "gradient_shap": "It changes several neutral texts step by step into the real one, and averages how the prediction "
    "reacts to each word on the way. The neutral texts are drawn at random, so the scores are estimates.",
    "sequential_integrated_gradients": "It changes one word at a time step by step from a neutral value into the real "
    "word, and records how the prediction reacts on the way. The result is close to removing each word alone.",
    "attn_lrp": "It follows the prediction backwards through the layers of the model, and shares it out among "
    "the words in proportion to what each contributed. The rules of this sharing are chosen for models with "
    "attention.",
    "cp_lrp": "It follows the prediction backwards through the layers of the model, and shares it out among the "
    "words. What the model pays attention to is treated as fixed.",
    "gi_detached": "It estimates in one step how the prediction would change if each word's numbers in the "
    "model were set to a neutral value. What the model pays attention to is treated as fixed.",
    "occlusion": "A window of three neighbouring words is removed at a time, and the model predicts the text "
    "again. The score of a word is the average effect of the windows that contain it.",
    "shapley": "All words are removed one by one in many orders, and the score of a word is the average effect of its "
    "removal. With many words the orders are drawn at random, so the scores are estimates.",
    "partition_shapley": "All words are removed one by one in many orders that keep clauses and sentences together, "
    "and the score of a word is the average effect of its removal. With many words the orders are drawn at random, so "
    "the scores are estimates.",
    "kernel_shap": "The model predicts many versions of the text without some of its words, and the scores are the "
    "numbers whose sums fit these predictions best. The versions are drawn at random, so the scores are estimates.",
    "lime": "The model predicts many versions of the text without some of its words, and a simple formula with one "
    "number per word is fitted to these predictions. The versions are drawn at random, so the scores are "
    "estimates.",
    "smoothgrad": "It measures how strongly the prediction reacts to a tiny change of each word's numbers in "
    "the model, averaged over noisy copies of the text. It does not say whether a word speaks for or against "
    "the class.",
    "vargrad": "It measures how much the reaction of the prediction to each word varies over noisy copies of "
    "the text. It does not say whether a word speaks for or against the class.",
}
"""How each method works, in two sentences for readers from outside the field."""

PAPER_METHODS = ("random", "loo", "sa_raw", "sa_l1", "sa_l2", "sa_linf", "signed_gi")
"""The methods that Du & Xu compare."""
