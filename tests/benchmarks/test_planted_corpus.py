"""The planted corpus: labels follow from the rule, and the evidence is what the rule needs."""

from itertools import product

import pytest
import torch

from benchmarks import planted_models
from benchmarks.planted_corpus import CELLS, LENGTH, planted_texts, score, training_texts


def naive_score(words):
    """The rule again, word by word."""
    total, sets = 0, set()
    for place, word in enumerate(words):
        if word is None:
            continue
        if word.startswith("single"):
            total += 1
        elif word.startswith("against"):
            total -= 1
        elif word.startswith("set"):
            sets.add(word[:-1])
        elif word.startswith("left") and place + 1 < len(words) and words[place + 1] == "right" + word[4:]:
            total += 1
    return total + len(sets)


def masked(words, without):
    return [None if word in without else word for word in words]


def test_labels_of_training_texts_follow_from_the_rule():
    texts = training_texts(400, seed=0)
    assert [t.label for t in texts] == [0, 1] * 200
    assert [t.label for t in texts] == [int(naive_score(t.words) >= 1) for t in texts]
    assert all(len(set(t.words)) == len(t.words) == LENGTH for t in texts)
    assert {naive_score(t.words) for t in texts} >= set(range(-2, 5))


def test_training_texts_hold_all_that_a_model_must_not_mistake_for_evidence():
    texts = training_texts(400, seed=0)
    half = [t for t in texts if any(w[:4] == "left" for w in t.words) and not any("left" in w for w in t.evidence)]
    full_set_beaten = [t for t in texts if t.label == 0 and sum(w.startswith("set0") for w in t.words) >= 3]
    assert len(half) > 20
    assert full_set_beaten


@pytest.mark.parametrize(("regime", "degree"), CELLS)
def test_texts_are_what_their_regime_says(regime, degree):
    for text in planted_texts(regime, degree, 20, seed=0):
        single = [naive_score(masked(text.words, {word})) for word in text.evidence]
        value = {"additive": 1, "saturated": degree, "redundant": 1, "conjunctive": degree}[regime]
        assert len(text.words) == LENGTH
        assert len(text.evidence) == (2 * degree if regime == "conjunctive" else degree)
        assert score(text.words) == naive_score(text.words) == value
        assert score(masked(text.words, text.evidence)) == (1 - degree if regime == "additive" else 0)
        assert set(single) == {value - (not (regime == "redundant" and degree > 1))}


def test_words_that_are_no_evidence_change_nothing():
    for regime, degree in CELLS:
        for text in planted_texts(regime, degree, 5, seed=1):
            others = {word for word in text.words if word not in text.evidence and not word.startswith("against")}
            assert all(score(masked(text.words, {word})) == score(text.words) for word in others)


def test_the_score_of_every_masked_copy_is_that_of_the_naive_rule():
    for regime, degree in (("redundant", 3), ("conjunctive", 2)):
        (text,) = planted_texts(regime, degree, 1, seed=2)
        for keep in product([True, False], repeat=LENGTH):
            words = [w if k else None for w, k in zip(text.words, keep, strict=True)]
            assert score(words) == naive_score(words)


def test_training_can_mask_words_and_then_takes_the_label_of_the_rest():
    texts, generator = training_texts(200, seed=3), torch.Generator().manual_seed(0)
    for around in (False, True):
        tokenizer = planted_models.tokenizer(around=around)
        ids, labels = planted_models.encode(texts, tokenizer, 1.0, generator)
        for text, row, label in zip(texts, ids.tolist(), labels.tolist(), strict=True):
            words = tokenizer.convert_ids_to_tokens(row)[around : around + LENGTH]
            left = [None if word == "[PAD]" else word for word in words]
            assert all(word in (None, original) for word, original in zip(left, text.words, strict=True))
            assert label == int(naive_score(left) >= 1)
        assert (ids == planted_models.PAD).any()
        assert labels.tolist() != [t.label for t in texts]


def test_without_masking_the_texts_stay_whole():
    texts, tokenizer = training_texts(50, seed=4), planted_models.tokenizer(around=True)
    ids, labels = planted_models.encode(texts, tokenizer, 0.0, torch.Generator())
    assert labels.tolist() == [t.label for t in texts]
    assert tokenizer.batch_decode(ids[:, 1:-1]) == [t.text for t in texts]


@pytest.mark.parametrize("kind", planted_models.MODELS)
def test_a_masked_word_of_training_is_the_zero_baseline(kind):
    model = planted_models.MODELS[kind](40)
    assert not model.get_input_embeddings().weight[planted_models.PAD].any()
    logits = planted_models.logits_of(model, torch.tensor([[7, 8, 0, 9], [7, 8, 0, 9]]))
    logits[:, 0].sum().backward()
    gradient = model.get_input_embeddings().weight.grad
    assert gradient[7].any()
    assert not gradient[planted_models.PAD].any()


def test_texts_depend_on_the_seed_alone():
    assert planted_texts("saturated", 2, 5, 0) == planted_texts("saturated", 2, 5, 0)
    assert planted_texts("saturated", 2, 5, 0) != planted_texts("saturated", 2, 5, 1)
    assert training_texts(3, 0) != training_texts(3, 1)
