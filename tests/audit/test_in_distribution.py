"""The test of whether masked texts are in distribution: its formulas by hand, its rate, and what it sees of a model."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats
from transformers import XLNetConfig, XLNetForSequenceClassification

from hf_gradexplain.audit.detector import Detector, _fisher, simes, two_sided
from hf_gradexplain.audit.in_distribution import (
    FEWEST,
    LEVEL,
    SHARES,
    InDistribution,
    _features,
    _layers,
    _run,
    in_distribution,
)
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.options import Options
from tests.helpers.naive import NaiveReader
from tests.helpers.tiny import explainer, make

TEXTS = ["the good film is not bad , the actor is good", "the music of this film is a word", "a bad end"]
WORDS = (
    ["the", "a", "this"],
    ["good", "bad", "worst"],
    ["film", "actor", "music", "end", "word"],
    ["is", "not", "and", "of", "music", "word", "end"],
)
REFERENCE = [" ".join(words) for words in product(*WORDS)]


def test_two_sided_p_values_are_those_of_the_formula_with_ties_and_beyond_the_reference():
    rng = np.random.default_rng(0)
    reference, values = rng.integers(0, 5, (20, 3)).astype(float), rng.integers(-2, 8, (9, 3)).astype(float)
    expected = [
        [
            min(1, 2 * (1 + min(sum(r <= x for r in reference[:, d]), sum(r >= x for r in reference[:, d]))) / 21)
            for d, x in enumerate(row)
        ]
        for row in values
    ]
    np.testing.assert_allclose(two_sided(np.sort(reference, 0), values), expected)


def test_simes_and_fisher_are_those_of_the_formulas():
    p = np.random.default_rng(0).random((4, 6))
    expected = [min(6 * x / i for i, x in enumerate(sorted(row), 1)) for row in p.tolist()]
    np.testing.assert_allclose(simes(p), expected)
    features = [np.random.default_rng(d).normal(size=(5, d)) for d in (2, 3)]
    reference = [np.sort(np.random.default_rng(9).normal(size=(30, d)), 0) for d in (2, 3)]
    known = [np.sort(np.random.default_rng(d).random(30)) for d in (2, 3)]
    s = [simes(two_sided(m, x)) for m, x in zip(reference, features, strict=True)]
    by_layer = [two_sided(k[:, None], each[:, None])[:, 0] for k, each in zip(known, s, strict=True)]
    t = [-2 * sum(np.log(layer[i]) for layer in by_layer) for i in range(5)]
    np.testing.assert_allclose(_fisher(reference, known, features), t)


def test_the_p_value_of_a_text_counts_the_reference_texts_that_are_as_unusual():
    rng = np.random.default_rng(0)
    reference = [rng.integers(0, 4, size=(30, d)).astype(float) for d in (2, 3)]
    detector = Detector.fit(reference)
    assert [len(detector.fisher), len(detector.features[0]), len(detector.simes[1])] == [10, 20, 20]
    t = _fisher(detector.features, detector.simes, reference)
    expected = [(1 + sum(known >= x for known in detector.fisher)) / 11 for x in t]
    np.testing.assert_allclose(detector(reference), expected)
    assert np.isin(t, detector.fisher).any(), "some are equal"


def test_simes_of_independent_p_values_is_uniform():
    p = np.random.default_rng(0).random((3000, 7))
    assert stats.kstest(simes(p), "uniform").pvalue > 0.01


def made_up(rng, n, scale=1.0, shift=0.0):
    """Return features of two layers that depend on each other."""
    shared = rng.normal(size=(n, 1))
    return [shift + scale * (shared + rng.normal(size=(n, d))) for d in (12, 20)]


def test_of_texts_like_the_reference_at_most_the_nominal_share_is_out_of_distribution():
    rng = np.random.default_rng(0)
    p = np.concatenate([Detector.fit(made_up(rng, 597))(made_up(rng, 100)) for _ in range(40)])
    for level in (0.05, 0.1, 0.5):
        assert 0.8 * level < np.mean(p <= level) < 1.1 * level, "on average over references"


@pytest.mark.parametrize("change", [{"shift": 3.0}, {"scale": 3.0}, {"scale": 0.05}], ids=str)
def test_unusual_features_are_found_also_if_they_are_all_too_close_to_the_middle(change):
    rng = np.random.default_rng(0)
    detector = Detector.fit(made_up(rng, 597))
    assert np.mean(detector(made_up(rng, 100, **change)) <= 0.15) > 0.8


@pytest.mark.parametrize("kind", ["textcnn", "bert"])
def test_features_are_the_largest_values_that_linear_layers_read_of_the_masked_text(kind):
    engine, (model, tokenizer) = explainer(kind), make(kind)
    scored = next(iter(engine.run(TEXTS[:1], Options(("random",), "word", target="predicted"))))
    removed = torch.zeros(3, scored.forward.batch.units.size, dtype=torch.bool)
    removed[1, [0, 3]], removed[2] = True, True
    forward = scored.forward.only(0)
    layers, (prediction, confidence) = _features(forward, removed, _layers(forward))
    for copy, sets in enumerate(removed.tolist()):
        reader, read = NaiveReader(model, tokenizer, TEXTS[0]), []
        for token, unit in enumerate(scored.forward.batch.units.unit_of[0].tolist()):
            if unit < len(sets) and sets[unit]:
                reader.table.data[reader.rows[token]] = 0
        for module in reader.model.modules():
            if isinstance(module, torch.nn.Linear):
                module.register_forward_pre_hook(lambda module, args, read=read: read.append(args[0].detach()))
        probabilities = reader.logits().softmax(-1)
        assert len(read) == len(layers)
        for layer, x in zip(layers, read, strict=True):
            np.testing.assert_allclose(layer[copy], x[0].reshape(-1, x.shape[-1]).amax(0), rtol=1e-5, atol=1e-6)
        assert confidence[copy] == pytest.approx(float(probabilities.detach().max()))
        assert prediction[copy] == int(probabilities.argmax())


def test_features_are_in_the_order_of_the_copies_also_if_shorter_copies_run_first():
    options = Options(("random",), "word", target="predicted", mask="deletion")
    forward = next(iter(explainer("textcnn").run(TEXTS[:1], options))).forward.only(0)
    removed = torch.zeros(3, forward.batch.units.size, dtype=torch.bool)
    removed[0, :2], removed[2, :5] = True, True
    (layer, *_), (_, confidence) = _features(forward, removed, _layers(forward))
    for copy in range(3):
        (alone, *_), (_, sure) = _features(forward, removed[copy : copy + 1], _layers(forward))
        np.testing.assert_allclose(layer[copy], alone[0], rtol=1e-5, atol=1e-6)
        assert confidence[copy] == pytest.approx(sure[0])
    assert len(np.unique(layer, axis=0)) == 3


def test_layers_that_read_a_row_per_token_are_left_out_also_with_as_many_copies_as_tokens():
    """XLNet has most of its layers read `(T, B, D)`."""
    tokenizer = make("bert")[1]
    config = XLNetConfig(vocab_size=len(tokenizer), d_model=8, n_layer=1, n_head=2, d_inner=8, pad_token_id=0)
    engine = Explainer(XLNetForSequenceClassification(config).eval(), tokenizer)
    scored = next(iter(engine.run(TEXTS[:1], Options(("random",), "word", target="predicted"))))
    forward = scored.forward.only(0)
    names, tokens = _layers(forward), forward.batch.units.unit_of.shape[1]
    for copies in (tokens, tokens + 1):
        removed = torch.zeros(copies, forward.batch.units.size, dtype=torch.bool)
        layers, _ = _features(forward, removed, names)
        assert {layer.shape[0] for layer in layers} == {copies}
        assert all(np.allclose(layer, layer[0], atol=1e-5) for layer in layers)
        assert len(layers) == len(names)
    assert 0 < len(names) < sum(isinstance(module, torch.nn.Linear) for module in engine.model.modules())


def test_layers_that_read_a_row_per_token_are_left_out_also_of_texts_of_one_or_two_tokens():
    tokenizer = make("gpt2")[1]
    config = XLNetConfig(vocab_size=len(tokenizer), d_model=8, n_layer=1, n_head=2, d_inner=8)
    engine = Explainer(XLNetForSequenceClassification(config).eval(), tokenizer)
    found = []
    for text in ("bad", "bad bad", "bad bad bad bad"):
        (scored,) = engine.run([text], Options(("random",), "token", target="predicted"))
        assert scored.forward.batch.units.unit_of.shape[1] == len(text.split())
        found.append(_layers(scored.forward.only(0)))
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize(("reference", "texts"), [(300, 20), (400, 100)])
def test_the_expected_range_is_that_of_p_values_that_share_their_reference(reference, texts):
    rng, n = np.random.default_rng(1), reference - reference * 2 // 3
    known, tested = np.sort(rng.random((4000, n)), axis=1), rng.random((4000, texts))
    larger = np.stack([n - np.searchsorted(a, b) for a, b in zip(known, tested, strict=True)])
    shares = ((1 + larger) / (n + 1) <= 0.05).mean(axis=1)
    p = np.ones((texts, 1))
    low, high = InDistribution((0.5,), p, p, p, "random", reference, False).expected
    outside = (shares < low).mean(), (shares > high).mean()
    assert max(outside) < 0.03
    assert (shares >= high).mean() > 0.02, "and no wider than that"


@pytest.mark.parametrize(("reference", "small", "large"), [(174, 2, 57), (300, 5, 96)])
def test_the_ends_of_the_expected_range_are_quantiles_of_binomials_with_a_random_probability(reference, small, large):
    """The last 58 of 174 texts of the reference have p-values `i / 59`: two of them are at most 0.05."""
    n, q = 1000, (np.arange(4000) + 0.5) / 4000
    weights = stats.beta(small, large).pdf(q)
    cdf = stats.binom.cdf(np.arange(n + 1)[:, None], n, q) @ weights / weights.sum()
    p = np.ones((n, 1))
    found = InDistribution((0.5,), p, p, p, "random", reference, False).expected
    assert found == (np.searchsorted(cdf, 0.025) / n, np.searchsorted(cdf, 0.975) / n)


def test_masked_texts_are_out_of_distribution_where_zero_is_far_from_all_word_vectors():
    model, tokenizer = make("fasttext")
    with torch.no_grad():
        model.get_input_embeddings().weight.mul_(0.1).add_(5.0)
    result = in_distribution(Explainer(model, tokenizer), REFERENCE[::5], REFERENCE, shares=(0.0, 1.0))
    frame = result.to_frame().set_index("share")
    assert frame.loc[1.0, "out_of_distribution"] == 1.0
    assert result.p[:, 1].max() < 6 / 106, "more unusual than nearly all of the 105 texts of the last third"
    assert frame.loc[0.0, "out_of_distribution"] < 0.3
    trained = in_distribution(
        Explainer(model, tokenizer), REFERENCE[::5], REFERENCE, reference_masked=True, shares=(0.5,)
    )
    assert trained.to_frame()["out_of_distribution"].item() < 0.3


def test_the_result_is_a_table_that_does_not_depend_on_the_order_of_the_texts():
    result = in_distribution(explainer("textcnn"), [*TEXTS, ""], REFERENCE, shares=(0.0, 0.5), method="loo")
    frame = result.to_frame()
    assert list(frame) == ["share", "out_of_distribution", "ci_low", "ci_high", "confidence", "n"]
    assert frame["share"].tolist() == [0.0, 0.5]
    assert (frame["n"] == 3).all(), "a text without words cannot be masked"
    low, high = stats.binomtest(int((result.p[:, 0] <= 0.05).sum()), 3).proportion_ci()
    assert frame.loc[0, ["ci_low", "ci_high"]].tolist() == [low, high]
    again = in_distribution(explainer("textcnn"), TEXTS[::-1], REFERENCE, shares=(0.0, 0.5), method="loo")
    np.testing.assert_array_equal(np.sort(again.p, 0), np.sort(result.p, 0))
    assert (
        "Compared with 315 reference texts without masked words. The masked words are those with the highest"
        in repr(result)
    )
    assert "<td" in result._repr_html_()


def test_arguments_that_cannot_be_used():
    engine = explainer("fasttext")
    with pytest.raises(GradexplainError, match=r"^the test needs 300 or more reference texts, but got 3: give more"):
        in_distribution(engine, TEXTS, TEXTS)
    with pytest.raises(
        GradexplainError, match=r"^the test needs 300 different reference texts with words, but got 1: "
    ):
        in_distribution(engine, TEXTS, ["bad"] * 300)
    with pytest.raises(GradexplainError, match=r"^shares must be shares of masked words from 0 to 1, but one is 2$"):
        in_distribution(engine, TEXTS, REFERENCE, shares=(0.5, 2))
    with pytest.raises(GradexplainError, match=r"^shares must be shares of masked words, but there is none: give at "):
        in_distribution(engine, TEXTS, REFERENCE, shares=())
    with pytest.raises(
        GradexplainError, match=r"^shares must be a list of shares of masked words, such as \[0, 0.5, 1"
    ):
        in_distribution(engine, TEXTS, REFERENCE, shares=0.5)
    with pytest.raises(GradexplainError, match=r"^each of the shares must be a number, but is 'half'$"):
        in_distribution(engine, TEXTS, REFERENCE, shares=["half"])
    with pytest.raises(GradexplainError, match=r"^text 1 is missing \(None or NaN\)"):
        in_distribution(engine, ["good", None], REFERENCE)
    for texts, reference, start in ((["good", 3], REFERENCE, ""), (TEXTS, ["good", 3], "reference: ")):
        with pytest.raises(GradexplainError, match=rf"^{start}text 1: each text must be a str, .*, not int$"):
            in_distribution(engine, texts, reference)
    with pytest.raises(GradexplainError, match=r"^reference: text 1 is missing \(None or NaN\)"):
        in_distribution(engine, TEXTS, ["good", None])
    with pytest.raises(GradexplainError, match=r"^none of the texts has words that can be masked: give other texts$"):
        in_distribution(engine, [""], REFERENCE)


def test_texts_and_shares_may_come_in_any_iterable():
    engine, found = explainer("fasttext"), []
    for texts, reference, shares in (
        (list(TEXTS), list(REFERENCE), (0.0, 0.5)),
        (pd.Series(TEXTS), pd.Series(REFERENCE), np.array([0.0, 0.5])),
        (iter(TEXTS), iter(REFERENCE), iter([0.0, 0.5])),
    ):
        found.append(in_distribution(engine, texts, reference, shares=shares))
    for result in found:
        assert result.to_frame().equals(found[0].to_frame())
        assert (result.shares, result.reference) == ((0.0, 0.5), found[0].reference)
    assert len(in_distribution(engine, TEXTS[0], REFERENCE, shares=[1]).p) == 1


def test_a_text_at_the_level_is_out_of_distribution():
    p = np.array([[LEVEL, 0.01], [np.nextafter(LEVEL, 1), 1.0]])
    confidence = np.array([[0.5, 0.25], [1.0, 0.75]])
    frame = InDistribution((0.0, 0.5), p, p, confidence, "random", FEWEST, False).to_frame()
    assert frame["out_of_distribution"].tolist() == [0.5, 0.5]
    assert frame["confidence"].tolist() == [0.75, 0.5]
    assert frame["n"].tolist() == [2, 2]


def test_the_defaults_are_eleven_shares_of_random_words_and_a_reference_without_masked_words():
    engine, reference = explainer("fasttext"), REFERENCE[:FEWEST]
    found = in_distribution(engine, TEXTS, reference)
    given = in_distribution(
        engine, TEXTS, reference, reference_masked=False, method="random", unit="word", shares=SHARES, seed=0
    )
    assert found.shares == tuple(i / 10 for i in range(11)) == given.shares
    np.testing.assert_array_equal(found.p, given.p)
    assert found.reference == FEWEST
    with pytest.raises(GradexplainError, match=f"but got {FEWEST - 1}"):
        in_distribution(engine, TEXTS, reference[1:])
    with pytest.raises(GradexplainError, match=r"but one is -0\.1$"):
        in_distribution(engine, TEXTS, reference, shares=(-0.1,))


def test_the_number_of_masked_words_is_the_share_of_the_words_rounded():
    """The feature of the model is the mean vector of four equal words."""
    options, shares = Options(("random",), "word", target="predicted"), (0.0, 0.25, 0.3, 0.4, 1.0)
    (copies,) = _run(explainer("fasttext"), ["bad bad bad bad"], options, shares)
    (features,) = copies.features
    np.testing.assert_allclose(features, np.outer([1, 0.75, 0.75, 0.5, 0], features[0]), rtol=1e-6)
    assert features[0].all()


def test_words_are_masked_in_half_of_the_reference_texts():
    """Of four words, each number from 0 to 4 is equally likely: a fifth of the masked texts are as before."""
    engine, options = explainer("fasttext"), Options(("random",), "word", target="predicted")
    plain, masked = (list(_run(engine, REFERENCE, options, shares)) for shares in ((0.0,), None))
    same = [np.array_equal(a.features[0], b.features[0]) for a, b in zip(plain, masked, strict=True)]
    assert np.mean(same) == pytest.approx(0.5 + 0.5 / 5, abs=0.06)
    assert len({copies.order for copies in plain}) == len(REFERENCE)


def test_a_model_in_bfloat16_is_tested():
    model, tokenizer = make("fasttext")
    found = in_distribution(Explainer(model.bfloat16(), tokenizer), TEXTS, REFERENCE, shares=(0.0,))
    assert found.confidence.dtype == np.float64


def test_the_sentence_says_what_was_masked():
    p = np.ones((20, 1))
    low, high = InDistribution((0.5,), p, p, p, "loo", 900, True).expected
    said = repr(InDistribution((0.5,), p, p, p, "random", 900, True))
    for part in ("900 reference texts, half of them with random words masked", "drawn at random", "5% of them"):
        assert part in said
    assert f"{low:.0%} to {high:.0%}" in said
