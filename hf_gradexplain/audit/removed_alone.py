"""Compute from the scores of leave-one-out how far the probability falls without one unit."""

import numpy as np
from scipy.special import expit, logit


def drops_alone(value: np.ndarray, rise: np.ndarray, objective: np.ndarray, regression: np.ndarray) -> np.ndarray:
    """Return how far the probability `f` of the explained class falls when only one unit is removed.

    The scores of leave-one-out are the rise of the loss. The loss is `-log f`, `-f` or, under a contrast,
    `-log(f / (1 - f))`, see `hf_gradexplain.classifier.objective.Objective`. For regression, where `f` is the output,
    the loss is `-f` under every objective without a contrast.

    Args:
        value: `f` on the full text. The shapes of all arguments broadcast.
        rise: The score of the unit by leave-one-out.
        objective: `loss`, `prob` or `contrast`; for other objectives, such as `logit`, the drop is not known: NaN.
        regression: Whether `f` is an output.

    >>> drops_alone(np.array([0.8, 0.8]), np.array([np.log(2), 0.3]), np.array(["loss", "prob"]), np.array(False))
    array([0.4, 0.3])
    """
    kinds = np.where(regression, "prob", objective)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        drops = {"loss": -value * np.expm1(-rise), "prob": rise, "contrast": value - expit(logit(value) - rise)}
    return np.select([kinds == name for name in drops], list(drops.values()), np.nan)
