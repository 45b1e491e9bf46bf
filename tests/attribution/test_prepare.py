"""The token budget, and what is said about options that leave each other nothing to do."""

import pytest

from hf_gradexplain.attribution.prepare import batch_tokens, ignored_baseline
from hf_gradexplain.options import Options
from tests.helpers.tiny import explainer

REFERENCES = ("a good film",)
CUT = (
    "baseline='mean' is ignored, as mask='deletion' cuts words out and no method starts from a baseline: leave out one"
)
DRAWN = "baseline='mean' says only how words are masked, as gradient_shap draws from reference_texts: leave out one"


@pytest.mark.parametrize(
    ("methods", "more", "said"),
    [
        (("loo",), {}, ""),
        (("loo", "random"), {"mask": "deletion"}, CUT),
        (("sa_l2", "shapley"), {"mask": "deletion"}, CUT),
        (("loo", "signed_gi"), {"mask": "deletion"}, ""),
        (("gradient_shap",), {"mask": "deletion"}, ""),
        (("gradient_shap",), {"mask": "deletion", "reference_texts": REFERENCES}, CUT),
        (("gradient_shap", "loo"), {"reference_texts": REFERENCES}, DRAWN),
        (("gradient_shap", "integrated_gradients"), {"reference_texts": REFERENCES}, ""),
        (("gradient_shap",), {}, ""),
    ],
)
def test_a_baseline_that_nothing_uses_is_named(methods, more, said):
    assert ignored_baseline(Options(methods, baseline="mean", **more)) == said
    assert ignored_baseline(Options(methods, **more)) == ""


def test_users_are_warned():
    with pytest.warns(UserWarning, match="^baseline='mean' is ignored, as mask='deletion' cuts words out"):
        explainer("textcnn")("a good film", methods="loo", mask="deletion", baseline="mean", self_check=False)


@pytest.mark.parametrize(("kind", "expected"), [("fasttext", 8192), ("textcnn", 1024), ("bert", 1024)])
def test_the_token_budget_on_a_cpu_is_that_of_the_model(kind, expected):
    model = explainer(kind).model
    assert batch_tokens(model, Options()) == expected
    assert batch_tokens(model, Options(batch_tokens=7)) == 7
