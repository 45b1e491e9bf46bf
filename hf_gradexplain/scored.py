"""The scores of a batch of texts, and their conversion to explanations."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from torch import Tensor

from hf_gradexplain.classifier.hooked_classifier import ForwardPass
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.options import Options
from hf_gradexplain.remarks import COMPLETE_WITHIN
from hf_gradexplain.self_check import self_checks
from hf_gradexplain.tokenizer_kwargs import read_kwargs


@dataclass(frozen=True, eq=False)
class ScoredBatch:
    """The scores of one batch of texts, and their conversion to explanations.

    Attributes:
        indices: The position of each text in the list that was given.
        options: How the texts were explained.
        forward: The forward pass over the texts.
        scores: `(B, U)` per method, 0 where a text has fewer units.
        class_names: `(C,)` names of the model's classes.
        completeness: `(B,)` per method whose scores should add up to the rise of the loss, see
            `Explanation.completeness`.
        baselines: The baseline of each method that has one, see `Explanation.baselines`.
        why: Why `auto` chose its method; empty if it was not asked for.
    """

    indices: tuple[int, ...]
    options: Options
    forward: ForwardPass
    scores: dict[str, Tensor]
    class_names: tuple[str, ...]
    completeness: dict[str, Tensor] = field(default_factory=dict)
    baselines: dict[str, str] = field(default_factory=dict)
    why: str = ""

    def explanations(self) -> list[Explanation]:
        """Return one explanation per text."""
        classifier, logits = self.forward.classifier, self.forward.logits.detach()
        probabilities = classifier.objective.probability(logits).cpu().double().numpy()
        predictions = classifier.objective.predicted(logits).tolist()
        targets = self.forward.batch.target.tolist()
        scores, completeness = (
            {name: x.detach().cpu().double().numpy() for name, x in numbers.items()}
            for numbers in (self.scores, self.completeness)
        )
        return [
            Explanation(
                text=document.text,
                units=document.units,
                scores={name: x[i, : len(document.units)].copy() for name, x in scores.items()},
                target=targets[i],
                target_label=self.class_names[targets[i]],
                prediction=predictions[i],
                probabilities=probabilities[i],
                objective=self.options.objective,
                unit=self.options.unit,
                truncated_at=document.truncated_at,
                pair_start=document.pair_start,
                prediction_label=self.class_names[predictions[i]],
                regression=classifier.objective.head == "identity",
                dtype=classifier.precision,
                why=self.why,
                completeness={name: float(x[i]) for name, x in completeness.items()},
                baselines=self.baselines,
                tokenizer_kwargs=read_kwargs(self.options.tokenizer_kwargs),
                class_names=self.class_names,
            )
            for i, document in enumerate(self.forward.batch.documents)
        ]

    def checked_explanations(self) -> list[Explanation]:
        """Return one explanation per text, with its self-check: 5 masked copies, and 2 per method."""
        checks = self_checks(self.forward, self.scores, self.options.unit, self.options.self_check_share)
        explained = zip(self.explanations(), checks, strict=True)
        return [replace(explanation, self_check=check) for explanation, check in explained]


def warn_of_incomplete(explanations: Sequence[Explanation]) -> None:
    """Warn of methods whose scores do not add up to the rise of the loss when all words are masked."""
    for method in explanations[0].completeness if explanations else ():
        gaps = [abs(explanation.completeness[method]) for explanation in explanations]
        n = sum(gap > COMPLETE_WITHIN for gap in gaps)
        if n:
            warnings.warn(
                f"the scores of {method} should add up to the rise of the loss, but are off by up to {max(gaps):.0%} "
                f"(on {n} of {len(gaps)} texts): give more steps, or use another method",
                stacklevel=4,
            )
