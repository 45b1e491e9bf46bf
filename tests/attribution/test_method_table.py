"""What each method is, in a table by hand: wrong flags cost time or show scores with the wrong sign colours."""

from dataclasses import dataclass

import pytest

from hf_gradexplain.attribution.averaged_gradients import SmoothGrad
from hf_gradexplain.attribution.descriptions import DESCRIPTIONS
from hf_gradexplain.attribution.formulas import as_is
from hf_gradexplain.attribution.methods import METHODS, Method
from hf_gradexplain.attribution.sources import Backward, Source
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.perturb import Shortcut

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


FLAGS = {
    "graph": GRAPH,
    "takes_gradients": GRAPH | OWN_PASSES,
    "propagates": PROPAGATING,
    "sampled": SAMPLED,
    "masks": MASKING,
    "neighbours": {"loo", "occlusion"},
    "draws_baselines": {"gradient_shap"},
    "seeded": SAMPLED | SEEDED,
    "continues": {"shapley"},
    "by_parts": {"partition_shapley"},
    "complete": {"integrated_gradients"},
}


def test_the_flags_of_all_methods():
    assert set(METHODS) == set(DESCRIPTIONS)
    assert {name for name, method in METHODS.items() if not method.signed} == UNSIGNED
    for flag, names in FLAGS.items():
        assert {name for name, method in METHODS.items() if getattr(method.source, flag)} == names, flag
    assert METHODS["smoothgrad"].source == METHODS["vargrad"].source == SmoothGrad(copies=20, level=0.15)


@pytest.mark.parametrize(("name", "passes"), [
    ("random", 0), ("loo", 0), ("occlusion", 0), ("shapley", 0), ("sa_l2", 1), ("gi_prob", 1), ("attn_lrp", 1),
    ("integrated_gradients", 20), ("sequential_integrated_gradients", 140), ("smoothgrad", 20), ("vargrad", 20),
])  # fmt: skip
def test_passes_and_copies_of_a_text_of_seven_units(name, passes):
    source = METHODS[name].source
    assert source.passes(7) == passes
    if name in ("loo", "occlusion"):
        assert (source.masked_copies(7), source.masked_copies(0)) == (7 if name == "loo" else 5, 0)
    elif name != "shapley":
        assert source.masked_copies(7) == 0


@pytest.mark.parametrize("name", sorted(SAMPLED))
def test_a_text_without_units_takes_no_masked_copy_and_the_copies_of_gradient_shap_lack_no_unit(name):
    source = METHODS[name].source
    assert source.masked_copies(0) == 0
    assert (source.masked_copies(12) > 0) == (name != "gradient_shap")


def test_a_source_with_the_defaults_takes_no_further_pass():
    source = Source()
    assert not any(getattr(source, flag) for flag in FLAGS)
    assert source.passes(3) == source.masked_copies(3) == 0
    assert source.saved_by(Shortcut(subsets=print), 3)
    assert not source.saved_by(Shortcut(leave_one_out=print), 3)
    with pytest.raises(NotImplementedError):
        source(None)


def test_a_source_that_says_no_more_takes_one_pass_if_it_takes_gradients_and_is_called_once_per_class():
    class OwnPass(Source):
        gradients = True

        def __call__(self, forward):
            return -forward

    assert OwnPass().passes(3) == 1
    assert list(OwnPass().of_classes([1, 2])) == [-1, -2]


@dataclass(frozen=True)
class Duck:
    """A class like a source that lacks the base class."""

    graph = False


def test_a_source_without_the_base_class_is_refused():
    with pytest.raises(GradexplainError) as refused:
        Method(Duck(), as_is, True, "")
    assert str(refused.value) == (
        "Duck() is not a source: give a dataclass that inherits from hf_gradexplain.Source, for example Backward()"
    )
    with pytest.raises(GradexplainError, match="Backward'> is not a source"):
        Method(Backward, as_is, True, "")
