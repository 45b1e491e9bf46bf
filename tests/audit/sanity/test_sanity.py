import re
import warnings
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
import torch
from scipy import stats

from hf_gradexplain import Explainer
from hf_gradexplain.attribution import formulas
from hf_gradexplain.attribution.methods import METHODS, Method
from hf_gradexplain.attribution.sources import Source
from hf_gradexplain.audit.sanity.input_shift import find_input_shift
from hf_gradexplain.audit.sanity.model_layers import permuted
from hf_gradexplain.audit.sanity.result import AGREES, CHANGES, NO_METHOD, UNCHANGED, UNCLEAR, finding
from hf_gradexplain.classifier.objective import Objective
from hf_gradexplain.classifier.state import frozen_eval_mode
from hf_gradexplain.errors import GradexplainError, warn
from tests.helpers.snapshot import snapshot
from tests.helpers.tiny import make

WORDS = tuple("the film is good and end not bad a with actor music one word about of this worst all".split())  # noqa: SIM905
TEXTS = [" ".join(np.random.default_rng(i).permutation(WORDS)[: 10 + i % 8]) for i in range(10)]
METHODS_CHECKED = ("random", "loo", "sa_l2", "signed_gi")


@dataclass(frozen=True)
class Length(Source):
    """The length of a word, which no model knows of."""

    def __call__(self, forward):
        scores = torch.zeros(forward.batch.units.real.shape, dtype=torch.float64)
        for row, document in zip(scores, forward.batch.documents, strict=True):
            spans = [unit.spans[0] for unit in document.occurrences.units()]
            row[: len(spans)] = torch.tensor([stop - start for start, stop in spans])
        return scores


@cache
def checked():
    explainer = Explainer(*make("bert"))
    return explainer, explainer.sanity(TEXTS, METHODS_CHECKED, independent=True)


def scores_of(explainer, labels):
    explanations = explainer(TEXTS, METHODS_CHECKED, labels=labels)
    return {name: [explanation.scores[name] for explanation in explanations] for name in METHODS_CHECKED}


def with_random(names, seed=0):
    """Return an explainer of a new model in which these parameters are random."""
    model, tokenizer = make("bert")
    model.load_state_dict(permuted(model, names, seed), strict=False)
    return Explainer(model, tokenizer)


def spearman(scores, reference):
    return np.array([stats.spearmanr(x, y).statistic for x, y in zip(scores, reference, strict=True)])


@pytest.fixture(scope="module")
def by_hand():
    """The scores of the model and of models with random parameters, all for the classes that the model predicts."""
    explainer, _ = checked()
    labels = [explanation.target for explanation in explainer(TEXTS, "sa_l2")]
    names = list(dict(explainer.model.named_parameters()))
    head = [name for name in names if name.startswith(("classifier", "bert.pooler"))]
    block = [name for name in names if name.startswith("bert.encoder.layer.1.")]
    models = {
        "trained": explainer,
        ("cascading", 2): with_random(head),
        ("cascading", 5): with_random(names),
        ("independent", 3): with_random(block),
        "another": with_random(names, seed=1),
    }
    return {key: scores_of(model, labels) for key, model in models.items()}


@pytest.mark.parametrize("which", [("cascading", 2), ("cascading", 5), ("independent", 3)])
def test_the_curve_is_that_of_models_made_with_the_same_random_parameters(which, by_hand):
    curve = checked()[1].randomisation
    rows = curve[(curve["order"] == which[0]) & (curve["step"] == which[1]) & (curve["against"] == "the model")]
    for row in rows.itertuples():
        sign = np.abs if row.values == "absolute" else np.asarray
        scores, trained = ([sign(x) for x in by_hand[key][row.method]] for key in (which, "trained"))
        assert row.median == pytest.approx(np.median(spearman(scores, trained)), abs=1e-6)
        assert (row.n, row.n_undefined) == (len(TEXTS), 0)
    assert len(rows) == 6


def test_two_random_models_are_those_of_two_seeds(by_hand):
    _, result = checked()
    table, first, second = result.to_frame().set_index("method"), by_hand["cascading", 5], by_hand["another"]
    curve = result.randomisation
    curve = curve[(curve["against"] == "another random model") & (curve["values"] == "scores")].set_index("method")
    for method in METHODS_CHECKED:
        row, trained = table.loc[method], by_hand["trained"][method]
        two_random = np.median(spearman(first[method], second[method]))
        assert row["two_random"] == curve.loc[method, "median"] == pytest.approx(two_random, abs=1e-6)
        mean = (spearman(first[method], trained) + spearman(second[method], trained)) / 2
        assert row["randomised"] == pytest.approx(np.median(mean), abs=1e-6)
        agreement = stats.quantile_test(spearman(first[method], second[method]), q=0, p=0.5).confidence_interval()
        assert (row["two_random_ci_low"], row["two_random_ci_high"]) == pytest.approx(agreement[:], abs=1e-6)
        interval = stats.quantile_test(mean, q=0, p=0.5).confidence_interval()
        assert (row["ci_low"], row["ci_high"]) == pytest.approx((interval.low, interval.high), abs=1e-6)


def test_a_method_that_does_not_look_at_the_model_is_named_and_others_are_not(monkeypatch):
    monkeypatch.setitem(METHODS, "length", Method(Length(), formulas.as_is, False, "the length of the word"))
    explainer = Explainer(*make("bert"))
    result = explainer.sanity(TEXTS[:8], ("random", "length", "loo", "signed_gi"))
    assert result.unchanged == ("length",)
    table = result.to_frame().set_index("method")
    assert table.loc["length", "finding"] == UNCHANGED
    assert table.loc["random", "finding"] == NO_METHOD
    assert set(table.loc[["loo", "signed_gi"], "finding"]) == {CHANGES}
    check = result.report()[0]
    assert (check.verdict, check.action) == (
        "problem",
        "do not explain this model with length: the scores ignore its parameters",
    )
    assert "length" in repr(result)
    assert "svg" in result._repr_html_()


def test_only_the_model_itself_warns(monkeypatch):
    """Once for the scores, and once for each of the two seeds that show whether a method draws."""

    class Warns(Length):
        def __call__(self, forward):
            warn("this model is strange")
            return super().__call__(forward)

    monkeypatch.setitem(METHODS, "warns", Method(Warns(), formulas.as_is, False, "a method that warns"))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        Explainer(*make("textcnn")).sanity(TEXTS[:3], ("warns",))
    assert len(said) == 3


def test_gradient_norms_of_a_linear_model_are_named():
    explainer = Explainer(*make("fasttext"))
    texts = [f"{text} {text.split()[0]} {text.split()[0]} {text.split()[1]}" for text in TEXTS[:8]]
    result = explainer.sanity(texts, ("sa_l2", "signed_gi"), "word_type")
    assert result.unchanged == ("sa_l2",)  # the number of occurrences, whatever the model
    assert result.to_frame()["randomised"].iloc[0] == pytest.approx(1)


def test_the_same_function_of_shifted_words_has_the_same_gradients():
    _, result = checked()
    table = result.to_frame().set_index("method")
    assert result.shifted == "bert.embeddings.word_embeddings against bert.embeddings.position_embeddings"
    assert table.loc["sa_l2", "shift_difference"] < 1e-9
    assert table.loc["sa_l2", "shifted"] == pytest.approx(1)
    assert set(result.variant) == {"loo", "signed_gi"}
    assert result.report()[1].verdict == "note"


def test_a_baseline_that_moves_along_makes_gradient_times_input_invariant():
    result = checked()[0].sanity(TEXTS[:2], "signed_gi", baseline="mean")
    assert result.to_frame()["shift_difference"].item() < 1e-9
    assert result.variant == ()
    assert result.report()[1].verdict == "ok"


@pytest.mark.parametrize(
    ("kind", "positions"),
    [
        ("bert", ("bert.embeddings.position_embeddings",)),
        ("gpt2", ("transformer.wpe",)),
        ("bart", ("model.encoder.embed_positions", "model.decoder.embed_positions")),
        ("textcnn", None),
    ],
)
def test_tables_of_positions_that_take_the_constant_back(kind, positions):
    model, tokenizer = make(kind)
    explainer = Explainer(model, tokenizer)
    classifier = explainer.profile.classifier(model, Objective("logit", "identity"), 1024)
    inputs = tokenizer("the good film is not bad", return_tensors="pt")
    with frozen_eval_mode(model):
        shift = find_input_shift(classifier, inputs)
    assert (shift and shift.positions) == positions
    if shift is not None:
        other, _ = make(kind)
        other.load_state_dict(shift.values, strict=False)
        assert torch.allclose(other(**inputs).logits, model(**inputs).logits, rtol=0, atol=1e-10)
        words = model.get_input_embeddings().weight.detach()
        noise = np.random.default_rng((0, words.shape[1])).standard_normal(words.shape[1])
        added = (other.get_input_embeddings().weight.detach() - words).numpy()
        assert added == pytest.approx(np.tile(noise * words.numpy().std(ddof=1), (len(words), 1)), abs=1e-12)


def test_only_methods_that_draw_have_a_correlation_between_seeds():
    explainer = Explainer(*make("fasttext"))
    methods, options = ("random", "shapley", "signed_gi"), {"max_evals": 100, "max_error": 0}
    result = explainer.sanity(TEXTS, methods, seed=4, **options)
    of_seeds = [explainer(TEXTS, methods, seed=seed, **options) for seed in (4, 5)]
    for row in result.to_frame().itertuples():
        scores = [[explanation.scores[row.method] for explanation in explanations] for explanations in of_seeds]
        expected = np.nan if row.method == "signed_gi" else np.median(spearman(*scores))
        assert row.other_seed == pytest.approx(expected, abs=1e-6, nan_ok=True)
    assert "shapley" in result.report()[2].found
    assert "random" not in result.report()[2].found


def test_the_model_is_as_before_also_after_an_exception(monkeypatch):
    model, tokenizer = make("bert")
    explainer = Explainer(model, tokenizer)
    before, objects = snapshot(model, tokenizer), dict(model.named_parameters())
    explainer.sanity(TEXTS[:2], "sa_l2")
    assert snapshot(model, tokenizer) == before
    seen = []

    def fail(*args):
        seen.append(model.classifier.weight is not objects["classifier.weight"])
        if seen[-1]:
            raise RuntimeError("on purpose")
        return formulas.sa_l2(*args)

    monkeypatch.setitem(METHODS, "fails", Method(METHODS["sa_l2"].source, fail, False, ""))
    with pytest.raises(RuntimeError, match="on purpose"):
        explainer.sanity(TEXTS[:2], "fails")
    assert seen[-1]
    assert snapshot(model, tokenizer) == before
    assert all(parameter is objects[name] for name, parameter in model.named_parameters())


def test_methods_on_whose_scores_random_models_agree_get_a_note():
    result = checked()[1]
    agreeing = replace(result, checks=result.checks.assign(finding=["baseline", AGREES, CHANGES, AGREES]))
    check = agreeing.report()[0]
    assert check.verdict == "note"
    assert check.found.endswith("; random models agree on the scores of loo and signed_gi")
    assert check.action.startswith("take loo and signed_gi with care: ")


def test_few_texts_and_constant_scores_give_no_verdict():
    explainer = Explainer(*make("fasttext"))
    few = explainer.sanity(TEXTS[:3], "signed_gi")
    assert few.to_frame()["finding"].tolist() == [UNCLEAR]
    constant = explainer.sanity(TEXTS[:8], "sa_l2")  # no word occurs twice: the gradient is the same for each
    row = constant.to_frame().iloc[0]
    assert (row["n"], row["n_undefined"], row["finding"]) == (0, 8, UNCLEAR)
    assert constant.report()[0].action == "give more texts to check sa_l2"
    with pytest.raises(GradexplainError, match=re.escape("sanity checks need texts, but got none: give at least 6")):
        explainer.sanity([])


@pytest.mark.parametrize(
    ("low", "absolute", "two_random", "expected"),
    [
        (0.81, np.nan, 0.0, UNCHANGED),
        (0.79, np.nan, 0.9, AGREES),
        (0.51, np.nan, 0.0, AGREES),
        (0.49, np.nan, 0.51, AGREES),
        (0.49, np.nan, 0.49, CHANGES),
        (0.49, np.nan, np.nan, CHANGES),
        (-0.9, 0.81, 0.0, UNCHANGED),  # the same order with the opposite sign
        (-0.9, 0.51, 0.0, AGREES),
        (np.nan, np.nan, np.nan, UNCLEAR),
    ],
)
def test_finding(low, absolute, two_random, expected):
    assert finding("sa_l2", low, absolute, two_random) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "all"}, "a sanity check explains one class of each text: give another target than 'all'"),
        ({"target": [0, 1]}, "a sanity check takes one target for all texts, not one per text: give a single one"),
    ],
)
def test_questions_that_differ_between_texts_are_refused(options, message):
    with pytest.raises(GradexplainError, match=f"^{re.escape(message)}$"):
        checked()[0].sanity(TEXTS[:2], **options)
