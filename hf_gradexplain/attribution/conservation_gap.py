"""The gap between the relevances of one text and what they should add up to, for rules that conserve relevance."""

import math
from collections.abc import Collection, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from hf_gradexplain.attribution.gradients import loss_scale
from hf_gradexplain.attribution.methods import select
from hf_gradexplain.attribution.sources import Propagation
from hf_gradexplain.classifier.hooked_classifier import ForwardPass
from hf_gradexplain.classifier.memory import is_out_of_memory
from hf_gradexplain.classifier.recording import RecordAll
from hf_gradexplain.classifier.state import frozen_eval_mode
from hf_gradexplain.propagation.conservation import gradients_and_constants
from hf_gradexplain.propagation.rules import CONSERVING, RULE_SETS


def conservation_gaps(forward: ForwardPass, scores: Mapping[str, Tensor]) -> list[dict[str, float]]:
    """Return the gap of each text and each method whose rules conserve relevance.

    The gap of a text is missing if memory does not suffice to compute it. All gaps are missing if the model runs in
    bfloat16, where rounding errors of several percent would hide them.

    Args:
        forward: The forward pass over the texts.
        scores: `(B, U)` per method.
    """
    rules = conserving(scores) if forward.classifier.precision != "bfloat16" else {}
    gaps: list[dict[str, float]] = [{} for _ in forward.batch.documents]
    with frozen_eval_mode(forward.classifier.model):
        for text, of_text in enumerate(gaps if rules else ()):
            for name, rule_set in rules.items():
                try:
                    of_text[name] = conservation_gap(forward.only(text), scores[name][text], rule_set)
                except (MemoryError, RuntimeError) as error:
                    if not is_out_of_memory(error):
                        raise
    return gaps


def conserving(methods: Collection[str]) -> dict[str, str]:
    """Return the rule set of each method whose rules all conserve relevance, by the name of the method."""
    sources = {name: method.source for name, method in select(list(methods)).items()} if methods else {}
    return {
        name: source.rules
        for name, source in sources.items()
        if isinstance(source, Propagation) and source.rules in CONSERVING
    }


def conservation_gap(forward: ForwardPass, scores: Tensor, rules: str) -> float:
    """Return how far the relevances of a text are from adding up: `(sum - total) / max(|total|, 1e-3 s)`.

    `sum` is the sum of the scores and of the relevance of everything without a score. Biases, positions and other
    constants, special tokens, and a baseline other than zero have no score. `total` is what `sum` is if all rules
    conserve relevance: `-sum_c z_c dl/dz_c` over the logits `z` of the text; with the objective `logit`, this is the
    logit of the class. `s` is the largest `|dl/dz_c|`. It is 1 with the objective `logit`, and small with the objective
    `loss` if the model is sure.

    The relevance of everything without a score takes a forward pass that records all operations, and a backward pass.
    Together they take about 1.3 times as long as the method itself (`python -m benchmarks.conservation`).

    Args:
        forward: The forward pass over one text.
        scores: `(U,)` the scores of the text.
        rules: Name of the rule set.
    """
    classifier, batch, slope = replace(forward.classifier, records_inputs=False), forward.batch, forward.slope()
    scale = float(loss_scale(slope.view(1, -1)))
    has_score = batch.units.unit_of < batch.units.size

    def without_score(rows: Tensor) -> float:
        with RecordAll() as record:
            columns, run = classifier.run_some(batch, rows, forward.edit_of)
        start = (slope[rows] * scale).to(run.logits.dtype)
        grads, relevances = gradients_and_constants(run.logits, start, run.words, record, RULE_SETS[rules])
        baseline = classifier.baseline or [grad.new_zeros(()) for grad in grads]
        for grad, words, instead in zip(grads, run.words, baseline, strict=True):
            rest = torch.where(has_score[rows][:, columns, None], instead.to(grad.device), words.embedding)
            relevances.append(float((grad * rest).double().sum()))
        return math.fsum(relevances) / scale

    parts = [part for _, part in classifier.in_passes(batch, without_score, graph=True)]
    total = -float((slope * forward.sequence_logits).sum())
    return (float(scores.sum()) - math.fsum(parts) - total) / max(abs(total), 1e-3 * float(slope.abs().max()))
