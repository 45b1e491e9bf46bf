"""GradientSHAP: gradients at random points between random baselines and the text."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, cast

import numpy as np
import torch

from hf_gradexplain.attribution.masking.budget import FIRST_DRAWS, Budget, Means
from hf_gradexplain.attribution.masking.game import EstimatedScores, Game
from hf_gradexplain.attribution.masking.source import SampledSource
from hf_gradexplain.attribution.perturbed_copies import PerturbedCopies
from hf_gradexplain.classifier.hooked_classifier import ForwardPass
from hf_gradexplain.classifier.lookups import Draw


@dataclass(frozen=True)
class GradientShap(SampledSource):
    """Gradient times input, averaged over random baselines and random points between the baselines and the text.

        score_u = mean over b, a of  sum of -(dl_y/de)(b + a (e - b)) (e - b)  over the tokens and dims of the unit

    Each pair of `b` and `a` is one copy of the text. The point `a` is uniform between 0 and 1, and the same for all
    tokens of a copy. Each token of a unit has its own baseline `b`, drawn from the distribution `draw_baseline` of the
    classifier, see `hf_gradexplain.attribution.baseline_distribution`. Special tokens do not move. The method is
    integrated gradients, averaged over baselines, with one random point for each baseline. It equals GradientShap in
    captum and GradientExplainer in shap (Lundberg & Lee 2017; *expected gradients* in Erion et al. 2021). On average
    over draws, the scores add up to the mean rise of the loss when all units are replaced by baselines.

    One draw consists of two copies, with the points `a` and `1 - a`. Under the Gaussian distribution, the noise of the
    second baseline is minus that of the first. Scores are means over draws, and their standard errors come from the
    spread of the draws. If the logits are linear in the word vectors and the objective is `logit`, the scores under the
    Gaussian distribution are those of `signed_gi` with the mean of the Gaussian as the baseline, and the errors are 0.

    Args:
        max_evals: Largest number of copies of a text; each takes a forward and a backward pass per explained class. The
            errors are checked for the first time after 16 copies. Four copies run even if `max_evals` is smaller.
        max_error: Stop once the standard error of every score is at most this share of the largest absolute score.
        tell_apart: Stop once the 95 % intervals of this many highest-scored units lie above those of all others.
    """

    masks: ClassVar[bool] = False
    gradients: ClassVar[bool] = True
    draws_baselines: ClassVar[bool] = True

    def estimate(self, game: Game, budget: Budget) -> EstimatedScores:
        """Return the scores of one text and their standard errors."""

        def draw(start: int, stop: int) -> Means:
            game.copies += 2 * (stop - start)
            return Means.of(np.stack([_draws(forward, start, stop) for forward in game.forwards], 1))

        return budget.sample(draw, budget.looks(max(2, budget.max_evals // 2), FIRST_DRAWS))

    def most_copies(self, units: int, max_evals: int) -> int:
        """Return the largest number of copies of a text."""
        return max(4, max_evals // 2 * 2)

    def passes(self, units: float) -> float:
        """Return the largest number of forward and backward passes for a text."""
        return self.most_copies(int(units), self.budget.max_evals)


def _draws(forward: ForwardPass, start: int, stop: int) -> np.ndarray:
    """Return the scores that each of `D` draws gives to the units of a text: `(D, U)`."""
    copies = PerturbedCopies(forward, 2 * (stop - start), first=2 * start)
    baseline_of = copies.drawn(cast(Draw, forward.classifier.draw_baseline))
    rng = partial(forward.batch.documents[0].rng, forward.batch.seed)
    position = torch.tensor([_point(rng, number) for number in copies.number.tolist()], dtype=torch.float64)
    scores = []
    for part in copies.gradients(copies.on_the_line(position, baseline_of)):
        tables = enumerate(copies.tables)
        moved = [vectors[part.sequences] - baseline_of(table, part.rows, part.sequences) for table, vectors in tables]
        products = (part.grad * torch.cat(moved, -1)[:, part.columns]).sum(-1)
        scores.append(-part.units.sum(products).cpu().double())
    return torch.cat(scores).unflatten(0, (stop - start, 2)).mean(1).numpy()


def _point(rng: Callable[[str], np.random.Generator], number: int) -> float:
    """Return the point of a copy on its line: `a` for the first copy of a draw, `1 - a` for the second."""
    point = rng(f"point {number // 2}").uniform()
    return 1 - point if number % 2 else point
