"""The values of an evaluated document as lists, which `==` compares."""

import numpy as np

from hf_gradexplain.text.unit import Occurrences


def plain_row(document):
    """Return the row of a document with lists for arrays, and each unit as its text and its spans."""
    row = document.to_row()
    units = row["units"].units() if isinstance(row["units"], Occurrences) else row["units"]
    return plain({**row, "units": [(unit.text, unit.spans) for unit in units]})


def plain(value):
    """Return a value with lists for the arrays in it."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    return value.tolist() if isinstance(value, np.ndarray) else value
