"""The tolerance within which two measured numbers count as equal."""

import numpy as np

ROUNDING = 8 * np.finfo(np.float32).eps
"""Relative tolerance of results computed in float32: numbers closer than this times their size count as equal."""
