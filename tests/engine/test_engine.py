"""The engine between texts and scores: what it asks of other parts, and what it gives back."""

from types import SimpleNamespace

import pytest
import torch

from hf_gradexplain.engine import engine
from hf_gradexplain.engine.engine import AttributionEngine
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.options import Options
from tests.helpers.tiny import explainer, make

WITHOUT = {"add_special_tokens": False}


def test_nothing_is_run_or_unpickled_unless_it_is_allowed(monkeypatch):
    asked = []

    def load(name, **how):
        asked.append((name, how))
        model, tokenizer = make("fasttext")
        return SimpleNamespace(model=model, tokenizer=tokenizer, provenances={"model": None})

    monkeypatch.setattr(engine, "load_classifier", load)
    loaded = AttributionEngine.from_pretrained("owner/name")
    usual = {
        "revision": None,
        "device": None,
        "dtype": torch.float32,
        "trust_remote_code": False,
        "allow_pickle": False,
    }
    assert asked == [("owner/name", usual)]
    assert loaded.provenances == {"model": None}
    given = {"revision": "v1", "device": "cpu", "dtype": "auto", "trust_remote_code": True, "allow_pickle": True}
    AttributionEngine.from_pretrained("x", **given)
    assert asked[1] == ("x", given)
    assert AttributionEngine(*make("fasttext")).provenances == {}


@pytest.mark.parametrize(("kind", "filler"), [("gpt2", 0), ("bart", 1), ("fasttext", 0)])
def test_a_text_without_tokens_is_read_as_a_pad_token(kind, filler):
    options = Options(("loo",)) if kind != "bart" else Options(("loo",), tokenizer_kwargs=WITHOUT)
    (document,) = explainer(kind).encode([""], options)
    assert document.inputs["input_ids"].tolist() == [filler]
    assert (document.n_units, document.unit_of.tolist()) == (0, [-1])


def test_auto_is_replaced_once():
    resolved = explainer("bert").resolve(Options(("auto", "loo", "auto", "attn_lrp")))
    assert resolved.methods == ("attn_lrp", "loo")
    with pytest.raises(GradexplainError, match="unknown method 'lo'"):
        explainer("bert").resolve(Options(("lo",)))


@pytest.mark.parametrize(
    ("labels", "target", "expected"),
    [
        (None, "predicted", None),
        (1, "predicted", [1, 1]),
        (["LABEL_2", 0], "predicted", [2, 0]),
        (["LABEL_2", 0], "label", None),
    ],
)
def test_labels_that_are_explained_are_not_noted(labels, target, expected):
    assert explainer("bert").true_classes(2, Options(("loo",), target=target), labels) == expected


def test_roles_that_no_message_has_are_refused_before_anything_is_explained():
    with pytest.raises(GradexplainError, match="explain_roles"):
        explainer("bert").explanations(["a text"], Options(("loo",), explain_roles=("user",)))


def test_the_longest_text_has_no_limit_with_a_stride():
    assert explainer("bert").longest(Options(("loo",))) == 64
    assert explainer("bert").longest(Options(("loo",), stride=0)) is None
    assert explainer("fasttext").longest(Options(("loo",))) is None


def batches(texts, **how):
    """Return which texts shared a batch."""
    return [batch.indices for batch in explainer("bert").run(texts, Options(("random",), **how))]


def test_without_an_attention_mask_no_text_is_padded():
    texts = ["bad", "a film", "bad", "the good film"]
    assert batches(texts, batch_tokens=1000) == [(0, 2, 1, 3)]
    kwargs = {"return_attention_mask": False}
    assert batches(texts, batch_tokens=1000, tokenizer_kwargs=kwargs) == [(0, 2), (1,), (3,)]


def test_a_text_counts_as_many_windows_in_a_batch():
    """Each long text has three windows, of at most 64 tokens."""
    texts = ["good film " * 31, "bad", "bad", "good film " * 31]
    documents = explainer("bert").encode(texts, Options(("loo",), stride=0))
    assert [len(document.windows) for document in documents] == [3, 0, 0, 3]
    assert batches(texts, stride=0, batch_tokens=6 * 64) == [(1, 2), (0, 3)]
    assert batches(texts, stride=0, batch_tokens=6 * 64 - 1) == [(1, 2), (0,), (3,)]


def test_gradient_times_input_takes_units():
    found = explainer("bert").gradient_times_input("the good film", units=[(0, 8), (9, 13)])
    assert found.index.tolist() == ["the good", "film"]


def test_gradient_times_input_explains_the_predicted_or_a_given_class():
    explain, text = explainer("bert"), "the good film"
    predicted = explain(text, "signed_gi").target
    default, one = explain.gradient_times_input(text), explain.gradient_times_input(text, label=(predicted + 1) % 3)
    assert default.index.tolist() == ["the", "good", "film"]
    assert default.index.name == "unit"
    assert default.sum(axis=1).to_numpy() == pytest.approx(explain(text, "signed_gi").scores["signed_gi"])
    other = explain(text, "signed_gi", labels=(predicted + 1) % 3, target="label")
    assert one.sum(axis=1).to_numpy() == pytest.approx(other.scores["signed_gi"])


def test_broken_weights_and_wrong_names_are_refused_at_once():
    model, tokenizer = make("fasttext")
    with pytest.raises(GradexplainError, match="class_names"):
        AttributionEngine(model, tokenizer, class_names=["a", "b"])
    limited = make("fasttext")[1]
    limited.model_max_length = 0
    with pytest.raises(GradexplainError, match="model_max_length must be a positive number"):
        AttributionEngine(model, limited)
    model.embedding.weight.data[7, 2] = float("nan")
    with pytest.raises(GradexplainError, match=r"^weight 'embedding\.weight' is not finite: the checkpoint is corrupt"):
        AttributionEngine(model, tokenizer)


@pytest.mark.parametrize(
    ("problem_type", "head"),
    [
        ("single_label_classification", "softmax"),
        ("multi_label_classification", "sigmoid"),
        ("regression", "identity"),
    ],
)
def test_the_head_is_that_of_the_options_or_of_the_model(problem_type, head):
    engine = explainer("fasttext", problem_type)
    assert engine.head(Options()) == head
    assert explainer("fasttext").head(Options(problem_type=problem_type)) == head
    named = AttributionEngine(*make("fasttext"))
    named._problem_type = problem_type
    assert named.head(Options()) == head
    assert named.head(Options(problem_type="multi_label_classification")) == "sigmoid"
