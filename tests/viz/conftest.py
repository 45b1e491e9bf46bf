"""A font for tests of layouts."""

import pytest

from hf_gradexplain.viz import typesetting


def width_of_half_as_wide(text, font):
    """The width of characters that are all half as wide as they are high."""
    return font.size * len(text) / 2


@pytest.fixture
def half_as_wide_as_high(monkeypatch):
    """Make all characters half as wide as they are high."""
    monkeypatch.setattr(typesetting, "text_width", width_of_half_as_wide)
