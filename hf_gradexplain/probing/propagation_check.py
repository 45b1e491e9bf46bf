"""Check whether relevance propagation works on a model."""

from dataclasses import dataclass, replace

import torch

from hf_gradexplain.classifier.hooked_classifier import ForwardPass, HookedClassifier
from hf_gradexplain.classifier.recording import Recorded
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.propagation.conservation import conservation_error
from hf_gradexplain.propagation.graph import Graph, apply_rules
from hf_gradexplain.propagation.rules import RULE_SETS, RuleSet
from hf_gradexplain.text.data import Batch


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
    classifier = replace(classifier, for_propagation=True, records_inputs=True)
    forward = classifier.forward(batch, graph=True)
    try:
        ordinary, modified = (_gradient(forward, rules, forward.recorded) for rules in ({}, RULE_SETS["attn_lrp"]))
        error = conservation_error(classifier, batch, RULE_SETS["cp_lrp"])
    except GradexplainError as refusal:
        return PropagationCheck(str(refusal))
    return PropagationCheck(None, error, not torch.equal(ordinary, modified), _needs_recorded_inputs(forward))


def _gradient(forward: ForwardPass, rules: RuleSet, recorded: Recorded) -> torch.Tensor:
    """Return the gradient of the first logit with respect to the word vectors, under a rule set."""
    logit, deltas = forward.logits[0, 0], [words.delta for words in forward.words]
    with apply_rules(Graph(logit, deltas), rules, recorded):
        return torch.cat(torch.autograd.grad(logit, deltas, retain_graph=True), -1)


def _needs_recorded_inputs(forward: ForwardPass) -> bool:
    """Return whether a rule asks for an input that only the forward pass can record."""
    try:
        for rules in RULE_SETS.values():
            _gradient(forward, rules, {})
    except GradexplainError:
        return True
    return False
