"""Tests of derivatives by the forward passes of custom autograd functions."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

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


def in_another_thread(work):
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(work).result()


def needs_gradients_within_no_grad():
    x = torch.ones(3, requires_grad=True)
    with torch.no_grad():
        return (2 * x).requires_grad


@pytest.mark.parametrize("second", [(), (WithSetup,), (TwiceTheGradient,)])
def test_blocks_that_overlap_restore_everything_in_whatever_order_they_end(second):
    """Two threads with different models enter such blocks one after the other, and the first one may end first."""
    enter, leave = torch.no_grad.__enter__, torch.no_grad.__exit__
    blocks = follow_forward([TwiceTheGradient]), follow_forward(second)
    with ThreadPoolExecutor(1) as executor:
        blocks[0].__enter__()
        executor.submit(blocks[1].__enter__).result()
        blocks[0].__exit__(None, None, None)
        assert executor.submit(needs_gradients_within_no_grad).result() == bool(second)
        assert not needs_gradients_within_no_grad()
        executor.submit(blocks[1].__exit__, None, None, None).result()
        assert not executor.submit(needs_gradients_within_no_grad).result()
    assert (torch.no_grad.__enter__, torch.no_grad.__exit__) == (enter, leave)
    assert not {"apply"} & (vars(TwiceTheGradient).keys() | vars(WithSetup).keys())
    torch.testing.assert_close(gradient(TwiceTheGradient), 2 * slope())


def test_other_threads_differentiate_as_usual():
    with follow_forward([TwiceTheGradient]):
        assert needs_gradients_within_no_grad()
        assert not in_another_thread(needs_gradients_within_no_grad)
        torch.testing.assert_close(in_another_thread(lambda: gradient(TwiceTheGradient)), 2 * slope())
        torch.testing.assert_close(gradient(TwiceTheGradient, [WithSetup]), slope())


def test_a_block_within_a_block_ends_alone():
    with follow_forward([TwiceTheGradient]):
        with torch.no_grad(), follow_forward([TwiceTheGradient, WithSetup]):
            pass
        torch.testing.assert_close(gradient(TwiceTheGradient), slope())
        assert needs_gradients_within_no_grad()
    with torch.no_grad(), follow_forward([WithSetup]), torch.enable_grad():
        with follow_forward([WithSetup]):
            assert needs_gradients_within_no_grad()
        assert not needs_gradients_within_no_grad()


def test_the_end_of_no_grad_leaves_gradients_as_they_were():
    x = torch.ones(3, requires_grad=True)
    with follow_forward([TwiceTheGradient]):
        with torch.no_grad():
            pass
        assert (2 * x).requires_grad
        with torch.set_grad_enabled(False):
            with torch.no_grad():
                pass
            assert not (2 * x).requires_grad


class Child(TwiceTheGradient):
    """Inherits the forward pass, and has a gradient of its own."""

    @staticmethod
    def backward(ctx, upstream):
        return 3 * upstream


class OwnApply(TwiceTheGradient):
    """Runs by a method `apply` of its own."""

    @classmethod
    def apply(cls, x):
        return super().apply(x) + 1


class PlainApply(TwiceTheGradient):
    """Runs by an attribute `apply` that is not a descriptor, so that Python returns it as it is."""


PlainApply.apply = partial(TwiceTheGradient.apply)


def test_a_class_derived_from_a_followed_one_is_not_followed():
    with follow_forward([TwiceTheGradient]):
        torch.testing.assert_close(gradient(Child), torch.full_like(slope(), 3))


def test_an_apply_that_is_no_method_is_used_by_other_threads_and_restored():
    own, zeros = vars(PlainApply)["apply"], torch.zeros(2)
    with follow_forward([PlainApply]):
        assert in_another_thread(lambda: PlainApply.apply) is own
        assert in_another_thread(lambda: PlainApply.apply(zeros)).tolist() == [0, 0]
        assert PlainApply.apply is not own
    assert vars(PlainApply)["apply"] is own


def test_a_method_apply_of_the_class_is_used_by_other_threads_and_restored():
    own = vars(OwnApply)["apply"]
    zeros = torch.zeros(2)
    with follow_forward([OwnApply]):
        assert in_another_thread(lambda: OwnApply.apply(zeros)).tolist() == [1, 1]
        assert OwnApply.apply(zeros).tolist() == [0, 0]
    assert vars(OwnApply)["apply"] is own
