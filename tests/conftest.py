"""Settings of all tests: no network, one thread, and a fixed random seed."""

import gc
import os

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Keep the garbage collector from the million objects of the libraries, and let it run less often than usual."""
    gc.disable()
    collected = yield
    gc.enable()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    return collected


@pytest.fixture(scope="session", autouse=True)
def _one_thread_and_no_progress() -> None:
    import torch  # not at the top: with `-n`, this module is read by a process that runs no test, too
    from transformers.utils import logging

    torch.set_num_threads(1)
    logging.set_verbosity_error()
    logging.disable_progress_bar()


@pytest.fixture(scope="session", autouse=True)
def _probe_equal_models_once():
    from hf_gradexplain.engine import engine
    from tests.helpers.probes import remembered

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "probe", remembered(engine.probe))
        yield


@pytest.fixture(autouse=True)
def _same_random_numbers() -> None:
    """Start each test from the same state of the global random generator."""
    import torch

    torch.default_generator.manual_seed(0)  # `torch.manual_seed` takes a thousand times as long
