"""Sums that are equal to the last bit in any order of addition.

Floating-point addition rounds, so a sum usually depends on the order of its terms, and thus on the number of threads,
processes and files. If all terms are whole multiples of a small power of two, `GRAIN`, and the sum stays below `2^53`
times `GRAIN`, float64 adds them without any rounding.
"""

import numpy as np

GRAIN = 2.0**-32
"""The unit of exact sums. Sums are exact up to `2^53 GRAIN = 2^21`: for two million documents with values up to 1."""


def round_to_grain(values: np.ndarray) -> np.ndarray:
    """Round to the nearest whole multiple of `GRAIN`, at most `2^-33` away.

    >>> round_to_grain(np.array([0.5, 2.0**-32, 2.0**-34])).tolist() == [0.5, 2.0**-32, 0.0]
    True
    """
    return np.rint(values / GRAIN) * GRAIN
