"""Measurements of an entry with given AOPCs, without any files."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from recipes.leaderboard.entries import ENTRIES
from recipes.leaderboard.measured import Measured
from recipes.paper.ablations import Areas


def entry(name):
    return next(x for x in ENTRIES if x.name == name)


def measured(name, levels, *, seeds=(0,), n=400, noise=0.05, units=30, draw=0):
    """Return an entry whose methods have these mean AOPCs, with independent noise for every text and method.

    Args:
        name: The entry.
        levels: The mean AOPC by method.
        seeds: Seeds of the trainings.
        n: Number of texts, with the ids 0 to n - 1.
        noise: Standard deviation of the noise.
        units: Number of units of a text.
        draw: Seed of the noise.
    """
    rng, areas = np.random.default_rng(draw), {}
    for seed in seeds:
        values = {m: level + rng.normal(0, noise, (n, 1)) for m, level in levels.items()}
        areas[seed] = Areas(np.arange(n), np.full(n, units), values)
    folders = {seed: Path(f"seed{seed}") for seed in seeds}
    made = Measured(entry(name), tuple(levels), folders, {}, None, None, dict.fromkeys(seeds, 0.9))
    vars(made)["areas"] = areas
    return made


def with_masking(made, levels, certainty, *, n=400):
    """Return an entry with an evaluation of the methods that run masked copies.

    Args:
        made: The entry.
        levels: The mean AOPC by method, on the texts of this evaluation.
        certainty: How sure the scores are, by method that draws at random.
        n: Number of these texts.
    """
    masking = measured(made.entry.name, levels, n=n, noise=0.02, draw=9)
    vars(masking)["certainty"] = certainty
    areas, made = made.areas, replace(made, masking=masking)
    vars(made)["areas"] = areas
    return made
