"""What each method is, in a table by hand: wrong flags cost time or show scores with the wrong sign colours."""

import pytest

from hf_gradexplain.attribution.averaged_gradients import SmoothGrad
from hf_gradexplain.attribution.descriptions import DESCRIPTIONS
from hf_gradexplain.attribution.methods import METHODS
from hf_gradexplain.attribution.sources import (
    draws,
    draws_baselines,
    gradient_passes,
    is_sampled,
    masked_copies,
    masks_words,
    propagates,
    removes_neighbours,
    takes_gradients,
)

UNSIGNED = {"random", "sa_raw", "sa_l1", "sa_l2", "sa_linf", "smoothgrad", "vargrad"}
GRAPH = {"sa_raw", "sa_l1", "sa_l2", "sa_linf", "signed_gi", "attn_lrp", "cp_lrp", "gi_detached"}
"""They differentiate the given forward pass."""
OWN_PASSES = {
    "gi_prob",
    "integrated_gradients",
    "gradient_shap",
    "sequential_integrated_gradients",
    "smoothgrad",
    "vargrad",
}
PROPAGATING = {"attn_lrp", "cp_lrp", "gi_detached"}
SAMPLED = {"gradient_shap", "shapley", "partition_shapley", "kernel_shap", "lime"}
MASKING = {"loo", "occlusion", "shapley", "partition_shapley", "kernel_shap", "lime"}
SEEDED = {"random", "smoothgrad", "vargrad"}


def those(condition):
    return {name for name, method in METHODS.items() if condition(method.source)}


def test_the_flags_of_all_methods():
    assert set(METHODS) == set(DESCRIPTIONS)
    assert {name for name, method in METHODS.items() if not method.signed} == UNSIGNED
    assert those(lambda source: source.graph) == GRAPH
    assert those(takes_gradients) == GRAPH | OWN_PASSES
    assert those(propagates) == PROPAGATING
    assert those(is_sampled) == SAMPLED
    assert those(masks_words) == MASKING
    assert those(removes_neighbours) == {"loo", "occlusion"}
    assert those(draws_baselines) == {"gradient_shap"}
    assert those(draws) == SAMPLED | SEEDED
    assert those(lambda source: getattr(source, "continues", False)) == {"shapley"}
    assert those(lambda source: getattr(source, "by_parts", False)) == {"partition_shapley"}
    assert METHODS["smoothgrad"].source == METHODS["vargrad"].source == SmoothGrad(copies=20, level=0.15)


@pytest.mark.parametrize(("name", "passes"), [
    ("random", 0), ("loo", 0), ("occlusion", 0), ("shapley", 0), ("sa_l2", 1), ("gi_prob", 1), ("attn_lrp", 1),
    ("integrated_gradients", 20), ("sequential_integrated_gradients", 140), ("smoothgrad", 20), ("vargrad", 20),
])  # fmt: skip
def test_passes_and_copies_of_a_text_of_seven_units(name, passes):
    source = METHODS[name].source
    assert gradient_passes(source, 7) == passes
    if name in ("loo", "occlusion"):
        assert (masked_copies(source, 7), masked_copies(source, 0)) == (7 if name == "loo" else 5, 0)
    elif name != "shapley":
        assert masked_copies(source, 7) == 0
