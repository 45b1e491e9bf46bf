"""Preferences of reward models, against the model run on each of the two texts by itself."""

import json
import math
import re

import numpy as np
import pandas as pd
import pytest
import torch

from hf_gradexplain import Explainer, Preference
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.options import Options
from hf_gradexplain.options.signatures import ComparisonOptions, ExplainOptions
from hf_gradexplain.ranking.comparison import compare
from hf_gradexplain.ranking.preference import NAMES
from hf_gradexplain.text.joined import side_by_side
from tests.explainer.test_conversations import LONGER
from tests.explainer.test_conversations import explainer as of_conversations
from tests.helpers.chats import CHAT
from tests.helpers.hostile import HTML
from tests.helpers.naive import NaiveReader, gradient_score
from tests.helpers.tiny import explainer, make

KINDS = ("bert", "gpt2", "bart")
CHOSEN, REJECTED = "the film is good , very good", "the bad actor is bad"
CHOSEN_SIDE, REJECTED_SIDE = NAMES
METHODS = ("loo", "signed_gi", "sa_l2", "sa_linf")
SIGNED = ("loo", "signed_gi", "attn_lrp")


@pytest.fixture(params=KINDS)
def explain(request):
    return explainer(request.param, "regression")


def test_scores_are_those_of_the_difference_of_rewards_by_hand(explain):
    readers = [NaiveReader(explain.model, explain.tokenizer, text) for text in (CHOSEN, REJECTED)]
    rewards = [reader.logits()[0].item() for reader in readers]
    for unit in ("word", "word_type", "token"):
        found = explain.prefer(CHOSEN, REJECTED, METHODS, unit)
        assert found.rewards == pytest.approx(rewards, rel=1e-12)
        assert found.margin == pytest.approx(rewards[0] - rewards[1], rel=1e-12)
        assert found.probability == pytest.approx(1 / (1 + math.exp(rewards[1] - rewards[0])), rel=1e-12)
        for reader, side in zip(readers, (found.chosen, found.rejected), strict=True):
            units = reader.units(unit)
            grad = reader.gradients(lambda logits: -logits[0])
            vector = {t: reader.vector(t) for t in reader.tokens}
            assert len(units) == len(side)
            for u, tokens in enumerate(units):
                without = float(reader.logits_without(tokens)[0])
                by_hand = {"loo": reader.logits()[0].item() - without}
                for method in METHODS[1:]:
                    by_hand[method] = gradient_score(method, tokens, reader.ids, grad, vector)
                for method, value in by_hand.items():
                    assert side[method][u] == pytest.approx(value, rel=1e-9, abs=1e-12), (unit, method, u)


def words(text):
    """The spans of words, by blanks."""
    return [(found.start(), found.end()) for found in re.finditer(r"\S+", text)]


def test_both_texts_may_come_with_their_units(explain):
    by_word = explain.prefer(CHOSEN, REJECTED, METHODS)
    for units in (words, (words(CHOSEN), words(REJECTED)), (words, words(REJECTED))):
        found = explain.prefer(CHOSEN, REJECTED, METHODS, units=units)
        for side, expected in ((found.chosen, by_word.chosen), (found.rejected, by_word.rejected)):
            assert side.unit == "custom"
            assert [unit.text for unit in side] == [unit.text for unit in expected]
            for method in METHODS:
                np.testing.assert_allclose(side[method], expected[method], rtol=1e-9, atol=1e-12)
    several = explain.prefer([CHOSEN, "bad"], [REJECTED, "film"], "loo", units=([[(0, 8)], [(0, 3)]], words))
    assert [len(each.chosen) for each in several] == [1, 1]
    assert [len(each.rejected) for each in several] == [5, 1]
    reader = NaiveReader(explain.model, explain.tokenizer, CHOSEN)
    first = [t for unit in reader.units("word")[:2] for t in unit]
    without = float(reader.logits_without(first)[0])
    assert several[0].chosen["loo"][0] == pytest.approx(reader.logits()[0].item() - without, rel=1e-9)


def test_each_text_has_the_errors_of_its_own_units():
    bert = explainer("bert", "regression")
    found = bert.prefer(CHOSEN, REJECTED, "shapley", max_evals=100, max_error=0.0)
    options = Options("shapley", target="predicted", against="runner_up", max_evals=100, max_error=0.0)
    pair = bert.encode([CHOSEN, REJECTED], options)
    ((both,), _) = compare(bert, [side_by_side(pair)], options, NAMES)
    n, errors = len(found.chosen), both.sampling["shapley"].errors
    assert errors.all()
    assert found.chosen.sampling["shapley"].errors.tolist() == errors[:n].tolist()
    assert found.rejected.sampling["shapley"].errors.tolist() == errors[n:].tolist()
    assert Preference.from_dict(found.to_dict()) == found


@pytest.mark.parametrize("turned", [False, True])
def test_the_self_check_removes_units_of_both_texts_for_the_preferred_one(explain, turned):
    texts = (REJECTED, CHOSEN) if turned else (CHOSEN, REJECTED)
    found = explain.prefer(*texts, "loo")
    check = found.self_check["loo"]
    sign = 1 if found.margin > 0 else -1
    scores = sign * np.concatenate([found.chosen["loo"], -found.rejected["loo"]])
    words = [*found.chosen, *found.rejected]
    order = np.argsort(-scores, kind="stable")[:3]
    assert check.top == tuple(words[u].text for u in order)
    readers = [NaiveReader(explain.model, explain.tokenizer, text) for text in texts]
    units = [(reader, tokens) for reader in readers for tokens in reader.units("word")]
    rewards = []
    for reader in readers:
        removed = [t for u in order for t in units[u][1] if units[u][0] is reader]
        rewards.append(float(reader.logits_without(removed)[0]))
    assert check.without == pytest.approx(1 / (1 + math.exp(sign * (rewards[1] - rewards[0]))), rel=1e-9)
    assert check.full == pytest.approx(max(found.probability, 1 - found.probability), rel=1e-12)
    assert check.full > check.without
    assert check.against == ("rejected" if sign > 0 else "chosen")
    assert not found.chosen.self_check
    assert not found.rejected.self_check
    assert not explain.prefer([CHOSEN], [REJECTED])[0].self_check


def test_the_sides_swap(explain):
    methods = (*SIGNED, "sa_l2", "integrated_gradients")
    one, other = explain.prefer(CHOSEN, REJECTED, methods), explain.prefer(REJECTED, CHOSEN, methods)
    assert one.margin == pytest.approx(-other.margin, rel=1e-12)
    assert one.probability == pytest.approx(1 - other.probability, rel=1e-9)
    for method in methods:
        np.testing.assert_allclose(one.chosen[method], other.rejected[method], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(one.rejected[method], other.chosen[method], rtol=1e-9, atol=1e-12)
    assert [one.chosen.question, one.rejected.question] == [
        "chosen rather than rejected",
        "rejected rather than chosen",
    ]


def test_each_side_is_the_explanation_of_its_own_reward(explain):
    found = explain.prefer(CHOSEN, REJECTED, SIGNED)
    for text, side in ((CHOSEN, found.chosen), (REJECTED, found.rejected)):
        alone = explain(text, SIGNED, self_check=False)
        assert (side.text, side.units) == (text, alone.units)
        for method in SIGNED:
            np.testing.assert_allclose(side[method], alone[method], rtol=1e-9, atol=1e-12)


def test_a_list_gives_what_each_pair_gives_alone(explain):
    chosen, rejected = [CHOSEN, "bad", "", REJECTED], [REJECTED, CHOSEN, "the film", ""]
    together = explain.prefer(pd.Series(chosen), rejected, METHODS)
    assert len(together) == 4
    assert explain.prefer([], []) == []
    for each, *pair in zip(together, chosen, rejected, strict=True):
        alone = explain.prefer(*pair, METHODS, self_check=False)
        assert [side.text for side in (each.chosen, each.rejected)] == pair
        assert each.rewards == pytest.approx(alone.rewards, rel=1e-9)
        for method in METHODS:
            np.testing.assert_allclose(each.chosen[method], alone.chosen[method], rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(each.rejected[method], alone.rejected[method], rtol=1e-9, atol=1e-12)


def test_a_prompt_has_scores_in_both_texts():
    explain = explainer("bert", "regression")
    prompt = "the film is"
    found = explain.prefer((prompt, "good"), (prompt, "bad"), SIGNED)
    for answer, side in (("good", found.chosen), ("bad", found.rejected)):
        assert side.text == f"{prompt}\n{answer}"
        assert side.pair_start == len(prompt) + 1
        assert [unit.text for unit in side] == [*prompt.split(), answer]
        alone = explain((prompt, answer), SIGNED, self_check=False)
        for method in SIGNED:
            np.testing.assert_allclose(side[method], alone[method], rtol=1e-9, atol=1e-12)
    assert not np.allclose(found.chosen["loo"][:3], -found.rejected["loo"][:3])


@pytest.mark.parametrize("kind", ["llama", "bert"])
def test_conversations(kind):
    """The template of the second one drops system messages."""
    engine = of_conversations(kind, "regression")
    found = engine.prefer(CHAT, LONGER, SIGNED, explain_roles="assistant")
    for messages, side in ((CHAT, found.chosen), (LONGER, found.rejected)):
        alone = engine(messages, SIGNED, explain_roles="assistant", self_check=False)
        assert (side.units, side.messages, side.unread) == (alone.units, alone.messages, alone.unread)
        assert {unit.role for unit in side} == {"assistant"}
        for method in SIGNED:
            np.testing.assert_allclose(side[method], alone[method], rtol=1e-9, atol=1e-12)
    assert bool(found.chosen.unread) == (kind == "bert")
    both = engine.prefer([CHAT, LONGER], [LONGER, CHAT], "signed_gi")
    assert both[0].margin == pytest.approx(-both[1].margin, rel=1e-9)
    with pytest.raises(GradexplainError, match="there is no message of 'judge'; roles: system, user, assistant"):
        engine.prefer(CHAT, LONGER, explain_roles="judge")


def test_tokens_of_split_characters_keep_their_names():
    """A byte-level tokenizer makes several tokens of a character; only the first one has a place in the text."""
    explain = explainer("gpt2", "regression")
    texts = "film 電", "電 good"
    found = explain.prefer(*texts, "loo", "token")
    joined = side_by_side(explain.encode(list(texts), Options(unit="token")))
    assert joined.text == "film 電\n電 good"
    assert joined.units[: len(found.chosen)] == found.chosen.units
    assert [unit.text for unit in joined.units] == [unit.text for unit in (*found.chosen, *found.rejected)]
    assert sum(unit.text == "電" for unit in joined.units) > 2


def test_what_was_truncated_is_said_of_each_text():
    explain = explainer("gpt2", "regression")
    found = explain.prefer("film " * 100, "bad film", "signed_gi")
    alone = explain("film " * 100, "signed_gi", self_check=False)
    assert found.chosen.truncated_at == alone.truncated_at is not None
    assert found.rejected.truncated_at is None
    assert found.chosen.text == alone.text
    assert len(found.rejected) == 2


def test_show_says_which_text_is_preferred(capsys):
    explain = explainer("bert", "regression")
    for texts in ((CHOSEN, REJECTED), (REJECTED, CHOSEN)):
        found = explain.prefer(*texts, ("loo", "signed_gi"))
        preferred = "chosen" if found.margin > 0 else "rejected"
        found.show()
        shown = capsys.readouterr().out
        assert f"the model prefers {preferred}: rewards " in shown
        assert shown.index("chosen rather than rejected") < shown.index("rejected rather than chosen")
        assert " ".join(found.self_check["loo"].sentence().split()) in " ".join(shown.split())
        found.show("loo")
        assert "signed_gi" not in capsys.readouterr().out
        html = found._repr_html_()
        assert html.count("<figure") == 2
        assert f"the model prefers {preferred}" in html
    neither = explain.prefer(CHOSEN, CHOSEN, "loo")
    assert "prefers neither" in neither.verdict
    assert "margin +0.000" in neither.verdict
    with pytest.raises(GradexplainError, match="unknown method 'sa_l1'"):
        found.show("sa_l1")


def test_top_units_of_both_texts():
    found = explainer("bert", "regression").prefer(CHOSEN, REJECTED, ("loo", "sa_l2"))
    top = found.top(2, "sa_l2")
    assert top == {"chosen": found.chosen.top(2, "sa_l2"), "rejected": found.rejected.top(2, "sa_l2")}
    assert found.top() == {"chosen": found.chosen.top(3), "rejected": found.rejected.top(3)}
    assert min(len(found.chosen), len(found.rejected)) > 3


def test_saved_and_loaded(tmp_path):
    found = explainer("bert", "regression").prefer(CHOSEN, REJECTED, ("loo", "sa_l2"))
    path = tmp_path / "preference.json"
    found.save(path)
    loaded = Preference.load(path)
    assert loaded == found
    assert hash(loaded) == hash(found)
    assert loaded.self_check == found.self_check
    assert json.loads(path.read_text())["margin"] == found.margin
    with pytest.raises(GradexplainError, match=r"^cannot save to .*a.svg: give a name that ends in .json$"):
        found.save(tmp_path / "a.svg")
    assert found != explainer("bert", "regression").prefer(CHOSEN, REJECTED, "loo")
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(GradexplainError, match=r"it holds something else.*a file that Preference.save wrote"):
        Preference.load(tmp_path / "other.json")


def test_texts_of_strangers_are_escaped():
    html = explainer("bert", "regression").prefer(" ".join(HTML), "<script>", "loo").to_html()
    assert "<script>" not in html


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((CHOSEN, [REJECTED]), {}, "chosen and rejected must both be one text, pair or conversation, or both a list"),
        (([CHOSEN, CHOSEN], [REJECTED]), {}, "chosen has 2 texts and rejected 1: give one rejected text for each"),
        ((CHOSEN, REJECTED), {"target": 0}, "so target has no effect: leave it out"),
        ((CHOSEN, REJECTED), {"objective": "logit"}, "so objective has no effect: leave it out"),
        ((CHOSEN, REJECTED), {"sed": 1}, "unknown option 'sed': did you mean 'seed'"),
        ((CHOSEN, REJECTED), {"stride": 4}, r"^prefer reads every text as one sequence, not in windows: leave out str"),
        ((CHOSEN, REJECTED), {"pool": "max"}, "leave out pool; texts that are too long are truncated$"),
        ((CHOSEN, REJECTED), {"units": [(0, 3)]}, r"give units=\(spans of chosen, spans of rejected\), or a function"),
        ((CHOSEN, REJECTED), {"units": ([(0, 3)], None)}, r"give units=\(spans of chosen, spans of rejected\), or a"),
        ((CHOSEN, REJECTED), {"units": (None, [(0, 3)])}, r"give units=\(spans of chosen, spans of rejected\), or a"),
        ((CHOSEN, REJECTED), {"units": words, "unit": "token"}, "give either unit='token' or units="),
        ((CHOSEN, 3), {}, "chosen and rejected must both be one text"),
    ],
)
def test_wrong_arguments_get_a_sentence(arguments, options, message):
    with pytest.raises(GradexplainError, match=message):
        explainer("bert", "regression").prefer(*arguments, **options)


@pytest.mark.parametrize(
    ("wrong", "options", "message"),
    [
        (
            7,
            {},
            "{side}: text 0: each text must be a str, a tuple of two str, a dict of text and text_pair, or a list of "
            "messages, not int",
        ),
        (("a", "b", "c"), {}, "{side}: text 0: each text must be a str.* not a tuple of 3"),
        ([{"role": "user"}], {}, "{side}: text 0: each message needs .* but the content of message 0 is missing"),
        (CHAT, {}, "{side}: the tokenizer has no chat template"),
        (CHOSEN, {"units": [(0, 99)]}, r"{side}: span \(0, 99\) of text 0 is outside of the text"),
        (CHOSEN, {"units": 3}, r"{side}: units of text 0 must be a list of spans \(start, end\), not int"),
    ],
    ids=["type", "tuple", "message", "template", "span", "units"],
)
@pytest.mark.parametrize("side", NAMES)
def test_errors_name_the_side_that_is_wrong(side, wrong, options, message):
    texts = {CHOSEN_SIDE: [CHOSEN], REJECTED_SIDE: [REJECTED], side: [wrong]}
    if options:
        options = {"units": [[options["units"]] if name == side else [[(0, 3)]] for name in NAMES]}
    with pytest.raises(GradexplainError, match="^" + message.format(side=side)):
        explainer("bert", "regression").prefer(*texts.values(), "loo", **options)


def test_errors_of_both_sides_name_none_and_others_the_first():
    explain = explainer("bert", "regression")
    with pytest.raises(GradexplainError, match=r"^tokenizer_kwargs: max_length is 99, but the model reads at most 64"):
        explain.prefer(CHOSEN, REJECTED, "loo", tokenizer_kwargs={"max_length": 99})
    with pytest.raises(GradexplainError, match=r"^chosen: span \(0, 98\) of text 0 is outside"):
        explain.prefer(CHOSEN, REJECTED, "loo", units=([(0, 98)], [(0, 99)]))
    with pytest.raises(GradexplainError, match=r"^rejected: texts must be .* not DataFrame"):
        explain.prefer([CHOSEN], pd.DataFrame({"text": [REJECTED]}), "loo")
    with pytest.raises(GradexplainError, match="but rejected is one and chosen is of type list: give one rejected"):
        explain.prefer([CHOSEN], REJECTED)


def test_a_model_of_several_classes_has_no_reward():
    with pytest.raises(GradexplainError) as error:
        explainer("bert").prefer(CHOSEN, REJECTED)
    assert str(error.value) == (
        "prefer needs a reward model, which gives one logit, but BertForSequenceClassification gives 3: to compare two "
        "of its classes, call the explainer with target=... and against=..."
    )


def test_the_reward_is_the_logit_whatever_the_problem_type():
    model, tokenizer = make("bert", "regression")
    model.config.problem_type = "multi_label_classification"
    found = Explainer(model, tokenizer).prefer(CHOSEN, REJECTED, "loo")
    assert found.rewards == explainer("bert", "regression").prefer(CHOSEN, REJECTED, "loo").rewards


def test_the_rewards_keep_small_differences():
    """A margin of 40 is a probability of 1, but still a margin."""
    model, tokenizer = make("bert", "regression")
    model.classifier.weight.data *= 1e4
    found = Explainer(model, tokenizer).prefer(CHOSEN, REJECTED, "signed_gi")
    small = explainer("bert", "regression").prefer(CHOSEN, REJECTED, "signed_gi")
    assert found.probability in (0, 1)
    assert found.margin == pytest.approx(1e4 * small.margin, rel=1e-6)
    np.testing.assert_allclose(found.chosen["signed_gi"], 1e4 * small.chosen["signed_gi"], rtol=1e-6)


def test_the_options_of_a_comparison_are_those_of_an_explanation():
    """The call chooses the classes, and the texts are no windows."""
    classes = {"target", "objective", "against", "problem_type", "classes", "top_classes", "threshold"}
    left_out = {*classes, "stride", "pool"}
    expected = {name: t for name, t in ExplainOptions.__annotations__.items() if name not in left_out}
    assert expected == ComparisonOptions.__annotations__


def test_the_model_is_restored():
    explain = explainer("gpt2", "regression")
    before = {name: x.clone() for name, x in explain.model.state_dict().items()}
    explain.prefer(CHOSEN, REJECTED)
    assert all(torch.equal(x, before[name]) for name, x in explain.model.state_dict().items())
    assert not explain.model.training


def test_a_preference_is_no_other_object_and_has_a_short_text():
    found = explainer("bert", "regression").prefer(CHOSEN, REJECTED, ("loo", "sa_l2"))
    assert found.__eq__(3) is NotImplemented
    numbers = f"margin={found.margin:.3f}, p={found.probability:.3f}"
    assert repr(found) == f"Preference({numbers}, methods=['loo', 'sa_l2'])"


@pytest.mark.parametrize("long", ["the film is bad " * 40, ("good film", "the film is bad " * 40)])
def test_windows_that_prefer_refuses_are_not_advised(long, tmp_path):
    found = explainer("bert", "regression").prefer(long, "good film", "loo")
    found.save(tmp_path / "preference.json")
    for preference in (found, Preference.load(tmp_path / "preference.json")):
        page = str(preference.to_html())
        assert page.count("NOT READ: ") == 1
        assert "stride" not in page
