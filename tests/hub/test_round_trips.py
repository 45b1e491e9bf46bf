"""What is pushed to a hub is loaded by name: models, tokenizers, explainers and texts.

Functions without `test_` run in the client's process: in one, since the libraries take seconds to import.
"""

import numpy as np
import pytest
from scipy.special import softmax

from tests.hub.client import call
from tests.hub.loopback_hub import LoopbackHub

MODEL_TYPES = ["fasttext", "textcnn", "bilstm"]
TEXTS = ["fog over the pier", "two crates of wine", ""]


def make_all_round_trips():
    return {"models": [push_models(), load_models()], "explainer": explain_revisions(), "texts": load_revisions()}


def push_models():
    """Push a model of each type and a tokenizer; return the logits of the texts."""
    import torch

    from hf_gradexplain.models import MODELS, train_word_tokenizer

    tokenizer, logits = train_word_tokenizer(TEXTS, vocab_size=50), {}
    for config_class, model_class in MODELS.items():
        torch.manual_seed(0)
        name = config_class.model_type
        model = model_class(config_class(vocab_size=len(tokenizer), hidden_size=8, num_labels=3)).eval()
        model.push_to_hub(f"me/{name}")
        tokenizer.push_to_hub(f"me/{name}")
        logits[name] = model(**tokenizer(TEXTS, padding=True, return_tensors="pt")).logits.tolist()
    return logits


def load_models():
    """Load the models by name, as one who does not know their types; return logits and scores of the pipeline."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

    logits, scores = {}, {}
    for name in MODEL_TYPES:
        inputs = AutoTokenizer.from_pretrained(f"me/{name}")(TEXTS, padding=True, return_tensors="pt")
        logits[name] = AutoModelForSequenceClassification.from_pretrained(f"me/{name}")(**inputs).logits.tolist()
        classifier = pipeline("text-classification", model=f"me/{name}", top_k=None)
        scores[name] = [[entry["score"] for entry in entries] for entries in classifier(TEXTS)]
    return logits, scores


def explain_revisions():
    """Push two revisions of a model; return the explanations by model and by name, for each revision."""
    import torch

    from hf_gradexplain import Explainer
    from hf_gradexplain.models import FastTextConfig, FastTextForSequenceClassification, train_word_tokenizer

    tokenizer, scores = train_word_tokenizer(TEXTS, vocab_size=50), []
    for seed, revision in enumerate(["main", "draft"]):
        torch.manual_seed(seed)
        model = FastTextForSequenceClassification(FastTextConfig(vocab_size=len(tokenizer), hidden_size=8))
        model.push_to_hub("me/m", revision=revision)
        tokenizer.push_to_hub("me/m", revision=revision)
        explainers = Explainer(model, tokenizer), Explainer.from_pretrained("me/m", revision=revision)
        scores.append([explain(TEXTS[0], "signed_gi").scores["signed_gi"].tolist() for explain in explainers])
    return scores


def load_revisions():
    """Push two revisions of a dataset; return what is loaded by name, and the errors for missing names."""
    from datasets import ClassLabel, Dataset, Features, Value
    from huggingface_hub import HfApi

    from hf_gradexplain.corpus import DatasetUnavailableError, load_texts

    features = Features({"text": Value("string"), "label": ClassLabel(names=["dry", "wet"])})
    Dataset.from_dict({"text": ["sun", "rain"], "label": [0, 1]}, features).push_to_hub("me/d", split="test")
    HfApi().create_tag("me/d", tag="v1", repo_type="dataset")
    Dataset.from_dict({"text": ["fog"], "label": [1]}, features).push_to_hub("me/d", split="test")
    loaded = []
    for name, revision in [("me/d", "v1"), ("me/d", None), ("me/nothing", None), ("me/d", "v2")]:
        try:
            rows = load_texts(name, revision=revision)
            loaded.append(rows[:] | {"names": rows.features["label"].names})
        except DatasetUnavailableError as error:
            loaded.append(str(error))
    return loaded


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    with LoopbackHub() as hub:
        yield call(hub, tmp_path_factory.mktemp("home"), make_all_round_trips)
    assert not hub.bugs


def test_models(seen):
    pushed, (loaded, scores) = seen["models"]
    assert list(pushed) == MODEL_TYPES
    assert loaded == pushed
    for name in MODEL_TYPES:
        expected = -np.sort(-softmax(pushed[name], axis=-1))
        np.testing.assert_allclose(scores[name], expected, rtol=1e-5)


def test_explainers(seen):
    (main, main_by_name), (draft, draft_by_name) = seen["explainer"]
    assert main_by_name == main
    assert draft_by_name == draft
    assert main != draft


def test_texts(seen):
    names = ["dry", "wet"]
    assert seen["texts"][:2] == [
        {"id": [0, 1], "text": ["sun", "rain"], "label": [0, 1], "names": names},
        {"id": [0], "text": ["fog"], "label": [1], "names": names},
    ]


def test_texts_that_are_not_there(seen):
    nothing, no_revision = seen["texts"][2:]
    assert "no dataset 'me/nothing' on the hub that you can access: correct the name or path" in nothing
    assert "'me/d' has no revision 'v2': give a branch, tag or commit" in no_revision
