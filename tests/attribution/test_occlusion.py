"""Occlusion, compared with copies of the text that are masked by hand, one window at a time."""

import numpy as np
import pytest

from hf_gradexplain.attribution import occlusion
from hf_gradexplain.attribution.occlusion import Occlusion
from hf_gradexplain.errors import GradexplainError
from tests.helpers.naive import NaiveReader, loss_of
from tests.helpers.tiny import TEXTS, explainer

TEXT = "bad film good bad , the music is not good"


def naive_scores(explain, text, unit, size, objective="loss", target=1):
    """The definition, one window at a time."""
    reader, loss = NaiveReader(explain.model, explain.tokenizer, text), loss_of(objective, "single_label", target)
    units, plain = reader.units(unit), loss(reader.logits()).item()
    rises = [[] for _ in units]
    for start in range(len(units)):
        window = range(start, min(start + size, len(units)))
        if len(window) == size or start == 0:
            rise = loss(reader.logits_without([t for u in window for t in units[u]])).item() - plain
            for u in window:
                rises[u].append(rise)
    return [sum(each) / len(each) for each in rises]


@pytest.mark.parametrize(("size", "unit"), [(1, "word"), (2, "token"), (3, "word_type"), (7, "word"), (40, "word")])
@pytest.mark.parametrize("kind", ["fasttext", "textcnn", "bilstm", "bert", "gpt2", "bart"])
def test_occlusion_is_the_mean_rise_over_the_windows_that_contain_a_unit(kind, size, unit):
    explain = explainer(kind)
    scores = explain(TEXT, "occlusion", unit, labels=1, occlusion_window=size)["occlusion"]
    assert scores == pytest.approx(naive_scores(explain, TEXT, unit, size), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("kind", ["textcnn", "bert"])
def test_windows_of_one_unit_are_leave_one_out_and_those_of_the_whole_text_remove_all(kind):
    explain = explainer(kind)
    one = explain(TEXT, ("occlusion", "loo"), occlusion_window=1)
    assert one["occlusion"] == pytest.approx(one["loo"], rel=1e-9, abs=1e-12)
    for size in (len(one.units), 1000):
        whole = explain(TEXT, "occlusion", occlusion_window=size)["occlusion"]
        assert set(whole.tolist()) == {whole[0]}
    assert whole[0] == pytest.approx(naive_scores(explain, TEXT, "word", 1000, target=one.target)[0], rel=1e-9)


def test_on_a_linear_model_the_middle_of_a_text_gets_the_moving_average_of_leave_one_out():
    found = explainer("fasttext")(TEXT, ("occlusion", "loo"), "word", objective="logit")
    weights = np.array([1, 2, 3, 2, 1]) / 3
    assert found["occlusion"][2:-2] == pytest.approx(np.convolve(found["loo"], weights, "valid"), abs=1e-12)


def test_few_windows_are_held_at_a_time(monkeypatch):
    expected, held, run = explainer("textcnn")([TEXT, "good"], "occlusion"), [], occlusion.subset_logits

    def counted(forward, text_of, removed):
        held.append(removed.numel())
        return run(forward, text_of, removed)

    monkeypatch.setattr(occlusion, "_HELD", 20)
    monkeypatch.setattr(occlusion, "subset_logits", counted)
    for found, other in zip(explainer("textcnn")([TEXT, "good"], "occlusion"), expected, strict=True):
        assert found["occlusion"] == pytest.approx(other["occlusion"], rel=1e-9, abs=1e-12)
    assert max(held) == 20
    assert len(held) > 3


@pytest.mark.parametrize("kind", ["fasttext", "textcnn", "bilstm", "bert"])
def test_a_text_gets_the_same_scores_alone_and_in_a_batch(kind):
    texts = [*TEXTS, TEXT, "good", "bad film"]
    for text, found in zip(texts, explainer(kind)(texts, "occlusion"), strict=True):
        assert found["occlusion"] == pytest.approx(explainer(kind)(text, "occlusion")["occlusion"], rel=1e-9, abs=1e-12)


def test_each_window_runs_once_for_all_texts_and_classes(monkeypatch):
    asked, run = [], occlusion.subset_logits
    monkeypatch.setattr(occlusion, "subset_logits", lambda *call: asked.append(call[2]) or run(*call))
    (explanation,) = explainer("bert")([TEXT], "occlusion", target="all")
    (sets,) = asked
    assert len(sets) == len({tuple(row) for row in sets.tolist()}) == Occlusion().masked_copies(10) == 8
    for label, each in explanation.by_class().items():
        alone = explainer("bert")(TEXT, "occlusion", target=label)
        assert each["occlusion"] == pytest.approx(alone["occlusion"], rel=1e-9, abs=1e-12)
    assert [Occlusion(n).masked_copies(u) for n, u in ((3, 0), (3, 1), (3, 3), (3, 4), (1, 4))] == [0, 1, 1, 2, 4]


def test_a_window_has_at_least_one_unit():
    with pytest.raises(GradexplainError, match="occlusion_window must be a number of units, 1 or larger, but is 0"):
        explainer("bert")(TEXT, "occlusion", occlusion_window=0)
