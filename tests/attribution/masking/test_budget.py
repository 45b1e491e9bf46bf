"""No text runs more masked copies than `max_evals`: the texts that the model reads are counted."""

from dataclasses import replace

import pytest

from hf_gradexplain.attribution.methods import METHODS
from tests.helpers.tiny import explainer

WORDS = "the music of this film is good not bad a word about the actor and the end of it but no one laughs"
"""One clause."""

LEAST = {
    "shapley": lambda units: 4 * units - 3,
    "partition_shapley": lambda units: 4 * units - 3,
    "kernel_shap": lambda units: 4 * units + 1,
    "lime": lambda units: 2 * units,
    "gradient_shap": lambda units: 4,
}
"""The copies that each method runs even if `max_evals` is smaller."""


def counted(text, method, **how):
    """Return an explanation, and how many copies of the text the model read to its end."""
    rows, explain = [], explainer("bert")
    hook = explain.model.register_forward_hook(lambda model, inputs, outputs: rows.append(len(outputs.logits)))
    try:
        found = explain(text, method, max_error=0.0, self_check=False, **how)
    finally:
        hook.remove()
    return found, sum(rows) - 1


@pytest.mark.parametrize("units", [2, 5, 9, 21])
@pytest.mark.parametrize("method", LEAST)
def test_no_text_runs_more_copies_than_the_budget(method, units):
    text, least = " ".join(WORDS.split()[:units]), LEAST[method](units)
    for max_evals in (1, least, 2 * least + 1, 8 * least, 8 * least + 1, 401):
        found, copies = counted(text, method, max_evals=max_evals)
        assert len(found.units) == units
        assert found.sampling[method].copies == copies <= max(max_evals, least)
        assert copies <= replace(METHODS[method].source, max_evals=max_evals).copies(units)


def test_all_classes_and_a_refinement_stay_within_the_budget():
    for few, many in ((200, 700), (1100, 1300)):
        found, copies = counted(WORDS, "shapley", max_evals=few, target="all")
        assert found.sampling["shapley"].copies == copies <= few
        again = explainer("bert").refine(found, many)
        assert again.sampling["shapley"].draws > found.sampling["shapley"].draws
        assert again.sampling["shapley"].copies <= many
