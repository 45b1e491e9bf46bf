"""Classifiers on top of sentence embeddings; numbers are compared with what the objects themselves predict."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explainer import Explainer, explain
from hf_gradexplain.loading.embedding_classifier import _scikit_learn_head, _WithoutGradient
from hf_gradexplain.threads import lock_of
from tests.helpers.tiny import make

WORDS = "the film is bad"


class SentenceTransformer(nn.Module):
    """Has the attributes of the class in sentence-transformers: the mean of BERT's states is the embedding."""

    def __init__(self) -> None:
        super().__init__()
        model, self.tokenizer = make("bert")
        self.transformer, self.max_seq_length = model.bert, 20

    def forward(self, features):
        states, mask = self.transformer(**features).last_hidden_state, features["attention_mask"].unsqueeze(2)
        return {"sentence_embedding": (states * mask).sum(1) / mask.sum(1)}

    def encode(self, texts):
        with torch.no_grad():
            batches = [self(dict(self.tokenizer(text, return_tensors="pt"))) for text in texts]
        return torch.cat([batch["sentence_embedding"] for batch in batches]).numpy()


class SetFitModel:
    """Has the attributes of the class in setfit."""

    def __init__(self, head, labels=None, normalize=False) -> None:
        self.model_body, self.model_head, self.labels = SentenceTransformer(), head, labels
        self.normalize_embeddings = normalize

    def embed(self, texts):
        x = self.model_body.encode(texts)
        return x / np.linalg.norm(x, axis=1, keepdims=True) if self.normalize_embeddings else x


RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(40, 8))
LABELS = {2: RANDOM.integers(2, size=40), 3: np.arange(40) % 3, "several": RANDOM.integers(2, size=(40, 3))}


def test_all_modules_that_wrap_the_same_body_have_its_lock():
    model = SetFitModel(LogisticRegression().fit(X, LABELS[2]))
    one, other = Explainer(model).model, Explainer(model).model
    assert one is not other
    assert lock_of(one) is lock_of(other) is lock_of(model.model_body)
    assert lock_of(one) is not lock_of(SentenceTransformer())


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize(
    ("head", "labels", "gradients"),
    [
        (LogisticRegression(), LABELS[2], True),
        (LogisticRegression(), LABELS[3], True),
        (OneVsRestClassifier(LogisticRegression()), LABELS["several"], True),
        (MultiOutputClassifier(LogisticRegression()), LABELS["several"], True),
        (KNeighborsClassifier(), LABELS[2], False),
        (RandomForestClassifier(20, random_state=0), LABELS[3], False),
        (MultiOutputClassifier(KNeighborsClassifier()), LABELS["several"], False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_setfit_model_is_explained_with_its_own_probabilities(head, labels, gradients, normalize):
    model = SetFitModel(head.fit(X, labels), normalize=normalize)
    p = head.predict_proba(model.embed([WORDS]))
    expected = np.stack([each[0, -1] for each in p]) if isinstance(p, list) else p[0]
    explain_setfit = Explainer(model)
    explanation = explain_setfit(WORDS, "loo")
    assert explanation.probabilities == pytest.approx(expected, rel=1e-6, abs=1e-9)
    assert explain_setfit.profile.max_length == 20
    several = explain_setfit._problem_type == "multi_label_classification"
    assert several == (labels.ndim == 2)
    assert (explain_setfit.profile.no_gradient_reason is None) == gradients
    if gradients:
        assert explain_setfit(WORDS, "signed_gi", labels=0).scores["signed_gi"].any()
        assert explain_setfit.check().ok
    else:
        with pytest.raises(GradexplainError, match=r"signed_gi: no gradient reaches .*; choose methods='loo'"):
            explain_setfit(WORDS, "signed_gi")


def test_leave_one_out_of_a_setfit_model_is_that_by_hand():
    model = SetFitModel(LogisticRegression().fit(X, LABELS[3]), labels=["a", "b", "c"])
    explanation = explain(model, WORDS, "loo", labels="b")
    assert explanation.target_label == "b"
    table, ids = model.model_body.transformer.embeddings.word_embeddings.weight, None
    plain = model.model_head.predict_proba(model.embed([WORDS]))[0, 1]
    for unit, score in zip(explanation.units, explanation.scores["loo"], strict=True):
        ids, before = model.model_body.tokenizer(unit.text, add_special_tokens=False).input_ids, table.detach().clone()
        with torch.no_grad():
            table[ids] = 0
            without = model.model_head.predict_proba(model.embed([WORDS]))[0, 1]
            table.copy_(before)
        assert score == pytest.approx(np.log(plain) - np.log(without), rel=1e-9)


class SetFitHead(nn.Linear):
    """Returns logits and probabilities, as the head in setfit."""

    multitarget = False

    def forward(self, input):
        logits = super().forward(input)
        return logits, logits.softmax(-1)


def test_a_head_that_is_a_module_is_part_of_the_model():
    torch.manual_seed(0)
    model = SetFitModel(SetFitHead(8, 3).double(), labels=["a", "b", "c"])
    expected = model.model_head(torch.from_numpy(model.embed([WORDS])))[1][0]
    np.testing.assert_allclose(explain(model, WORDS, "signed_gi").probabilities, expected.detach(), rtol=1e-9)


@pytest.mark.parametrize("several", [None, False, True])
def test_a_head_that_is_a_module_says_whether_several_classes_may_be_true(several):
    """Without saying so, one class is true."""
    torch.manual_seed(0)
    head = torch.nn.Linear(8, 3).double()
    if several is not None:
        head.multitarget = several
    model = SetFitModel(head, labels=["a", "b", "c"])
    logits = head(torch.from_numpy(model.embed([WORDS])))[0]
    expected = logits.sigmoid() if several else logits.softmax(-1)
    np.testing.assert_allclose(explain(model, WORDS, "loo").probabilities, expected.detach(), rtol=1e-9)


class Certain:
    """A classifier that is sure of two of its three classes, whatever it reads."""

    def predict_proba(self, embeddings):
        assert embeddings.dtype == np.float64
        return np.array([[0.0, 1.0, 0.25]] * len(embeddings))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_logits_of_probabilities_of_0_and_1_are_finite(dtype):
    embedding = torch.zeros(2, 8, dtype=dtype)
    logits = _WithoutGradient(Certain(), several=True)(embedding)
    assert logits.dtype == dtype
    expected = [np.log(1e-12), -np.log(1e-12), np.log(0.25 / 0.75)]
    np.testing.assert_allclose(logits, [expected] * 2, rtol=1e-4)
    logits = _WithoutGradient(Certain(), several=False)(embedding)
    np.testing.assert_allclose(logits, [[np.log(1e-12), 0, np.log(0.25)]] * 2, rtol=1e-6, atol=1e-11)


def test_a_head_that_was_trained_in_float32_has_gradients():
    head = LogisticRegression().fit(X.astype(np.float32), LABELS[3])
    assert head.coef_.dtype == np.float32
    model = SetFitModel(head)
    explain_setfit = Explainer(model)
    assert explain_setfit.profile.no_gradient_reason is None
    expected = head.predict_proba(model.embed([WORDS]))[0]
    assert explain_setfit(WORDS, "loo").probabilities == pytest.approx(expected, rel=1e-6)


def test_a_head_of_unknown_width_is_tried_on_the_width_of_the_last_layer():
    tried = []
    head = SimpleNamespace(predict_proba=lambda x: tried.append(x.shape) or np.array([[0.25, 0.75]]))
    assert _scikit_learn_head(head, SentenceTransformer())[1] == "single_label_classification"
    head.n_features_in_ = 5
    _scikit_learn_head(head, SentenceTransformer())
    assert tried == [(1, 8), (1, 5)]
