"""What one batch of texts gave, and how it becomes what the user gets."""

from dataclasses import dataclass

from torch import Tensor

from hf_gradexplain.classifier.hooked_classifier import Classifier, Reading
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.options import Options


@dataclass(frozen=True, eq=False)
class ScoredBatch:
    """What one batch of texts gave.

    Attributes:
        indices: The places of its texts in the list that was given.
        options: How they were explained.
        classifier: What they were read with.
        reading: The texts as tensors, and the logits.
        scores: `(B, U)` per method, 0 where a text has fewer units.
        class_names: `(C,)` the names of the model's classes.
    """

    indices: tuple[int, ...]
    options: Options
    classifier: Classifier
    reading: Reading
    scores: dict[str, Tensor]
    class_names: tuple[str, ...]

    def explanations(self) -> list[Explanation]:
        """The batch as the user gets it: one explanation per text."""
        objective, logits = self.classifier.objective, self.reading.logits.detach()
        probabilities = objective.probability(logits).cpu().double().numpy()
        predictions, targets = objective.predicted(logits).tolist(), self.reading.batch.target.tolist()
        precision = self.classifier.precision
        scores = {name: x.detach().cpu().double().numpy() for name, x in self.scores.items()}
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
                regression=objective.head == "identity",
                dtype=precision,
            )
            for i, document in enumerate(self.reading.batch.documents)
        ]
