"""Options about classes that contradict each other."""

import pytest

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.options import Options
from hf_gradexplain.options.classes import check_one_question


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"objective": "contrast"}, "objective='contrast' needs against=..., the class to compare with"),
        ({"objective": "logit", "against": "a"}, "against='a' explains a contrast, not the logit: leave out objective"),
        ({"target": "all", "against": "a"}, "target='all' explains the class 'a' as well: choose against='runner_up'"),
        ({"classes": ("a",)}, "classes chooses among the classes of target='all': give both"),
        ({"target": "all", "top_classes": 0}, "top_classes must be a number of classes, 1 or larger, but is 0"),
        ({"target": "all", "threshold": -0.01}, "threshold must be a probability between 0 and 1, but is -0.01"),
        ({"target": "all", "threshold": 1.01}, "threshold must be a probability between 0 and 1, but is 1.01"),
        ({"top_classes": 9}, "top_classes says which classes target='all' explains: leave it out, or give both"),
        ({"threshold": 0.4}, "threshold says which classes target='all' explains: leave it out, or give both"),
    ],
)
def test_contradictions_are_refused(values, message):
    with pytest.raises(GradexplainError) as caught:
        Options(**values)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("values", "name", "expected"),
    [
        ({"target": "all", "top_classes": 1}, "top_classes", 1),
        ({"target": "all", "threshold": 0}, "threshold", 0),
        ({"target": "all", "threshold": 1}, "threshold", 1),
        ({"target": "all", "classes": ["a", 1]}, "classes", ("a", 1)),
        ({"target": "all", "classes": "a"}, "classes", ("a",)),
        ({"target": "all", "against": "rest"}, "objective", "contrast"),
        ({"target": "all", "against": "runner_up"}, "objective", "contrast"),
        ({"target": ["a", "b"], "against": ["b", "a"]}, "against", ("b", "a")),
        ({"against": "b"}, "objective", "contrast"),
        ({}, "objective", "loss"),
        ({"objective": "prob"}, "objective", "prob"),
    ],
)
def test_values_that_are_allowed(values, name, expected):
    assert getattr(Options(**values), name) == expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"target": "all"}, "an evaluation explains one class of each text"),
        ({"target": ("a", "b")}, "an evaluation takes one target for all texts, not one per text"),
        ({"target": "a", "against": ("b", "c")}, "an evaluation takes one against for all texts, not one per text"),
        ({"target": "label", "against": "b"}, "with target='label', the target of some texts may be the class 'b'"),
        ({"target": "predicted", "against": "b"}, "with target='predicted', the target of some texts may be"),
        ({"target": "a", "against": "b"}, None),
        ({"target": "label", "against": "rest"}, None),
        ({"target": "label"}, None),
    ],
)
def test_an_evaluation_asks_one_question(values, message):
    if message is None:
        check_one_question(Options(**values))
    else:
        with pytest.raises(GradexplainError, match=f"^{message}"):
            check_one_question(Options(**values))
        with pytest.raises(GradexplainError, match=f"^{message.replace('an evaluation', 'a sanity check')}"):
            check_one_question(Options(**values), "a sanity check")
