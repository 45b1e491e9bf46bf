"""Check whether relevance propagation works on a model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from transformers import PreTrainedTokenizerBase

from hf_gradexplain.classifier.hooked_classifier import ForwardPass, HookedClassifier
from hf_gradexplain.classifier.memory import FAILURES, is_out_of_memory
from hf_gradexplain.classifier.recording import RecordAll, Recorded
from hf_gradexplain.classifier.state import device_of
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.probing.gradient_checks import difference_in_batch
from hf_gradexplain.propagation.conservation import conservation_error
from hf_gradexplain.propagation.graph import Graph, apply_rules
from hf_gradexplain.propagation.nodes import KIND_OF, Kind, short_name
from hf_gradexplain.propagation.rules import RULE_SETS, RuleSet
from hf_gradexplain.text.data import Batch, Document

_OTHER_METHODS = "choose methods='integrated_gradients' or 'loo'"

_KINDS = {name.rstrip("0123456789").lower(): kind for name, kind in KIND_OF.items()}
"""The kinds of operations, by their names without underscores."""

_WRITES = {"copy_", "fill_", "zero_"}
"""Operations in place that write other values, and have no node of their own."""


@dataclass(frozen=True)
class PropagationCheck:
    """What relevance propagation does on a model.

    Attributes:
        refusal: Why relevance propagation cannot be used; None if it can.
        conservation_error: How far relevances under `cp_lrp`, which conserves relevance, are from adding up to the
            logit, see `hf_gradexplain.propagation.conservation`; None if propagation cannot be used.
        changes_gradient: Whether the gradient under the rules differs from the ordinary gradient. It does not if the
            model has no attention, no normalisation, no gates, and no activation but ReLU.
        records_inputs: Whether the rules read inputs that the forward pass has to record.
        padding_error: Relative error of texts in a padded batch, see `propagation_batch_error`.
    """

    refusal: str | None
    conservation_error: float | None = None
    changes_gradient: bool = False
    records_inputs: bool = False
    padding_error: float = 0

    def conserves(self, tolerance: float) -> bool:
        """Return whether relevances add up to the logit, up to a relative error of `tolerance`."""
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


def check_padding(
    check: PropagationCheck,
    classifier: HookedClassifier,
    documents: Sequence[Document],
    tokenizer: PreTrainedTokenizerBase,
) -> PropagationCheck:
    """Return the check with its `padding_error`, measured on these documents if the rules change the gradient.

    Args:
        check: The result of `check_propagation`, without a refusal.
        classifier: The classifier, within `frozen_eval_mode`.
        documents: Sample documents of different lengths.
        tokenizer: The model's tokenizer.
    """
    if not check.changes_gradient:
        return check
    classifier = replace(classifier, for_propagation=True, records_inputs=check.records_inputs)
    return replace(check, padding_error=propagation_batch_error(classifier, documents, tokenizer))


def propagation_batch_error(
    classifier: HookedClassifier, documents: Sequence[Document], tokenizer: PreTrainedTokenizerBase
) -> float:
    """Return the largest relative difference of modified gradients between documents in one batch and each alone.

    Infinite if the model or the rules fail on the documents.

    Some models compute the same numbers in another way if they are padded. For example, they cut texts into blocks, and
    padding on the left moves the blocks. This does not change the gradient, but it can change relevances: the rules
    depend on how numbers are computed.

    Args:
        classifier: The model; it has `for_propagation`.
        documents: Sample documents.
        tokenizer: The model's tokenizer.
    """

    def results_of(batch: Batch) -> list[torch.Tensor]:
        forward = classifier.forward(batch, graph=True)
        logit, deltas = forward.logits[:, 0].sum(), [words.delta for words in forward.words]
        graph, results = Graph(logit, deltas), [forward.logits.detach()]
        for rules in (RULE_SETS["attn_lrp"], RULE_SETS["cp_lrp"]):
            with apply_rules(graph, rules, forward.recorded):
                grads = torch.autograd.grad(logit, deltas, retain_graph=True, materialize_grads=True)
            results.append(batch.units.sum_rows(torch.cat(grads, -1)))
        return results

    return difference_in_batch(results_of, documents, tokenizer, device_of(classifier.model))


def _refuse_hidden_operations(forward: ForwardPass, record: RecordAll) -> None:
    """Check that no change in place hides a node that needs a rule.

    A change of a view in place leaves a `CopySlices` node, which hides the node of the change itself.

    Raises:
        GradexplainError: A change in place hides a node that needs a rule.
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
