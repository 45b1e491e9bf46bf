"""`pipeline("text-attribution")`."""

import pytest
from transformers import pipeline

import hf_gradexplain  # noqa: F401  (registers the task)
from hf_gradexplain.explainer import Explainer
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
