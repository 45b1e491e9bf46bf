"""Arguments that several commands share, and how much is printed while models and texts are loaded."""

import argparse

import datasets
import huggingface_hub.utils as hub
import pytest
from transformers.utils import logging

from hf_gradexplain.cli.inputs import dataset_of, set_verbosity
from hf_gradexplain.options.arguments import SplitArguments


@pytest.fixture
def _bars(_loud):
    """Progress bars of all libraries, as in a new process."""
    before = datasets.are_progress_bars_disabled(), hub.are_progress_bars_disabled()
    datasets.enable_progress_bars()
    hub.enable_progress_bars()
    yield
    for module, disabled in zip((datasets, hub), before, strict=True):
        (module.disable_progress_bars if disabled else module.enable_progress_bars)()


@pytest.mark.usefixtures("_bars")
@pytest.mark.parametrize(("form", "quiet"), [("text", False), ("json", False), ("quiet", True)])
def test_the_format_quiet_hides_bars_and_notes_of_all_libraries(form, quiet):
    set_verbosity(form)
    assert logging.get_verbosity() == (logging.ERROR if quiet else logging.WARNING)
    assert logging.is_progress_bar_enabled() is not quiet
    assert datasets.are_progress_bars_disabled() is quiet
    assert hub.are_progress_bars_disabled() is quiet


def test_arguments_that_a_command_does_not_take_have_their_defaults():
    given = argparse.Namespace(dataset_name="imdb", max_samples=3, unknown=1)
    assert dataset_of(given) == SplitArguments(dataset_name="imdb", max_samples=3)
