"""The self-check: its numbers against masking by hand, its limit cases, and where it is shown."""

import json
from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import combinations
from math import isnan, nan
from unicodedata import category

import numpy as np
import pytest
import torch
from datasets import Dataset
from transformers import pipeline

from hf_gradexplain.attribution.methods import METHODS
from hf_gradexplain.classifier.hooked_classifier import HookedClassifier
from hf_gradexplain.cli import main
from hf_gradexplain.commands.recipe_arguments import EvaluateRecipeArguments
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.extra_measures import Measures
from hf_gradexplain.explainer import Explainer, explain
from hf_gradexplain.explanation import Explanation, self_check
from hf_gradexplain.explanation.self_check import SelfCheck
from hf_gradexplain.options import Options
from hf_gradexplain.run.runner import evaluate_texts
from tests.helpers.hostile import strings
from tests.helpers.naive import NaiveReader
from tests.helpers.snapshot import snapshot
from tests.helpers.tiny import FEW, KINDS, PROBLEM_TYPES, TEXTS, explainer, make

UNITS = ("token", "word", "word_type")
NAMES = ("loo", "signed_gi", "random")
SHORT = "not one good actor is bad"
CHECK = SelfCheck(("dull", "never", "bored"), 0.95, 0.31, (0.95, 0.9, 0.95, 0.95, 0.9), 0.88, "word", True, False)


def numbers(check: SelfCheck) -> list[float]:
    return [check.full, check.without, *check.random, check.alone]


def by_hand(reader: NaiveReader, problem_type: str, target: int, vector: torch.Tensor | None = None):
    """Return the function from masked tokens to the target's probability, by changing rows of the table."""

    @torch.no_grad()
    def probability(tokens: list[int]) -> float:
        before = reader.table.clone()
        for t in tokens:
            reader.table[reader.rows[t]] = 0 if vector is None else vector
        logits = reader.logits()
        reader.table.copy_(before)
        if problem_type == "regression":
            return float(logits[target])
        if problem_type == "multi_label_classification":
            return float(1 / (1 + torch.exp(-logits[target])))
        return float(torch.exp(logits[target]) / torch.exp(logits).sum())

    return probability


# The numbers


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("problem_type", PROBLEM_TYPES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_number_is_that_of_a_text_masked_by_hand(kind, problem_type, unit):
    model, target = explainer(kind, problem_type), 0 if problem_type == "regression" else 1
    text = SHORT + " , bad" * (unit == "word_type")
    explanation = model(text, NAMES, unit, labels=target)
    reader = NaiveReader(model.model, model.tokenizer, text)
    units, probability = reader.units(unit), by_hand(reader, problem_type, target)

    def without(removed: tuple[int, ...]) -> float:
        return probability([t for u in removed for t in units[u]])

    assert list(explanation.self_check) == list(NAMES)
    for method, check in explanation.self_check.items():
        order = sorted(range(len(units)), key=lambda u: -explanation.scores[method][u])
        assert check.top == tuple(explanation.units[u].text for u in order[:3])
        expected = [probability([]), without(order[:3]), without(order[3:])]
        assert [check.full, check.without, check.alone] == pytest.approx(expected, rel=1e-9)
        assert (check.unit, check.signed) == (unit, method != "random")
        assert check.regression == (problem_type == "regression")
    if unit != "token":
        of_any_three = [without(removed) for removed in combinations(range(len(units)), 3)]
        assert len(check.random) == 5
        assert np.abs(np.subtract.outer(check.random, of_any_three)).min(1).max() < 1e-9


@pytest.mark.parametrize("baseline", ["unk", "mean"])
@pytest.mark.parametrize("kind", ["fasttext", "textcnn", "bert"])
def test_words_are_masked_with_the_baseline_of_the_explanation(kind, baseline):
    model = explainer(kind)
    explanation = model(SHORT, "loo", baseline=baseline)
    reader = NaiveReader(model.model, model.tokenizer, SHORT)
    table = model.model.get_input_embeddings().weight.detach()
    ordinary = [i for i in range(len(table)) if i not in model.tokenizer.all_special_ids]
    vector = table[ordinary].mean(0) if baseline == "mean" else table[model.tokenizer.unk_token_id]
    probability = by_hand(reader, "single_label_classification", explanation.target, vector)
    order = sorted(range(6), key=lambda u: -explanation.scores["loo"][u])
    parts = [[t for u in some for t in reader.units("word")[u]] for some in (order[:3], order[3:])]
    check = explanation.self_check["loo"]
    assert [check.without, check.alone] == pytest.approx([probability(part) for part in parts], rel=1e-9)
    assert check.without != pytest.approx(model(SHORT, "loo").self_check["loo"].without, rel=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_equal_scores_are_removed_in_the_order_of_the_removal_curves(kind):
    """The curves come from the shortcut of the model, if it has one."""
    model, constant = explainer(kind), "constant"
    METHODS[constant] = replace(METHODS["sa_l2"], score=lambda evidence, units: units.sum(evidence.grad[..., 0]) * 0)
    try:
        for text in (TEXTS[0], SHORT, TEXTS[2]):
            options = Options((constant, "sa_l2", "loo"))
            rows = Dataset.from_dict({"id": [0], "text": [text]})
            (document,) = evaluate_texts(model, rows, options, Measures(both_ends=True))
            for method, check in model(text, options.methods).self_check.items():
                curve, lowest_first = document.curves[method], document.negative_first[method]
                n = len(document.explanation.units)
                expected = [curve[0], curve[3], lowest_first[n - 3]]
                assert [check.full, check.without, check.alone] == pytest.approx(expected, rel=1e-9), method
    finally:
        del METHODS[constant]


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_gets_the_same_check_alone_and_in_any_batch_and_company(kind):
    model = explainer(kind)
    alone = cache(lambda text, method: model(text, method, "word_type").self_check[method])
    for batch_tokens in (None, 30):
        together = model(list(TEXTS), NAMES, "word_type", self_check=True, batch_tokens=batch_tokens)
        for text, explanation in zip(TEXTS, together, strict=True):
            assert set(explanation.self_check) == (set(NAMES) if len(explanation.units) > 1 else set())
            for method, check in explanation.self_check.items():
                expected = alone(text, method)
                assert replace(check, **floats(expected)) == expected
                assert numbers(check) == pytest.approx(numbers(expected), rel=1e-9)


def floats(check: SelfCheck) -> dict:
    return {name: getattr(check, name) for name in ("full", "without", "random", "alone")}


@pytest.mark.filterwarnings("ignore:the scores of integrated_gradients should add up")
def test_all_methods_of_a_text_are_compared_with_the_same_random_words():
    checks = explainer("bert")(TEXTS[0], tuple(METHODS), **FEW).self_check
    assert len({check.random for check in checks.values()}) == 1
    assert len({check.top for check in checks.values()}) > 1


def test_every_set_of_words_is_drawn_equally_often():
    """Of five words, three are removed: the nine other sets have nine different numbers."""
    model = explainer("fasttext")
    checks = [model("not good actor bad film", "loo", seed=seed).self_check["loo"] for seed in range(100)]
    drawn = Counter(round(x, 9) for check in checks for x in check.random)
    assert len(drawn) == 9
    assert round(checks[0].without, 9) not in drawn
    assert all(abs(count - 500 / 9) < 30 for count in drawn.values())  # more than five standard deviations


@pytest.mark.parametrize("n", [2, 3, 4])
def test_short_texts_are_compared_with_all_other_sets(n):
    """`loo` is exact where all words but one are removed from a text of a linear model with two classes."""
    model, words = explainer("fasttext", "multi_label_classification"), ["not", "good", "actor", "bad"][:n]
    for seed in range(5):
        check = model(" ".join(words), "loo", seed=seed).self_check["loo"]
        assert len(check.random) == n - 1
        assert check.verdict == "unclear"
        assert check.without < min(check.random)
        assert check.warning() == ""


def test_six_sets_are_all_that_there_are_whatever_the_seed():
    """The top word, and five others in the order of the text."""
    explain, text = explainer("bert"), "the film is not so bad"
    checks = [explain(text, "loo", seed=seed, self_check_share=0.1).self_check["loo"] for seed in range(3)]
    assert len(checks[0].top) == 1
    assert len(set(checks[0].random)) == 5
    assert checks[0].random == checks[1].random == checks[2].random


def test_the_random_words_depend_on_the_seed_alone():
    model = explainer("bert")
    draws = [model(TEXTS[0], "loo", seed=seed).self_check["loo"].random for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]


# Limit cases


@pytest.mark.parametrize(
    ("text", "share", "k"),
    [
        ("", None, 0),
        ("bad", None, 0),
        ("bad film", None, 1),
        ("bad film good", None, 2),
        ("bad film good actor", None, 3),
        (TEXTS[0], None, 3),
        ("bad", 0.5, 0),
        ("bad film", 0.01, 1),
        ("bad film good", 0.99, 2),
        (TEXTS[0], 0.2, 2),
        (TEXTS[0], 0.5, 6),
    ],
)
def test_at_least_one_unit_is_removed_and_at_least_one_stays(text, share, k):
    checks = explainer("bert")(text, "loo", self_check_share=share).self_check
    assert len(checks["loo"].top if checks else ()) == k
    assert bool(checks) == (k > 0)


@torch.no_grad()
def test_both_texts_of_a_pair_are_checked_together():
    pair, model = ("the film is good", "the music is bad"), explainer("bert")
    explanation = model(pair, "loo", "token", self_check_share=0.7)
    encoded = model.tokenizer(*pair, return_tensors="pt", return_special_tokens_mask=True)
    ordinary = (encoded.pop("special_tokens_mask")[0] == 0).nonzero()[:, 0]
    vectors = model.model.get_input_embeddings()(encoded.pop("input_ids"))[0]
    order = np.argsort(-explanation.scores["loo"])
    k = round(0.7 * len(order))
    second = [u >= len(model.tokenizer(pair[0], add_special_tokens=False)["input_ids"]) for u in order]
    assert {*second[:k]} == {*second[k:]} == {False, True}
    probabilities = []
    for removed in ([], order[:k], order[k:]):
        masked = vectors.clone()
        masked[ordinary[removed]] = 0
        logits = model.model(inputs_embeds=masked[None], **encoded).logits[0]
        probabilities.append(float(logits.softmax(-1)[explanation.target]))
    check = explanation.self_check["loo"]
    assert [check.full, check.without, check.alone] == pytest.approx(probabilities, rel=1e-9)


def test_only_words_that_the_model_read_are_removed():
    text = "the good film is not bad , " + "zzz " * 100
    explanation = explainer("bert")(text, "loo")
    read = explanation.text[: explanation.truncated_at]
    cut = explainer("bert")(read, "loo")
    assert explanation.truncated_at < len(text)
    assert explanation.self_check["loo"] == cut.self_check["loo"]


def test_the_given_label_is_checked():
    model = explainer("bert")
    for label in range(3):
        explanation = model(SHORT, "loo", labels=label)
        assert explanation.self_check["loo"].full == pytest.approx(explanation.probabilities[label], rel=1e-12)


def test_what_the_model_does_not_compute_is_undefined(monkeypatch):
    model, masked_logits = explainer("bert"), HookedClassifier.masked_logits

    def undefined(self, inputs, masked):
        return masked_logits(self, inputs, masked) * torch.where(masked.sum(1) > 4, nan, 1).unsqueeze(1)

    monkeypatch.setattr(HookedClassifier, "masked_logits", undefined)
    explanation = model("the film is good and the music is bad", "random")
    check = explanation.self_check["random"]
    assert isnan(check.alone)
    assert check.beats_random is not None or isnan(check.without_random)
    assert check.sentence().endswith("with these words alone: undefined")
    record = json.loads(json.dumps(explanation.to_dict(), allow_nan=False))
    assert record["self_check"]["random"]["alone"] is None
    assert isnan(Explanation.from_dict(record).self_check["random"].alone)


# Price


@pytest.fixture
def copies(monkeypatch):
    """The numbers of masked copies of the forward passes so far."""
    sizes, masked_logits = [], HookedClassifier.masked_logits

    def counted(self, inputs, masked):
        sizes.append(len(masked))
        return masked_logits(self, inputs, masked)

    monkeypatch.setattr(HookedClassifier, "masked_logits", counted)
    return sizes


@pytest.mark.parametrize("methods", [("sa_l2",), ("sa_l2", "random", "sa_l1")])
def test_it_costs_five_masked_copies_and_two_per_method_in_one_batch(copies, methods):
    explainer("bert")(TEXTS[0], methods)
    assert copies == [5 + 2 * len(methods)]
    copies.clear()
    explainer("bert")([TEXTS[0], TEXTS[0], ""], methods, self_check=True)
    assert copies == [2 * (5 + 2 * len(methods))]


@pytest.mark.parametrize(("text", "random"), [("bad film", 1), ("bad film good", 2), ("bad film good actor", 3)])
def test_short_texts_need_fewer_copies(copies, text, random):
    explainer("bert")(text, "sa_l2")
    assert copies == [random + 2]


def test_a_batch_of_copies_keeps_to_the_token_budget(copies):
    explainer("bert")(TEXTS[0], "sa_l2", batch_tokens=3 * 23)
    assert copies == [3, 3, 1]


def test_it_is_on_for_a_text_and_off_for_a_list_unless_asked(copies):
    model, pair = explainer("bert"), ("the film", "is bad")
    for texts, options, checked in [
        (SHORT, {}, True),
        (pair, {}, True),
        (SHORT, {"self_check": None}, True),
        (SHORT, {"self_check": False}, False),
        (SHORT, {"self_check": False, "self_check_share": 0.5}, False),
        ([SHORT], {}, False),
        ([SHORT], {"self_check": False}, False),
        ([SHORT], {"self_check": True}, True),
        ([SHORT], {"self_check_share": 0.5}, True),
    ]:
        copies.clear()
        found = model(texts, "sa_l2", **options)
        explanation = found[0] if isinstance(found, list) else found
        assert (bool(explanation.self_check), bool(copies)) == (checked, checked), (texts, options)


def test_an_evaluation_is_not_charged(copies):
    rows = Dataset.from_dict({"id": [0], "text": [TEXTS[0]]})
    counts = []
    for wanted in (None, True):
        copies.clear()
        (document,) = evaluate_texts(explainer("bert"), rows, Options(("sa_l2",), self_check=wanted))
        assert document.explanation.self_check == {}
        counts.append(sum(copies))
    assert counts == [11, 11]
    with pytest.raises(GradexplainError, match="leave out self_check and self_check_share"):
        EvaluateRecipeArguments(self_check_share=0.2)


@pytest.mark.parametrize("share", [0, 1, -0.1, 20, nan])
def test_a_share_is_between_zero_and_one(share):
    with pytest.raises(GradexplainError, match=f"a share of the units between 0 and 1, but is {share}"):
        explainer("fasttext")(SHORT, self_check_share=share)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_left_behind(kind):
    model, tokenizer = make(kind)
    model.train()
    before = snapshot(model, tokenizer)
    Explainer(model, tokenizer)(TEXTS[0], NAMES)
    assert [name for name, state in snapshot(model, tokenizer).items() if state != before[name]] == []


# Words


def test_the_sentence_has_the_numbers():
    assert CHECK.sentence() == (
        "passed: without 'dull', 'never', 'bored': p 0.95 → 0.31; without 3 random words: 0.93 (0.90 to 0.95); with "
        "these words alone: 0.88"
    )
    assert CHECK.warning() == ""
    assert str(CHECK) == CHECK.sentence()


def test_the_sentence_of_one_unit_of_many_and_of_a_regression():
    one = replace(CHECK, top=("dull",), unit="word_type")
    assert one.sentence().startswith("passed: without 'dull': p 0.95 → 0.31; without a random word: 0.93 (0.90 to ")
    five = replace(CHECK, top=tuple("abcde"), unit="token")
    assert five.sentence().startswith("passed: without 'a', 'b', 'c', 'd', 'e': p 0.95 → 0.31; without 5 random tokens")
    long = replace(CHECK, top=("x" * 32, "y" * 33))
    assert long.sentence().startswith(f"passed: without '{'x' * 32}', '{'y' * 31}…': p")
    against = replace(CHECK, against="z" * 33)
    assert f": p against {'z' * 31}… 0.95 → 0.31" in against.sentence()
    many = replace(CHECK, top=tuple("abcdefg"), unit="token")
    assert many.sentence().startswith("passed: without 'a', 'b', 'c', 'd', 'e' and 2 more: p 0.95 → 0.31; without 7")
    output = replace(CHECK, full=1234.5, without=-0.5, random=(3.0,) * 5, alone=0.0, regression=True)
    assert output.sentence() == (
        "passed: without 'dull', 'never', 'bored': the output 1.23e+03 → −0.500; without 3 random words: 3.00; with "
        "these words alone: 0.00"
    )


@pytest.mark.parametrize(
    ("full", "without", "shown"),
    [(0.404, 0.396, "0.404 → 0.396"), (0.40004, 0.39994, "0.4000 → 0.3999"), (0.413, 0.396, "0.41 → 0.40")],
)
def test_a_fall_that_passes_is_seen_in_the_numbers(full, without, shown):
    check = replace(CHECK, full=full, without=without, random=(0.42,) * 5)
    assert check.sentence().startswith("passed: without")
    assert f"p {shown}; " in check.sentence()


def test_as_many_decimals_are_shown_as_tell_the_numbers_apart():
    shown = [
        replace(CHECK, full=1.0, without=without, random=(random,) * 5).sentence().split(": ", 2)[2].split(";")[:2]
        for without, random in [(0.31, 0.35), (0.9961, 0.9989), (0.99961, 0.99989), (0.99996, 0.999961)]
    ]
    assert shown == [
        ["p 1.00 → 0.31", " without 3 random words: 0.35"],
        ["p 1.000 → 0.996", " without 3 random words: 0.999"],
        ["p 1.0000 → 0.9996", " without 3 random words: 0.9999"],
        ["p 1.00 → 1.00", " without 3 random words: 1.00"],
    ]


@pytest.mark.parametrize(
    ("without", "random", "signed", "beats"),
    [
        (0.3, 0.9, True, True),
        (0.9, 0.3, True, False),
        (0.9, 0.9, True, False),
        (0.90001, 0.90004, True, False),
        (0.9001, 0.9002, True, True),
        (0.99, 0.9, True, False),
        (0.99, 0.98, True, False),
        (0.3, 0.9, False, True),
        (0.99, 0.94, False, True),
        (0.96, 0.94, False, False),
        (0.94, 0.96, False, False),
        (0.9, 0.3, False, False),
        (nan, 0.9, True, None),
        (0.9, nan, False, None),
    ],
)
def test_the_top_words_must_lower_the_prediction_more_than_random_ones(without, random, signed, beats):
    """For an unsigned method they must change it more; a difference in the fifth decimal does not count."""
    check = replace(CHECK, without=without, random=(random,) * 5, signed=signed)
    assert check.beats_random is beats
    verb = "lowers" if signed else "changes"
    warning = f"removing these words {verb} p no more than removing random ones: do not trust this explanation"
    assert check.warning() == (warning if beats is False else "")
    assert str(check) == check.sentence() + f"; {warning}" * (beats is False)


@pytest.mark.parametrize(("draws", "verdict"), [(1, "unclear"), (4, "unclear"), (5, "passed"), (6, "passed")])
def test_only_five_draws_are_enough_to_pass(draws, verdict):
    check = replace(CHECK, random=(0.9,) * draws)
    assert check.verdict == verdict
    assert check.beats_random
    assert replace(check, without=0.95).verdict == "failed"


@pytest.mark.parametrize(
    ("without", "signed", "verdict"),
    [
        (0.8999, True, "passed"),
        (0.9, True, "unclear"),
        (0.9299, True, "unclear"),
        (0.93, True, "failed"),
        (0.99, True, "failed"),
        (1.0001, False, "passed"),
        (1.0, False, "unclear"),
        (0.9299, False, "unclear"),
        (0.95, False, "failed"),
        (nan, True, "undefined"),
    ],
)
def test_the_verdict_compares_with_the_mean_and_with_each_draw(without, signed, verdict):
    """`f` is 0.95; the draws are 0.95, 0.9, 0.95, 0.95, 0.9, so that their changes are 0 and 0.05, 0.02 on average."""
    check = replace(CHECK, without=without, signed=signed)
    assert check.verdict == verdict
    assert check.sentence().startswith(f"{verdict}: without 'dull'")


@pytest.mark.parametrize(
    ("full", "without", "signed", "regression", "verdict"),
    [
        (0.4, 0.41, True, False, "unclear"),
        (0.4, 0.4, True, False, "unclear"),
        (0.40004, 0.39996, True, False, "unclear"),
        (0.40004, 0.39994, True, False, "passed"),
        (0.4, 0.42, True, False, "failed"),
        (0.4, 0.43, False, False, "passed"),
        (0.4, 0.41, False, False, "failed"),
        (-40.0, -39.0, True, True, "unclear"),
        (-40.0, -40.0004, True, True, "unclear"),
        (-40.0, -40.001, True, True, "passed"),
    ],
)
def test_only_a_fall_passes_for_a_signed_method(full, without, signed, regression, verdict):
    """Without random words, `f` rises by 0.02, or by 40 for the outputs of a regression model."""
    random = (0.0 if regression else 0.42,) * 5
    check = replace(CHECK, full=full, without=without, random=random, signed=signed, regression=regression)
    assert check.verdict == verdict
    assert check.beats_random is (verdict != "failed")
    assert bool(check.warning()) is (verdict == "failed")


def test_random_words_are_compared_by_their_mean():
    check = replace(CHECK, without=0.5, random=(0.9, 0.9, 0.9, 0.9, 0.1))
    assert check.without_random == pytest.approx(0.74)
    assert check.beats_random
    assert not replace(check, without=0.75).beats_random


def test_the_changes_of_random_draws_do_not_cancel_for_an_unsigned_method():
    check = replace(CHECK, full=0.5, without=0.6, random=(0.9, 0.1, 0.9, 0.1, 0.5), signed=False)
    assert check.beats_random is False
    assert replace(check, without=0.83).beats_random
    assert replace(check, without=0.17).beats_random
    assert not replace(check, without=0.81).beats_random


def test_the_warning_about_one_token_of_a_regression():
    check = replace(CHECK, top=("dull",), unit="token", without=0.95, regression=True)
    assert check.warning() == (
        "removing this token lowers the output no more than removing a random one: do not trust this explanation"
    )


# Where it is shown


def explanation_with(check: SelfCheck) -> Explanation:
    return replace(explainer("fasttext")(SHORT, "loo"), self_check={"loo": check})


def test_it_is_shown_with_its_method_alone(capsys):
    explanation = explainer("bert")(TEXTS[0], ("loo", "random"))
    explanation = replace(explanation, self_check={"loo": CHECK, "random": replace(CHECK, without=0.95)})
    for method, check in explanation.self_check.items():
        explanation.show(method)
        shown = " ".join(capsys.readouterr().out.split())
        assert f"self-check {check.sentence()}" in shown
        page = explanation.to_html(method).unescape()
        assert check.sentence() in page
        assert ("do not trust" in page, "do not trust" in shown) == (method == "random",) * 2
    assert "self-check" not in explainer("bert")([TEXTS[0]])[0].to_html()


def test_a_warning_is_shown_below_it(capsys):
    failed = explanation_with(replace(CHECK, without=0.95))
    failed.show()
    lines = " ".join(capsys.readouterr().out.split())
    assert f"{failed.self_check['loo'].sentence()} removing these words lowers p no more" in lines
    assert (
        "<strong><bdi>removing these words lowers p no more than removing random ones: do not trust" in failed.to_html()
    )


def test_hostile_words_stay_text(capsys):
    texts = strings(400)
    for start in range(0, len(texts), 5):
        explanation = explanation_with(replace(CHECK, top=tuple(texts[start : start + 5])))
        harmless = explanation_with(replace(CHECK, top=("a",) * len(texts[start : start + 5])))
        page = explanation.to_html()
        assert page.count("<") == harmless.to_html().count("<")
        sentence = explanation.self_check["loo"].sentence()
        assert not any(category(letter) in ("Cc", "Cs", "Zl", "Zp") or letter in "\u202e\u2066" for letter in sentence)
        explanation.show()
        assert "\x1b[31m" not in capsys.readouterr().out


def test_it_survives_json_and_older_dictionaries_have_none():
    explanation = explainer("bert")(TEXTS[0], ("loo", "random"))
    record = json.loads(json.dumps(explanation.to_dict()))
    assert Explanation.from_dict(record).self_check == explanation.self_check
    for missing in ({}, {"self_check": None}):
        older = {name: value for name, value in record.items() if name != "self_check"} | missing
        assert Explanation.from_dict(older).self_check == {}
    record["self_check"]["loo"]["mood"] = "good"
    assert Explanation.from_dict(record).self_check == explanation.self_check


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("model"))
    model, tokenizer = make("textcnn")
    model.float().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_python_pipeline_and_command_line_take_the_same_options(folder, capsys, tmp_path):
    expected = Explainer.from_pretrained(folder)(SHORT, "loo", self_check_share=0.4).self_check
    assert len(expected["loo"].top) == 2
    assert explain(folder, SHORT, "loo", self_check_share=0.4).self_check == expected
    attribute = pipeline("text-attribution", model=folder)
    assert attribute(SHORT, methods="loo", self_check_share=0.4).self_check == expected
    assert attribute(SHORT).self_check
    assert not attribute([SHORT])[0].self_check
    command = ["explain", folder, SHORT, "--methods", "loo"]
    assert main([*command, "--self_check_share", "0.4", "--format", "json"]) == 0
    assert Explanation.from_dict(json.loads(capsys.readouterr().out)).self_check == expected
    assert main([*command, "--self_check", "false", "--format", "json"]) == 0
    assert Explanation.from_dict(json.loads(capsys.readouterr().out)).self_check == {}
    assert main([*command, "--html", str(tmp_path / "page.html")]) == 0
    assert "self-check" in capsys.readouterr().out
    assert "self-check" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_the_quiet_format_does_not_pay_for_what_it_does_not_show(folder, monkeypatch, capsys):
    asked, subset_logits = [], self_check.subset_logits

    def counted(forward, text_of, removed):
        asked.append(len(removed))
        return subset_logits(forward, text_of, removed)

    monkeypatch.setattr(self_check, "subset_logits", counted)
    assert main(["explain", folder, SHORT, "--methods", "sa_l2", "--format", "quiet"]) == 0
    assert asked == []
    assert main(["explain", folder, SHORT, "--methods", "sa_l2"]) == 0
    assert asked == [8]  # one of them is empty
    assert "self-check" in capsys.readouterr().out
