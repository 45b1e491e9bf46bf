"""A model in a folder."""

import pytest

from tests.helpers.tiny import make


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("model"))
    classifier, tokenizer = make("textcnn")
    classifier.float().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
