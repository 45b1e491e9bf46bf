"""Tests of recording: each input is found by its node, whatever happens to the tensors afterwards."""

import threading

import pytest
import torch
from torch import Tensor

from hf_gradexplain.classifier.recording import RecordAll, RecordInputs
from tests.helpers.toys import TwiceTheGradient

FUNCTIONS = {"exp": torch.exp, "sigmoid": torch.sigmoid, "tanh": torch.tanh}


def leaf(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()


def node_of(y: Tensor, name: str):
    """Return the one node with this name in the graph of a tensor."""
    nodes, found = [y.grad_fn], set()
    while nodes:
        node = nodes.pop()
        found |= {node} if node.name().startswith(name) else set()
        nodes += [earlier for earlier, _ in node.next_functions if earlier is not None]
    (node,) = found
    return node


@pytest.mark.parametrize("recorder", [RecordInputs, RecordAll])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_input_is_recorded_for_its_node(name, recorder):
    x = leaf(3, 4)
    with recorder() as record:
        hidden = 2 * x
        y = FUNCTIONS[name](hidden).sum()
    node = node_of(y, name.capitalize())
    assert list(record.inputs) == [node]
    assert torch.equal(record.inputs[node], hidden)
    assert not record.inputs[node].requires_grad


@pytest.mark.parametrize("recorder", [RecordInputs, RecordAll])
@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.add_(1),
        lambda x: x[:, 0].fill_(7),
        lambda x: x.view(-1).mul_(2),
        lambda x: x.detach().zero_(),
        lambda x: torch.set_grad_enabled(False)(x.tanh_)(),
        lambda x: torch._foreach_add_([x.detach()], 1),
    ],
)
def test_a_later_change_in_place_does_not_change_the_recorded_input(change, recorder):
    x = leaf(3, 4)
    with recorder() as record:
        hidden = x + 1
        before = hidden.detach().clone()
        y = hidden.tanh()
        change(hidden)
    assert not torch.equal(hidden, before)
    assert torch.equal(record.inputs[y.grad_fn], before)


@pytest.mark.parametrize("recorder", [RecordInputs, RecordAll])
def test_an_operation_in_place_is_recorded_with_its_input(recorder):
    x = leaf(3, 4)
    with recorder() as record:
        hidden = x + 1
        before = hidden.detach().clone()
        hidden.tanh_()
        y = hidden.sum()
    assert torch.equal(record.inputs[node_of(y, "Tanh")], before)


@pytest.mark.parametrize("recorder", [RecordInputs, RecordAll])
def test_a_view_that_gets_a_new_node_on_the_way_is_no_matter(recorder):
    """Autograd makes the new node of the view between that of the function and its result."""
    x = leaf(3, 4)
    with recorder() as record:
        hidden = x + 1
        view = hidden[:, 0]
        hidden.mul_(2)
        y = view.tanh()
    node = y.grad_fn
    assert torch.equal(record.inputs[node], 2 * (x + 1)[:, 0])
    assert list(record.inputs) == [node]


@pytest.mark.parametrize("recorder", [RecordInputs, RecordAll])
def test_what_autograd_does_not_follow_is_not_recorded(recorder):
    x = leaf(3, 4)
    with recorder() as record:
        hidden = 2 * x
        with torch.no_grad():
            hidden.exp()
            hidden.clone().exp_()
        hidden.detach().exp()
        torch.ones(2).exp()
        y = hidden.exp()
    assert list(record.inputs) == [y.grad_fn]


def test_inside_a_custom_function_nothing_is_recorded():
    x = leaf(3, 4)
    with RecordInputs() as record:
        y = TwiceTheGradient.apply(x)
    assert not record.inputs
    assert y.grad_fn.name() == "TwiceTheGradientBackward"


def test_the_last_operation_of_the_block_is_recorded():
    x = leaf(3)
    with RecordAll() as record:
        y = x + 1
    assert list(record.operations) == [y.grad_fn]


def test_nothing_is_recorded_after_the_block_also_after_an_error():
    x, record = leaf(3), RecordInputs()

    def fail() -> None:
        with record:
            x.tanh()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    before = len(record.inputs)
    x.exp()
    assert len(record.inputs) == before


def test_two_threads_record_their_own_operations():
    """The sequence numbers of the nodes of two threads are the same."""
    barrier, records = threading.Barrier(2), {}

    def run(factor: float) -> None:
        barrier.wait()
        x = leaf(3, 4)
        with RecordInputs() as record:
            y = (factor * x).tanh()
            for _ in range(100):
                y = (y * factor).tanh()
        records[factor] = record.inputs, y

    threads = [threading.Thread(target=run, args=(factor,)) for factor in (0.5, 2.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for recorded, y in records.values():
        assert len(recorded) == 101
        assert torch.equal(recorded[y.grad_fn].tanh(), y)


def test_all_operations_are_recorded_with_copies_of_their_inputs_and_output():
    x, weight = leaf(3, 4), torch.ones(4, dtype=torch.float64)
    with RecordAll() as record:
        hidden = x * 2
        y = torch.add(hidden, weight)
        z = torch.cat([y, hidden, y], 1)
        expected = [x.detach().clone() for x in (y, hidden, y)]
        result = z.detach().clone()
        z.mul_(0)
        y.mul_(0)
    operation = next(x for x in record.operations.values() if x.name == "cat")
    assert all(map(torch.equal, operation.inputs, expected))
    assert torch.equal(operation.output, result)
    added = next(x for x in record.operations.values() if x.name == "add")
    assert [len(added.inputs), added.arguments[1] is weight] == [1, True]


@pytest.mark.parametrize("name", ["mul_", "copy_", "tanh_"])
def test_a_change_of_a_view_is_recorded_for_the_tensor_behind_it(name):
    x = leaf(3, 4)
    with RecordAll() as record:
        hidden, other = x + 1, x[:, 1].cos()
        before = hidden.detach().clone()
        getattr(hidden[:, 0], name)(*() if name == "tanh_" else (other,))
        after = hidden.detach().clone()
        y = hidden.sum()
    operation = record.operations[node_of(y, "torch::autograd::CopySlices")]
    assert operation.name == name
    assert all(map(torch.equal, operation.inputs, [before, other][: len(operation.inputs)]))
    assert len(operation.inputs) == (1 if name == "tanh_" else 2)
    assert torch.equal(operation.output, after)


def test_the_results_and_gradients_do_not_change():
    def run(x: Tensor) -> Tensor:
        hidden = 1 + (x * 3).tanh()
        view = hidden[:, 1:3]
        hidden[:, 0] = hidden[:, 2].exp()
        view.mul_(2)
        return torch.softmax(hidden + view.sum(), -1).sigmoid().sum(1)

    x = leaf(3, 4)
    expected = run(x)
    grad = torch.autograd.grad(expected.sum(), x)[0]
    for recorder in (RecordInputs, RecordAll):
        with recorder():
            y = run(x)
        assert torch.equal(y, expected)
        assert torch.equal(torch.autograd.grad(y.sum(), x)[0], grad)
