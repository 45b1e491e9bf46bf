"""Interaction indices by the package shapiq, as numbers for `test_indices.py` and `test_interactions.py`.

    python -m tests.interactions.with_shapiq

It needs an environment with shapiq (`pip install hf_gradexplain[shapiq]`), and writes `shapiq.json` beside this file.
"""

import json
import math
from importlib.metadata import version
from itertools import combinations
from pathlib import Path

import numpy as np

from hf_gradexplain import Explainer
from tests.helpers.tiny import make

COMMAND = "python -m tests.interactions.with_shapiq"
FILE = Path(__file__).with_name("shapiq.json")
PLAYERS, TEXT = 5, "not good , a bad film"


def losses(sets):
    """Numbers without a pattern, for each set: `(N, 5)` bool to `(N,)`."""
    return np.array([math.sin(7.3 * sum(2**u for u in np.flatnonzero(row)) + 0.4) * (1 + row[0]) for row in sets])


def indices(game, n):
    """The pairs of both indices, by shapiq."""
    from shapiq import ExactComputer

    found = {}
    for name, index in (("shapley_taylor", "STII"), ("shapley_interaction", "SII")):
        values = ExactComputer(game, n_players=n)(index, order=2)
        found[name] = [float(values[pair]) for pair in combinations(range(n), 2)]
    return found


def main():
    from shapiq import ExactComputer

    interactions = Explainer(*make("bert")).interactions(TEXT, "loo", top=None, objective="logit")
    game, n = interactions.game(), len(interactions.explanation)
    record = {
        "command": COMMAND,
        "shapiq": version("shapiq"),
        "function": indices(losses, PLAYERS),
        "text": indices(game, n),
        "present": indices(interactions.to_shapiq(), n),
        "shapley": [float(x) for x in ExactComputer(interactions.to_shapiq(), n_players=n)("SV", order=1).values],
    }
    FILE.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
