"""The loss of one text as a function of the set of its removed units, for users and for the package shapiq."""

from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import numpy as np
import torch

from hf_gradexplain.attribution.masking.game import Game
from hf_gradexplain.classifier.hooked_classifier import ForwardPass
from hf_gradexplain.classifier.state import frozen_eval_mode
from hf_gradexplain.errors import GradexplainError


@dataclass(frozen=True, eq=False)
class ValueFunction:
    """A function that returns the loss of one text without some of its units: `value_function(removed)`.

    It takes several sets of removed units at a time, and returns a loss for each. Units are removed as for `loo`:
    replaced by the baseline or, with `mask="deletion"`, cut out. The loss is that of the objective, such as minus the
    log probability of the explained class. For an empty set, it is the loss of the full text.

    Each call runs the model with its present weights. The explained class and the baseline stay the same.

    Attributes:
        forward: The forward pass over the text.
    """

    forward: ForwardPass

    def __repr__(self) -> str:
        return f"ValueFunction({self.n_units} units)"

    @property
    def n_units(self) -> int:
        """The number of units of the text, `U`."""
        return self.forward.batch.documents[0].n_units

    def __call__(self, removed: np.ndarray) -> np.ndarray:
        """Return the losses without each of `N` sets of units, by masked copies or by the shortcut of the model.

        Args:
            removed: `(N, U)` bool.

        Returns:
            `(N,)` float64. Each call also runs the full text, so give many sets at a time.

        Raises:
            GradexplainError: The array has another shape.
        """
        removed = np.asarray(removed, dtype=bool)
        if removed.ndim != 2 or removed.shape[1] != self.n_units:
            raise GradexplainError(
                f"the sets of removed units must be an array (N, {self.n_units}), but its shape is {removed.shape}: "
                "give a row per set and a column per unit"
            )
        classifier = replace(self.forward.classifier)  # a new one holds no results of earlier weights
        with frozen_eval_mode(classifier.model), torch.no_grad():
            (losses,) = Game([classifier.forward(self.forward.batch, graph=False)]).losses(removed)
        return losses

    def to_shapiq(self) -> Any:
        """Return this function as a `shapiq.Game`, for the approximators, explainers and plots of the package `shapiq`.

        The players of the game are the units of the text, and a coalition holds the units that are *present*. The value
        of a coalition is minus the loss, shifted so that it is 0 without any unit. Shapley values then have the usual
        sign: a positive value supports the class. An interaction computed by `shapiq` has the opposite sign of the
        value in `Interactions`, which is about removed units: in `shapiq`, a positive value means that two units
        together support the class by more than the sum of their single effects.

        Raises:
            GradexplainError: `shapiq` is not installed.
        """
        try:
            base: Any = import_module("shapiq").Game
        except ImportError as error:
            raise GradexplainError(
                f"to_shapiq needs the package shapiq ({error}): install it with `pip install hf_gradexplain[shapiq]`"
            ) from error
        losses, empty = self, -float(self(np.ones((1, self.n_units), dtype=bool))[0])

        class TextGame(base):
            """One text as a game of shapiq."""

            def value_function(self, coalitions: np.ndarray) -> np.ndarray:
                """Return minus the loss of the text with only these units: `(N, U)` bool to `(N,)`."""
                return -losses(~np.asarray(coalitions, dtype=bool))

        return TextGame(n_players=self.n_units, normalization_value=empty)
