"""A token budget that was learned with one kind of pass does not limit the other kind."""

import pytest

from hf_gradexplain.classifier.memory import lower_limit
from hf_gradexplain.explainer import Explainer
from tests.helpers.tiny import make

LONG = "good film " * 30
"""Three windows of 64 tokens."""


def passes(kind, text, methods, lowered, **how):
    """Return how often the model runs, if memory ran out at 2 tokens in passes with a graph, or in those without."""
    model, tokenizer = make(kind)
    explain = Explainer(model, tokenizer)
    if lowered is not None:
        lower_limit(model, 2, graph=lowered)
    runs = []
    model.register_forward_hook(lambda model, inputs, output: runs.append(len(output.logits)))
    explain(text, methods, self_check=False, **how)
    return len(runs)


@pytest.mark.filterwarnings("ignore:the scores of .* should add up to the rise")
@pytest.mark.parametrize(
    ("kind", "text", "methods", "how", "graph"),
    [
        ("bert", "a good film", "loo", {}, False),
        ("bert", "a good film", "loo", {"mask": "deletion"}, False),
        ("gpt2", "a good film", "loo", {}, False),  # by shared prefixes
        ("bert", "a good film bad end", "occlusion", {}, False),
        ("bert", "a good film", "shapley", {}, False),
        ("bert", "a good film", "integrated_gradients", {"steps": 4}, True),
        ("bert", "a good film", "smoothgrad", {}, True),
        ("bert", "a good film", "gradient_shap", {"max_evals": 8}, True),
        ("bert", LONG, "signed_gi", {"stride": 0}, True),
        ("bert", LONG, "cp_lrp", {"stride": 0}, True),
        ("bert", LONG, "loo", {"stride": 0}, False),
    ],
)
def test_only_passes_of_this_kind_are_divided(kind, text, methods, how, graph):
    usual = passes(kind, text, methods, None, **how)
    assert passes(kind, text, methods, not graph, **how) == usual
    assert passes(kind, text, methods, graph, **how) > usual
