"""What every test shares: no network, one thread, and the tiny models."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import pytest
import torch
from transformers.utils import logging

torch.set_num_threads(1)
logging.set_verbosity_error()
logging.disable_progress_bar()


@pytest.fixture(autouse=True)
def _same_random_numbers() -> None:
    """Each test starts from the same state of the global generator, whatever ran before it."""
    torch.manual_seed(0)
