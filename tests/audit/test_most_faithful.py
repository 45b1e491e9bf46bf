"""The method that an audit takes, against plain loops over made-up curves."""

import numpy as np
import pytest

from hf_gradexplain.audit.most_faithful import most_faithful
from tests.helpers.word_documents import make_document, write


def documents(methods, *, seed=0, falls=None):
    """Return documents with curves that fall at random, those of `falls` by as much more per unit removed."""
    rng, made = np.random.default_rng(seed), []
    for number in range(30):
        words = [f"w{i}" for i in range(rng.integers(1, 16))]
        document = make_document(number, words, {name: rng.normal(size=len(words)) for name in methods})
        for name in methods:
            steps = rng.uniform(0, 0.02, len(words)) + (falls or {}).get(name, 0)
            document.curves[name][1:] -= np.cumsum(steps)
        made.append(document)
    return made


def aopc(document, method, k=10):
    """Return the mean fall over 0 to `k` removed units; a text of fewer units stays as it is without any."""
    curve = document.curves[method]
    return sum(curve[0] - curve[min(i, len(curve) - 1)] for i in range(k + 1)) / (k + 1)


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_one_with_the_highest_aopc(tmp_path, seed):
    methods = ["signed_gi", "loo", "integrated_gradients"]
    made = documents(methods, seed=seed)
    means = {name: np.mean([aopc(document, name) for document in made]) for name in methods}
    assert most_faithful(write(made, tmp_path, files=3)) == max(means, key=means.get)
    chosen = np.arange(0, 30, 4)
    means = {name: np.mean([aopc(made[i], name) for i in chosen]) for name in methods}
    assert most_faithful(write(made, tmp_path / "part"), methods, chosen) == max(means, key=means.get)


@pytest.mark.parametrize(
    ("methods", "falls", "chosen"),
    [
        (["sa_raw", "loo", "signed_gi"], {"signed_gi": 0.01}, "signed_gi"),
        (["sa_l1", "signed_gi"], {"sa_l1": 0.05}, "signed_gi"),
        (["random", "signed_gi"], {"random": 0.05}, "signed_gi"),
        (["random", "sa_l1"], {"random": 0.05}, "sa_l1"),
        (["sa_l1", "sa_l2"], {"sa_l2": 0.05}, "sa_l2"),
        (["random"], {}, "random"),
        (["signed_gi", "of_ones_own"], {"of_ones_own": 0.05}, "of_ones_own"),
    ],
)
def test_methods_without_a_sign_and_random_come_last(tmp_path, methods, falls, chosen):
    assert most_faithful(write(documents(methods, falls=falls), tmp_path)) == chosen
