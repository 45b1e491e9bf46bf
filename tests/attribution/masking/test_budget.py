"""No text runs more masked copies than `max_evals`: the texts that the model reads are counted."""

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


def counted(run):
    """Return the result of a call, and how many texts the model read to their ends."""
    rows = []
    hook = explainer("bert").model.register_forward_hook(lambda model, inputs, out: rows.append(len(out.logits)))
    try:
        return run(), sum(rows)
    finally:
        hook.remove()


def explained(text, method, **how):
    """Return an explanation, and how many copies of the text the model read."""
    found, rows = counted(lambda: explainer("bert")(text, method, self_check=False, **how))
    return found, rows - 1


@pytest.mark.parametrize("units", [2, 5, 9, 21])
@pytest.mark.parametrize("method", LEAST)
def test_no_text_runs_more_copies_than_the_budget(method, units):
    text, least = " ".join(WORDS.split()[:units]), LEAST[method](units)
    for max_evals in (1, least, 2 * least + 1, 8 * least, 8 * least + 1, 401):
        found, copies = explained(text, method, max_evals=max_evals, max_error=0.0)
        assert len(found.units) == units
        assert found.sampling[method].copies == copies <= max(max_evals, least)
        assert copies <= METHODS[method].source.most_copies(units, max_evals)


def test_a_refinement_that_could_be_exact_stays_within_the_budget():
    """All 1,023 sets of 10 words fit into the new budget, but not together with the copies that ran."""
    text = " ".join(WORDS.split()[:10])
    found, _ = explained(text, "shapley", max_evals=500, max_error=0.0)
    ran = found.sampling["shapley"].copies
    again = explainer("bert").refine(found, 1023).sampling["shapley"]
    assert ran < again.copies <= 1023
    assert again.draws > 0
    exact = explainer("bert").refine(found, 1023 + ran).sampling["shapley"]
    assert (exact.draws, exact.copies) == (0, 1023 + ran)


@pytest.mark.parametrize(
    ("few", "many", "max_error"), [(200, 700, 0.0), (1100, 1300, 0.0), (2000, 2300, 0.02)], ids=["few", "more", "stops"]
)
def test_all_classes_and_a_refinement_stay_within_the_budget(few, many, max_error):
    """A refinement reads the text twice as it is."""
    found, copies = explained(WORDS, "shapley", max_evals=few, target="all", max_error=max_error)
    before = [each.sampling["shapley"] for each in found.by_class().values()]
    assert (len({each.draws for each in before}) > 1) == (max_error > 0)
    assert {each.copies for each in before} == {copies}
    assert copies <= few
    again, rows = counted(lambda: explainer("bert").refine(found, many))
    after = [each.sampling["shapley"] for each in again.by_class().values()]
    assert {each.copies for each in after} == {copies + rows - 2}
    assert copies + rows - 2 <= many
    further = {late.draws - early.draws for early, late in zip(before, after, strict=True)}
    assert len(further) == 1
    assert min(further) > 0
