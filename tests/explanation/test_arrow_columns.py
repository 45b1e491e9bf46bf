"""Records as columns, with values that are missing."""

import numpy as np
import pyarrow as pa

from hf_gradexplain.explanation.arrow_columns import to_table
from hf_gradexplain.explanation.records import NUMBERS

SCHEMA = pa.schema([("scores", pa.struct([("loo", NUMBERS), ("random", NUMBERS)])), ("errors", NUMBERS)])
SCORES = {"loo": np.array([1.0, 2.0]), "random": np.array([])}
PLAIN = {"loo": [1.0, 2.0], "random": []}


def test_numbers_that_no_record_has_are_null():
    assert to_table([{"scores": SCORES}, {"scores": SCORES}], SCHEMA).to_pylist() == [
        {"scores": PLAIN, "errors": None},
        {"scores": PLAIN, "errors": None},
    ]


def test_numbers_that_one_record_lacks_are_null():
    records = [{"scores": SCORES, "errors": np.array([0.5])}, {}, {"scores": {"loo": np.array([3.0])}}]
    assert to_table(records, SCHEMA).to_pylist() == [
        {"scores": PLAIN, "errors": [0.5]},
        {"scores": None, "errors": None},
        {"scores": {"loo": [3.0], "random": None}, "errors": None},
    ]
