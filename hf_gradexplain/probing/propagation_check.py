"""Check whether relevance propagation works on a model."""

from dataclasses import dataclass, replace

import torch

from hf_gradexplain.classifier.hooked_classifier import ForwardPass, HookedClassifier
from hf_gradexplain.classifier.memory import is_out_of_memory
from hf_gradexplain.classifier.recording import RecordAll, Recorded
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.probing.gradient_checks import FAILURES
from hf_gradexplain.propagation.conservation import conservation_error
from hf_gradexplain.propagation.graph import Graph, apply_rules
from hf_gradexplain.propagation.nodes import KIND_OF, Kind, short_name
from hf_gradexplain.propagation.rules import RULE_SETS, RuleSet
from hf_gradexplain.text.data import Batch

_OTHER_METHODS = "choose methods='integrated_gradients' or 'loo'"

_KINDS = {name.rstrip("0123456789").lower(): kind for name, kind in KIND_OF.items()}
"""The kinds of operations, by their names without underscores."""

_WRITES = {"copy_", "fill_", "zero_"}
"""Operations in place that write other values, and have no node of their own."""


@dataclass(frozen=True)
class PropagationCheck:
    """What relevance propagation does on a model.

    Attributes:
        refusal: Why it cannot be used; None if it can.
        conservation_error: How far relevances under `cp_lrp`, which conserves relevance, are from adding up to the
            logit, see `hf_gradexplain.propagation.conservation`; None if it cannot be used.
        changes_gradient: Whether its gradient differs from the ordinary one. It does not if the model has no attention,
            no normalisation, no gates, and no activation but ReLU.
        records_inputs: Whether it reads inputs that the forward pass has to record.
    """

    refusal: str | None
    conservation_error: float | None = None
    changes_gradient: bool = False
    records_inputs: bool = False

    def conserves(self, tolerance: float) -> bool:
        """Return whether relevances add up to the logit, up to a relative error."""
        return self.conservation_error is not None and self.conservation_error <= tolerance


def check_propagation(classifier: HookedClassifier, batch: Batch) -> PropagationCheck:
    """Propagate relevance through a model on a sample text.

    Args:
        classifier: The classifier, within `frozen_eval_mode`.
        batch: One text.
    """
    try:
        with RecordAll() as record:
            forward = replace(classifier, for_propagation=True).forward(batch, graph=True)
        _refuse_hidden_operations(forward, record)
        ordinary, modified = (_gradient(forward, rules, record.inputs) for rules in ({}, RULE_SETS["attn_lrp"]))
        error = conservation_error(forward, record, RULE_SETS["cp_lrp"])
    except GradexplainError as refusal:
        return PropagationCheck(str(refusal))
    except FAILURES as failure:
        if is_out_of_memory(failure):
            raise
        reason = f"relevance propagation fails on {type(classifier.model).__name__} ({failure})"
        return PropagationCheck(f"{reason}: {_OTHER_METHODS}")
    return PropagationCheck(None, error, not torch.equal(ordinary, modified), _needs_recorded_inputs(forward))


def _refuse_hidden_operations(forward: ForwardPass, record: RecordAll) -> None:
    """Check that no change in place hides a node that needs a rule.

    A change of a view in place leaves a `CopySlices` node, which hides that of the change itself.

    Raises:
        GradexplainError: It hides one.
    """
    graph = Graph(forward.logits[0, 0], [words.delta for words in forward.words])
    for node in graph.nodes:
        if short_name(node) == "torch::autograd::CopySlices":
            name = record.operations[node].name
            kind = Kind.LINEAR if name in _WRITES else _KINDS.get(name.replace("_", ""))
            by_constant = kind in (Kind.PRODUCT, Kind.QUOTIENT) and not any(graph.inputs(node)[1:])
            if kind is not Kind.LINEAR and not by_constant:
                raise GradexplainError(
                    f"the operation {name} of this model changes a part of a tensor in place, which hides it from the "
                    f"propagation rules: {_OTHER_METHODS}"
                )


def _gradient(forward: ForwardPass, rules: RuleSet, recorded: Recorded) -> torch.Tensor:
    """Return the gradient of the first logit with respect to the word vectors, under a rule set."""
    logit, deltas = forward.logits[0, 0], [words.delta for words in forward.words]
    with apply_rules(Graph(logit, deltas), rules, recorded):
        return torch.cat(torch.autograd.grad(logit, deltas, retain_graph=True, materialize_grads=True), -1)


def _needs_recorded_inputs(forward: ForwardPass) -> bool:
    """Return whether a rule asks for an input that only the forward pass can record."""
    try:
        for rules in RULE_SETS.values():
            _gradient(forward, rules, {})
    except GradexplainError:
        return True
    return False
