"""A warning names the line of the user's code that called the package, however deep it arises."""

import threading
import warnings

import pytest

from hf_gradexplain.errors import warn
from tests.helpers.tiny import explainer


def caught_lines(call, *args, **how):
    """Return the messages of the warnings of a call; all of them must name the line below."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(*args, **how)  # this line
    for warning in caught:
        assert warning.filename == __file__
        with open(__file__) as file:
            assert "# this line" in file.readlines()[warning.lineno - 1]
    return [str(warning.message) for warning in caught]


@pytest.mark.parametrize(
    ("kind", "text", "how", "message"),
    [
        ("textcnn", "a film", {"methods": "loo", "mask": "deletion", "baseline": "mean"}, "baseline='mean' is ignored"),
        ("bert", "a good film", {"methods": "integrated_gradients", "steps": 2}, "should add up to the rise"),
        ("bert", "a film", {"methods": "attn_lrp", "torch_compile": True}, "torch_compile is ignored"),
        ("bert", "a film", {"methods": "sa_raw"}, "scores of sa_raw are rounding noise"),
        ("bart", "<s>a film", {"methods": "loo", "unit": "token"}, "begins with '<s>'"),
        ("bert", "หนังเรื่องนี้ดีมากหนังเรื่องนี้ดีมาก", {"methods": "loo"}, "nothing to compare"),
    ],
)
def test_the_users_line(kind, text, how, message):
    (said,) = caught_lines(explainer(kind), text, self_check=False, **how)
    assert message in said


def test_a_direct_call():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn("directly")
    assert [(str(each.message), each.filename, each.category) for each in caught] == [
        ("directly", __file__, UserWarning)
    ]


def test_without_any_code_of_the_user():
    """A thread may begin in the package."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        thread = threading.Thread(target=warn, args=("in a thread",))
        thread.start()
        thread.join()
    assert [str(each.message) for each in caught] == ["in a thread"]


def test_the_same_warning_is_given_once_for_each_line_of_the_user():
    """Python remembers the lines, so that a second line of the user gets the warning, too."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(2):
            warn("the same")
        warn("the same")
    assert len(caught) == 2
