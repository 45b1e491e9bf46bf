"""The walk over the graph, hooks that come and go, and rules that change nothing."""

import random as python_random
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.options import Options
from hf_gradexplain.propagation.graph import Graph, apply_rules
from hf_gradexplain.propagation.nodes import Kind, short_name
from hf_gradexplain.propagation.rules import RULE_SETS, Role
from tests.helpers.propagated import forward_of, propagated, random
from tests.helpers.tiny import KINDS, TEXTS, explainer
from tests.helpers.toys import TEXT, TOKENIZER, Nested, StraightThrough, Toy, TwiceTheGradient, WithSetup

METHODS = ("sa_l1", "sa_l2", "signed_gi", *RULE_SETS)


def leaf(*shape: int, seed: int = 0) -> Tensor:
    return random(*shape, seed=seed).requires_grad_()


def refusal(node: str) -> str:
    return (
        f"no propagation rule is known for the operation {node} of this model: choose "
        "methods='integrated_gradients' or 'loo', or add its node to a table, see docs/write-a-rule.md"
    )


def test_every_node_comes_once_and_after_its_inputs():
    x, generator = leaf(4), python_random.Random(0)
    values = [x * 1]
    for _ in range(200):
        a, b = generator.choices(values, k=2)
        values.append(generator.choice([a + b, a * b / 4, torch.tanh(a), torch.stack([a, b]).mean(0)]))
    graph = Graph(sum(values), [x])
    place = {node: i for i, node in enumerate(graph.nodes)}
    assert len(place) == len(graph.nodes) > 300
    for node in graph.nodes:
        assert all(place[before] < place[node] for before in graph.inputs(node) if before is not None)
        assert [before for before, _ in node.next_functions] == graph.inputs(node)


def test_a_deep_graph_is_no_recursion():
    x = leaf(1)
    y = x
    for _ in range(5000):
        y = y + 1
    assert len(Graph(y, [x]).nodes) == 5001


def test_what_does_not_depend_on_the_words_is_constant():
    """Parameters, tensors that the model made, and what they lead to, with gradients or without."""
    x, parameter, made = leaf(3), torch.nn.Parameter(random(3)), torch.ones(3, requires_grad=True)
    constant = torch.tanh(parameter) * made
    y = (x * constant) + made
    graph = Graph(y, [x])
    assert [short_name(node) for node in graph.nodes] == ["torch::autograd::AccumulateGrad", "Mul0", "Add0"]
    _, product, total = graph.nodes
    assert graph.inputs(product) == [graph.nodes[0], None]
    assert graph.inputs(total) == [product, None]
    with apply_rules(graph, RULE_SETS["attn_lrp"], {}):
        (of_x,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(of_x, constant, rtol=1e-15, atol=0)


def test_a_constant_may_have_a_node_that_is_in_no_table():
    x, parameter = leaf(3), leaf(3, seed=1)
    (of_x,) = propagated(lambda x: x * torch.sin(parameter), [x], RULE_SETS["attn_lrp"])
    torch.testing.assert_close(of_x, torch.sin(parameter), rtol=1e-15, atol=0)


def test_an_output_without_words_has_an_empty_graph():
    for y in (torch.ones(2), torch.ones(2, requires_grad=True).sum(), leaf(2).detach()):
        assert Graph(y, [leaf(2)]).nodes == []


def fused(*inputs: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(*(x.view(1, 1, -1, 1) for x in inputs))


ROLES = {
    "x": (lambda x, z: x * 1, Role.SIGNAL),
    "tanh": (lambda x, z: torch.tanh(x), Role.SIGNAL),
    "gate": (lambda x, z: torch.sigmoid(x), Role.GATE),
    "gate plus signal": (lambda x, z: torch.sigmoid(x) + z, Role.SIGNAL),
    "signal beside a statistic": (lambda x, z: x * torch.rsqrt(z), Role.SIGNAL),
    "gate beside a statistic": (lambda x, z: torch.sigmoid(x) * torch.rsqrt(z), Role.GATE),
    "statistics": (lambda x, z: torch.rsqrt(x) * torch.rsqrt(z), Role.CONSTANT),
    "gate over signal": (lambda x, z: torch.sigmoid(x) / z, Role.GATE),
    "constant over signal": (lambda x, z: torch.ones(3).double() / z, Role.CONSTANT),
    "norm of a gate": (lambda x, z: F.layer_norm(torch.sigmoid(x), (3,)), Role.SIGNAL),
    "attention over gates": (lambda x, z: fused(x.sigmoid(), z.sigmoid(), x.sigmoid()), Role.SIGNAL),
    "smooth maximum of gates": (lambda x, z: torch.sigmoid(x).logsumexp(0), Role.SIGNAL),
    "solution": (
        lambda x, z: torch.linalg.solve_triangular(x.outer(z), z.sigmoid().outer(x.sigmoid()), upper=True),
        Role.GATE,
    ),
}


@pytest.mark.parametrize("name", ROLES)
def test_what_a_node_carries(name):
    function, role = ROLES[name]
    x, z = leaf(3), leaf(3, seed=1)
    y = function(x, z)
    roles = Graph(y, [x, z]).roles(RULE_SETS["attn_lrp"])
    assert roles[y.grad_fn] is role


@pytest.mark.parametrize(("rules", "role"), [("attn_lrp", Role.GATE), ("cp_lrp", Role.CONSTANT)])
def test_a_softmax_is_a_gate_or_a_constant(rules, role):
    x = leaf(3)
    y = x.softmax(0)
    assert Graph(y, [x]).roles(RULE_SETS[rules])[y.grad_fn] is role


class Add(Function):
    """A custom function whose name is that of an operation."""

    @staticmethod
    def forward(ctx, x):
        return x + 1

    @staticmethod
    def backward(ctx, grad):
        return 3 * grad


UNKNOWN = {
    "SinBackward0": torch.sin,
    "CumprodBackward0": lambda x: x.cumprod(0),
    "LogSoftmaxBackward0": lambda x: x.log_softmax(0),
    "PowBackward1": lambda x: torch.exp(x) ** x,
    "AddBackward": Add.apply,
    "StraightThroughBackward": StraightThrough.apply,
    "NestedBackward": Nested.apply,
    "WithSetupBackward": WithSetup.apply,
}


@pytest.mark.parametrize("node", UNKNOWN)
def test_an_operation_in_no_table_is_an_error_that_names_it(node):
    x = leaf(3)
    y = torch.tanh(UNKNOWN[node](x * 2)) * x
    graph, (plain,) = Graph(y, [x]), torch.autograd.grad(y.sum(), x, retain_graph=True)
    with (
        pytest.raises(GradexplainError, match=f"^{re.escape(refusal(node))}$"),
        apply_rules(graph, RULE_SETS["cp_lrp"], {}),
    ):
        pass
    torch.testing.assert_close(torch.autograd.grad(y.sum(), x)[0], plain, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("mix", "node"), [(torch.sin, "SinBackward0"), (lambda x: WithSetup.apply(x), "WithSetupBackward")]
)
def test_an_explainer_refuses_it_too_and_explains_by_other_methods(mix, node):
    explain = Explainer(Toy(mix=mix), TOKENIZER)
    with pytest.raises(GradexplainError, match=f"^{re.escape(refusal(node))}$"):
        explain(TEXT, ("signed_gi", "attn_lrp"))
    explain(TEXT, ("signed_gi", "loo"))


def test_custom_functions_whose_forward_pass_is_followed_have_the_rules_of_its_operations():
    custom, plain = (Explainer(Toy(mix=mix), TOKENIZER) for mix in (lambda x: TwiceTheGradient.apply(x), torch.tanh))
    for rules in RULE_SETS:
        scores, expected = (explain(TEXT, rules, objective="logit").scores[rules] for explain in (custom, plain))
        np.testing.assert_array_equal(scores, expected)


def test_a_tensor_that_the_model_made_with_gradients_is_a_constant():
    def read(model: Toy, ids: Tensor, mask: Tensor) -> Tensor:
        return model.words(ids) * torch.full((6,), 2.0, dtype=torch.float64, requires_grad=True)

    made, plain = (
        Explainer(Toy(read), TOKENIZER),
        Explainer(Toy(lambda model, ids, mask: model.words(ids) * 2), TOKENIZER),
    )
    for rules in RULE_SETS:
        scores, expected = (explain(TEXT, rules, objective="logit").scores[rules] for explain in (made, plain))
        np.testing.assert_array_equal(scores, expected)


class Interrupted(Exception):
    pass


def interrupt(step: object) -> None:
    raise Interrupted


@pytest.mark.parametrize("kind", ["bert", "gpt2", "bilstm"])
def test_hooks_are_gone_after_the_block_and_after_an_exception(kind):
    forward = forward_of(kind)
    words = [word.delta for word in forward.words]
    graph = Graph(forward.logits, words)

    def gradient() -> tuple[Tensor, ...]:
        return torch.autograd.grad(forward.logits[0, 1], words, retain_graph=True)

    plain = gradient()
    with apply_rules(graph, RULE_SETS["attn_lrp"], forward.recorded):
        assert not torch.equal(gradient()[0], plain[0])
    assert all(map(torch.equal, gradient(), plain))
    with pytest.raises(Interrupted), apply_rules(graph, RULE_SETS["attn_lrp"], forward.recorded):
        raise Interrupted
    assert all(map(torch.equal, gradient(), plain))
    with pytest.raises(Interrupted), apply_rules(graph, {Kind.MATRIX_PRODUCT: interrupt}, forward.recorded):
        gradient()
    assert all(map(torch.equal, gradient(), plain))


@pytest.mark.parametrize("kind", KINDS)
def test_methods_together_give_exactly_what_each_gives_alone(kind):
    explain, generator = explainer(kind), python_random.Random(kind)

    def scored(methods: tuple[str, ...]) -> tuple[Tensor, dict[str, Tensor]]:
        (batch,) = explain.run([TEXTS[3]], Options(methods, "word"))
        return batch.forward.logits, batch.scores

    logits, alone = scored(("loo",))[0], {}
    for method in METHODS:
        of_method, scores = scored((method,))
        assert torch.equal(of_method, logits)
        alone |= scores
    for _ in range(2):
        methods = generator.sample(METHODS, len(METHODS))
        together, scores = scored(tuple(methods))
        assert torch.equal(together, logits)
        assert list(scores) == methods
        for method in methods:
            assert torch.equal(scores[method], alone[method]), method
