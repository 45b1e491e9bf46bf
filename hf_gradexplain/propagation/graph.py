"""The walk over an autograd graph, which puts hooks on the nodes whose rule is not the derivative."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property

from torch import Tensor
from torch.autograd.graph import Node

from hf_gradexplain.classifier.recording import Recorded
from hf_gradexplain.propagation.nodes import Kind, kind_of, short_name
from hf_gradexplain.propagation.rules import Grads, Role, Rule, RuleSet, Step, nothing

_GATES = {"Sigmoid0", "Hardsigmoid0", "Softplus0", "Exp0"}
"""Activations that are bounded or positive."""

_GATES_WITH_CONSTANT = {"Tanh0", "Erf0"}
"""Activations that are positive once a constant is added, as in `1 + tanh(x)`."""

_SUMS = {"Add0", "Add1", "Sub0", "Rsub1"}


class Graph:
    """The part of an autograd graph that leads from an output to the word vectors.

    Attributes:
        nodes: The nodes, each after the nodes of its inputs.

    Args:
        output: The tensor whose graph it is.
        words: The word vectors, at which the graph ends. All other tensors count as constants, such as those that the
            model itself creates.
    """

    def __init__(self, output: Tensor, words: Collection[Tensor]) -> None:
        self._inputs: dict[Node, list[Node | None]] = {}
        leaves = {id(x) for x in words}
        for node in _in_order(output):
            inputs = [x if x in self._inputs else None for x in _earlier(node)]
            if any(inputs) or id(getattr(node, "variable", None)) in leaves:
                self._inputs[node] = inputs
        self.nodes = list(self._inputs)

    def inputs(self, node: Node) -> list[Node | None]:
        """Return the nodes of a node's inputs, in order; None for a constant."""
        return self._inputs[node]

    @cached_property
    def kinds(self) -> dict[Node, Kind]:
        """The kind of each node.

        Raises:
            GradexplainError: A node is in no table of `hf_gradexplain.propagation.nodes`.
        """
        return {node: kind_of(node) for node in self.nodes}

    def roles(self, rules: RuleSet) -> dict[Node, Role]:
        """Return the role of each node's output under a rule set."""
        roles: dict[Node, Role] = {}
        for node in self.nodes:
            roles[node] = self._role(node, rules, roles)
        return roles

    def _role(self, node: Node, rules: RuleSet, roles: dict[Node, Role]) -> Role:
        kind, inputs = self.kinds[node], self.inputs(node)
        if rules.get(kind) is nothing:
            return Role.CONSTANT
        if kind is Kind.SOFTMAX or short_name(node) in _GATES:
            return Role.GATE
        if kind in (Kind.WORDS, Kind.ACTIVATION, Kind.NORM, Kind.ATTENTION, Kind.MAXIMUM):
            return Role.SIGNAL
        if kind is Kind.QUOTIENT:
            inputs = inputs[:1]
        if kind is Kind.SOLVE:
            inputs = inputs[1:]
        live = [x for x in inputs if x is not None]
        if short_name(node) in _SUMS and len(live) == 1 and short_name(live[0]) in _GATES_WITH_CONSTANT:
            return Role.GATE
        return min((roles[x] for x in live), default=Role.CONSTANT)


@contextmanager
def apply_rules(graph: Graph, rules: RuleSet, recorded: Recorded) -> Iterator[None]:
    """Make backward passes through a graph follow a rule set within the block.

    Args:
        graph: The graph.
        rules: The rule set.
        recorded: The inputs of operations whose nodes do not save them, see `RecordInputs`.

    Raises:
        GradexplainError: The graph has an operation that is in no table of `hf_gradexplain.propagation.nodes`.
    """
    kinds, roles, handles = graph.kinds, graph.roles(rules), []
    try:
        for node in graph.nodes:
            if rule := rules.get(kinds[node]):
                of_inputs = [None if x is None else roles[x] for x in graph.inputs(node)]
                handles.append(node.register_hook(_hook(node, rule, of_inputs, recorded.get(node))))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _hook(
    node: Node, rule: Rule, roles: Sequence[Role | None], recorded: Tensor | None
) -> Callable[[Grads, Grads], tuple[Tensor | None, ...] | None]:
    def hook(grads: Grads, outputs: Grads) -> tuple[Tensor | None, ...] | None:
        return None if outputs[0] is None else tuple(rule(Step(node, grads, outputs[0], roles, recorded)))

    return hook


def _earlier(node: Node) -> list[Node | None]:
    return [earlier for earlier, _ in node.next_functions]


def _in_order(output: Tensor) -> list[Node]:
    """Return all nodes of a tensor's graph, each after the nodes of its inputs."""
    order: list[Node] = []
    stack = [] if output.grad_fn is None else [(output.grad_fn, iter(_earlier(output.grad_fn)))]
    seen = {node for node, _ in stack}
    while stack:
        node, inputs = stack[-1]
        following = next((x for x in inputs if x is not None and x not in seen), None)
        if following is None:
            order.append(node)
            stack.pop()
        else:
            seen.add(following)
            stack.append((following, iter(_earlier(following))))
    return order
