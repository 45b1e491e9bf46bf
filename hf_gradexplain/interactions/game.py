"""The loss of one text as a function of the set of its removed units."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import torch

from hf_gradexplain.classifier.hooked_classifier import ForwardPass
from hf_gradexplain.classifier.state import frozen_eval_mode
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.perturb import subset_logits


@dataclass(frozen=True, eq=False)
class Game:
    """The value function of one text: `game(removed)` are its losses without sets of units.

    A removed unit is replaced by the baseline, as for `loo`. The loss is that of the objective, such as minus the log
    probability of the explained class. The text without any set removed has its plain loss.

    Attributes:
        forward: The forward pass over the text.
    """

    forward: ForwardPass

    def __repr__(self) -> str:
        return f"Game({self.n_units} units)"

    @property
    def n_units(self) -> int:
        """The number of units of the text, `U`."""
        return self.forward.batch.documents[0].n_units

    def __call__(self, removed: np.ndarray) -> np.ndarray:
        """Return the losses without each of `N` sets of units, by masked copies or by the shortcut of the model.

        Args:
            removed: `(N, U)` bool.

        Returns:
            `(N,)` float64.

        Raises:
            GradexplainError: The array has another shape.
        """
        removed = np.asarray(removed, dtype=bool)
        if removed.ndim != 2 or removed.shape[1] != self.n_units:
            raise GradexplainError(
                f"the sets of removed units must be an array (N, {self.n_units}), but its shape is {removed.shape}: "
                "give a row per set and a column per unit"
            )
        forward = self.forward
        losses = np.full(len(removed), float(forward.loss()))
        if len(some := np.flatnonzero(removed.any(1))):
            sets = torch.from_numpy(removed[some]).to(forward.batch.target.device)
            with frozen_eval_mode(forward.classifier.model), torch.no_grad():
                logits = subset_logits(forward, torch.zeros(len(some), dtype=torch.long, device=sets.device), sets)
                losses[some] = forward.loss(logits.unsqueeze(0))[0].cpu().double().numpy()
        return losses

    def to_shapiq(self) -> Any:
        """Return this game as a `shapiq.Game`, for the approximators, explainers and plots of the package `shapiq`.

        Its players are the units of the text, and a coalition holds the units that are *present*. The value is minus
        the loss, normalised to 0 without any unit. Shapley values then have the sign of all scores: positive supports
        the class. Interactions have the opposite sign of those here, which count removed units: positive in `shapiq`
        are units that support the class more together than one by one.

        Raises:
            GradexplainError: `shapiq` is not installed.
        """
        try:
            base: Any = import_module("shapiq").Game
        except ImportError as error:
            raise GradexplainError(
                f"to_shapiq needs the package shapiq ({error}): install it with `pip install hf_gradexplain[shapiq]`"
            ) from error
        game, empty = self, -float(self(np.ones((1, self.n_units), dtype=bool))[0])

        class TextGame(base):  # type: ignore[misc]
            """One text as a game of shapiq."""

            def value_function(self, coalitions: np.ndarray) -> np.ndarray:
                """Return minus the loss of the text with only these units: `(N, U)` bool to `(N,)`."""
                return -game(~np.asarray(coalitions, dtype=bool))

        return TextGame(n_players=self.n_units, normalization_value=empty)
