"""The loss of a text as a function of what is removed, against the model run on each masked text, and as a game of
shapiq."""

import sys
from types import ModuleType

import numpy as np
import pytest
from torch import nn

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explainer import Explainer
from tests.helpers.naive import NaiveReader, loss_of
from tests.helpers.snapshot import snapshot
from tests.helpers.tiny import explainer, make

TEXT = "not good , a bad film"


class Game:
    """What `shapiq.Game` does, as far as it is used here."""

    def __init__(self, n_players, *, normalization_value):
        self.n_players, self.normalization_value = n_players, normalization_value

    def __call__(self, coalitions):
        return self.value_function(coalitions) - self.normalization_value


@pytest.fixture
def stand_in(monkeypatch):
    module = ModuleType("shapiq")
    module.Game = Game
    monkeypatch.setitem(sys.modules, "shapiq", module)


def every_set(n):
    return (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(bool)


@pytest.mark.parametrize("kind", ["fasttext", "textcnn", "bert", "bart"])
@pytest.mark.parametrize("objective", ["loss", "logit"])
def test_the_losses_are_those_of_the_model_run_on_masked_texts(kind, objective):
    explain = explainer(kind)
    explain.tokenizer("good")  # a call without truncation, which earlier tests may have left on
    before = snapshot(explain.model, explain.tokenizer)
    found = explain.interactions("good film is not bad", "random", labels=1, objective=objective, self_check=False)
    reader = NaiveReader(explain.model, explain.tokenizer, "good film is not bad")
    words, loss, sets = reader.units("word"), loss_of(objective, "single_label_classification", 1), every_set(5)
    expected = [loss(reader.logits_without([t for u in np.flatnonzero(row) for t in words[u]])).item() for row in sets]
    np.testing.assert_allclose(found.game()(sets), expected, rtol=1e-9)
    assert snapshot(explain.model, explain.tokenizer) == before
    assert repr(found.game()) == "ValueFunction(5 units)"


def with_other_values(layer):
    layer.weight.data *= -1


def with_another_layer(layer):
    return nn.Linear(layer.in_features, layer.out_features, bias=layer.bias is not None, dtype=layer.weight.dtype)


@pytest.mark.parametrize("kind", ["fasttext", "textcnn", "bilstm", "bert", "gpt2"])
@pytest.mark.parametrize("change", [with_other_values, with_another_layer])
def test_the_losses_are_those_of_the_present_weights(kind, change):
    explain, text = Explainer(*make(kind)), "good film is not bad"
    found = explain.interactions(text, "loo", labels=1, self_check=False)
    before = found.game()(every_set(5))
    name = "score" if kind == "gpt2" else "classifier"
    setattr(explain.model, name, change(getattr(explain.model, name)) or getattr(explain.model, name))
    reader = NaiveReader(explain.model, explain.tokenizer, text)
    words, loss = reader.units("word"), loss_of("loss", "single_label_classification", 1)
    removed = [[t for u in np.flatnonzero(row) for t in words[u]] for row in every_set(5)]
    after = found.game()(every_set(5))
    np.testing.assert_allclose(after, [loss(reader.logits_without(tokens)).item() for tokens in removed], rtol=1e-9)
    assert (np.abs(after - before)[:-1] > 1e-6).all(), "without any word, some models return their bias"


def test_sets_of_another_size_are_refused():
    game = explainer("bert").interactions(TEXT, "random", self_check=False).game()
    with pytest.raises(GradexplainError) as error:
        game(np.zeros((2, 5), dtype=bool))
    assert str(error.value) == (
        "the sets of removed units must be an array (N, 6), but its shape is (2, 5): give a row per set and a column "
        "per unit"
    )
    assert game(np.zeros((0, 6), dtype=bool)).shape == (0,)


def test_a_game_of_shapiq_counts_what_is_present(stand_in):
    found = explainer("bert").interactions(TEXT, "random", self_check=False)
    game, sets = found.to_shapiq(), every_set(6)
    assert isinstance(game, Game)
    assert game.n_players == 6
    values = game(sets)
    assert values[0] == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(values, found.game()(sets[63:])[0] - found.game()(~sets), rtol=1e-12)


def test_without_shapiq_the_message_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "shapiq", None)
    found = explainer("bert").interactions(TEXT, "random", self_check=False)
    with pytest.raises(GradexplainError, match=r"^to_shapiq needs the package shapiq \(.+\): install it with `pip ins"):
        found.to_shapiq()


def test_the_approximators_of_shapiq_take_the_game():
    shapiq = pytest.importorskip("shapiq")
    found = explainer("bert").interactions(TEXT, "random", index="shapley_taylor", objective="logit", self_check=False)
    game = found.to_shapiq()
    assert isinstance(game, shapiq.Game)
    exact = shapiq.ExactComputer(game, n_players=6)("k-SII", order=2)
    for name in ("KernelSHAPIQ", "SVARMIQ"):
        estimate = getattr(shapiq, name)(n=6, max_order=2, index="k-SII", random_state=0).approximate(64, game)
        assert estimate[0, 1] == pytest.approx(exact[0, 1], abs=0.05)
