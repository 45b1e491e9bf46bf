"""The values of an evaluated document as lists, which `==` compares."""

import numpy as np


def plain_row(document):
    """Return the row of a document with lists for arrays, and each unit as its text and its spans."""
    row = document.to_row()
    return plain({**row, "units": [(unit.text, unit.spans) for unit in row["units"].units()]})


def plain(value):
    """Return a value with lists for the arrays in it."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    return value.tolist() if isinstance(value, np.ndarray) else value
