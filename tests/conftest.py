"""Settings of all tests: no network, one thread, and a fixed random seed."""

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
    """Start each test from the same state of the global random generator."""
    torch.manual_seed(0)
