"""A font for tests of layouts."""

import pytest

from hf_gradexplain.viz import typesetting


@pytest.fixture
def half_as_wide_as_high(monkeypatch):
    """Make all characters half as wide as they are high."""
    monkeypatch.setattr(typesetting, "text_width", lambda text, font: font.size * len(text) / 2)
