"""Baselines, against the embedding table itself."""

from copy import deepcopy
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from hf_gradexplain.attribution import baseline
from hf_gradexplain.attribution.baseline import baseline_vectors, token_for, vectors_of_ids, vocabulary_moments
from hf_gradexplain.classifier.objective import Objective
from hf_gradexplain.classifier.state import frozen_eval_mode
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.probing.open_classifier import open_classifier
from tests.helpers.tiny import explainer, make
from tests.helpers.toys import TOKENIZER, Toy


def classifier_of(explain):
    return explain.profile.classifier(explain.model, Objective("loss", "softmax"), 1024)


@pytest.fixture
def fasttext():
    """A classifier whose weights the test may change, its tokenizer, and the table of its words."""
    model, tokenizer = make("fasttext")
    explain = Explainer(model, tokenizer)
    with frozen_eval_mode(explain.model):
        yield classifier_of(explain), tokenizer, model.embedding.weight.detach()


def test_zero_needs_no_vectors(fasttext):
    classifier, tokenizer, _ = fasttext
    assert baseline_vectors(classifier, tokenizer, "zero") is None


@pytest.mark.parametrize(("name", "token"), [("pad", 0), ("unk", 1)])
def test_the_vector_of_a_special_token(fasttext, name, token):
    classifier, tokenizer, table = fasttext
    (vector,) = baseline_vectors(classifier, tokenizer, name)
    assert vector.tolist() == table[token].tolist()


@pytest.mark.parametrize("chunk", [3, 64])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16])
def test_the_mean_and_the_deviations_of_the_words(chunk, dtype, monkeypatch):
    """Special tokens do not count; sums are in float64."""
    monkeypatch.setattr(baseline, "_CHUNK", chunk)
    model, tokenizer = make("fasttext", dtype=dtype)
    explain = Explainer(model, tokenizer)
    words = model.embedding.weight.detach().double().numpy()[2:]
    with frozen_eval_mode(explain.model):
        (mean,), (deviation,) = vocabulary_moments(classifier_of(explain), tokenizer)
        (vector,) = baseline_vectors(classifier_of(explain), tokenizer, "mean")
    assert mean.dtype == deviation.dtype == dtype
    rel = {torch.float64: 1e-12, torch.float32: 1e-6, torch.float16: 1e-3}[dtype]
    np.testing.assert_allclose(mean.double(), words.mean(0), rtol=rel, atol=1e-4 if dtype == torch.float16 else 1e-9)
    np.testing.assert_allclose(deviation.double(), words.std(0), rtol=rel)
    assert torch.equal(vector, mean)


def test_moments_are_kept_until_the_weights_change(fasttext, monkeypatch):
    classifier, tokenizer, table = fasttext
    computed = []
    compute = baseline._compute_moments
    monkeypatch.setattr(baseline, "_compute_moments", lambda *args: computed.append(args) or compute(*args))
    (first,), _ = vocabulary_moments(classifier, tokenizer)
    vocabulary_moments(classifier, tokenizer)
    assert len(computed) == 1
    table[5] += 1  # a write to `data`, which the version counter of the weight does not count
    (second,), _ = vocabulary_moments(classifier, tokenizer)
    assert len(computed) == 2
    np.testing.assert_allclose(second - first, 1 / (len(table) - 2), rtol=1e-9)


@pytest.mark.parametrize("ids", [[5], [5, 6, 5], list(range(2, 20))])
@pytest.mark.parametrize("chunk", [1, 2, 3, 64])
def test_vectors_of_ids(fasttext, ids, chunk, monkeypatch):
    monkeypatch.setattr(baseline, "_CHUNK", chunk)
    classifier, tokenizer, table = fasttext
    (vectors,) = vectors_of_ids(classifier, tokenizer, ids)
    assert vectors.tolist() == table[ids].tolist()


def test_a_token_has_to_have_a_vector():
    model, tokenizer = make("bert")
    assert token_for("mask", type("T", (), {"mask_token_id": 47})(), model, asked="x") == 47
    with pytest.raises(
        GradexplainError, match=r"^x: the model has no vector for the tokenizer's mask token: call model\.re"
    ):
        token_for("mask", type("T", (), {"mask_token_id": 48})(), model, asked="x")
    with pytest.raises(
        GradexplainError, match=r"^x: the tokenizer has no mask token: choose baseline='mean', which needs"
    ):
        token_for("mask", tokenizer, model, asked="x")
    assert token_for("pad", type("T", (), {"pad_token_id": 10**6})(), torch.nn.Linear(1, 1), asked="x") == 10**6


def test_an_unknown_baseline_is_refused():
    classifier, tokenizer = classifier_of(explainer("fasttext")), explainer("fasttext").tokenizer
    with pytest.raises(GradexplainError, match="unknown baseline 'means': did you mean 'mean'"):
        baseline_vectors(classifier, tokenizer, "means")


@pytest.mark.parametrize("size", [None, len(TOKENIZER)])
def test_the_mean_is_over_the_tokens_that_the_text_part_of_the_configuration_has_vectors_for(size):
    """The tokenizer has more tokens, for which the model was not resized, unless its size is unknown."""
    model, tokenizer = Toy(), deepcopy(TOKENIZER)
    tokenizer.add_tokens(["one", "two"])
    if size is None:
        model.words = torch.nn.Embedding(len(tokenizer), 6, dtype=torch.float64)
    model.config.get_text_config = lambda: SimpleNamespace(vocab_size=size, pad_token_id=0)
    ordinary = [i for i in range(size or len(tokenizer)) if i not in tokenizer.all_special_ids]
    with frozen_eval_mode(model):
        (mean,) = baseline_vectors(open_classifier(model, tokenizer), tokenizer, "mean")
    np.testing.assert_allclose(mean, model.words.weight[ordinary].detach().mean(0), rtol=1e-12)
