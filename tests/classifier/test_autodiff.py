"""Tests of derivatives by the forward passes of custom autograd functions."""

import pytest
import torch

from hf_gradexplain.classifier.autodiff import custom_functions, follow_forward
from tests.helpers.toys import Nested, StraightThrough, TwiceTheGradient, WithSetup


def gradient(function, follow=()):
    x = torch.linspace(-1, 1, 5, dtype=torch.float64, requires_grad=True)
    with follow_forward(follow):
        y = function.apply(x)
    return torch.autograd.grad(y.sum(), x)[0]


def slope():
    return 1 - torch.linspace(-1, 1, 5, dtype=torch.float64).tanh() ** 2


def test_the_forward_pass_is_differentiated_through_no_grad():
    torch.testing.assert_close(gradient(TwiceTheGradient), 2 * slope())
    torch.testing.assert_close(gradient(TwiceTheGradient, [TwiceTheGradient]), slope())


def test_inner_functions_are_found_once_the_outer_one_is_followed():
    x = torch.ones(3, requires_grad=True)
    assert custom_functions(Nested.apply(x).sum()) == {Nested}
    with follow_forward([Nested]):
        assert custom_functions(Nested.apply(x).sum()) == {TwiceTheGradient}
    torch.testing.assert_close(gradient(Nested, [Nested, TwiceTheGradient]), slope())


def test_the_gradient_of_rounding_is_zero():
    assert not gradient(StraightThrough, [StraightThrough]).any()
    assert gradient(StraightThrough).all()


def test_a_graph_without_custom_functions_has_none():
    x = torch.ones(3, requires_grad=True)
    assert custom_functions((x.exp() * x).sum()) == frozenset()
    assert custom_functions(x.detach()) == frozenset()


def test_functions_are_followed_only_within_the_block():
    with follow_forward([TwiceTheGradient]):
        assert "apply" in vars(TwiceTheGradient)
    assert "apply" not in vars(TwiceTheGradient)


@pytest.mark.parametrize("function", [TwiceTheGradient, WithSetup])
def test_everything_is_restored_also_after_an_exception(function):
    enter, leave = torch.no_grad.__enter__, torch.no_grad.__exit__
    with pytest.raises(KeyError), follow_forward([function]):
        vars(function)["no such name"]
    assert "apply" not in vars(function)
    assert (torch.no_grad.__enter__, torch.no_grad.__exit__) == (enter, leave)


def test_no_grad_works_as_usual_if_nothing_is_followed():
    x = torch.ones(3, requires_grad=True)
    with follow_forward([]), torch.no_grad():
        assert not (2 * x).requires_grad
    with torch.no_grad(), follow_forward([TwiceTheGradient]), torch.no_grad():
        assert not (2 * x).requires_grad


def test_a_forward_pass_by_the_newer_interface_is_called_without_a_context():
    x = torch.ones(3)
    with follow_forward([WithSetup]):
        torch.testing.assert_close(WithSetup.apply(x), x.tanh())
