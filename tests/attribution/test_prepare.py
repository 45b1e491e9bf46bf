"""The token budget, and what is said about options that leave each other nothing to do."""

import pytest

from hf_gradexplain.attribution.prepare import batch_tokens, ignored_baseline
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.options import Options
from tests.helpers.tiny import explainer, make

REFERENCES = ("a good film",)
CUT = "baseline='mean' is ignored, as mask='deletion' cuts words out and no method needs it: leave out baseline or mask"
DRAWN = (
    "baseline='mean' says only how words are masked, as gradient_shap draws from reference_texts: "
    "leave out baseline or reference_texts"
)


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


FIXED = {"padding": "max_length", "max_length": 9}


@pytest.mark.parametrize(
    ("side", "kwargs", "left", "fixed_length"),
    [
        ("left", {}, True, False),
        ("right", {}, False, False),
        ("left", {"padding_side": "right"}, True, False),  # texts are padded in batches, by the tokenizer's side
        ("right", FIXED, False, True),
        ("right", FIXED | {"padding_side": "left"}, True, True),
        ("left", FIXED | {"padding_side": "right"}, False, True),
    ],
)
def test_copies_without_words_are_padded_as_their_texts(side, kwargs, left, fixed_length):
    model, tokenizer = make("bert")
    tokenizer.padding_side = side
    explain, options = Explainer(model, tokenizer), Options("loo", mask="deletion", tokenizer_kwargs=kwargs)
    (scored,) = explain.score(explain.encode(["a good film"], options), options)
    deletion, (mask,) = scored.forward.classifier.deletion, scored.forward.batch.inputs["attention_mask"].tolist()
    assert (deletion.left, deletion.fixed_length) == (left, fixed_length)
    assert mask == sorted(mask, reverse=not left)
