"""Tests of what may be given as a model; numbers are compared with what the objects themselves predict."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from torch import nn
from transformers import BertForMaskedLM, BertForQuestionAnswering, BertForTokenClassification, pipeline

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explainer import Explainer, explain
from tests.helpers.tiny import explainer, make
from tests.helpers.toys import TEXT, TOKENIZER, Toy
from tests.loading.test_embedding_classifier import SentenceTransformer

WORDS = "the film is bad"
METHODS = ("loo", "signed_gi")


class Plain(nn.Module):
    """The logits of another model, without its configuration, and without token types."""

    def __init__(self, inner: nn.Module, wrap) -> None:
        super().__init__()
        self.inner, self.wrap = inner, wrap

    def forward(self, input_ids, attention_mask):
        return self.wrap(self.inner(input_ids=input_ids, attention_mask=attention_mask).logits)


WRAPS = {
    "tensor": lambda logits: logits,
    "key": lambda logits: {"logits": logits},
    "attribute": lambda logits: SimpleNamespace(logits=logits),
}


@pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS)
def test_any_module_that_returns_logits_is_explained(wrap):
    model, tokenizer = make("bert")
    explain_plain = Explainer(Plain(model, wrap), tokenizer)
    actual, expected = explain_plain(WORDS, METHODS, labels=1), explainer("bert")(WORDS, METHODS, labels=1)
    for method in METHODS:
        np.testing.assert_allclose(actual.scores[method], expected.scores[method], rtol=1e-12)
    np.testing.assert_allclose(actual.probabilities, expected.probabilities, rtol=1e-12)
    assert actual.target_label == "1"
    assert explain_plain.check().ok
    several = explain_plain(WORDS, "loo", labels=1, problem_type="multi_label_classification").probabilities
    logits = model(**tokenizer(WORDS, return_tensors="pt")).logits[0].detach().numpy()
    np.testing.assert_allclose(several, 1 / (1 + np.exp(-logits)), rtol=1e-12)


@pytest.mark.parametrize("config", [None, {"hidden_size": 8}, SimpleNamespace()])
def test_a_configuration_may_be_missing_or_say_nothing(config):
    model = Toy()
    model.config = config
    explanation = Explainer(model, TOKENIZER, class_names=["ham", "spam", "jam"])(TEXT, METHODS, labels="spam")
    expected = Explainer(Toy(), TOKENIZER)(TEXT, METHODS, labels=1)
    assert explanation.target_label == "spam"
    for method in METHODS:
        np.testing.assert_allclose(explanation.scores[method], expected.scores[method], rtol=1e-12)


def test_class_names_replace_those_of_the_configuration_and_are_counted():
    model, tokenizer = make("bert")
    assert Explainer(model, tokenizer, class_names=("a", "b", "c"))(WORDS, "loo", labels=2).target_label == "c"
    with pytest.raises(GradexplainError, match="class_names must be a list of 3 names, one per logit, but got 2 names"):
        Explainer(model, tokenizer, class_names=("a", "b"))


@pytest.mark.parametrize("problem_type", ["single_label_classification", "multi_label_classification", "regression"])
def test_a_pipeline_is_explained_with_its_own_probabilities(problem_type):
    model, tokenizer = make("bert", problem_type)
    model.config.problem_type = None if problem_type == "regression" else problem_type
    classify = pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu")
    expected = {row["label"]: row["score"] for row in classify(WORDS, top_k=None)}
    for explanation in (explain(classify, WORDS, "loo"), Explainer(classify)(WORDS, "loo")):
        names = [model.config.id2label[i] for i in range(model.config.num_labels)]
        assert explanation.probabilities == pytest.approx([expected[name] for name in names], rel=1e-6)


def test_the_function_that_a_pipeline_applies_counts():
    model, tokenizer = make("bert")
    classify = pipeline("text-classification", model=model, tokenizer=tokenizer, function_to_apply="sigmoid")
    expected = [row["score"] for row in sorted(classify(WORDS, top_k=None), key=lambda row: row["label"])]
    assert explain(classify, WORDS, "loo").probabilities == pytest.approx(expected, rel=1e-6)


class CrossEncoder(nn.Module):
    """Has the attributes of the class in sentence-transformers."""

    def __init__(self, activation: nn.Module, problem_type) -> None:
        super().__init__()
        self.model, self.tokenizer = make("bert", problem_type)
        self.model.config.problem_type = None
        self.__dict__["activation_fn"] = activation


@pytest.mark.parametrize(
    ("activation", "problem_type", "by_hand"),
    [
        (nn.Sigmoid(), "regression", lambda x: 1 / (1 + np.exp(-x))),
        (nn.Identity(), "regression", lambda x: x),
        (nn.Identity(), "single_label_classification", lambda x: np.exp(x) / np.exp(x).sum()),
        (nn.Sigmoid(), "single_label_classification", lambda x: 1 / (1 + np.exp(-x))),
        (nn.Softmax(-1), "single_label_classification", lambda x: np.exp(x) / np.exp(x).sum()),
    ],
)
def test_the_probability_of_a_cross_encoder_is_its_activation(activation, problem_type, by_hand):
    encoder, pair = CrossEncoder(activation, problem_type), ("the film", "is bad")
    logits = encoder.model(**encoder.tokenizer(*pair, return_tensors="pt")).logits[0].detach().numpy()
    explanation = explain(encoder, pair, METHODS)
    np.testing.assert_allclose(explanation.probabilities, by_hand(logits), rtol=1e-12)
    assert [unit.text for unit in explanation.units] == ["the", "film", "is", "bad"]


@pytest.mark.parametrize(
    ("model", "tokenizer", "message"),
    [
        (
            "org/model",
            None,
            "Explainer takes a loaded model, but got the name 'org/model': call Explainer.from_pretrained",
        ),
        (None, None, "model must be a PyTorch module that takes the tokenizer's output and returns logits, a text "),
        (len, TOKENIZER, "model must be a PyTorch module .*, not builtin_function_or_method"),
        (Toy, TOKENIZER, "model must be a PyTorch module .*, not Toy, a class"),
        (
            SentenceTransformer(),
            None,
            "SentenceTransformer computes embeddings and has no classes: give a classifier, ",
        ),
        (
            Toy(),
            None,
            r"Toy needs its tokenizer: call Explainer\(model, tokenizer\), with a tokenizer from AutoTokenizer",
        ),
        (Toy(), "org/model", r"the tokenizer must be one of transformers, not str: give AutoTokenizer.from_pretrained"),
        (Toy(), TOKENIZER.backend_tokenizer, r"the tokenizer must be .*, not tokenizers.Tokenizer: give PreTrainedTok"),
        (Toy(), str.split, r"the tokenizer must be one of transformers, not method_descriptor: give AutoTokenizer"),
        (
            nn.Linear(3, 3),
            TOKENIZER,
            "Linear cannot run on the tokenizer's output alone: .* or give a module that takes",
        ),
        (nn.Embedding(99, 3), TOKENIZER, "Embedding cannot run on the tokenizer's output alone: "),
    ],
)
def test_anything_else_is_refused_in_one_sentence(model, tokenizer, message):
    with pytest.raises(GradexplainError, match=f"^{message}") as error:
        Explainer(model, tokenizer)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("headless", [BertForQuestionAnswering, BertForTokenClassification, BertForMaskedLM])
def test_heads_of_other_tasks_are_refused_in_one_sentence(headless):
    model, tokenizer = make("bert")
    message = f"{headless.__name__} has no sequence classification head: load the model with AutoModelForSeq"
    with pytest.raises(GradexplainError, match=f"^{re.escape(message)}"):
        Explainer(headless(model.config).double().eval(), tokenizer)


@pytest.mark.parametrize("model", [None, 7, ["org/model"], type("Pipeline", (), {})()])  # the last as in scikit-learn
def test_explain_refuses_what_is_no_model(model):
    with pytest.raises(GradexplainError, match=r"^model must be a PyTorch module"):
        explain(model, WORDS)


def test_explain_asks_for_the_tokenizer_of_a_module():
    with pytest.raises(GradexplainError, match=r"^Toy needs its tokenizer: call Explainer\(model, tokenizer\), with"):
        explain(Toy(), WORDS)


def test_explain_says_that_an_embedding_model_has_no_classes():
    with pytest.raises(GradexplainError, match=r"^SentenceTransformer computes embeddings and has no classes"):
        explain(SentenceTransformer(), WORDS)
