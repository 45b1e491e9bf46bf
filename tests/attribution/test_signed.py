"""Methods have a sign or not; those that another process registered count as signed."""

import pytest

from hf_gradexplain.attribution.methods import METHODS, Method
from hf_gradexplain.attribution.signed import is_signed


def test_a_method_says_whether_it_has_a_sign():
    assert is_signed("loo")
    assert not is_signed("sa_l2")


@pytest.mark.parametrize("signed", [False, True])
def test_an_unregistered_method_counts_as_signed(monkeypatch, signed):
    assert is_signed("my_own")
    monkeypatch.setitem(METHODS, "my_own", Method(METHODS["loo"].source, METHODS["loo"].score, signed, "mine"))
    assert is_signed("my_own") == signed
