"""How far gradients reach, and what is concluded from it."""

import numpy as np
import pandas as pd
import pytest
from datasets import Dataset

from recipes.paper.answer import Pooling, conclusion, pooling, sentences
from recipes.paper.decay import by_distance, kept, measure_decay
from recipes.paper.tables import decay_table
from tests.recipes.paper.made_up import BEHIND, result
from tests.tiny import TEXTS, make


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
    assert kept(halved, "gradient") == pytest.approx(0.5)
    assert kept(halved, "signed_gi") == pytest.approx(1)


def test_the_end_of_the_text_is_one_of_both_ends():
    found = by_distance(text(0, lambda d: np.where(d < 10, 2, 1)), nearer=False)
    assert found["from"].tolist() == [0, 10, 25, 50, 100, 200]
    mean = (20 * 2 + 220) / 240
    assert found["gradient"].tolist() == pytest.approx([2 / mean, *[1 / mean] * 4, (10 * 2 + 30) / 40 / mean])


def test_the_interval_is_over_texts():
    steep, flat = text(0, lambda d: 0.5**d), text(1, np.ones_like)
    found = by_distance(pd.concat([steep, flat])).iloc[0]
    means = [steep["gradient"][:10].mean() / steep["gradient"].mean(), 1.0]
    half = 1.96 * np.std(means, ddof=1) / np.sqrt(2)
    assert found["gradient"] == pytest.approx(np.mean(means))
    assert (found["gradient_ci_low"], found["gradient_ci_high"]) == pytest.approx(
        (np.mean(means) - half, np.mean(means) + half)
    )


def test_short_texts_say_nothing_and_one_without_gradients_neither():
    assert len(by_distance(text(0, np.ones_like, words=99))) == 0
    found = by_distance(pd.concat([text(0, np.zeros_like), text(1, np.ones_like)]))
    assert found["gradient"].tolist() == [1.0] * 5


def test_every_word_of_a_text_has_a_row(tmp_path):
    model, tokenizer = make("bilstm")
    model.float().save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    Dataset.from_dict({"text": list(TEXTS), "label": [0, 1, 0, 1, 0, 1]}).to_parquet(tmp_path / "data" / "test.parquet")
    measure_decay(str(tmp_path / "model"), str(tmp_path / "data"), 100, tmp_path / "found.parquet")
    found = pd.read_parquet(tmp_path / "found.parquet")
    sizes = found.groupby("text")["words"].agg(["size", "first"])
    assert (sizes["size"] == sizes["first"]).all()
    assert set(found["text"]) == {0, 1, 2, 3, 5}, "an empty text has no words"
    assert (found["gradient"] > 0).all()


def seen(**values):
    """Poolings by name: how much of the gradient is left, how much of leave-one-out, and the share of the lead."""
    return {name: Pooling(name, "100 to 199", *pair, 0.3 * share, share) for name, (*pair, share) in values.items()}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            {"last": (0.1, 0.6, 0.5), "mean": (0.8, 0.9, 0.1), "max": (0.5, 0.6, 0.2)},
            "decay goes with the loss in all three poolings. Leaving the same words out decays less",
        ),
        (
            {"last": (0.1, 0.05, 0.5), "mean": (0.8, 0.9, 0.1), "max": (0.5, 0.6, 0.2)},
            "in all three poolings. Leaving the same words out decays as much or more",
        ),
        (
            {"last": (0.1, 0.6, 0.5), "mean": (0.8, 0.9, 0.3), "max": (0.5, 0.6, 0.2)},
            "most with pooling last, and there SignedGI is furthest behind; between the other two decay and",
        ),
        (
            {"last": (0.1, 0.6, 0.1), "mean": (0.8, 0.9, 0.3), "max": (0.5, 0.6, 0.2)},
            "Decay is not the answer here: the gradient decays most with pooling last, but SignedGI is furthest behind "
            "with mean",
        ),
        (
            {"last": (1e-20, 5e-5, 0.5), "mean": (0.8, 0.9, 0.1), "max": (0.5, 0.6, 0.2)},
            "decays as much or more",
        ),
        ({"last": (0.1, 0.6, -0.1), "mean": (0.8, 0.9, 0.0), "max": (0.5, 0.6, -0.2)}, "nothing here for decay"),
    ],
)
def test_the_answer_follows_from_the_poolings(values, expected):
    assert expected in conclusion(seen(**values))


def test_what_is_no_more_than_rounding_is_told_as_such():
    (said,) = sentences(seen(last=(1e-20, 0.05, 0.5)))
    assert "away from both ends is less than 0.0001 times that of a word next to an end" in said
    assert "leave-one-out score 0.05 times" in said
    sizes = {f"{name}{end}": [1e-9] for name in ("gradient", "loo", "signed_gi") for end in ("", "_ci_low", "_ci_high")}
    table = pd.DataFrame({"from": [0], "to": [10], "n": [3], **sizes, "loo": [0.5]})
    (row,) = decay_table({"last": table}).to_dict("records")
    assert (row["words to the end"], row["gradient"], row["texts"]) == ("0 to 9", "< 0.0001", 3)
    assert row["loo"].startswith("0.50 [")


def test_a_pooling_is_told_in_one_sentence():
    table = by_distance(text(0, lambda d: np.where(d < 10, 4, 1)))
    found = pooling("last", table, result(BEHIND))
    assert sentences({"last": found}) == [
        "With pooling last, the gradient of a word 100 to 199 words away from both ends is 0.25 times that of a word "
        "next to an end, and its leave-one-out score 0.25 times; SignedGI is behind LOO by 0.100, 33% of the lead."
    ]
