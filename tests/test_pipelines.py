"""`pipeline("text-attribution")`."""

import gc
import json
import re
import warnings
import weakref
from collections.abc import Iterator

import pytest
import torch
from datasets import Dataset
from transformers import AutoConfig, pipeline
from transformers.pipelines.pt_utils import KeyDataset, KeyPairDataset

import hf_gradexplain  # noqa: F401  (registers the task)
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.explanation import Explanations
from hf_gradexplain.pipelines import TextAttributionPipeline
from tests.helpers.tiny import make


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("model"))
    model, tokenizer = make("bert")
    model.float().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_it_explains_as_the_explainer_does(folder):
    attribute = pipeline("text-attribution", model=folder)
    explainer = Explainer.from_pretrained(folder)
    one, many = attribute("the film is good"), attribute(["bad", "a good film"], methods="loo", unit="token")
    assert one.to_dict() == explainer("the film is good").to_dict()
    assert [e.to_dict() for e in many] == [e.to_dict() for e in explainer(["bad", "a good film"], "loo", "token")]


TEXTS = ["bad", "a good film", "the end of the film"]


@pytest.fixture(scope="module")
def attribute(folder):
    return pipeline("text-attribution", model=folder)


def records(explanations):
    return [explanation.to_dict() for explanation in explanations]


def test_arguments_of_the_pipeline_are_defaults_of_its_calls(folder):
    attribute = pipeline("text-attribution", model=folder, methods="loo", unit="token", self_check=False)
    explainer = attribute.explainer
    assert records(attribute(TEXTS)) == records(explainer(TEXTS, "loo", "token", self_check=False))
    again = attribute("bad film", "signed_gi", "word", self_check=True)
    assert again.to_dict() == explainer("bad film", "signed_gi", "word", self_check=True).to_dict()
    assert attribute("bad film", labels=1, target="label").target == 1


def test_units_of_a_call_replace_those_of_the_pipeline(folder):
    attribute = pipeline("text-attribution", model=folder, methods="loo", unit="token")
    assert [unit.text for unit in attribute("bad film", units=[(0, 8)]).units] == ["bad film"]
    attribute = pipeline("text-attribution", model=folder, methods="loo", units=lambda text: [(0, len(text))])
    assert [unit.text for unit in attribute("bad film").units] == ["bad film"]
    assert [unit.text for unit in attribute("bad film", unit="word").units] == ["bad", "film"]


def test_none_stands_for_the_default_when_the_pipeline_is_created(folder, attribute):
    nothing = pipeline("text-attribution", model=folder, methods=None, unit=None, units=None)
    assert records(nothing(TEXTS)) == records(attribute(TEXTS))
    assert records(nothing(TEXTS, "loo", "token")) == records(attribute(TEXTS, "loo", "token"))
    some = pipeline("text-attribution", model=folder, methods=None, unit="token", steps=None)
    assert records(some(TEXTS)) == records(attribute(TEXTS, unit="token"))
    with pytest.raises(GradexplainError, match=r"^seed must be a whole number, but is None$"):
        pipeline("text-attribution", model=folder, seed=None)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"methods": 5}, "methods must be a name or a list of names, not int"),
        ({"method": "loo"}, "unknown option 'method'"),
        ({"methods": "lo"}, "unknown method 'lo': did you mean 'loo'?"),
        ({"methods": "loo", "unit": "words"}, "unknown unit 'words': did you mean 'word'?"),
        ({"steps": 2.5}, "steps must be a whole number, but is 2.5"),
        ({"labels": [0]}, "unknown option 'labels'"),
    ],
)
def test_arguments_are_checked_when_the_pipeline_is_created(folder, given, message):
    with pytest.raises(GradexplainError, match=f"^{re.escape(message)}"):
        pipeline("text-attribution", model=folder, **given)


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        (
            "batch_size",
            "it counts texts, but batches are filled by tokens: give batch_tokens, such as batch_tokens=1024",
        ),
        ("num_workers", "texts are read in this process"),
        ("truncation", "texts that are too long are truncated, or read in windows with stride=..."),
        ("padding", "give tokenizer_kwargs={'padding': ...}"),
        ("max_length", "give tokenizer_kwargs={'max_length': ...}"),
        ("top_k", "give target='all' and top_classes=..., the largest number of classes to explain"),
        ("function_to_apply", "give problem_type=..., what the logits of the model are"),
    ],
)
def test_arguments_of_other_pipelines_are_refused_with_what_to_do_instead(folder, attribute, name, instead):
    message = re.escape(f"the pipeline 'text-attribution' takes no {name}: {instead}")
    with pytest.raises(GradexplainError, match=f"^{message}$"):
        attribute(TEXTS, **{name: 8})
    with pytest.raises(GradexplainError, match=f"^{message}$"):
        pipeline("text-attribution", model=folder, **{name: 8})


class Listed(torch.utils.data.Dataset):
    """A dataset with items by number, which never ends."""

    def __len__(self):
        return len(TEXTS)

    def __getitem__(self, i):
        return TEXTS[i % len(TEXTS)]


class Iterated(torch.utils.data.IterableDataset):
    """A dataset with an iterator, and with a length."""

    def __len__(self):
        return len(TEXTS)

    def __iter__(self):
        return iter(TEXTS)


@pytest.mark.parametrize(
    "texts",
    [
        lambda: (text for text in TEXTS),
        lambda: iter(TEXTS),
        lambda: KeyDataset(Dataset.from_dict({"review": TEXTS}), "review"),
        lambda: Dataset.from_dict({"review": TEXTS}).to_iterable_dataset()["review"],
        Listed,
        Iterated,
    ],
    ids=["generator", "iterator", "KeyDataset", "column of a stream", "by number", "by iterator"],
)
def test_a_generator_or_a_dataset_is_read_as_the_explanations_are_taken(attribute, texts, capsys):
    explanations = attribute(texts(), methods="loo")
    assert isinstance(explanations, Iterator)
    assert records(explanations) == records(attribute.explainer(TEXTS, "loo"))
    assert capsys.readouterr().err == ""


def test_a_stream_has_the_arguments_of_the_call_and_no_progress_bar(attribute, monkeypatch):
    monkeypatch.setattr(Explainer, "stream", lambda self, texts, **how: (list(texts), how))
    how = {"methods": "loo", "unit": "token", "labels": [0, 1, 2], "steps": 3}
    assert attribute(iter(TEXTS), **how) == (TEXTS, {**how, "progress": False})


def test_a_generator_may_be_endless(attribute):
    def texts():
        while True:
            yield from TEXTS

    first = next(attribute(texts(), methods="loo", batch_tokens=8))
    assert (first.text, list(first.scores)) == (TEXTS[0], ["loo"])


def test_a_list_gives_a_list(attribute):
    for texts in (TEXTS, Dataset.from_dict({"review": TEXTS})["review"]):
        assert isinstance(attribute(texts, methods="loo"), Explanations)


def test_pairs_of_a_dataset_of_transformers(attribute):
    rows = {"premise": ["a good film", "bad"], "hypothesis": ["bad film", "good"]}
    explanations = attribute(KeyPairDataset(Dataset.from_dict(rows), "premise", "hypothesis"), methods="loo")
    assert records(explanations) == records(attribute.explainer(list(zip(*rows.values(), strict=True)), "loo"))


def without_head(folder, given=()):
    """Save the weights of BERT without those of its head; return the folder and the saved weights of the head."""
    model, tokenizer = make("bert")
    kept = {name: weight for name, weight in model.float().state_dict().items() if "classifier" not in name}
    model.save_pretrained(folder, state_dict={**kept, **{name: model.state_dict()[name] for name in given}})
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize(
    ("given", "listed"),
    [((), "classifier.bias, classifier.weight"), (["classifier.weight"], "classifier.bias")],
)
@pytest.mark.parametrize("architectures", [None, ["BertModel"], ["BertForSequenceClassification"]])
def test_a_random_head_is_refused_when_the_pipeline_is_created(given, listed, architectures, tmp_path):
    folder = without_head(tmp_path, given)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "architectures": architectures}))
    message = f"{folder!r} has no weights for {listed}, and its predictions would be random: fine-tune it for "
    for create in (lambda: pipeline("text-attribution", model=folder), lambda: Explainer.from_pretrained(folder)):
        with pytest.raises(GradexplainError, match=f"^{re.escape(message)}"):
            create()


def test_a_model_that_is_given_as_an_object_is_taken_as_it_is(attribute):
    """Its head may have been set after it was loaded."""
    model, tokenizer = make("bert")
    given = pipeline("text-attribution", model=model, tokenizer=tokenizer)
    assert given.explainer.model is model
    again = TextAttributionPipeline(attribute.model, attribute.tokenizer)
    assert again("bad film").to_dict() == attribute("bad film").to_dict()


def test_a_model_of_a_pipeline_is_not_kept_alive(folder):
    created = pipeline("text-attribution", model=folder)
    model = weakref.ref(created.model)
    del created
    gc.collect()
    assert model() is None


HALF = {"float16": torch.float16, "bfloat16": torch.bfloat16}


@pytest.fixture(scope="module", params=HALF)
def narrow(request, tmp_path_factory):
    """The name of a dtype, and the folder of a model in this dtype."""
    folder = str(tmp_path_factory.mktemp(request.param))
    model, tokenizer = make("bert")
    model.to(HALF[request.param]).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return request.param, folder


@pytest.mark.parametrize("given", [{}, {"dtype": "auto"}, {"dtype": None}])
def test_half_precision_that_was_not_asked_for_is_said_once(given, narrow):
    dtype, folder = narrow
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert pipeline("text-attribution", model=folder, **given).model.dtype == HALF[dtype]
    assert [str(warning.message) for warning in caught] == [
        f"{folder!r} is loaded in {dtype}, the dtype of its weights, and its gradients are less exact: create the "
        f"pipeline with dtype='float32', or with dtype='{dtype}' to do without this warning"
    ]


@pytest.mark.filterwarnings("error")
def test_a_precision_that_was_asked_for_is_not_warned_of(folder, narrow):
    dtype, of_narrow = narrow
    for given in (dtype, HALF[dtype]):
        assert pipeline("text-attribution", model=of_narrow, dtype=given).model.dtype == HALF[dtype]
    assert pipeline("text-attribution", model=of_narrow, dtype="float32").model.dtype == torch.float32
    assert pipeline("text-attribution", model=folder).model.dtype == torch.float32


def test_a_saved_pipeline_names_the_class_of_transformers(attribute, tmp_path):
    """Otherwise, transformers could not load it; and remote code is found by this name."""
    attribute.save_pretrained(tmp_path)
    (saved,) = AutoConfig.from_pretrained(tmp_path).custom_pipelines.values()
    assert saved["pt"] == ["AutoModelForSequenceClassification"]


def test_a_replaced_model_or_tokenizer_is_explained(folder):
    attribute = pipeline("text-attribution", model=folder)
    first = attribute.explainer
    assert attribute.explainer is first
    model, tokenizer = make("gpt2")
    attribute.model = model
    second = attribute.explainer
    assert second.model is model
    assert second.tokenizer is first.tokenizer
    attribute.tokenizer = tokenizer
    third = attribute.explainer
    assert third is attribute.explainer
    assert (third.model, third.tokenizer) == (model, tokenizer)
    assert records(attribute(TEXTS, "loo")) == records(Explainer(model, tokenizer)(TEXTS, "loo"))
    attribute.tokenizer = None
    with pytest.raises(GradexplainError, match=r"^the pipeline 'text-attribution' needs a tokenizer: give it"):
        attribute("bad film")
