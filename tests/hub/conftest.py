from functools import partial

import pytest

from tests.hub.client import call
from tests.hub.loopback_hub import LoopbackHub
from tests.hub.xet_hub import XetHub

collect_ignore = ["guard"]  # to be imported by clients alone


@pytest.fixture
def hub():
    with LoopbackHub() as hub:
        yield hub
    assert not hub.bugs


@pytest.fixture
def client(hub, tmp_path):
    """Calls a function in a process that knows this hub alone: `client(function, *arguments)`."""
    return partial(call, hub, tmp_path / "home")


@pytest.fixture
def xet_hub(tmp_path):
    with XetHub(tmp_path / "xet") as hub:
        yield hub
    assert not hub.bugs
