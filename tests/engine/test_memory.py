"""A text that does not fit into memory is refused before it is scored."""

import pytest
from datasets import Dataset

from hf_gradexplain.engine import memory
from hf_gradexplain.errors import TextError
from hf_gradexplain.options import Options
from hf_gradexplain.run.runner import evaluate_finite
from tests.helpers.tiny import explainer

LONG_TEXT = "a good film " * 20


@pytest.fixture
def bytes_per_token(monkeypatch):
    """Let texts of 20 tokens and more be checked; return the bytes of a word vector."""
    monkeypatch.setattr(memory, "LONG", 20)
    return 4 * explainer("fasttext").model.config.hidden_size


def free(monkeypatch, size):
    monkeypatch.setattr(memory, "free_memory", lambda device: size)


def test_gradients_need_four_times_the_memory(bytes_per_token, monkeypatch):
    explain = explainer("fasttext")
    free(monkeypatch, 60 * 8 * bytes_per_token - 1)
    with pytest.raises(TextError, match="text 1 has 60 tokens, which need about 0 GB of memory, but 0 GB are free"):
        explain(["good", LONG_TEXT], "signed_gi")
    assert explain(["good", LONG_TEXT], "loo")[1].scores
    free(monkeypatch, 60 * 2 * bytes_per_token - 1)
    with pytest.raises(TextError, match="text 1 has 60 tokens"):
        explain(["good", LONG_TEXT], "loo")
    free(monkeypatch, 60 * 8 * bytes_per_token)
    assert explain(["good", LONG_TEXT], "signed_gi")[1].scores


def test_the_length_that_is_named_fits(bytes_per_token, monkeypatch):
    explain = explainer("fasttext")
    free(monkeypatch, 50 * 8 * bytes_per_token)
    with pytest.raises(TextError, match=r"tokenizer_kwargs=\{'max_length': 20\}$"):
        explain(LONG_TEXT, "signed_gi")
    assert explain(LONG_TEXT, "signed_gi", tokenizer_kwargs={"max_length": 20}).scores


def test_an_evaluation_leaves_it_out(bytes_per_token, monkeypatch):
    free(monkeypatch, 60 * 8 * bytes_per_token - 1)
    texts = Dataset.from_dict({"id": [7, 8, 9], "text": ["good", LONG_TEXT, "bad"]})
    documents, left_out = evaluate_finite(explainer("fasttext"), texts, Options(methods=("signed_gi",)))
    assert [document.id for document in documents] == [7, 9]
    assert left_out.keys() == {8}
    assert left_out[8].startswith("the text has 60 tokens")
