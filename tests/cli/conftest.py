"""A model in a folder, and progress bars as users see them."""

import pytest
from transformers.utils import logging

from tests.helpers.tiny import make


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("model"))
    classifier, tokenizer = make("textcnn")
    classifier.float().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def _loud():
    """Progress bars and warnings of transformers as in a new process; afterwards as the tests have them."""
    logging.enable_progress_bar()
    logging.set_verbosity_warning()
    yield
    logging.set_verbosity_error()
    logging.disable_progress_bar()
