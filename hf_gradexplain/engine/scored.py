"""The scores of a batch of texts, and their conversion to explanations."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from hf_gradexplain.attribution.conservation_gap import conservation_gaps, conserving
from hf_gradexplain.classifier.combine import Pool
from hf_gradexplain.classifier.hooked_classifier import ForwardPass
from hf_gradexplain.errors import warn
from hf_gradexplain.explanation import Explanation, Explanations
from hf_gradexplain.explanation.classes import ClassScores
from hf_gradexplain.explanation.remarks import COMPLETE_WITHIN, broken_promise
from hf_gradexplain.explanation.self_check import SelfCheck, self_checks
from hf_gradexplain.options import Options
from hf_gradexplain.options.tokenizer_kwargs import read_kwargs
from hf_gradexplain.statistics.sampling import Sampling
from hf_gradexplain.text.data import REST, Sampled

_OF_DOCUMENT = ("text", "truncated_at", "pair_start", "unread", "windows")
_OF_OPTIONS = ("objective", "unit", "mask")
"""The fields of an explanation that are copied from its document, and those that are copied from the options."""


@dataclass(frozen=True, eq=False)
class ScoredBatch:
    """The scores of one batch of texts, and their conversion to explanations.

    Attributes:
        indices: The position of each text in the list that was given.
        options: How the texts were explained.
        forward: The forward pass over the texts.
        scores: `(B, U)` per method; 0, or 0 up to rounding, where a text has fewer units.
        completeness: `(B,)` for each method whose scores should add up to the rise of the loss, see
            `Explanation.completeness`.
        sampled: The standard errors for each method that draws copies at random.
        class_names: `(C,)` names of the model's classes.
        baselines: The baseline of each method that has one, see `Explanation.baselines`.
        why: Why `auto` chose its method; empty if it was not asked for.
        others: The scores for the other classes of `target="all"`. For a text that has fewer classes, the scores of its
            predicted class are repeated.
    """

    indices: tuple[int, ...]
    options: Options
    forward: ForwardPass
    scores: dict[str, Tensor]
    completeness: dict[str, Tensor]
    sampled: dict[str, Sampled]
    class_names: tuple[str, ...]
    baselines: dict[str, str] = field(default_factory=dict)
    why: str = ""
    others: "tuple[ScoredBatch, ...]" = ()

    def explanations(self, labels: Sequence[int | None] | None = None) -> list[Explanation]:
        """Return one explanation per text.

        Args:
            labels: The true class of each text, to be noted as `Explanation.label`; None where it is not known.
        """
        classifier, logits = self.forward.classifier, self.forward.logits.detach()
        of_texts = classifier.objective.probability(logits), classifier.objective.predicted(logits)
        numbers = to_arrays([*of_texts, self.forward.batch.target, *self.scores.values(), *self.completeness.values()])
        probabilities, predicted, target, *values = numbers
        against, deciding, sampling = self._against(), self._deciding(), self._sampling()
        how = {name: getattr(self.options, name) for name in _OF_OPTIONS}
        kwargs = read_kwargs(self.options.tokenizer_kwargs)
        scores = dict(zip(self.scores, values, strict=False))
        completeness = dict(zip(self.completeness, values[len(scores) :], strict=True))
        others = [list(map(ClassScores.of, other.explanations())) for other in self.others]
        return [
            Explanation(
                **{name: getattr(document, name) for name in _OF_DOCUMENT},
                units=document.occurrences,  # type: ignore[arg-type]  # `Explanation.units` makes units of places
                scores={name: x[i, : document.n_units].copy() for name, x in scores.items()},
                target=int(target[i]),
                target_label=self.class_names[target[i]],
                prediction=int(predicted[i]),
                probabilities=probabilities[i],
                **how,
                messages=document.occurrences.messages,
                deciding=deciding[i],
                prediction_label=self.class_names[predicted[i]],
                regression=classifier.objective.head == "identity",
                dtype=classifier.precision,
                why=self.why,
                completeness={name: float(x[i]) for name, x in completeness.items()},
                sampling=sampling[i],
                baselines=self.baselines,
                tokenizer_kwargs=kwargs,
                label=labels[i] if labels else None,
                class_names=self.class_names,
                against=None if against[i] == REST else against[i],
                against_label=self._against_label(against[i]),
                classes=tuple(of_text[i] for of_text in others if of_text[i].target != target[i]),
            )
            for i, document in enumerate(self.forward.batch.documents)
        ]

    def _sampling(self) -> list[dict[str, Sampling]]:
        """How sure estimated scores are, per text and method."""
        of_texts: list[dict[str, Sampling]] = [{} for _ in self.indices]
        for name, sampled in self.sampled.items():
            errors, draws, copies = to_arrays([sampled.errors, sampled.draws, sampled.copies])
            for i, document in enumerate(self.forward.batch.documents):
                of_text = errors[i, : document.n_units].copy()
                of_texts[i][name] = Sampling(of_text, int(draws[i]), int(copies[i]), self.options.seed)
        return of_texts

    def _deciding(self) -> list[tuple[int, ...]]:
        """The sequence that decides each class of each text; none if no single one does."""
        combine, sequences = self.forward.classifier.combine, self.forward.batch.sequences
        if isinstance(combine, Pool) and sequences is not None:
            logits = sequences.by_text(self.forward.sequence_logits.detach())
            if (numbers := combine.deciding(logits, sequences.real)) is not None:
                documents = self.forward.batch.documents
                return [tuple(of) if d.windows else () for of, d in zip(numbers.tolist(), documents, strict=True)]
        return [()] * len(self.indices)

    def _against(self) -> list[int | None]:
        """The class that the target of each text is compared with, or `REST`; None if the target alone is explained."""
        against = self.forward.batch.against
        return [None] * len(self.indices) if against is None else against.tolist()

    def _against_label(self, against: int | None) -> str:
        return "" if against is None else "rest" if against == REST else self.class_names[against]

    def checked_explanations(self, labels: Sequence[int | None] | None = None) -> list[Explanation]:
        """Return what `explanations` does, with self-checks: 5 masked copies of each text, and 2 per method.

        For `cp_lrp`, one more forward and backward pass measures whether relevance is conserved.
        """
        checks = self_checks(self.forward, self.scores, self.options.unit, self.options.self_check_share)
        gaps = conservation_gaps(self.forward, self.scores)
        return [_with_check(*of_text) for of_text in zip(self.explanations(labels), checks, gaps, strict=True)]


def _with_check(explanation: Explanation, checks: Mapping[str, SelfCheck], gaps: Mapping[str, float]) -> Explanation:
    """Return the explanation with the self-check of each method, and with `gaps` added to `completeness`."""
    against = "" if explanation.against is None else explanation.against_label
    checks = {name: replace(check, against=against) for name, check in checks.items()}
    return replace(explanation, self_check=checks, completeness={**explanation.completeness, **gaps})


def collect(batches: Iterable[ScoredBatch], labels: Sequence[int] | None = None) -> Explanations:
    """Return the explanations of all batches, in the order of the texts that were given.

    Args:
        batches: The batches.
        labels: The true class of each text, to be noted as `Explanation.label`.
    """
    explanation_of: dict[int, Explanation] = {}
    for batch in batches:
        of_batch = [labels[i] for i in batch.indices] if labels else None
        explain = batch.checked_explanations if batch.options.self_check else batch.explanations
        explanation_of |= zip(batch.indices, explain(of_batch), strict=True)
    explanations = Explanations(explanation_of[i] for i in sorted(explanation_of))
    warn_of_incomplete(explanations)
    return explanations


def to_arrays(tensors: Sequence[Tensor]) -> list[np.ndarray]:
    """Return tensors as arrays, floating-point ones in float64; those of one dtype are copied to the CPU together."""
    arrays: dict[int, np.ndarray] = {}
    for kind in {(x.device, x.dtype) for x in tensors}:
        chosen = [i for i, x in enumerate(tensors) if (x.device, x.dtype) == kind]
        joined = torch.cat([tensors[i].detach().flatten() for i in chosen]).cpu()
        values = (joined.double() if joined.is_floating_point() else joined).numpy()
        sections = np.cumsum([tensors[i].numel() for i in chosen])[:-1]
        parts = zip(chosen, np.split(values, sections), strict=True)
        arrays |= {i: part.reshape(tensors[i].shape) for i, part in parts}
    return [arrays[i] for i in range(len(tensors))]


def warn_of_incomplete(explanations: Sequence[Explanation]) -> None:
    """Warn of methods whose scores do not add up as they should."""
    for method in dict.fromkeys(name for explanation in explanations for name in explanation.completeness):
        gaps = [abs(each.completeness[method]) for each in explanations if method in each.completeness]
        n = sum(gap > COMPLETE_WITHIN for gap in gaps)
        if n:
            steps = "" if conserving([method]) else "give more steps, or "
            warn(
                f"{broken_promise(method)} by up to {max(gaps):.0%} (on {n} of {len(gaps)} texts): "
                f"{steps}use another method"
            )
