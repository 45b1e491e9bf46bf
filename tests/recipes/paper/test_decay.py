"""The decay of gradients, and the conclusion from it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from datasets import Dataset

from recipes.paper.decay import by_distance, measure_decay, middle_to_end_ratio
from recipes.paper.decay_conclusion import PoolingSummary, conclusion, pooling_sentences, summarize_pooling
from recipes.paper.results import IntervalEstimate
from recipes.paper.tables import decay_table
from tests.helpers.tiny import TEXTS, make
from tests.recipes.paper.made_up import BEHIND, result


def text(number, size, *, words=240):
    """The words of one text, whose scores are `size` of their distance from the nearer end."""
    place = np.arange(words)
    scores = size(np.minimum(place, words - 1 - place)).astype(float)
    columns = {"gradient": scores, "loo": -scores, "signed_gi": np.ones(words)}
    return pd.DataFrame({"text": number, "place": place, "words": words, **columns})


def test_words_weigh_by_their_distance_from_the_nearer_end():
    halved = by_distance(pd.concat([text(i, lambda d: np.where(d < 10, 2, 1)) for i in range(3)]))
    assert halved["from"].tolist() == [0, 10, 25, 50, 100]
    assert (halved["n"] == 3).all()
    mean = (20 * 2 + 220) / 240
    assert halved["gradient"].tolist() == pytest.approx([2 / mean, *[1 / mean] * 4])
    assert halved["loo"].tolist() == halved["gradient"].tolist()


def test_the_end_of_the_text_is_one_of_both_ends():
    sizes = by_distance(text(0, lambda d: np.where(d < 10, 2, 1)), nearer_end=False)
    assert sizes["from"].tolist() == [0, 10, 25, 50, 100, 200]
    mean = (20 * 2 + 220) / 240
    assert sizes["gradient"].tolist() == pytest.approx([2 / mean, *[1 / mean] * 4, (10 * 2 + 30) / 40 / mean])


def test_the_interval_is_over_texts():
    steep, flat = text(0, lambda d: 0.5**d), text(1, np.ones_like)
    sizes = by_distance(pd.concat([steep, flat])).iloc[0]
    means = [steep["gradient"][:10].mean() / steep["gradient"].mean(), 1.0]
    half = 1.96 * np.std(means, ddof=1) / np.sqrt(2)
    assert sizes["gradient"] == pytest.approx(np.mean(means))
    assert (sizes["gradient_ci_low"], sizes["gradient_ci_high"]) == pytest.approx(
        (np.mean(means) - half, np.mean(means) + half)
    )


def test_short_texts_say_nothing_and_one_without_gradients_neither():
    nothing = by_distance(text(0, np.ones_like, words=99))
    assert len(nothing) == 0
    assert set(nothing) == set(by_distance(text(0, np.ones_like)))
    sizes = by_distance(pd.concat([text(0, np.zeros_like), text(1, np.ones_like)]))
    assert sizes["gradient"].tolist() == [1.0] * 5
    assert sizes["n"].tolist() == [1] * 5


def test_the_middle_is_compared_with_the_ends_of_the_same_text():
    """Texts of different lengths have different distances, which must not count as decay."""
    long, short = (text(i, lambda d: np.where(d < 10, 4, 1), words=n) for i, n in enumerate((400, 120)))
    ratio, n = middle_to_end_ratio(pd.concat([long, short]), "gradient")
    assert (ratio.value, n) == (0.25, 2)
    assert np.isnan([ratio.low, ratio.high]).all(), "a median of fewer than 6 texts has no interval"
    equal = [text(i, lambda d: np.where(d < 10, 4, 1)) for i in (5, 6)]
    other = [text(i, lambda d: np.where(d < 10, 2, 1)) for i in (2, 7)]
    empty, little = text(3, np.zeros_like), text(4, np.ones_like, words=99)
    ratio, n = middle_to_end_ratio(pd.concat([long, short, *equal, *other, empty, little]), "loo")
    assert (ratio.value, n) == (0.25, 6)
    assert (ratio.low, ratio.high) == (0.25, 0.5)
    nothing, n = middle_to_end_ratio(little, "loo")
    assert np.isnan(nothing.value)
    assert n == 0


def test_every_word_of_a_text_has_a_row(tmp_path):
    model, tokenizer = make("bilstm")
    model.float().save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    Dataset.from_dict({"text": list(TEXTS), "label": [0, 1, 0, 1, 0, 1]}).to_parquet(tmp_path / "data" / "test.parquet")
    measure_decay(str(tmp_path / "model"), str(tmp_path / "data"), 100, tmp_path / "rows.parquet")
    rows = pd.read_parquet(tmp_path / "rows.parquet")
    sizes = rows.groupby("text")["words"].agg(["size", "first"])
    assert (sizes["size"] == sizes["first"]).all()
    assert set(rows["text"]) == {0, 1, 2, 3, 5}, "an empty text has no words"
    assert (rows["gradient"] > 0).all()


def seen(name="last", gradient=0.1, loo=0.6, behind=0.1, path=0.0, lead=0.3):
    """A pooling; differences below 0.01 are no more than chance."""

    def gap(value):
        return IntervalEstimate(value, value - 0.01, value + 0.01, 0.001 if abs(value) > 0.01 else 0.9)

    gradient, loo = (IntervalEstimate(x, 0.9 * x, 1.1 * x) for x in (gradient, loo))
    return PoolingSummary(name, 0.88, gradient, loo, 150, 10, 500, gap(lead), gap(behind), gap(path))


def concluded(*poolings):
    return conclusion({p.name: p for p in poolings})


FINE = {"gradient": 0.9, "loo": 0.9, "behind": 0.0}


def test_decay_is_the_answer_if_signed_gi_is_behind_where_and_only_where_gradients_decay():
    yes = concluded(seen("last"), seen("mean", **FINE), seen("max", **FINE))
    assert yes.startswith("Yes, for these poolings: with pooling last, SignedGI is behind LOO, and its gradient")
    part = concluded(seen("last"), seen("mean", behind=0.0), seen("max", **FINE))
    assert part.startswith("In part: with pooling last, SignedGI is behind LOO")
    assert "with pooling mean, the gradient decays faster as well, but SignedGI is not behind LOO" in part
    also = concluded(seen("last"), seen("mean", **{**FINE, "behind": 0.1}), seen("max"))
    assert also.startswith("In part: with pooling last and max, SignedGI is behind LOO")
    assert (
        "with pooling mean, SignedGI is behind LOO, although its gradient decays no faster than the LOO scores" in also
    )
    no = concluded(seen("last", behind=0.0), seen("mean", **{**FINE, "behind": 0.1}))
    assert no.startswith("No: with pooling mean, SignedGI is behind LOO, although")


def test_differences_within_chance_decide_nothing():
    assert "behind LOO with none of the poolings" in concluded(seen("last", behind=0.009), seen("max", behind=-0.1))
    near = concluded(seen("last", gradient=0.55, loo=0.6))
    assert near.startswith("No: "), "the intervals of the ratios overlap"
    tiny = concluded(seen("last", gradient=1e-20, loo=5e-5))
    assert tiny.startswith("No: "), "both are no more than rounding"


def test_a_model_that_did_not_learn_is_left_out():
    summaries = {"last": seen("last", lead=0.0, behind=0.1), "max": seen("max")}
    assert "pooling last" not in conclusion(summaries)
    assert pooling_sentences(summaries)[0] == (
        "With pooling last (accuracy 0.880), neither LOO nor SignedGI is above a random order, so its explanations "
        "are not compared."
    )
    assert "none of the poolings" in conclusion({"last": summaries["last"]})
    short = replace(seen("mean"), texts=0)
    assert pooling_sentences({"mean": short}) == [
        "With pooling mean (accuracy 0.880), no review is long enough to be measured."
    ]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (
            0.0,
            "With pooling last, integrated gradients are not behind LOO. So SignedGI is behind LOO because the",
        ),
        (-0.1, "With pooling last, integrated gradients are not behind LOO"),
        (0.05, "With pooling last, integrated gradients are less far behind LOO than SignedGI. So the change"),
        (0.095, "Integrated gradients are as far behind LOO as SignedGI"),
    ],
)
def test_integrated_gradients_tell_whether_the_way_matters(path, expected):
    assert expected in concluded(seen("last", path=path))


def test_a_pooling_is_described_in_a_few_sentences():
    words = pd.concat([text(i, lambda d: np.where(d < 10, 4, 1)) for i in range(9)])
    values = {**BEHIND, "integrated_gradients": 0.321}
    summary = summarize_pooling("last", 0.88, words, result(values))
    assert pooling_sentences({"last": summary}) == [
        "With pooling last (accuracy 0.880), the gradients of words at least 50 words away from both ends are 0.25 "
        "[0.25, 0.25] times as large as those of the first and last ten words. The LOO scores of the same words are "
        "0.25 [0.25, 0.25] times as large. Both ratios are medians over 9 reviews. In AOPC(10) over 100 reviews, "
        "SignedGI is behind LOO by 0.100 [0.095, 0.105], 33% "
        "of the lead, and integrated gradients are not significantly different from LOO (integrated gradients − LOO: "
        "+0.001 [-0.004, +0.006])."
    ]
    ahead = summarize_pooling("max", 0.88, words, result({**values, "signed_gi": 0.4}))
    assert "SignedGI is ahead of LOO by 0.080 [0.075, 0.085], and" in pooling_sentences({"max": ahead})[0]


def test_what_is_no_more_than_rounding_is_described_as_such():
    (sentence,) = pooling_sentences({"last": seen(gradient=1e-20, loo=0.05)})
    assert "both ends are less than 0.0001 times as large as those of the first and last ten words" in sentence
    assert "LOO scores of the same words are 0.05 [0.045, 0.055] times as large" in sentence
    sizes = {f"{name}{end}": [1e-9] for name in ("gradient", "loo", "signed_gi") for end in ("", "_ci_low", "_ci_high")}
    table = pd.DataFrame({"from": [0], "to": [10], "n": [3], **sizes, "loo": [0.5]})
    (row,) = decay_table({"last": table}, "words to the end").to_dict("records")
    assert (row["words to the end"], row["gradient"], row["texts"]) == ("0 to 9", "< 0.0001", 3)
    assert row["loo"].startswith("0.50 [")
