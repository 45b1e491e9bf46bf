"""Choose the method of a run whose scores an audit uses if no method is given."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hf_gradexplain.attribution.signed import is_signed
from hf_gradexplain.audit.read_words import methods_of
from hf_gradexplain.evaluation.aopc import areas, removal_drops
from hf_gradexplain.evaluation.random_band import RANDOM
from hf_gradexplain.evaluation.read_documents import read_blocks
from hf_gradexplain.evaluation.tables import SHORT_K


def most_faithful(paths: Sequence[Path], methods: Sequence[str] | None = None, ids: np.ndarray | None = None) -> str:
    """Return the method with the highest AOPC(10) over the documents of a run, among those whose scores have a sign.

    Audits ask which words support a class, and scores without a sign do not tell that. A method without a sign is
    chosen only if no method of the run has a sign, and `random` only if the run has no other method. Of equally
    faithful methods, the first is chosen.

    Args:
        paths: The document files of the run.
        methods: The methods to choose from; None for all methods of the run.
        ids: The documents to average over; None for all.
    """
    names = methods_of(paths) if methods is None else tuple(methods)
    without_random = [name for name in names if name != RANDOM] or list(names)
    chosen = [name for name in without_random if is_signed(name)] or without_random
    if len(chosen) == 1:
        return chosen[0]
    sums = np.zeros(len(chosen))
    for block in read_blocks(paths, ids=ids, measured=["curves"]):
        sums += [areas(removal_drops(block.curves[name]), np.array([SHORT_K])).sum() for name in chosen]
    return chosen[int(np.argmax(sums))]
