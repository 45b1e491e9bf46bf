"""The sentences and clauses of an explanation, and how they are shown."""

import pytest
from rich.console import Console

from hf_gradexplain.explanation.parts import LEVELS
from tests.helpers.tiny import explainer

TEXT = "Bad film, good. It is a word"
HOW = {"self_check": False, "max_evals": 50}


def test_parts_have_the_sums_of_their_units():
    explanation = explainer("bert")(("Bad film, good. It is", "a word"), ("random", "loo"))
    frame, loo = explanation.parts("loo"), explanation.scores["loo"]
    assert [*frame["level"]] == ["text", "sentence", "clause", "clause", "sentence", "clause", *LEVELS]
    assert [*frame["part"]][:5] == ["Bad film, good. It is", "Bad film, good.", "Bad film,", "good.", "It is"]
    assert [explanation.text[a:b] for a, b in zip(frame["start"], frame["end"], strict=True)] == [*frame["part"]]
    expected = [loo[:7], loo[:5], loo[:3], loo[3:5], loo[5:7], loo[5:7], *3 * [loo[7:]]]
    assert [*frame["score"]] == pytest.approx([part.sum() for part in expected], abs=1e-12)
    assert [*explanation.parts()["score"]] != [*frame["score"]]
    assert explainer("bert")("", "random").parts().empty


def test_the_parts_are_shown_under_the_scores_of_partition_shapley_alone():
    explanation = explainer("bert")(TEXT, ("partition_shapley", "kernel_shap"), **HOW)
    shown = explanation.shown_parts("partition_shapley")
    assert [(part.depth, part.text) for part in shown] == [
        (0, "Bad film, good."), (1, "Bad film,"), (1, "good."), (0, "It is a word")
    ]  # fmt: skip
    scores = explanation.scores["partition_shapley"]
    assert float(shown[1].score.replace("−", "-")) == pytest.approx(scores[:3].sum(), rel=0.01)
    sums = (scores[:5].sum(), scores[:3].sum(), scores[3:5].sum(), scores[5:].sum())
    assert [part.score[0] for part in shown] == ["+" if total > 0 else "−" for total in sums]
    assert max(sums) > 0
    assert explanation.shown_parts("kernel_shap") == []
    with (console := Console(width=100)).capture() as captured:
        console.print(explanation.to_rich("partition_shapley"))
    assert f"parts           {shown[0].score}  Bad film, good." in captured.get()
    assert f"                  {shown[1].score}  Bad film, " in captured.get()
    html = explanation.to_html("partition_shapley")
    assert html.count("<li") == 4
    assert f'<li style="--d:1"><data>{shown[1].score}</data> <bdi>Bad film,</bdi></li>' in html
    assert "<li" not in explanation.to_html("kernel_shap")


def test_texts_of_a_pair_are_parts():
    explanation = explainer("bert")(("bad film", "good, is"), "partition_shapley", **HOW)
    assert [(part.depth, part.text) for part in explanation.shown_parts("partition_shapley")] == [
        (0, "bad film"), (0, "good, is"), (1, "good,"), (1, "is")
    ]  # fmt: skip


def test_a_text_of_one_clause_has_no_parts_and_many_clauses_are_left_out():
    assert explainer("fasttext")("bad film", "partition_shapley", **HOW).shown_parts("partition_shapley") == []
    many = explainer("fasttext")("Bad film, good. " * 7, "partition_shapley", **HOW).shown_parts("partition_shapley")
    assert [(part.depth, part.text) for part in many] == [(0, "Bad film, good.")] * 7
    most = explainer("fasttext")("Bad film, good. " * 14, "partition_shapley", **HOW).shown_parts("partition_shapley")
    assert len(most) == 12
    twelve = explainer("fasttext")("Bad film, good. " * 4, "partition_shapley", **HOW).shown_parts("partition_shapley")
    assert [part.depth for part in twelve] == [0, 1, 1] * 4


def test_a_long_part_is_shown_in_46_characters():
    for length, text in ((45, f"{'a' * 45}."), (46, f"{'a' * 45}…")):
        explanation = explainer("bert")(f"{'a' * length}. It is", "partition_shapley", **HOW)
        assert explanation.shown_parts("partition_shapley")[0].text == text


def test_the_text_of_a_part_is_escaped():
    explanation = explainer("bert")("<b>bad</b>, film\x1b[31m. It is", "partition_shapley", **HOW)
    shown = explanation.shown_parts("partition_shapley")
    assert "<b>" in shown[0].text
    assert "\x1b" not in "".join(part.text for part in shown)
    assert "<b>bad" not in explanation.to_html()
